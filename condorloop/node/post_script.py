"""The end of a node: is what its job left whole, and if not, why did it fail.

Knows the manifest of a DAG, the run directory, and what jobs leave there; runs as POST script on
the access point. Each step can be cut short between any two effects, and repeated. What a RECO
node does not need is imported where it is used: there are many of them, and the start costs most.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from condorloop.model.enums import NodeKind
from condorloop.model.lumis import EMPTY, Lumis
from condorloop.node.dag_context import DagContext, NodeError, NodeMisconfigured
from condorloop.node.job_output import diagnosis
from condorloop.node.job_output.job_end import shell_code, words_of
from condorloop.node.job_output.job_report import (
    JobReport,
    ReportError,
    read_error,
    read_job_report,
)
from condorloop.node.job_output.root_file import why_not_whole
from condorloop.rundir.durable import (
    let_group_write,
    remove_unfinished,
    sync_files,
    sync_folder,
    write_lines,
)
from condorloop.rundir.layout import (
    HARVEST_RECORD,
    INPUTS,
    JOB_REPORT,
    LEFT_OUT,
    MADE,
    PAYLOAD_DB,
    PERMANENT,
    UPLOAD_RECORD,
)
from condorloop.rundir.records import attempts
from condorloop.rundir.records.attempts import Attempt
from condorloop.rundir.records.record import RecordError
from condorloop.rundir.records.witness import Witness
from condorloop.runtime.machine_errors import is_of_machine

if TYPE_CHECKING:
    from condorloop.model.no_payload import NoPayload
    from condorloop.rundir.records.harvest import Iov, LeftOut
    from condorloop.rundir.records.manifest import ManifestNode

TRANSIENT = frozenset({1, 50, 81, 84, 85, 92, 137, 147, 151, 195, 243, 40, 126, 127, 132, 135})
"""Exit codes worth another try: those of dmwm/CRABServer's RetryJob.py, and those of a machine that
is not fit (a tool that is not there, a wrong CPU, a disk that fails) or wants the job to end."""


def finish(dag: DagContext, name: str, exit_code: int) -> int:
    """Judge a node: move its output into the run directory if it is whole.

    A node that was whole once stays so. Of a failed attempt it is told why (`attempts`), then what
    it left is set aside, so that the next one begins with nothing.

    Parameters
    ----------
    exit_code
        How the job ended, as DAGMan tells it.

    Returns
    -------
    int
        0, the job's own exit code where another try may help, or `PERMANENT`.

    Raises
    ------
    NodeError
        The job exited 0, but its output is not what it should be, and another try may help.
    OSError
        The machine does not do what it should (`is_of_machine`): nothing is said of the node, and
        its output stays where it is. Or the output cannot be moved.
    """
    node = dag.node(name)
    kind = node.kind
    ended = _ended(dag, name)
    try:
        _share(dag, name)
        if kind is not NodeKind.UPLOAD and _is_done(dag, kind, dag.run_dir / node.witness):
            _forget_inputs(dag, kind)
            return 0
        if not exit_code:
            _FINISH[kind](dag, name, node)
            _forget_inputs(dag, kind)
            return 0
    except NodeError as error:
        attempts.add(dag.directory, name, Attempt(0, str(error), (), ended))
        dag.set_aside(dag.directory / name)
        if isinstance(error, NodeMisconfigured):
            print(f"{name} failed: {error}")
            return PERMANENT
        raise
    except OSError as error:
        if not is_of_machine(error):
            attempts.add(dag.directory, name, Attempt(0, str(error), (), ended))
        raise
    attempt = _tell(dag, name, exit_code, ended)
    dag.set_aside(dag.directory / name)
    return _told_to_dagman(kind, exit_code, attempt)


def _told_to_dagman(kind: NodeKind, exit_code: int, attempt: Attempt) -> int:
    if kind is NodeKind.UPLOAD:  # it says itself whether another try may help
        return PERMANENT if exit_code == PERMANENT else 1
    if exit_code < 0:
        return 1
    if attempt.exit_code in TRANSIENT:
        return attempt.exit_code
    # HARVEST can go on without what it blames
    return 1 if kind is NodeKind.HARVEST and attempt.blames else PERMANENT


def _ended(dag: DagContext, name: str) -> float:
    """When a job's output came back: each attempt's begins anew, and a repeated step finds it."""
    try:
        return (dag.directory / f"{name}.out").stat().st_mtime
    except OSError:
        return time.time()


def _tell(dag: DagContext, name: str, exit_code: int, ended: float) -> Attempt:
    """Write down why an attempt failed, unless that was done before."""
    code = shell_code(exit_code)
    for told in attempts.read(dag.directory, name):
        if (told.exit_code, told.time) == (code, ended):
            return told
    node = dag.node(name)
    if node.kind is NodeKind.UPLOAD:
        attempt = Attempt(code, _said_of_upload(dag, node) or words_of(exit_code), (), ended)
    else:
        made = dag.directory / name
        error, log = read_error(made / JOB_REPORT), _log_of(dag, name)
        names = _names_of_inputs(dag, node)
        blamed = diagnosis.blamed(code, error, log, names)
        words = "" if exit_code < 0 else diagnosis.words(error, log)
        blames = tuple(names[each] for each in blamed)
        attempt = Attempt(code, words or words_of(exit_code), blames, ended)
    attempts.add(dag.directory, name, attempt)
    print(f"{name} failed: {attempt.words}")
    return attempt


def _said_of_upload(dag: DagContext, node: ManifestNode) -> str:
    from condorloop.rundir.records.upload import UploadResult

    result = UploadResult.load(dag.run_dir / node.output / UPLOAD_RECORD)
    return f"{result.outcome}: {result.answer}" if result else ""


def _log_of(dag: DagContext, name: str) -> list[str]:
    """What cmsRun printed, where it came back, and what the job's script printed."""
    made = dag.directory / name
    logs = sorted(set(made.glob("*.log")) - {made / "stdout.log", made / "stderr.log"})
    logs = logs or [dag.directory / f"{name}.out"]
    lines: list[str] = []
    for path in (*logs, dag.directory / f"{name}.err"):
        with suppress(OSError), path.open(encoding="utf-8", errors="replace") as file:
            lines += diagnosis.relevant(file)
    return lines


def _names_of_inputs(dag: DagContext, node: ManifestNode) -> dict[str, str]:
    """How a node's inputs are called in what cmsRun prints, and how the manifest calls them."""
    match node.kind:
        case NodeKind.RECO:
            return {path: path for path in node.files}
        case NodeKind.ALCA:
            return {f"{name}.root": name for name in node.inputs}
        case _:
            return {each: Path(each).parent.name for each in _read_lines(dag.directory / INPUTS)}


def _is_done(dag: DagContext, kind: NodeKind, witness: Path) -> bool:
    """Whether this very DAG has finished the node before.

    Raises
    ------
    NodeError
        Another DAG's output stands in its place.
    OSError
        The machine does not give it.
    """
    made_by = _maker(kind, witness)
    if made_by not in (None, dag.id):
        raise NodeError(f"{witness.name} is of another DAG, {made_by}")
    return made_by is not None


def _maker(kind: NodeKind, path: Path) -> str | None:
    """The DAG that made what a witness vouches for; the record of a HARVEST is its witness."""
    if kind is not NodeKind.HARVEST:
        witness = Witness.load(path)
        return witness.dag_id if witness else None
    from condorloop.rundir.records.harvest import HarvestResult

    result = HarvestResult.load(path)
    return result.dag_id if result else None


def _finish_reco(dag: DagContext, name: str, node: ManifestNode) -> None:
    made, output = dag.directory / name, node.output
    report = _report(dag, made)
    moved = dag.run_dir / f"{output}.root"  # by a step that was cut short
    root = made / moved.name
    whole = moved if moved.exists() and not root.exists() else root
    _require_whole(made, whole)
    sync_files([whole])
    for ending in (".py", ".log", ".root"):
        if (made / f"{output}{ending}").exists():
            (made / f"{output}{ending}").replace(dag.run_dir / f"{output}{ending}")
    sync_folder(dag.run_dir)
    lacking = _lacking(name, node.lumis, report)
    read = Witness(name, dag.id, report.lumis, report.events, node.files, lacking)
    remove_unfinished(dag.run_dir / node.witness)
    read.write(dag.run_dir / node.witness)


def _finish_alca(dag: DagContext, name: str, node: ManifestNode) -> None:
    made, witness = dag.directory / name, dag.manifest.alca_witness
    whole = made / dag.manifest.alca_root
    _require_whole(made, whole)
    sync_files([whole])
    report = _report(dag, made)
    lacking = _lacking(name, _lumis_of_reco(dag, node.inputs), report)
    read = Witness(name, dag.id, report.lumis, report.events, node.inputs, lacking)
    remove_unfinished(made / witness)
    read.write(made / witness)
    _take_place(dag, name, node)


def _finish_harvest(dag: DagContext, name: str, node: ManifestNode) -> None:
    import shutil

    from condorloop.rundir.records.harvest import HarvestResult

    made = dag.directory / name
    report = _report(dag, made)
    inputs = _read_lines(dag.directory / INPUTS)
    not_chosen = _not_chosen(dag)
    read = [_witness_of(dag, each) for each in inputs]
    iovs = _payload(made)
    unnamed: tuple[str, ...] = ()
    if iovs:
        from condorloop.node.uploads import payload_tags

        metadata = [payload_tags.metadata_of(u, iovs, dag.run) for u in dag.manifest.uploads]
        unnamed = payload_tags.unnamed(dag.manifest.uploads, iovs)
        files = [made / upload.final_db_name for upload in dag.manifest.uploads]
        for upload, file, told in zip(dag.manifest.uploads, files, metadata, strict=True):
            shutil.copy(made / PAYLOAD_DB, file)
            remove_unfinished(made / upload.metadata_filename)
            told.write(made / upload.metadata_filename)
        sync_files([made / PAYLOAD_DB, *files])
    for tag in unnamed:
        print(f"{name}: tag {tag} of the payload file goes nowhere: no inputTag names it")
    write_lines(made / INPUTS, inputs)
    known = Lumis.union(w.lumis for w in read)
    lacking = _lacking(name, known, report) if report.lumis else EMPTY
    result = HarvestResult(
        dag_id=dag.id,
        inputs=tuple(Path(each).parent.name for each in inputs),
        left_out={**not_chosen.unusable, **not_chosen.overlaps},
        overlaps=tuple(not_chosen.overlaps),
        lumis=known - lacking,
        events=(report.events if lacking else 0) or sum(w.events for w in read),
        lacking=lacking,
        iovs=tuple(iovs),
        no_payload=None if iovs else _why_none(dag, name),
        time=time.time(),
        unnamed=unnamed,
    )
    for leftover in (INPUTS, HARVEST_RECORD):
        remove_unfinished(made / leftover)
    result.write(made / HARVEST_RECORD)
    _take_place(dag, name, node)


def _not_chosen(dag: DagContext) -> LeftOut:
    """The ALCARECO that are not among the inputs.

    Where that is not told, the inputs were chosen without looking for overlap: they are chosen
    again when the node is tried again.
    """
    from condorloop.rundir.records.harvest import LeftOut

    try:
        return LeftOut.read(dag.directory / LEFT_OUT)
    except RecordError as error:
        raise NodeError(f"{LEFT_OUT}: does not tell whether the inputs overlap") from error


def _finish_upload(dag: DagContext, name: str, node: ManifestNode) -> None:
    from condorloop.rundir.records.upload import UploadResult

    result = UploadResult.load(dag.run_dir / node.output / UPLOAD_RECORD)
    if result is None or result.outcome.open:
        raise NodeError(f"{node.output}/{UPLOAD_RECORD}: not written")
    witness = dag.run_dir / node.witness
    if witness != dag.run_dir / node.output / UPLOAD_RECORD:  # it sent another DAG's payload
        remove_unfinished(witness)
        result.write(witness)


_FINISH = {
    NodeKind.RECO: _finish_reco,
    NodeKind.ALCA: _finish_alca,
    NodeKind.HARVEST: _finish_harvest,
    NodeKind.UPLOAD: _finish_upload,
}


def _report(dag: DagContext, made: Path) -> JobReport:
    try:
        return read_job_report(made / JOB_REPORT, dag.run)
    except ReportError as error:
        raise NodeError(str(error)) from error


def _lacking(name: str, known: Lumis, report: JobReport) -> Lumis:
    """The LS that a node's inputs have and its job report does not tell."""
    lacking = known - report.lumis
    if lacking:
        print(f"{name}: the job report lacks LS {lacking} of its inputs")
    return lacking


def _lumis_of_reco(dag: DagContext, names: Iterable[str]) -> Lumis:
    witnesses = {node.output: node.witness for node in dag.manifest.nodes.values()}
    read = [Witness.load(dag.run_dir / witnesses[name]) for name in names if name in witnesses]
    return Lumis.union(witness.lumis for witness in read if witness)


def _witness_of(dag: DagContext, chosen: str) -> Witness:
    path = dag.run_dir / Path(chosen).parent / dag.manifest.alca_witness
    witness = Witness.load(path)
    if witness is None:
        raise NodeError(f"{path}: the witness of an input is gone or damaged")
    return witness


def _payload(made: Path) -> list[Iov]:
    """The IOVs of the payload that this attempt made; none if it made none."""
    # few nodes are HARVEST, and SQLite takes longer to import than a RECO takes to judge
    from condorloop.node.job_output.payload_db import PayloadError, iovs

    file, listed = made / PAYLOAD_DB, _listed(made)
    if listed is not None and file.name not in listed:
        file.unlink(missing_ok=True)
    if file.exists():
        _require(made, file)
    try:
        return iovs(file)
    except PayloadError as error:
        raise NodeError(str(error)) from error


def _why_none(dag: DagContext, name: str) -> NoPayload:
    from condorloop.node.job_output import no_payload

    return no_payload.reason(_log_of(dag, name))


def _take_place(dag: DagContext, name: str, node: ManifestNode) -> None:
    """Let what a job left appear in the run directory, whole."""
    import shutil

    made, final = dag.directory / name, dag.run_dir / node.output
    for stream in ("out", "err"):
        with suppress(FileNotFoundError):
            shutil.copy(dag.directory / f"{name}.{stream}", made / f"std{stream}.log")
    dag.set_aside(final)  # no witness is in it: nobody's
    made.replace(final)
    sync_folder(dag.run_dir)


def _share(dag: DagContext, name: str) -> None:
    """Let the group write what HTCondor's file transfer has made."""
    made = dag.directory / name
    streams = (dag.directory / f"{name}.{stream}" for stream in ("out", "err"))
    let_group_write((made, *made.rglob("*"), *streams))


def _forget_inputs(dag: DagContext, kind: NodeKind) -> None:
    if kind is NodeKind.HARVEST and (dag.directory / "inputs").exists():
        import shutil

        shutil.rmtree(dag.directory / "inputs")


def _listed(made: Path) -> dict[str, int] | None:
    """The files that the job says it made, and their sizes; None if it does not say."""
    try:
        lines = (made / MADE).read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    pairs = (line.partition(" ") for line in lines)
    return {name: int(size) for size, _, name in pairs if size.isdecimal() and len(size) < 20}


def _require(made: Path, path: Path) -> None:
    """Look whether a file came back as this attempt of the job made it."""
    listed = _listed(made)
    if not path.is_file() or (listed is not None and path.name not in listed):
        raise NodeError(f"{path.name}: the job exited 0 but did not make it")
    size = path.stat().st_size
    if listed is not None and size != listed[path.name]:
        raise NodeError(f"{path.name}: {size} of {listed[path.name]} bytes came back")


def _require_whole(made: Path, path: Path) -> None:
    _require(made, path)
    if reason := why_not_whole(path):
        raise NodeError(f"{path.name}: the job exited 0, but {reason}")


def _read_lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()
