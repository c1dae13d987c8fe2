"""Payload files by the words that people use: harvestJob003, 398600/harvestJob003, in-force.

Knows where harvests have left their files, and how one is copied from the database; reads no
constants.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from condorloop.config.loader import Known
from condorloop.errors import CondorloopError
from condorloop.history.in_force import Readers
from condorloop.history.ledger_reader import LedgerStories
from condorloop.history.reader import ledger_of, tell
from condorloop.ledger.archive import with_archives
from condorloop.model.tag_content import TagContent, since_of
from condorloop.node.job_output.payload_db import PayloadError, iovs
from condorloop.node.uploads.destinations import Destination
from condorloop.rundir.layout import HARVEST_RECORD, PAYLOAD_DB, harvest_name, run_dir
from condorloop.rundir.records.harvest import HarvestResult
from condorloop.services.tag_reader import TagReader

IN_FORCE = "in-force"
EXPECTED = (
    f"harvestJobNNN, RUN/harvestJobNNN, {IN_FORCE}, a hash or its beginning, "
    "or a path that ends in .db"
)

_HARVEST = re.compile(r"(?:(?P<run>[0-9]{1,9})/)?(?P<harvest>harvestJob[0-9]{3,9})")
_HASH = re.compile(r"[0-9a-fA-F]{6,40}")


class NoSuchPayload(CondorloopError):
    """The payload that is meant is not there, or not in one place only."""


@dataclass(frozen=True, slots=True)
class PayloadFile:
    """A payload file; `label` says what it is, `tag` is the one in it that is meant."""

    label: str
    file: Path
    tag: str
    digest: str = ""


@dataclass(frozen=True, slots=True)
class PayloadFiles:
    """The payload files of one calibration, seen from one of its runs.

    Attributes
    ----------
    config
        Where the work_dir is, and what is configured.
    calibration, run
        Whose payloads are meant.
    readers
        Gives the reader of its tags.
    scratch
        A folder for what is copied from the database.
    """

    config: Known
    calibration: str
    run: int
    readers: Readers
    scratch: Path

    def find(self, words: str) -> PayloadFile:
        """Find the payload that words mean.

        Raises
        ------
        NoSuchPayload
            There is none, or the words mean nothing.
        TagUnreadable
            The database cannot be asked for it.
        """
        if found := _HARVEST.fullmatch(words):
            run = int(found["run"] or self.run)
            return self._of_harvest(run, found["harvest"])
        if words == IN_FORCE:
            return self._in_force()
        if _HASH.fullmatch(words):
            return self._of_hash(words.lower())
        if words.endswith(".db"):
            return self._of_file(Path(words))
        raise NoSuchPayload(f"{words!r} is no payload: expected {EXPECTED}")

    def _of_file(self, file: Path) -> PayloadFile:
        """Take a file that is not one of the work_dir's, such as that of a trial."""
        try:
            tags = [iov.tag for iov in iovs(file)]
        except (PayloadError, OSError) as error:
            raise NoSuchPayload(f"{file}: {error}") from error
        if not tags:
            raise NoSuchPayload(f"{file}: no payload is there")
        wanted = self._input_tag
        return PayloadFile(str(file), file, wanted if wanted in tags else tags[0])

    def _of_harvest(self, run: int, harvest: str, digest: str = "") -> PayloadFile:
        folder = run_dir(self.config.site.work_dir, self.calibration, run) / harvest
        label = harvest if run == self.run else f"{run}/{harvest}"
        made = HarvestResult.find(folder / HARVEST_RECORD)
        if made is None:
            raise NoSuchPayload(f"{self.calibration} run {run} has no {harvest}: {folder}")
        if not made.iovs:
            raise NoSuchPayload(f"{harvest} of {self.calibration} run {run} made no payload")
        if not (folder / PAYLOAD_DB).exists():
            raise NoSuchPayload(f"{folder / PAYLOAD_DB}: the payload file is gone")
        wanted = next((i.tag for i in made.iovs if digest and i.hash == digest), self._input_tag)
        tags = [iov.tag for iov in made.iovs]
        return PayloadFile(
            label, folder / PAYLOAD_DB, wanted if wanted in tags else tags[0], digest
        )

    @property
    def _input_tag(self) -> str:
        known = self.config.calibrations.get(self.calibration)
        return known.harvest.records[0].input_tag if known else ""

    def _destination(self) -> Destination:
        known = self.config.calibrations.get(self.calibration)
        if known is None:
            raise NoSuchPayload(f"{self.calibration} is not configured: its tag is not known")
        record = known.harvest.records[0]
        return Destination(record.database, next(iter(record.tags)))

    def _reader(self) -> TagReader:
        reader = self.readers(self.calibration)
        if reader is None:
            raise NoSuchPayload(
                "no reader is configured (conditions.conddb of the site file): what is in force is"
                " not known"
            )
        return reader

    def _in_force(self) -> PayloadFile:
        """Copy what holds from the first to the last lumisection of the run."""
        [story] = tell(self.config, self.run, (self.calibration,))
        last_ls = story.campaign.last_ls or story.campaign.lumis.seen.last or 1
        destination, reader = self._destination(), self._reader()
        content = reader.read(destination.database, destination.tag)
        first, last = (since_of(content.time_type, self.run, ls) for ls in (1, last_ls))
        return self._copied(reader, destination, first, last, f"in force in {destination.tag}")

    def _of_hash(self, beginning: str) -> PayloadFile:
        for run, harvest, digest in self._made(beginning):
            return self._of_harvest(run, harvest, digest)
        destination, reader = self._destination(), self._reader()
        content = reader.read(destination.database, destination.tag)
        since, digest = _only(content, beginning)
        label = f"{digest[:12]} of {destination.tag}"
        found = self._copied(reader, destination, since, since, label)
        return PayloadFile(found.label, found.file, found.tag, digest)

    def _made(self, beginning: str) -> Iterator[tuple[int, str, str]]:
        """The harvests whose files are there and have such a payload: run, name, hash."""
        runs = run_dir(self.config.site.work_dir, self.calibration, self.run)
        own = [
            (self.run, f.parent.name) for f in sorted(runs.glob(f"harvestJob*/{HARVEST_RECORD}"))
        ]
        for run, harvest in (*own, *self._known(beginning)):
            folder = run_dir(self.config.site.work_dir, self.calibration, run) / harvest
            made = HarvestResult.find(folder / HARVEST_RECORD)
            if made is None or not (folder / PAYLOAD_DB).exists():
                continue
            if hashes := {iov.hash for iov in made.iovs if iov.hash.startswith(beginning)}:
                yield run, harvest, hashes.pop() if len(hashes) == 1 else ""

    def _known(self, beginning: str) -> Iterator[tuple[int, str]]:
        """The harvests of other runs that the ledger knows by a hash."""
        with ExitStack() as stack:
            for part in with_archives(ledger_of(self.config.site.work_dir)):
                ledger = stack.enter_context(LedgerStories(part))
                for found in ledger.search.dags_of_payload(beginning, 10):
                    if found.campaign.calibration == self.calibration:
                        yield found.campaign.run, harvest_name(found.number)

    def _copied(
        self, reader: TagReader, destination: Destination, first: int, last: int, label: str
    ) -> PayloadFile:
        file = self.scratch / f"{len(list(self.scratch.iterdir()))}.db"
        reader.copy(destination.database, destination.tag, file, first, last)
        return PayloadFile(label, file, destination.tag)


def _only(content: TagContent, beginning: str) -> tuple[int, str]:
    found = {iov.hash: iov.since for iov in content.iovs if iov.hash.startswith(beginning)}
    if len(found) != 1:
        count = "no payload" if not found else f"{len(found)} payloads"
        raise NoSuchPayload(f"{count} of tag {content.tag} and of condorloop begin {beginning!r}")
    [(digest, since)] = found.items()
    return since, digest


@contextmanager
def opened(config: Known, calibration: str, run: int, readers: Readers) -> Iterator[PayloadFiles]:
    """Give the payload files of a calibration; what is copied is removed at the end."""
    with TemporaryDirectory(prefix="condorloop-payload-") as folder:
        yield PayloadFiles(config, calibration, run, readers, Path(folder))
