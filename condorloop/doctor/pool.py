"""The doctor on HTCondor: schedd, DAGMan and bindings, the right to submit, limits, machines.

Knows what the loop needs of them and asks as the loop does; submits nothing. Whether the user may
submit is asked by logging in at the level that submitting needs (as condor_ping does): a job
submitted for a try would be in the queue, the history and the accounts of the pool.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from condorloop.config.loader import Config
from condorloop.config.site import PoolSite
from condorloop.dagman.quoting import classad
from condorloop.dagman.schedd.worker import ScheddUnavailable, Worker
from condorloop.dagman.submit_description import job_kind
from condorloop.doctor.checks import (
    Check,
    Examination,
    fine,
    not_checked,
    stops,
    warning,
)
from condorloop.model.enums import NodeKind
from condorloop.runtime import subprocesses
from condorloop.text import one_line

SUBJECT = "pool"

OLDEST = 25
"""The oldest major version of HTCondor that the DAGs are written for."""

NEARLY_FULL = 0.8
"""The part of a limit of the schedd that is in use from which on a person is told."""

NO_LIMIT = 2**31 - 1
"""What HTCondor has where there is no limit."""

_DAGMANS, _JOBS, _ALL_JOBS = (
    "MAX_RUNNING_SCHEDULER_JOBS_PER_OWNER",
    "MAX_JOBS_PER_OWNER",
    "MAX_JOBS_SUBMITTED",
)
_STARTS = {
    "StartSchedulerUniverse": ("DAGMans", "START_SCHEDULER_UNIVERSE"),
    "StartLocalUniverse": ("uploads", "START_LOCAL_UNIVERSE"),
}
_SCHEDD = ["Name", "CondorVersion", "TotalJobAds", *_STARTS]
_COUNTS = ["NumJobs", "NumSchedulerJobs", "NumSchedulerRunning", "NumSchedulerIdle"]
_USER = ["User", "Enabled", "DisableReason", *_COUNTS]
_DAGMAN: Mapping[str, tuple[Callable[[str], bool], str]] = {
    "DAGMAN_AUTO_RESCUE": (lambda v: v != "false", "a rescued DAG runs everything again"),
    "DAGMAN_MAX_RESCUE_NUM": (lambda v: v != "0", "a failed DAG writes no rescue file"),
    "DAGMAN_USE_STRICT": (lambda v: v in ("0", "1"), "DAGMan treats warnings as errors"),
    "DAGMAN_DEFAULT_NODE_LOG": (
        lambda v: v == "@(dag_dir)/@(dag_file).nodes.log",
        "what analyze looks for is elsewhere",
    ),
}
"""Settings that the DAGs rely on: whether a value will do, and what happens if not."""

_INTERVAL = "DAGMAN_USER_LOG_SCAN_INTERVAL"
_UNLIMITED = "DAGMAN_DISABLE_ADMIN_THROTTLE_LIMITING"
_LIMITS_INTERVAL = (25, 10)
"""The first DAGMan for which the access point's value is the least that a DAG can have."""

_VERSION = re.compile(r"\$CondorVersion: (([0-9]+)\.[0-9]+\.[0-9]+)")
_TIMEOUT = 20.0
"""Seconds for condor_dagman to say its version."""

_SLOTS = "DynamicSlot =!= true"


def examinations(config: Config) -> list[Examination]:
    """Say what to look at."""
    site = config.site.pool
    limit = 4 * site.timeout + _TIMEOUT
    return [
        Examination(SUBJECT, "condor_dagman", _dagman, _TIMEOUT + 10.0),
        Examination(SUBJECT, "schedd", partial(_schedd, config), limit, "condor_q"),
        Examination(SUBJECT, "machines", partial(_machines, config), limit, "condor_status"),
    ]


@contextmanager
def _asking(site: PoolSite) -> Iterator[Worker]:
    worker = Worker(site)
    try:
        yield worker
    finally:
        worker.end()


def _dagman() -> Iterator[Check]:
    name = "condor_dagman"
    remedy = "condor_config_val BIN  # then this folder under path: in the site file"
    tool = shutil.which(name)
    if tool is None:
        yield stops(name, "not on PATH", remedy)
        return
    try:
        done = _version_of(tool)
    except (OSError, subprocess.TimeoutExpired) as error:
        yield stops(name, f"{tool}: {one_line(str(error))}", remedy)
        return
    said = done.stdout.decode(errors="replace")
    if done.returncode or not _VERSION.search(said):
        told = one_line(done.stderr.decode(errors="replace") + said, 100)
        yield stops(name, f"{tool}: exit {done.returncode}: {told}", remedy)
        return
    yield fine(name, f"{tool}, version {number(said)}")


def _version_of(tool: str) -> subprocess.CompletedProcess[bytes]:
    # it begins a log of its own where it stands
    with tempfile.TemporaryDirectory() as folder:
        return subprocesses.run(
            [tool, "-version"], environment=os.environ, timeout=_TIMEOUT, folder=Path(folder)
        )


def _dagman_version() -> str:
    """What ``condor_dagman`` says of itself; nothing if it cannot be asked."""
    tool = shutil.which("condor_dagman")
    if tool is None:
        return ""
    try:
        return _version_of(tool).stdout.decode(errors="replace")
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _schedd(config: Config) -> Iterator[Check]:
    site = config.site.pool
    with _asking(site) as worker:
        try:
            bindings = str(worker.ask("bindings", "version"))
        except ScheddUnavailable as error:
            yield stops("bindings", error.words, "condor_version; pip install 'htcondor==25.*'")
            return
        try:
            schedd = worker.ask("schedd", "schedd", names=_SCHEDD)
            worker.ask("schedd", "query", constraint="ClusterId < 0", projection=["ClusterId"])
        except ScheddUnavailable as error:
            which = f" -name {site.schedd}" if site.schedd else ""
            yield stops("schedd", error.words, f"condor_q{which}; condor_who -daemons")
            yield not_checked("submitting, limits", "schedd: unreachable")
            return
        version = str(schedd.get("CondorVersion", ""))
        yield fine("schedd", f"{schedd.get('Name', 'it')} answers, version {number(version)}")
        dagman = _dagman_version()
        yield judge_versions(bindings, version, dagman)
        check, user = _submitter(worker, str(schedd.get("Name", "")))
        yield check
        yield from _limits(worker, config, schedd, user)
        configured = worker.ask("settings", "configured", names=[*_DAGMAN, _INTERVAL, _UNLIMITED])
        yield judge_dagman_settings(configured)
        yield judge_interval(configured, dagman)


def _submitter(worker: Worker, schedd: str) -> tuple[Check, Mapping[str, Any]]:
    """Look whether the user may submit; give what the schedd has on him, too."""
    ping = "condor_ping -verbose -type schedd WRITE"
    remedy = f"{ping}  # and ask those who run {schedd} for ALLOW_WRITE"
    try:
        name = str(worker.ask("WRITE", "writer"))
    except ScheddUnavailable as error:
        words = f"{schedd} does not let this user submit: {error.words}"
        return stops("submitting", words, remedy), {}
    if not name:
        return stops("submitting", f"{schedd} does not let this user submit", remedy), {}
    try:
        constraint = f"User == {classad(name)}"
        found = worker.ask("users", "users", constraint=constraint, projection=_USER)
    except ScheddUnavailable:  # a schedd that is older than its records of users
        found = []
    user = found[0] if found else {}
    return judge_user(name, schedd, user), user


def judge_user(name: str, schedd: str, user: Mapping[str, Any]) -> Check:
    """Judge what the schedd has on a user who may log in to submit."""
    if user.get("Enabled") in (False, 0):
        why = one_line(str(user.get("DisableReason", "no reason given")), 100)
        words = f"{name} is disabled at {schedd}: {why}"
        return stops("submitting", words, f"condor_qusers -user {shlex.quote(name)}")
    return fine("submitting", f"as {name}")


def _limits(
    worker: Worker, config: Config, schedd: Mapping[str, Any], user: Mapping[str, Any]
) -> Iterator[Check]:
    names = [_DAGMANS, _JOBS, _ALL_JOBS]
    try:
        settings = worker.ask("settings", "schedd_settings", names=names)
    except ScheddUnavailable as error:
        yield not_checked("limits", error.words, f"condor_config_val -schedd {_DAGMANS}")
        return
    wanted = sum(c.batching.max_active_dags for c in config.calibrations.values())
    yield judge_dagmans(_limit(settings, _DAGMANS), user, wanted)
    ours = _count(user, "NumJobs") + _count(user, "NumSchedulerJobs")
    yield judge_jobs("jobs of this user", _limit(settings, _JOBS), ours)
    yield judge_jobs("jobs of all", _limit(settings, _ALL_JOBS), _count(schedd, "TotalJobAds"))
    yield from judge_starts(schedd)


def judge_versions(bindings: str, schedd: str, dagman: str = "") -> Check:
    """Judge whether bindings, schedd and DAGMan understand each other.

    A `dagman` that cannot be asked is no version; that is told by a check of its own.
    """
    ours, theirs, dagmans = major(bindings), major(schedd), major(dagman)
    words = f"bindings {number(bindings)}, schedd {number(schedd)}"
    words += f", DAGMan {number(dagman)}" if dagmans else ""
    if ours is None or theirs is None:
        return not_checked("versions", words)
    if theirs < OLDEST:
        return stops(
            "versions", f"{words}: the DAGs need {OLDEST} or newer", "condor_version  # of the node"
        )
    if ours != theirs:
        fit = f"pip install 'htcondor=={theirs}.*'"
        return warning("versions", f"{words}: of another series", fit)
    if dagmans is not None and dagmans != theirs:
        tool = (
            "which -a condor_dagman  # and put the one of the schedd first: path: in the site file"
        )
        if dagmans < OLDEST:
            return stops("versions", f"{words}: the DAGs need {OLDEST} or newer", tool)
        return warning("versions", f"{words}: DAGMan of another series", tool)
    return fine("versions", words)


def judge_dagmans(limit: int | None, user: Mapping[str, Any], wanted: int) -> Check:
    """Judge the limit of DAGMans at a time by those of the user that are in the queue.

    Parameters
    ----------
    wanted
        DAGs that one run may have in flight.
    """
    name, remedy = "DAGMans", f"condor_q -dag  # and ask for a higher {_DAGMANS}"
    running, idle = _count(user, "NumSchedulerRunning"), _count(user, "NumSchedulerIdle")
    words = f"{running} run, {idle} wait"
    if limit is None:
        return not_checked(name, f"{words}; no limit that can be read")
    words += f", at most {limit} at a time"
    if limit < 1:
        return stops(name, words, remedy)
    if running >= limit:
        return warning(name, f"{words}: others wait for their turn", remedy)
    if limit < wanted:
        return warning(name, f"{words}: a run may have {wanted}", remedy)
    if running >= NEARLY_FULL * limit:
        return warning(name, words, remedy)
    return fine(name, words)


def judge_jobs(name: str, limit: int | None, count: int) -> Check:
    """Judge a limit of jobs in the queue; at the limit the schedd refuses to take more."""
    if limit is None:
        return not_checked(name, f"{count} in the queue; no limit that can be read")
    if limit >= NO_LIMIT:
        return fine(name, f"{count} in the queue, no limit")
    words, remedy = f"{count} in the queue, at most {limit}", "condor_q -totals; condor_q -all"
    if count >= limit:
        return stops(name, f"{words}: the schedd accepts no more", remedy)
    if count >= NEARLY_FULL * limit:
        return warning(name, words, remedy)
    return fine(name, words)


def judge_starts(schedd: Mapping[str, Any]) -> Iterator[Check]:
    """Tell what the schedd does not start at all."""
    for attribute, (what, setting) in _STARTS.items():
        if schedd.get(attribute) is False:
            words = f"the schedd starts none: {setting} is false"
            yield stops(what, words, f"condor_config_val -schedd {setting}")


def judge_dagman_settings(configured: Mapping[str, Any]) -> Check:
    """Judge the settings of DAGMan that the DAGs rely on."""
    values = {n: str(configured[n]).lower() for n in _DAGMAN if n in configured}
    for name, value in values.items():
        will_do, otherwise = _DAGMAN[name]
        if not will_do(value):
            words = f"{name} = {one_line(str(configured[name]), 60)}: {otherwise}"
            return warning("DAGMan settings", words, f"condor_config_val -v {name}")
    return fine("DAGMan settings", "as the DAGs need them")


def judge_interval(configured: Mapping[str, Any], dagman: str) -> Check:
    """Judge how often DAGMan reads the events of its nodes; the DAGs ask for each second.

    An older DAGMan takes the DAG's value, a newer one the greater of that and the access point's.
    """
    name, found = "DAGMan interval", _VERSION.search(dagman)
    least = _limit(configured, _INTERVAL)
    if found is None or least is None:
        return not_checked(name, "no version of DAGMan, or no interval, that can be read")
    series = tuple(map(int, found[1].split(".")[:2]))
    unlimited = str(configured.get(_UNLIMITED, "")).lower() == "true"
    if least <= 1 or unlimited or series < _LIMITS_INTERVAL:
        return fine(name, "DAGMan reads events of nodes each second")
    # half an interval for the job's end, one for that of its POST script, one for the submission
    words = f"DAGMan reads events of nodes each {least} s, as {_INTERVAL} says, not each second"
    cost = f"each node adds about {2.5 * least:g} s to its job, not 2.5 s"
    return warning(name, f"{words}: {cost}", f"condor_config_val -v {_INTERVAL}  # and ask for 1")


def _machines(config: Config) -> Iterator[Check]:
    projection = ["Machine", "TotalSlotCpus", "TotalSlotMemory"]
    with _asking(config.site.pool) as worker:
        try:
            slots = worker.ask("collector", "machines", constraint=_SLOTS, projection=projection)
        except ScheddUnavailable as error:
            yield stops("collector", error.words, "condor_status; condor_config_val COLLECTOR_HOST")
            return
    yield fine("collector", "answers")
    yield judge_slots(slots, asked(config))


def asked(config: Config) -> dict[str, tuple[int, int]]:
    """Give the cores and MB that the jobs of each node kind ask for, by calibration and kind."""
    found = {}
    for name in config.calibrations:
        for kind in (NodeKind.RECO, NodeKind.ALCA, NodeKind.HARVEST):
            commands = dict(job_kind(kind, config.tuning_of(name, kind), config.site).commands)
            memory = str(commands["request_memory"]).rstrip("M")
            cores = int(str(commands["request_cpus"]))
            found[f"{name} {kind}"] = (cores, int(memory))
    return found


def judge_slots(slots: Sequence[Mapping[str, Any]], wanted: Mapping[str, tuple[int, int]]) -> Check:
    """Judge whether each kind of job fits into some slot, as it is when empty."""
    sizes = [(_count(s, "TotalSlotCpus"), _count(s, "TotalSlotMemory")) for s in slots]
    machines = len({s.get("Machine") for s in slots})
    if not sizes:
        return warning("machines", "no machine at the moment: jobs will wait", "condor_status")
    words = f"slots: {len(sizes)}, machines: {machines}"
    for what, (cores, memory) in wanted.items():
        if not any(c >= cores and m >= memory for c, m in sizes):
            words = f"{words}; none has the {cores} cores and {memory} MB that {what} asks for"
            machine = "condor_status -af Machine TotalSlotCpus TotalSlotMemory"
            return stops("machines", words, f"{machine}  # and compare with nodes: in the YAML")
    return fine("machines", f"{words}; each kind of job fits")


def major(version: str) -> int | None:
    """Give the first number of a version as HTCondor tells it.

    >>> major("$CondorVersion: 25.14.1 2026-09-24 BuildID: 1 $")
    25
    """
    found = _VERSION.search(version)
    return int(found[2]) if found else None


def number(version: str) -> str:
    """Give the numbers of a version as HTCondor tells it.

    >>> number("$CondorVersion: 25.14.1 2026-09-24 BuildID: 1 $")
    '25.14.1'
    """
    found = _VERSION.search(version)
    return found[1] if found else "unknown"


def _limit(settings: Mapping[str, Any], name: str) -> int | None:
    """Read a limit; None if it is not set or computed."""
    text = str(settings.get(name, ""))
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


def _count(ad: Mapping[str, Any], name: str) -> int:
    value = ad.get(name)
    return value if isinstance(value, int) else 0
