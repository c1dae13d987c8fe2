"""The UPLOAD job: one payload to the conditions service, where none at least as good is.

Knows what it writes down beside the payload, and the lock; `conditions` knows the tool,
`upload_records` what earlier uploads put where. Killed anywhere, it has written down no more than
it knew, and can be run again.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from condorloop.model.enums import HeldFor, TagOutcome, UploadOutcome
from condorloop.model.user_text import UserText
from condorloop.node import double_counting
from condorloop.node.dag_context import DagContext
from condorloop.node.job_output.payload_db import PayloadError, add_iovs
from condorloop.node.uploads.holds import Held, restored_in, why_held
from condorloop.node.uploads.upload_choice import Payload, why_not_send
from condorloop.node.uploads.upload_records import (
    Destination,
    EarlierUpload,
    note_uploaded,
    unreadable,
    uploads_of,
)
from condorloop.policy.restating import restated
from condorloop.rundir.durable import remove_unfinished
from condorloop.rundir.layout import (
    ASK_AGAIN,
    HARVEST_RECORD,
    PAYLOAD_DB,
    PERMANENT,
    UPLOAD_LOCK,
    UPLOAD_LOG,
    UPLOAD_RECORD,
    iso_time,
)
from condorloop.rundir.records.decisions import Restored
from condorloop.rundir.records.harvest import HarvestResult
from condorloop.rundir.records.manifest import UploadMetadata
from condorloop.rundir.records.record import RecordError
from condorloop.rundir.records.upload import UploadResult
from condorloop.runtime.lock_file import open_lock
from condorloop.services import conditions
from condorloop.services.cmssw import Cmssw, CmsswError
from condorloop.services.conditions import TagAnswer, UploadAnswer, in_words

_LOCK_TICK = 0.2


def upload(dag: DagContext) -> int:
    """Upload the DAG's payload to each destination tag that has none at least as good.

    One payload of a calibration is uploaded at a time. Every outcome is written down beside the
    payload. A refusal is final, until a person has it asked again, and exits with `PERMANENT`;
    without an answer another try may help.
    """
    harvest = dag.run_dir / dag.node("UPLOAD").output
    with _locked(dag.run_dir.parent / UPLOAD_LOCK, _patience(dag)) as lock:
        if lock is None:
            print(f"{UploadOutcome.NO_ANSWER}: another upload of this calibration does not end")
            return 1
        remove_unfinished(harvest / UPLOAD_RECORD)
        before = UploadResult.find(harvest / UPLOAD_RECORD)
        outcome = before.outcome if before else UploadOutcome.FAILED
        again = dag.manifest.again
        asked = again or (harvest / ASK_AGAIN).exists()
        wanted = outcome is UploadOutcome.REFUSED and asked
        if outcome.open or outcome.waits or wanted or again or dag.manifest.restores:
            answer = _upload(dag, harvest, wanted, lock)
            outcome = answer.outcome
            print(f"{outcome}: {answer.words}")
        if not outcome.open:
            (harvest / ASK_AGAIN).unlink(missing_ok=True)
    if outcome is UploadOutcome.REFUSED:
        return PERMANENT
    return 1 if outcome.open else 0


def _upload(dag: DagContext, harvest: Path, wanted: bool, lock: int) -> UploadAnswer:
    """Upload a payload where nothing speaks against it, and write down what became of it."""
    try:
        record = HarvestResult.read(harvest / HARVEST_RECORD)
    except RecordError as error:
        return _note(harvest, UploadAnswer(UploadOutcome.FAILED, str(error)))
    except OSError as error:
        return _note(harvest, UploadAnswer(UploadOutcome.FAILED, unreadable(error)))
    if not record.iovs:
        return _note(harvest, UploadAnswer(UploadOutcome.NO_PAYLOAD, record.why_no_payload))
    if twice := double_counting.why_twice(dag.run_dir, dag.manifest.alca_witness, record):
        return _note(
            harvest, UploadAnswer(UploadOutcome.FAILED, f"it counts a RAW file twice: {twice}")
        )
    try:
        earlier = uploads_of(dag.run_dir, dag.manifest.upload.metadata_filename)
    except OSError as error:
        return _note(harvest, UploadAnswer(UploadOutcome.NO_ANSWER, unreadable(error)))
    own = next((each for each in earlier if each.harvest == harvest), None)
    restored = _restored(dag, harvest)
    payload = Payload(
        dag=dag,
        harvest=harvest,
        record=record,
        metadata=_metadata(dag, record, own, wanted, restored),
        own=own,
        others=[each for each in earlier if each.harvest != harvest],
        wanted=wanted,
        restored=restored,
    )
    decided = {d: why for d in payload.destinations if (why := why_not_send(payload, d))}
    is_decided = len(decided) == len(payload.destinations)
    try:
        held = None if is_decided else why_held(payload)
    except CmsswError as error:
        return _note(harvest, UploadAnswer(UploadOutcome.NO_ANSWER, str(error)))
    if held is not None:
        return _note(harvest, _kept(payload, decided, held), payload, held_for=held.what)
    asked = None if is_decided else _ask(payload, decided, lock)
    answer = _note(harvest, _together(payload, decided, asked), payload)
    for destination in payload.destinations:
        if answer.tags[destination.tag].outcome is TagOutcome.UPLOADED:
            note_uploaded(dag.run_dir, destination)
    return answer


def _restored(dag: DagContext, harvest: Path) -> Restored | None:
    """Who wants a payload in the place of what is there; None if it is sent as any other one."""
    try:
        restored = restored_in(dag) if dag.manifest.restores else None
    except (RecordError, OSError):
        return None  # it is held, as nobody knows
    return restored if restored and restored.harvest == harvest.name else None


def _kept(payload: Payload, decided: Mapping[Destination, TagAnswer], held: Held) -> UploadAnswer:
    """What a payload has come to that is held; what may be in a tag already still may be."""
    tags = {}
    for destination in payload.destinations:
        maybe = payload.may_be_in(destination)
        outcome = TagOutcome.NOT_NAMED if maybe else TagOutcome.HELD
        tags[destination] = decided.get(destination) or TagAnswer(outcome, held.words)
    maybe = any(map(payload.may_be_in, set(payload.destinations) - decided.keys()))
    told = {destination.tag: answer for destination, answer in tags.items()}
    return UploadAnswer(UploadOutcome.HELD, held.words, unanswered=maybe, tags=told)


def _metadata(
    dag: DagContext,
    record: HarvestResult,
    own: EarlierUpload | None,
    wanted: bool,
    restored: Restored | None,
) -> UploadMetadata:
    """What is told to the service with a payload, in the words of an earlier try that asked it.

    The service takes no file twice, not one that it refused: what is asked again is worded apart.
    """
    settings = dag.manifest.upload
    text = UserText.of(settings.metadata.user_text, record.dag_id, record.lumis, record.events)
    metadata = replace(settings.metadata, user_text=str(text))
    if restored:  # the same words at each try: the service tells whether it took them
        words = f"{text} (put back at {iso_time(restored.time)})".lstrip()
        return replace(metadata, user_text=words)
    if wanted:
        return _told_apart(metadata)
    asked_of = own.harvest if own and own.may_have_been_sent else None
    said = UploadMetadata.find(asked_of / settings.metadata_filename) if asked_of else None
    return replace(metadata, user_text=said.user_text) if said else metadata


def _told_apart(metadata: UploadMetadata) -> UploadMetadata:
    again = f"{metadata.user_text} (asked again at {iso_time(time.time())})".lstrip()
    return replace(metadata, user_text=again)


def _ask(payload: Payload, decided: Mapping[Destination, TagAnswer], lock: int) -> UploadAnswer:
    """Ask the service for what is not decided; before, write down that it is being asked.

    A file that the service knows already was sent by an earlier try, which was not answered. What
    it said of each of several tags then is not known, so that it is asked again.
    """
    dag, harvest = payload.dag, payload.harvest
    tool, area, settings = dag.manifest.conditions, dag.manifest.cmssw, dag.manifest.upload
    cmssw = Cmssw(area.setup, area.scram_arch, area.release, area.folder, needs=tool.command[:1])
    try:
        environment = cmssw.environment()
    except CmsswError as error:
        return UploadAnswer(UploadOutcome.NO_ANSWER, str(error))
    if problem := conditions.missing_credentials(tool.auth_path):
        return UploadAnswer(UploadOutcome.NO_ANSWER, str(problem))
    asked = [d for d in payload.destinations if d not in decided]
    try:
        sinces = _restate(payload, asked)
    except PayloadError as error:
        return UploadAnswer(UploadOutcome.FAILED, str(error))

    def ask(metadata: UploadMetadata) -> UploadAnswer:
        file = harvest / settings.metadata_filename
        if UploadMetadata.find(file) != metadata:
            remove_unfinished(file)
            metadata.write(file)
        return conditions.upload(
            database=harvest / settings.final_db_name,
            tags=[d.tag for d in asked],
            command=tool.command,
            environment=environment,
            auth_path=tool.auth_path,
            timeout=tool.timeout,
            log=harvest / UPLOAD_LOG,
            holding=[lock],
        )

    _note_asking(payload, decided, sinces)
    options = payload.metadata.tags
    metadata = replace(payload.metadata, tags={d.tag: options[d.tag] for d in asked})
    answer = ask(metadata)
    if any(map(payload.may_be_in, asked)) and conditions.is_known_already(answer):
        if len(asked) > 1:
            return ask(_told_apart(metadata))
        return UploadAnswer(UploadOutcome.UPLOADED, f"taken at an earlier try: {answer.words}")
    return answer


def _note_asking(
    payload: Payload, decided: Mapping[Destination, TagAnswer], sinces: Sequence[int]
) -> None:
    """Write down that the service is being asked: whoever finds it so does not know the answer."""
    words = "the service has not answered"
    asking = TagAnswer(TagOutcome.NOT_NAMED, words)
    tags = {d.tag: decided.get(d, asking) for d in payload.destinations}
    if payload.own and any(map(payload.may_be_in, payload.destinations)):
        sinces = sorted(payload.own.sinces.union(sinces))
    answer = UploadAnswer(UploadOutcome.NO_ANSWER, words, unanswered=True, tags=tags)
    _note(payload.harvest, answer, payload, sinces)


def _restate(payload: Payload, to_send: Sequence[Destination]) -> list[int]:
    """Put all IOVs into the file that is to be sent, and give their sinces.

    Where each IOV keeps its own since, those of earlier uploads of the run are among them.

    Raises
    ------
    PayloadError
        The harvest's payload file is gone or damaged.
    """
    if payload.metadata.since is not None:
        return [payload.metadata.since]
    tag = payload.metadata.input_tag
    own = [(iov.since, iov.hash) for iov in payload.record.iovs if iov.tag == tag]
    taken = (u.sinces for u in payload.others if any(map(u.may_be_in, to_send)))
    if more := restated(own, frozenset[int]().union(*taken)):
        sent = payload.harvest / payload.dag.manifest.upload.final_db_name
        add_iovs(payload.harvest / PAYLOAD_DB, sent, tag, more)
    return sorted({since for since, _ in (*own, *more)})


def _together(
    payload: Payload, decided: Mapping[Destination, TagAnswer], asked: UploadAnswer | None
) -> UploadAnswer:
    """Put together what became of a payload in its destinations; `asked` is of those not decided.

    It is uploaded if each tag has it, or one of its run that is as good.
    """
    told = {d: decided.get(d) or _told_of(asked, d) for d in payload.destinations}
    tags = {destination.tag: answer for destination, answer in told.items()}
    silent = [d for d, answer in told.items() if answer.outcome is TagOutcome.NOT_NAMED]
    if silent:
        maybe = any(map(payload.may_be_in, silent))
        open_ = asked if asked and asked.outcome.open else UploadAnswer(UploadOutcome.NO_ANSWER, "")
        words = {told[d].words for d in silent}
        said = words.pop() if len(silent) == len(told) and len(words) == 1 else in_words(tags)
        return UploadAnswer(open_.outcome, said, open_.unanswered or maybe, tags)
    return UploadAnswer(_outcome(tags), in_words(tags), tags=tags)


def _outcome(tags: Mapping[str, TagAnswer]) -> UploadOutcome:
    """What a payload has come to of which each tag's outcome is known."""
    outcomes = {answer.outcome for answer in tags.values()}
    if any(outcome.refused for outcome in outcomes):
        return UploadOutcome.REFUSED
    if TagOutcome.UPLOADED in outcomes and TagOutcome.OVERTAKEN not in outcomes:
        return UploadOutcome.UPLOADED
    return UploadOutcome.SUPERSEDED


def _told_of(asked: UploadAnswer | None, destination: Destination) -> TagAnswer:
    """What the tool said of a tag, or of all where it did not say it of each."""
    if asked is None:
        return TagAnswer(TagOutcome.NOT_NAMED, "not asked")
    outcome = _OF_ALL.get(asked.outcome, TagOutcome.NOT_NAMED)
    return asked.tags.get(destination.tag) or TagAnswer(outcome, asked.words)


_OF_ALL = {
    UploadOutcome.UPLOADED: TagOutcome.UPLOADED,
    UploadOutcome.REFUSED: TagOutcome.FAILED,
}


def _note(
    harvest: Path,
    answer: UploadAnswer,
    payload: Payload | None = None,
    sinces: Sequence[int] | None = None,
    *,
    held_for: HeldFor | None = None,
) -> UploadAnswer:
    """Write down what became of a payload, and give it back.

    What was known of its tags stays where its `payload` could not be read, and what was known of
    its `sinces` where none are given; they are given when the service is being asked.
    """
    before = UploadResult.find(harvest / UPLOAD_RECORD)
    result = before or UploadResult(outcome=answer.outcome, answer=answer.words, time=0)
    overtaken = [told.overtaken_by for told in answer.tags.values() if told.overtaken_by]
    result = replace(
        result,
        outcome=answer.outcome,
        answer=answer.words,
        time=time.time(),
        asking=sinces is not None,
        overtaken_by=max(overtaken, default=None),
        held_for=held_for,
    )
    if payload is not None:
        result = replace(
            result,
            unanswered=answer.unanswered,
            database=payload.metadata.database,
            tags={tag: told.outcome for tag, told in answer.tags.items()},
            restored=payload.restored is not None,
        )
    if sinces is not None:
        result = replace(result, sinces=tuple(sinces))
    result.write(harvest / UPLOAD_RECORD)
    return answer


def _patience(dag: DagContext) -> float:
    """Seconds after which the holder of the lock can no longer be a tool that is given its time."""
    return 2 * dag.manifest.conditions.timeout


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
