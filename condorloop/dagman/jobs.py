"""How the jobs of each node kind are submitted, and what they ask of the pool.

Knows submit commands and their defaults; knows nothing of files on the disk.
"""

from __future__ import annotations

from dataclasses import dataclass

from condorloop.calibration import Calibration, Resources
from condorloop.model import NodeKind
from condorloop.site import Site

MB_PER_THREAD = 2000
"""What a CMSSW thread of reconstruction needs."""

DEFAULT_RETRIES = {NodeKind.RECO: 3, NodeKind.ALCA: 3, NodeKind.HARVEST: 2, NodeKind.UPLOAD: 2}


@dataclass(frozen=True, slots=True)
class JobKind:
    """The submit description that all nodes of a kind share."""

    name: NodeKind
    universe: str
    executable: str
    arguments: str
    commands: list[tuple[str, object]]
    submit: tuple[str, ...]
    retries: int


def job_kind(kind: NodeKind, calibration: Calibration, site: Site) -> JobKind:
    """Say how the jobs of a node kind are submitted, and what they ask of the pool."""
    asked = calibration.nodes.get(kind, Resources())
    retries = DEFAULT_RETRIES[kind] if asked.retries is None else asked.retries
    submit = asked.submit
    if group := site.pool.accounting_group:
        submit = (f"accounting_group = {group}", *submit)
    if kind is NodeKind.UPLOAD:
        return JobKind(kind, "local", "node.sh", "upload", [], submit, retries)
    inputs = {
        NodeKind.RECO: "cmssw.sh",
        NodeKind.ALCA: "cmssw.sh, $(reco_files)",
        NodeKind.HARVEST: "cmssw.sh, inputs, inputs.txt",
    }[kind]
    arguments = {
        NodeKind.RECO: "$(JOB) $(reco) $(filein)",
        NodeKind.ALCA: "$(JOB) $(filein)",
        NodeKind.HARVEST: "$(JOB)",
    }[kind]
    threads = 1 if kind is NodeKind.HARVEST else calibration.reco.threads
    cpus = asked.request_cpus or threads
    memory = asked.request_memory_mb or cpus * MB_PER_THREAD
    commands: list[tuple[str, object]] = [
        ("should_transfer_files", "YES"),
        ("when_to_transfer_output", "ON_EXIT"),
        ("transfer_input_files", inputs),
        ("transfer_output_files", "$(JOB)"),
        ("request_cpus", cpus),
        ("request_memory", memory),
        ("retry_request_memory_increase", "RequestMemory * 3 / 2"),
        ("retry_request_memory_max", asked.max_memory_mb or 2 * memory),
    ]
    if asked.request_disk_mb:
        commands.append(("request_disk", f"{asked.request_disk_mb}M"))
    if kind is not NodeKind.HARVEST:
        commands.append(("My.CondorloopLumis", '"$(lumis)"'))
    return JobKind(kind, "vanilla", f"{kind.lower()}.sh", arguments, commands, submit, retries)
