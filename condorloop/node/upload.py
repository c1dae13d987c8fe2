"""The UPLOAD job: one payload to the conditions service, if none at least as good was there.

Knows what it writes down beside the payload, and the lock; `conditions` knows the tool. Killed
anywhere, it has written down no more than it knew, and can be run again.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from condorloop.model.enums import ASKED, UploadOutcome
from condorloop.node import double_counting
from condorloop.node.manifest import DagContext
from condorloop.rundir.durable import read_json, read_lumis, remove_unfinished, write_json
from condorloop.rundir.layout import (
    ASK_AGAIN,
    HARVEST_RECORD,
    PERMANENT,
    UPLOAD_LOCK,
    UPLOAD_RECORD,
    iso_time,
)
from condorloop.runtime.lock_file import open_lock
from condorloop.services import conditions
from condorloop.services.cmssw import Cmssw, CmsswError
from condorloop.services.conditions import Answer

_LOCK_TICK = 0.2


def upload(dag: DagContext) -> int:
    """Upload the DAG's payload, if none at least as good was uploaded before.

    One payload a campaign is uploaded at a time. Every outcome is written down beside the
    payload. A refusal is final, until a person has it asked again, and exits with `PERMANENT`;
    without an answer another try may help.
    """
    harvest = dag.run_dir / dag.node("UPLOAD")["output"]
    with _locked(dag.run_dir / UPLOAD_LOCK, _patience(dag)) as lock:
        if lock is None:
            print(f"{UploadOutcome.NO_ANSWER}: another upload of this campaign does not end")
            return 1
        remove_unfinished(harvest / UPLOAD_RECORD)
        before = read_json(harvest / UPLOAD_RECORD)
        outcome = UploadOutcome.of(before)
        wanted = outcome is UploadOutcome.REFUSED and (harvest / ASK_AGAIN).exists()
        if wanted:
            _tell_apart(dag, harvest)
        if outcome.open or wanted:
            answer = _upload(dag, harvest, bool(before.get("unanswered")), wanted, lock)
            _note(harvest, answer)
            outcome = answer.outcome
            print(f"{outcome}: {answer.words}")
        if not outcome.open:
            (harvest / ASK_AGAIN).unlink(missing_ok=True)
    if outcome is UploadOutcome.REFUSED:
        return PERMANENT
    return 1 if outcome.open else 0


def _tell_apart(dag: DagContext, harvest: Path) -> None:
    """Word what goes with a payload anew: the service takes no file twice, not one it refused."""
    settings = dag.manifest["upload"]
    metadata = dict(settings["metadata"])
    said = str(metadata.get("userText", ""))
    metadata["userText"] = f"{said} (asked again at {iso_time(time.time())})".lstrip()
    write_json(harvest / settings["metadata_filename"], metadata)


def _upload(dag: DagContext, harvest: Path, unanswered: bool, wanted: bool, lock: int) -> Answer:
    """Upload, if nothing speaks against it.

    If an earlier try was not answered, an answer that the file is known means that it was taken.
    """
    answer = _why_not_upload(dag, harvest)
    if answer is None and not (unanswered or wanted):
        answer = _refused_before(dag, harvest)
    answer = answer or _ask(dag, harvest, lock)
    if unanswered and conditions.is_known_already(answer):
        return Answer(UploadOutcome.UPLOADED, f"taken at an earlier try: {answer.words}")
    return replace(answer, unanswered=answer.unanswered or (unanswered and answer.outcome.open))


def _note(harvest: Path, answer: Answer) -> None:
    record = {
        "outcome": answer.outcome,
        "answer": answer.words,
        "unanswered": answer.unanswered,
        "time": time.time(),
    }
    write_json(harvest / UPLOAD_RECORD, record)


def _refused_before(dag: DagContext, harvest: Path) -> Answer | None:
    """Give the refusal of the campaign's last payload of the same tag and since; None if none was.

    What the service refused for good for one payload of a run, such as a since that is too late,
    it refuses for each.
    """
    last: dict[str, Any] = {}
    for file in dag.run_dir.glob(f"harvestJob*/{UPLOAD_RECORD}"):
        told = read_json(file)
        answered = UploadOutcome.of(told) in (UploadOutcome.REFUSED, UploadOutcome.UPLOADED)
        alike = file.parent != harvest and _validity(file.parent) == _validity(harvest)
        if answered and alike and _time(told) > _time(last):
            last = told | {"by": file.parent.name}
    if UploadOutcome.of(last) is not UploadOutcome.REFUSED:
        return None
    return Answer(UploadOutcome.REFUSED, f"as {last['by']} was: {last.get('answer')}")


def _validity(harvest: Path) -> tuple[object, object]:
    """The tag and the first since of what a harvest made."""
    iovs = read_json(harvest / HARVEST_RECORD).get("iovs")
    first = iovs[0] if isinstance(iovs, list) and iovs else None
    return (first.get("tag"), first.get("since")) if isinstance(first, dict) else (None, None)


def _time(record: Mapping[str, Any]) -> float:
    time_told = record.get("time")
    return time_told if isinstance(time_told, float) else 0.0


def _why_not_upload(dag: DagContext, harvest: Path) -> Answer | None:
    """Say what speaks against an upload; None if nothing does."""
    record = read_json(harvest / HARVEST_RECORD)
    if not isinstance(record.get("iovs"), list):
        return Answer(UploadOutcome.FAILED, f"{HARVEST_RECORD}: gone or damaged")
    if not record["iovs"]:
        return Answer(UploadOutcome.NO_PAYLOAD, "too few events")
    runs, witness = dag.run_dir, dag.manifest["alca"]["witness"]
    if twice := double_counting.why_twice(runs, witness, record):
        return Answer(UploadOutcome.FAILED, f"it counts a RAW file twice: {twice}")
    known = dag.manifest.get("uploaded")
    known = (
        known if isinstance(known, dict) and payload_rank(known) >= payload_rank(record) else None
    )
    if known and not double_counting.counts_twice(runs, witness, known):
        return Answer(UploadOutcome.SUPERSEDED, "the database holds as many LS")
    for other in sorted(dag.run_dir.glob(f"harvestJob*/{UPLOAD_RECORD}")):
        told = read_json(other)
        may_be_in = UploadOutcome.of(told) is UploadOutcome.UPLOADED or told.get("unanswered")
        made = read_json(other.parent / HARVEST_RECORD)
        better = payload_rank(made) >= payload_rank(record)
        if other.parent == harvest or not (may_be_in and better):
            continue
        if not double_counting.why_twice(runs, witness, made):
            return Answer(UploadOutcome.SUPERSEDED, f"{other.parent.name} holds as many LS")
    return None


def _ask(dag: DagContext, harvest: Path, lock: int) -> Answer:
    """Ask the service; before, write down that it is being asked."""
    settings, area = dag.manifest["conditions"], dag.manifest["cmssw"]
    auth_path = Path(settings["auth_path"]) if settings["auth_path"] else None
    cmssw = Cmssw(
        Path(area["setup"]),
        area["scram_arch"],
        area["release"],
        Path(area["folder"]),
        needs=tuple(settings["command"][:1]),
    )
    try:
        environment = cmssw.environment()
    except CmsswError as error:
        return Answer(UploadOutcome.NO_ANSWER, str(error))
    if problem := conditions.missing_credentials(auth_path):
        return Answer(UploadOutcome.NO_ANSWER, problem)
    _note(harvest, Answer(UploadOutcome.NO_ANSWER, ASKED, unanswered=True))
    return conditions.upload(
        database=harvest / dag.manifest["upload"]["final_db_name"],
        command=settings["command"],
        environment=environment,
        auth_path=auth_path,
        timeout=settings["timeout"],
        log=harvest / "upload.log",
        holding=[lock],
    )


def payload_rank(harvest: Mapping[str, Any]) -> tuple[int, int]:
    """How good a payload is: from how many LS, then from how many events, it was made."""
    try:
        return len(read_lumis(harvest["lumis"])), int(harvest["events"])
    except (KeyError, TypeError, ValueError, OverflowError):
        return 0, 0


def _patience(dag: DagContext) -> float:
    """Seconds after which the holder of the lock can no longer be a tool that is given its time."""
    return 2 * float(dag.manifest["conditions"]["timeout"])


@contextmanager
def _locked(path: Path, patience: float) -> Iterator[int | None]:
    """Hold a lock, and give its descriptor; None if others hold it for too long."""
    with open_lock(path) as lock:
        deadline = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    yield None
                    return
                time.sleep(_LOCK_TICK)
            else:
                yield lock.fileno()
                return
