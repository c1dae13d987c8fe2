"""Confirmation of uploads: destinations are read back, and what they hold is compared.

Knows which uploads are not confirmed, when a destination is read again, and what is written into
the ledger of it. A cycle begins one reading at the most and never waits for it. A reader that is
down changes nothing: nothing is confirmed, and nothing contradicted.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from condorloop.config import credentials
from condorloop.cycle.ports import TagSource
from condorloop.cycle.settings import Settings
from condorloop.ledger.store import Ledger
from condorloop.model.jobs import SentPayload
from condorloop.model.tag_content import TagContent
from condorloop.node.uploads import believed
from condorloop.node.uploads.destinations import Destination
from condorloop.node.uploads.upload_records import uploads_of
from condorloop.policy.in_force import Confirmation, SentIov, confirm
from condorloop.rundir.layout import harvest_name, run_dir
from condorloop.services.tag_readings import Reading

LOOKED_FOR = 86400.0
"""Seconds after its upload for which a payload is looked for."""

FIRST_WAIT, LONGEST_WAIT = 30.0, 900.0
"""Seconds between two readings of a destination that did not show what was uploaded; they double.
"""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Begun:
    """When a reading was begun, and how long the next one of the same waits, in seconds."""

    at: float
    wait: float


_NEVER = _Begun(-math.inf, FIRST_WAIT / 2)


class Confirmations:
    """Reads back the destinations of one loop."""

    def __init__(self, ledger: Ledger, settings: Settings, tags: TagSource) -> None:
        self._ledger = ledger
        self._settings = settings
        self._tags = tags
        self._begun: dict[Destination, _Begun] = {}
        self._error = ""

    def look(self, now: float) -> None:
        """Take what was read since the last look, and begin to read the next destination.

        Raises
        ------
        LedgerError
            The ledger cannot be read or written.
        """
        if self._settings.config.site.conditions.conddb is None:
            return
        by_destination = self._unconfirmed(now)
        if readings := self._tags.taken():
            for reading in readings:
                self._take(reading, by_destination, now)
            by_destination = self._unconfirmed(now)
        self._begun = {d: begun for d, begun in self._begun.items() if d in by_destination}
        due = [d for d, uploads in by_destination.items() if self._is_due(d, uploads, now)]
        if not due:
            return
        first = min(due, key=lambda d: self._begun.get(d, _NEVER).at)
        auth_path = self._auth_path(by_destination[first][0].key.calibration)
        if self._tags.start(first.database, first.tag, auth_path):
            waited = self._begun.get(first, _NEVER).wait
            self._begun[first] = _Begun(now, min(2 * waited, LONGEST_WAIT))

    def _unconfirmed(self, now: float) -> dict[Destination, list[SentPayload]]:
        found: dict[Destination, list[SentPayload]] = {}
        for each in self._ledger.payloads.unconfirmed(now - LOOKED_FOR):
            found.setdefault(Destination(each.database, each.tag), []).append(each)
        return found

    def _is_due(self, destination: Destination, sent: Iterable[SentPayload], now: float) -> bool:
        """Whether a destination is to be read: it has waited, or took something since."""
        begun = self._begun.get(destination, _NEVER)
        return now >= begun.at + begun.wait or any(each.answered_at > begun.at for each in sent)

    def _auth_path(self, calibration: str) -> Path | None:
        config = self._settings.config
        known = config.calibrations.get(calibration)
        return credentials.auth_path(known, config.site) if known else None

    def _take(
        self, reading: Reading, sent: Mapping[Destination, list[SentPayload]], now: float
    ) -> None:
        """Write into the ledger what a reading says of the last uploads to its destination."""
        if reading.content is None:
            if reading.error != self._error:
                log.warning("uploads are not confirmed: %s", reading.error)
            self._error = reading.error
            return
        self._error = ""
        destination = Destination(reading.database, reading.tag)
        for each in sent.get(destination, ()):
            if iovs := self._sent_iovs(each, destination):
                self._compare(each, reading.content, iovs, now)

    def _compare(
        self, sent: SentPayload, content: TagContent, iovs: list[SentIov], now: float
    ) -> None:
        found = confirm(content, iovs)
        harvest = harvest_name(sent.harvest)
        if found.confirmation is Confirmation.CONFIRMED:
            self._ledger.payloads.confirm(sent, now, found.since)
            log.info("%s: %s is in %s, as it was read back", sent.key, harvest, sent.tag)
        elif found.confirmation is Confirmation.CONTRADICTED:
            self._ledger.payloads.contradict(sent, found.words)
            log.error("%s: %s is not in %s: %s", sent.key, harvest, sent.tag, found.words)

    def _sent_iovs(self, sent: SentPayload, destination: Destination) -> list[SentIov]:
        """What was sent, as the records beside the payload tell; nothing where they are gone."""
        config = self._settings.config
        known = config.calibrations.get(sent.key.calibration)
        names = [metadata for _, metadata in known.harvest.file_names] if known else []
        runs = run_dir(config.site.work_dir, sent.key.calibration, sent.key.run)
        try:
            uploads = uploads_of(runs, names)
        except OSError as error:
            log.warning("%s: uploads are not confirmed: %s", sent.key, error)
            return []
        wanted = harvest_name(sent.harvest)
        return [
            iov
            for upload in uploads
            if upload.harvest.name == wanted and destination in upload.of
            for iov in believed.sent_iovs(upload, destination)
        ]
