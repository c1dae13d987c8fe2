"""The UPLOAD job: one payload to each of its destinations that has none at least as good.

Knows the order in which destinations are served, their locks, and what is written down beside the
payload; `upload_choice` knows what speaks against sending, `sending` how it is done. Killed
anywhere, it has written down no more than it knew, and can be run again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from condorloop.model.enums import NodeKind, TagOutcome, UploadOutcome
from condorloop.model.tag_content import TagContent
from condorloop.node import double_counting
from condorloop.node.dag_context import DagContext, NodeMisconfigured
from condorloop.node.job_output.payload_db import PayloadError
from condorloop.node.uploads import payload_tags, pieces, sending
from condorloop.node.uploads.destinations import Destination, locked, note_uploaded
from condorloop.node.uploads.holds import restored_in, why_held
from condorloop.node.uploads.upload_choice import Payload, why_not_send
from condorloop.node.uploads.upload_note import NOT_ASKED, UploadNote
from condorloop.node.uploads.upload_records import run_of, unreadable, uploads_of
from condorloop.policy import upload_order
from condorloop.rundir.durable import remove_unfinished
from condorloop.rundir.layout import (
    ASK_AGAIN,
    HARVEST_RECORD,
    PERMANENT,
    UPLOAD_LOG,
    UPLOAD_RECORD,
)
from condorloop.rundir.records.decisions import Restored
from condorloop.rundir.records.harvest import HarvestResult
from condorloop.rundir.records.manifest import UploadMetadata, UploadSettings
from condorloop.rundir.records.record import RecordError
from condorloop.rundir.records.upload import UploadResult
from condorloop.services.cmssw import CmsswError
from condorloop.services.conditions import TagAnswer, UploadAnswer


def upload(dag: DagContext, name: str = NodeKind.UPLOAD) -> int:
    """Upload the DAG's payload to each destination that has none at least as good.

    Each destination is asked for itself, one after the other, under a lock of its own. Every
    outcome is written down beside the payload. What a destination's order keeps back is `pending`,
    and no failure. A refusal is final, until a person has it asked again, and exits with
    `PERMANENT`; without an answer another try may help.
    """
    dag = dag.at(name)
    harvest = dag.made_dir / dag.node(name).output
    remove_unfinished(harvest / UPLOAD_RECORD)
    before = UploadResult.find(harvest / UPLOAD_RECORD)
    outcome = before.outcome if before else UploadOutcome.FAILED
    again = dag.settings.again
    wanted = _has_refusal(before) and (again or (harvest / ASK_AGAIN).exists())
    asked_for = wanted or again or dag.settings.restores
    if outcome.unfinished or asked_for or _goes_elsewhere(dag, before):
        answer = _upload(dag, harvest, wanted)
        outcome = answer.outcome
        print(f"{outcome}: {answer.words}")
    if not outcome.open:
        (harvest / ASK_AGAIN).unlink(missing_ok=True)
    if outcome is UploadOutcome.REFUSED:
        return PERMANENT
    return 1 if outcome.open else 0


def _has_refusal(before: UploadResult | None) -> bool:
    if before is None:
        return False
    each = before.each() or ()
    return before.outcome is UploadOutcome.REFUSED or any(d.outcome.refused for d in each)


def _goes_elsewhere(dag: DagContext, before: UploadResult | None) -> bool:
    """Whether the payload is to go to a destination, too, that nothing is told of."""
    each = before.each() if before else None
    known = {(told.database, told.tag) for told in each or ()}
    wanted = [upload.metadata for upload in dag.settings.uploads]
    return bool(each) and any((m.database, tag) not in known for m in wanted for tag in m.tags)


def _upload(dag: DagContext, harvest: Path, wanted: bool) -> UploadAnswer:
    """Upload a payload where nothing speaks against it, and write down what became of it."""
    in_pieces = dag.settings.piece is not None
    note = UploadNote(harvest, restored=_restored(dag, harvest) is not None, in_pieces=in_pieces)
    try:
        record = HarvestResult.read(harvest / HARVEST_RECORD)
    except RecordError as error:
        return note.whole(UploadAnswer(UploadOutcome.FAILED, str(error)))
    except OSError as error:
        return note.whole(UploadAnswer(UploadOutcome.FAILED, unreadable(error)))
    if not record.iovs:
        return note.whole(UploadAnswer(UploadOutcome.NO_PAYLOAD, record.why_no_payload))
    if twice := double_counting.why_twice(dag.run_dir, dag.settings.alca_witness, record):
        words = f"it counts a RAW file twice: {twice}"
        return note.whole(UploadAnswer(UploadOutcome.FAILED, words))
    targets = list(_targets(dag, record))
    note.begin([target.destination for target in targets])
    (harvest / UPLOAD_LOG).unlink(missing_ok=True)
    job = _Job(dag, harvest, record, wanted, note, sending.Tool(dag))
    job.serve(sorted(targets, key=lambda target: note.was_silent(target.destination)))
    return note.end()


@dataclass(frozen=True, slots=True)
class _Target:
    """A destination, and what goes there; `wrong` says why nothing can."""

    upload: UploadSettings
    metadata: UploadMetadata
    destination: Destination
    wrong: str = ""


def _targets(dag: DagContext, record: HarvestResult) -> Iterator[_Target]:
    """The destinations of a payload file, each with the metadata for it alone."""
    for upload in dag.settings.uploads:
        metadata, wrong = upload.metadata, ""
        try:
            metadata = payload_tags.metadata_of(upload, record.iovs, dag.run)
        except NodeMisconfigured as error:
            wrong = str(error)
        for tag, options in metadata.tags.items():
            destination = Destination(metadata.database, tag)
            yield _Target(upload, replace(metadata, tags={tag: options}), destination, wrong)


@dataclass(frozen=True, slots=True)
class _Job:
    """The upload of one payload file."""

    dag: DagContext
    harvest: Path
    record: HarvestResult
    wanted: bool
    note: UploadNote
    tool: sending.Tool

    def serve(self, targets: list[_Target]) -> None:
        """Serve the destinations that nobody else sends to, then the others."""
        busy = [target for target in targets if not self._served(target, 0.0)]
        patience = 2 * self.dag.settings.conditions.timeout  # a tool that is given its time is done
        deadline = time.monotonic() + patience
        for target in busy:
            if not self._served(target, max(0.0, deadline - time.monotonic())):
                self.note.never_free(target.destination)

    def _served(self, target: _Target, patience: float) -> bool:
        """Serve a destination; False if its lock is held for too long."""
        work_dir = self.dag.run_dir.parent.parent
        with locked(work_dir, target.destination, patience) as lock:
            if lock is None:
                return False
            answer = self._answer(target, lock)
            self.note.came_to(target.destination, answer)
            if answer.outcome is TagOutcome.UPLOADED:
                runs = self.dag.made_dir
                note_uploaded(runs, target.destination, run_of(runs))
        return True

    def _answer(self, target: _Target, lock: int) -> TagAnswer:
        """Send to a destination what nothing speaks against, and give what came of it."""
        if target.wrong and not self.note.is_in(target.destination):
            return replace(_silent(target.wrong), failed=True)
        found = None if self.note.is_in(target.destination) else self.tool.read(target.destination)
        if found and found.synchronisation:  # what the tag says itself counts
            known = replace(target.upload, synchronisation=found.synchronisation)
            target = replace(target, upload=known)
        try:
            payload = self._payload(target, found)
        except OSError as error:
            return _silent(unreadable(error))
        if decided := why_not_send(payload):
            return decided
        try:
            held = why_held(payload, self.tool)
        except CmsswError as error:
            return _silent(str(error))
        if held is not None:
            return self.note.held(target.destination, held)
        if problem := self.tool.why_not():
            return _silent(str(problem))
        if payload.goes_in_pieces:
            return pieces.send(payload, self.tool, self.note, lock)
        try:
            sinces = sending.file_for(payload)
        except PayloadError as error:
            return replace(_silent(str(error)), failed=True)
        metadata = sending.words_of(payload)
        self.note.asking(payload, metadata, sinces)
        answer = sending.ask(payload, self.tool, metadata, lock, maybe=payload.may_be_in)
        order = upload_order.order_of(upload_order.known(target.upload.synchronisation))
        if answer.outcome is TagOutcome.UPLOADED and order is not upload_order.Order.MOVES_UP:
            return replace(answer, since=min(sinces))
        return answer  # or the service may have moved the since up: the tag tells

    def _payload(self, target: _Target, found: TagContent | None) -> Payload:
        names = [upload.metadata_filename for upload in self.dag.settings.uploads]
        earlier = uploads_of(self.dag.made_dir, names)
        return Payload(
            dag=self.dag,
            harvest=self.harvest,
            record=self.record,
            upload=target.upload,
            metadata=target.metadata,
            destination=target.destination,
            own=next((each for each in earlier if each.harvest == self.harvest), None),
            others=[each for each in earlier if each.harvest != self.harvest],
            wanted=self.wanted,
            restored=_restored(self.dag, self.harvest),
            there=found,
        )


def _restored(dag: DagContext, harvest: Path) -> Restored | None:
    """Who wants a payload in the place of what is there; None if it is sent as any other one."""
    try:
        restored = restored_in(dag) if dag.settings.restores else None
    except (RecordError, OSError):
        return None  # it is held, as nobody knows
    return restored if restored and restored.harvest == harvest.name else None


def _silent(words: str) -> TagAnswer:
    return replace(NOT_ASKED, words=words)
