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
    LEFT_OUT,
    MANIFEST,
    PAYLOAD_DB,
    PERMANENT,
    UPLOAD_LOCK,
    UPLOAD_RECORD,
    Witness,
    read_json,
    write_json,
    write_lines,
)

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
    def id(self) -> str:
        """The DAG's `CondorloopId`."""
        return str(self.manifest["id"])

    @property
    def owner(self) -> str:
        """The ledger that the DAG belongs to, the first part of its id."""
        return self.id.partition("/")[0]


def choose_inputs(dag: DagContext) -> list[str]:
    """Link all complete ALCARECO of the campaign into ``inputs/``, and list them.

    One whose file is gone is left out and named. The list is written last: it says that HARVEST
    has started, and with what.

    Raises
    ------
    NodeError
        There is none to harvest.
    """
    folder = dag.directory / "inputs"
    shutil.rmtree(folder, ignore_errors=True)
    chosen, left_out = [], []
    root = dag.manifest["alca"]["root"]
    for path in sorted(dag.run_dir.glob(f"apJob*/{dag.manifest['alca']['witness']}")):
        witness, name = Witness.read(path), path.parent.name
        target = folder / name / root
        target.parent.mkdir(parents=True)
        try:
            if witness is None or witness.dag_id.partition("/")[0] != dag.owner:
                raise NodeError("its witness is damaged, or another ledger's")
            os.link(path.parent / root, target)
            chosen.append(f"{name}/{root}")
        except (NodeError, OSError) as error:
            print(f"left out: {name}: {error}")
            left_out.append(name)
    if not chosen:
        raise NodeError("no complete ALCARECO to harvest")
    write_lines(dag.directory / LEFT_OUT, left_out)
    write_lines(dag.directory / INPUTS, chosen)
    return chosen


def finish(dag: DagContext, name: str, exit_code: int) -> int:
    """Judge a node: move its output into the run directory if it is whole.

    A node that was whole once stays so. What a failed attempt left is set aside, so that the next
    one begins with nothing.

    Returns
    -------
    int
        0, the job's own exit code where another try may help, or `PERMANENT`.

    Raises
    ------
    NodeError
        The job exited 0, but its output is not what it should be.
    """
    node = dag.manifest["nodes"][name]
    kind = NodeKind(node["kind"])
    if kind is not NodeKind.UPLOAD and _is_done(dag, dag.run_dir / node["witness"]):
        return 0
    made = dag.directory / name
    if exit_code:
        _set_aside(made)
        return 1 if exit_code < 0 else exit_code if exit_code in TRANSIENT else PERMANENT
    try:
        _FINISH[kind](dag, name, node)
    except (NodeError, OSError):
        _set_aside(made)
        raise
    return 0


def _set_aside(made: Path) -> None:
    if made.is_dir():
        attempt = len(list(made.parent.glob(f"{made.name}.failed*")))
        made.replace(made.with_name(f"{made.name}.failed{attempt}"))


def _is_done(dag: DagContext, witness: Path) -> bool:
    """Whether this very DAG has finished the node before.

    Raises
    ------
    NodeError
        Another DAG's output stands in its place.
    """
    made_by = read_json(witness).get("dag_id")
    if made_by not in (None, dag.id):
        raise NodeError(f"{witness.name} is of another DAG, {made_by}")
    return made_by is not None


def _finish_reco(dag: DagContext, name: str, node: dict[str, Any]) -> None:
    made = dag.directory / name
    output = node["output"]
    report = read_job_report(made / JOB_REPORT, dag.run)
    for ending in (".py", ".log", ".root"):
        if (made / f"{output}{ending}").exists():
            (made / f"{output}{ending}").replace(dag.run_dir / f"{output}{ending}")
    _require(dag.run_dir / f"{output}.root")
    read = Witness(name, dag.id, report.lumis, report.events, tuple(node["files"]))
    read.write(dag.run_dir / node["witness"])


def _finish_alca(dag: DagContext, name: str, node: dict[str, Any]) -> None:
    made, final = dag.directory / name, dag.run_dir / node["output"]
    _require(made / dag.manifest["alca"]["root"])
    report = read_job_report(made / JOB_REPORT, dag.run)
    _keep_streams(dag, name)
    read = Witness(name, dag.id, report.lumis, report.events, tuple(node["inputs"]))
    read.write(made / dag.manifest["alca"]["witness"])
    made.replace(final)


def _finish_harvest(dag: DagContext, name: str, node: dict[str, Any]) -> None:
    made, final = dag.directory / name, dag.run_dir / node["output"]
    read_job_report(made / JOB_REPORT, dag.run)
    inputs = (dag.directory / INPUTS).read_text(encoding="utf-8").split()
    read = [_witness_of(dag, i) for i in inputs]
    try:
        iovs = conditions.iovs(made / PAYLOAD_DB)
    except conditions.PayloadError as error:
        raise NodeError(str(error)) from error
    upload = dag.manifest["upload"]
    if iovs:
        shutil.copy(made / PAYLOAD_DB, made / upload["final_db_name"])
        write_json(made / upload["metadata_filename"], upload["metadata"])
    write_lines(made / INPUTS, inputs)
    _keep_streams(dag, name)
    record = {
        "dag_id": dag.id,
        "inputs": [Path(i).parent.name for i in inputs],
        "left_out": (dag.directory / LEFT_OUT).read_text(encoding="utf-8").split(),
        "lumis": str(Lumis.union(w.lumis for w in read)),
        "events": sum(w.events for w in read),
        "iovs": [{"tag": i.tag, "since": i.since, "hash": i.hash} for i in iovs],
        "time": time.time(),
    }
    write_json(made / HARVEST_RECORD, record)
    made.replace(final)
    shutil.rmtree(dag.directory / "inputs", ignore_errors=True)


def _witness_of(dag: DagContext, chosen: str) -> Witness:
    path = dag.run_dir / Path(chosen).parent / dag.manifest["alca"]["witness"]
    witness = Witness.read(path)
    if witness is None:
        raise NodeError(f"{path}: the witness of an input is gone or damaged")
    return witness


def _keep_streams(dag: DagContext, name: str) -> None:
    for stream in ("out", "err"):
        shutil.copy(dag.directory / f"{name}.{stream}", dag.directory / name / f"std{stream}.log")


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
        before = read_json(harvest / UPLOAD_RECORD)
        outcome = UploadOutcome(before.get("outcome", UploadOutcome.FAILED))
        if outcome is UploadOutcome.FAILED:
            outcome, answer = _upload(dag, harvest, bool(before.get("unanswered")))
            print(f"{outcome}: {answer}")
    if outcome is UploadOutcome.REFUSED:
        return PERMANENT
    return 1 if outcome is UploadOutcome.FAILED else 0


def _upload(dag: DagContext, harvest: Path, unanswered: bool) -> tuple[UploadOutcome, str]:
    """Upload and write down the outcome; before, that the service is being asked.

    If an earlier try was not answered, an answer that the file is known means that it was taken.
    """
    outcome, answer = _why_not_upload(dag, harvest)
    if outcome is None:
        _note_upload(harvest, UploadOutcome.FAILED, "the service has not answered", True)
        outcome, answer = _run_upload(dag, harvest)
        if unanswered and conditions.is_known_already(outcome, answer):
            outcome, answer = UploadOutcome.UPLOADED, f"taken at an earlier try: {answer}"
    lost = conditions.is_unanswered(outcome, answer)
    still_unanswered = lost or (unanswered and outcome is UploadOutcome.FAILED)
    _note_upload(harvest, outcome, answer, still_unanswered)
    return outcome, answer


def _note_upload(harvest: Path, outcome: UploadOutcome, answer: str, unanswered: bool) -> None:
    record = {
        "outcome": outcome,
        "answer": answer,
        "unanswered": unanswered,
        "time": time.time(),
    }
    write_json(harvest / UPLOAD_RECORD, record)


def _why_not_upload(dag: DagContext, harvest: Path) -> tuple[UploadOutcome | None, str]:
    """Say what speaks against an upload; None if nothing does."""
    record = read_json(harvest / HARVEST_RECORD)
    if not record["iovs"]:
        return UploadOutcome.NO_PAYLOAD, "too few events"
    for other in sorted(dag.run_dir.glob(f"harvestJob*/{UPLOAD_RECORD}")):
        told = read_json(other)
        may_be_in = told.get("outcome") == UploadOutcome.UPLOADED or told.get("unanswered")
        better = goodness(read_json(other.parent / HARVEST_RECORD)) >= goodness(record)
        if other.parent != harvest and may_be_in and better:
            return UploadOutcome.SUPERSEDED, f"{other.parent.name} holds as many LS"
    return None, ""


def _run_upload(dag: DagContext, harvest: Path) -> tuple[UploadOutcome, str]:
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
