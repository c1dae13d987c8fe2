"""One payload is sent to one destination: the file, the words, the tool, and what it answers.

Knows what is written beside the payload for the tool, and how the tool is run. The lock of the
destination is held by the caller, who writes down what came of it.
"""

from __future__ import annotations

import filecmp
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from condorloop.model.enums import TagOutcome, UploadOutcome
from condorloop.model.tag_content import TagContent
from condorloop.model.user_text import UserText
from condorloop.node.dag_context import DagContext
from condorloop.node.job_output.payload_db import add_iovs
from condorloop.node.uploads.destinations import Destination
from condorloop.node.uploads.upload_choice import Payload
from condorloop.policy import upload_order
from condorloop.policy.restating import restated
from condorloop.rundir.durable import remove_unfinished
from condorloop.rundir.layout import PAYLOAD_DB, UPLOAD_LOG, iso_time
from condorloop.rundir.records.manifest import UploadMetadata
from condorloop.rundir.records.upload_settings import LONGEST_READ, TagReaderTool
from condorloop.runtime.secret_files import NotPrivate
from condorloop.services import conditions
from condorloop.services.cmssw import Cmssw, CmsswError
from condorloop.services.conditions import TagAnswer, UploadAnswer
from condorloop.services.tag_reader import TagReader, TagUnreadable


@dataclass(slots=True)
class Tool:
    """The tools of a DAG's release, which is entered once."""

    dag: DagContext
    _environment: Mapping[str, str] = field(default_factory=dict)
    _reader_is_down: bool = False

    def environment(self) -> Mapping[str, str]:
        """Give the environment of the release.

        Raises
        ------
        CmsswError
            It cannot be entered.
        """
        if not self._environment:
            tool, area = self.dag.settings.conditions, self.dag.manifest.cmssw
            needs = tool.command[:1]
            cmssw = Cmssw(area.setup, area.scram_arch, area.release, area.folder, needs=needs)
            self._environment = cmssw.environment()
        return self._environment

    def read(self, destination: Destination) -> TagContent | None:
        """Read what a destination holds; None where no reader is configured, or it is down.

        It is asked for a short time, and not again when it was down: an upload does not wait for
        it.
        """
        if (tool := self.dag.settings.tag_reader) is None or self._reader_is_down:
            return None
        try:
            return self._reader(tool).read(destination.database, destination.tag)
        except CmsswError:
            return None
        except TagUnreadable as error:
            self._reader_is_down = not error.missing
            print(f"{destination} is not read back: {error}")
            return None

    def copy(self, destination: Destination, file: Path, first: int, last: int, name: str) -> bool:
        """Copy what a destination holds between two sinces into a file, as a tag of that name.

        Returns
        -------
        bool
            Whether it was copied: the reader may be down.

        Raises
        ------
        CmsswError
            The release cannot be entered.
        """
        if (tool := self.dag.settings.tag_reader) is None or self._reader_is_down:
            return False
        file.unlink(missing_ok=True)
        try:
            reader = self._reader(tool)
            reader.copy(destination.database, destination.tag, file, first, last, name)
        except TagUnreadable as error:
            self._reader_is_down = not error.missing
            print(f"{destination} is not read back: {error}")
            return False
        return True

    def _reader(self, tool: TagReaderTool) -> TagReader:
        area, auth_path = self.dag.manifest.cmssw, self.dag.settings.conditions.auth_path
        cmssw = Cmssw(area.setup, area.scram_arch, area.release, area.folder)
        tool = replace(tool, timeout=min(tool.timeout, LONGEST_READ))
        return TagReader(tool, cmssw, auth_path, self.environment())

    def why_not(self) -> str | NotPrivate | None:
        """Say why the service cannot be asked; None if it can."""
        try:
            self.environment()
        except CmsswError as error:
            return str(error)
        return conditions.missing_credentials(self.dag.settings.conditions.auth_path)


def words_of(payload: Payload) -> UploadMetadata:
    """Give what is told to the service with a payload.

    The service takes no file twice, not one that it refused: what is asked again after a refusal is
    worded apart, and what may have been taken without an answer has the same words again.
    """
    record, metadata = payload.record, payload.metadata
    text = UserText.of(metadata.user_text, record.dag_id, record.lumis, record.events)
    metadata = replace(metadata, user_text=str(text))
    if payload.restored:  # the same words at each try: the service tells whether it took them
        origin = f", taken from {payload.restored.origin}" if payload.restored.origin else ""
        put_back = f"{text} (put back at {iso_time(payload.restored.time)}{origin})".lstrip()
        return replace(metadata, user_text=put_back)
    before = payload.before
    if before is None:
        return metadata
    if payload.wanted and before.outcome.refused:
        return _told_apart(metadata)
    if not before.unanswered:
        return metadata
    if before.user_text is not None:
        return replace(metadata, user_text=before.user_text)
    said = UploadMetadata.find(payload.harvest / payload.upload.metadata_filename)
    return replace(metadata, user_text=said.user_text) if said else metadata


def _told_apart(metadata: UploadMetadata) -> UploadMetadata:
    again = f"{metadata.user_text} (asked again at {iso_time(time.time())})".lstrip()
    return replace(metadata, user_text=again)


def file_for(payload: Payload) -> tuple[int, ...]:
    """Put all IOVs into the file that is to be sent, and give their sinces.

    Where each IOV keeps its own since, those that the destination has of the run are among them, as
    it was read back and as earlier uploads tell, if the tag lets them be put in again.

    Raises
    ------
    PayloadError
        The harvest's payload file is gone or damaged.
    OSError
        The file cannot be written.
    """
    source = payload.harvest / PAYLOAD_DB
    sent = payload.harvest / payload.upload.final_db_name
    tag = payload.metadata.input_tag
    own = [(iov.since, iov.hash) for iov in payload.iovs]
    more: list[tuple[int, str]] = []
    if payload.keeps_sinces and upload_order.is_restated(
        upload_order.known(payload.upload.synchronisation)
    ):
        there = [other for other in payload.others if other.may_be_in(payload.destination)]
        taken = (other.sinces_in(payload.destination) for other in there)
        more = restated(own, payload.sinces_there.union(*taken))
    if more or not _stands(source, sent):
        add_iovs(source, sent, tag, more)
    if payload.metadata.since is not None:
        return (payload.metadata.since,)
    return tuple(sorted({since for since, _ in (*own, *more)}))


def _stands(source: Path, sent: Path) -> bool:
    """Whether the file that is sent is what the harvest made, as far as that can be told."""
    try:
        return filecmp.cmp(source, sent, shallow=False)
    except FileNotFoundError:
        return sent.exists()


def ask(
    payload: Payload, tool: Tool, metadata: UploadMetadata, lock: int, *, maybe: bool
) -> TagAnswer:
    """Send a payload, and give what became of it; a destination that is silent is `NOT_NAMED`.

    Parameters
    ----------
    maybe
        Whether an earlier try may have brought it there: then a file that the service knows
        already was sent by that one, which was not answered.
    """
    file = payload.harvest / payload.upload.metadata_filename
    if UploadMetadata.find(file) != metadata:
        remove_unfinished(file)
        metadata.write(file)
    told = payload.dag.settings.conditions
    answer = conditions.upload(
        database=payload.harvest / payload.upload.final_db_name,
        tags=[payload.destination.tag],
        command=told.command,
        environment=tool.environment(),
        auth_path=told.auth_path,
        timeout=told.timeout,
        log=payload.harvest / UPLOAD_LOG,
        holding=[lock],
    )
    if maybe and conditions.is_known_already(answer):
        return TagAnswer(TagOutcome.UPLOADED, f"taken at an earlier try: {answer.words}")
    return _of_tag(payload.destination.tag, answer)


def _of_tag(tag: str, answer: UploadAnswer) -> TagAnswer:
    """What the tool said of a tag, or of all where it did not say it of each."""
    told = answer.tags.get(tag) or TagAnswer(
        _OF_ALL.get(answer.outcome, TagOutcome.NOT_NAMED), answer.words
    )
    if told.outcome is TagOutcome.NOT_NAMED:
        failed = answer.outcome is UploadOutcome.FAILED
        return replace(told, words=answer.words, unanswered=answer.unanswered, failed=failed)
    return told


_OF_ALL = {
    UploadOutcome.UPLOADED: TagOutcome.UPLOADED,
    UploadOutcome.REFUSED: TagOutcome.FAILED,
}
