"""What a DAG does on the access point: choose harvest inputs, judge a node, upload.

Knows the manifest of its DAG and the run directory above it; knows nothing of the ledger. DAGMan
calls it as PRE script of HARVEST (``inputs``), as POST script of every node (``finish``) and
as the UPLOAD job (``upload``), in the DAG's directory. Every step can be repeated.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from condorloop import conditions
from condorloop.cmssw import Cmssw, CmsswError
from condorloop.lumis import Lumis
from condorloop.model import NodeKind, UploadOutcome
from condorloop.rundir import (
    HARVEST_RECORD,
    INPUTS,
    JOB_REPORT,
    MANIFEST,
    PAYLOAD_DB,
    UPLOAD_LOCK,
    UPLOAD_RECORD,
    Witness,
    read_json,
    write_json,
    write_lines,
)

PERMANENT = 66
"""What a POST script exits with when trying again is of no use; RETRY's UNLESS-EXIT."""

TRANSIENT = frozenset({1, 50, 81, 84, 85, 92, 137, 147, 151, 195, 243})
"""Exit codes worth another try (dmwm/CRABServer, RetryJob.py)."""


class NodeError(Exception):
    """A node's job exited 0, but what it left is not what it should have made."""


@dataclass(frozen=True, slots=True)
class JobReport:
    """What a framework job report tells: the LS of a run and the events that were read."""

    lumis: Lumis
    events: int


def read_job_report(path: Path, run: int) -> JobReport:
    """Read what a job read, from its ``FrameworkJobReport.xml``.

    Raises
    ------
    NodeError
        The report is missing or cut.
    """
    try:
        root = ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError) as error:
        raise NodeError(f"{path.name}: no job report: {error}") from error
    lumis: list[int] = []
    events = 0
    for read in root.iter("InputFile"):
        events += int(read.findtext("EventsRead") or 0)
        for of_run in read.iterfind("Runs/Run"):
            if of_run.get("ID") == str(run):
                lumis += [int(x.get("ID") or 0) for x in of_run.iterfind("LumiSection")]
    return JobReport(Lumis.of(lumis), events)


@dataclass(frozen=True, slots=True)
class DagContext:
    """A DAG's directory and its manifest."""

    directory: Path
    manifest: dict[str, Any]

    @classmethod
    def here(cls) -> DagContext:
        """Take the DAG of the current directory."""
        directory = Path.cwd()
        manifest = read_json(directory / MANIFEST)
        if not manifest:
            raise NodeError(f"{directory / MANIFEST}: not the manifest of a DAG")
        return cls(directory, manifest)

    @property
    def run_dir(self) -> Path:
        """The run directory that the DAG belongs to."""
        return self.directory.parent

    @property
    def run(self) -> int:
        """The run's number."""
        return int(self.manifest["run"])

    @property
    def number(self) -> int:
        """The DAG's number in its campaign."""
        return int(self.manifest["dag"])


def choose_inputs(dag: DagContext) -> list[str]:
    """Link all complete ALCARECO of the campaign into ``inputs/``, and list them.

    The list is written last: it says that HARVEST has started, and with what.
    """
    folder = dag.directory / "inputs"
    shutil.rmtree(folder, ignore_errors=True)
    chosen = []
    root = dag.manifest["alca"]["root"]
    for witness in sorted(dag.run_dir.glob(f"apJob*/{dag.manifest['alca']['witness']}")):
        target = folder / witness.parent.name / root
        target.parent.mkdir(parents=True)
        os.link(witness.parent / root, target)
        chosen.append(f"{witness.parent.name}/{root}")
    if not chosen:
        raise NodeError("no complete ALCARECO to harvest")
    write_lines(dag.directory / INPUTS, chosen)
    return chosen


def finish(dag: DagContext, name: str, exit_code: int) -> int:
    """Judge a node: move its output into the run directory if it is whole.

    Returns
    -------
    int
        0, the job's own exit code where another try may help, or `PERMANENT`.
    """
    node = dag.manifest["nodes"][name]
    if exit_code < 0:
        return 1
    if exit_code:
        return exit_code if exit_code in TRANSIENT else PERMANENT
    _FINISH[NodeKind(node["kind"])](dag, name, node)
    return 0


def _finish_reco(dag: DagContext, name: str, node: dict[str, Any]) -> None:
    made = dag.directory / name
    output = node["output"]
    witness = dag.run_dir / node["witness"]
    if Witness.read(witness):
        return
    report = read_job_report(made / JOB_REPORT, dag.run)
    for ending in (".py", ".log", ".root"):
        if (made / f"{output}{ending}").exists():
            (made / f"{output}{ending}").replace(dag.run_dir / f"{output}{ending}")
    _require(dag.run_dir / f"{output}.root")
    read = Witness(name, dag.number, report.lumis, report.events, tuple(node["files"]))
    read.write(witness)


def _finish_alca(dag: DagContext, name: str, node: dict[str, Any]) -> None:
    made, final = dag.directory / name, dag.run_dir / node["output"]
    witness = dag.manifest["alca"]["witness"]
    if Witness.read(final / witness):
        return
    _require(made / dag.manifest["alca"]["root"])
    report = read_job_report(made / JOB_REPORT, dag.run)
    for stream in ("out", "err"):
        shutil.copy(dag.directory / f"{name}.{stream}", made / f"std{stream}.log")
    read = Witness(name, dag.number, report.lumis, report.events, tuple(node["inputs"]))
    read.write(made / witness)
    made.replace(final)


def _finish_harvest(dag: DagContext, name: str, node: dict[str, Any]) -> None:
    made, final = dag.directory / name, dag.run_dir / node["output"]
    if read_json(final / HARVEST_RECORD):
        return
    read_job_report(made / JOB_REPORT, dag.run)
    inputs = (dag.directory / INPUTS).read_text(encoding="utf-8").split()
    witnesses = [
        Witness.read(dag.run_dir / Path(i).parent / dag.manifest["alca"]["witness"]) for i in inputs
    ]
    known = [w for w in witnesses if w]
    try:
        iovs = conditions.iovs(made / PAYLOAD_DB)
    except conditions.PayloadError as error:
        raise NodeError(str(error)) from error
    upload = dag.manifest["upload"]
    if iovs:
        shutil.copy(made / PAYLOAD_DB, made / upload["final_db_name"])
        write_json(made / upload["metadata_filename"], upload["metadata"])
    write_lines(made / INPUTS, inputs)
    for stream in ("out", "err"):
        shutil.copy(dag.directory / f"{name}.{stream}", made / f"std{stream}.log")
    record = {
        "inputs": [Path(i).parent.name for i in inputs],
        "lumis": str(Lumis.union(w.lumis for w in known)),
        "events": sum(w.events for w in known),
        "iovs": [{"tag": i.tag, "since": i.since, "hash": i.hash} for i in iovs],
        "time": time.time(),
    }
    write_json(made / HARVEST_RECORD, record)
    made.replace(final)
    shutil.rmtree(dag.directory / "inputs", ignore_errors=True)


def _finish_upload(dag: DagContext, name: str, node: dict[str, Any]) -> None:
    if not read_json(dag.run_dir / node["output"] / UPLOAD_RECORD):
        raise NodeError(f"{node['output']}/{UPLOAD_RECORD}: not written")


_FINISH = {
    NodeKind.RECO: _finish_reco,
    NodeKind.ALCA: _finish_alca,
    NodeKind.HARVEST: _finish_harvest,
    NodeKind.UPLOAD: _finish_upload,
}


def _require(path: Path) -> None:
    if not path.is_file() or not path.stat().st_size:
        raise NodeError(f"{path.name}: the job exited 0 but did not make it")


def upload(dag: DagContext) -> int:
    """Upload the DAG's payload, if none at least as good was uploaded before.

    One payload a campaign is uploaded at a time. Every outcome is written down beside the
    payload; a refusal is final and exits with `PERMANENT`, an outage is worth another try.
    """
    harvest = dag.run_dir / dag.manifest["nodes"]["UPLOAD"]["output"]
    with _locked(dag.run_dir / UPLOAD_LOCK):
        done = read_json(harvest / UPLOAD_RECORD)
        outcome = UploadOutcome(done["outcome"]) if done else UploadOutcome.FAILED
        if outcome is UploadOutcome.FAILED:
            outcome, answer = _upload(dag, harvest)
            record = {"outcome": outcome, "answer": answer, "time": time.time()}
            write_json(harvest / UPLOAD_RECORD, record)
            print(f"{outcome}: {answer}")
    if outcome is UploadOutcome.REFUSED:
        return PERMANENT
    return 1 if outcome is UploadOutcome.FAILED else 0


def _upload(dag: DagContext, harvest: Path) -> tuple[UploadOutcome, str]:
    record = read_json(harvest / HARVEST_RECORD)
    if not record["iovs"]:
        return UploadOutcome.NO_PAYLOAD, "too few events"
    for other in sorted(dag.run_dir.glob(f"harvestJob*/{UPLOAD_RECORD}")):
        uploaded = read_json(other).get("outcome") == UploadOutcome.UPLOADED
        if uploaded and goodness(read_json(other.parent / HARVEST_RECORD)) >= goodness(record):
            return UploadOutcome.SUPERSEDED, f"{other.parent.name} holds as many LS"
    settings = dag.manifest["conditions"]
    area = dag.manifest["cmssw"]
    cmssw = Cmssw(Path(area["setup"]), area["scram_arch"], area["release"], Path(area["folder"]))
    try:
        environment = cmssw.environment()
    except CmsswError as error:
        return UploadOutcome.FAILED, str(error)
    return conditions.upload(
        database=harvest / dag.manifest["upload"]["final_db_name"],
        command=settings["command"],
        environment=environment,
        auth_path=Path(settings["auth_path"]) if settings["auth_path"] else None,
        timeout=settings["timeout"],
        log=harvest / "upload.log",
    )


def goodness(harvest: dict[str, Any]) -> tuple[int, int]:
    """How good a payload is: from how many LS, then from how many events, it was made."""
    try:
        return len(Lumis.parse(harvest["lumis"])), int(harvest["events"])
    except (KeyError, ValueError):
        return 0, 0


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main(arguments: list[str]) -> int:
    """Do what DAGMan asks for: ``inputs``, ``finish NODE EXITCODE`` or ``upload``."""
    os.umask(0o002)
    try:
        dag = DagContext.here()
        match arguments:
            case ["inputs"]:
                print(f"{len(choose_inputs(dag))} ALCARECO to harvest")
                return 0
            case ["finish", name, exit_code]:
                return finish(dag, name, int(exit_code))
            case ["upload"]:
                return upload(dag)
    except (NodeError, OSError) as error:
        print(f"condorloop.node {' '.join(arguments)}: {error}", file=sys.stderr)
        return 1
    print(f"condorloop.node: not a request: {arguments}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
