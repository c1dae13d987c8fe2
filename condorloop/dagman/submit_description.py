"""How the jobs of each node kind are submitted, and what they ask of the pool.

Knows submit commands and their defaults; knows nothing of files on the disk.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

from condorloop.config.resources import DEFAULT_TIME_LIMIT, MB_PER_CORE, Resources
from condorloop.config.site import PoolSite, Site
from condorloop.config.tuning import Holds, Tuning
from condorloop.dagman import quoting
from condorloop.model.enums import NodeKind
from condorloop.model.queue import HELD_BY_PERSON
from condorloop.rundir.layout import INPUT_FILES, INPUTS, harvest_inputs, lumis_file

DEFAULT_RETRIES = {NodeKind.RECO: 3, NodeKind.ALCA: 3, NodeKind.HARVEST: 3, NodeKind.UPLOAD: 2}

DEFAULT_PRIORITY = {NodeKind.RECO: 0, NodeKind.ALCA: 10, NodeKind.HARVEST: 20}
"""What is nearer to a payload goes first."""

LEASE = 600
"""Seconds for which a job is left to a machine that cannot be reached; HTCondor's are 2400."""

HELD_FOR_TIME = 47
"""HoldReasonCode of a job over ``allowed_execute_duration``; HoldReasonSubCode of an UPLOAD."""

HELD_FOR_MEMORY = 102
"""HoldReasonSubCode of a job out of memory; its code is 34 by cgroups, 21 by a startd's policy."""


@dataclass(frozen=True, slots=True)
class JobKind:
    """The submit description that all nodes of a kind share, or the nodes of one calibration.

    `release` is the ClassAd expression that releases a held job.
    """

    name: str
    kind: NodeKind
    universe: str
    executable: str
    arguments: str
    commands: list[tuple[str, object]]
    submit: tuple[str, ...]
    retries: int
    release: str


def job_kind(
    kind: NodeKind,
    tuning: Tuning,
    site: Site,
    holds: Holds | None = None,
    name: str = "",
) -> JobKind:
    """Say how the jobs of a node kind are submitted, and what they ask of the pool.

    Parameters
    ----------
    tuning
        What is configured for the kind.
    holds
        When held jobs are released, if `tuning` does not say that.
    name
        The node's name where it is not the kind's: it is told to its scripts.
    """
    asked = tuning.nodes.get(kind, Resources())
    retries = DEFAULT_RETRIES[kind] if asked.retries is None else asked.retries
    submit = (*_accounting(site.pool), *asked.submit)
    limit = math.ceil(asked.time_limit or DEFAULT_TIME_LIMIT[kind])
    release = release_expression(holds or tuning.holds)
    name = name or kind
    if kind is NodeKind.UPLOAD:
        # A job of the local universe has no shadow, which is what looks at its execute duration.
        commands: list[tuple[str, object]] = [
            ("periodic_hold", f"JobStatus == 2 && time() - JobCurrentStartDate > {limit}"),
            ("periodic_hold_subcode", HELD_FOR_TIME),
            ("periodic_hold_reason", f'"The job ran longer than {limit} s"'),
            ("periodic_release", release),
            *_environment(asked),
        ]
        arguments = "upload" if name == kind else "upload $(JOB)"
        return JobKind(
            name, kind, "local", "node.sh", arguments, commands, submit, retries, release
        )
    harvested = harvest_inputs(Path(), name)
    inputs = {
        NodeKind.RECO: "cmssw.sh",
        NodeKind.ALCA: "cmssw.sh, $(reco_files)",
        NodeKind.HARVEST: f"cmssw.sh, {harvested / INPUT_FILES}, {harvested / INPUTS}",
    }[kind]
    arguments = {
        NodeKind.RECO: "$(JOB) $(reco) $(filein)",
        NodeKind.ALCA: "$(JOB) $(filein)",
        NodeKind.HARVEST: "$(JOB)",
    }[kind]
    cpus = asked.request_cpus or tuning.default_cores(kind)
    memory = asked.request_memory_mb or cpus * MB_PER_CORE
    commands = [
        ("should_transfer_files", "YES"),
        ("when_to_transfer_output", "ON_EXIT"),
        ("transfer_input_files", inputs),
        ("transfer_output_files", "$(JOB)"),
        ("request_cpus", cpus),
        ("request_memory", f"{memory}M"),
        ("retry_request_memory_increase", "RequestMemory * 3 / 2"),
        ("retry_request_memory_max", f"{asked.max_memory_mb or 2 * memory}M"),
        ("allowed_execute_duration", limit),
        ("job_lease_duration", LEASE),
        ("periodic_release", release),
        ("priority", DEFAULT_PRIORITY[kind] if asked.priority is None else asked.priority),
        *_wishes(asked),
        *_environment(asked),
    ]
    if kind is not NodeKind.HARVEST:
        commands.append(("My.CondorloopLumis", '"$(lumis)"'))
    script = f"{kind.lower()}.sh"
    return JobKind(name, kind, "vanilla", script, arguments, commands, submit, retries, release)


PART = "RECO_PART"
"""The submit description of RECO that reads a part of a RAW file."""


def reading_part(reco: JobKind) -> JobKind:
    """Say how RECO is submitted that is told which lumisections to read, by a file of its node."""
    lumis = lumis_file("$(JOB)")
    commands = [
        (name, f"{value}, {lumis}" if name == "transfer_input_files" else value)
        for name, value in reco.commands
    ]
    arguments = f"{reco.arguments} {lumis}"
    return replace(reco, name=PART, arguments=arguments, commands=commands)


def _accounting(pool: PoolSite) -> tuple[str, ...]:
    said = {
        "accounting_group": pool.accounting_group,
        "accounting_group_user": pool.accounting_group_user,
    }
    return tuple(f"{name} = {value}" for name, value in said.items() if value)


def _wishes(asked: Resources) -> list[tuple[str, object]]:
    """What of the machine a job needs, if it was configured."""
    wishes: dict[str, object] = {
        "request_disk": asked.request_disk_mb and f"{asked.request_disk_mb}M",
        "request_gpus": asked.request_gpus,
        "requirements": asked.requirements,
        "concurrency_limits": ", ".join(asked.concurrency_limits),
        "container_image": asked.container_image,
    }
    return [(name, value) for name, value in wishes.items() if value]


def _environment(asked: Resources) -> list[tuple[str, object]]:
    words = [f"{name}={value}" for name, value in asked.environment.items()]
    return [("environment", f'"{quoting.arguments(words)}"')] if words else []


def release_expression(holds: Holds) -> str:
    """Say when a held job is released: so many times, with a wait that doubles.

    What a person held stays held, and so does what would only be held again: a job that has all
    the memory that it may have, or took too long.
    """
    times = "(NumHolds - (NumHoldsByReason.UserRequest ?: 0))"
    return " && ".join(
        [
            f"HoldReasonCode =!= {HELD_BY_PERSON}",
            f"HoldReasonCode =!= {HELD_FOR_TIME}",
            f"!(HoldReasonCode =?= 3 && HoldReasonSubCode =?= {HELD_FOR_TIME})",
            f"!((HoldReasonCode =?= 21 || HoldReasonCode =?= 34)"
            f" && HoldReasonSubCode =?= {HELD_FOR_MEMORY})",
            f"{times} <= {holds.releases}",
            f"time() - EnteredCurrentStatus >= {holds.wait:g} * pow(2, {times} - 1)",
        ]
    )
