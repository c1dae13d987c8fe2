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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from condorloop.model.enums import ASKED, OVERTAKEN_BY, Synchronisation, TagOutcome, UploadOutcome
from condorloop.node import double_counting
from condorloop.node.manifest import DagContext
from condorloop.node.payload_db import PayloadError, add_iovs
from condorloop.node.upload_records import (
    Destination,
    EarlierUpload,
    RecordError,
    destinations_in,
    note_uploaded,
    uploads_of,
    younger_run,
)
from condorloop.policy.restating import restated
from condorloop.rundir.durable import read_json, read_lumis, remove_unfinished, write_json
from condorloop.rundir.layout import (
    ASK_AGAIN,
    HARVEST_RECORD,
    PAYLOAD_DB,
    PERMANENT,
    UPLOAD_LOCK,
    UPLOAD_RECORD,
    iso_time,
)
from condorloop.runtime.lock_file import open_lock
from condorloop.services import conditions
from condorloop.services.cmssw import Cmssw, CmsswError
from condorloop.services.conditions import Answer, TagAnswer, in_words

_LOCK_TICK = 0.2


def upload(dag: DagContext) -> int:
    """Upload the DAG's payload to each destination tag that has none at least as good.

    One payload of a calibration is uploaded at a time. Every outcome is written down beside the
    payload. A refusal is final, until a person has it asked again, and exits with `PERMANENT`;
    without an answer another try may help.
    """
    harvest = dag.run_dir / dag.node("UPLOAD")["output"]
    with _locked(dag.run_dir.parent / UPLOAD_LOCK, _patience(dag)) as lock:
        if lock is None:
            print(f"{UploadOutcome.NO_ANSWER}: another upload of this calibration does not end")
            return 1
        remove_unfinished(harvest / UPLOAD_RECORD)
        outcome = UploadOutcome.of(read_json(harvest / UPLOAD_RECORD))
        wanted = outcome is UploadOutcome.REFUSED and (harvest / ASK_AGAIN).exists()
        if outcome.open or wanted:
            answer = _upload(dag, harvest, wanted, lock)
            outcome = answer.outcome
            print(f"{outcome}: {answer.words}")
        if not outcome.open:
            (harvest / ASK_AGAIN).unlink(missing_ok=True)
    if outcome is UploadOutcome.REFUSED:
        return PERMANENT
    return 1 if outcome.open else 0


@dataclass(frozen=True, slots=True)
class _Payload:
    """A payload that is to be uploaded, and what was uploaded before.

    Attributes
    ----------
    harvest
        The directory of the harvest that made it, `record` what this wrote down.
    metadata
        What is told to the service, for all destinations.
    own
        What an earlier try to upload this very payload left, None if there was none.
    others
        The uploads of the run's other payloads.
    wanted
        Whether a person has a refusal asked again.
    """

    dag: DagContext
    harvest: Path
    record: Mapping[str, Any]
    metadata: Mapping[str, Any]
    own: EarlierUpload | None
    others: Sequence[EarlierUpload]
    wanted: bool

    @property
    def destinations(self) -> list[Destination]:
        """Where it is to go."""
        return destinations_in(self.metadata)

    def may_be_in(self, destination: Destination) -> bool:
        """Whether an earlier try has brought it into a destination, or may have."""
        return self.own is not None and self.own.may_be_in(destination)


def _upload(dag: DagContext, harvest: Path, wanted: bool, lock: int) -> Answer:
    """Upload a payload where nothing speaks against it, and write down what became of it."""
    record = read_json(harvest / HARVEST_RECORD)
    if not isinstance(record.get("iovs"), list):
        return _note(harvest, Answer(UploadOutcome.FAILED, f"{HARVEST_RECORD}: gone or damaged"))
    if not record["iovs"]:
        return _note(harvest, Answer(UploadOutcome.NO_PAYLOAD, "too few events"))
    if twice := double_counting.why_twice(dag.run_dir, _witness(dag), record):
        return _note(harvest, Answer(UploadOutcome.FAILED, f"it counts a RAW file twice: {twice}"))
    try:
        earlier = uploads_of(dag.run_dir, dag.manifest["upload"]["metadata_filename"])
    except RecordError as error:
        return _note(harvest, Answer(UploadOutcome.NO_ANSWER, str(error)))
    payload = _Payload(
        dag=dag,
        harvest=harvest,
        record=record,
        metadata=_metadata(dag, harvest, wanted),
        own=next((each for each in earlier if each.harvest == harvest), None),
        others=[each for each in earlier if each.harvest != harvest],
        wanted=wanted,
    )
    decided = {d: why for d in payload.destinations if (why := _why_not_send(payload, d))}
    asked = None if len(decided) == len(payload.destinations) else _ask(payload, decided, lock)
    answer = _note(harvest, _together(payload, decided, asked), payload)
    for destination in payload.destinations:
        if answer.tags[destination.tag].outcome is TagOutcome.UPLOADED:
            note_uploaded(dag.run_dir, destination)
    return answer


def _metadata(dag: DagContext, harvest: Path, wanted: bool) -> dict[str, Any]:
    """What is told to the service with a payload, in the words of an earlier try.

    The service takes no file twice, not one that it refused: what is asked again is worded apart.
    """
    settings = dag.manifest["upload"]
    metadata = dict(settings["metadata"])
    if wanted:
        return _told_apart(metadata)
    said = read_json(harvest / settings["metadata_filename"]).get("userText")
    return metadata | {"userText": said} if isinstance(said, str) else metadata


def _told_apart(metadata: Mapping[str, Any]) -> dict[str, Any]:
    said = str(metadata.get("userText", ""))
    again = f"{said} (asked again at {iso_time(time.time())})".lstrip()
    return {**metadata, "userText": again}


def _why_not_send(payload: _Payload, destination: Destination) -> TagAnswer | None:
    """Say what speaks against sending a payload to a destination; None if nothing does."""
    before = payload.own.tags.get(destination) if payload.own else None
    if before is TagOutcome.UPLOADED:
        return TagAnswer(before, "uploaded at an earlier try")
    if before is not None and before.refused and not payload.wanted:
        return TagAnswer(before, "refused at an earlier try")
    if better := _as_good(payload, destination):
        return TagAnswer(TagOutcome.SUPERSEDED, f"{better} holds as many LS")
    if overtaken := _overtaken(payload, destination):
        return overtaken
    if payload.wanted or payload.may_be_in(destination):
        return None
    return _refused_before(payload, destination)


def _as_good(payload: _Payload, destination: Destination) -> str | None:
    """Name what is in a destination, or may be, and at least as good; None if nothing is.

    What counts a RAW file twice is not as good as what does not.

    The ledger tells what was uploaded without a destination. It is taken to be in this one, unless
    the run directory has the upload that the ledger knows it from.
    """
    own, runs, witness = payload_rank(payload.record), payload.dag.run_dir, _witness(payload.dag)
    known = payload.dag.manifest.get("uploaded")
    made = {u.harvest: read_json(u.harvest / HARVEST_RECORD) for u in payload.others}
    if isinstance(known, dict) and payload_rank(known) >= own:
        sent = [u.harvest for u in payload.others if any(map(u.may_be_in, u.tags))]
        explained = any(payload_rank(made[harvest]) >= payload_rank(known) for harvest in sent)
        if not explained and not double_counting.counts_twice(runs, witness, known):
            return "the database"
    for other in payload.others:
        record = made[other.harvest]
        as_good = other.may_be_in(destination) and payload_rank(record) >= own
        if as_good and not double_counting.why_twice(runs, witness, record):
            return other.harvest.name
    return None


def _witness(dag: DagContext) -> str:
    """What the witness of an ALCARECO is called in its directory."""
    return str(dag.manifest["alca"]["witness"])


def _overtaken(payload: _Payload, destination: Destination) -> TagAnswer | None:
    """Say that a younger run holds a destination that would move this one's since up over it."""
    settings = payload.dag.manifest["upload"]
    if not _moves_up(settings.get("synchronisation")):
        return None
    try:
        run = younger_run(payload.dag.run_dir, settings["metadata_filename"], destination)
    except RecordError as error:
        words = f"whether a younger run was uploaded is not known: {error}"
        return TagAnswer(TagOutcome.NOT_NAMED, words)
    return TagAnswer(TagOutcome.OVERTAKEN, f"{OVERTAKEN_BY}{run}") if run else None


def _moves_up(synchronisation: object) -> bool:
    """Whether tags move late sinces up; where their synchronisation is not known, they may."""
    try:
        return Synchronisation(str(synchronisation)).moves_up
    except ValueError:
        return True


def _refused_before(payload: _Payload, destination: Destination) -> TagAnswer | None:
    """Give the refusal of the run's last payload of the same tag and since; None if none was.

    What the service refused for good for one payload of a run, such as a since that is too late,
    it refuses for each.
    """
    answers = (TagOutcome.FAILED, TagOutcome.SKIPPED, TagOutcome.UPLOADED)
    validity = _validity(payload.record)
    answered = [
        other
        for other in payload.others
        if other.tags.get(destination) in answers
        and _validity(read_json(other.harvest / HARVEST_RECORD)) == validity
    ]
    last = max(answered, key=lambda other: other.time, default=None)
    if last is None or last.tags[destination] is TagOutcome.UPLOADED:
        return None
    words = f"as {last.harvest.name} was: {last.told.get('answer')}"
    return TagAnswer(TagOutcome.REFUSED_BEFORE, words)


def _validity(record: Mapping[str, Any]) -> tuple[object, object]:
    """The tag and the first since of what a harvest made."""
    iovs = record.get("iovs")
    first = iovs[0] if isinstance(iovs, list) and iovs else None
    return (first.get("tag"), first.get("since")) if isinstance(first, dict) else (None, None)


def _ask(payload: _Payload, decided: Mapping[Destination, TagAnswer], lock: int) -> Answer:
    """Ask the service for what is not decided; before, write down that it is being asked.

    A file that the service knows already was sent by an earlier try, which was not answered. What
    it said of each of several tags then is not known, so that it is asked again.
    """
    dag, harvest = payload.dag, payload.harvest
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
    asked = [d for d in payload.destinations if d not in decided]
    try:
        sinces = _restate(payload, asked)
    except PayloadError as error:
        return Answer(UploadOutcome.FAILED, str(error))

    def ask(metadata: Mapping[str, Any]) -> Answer:
        file = harvest / dag.manifest["upload"]["metadata_filename"]
        if read_json(file) != metadata:
            remove_unfinished(file)
            write_json(file, metadata)
        return conditions.upload(
            database=harvest / dag.manifest["upload"]["final_db_name"],
            tags=[d.tag for d in asked],
            command=settings["command"],
            environment=environment,
            auth_path=auth_path,
            timeout=settings["timeout"],
            log=harvest / "upload.log",
            holding=[lock],
        )

    _note_asking(payload, decided, sinces)
    options = payload.metadata["destinationTags"]
    metadata = {**payload.metadata, "destinationTags": {d.tag: options[d.tag] for d in asked}}
    answer = ask(metadata)
    if any(map(payload.may_be_in, asked)) and conditions.is_known_already(answer):
        if len(asked) > 1:
            return ask(_told_apart(metadata))
        return Answer(UploadOutcome.UPLOADED, f"taken at an earlier try: {answer.words}")
    return answer


def _note_asking(
    payload: _Payload, decided: Mapping[Destination, TagAnswer], sinces: Sequence[int]
) -> None:
    """Write down that the service is being asked: whoever finds it so does not know the answer."""
    asking = TagAnswer(TagOutcome.NOT_NAMED, ASKED)
    tags = {d.tag: decided.get(d, asking) for d in payload.destinations}
    if payload.own and any(map(payload.may_be_in, payload.destinations)):
        sinces = sorted(payload.own.sinces.union(sinces))
    answer = Answer(UploadOutcome.NO_ANSWER, ASKED, unanswered=True, tags=tags)
    _note(payload.harvest, answer, payload, sinces)


def _restate(payload: _Payload, to_send: Sequence[Destination]) -> list[int]:
    """Put all IOVs into the file that is to be sent, and give their sinces.

    Where each IOV keeps its own since, those of earlier uploads of the run are among them.

    Raises
    ------
    PayloadError
        The harvest's payload file is gone or damaged.
    """
    since, tag = payload.metadata.get("since"), str(payload.metadata.get("inputTag"))
    if isinstance(since, int):
        return [since]
    own = _iovs(payload.record, tag)
    taken = (u.sinces for u in payload.others if any(map(u.may_be_in, to_send)))
    if more := restated(own, frozenset[int]().union(*taken)):
        sent = payload.harvest / payload.dag.manifest["upload"]["final_db_name"]
        add_iovs(payload.harvest / PAYLOAD_DB, sent, tag, more)
    return sorted({since for since, _ in (*own, *more)})


def _iovs(record: Mapping[str, Any], tag: str) -> list[tuple[int, str]]:
    """Since and payload hash of each IOV that a harvest made in a tag, by rising since."""
    rows = [row for row in record["iovs"] if isinstance(row, dict) and row.get("tag") == tag]
    return [(row["since"], row["hash"]) for row in rows if isinstance(row.get("since"), int)]


def _together(
    payload: _Payload, decided: Mapping[Destination, TagAnswer], asked: Answer | None
) -> Answer:
    """Put together what became of a payload in its destinations; `asked` is of those not decided.

    It is uploaded if each tag has it, or one of its run that is as good.
    """
    told = {d: decided.get(d) or _told_of(asked, d) for d in payload.destinations}
    tags = {destination.tag: answer for destination, answer in told.items()}
    silent = [d for d, answer in told.items() if answer.outcome is TagOutcome.NOT_NAMED]
    if silent:
        maybe = any(map(payload.may_be_in, silent))
        open_ = asked if asked and asked.outcome.open else Answer(UploadOutcome.NO_ANSWER, "")
        words = {told[d].words for d in silent}
        said = words.pop() if len(silent) == len(told) and len(words) == 1 else in_words(tags)
        return Answer(open_.outcome, said, open_.unanswered or maybe, tags)
    return Answer(_outcome(tags), in_words(tags), tags=tags)


def _outcome(tags: Mapping[str, TagAnswer]) -> UploadOutcome:
    """What a payload has come to of which each tag's outcome is known."""
    outcomes = {answer.outcome for answer in tags.values()}
    if any(outcome.refused for outcome in outcomes):
        return UploadOutcome.REFUSED
    if TagOutcome.UPLOADED in outcomes and TagOutcome.OVERTAKEN not in outcomes:
        return UploadOutcome.UPLOADED
    return UploadOutcome.SUPERSEDED


def _told_of(asked: Answer | None, destination: Destination) -> TagAnswer:
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
    answer: Answer,
    payload: _Payload | None = None,
    sinces: Sequence[int] | None = None,
) -> Answer:
    """Write down what became of a payload, and give it back.

    What was known of its tags stays where its `payload` could not be read, and what was known of
    its `sinces` where none are given.
    """
    before = read_json(harvest / UPLOAD_RECORD)
    record: dict[str, Any] = {
        "outcome": answer.outcome,
        "answer": answer.words,
        "unanswered": answer.unanswered,
        "time": time.time(),
    }
    if payload is None:
        record = before | record | {"unanswered": before.get("unanswered", False)}
    else:
        record["database"] = str(payload.metadata.get("destinationDatabase", ""))
        record["tags"] = {tag: told.outcome for tag, told in answer.tags.items()}
    if (sent := before.get("sinces") if sinces is None else sinces) is not None:
        record["sinces"] = sent
    write_json(harvest / UPLOAD_RECORD, record)
    return answer


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
