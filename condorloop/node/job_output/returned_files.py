"""Files that came back from a job: as it made them, whole, moved to where they stay.

Knows what a job says it made, and its report; knows nothing of what a kind of node makes.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from condorloop.model.lumis import Lumis
from condorloop.node.dag_context import DagContext, NodeError
from condorloop.node.job_output.job_report import JobReport, ReportError, read_job_report
from condorloop.node.job_output.root_file import why_not_whole
from condorloop.rundir.durable import sync_folder
from condorloop.rundir.layout import JOB_REPORT, MADE
from condorloop.rundir.records.manifest import ManifestNode


def report_of(dag: DagContext, made: Path) -> JobReport:
    """Read the job report among what a job of this DAG made.

    Raises
    ------
    NodeError
        It is not there, or damaged.
    """
    try:
        return read_job_report(made / JOB_REPORT, dag.run)
    except ReportError as error:
        raise NodeError(str(error)) from error


def lacking_of(name: str, known: Lumis, report: JobReport) -> Lumis:
    """The LS that a node's inputs have and its job report does not tell."""
    lacking = known - report.lumis
    if lacking:
        print(f"{name}: the job report lacks LS {lacking} of its inputs")
    return lacking


def listed(made: Path) -> dict[str, int] | None:
    """The files that the job says it made, and their sizes; None if it does not say."""
    try:
        lines = (made / MADE).read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    pairs = (line.partition(" ") for line in lines)
    return {name: int(size) for size, _, name in pairs if size.isdecimal() and len(size) < 20}


def require(made: Path, path: Path) -> None:
    """Make sure that a file came back as this attempt of the job made it.

    Raises
    ------
    NodeError
        It is not there, or of another size.
    """
    told = listed(made)
    if not path.is_file() or (told is not None and path.name not in told):
        raise NodeError(f"{path.name}: the job exited 0 but did not make it")
    size = path.stat().st_size
    if told is not None and size != told[path.name]:
        raise NodeError(f"{path.name}: {size} of {told[path.name]} bytes came back")


def require_whole(made: Path, path: Path) -> None:
    """Make sure that a ROOT file came back, and was closed.

    Raises
    ------
    NodeError
        It is not there, of another size, or damaged.
    """
    require(made, path)
    if reason := why_not_whole(path):
        raise NodeError(f"{path.name}: the job exited 0, but {reason}")


def take_place(dag: DagContext, name: str, node: ManifestNode) -> None:
    """Let what a job left appear in the run directory, whole."""
    import shutil

    made, final = dag.directory / name, dag.made_dir / node.output
    for stream in ("out", "err"):
        with suppress(FileNotFoundError):
            shutil.copy(dag.directory / f"{name}.{stream}", made / f"std{stream}.log")
    dag.set_aside(final)  # no witness is in it: nobody's
    made.replace(final)
    sync_folder(final.parent)
