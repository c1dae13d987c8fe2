"""Archiving: runs of long ago leave the ledger for the archive of their year, one a cycle.

Knows when a run may go, and the order of effects: it is copied, then deleted. An archive that
cannot be written leaves all as it is, and is told.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path

from condorloop.config.loader import Config
from condorloop.ledger.archive import ArchiveError, archive_of, archives, prepare_archive
from condorloop.ledger.store import Ledger, LedgerError
from condorloop.model.enums import Artifact

EVERY = 600.0
"""Seconds between two looks for what may go."""

log = logging.getLogger(__name__)


class Archiver:
    """Moves runs out of the way of the loop; `error` says why that is not possible, or nothing."""

    def __init__(self, ledger: Ledger) -> None:
        self.error = ""
        self._ledger = ledger
        self._next = 0.0
        self._prepared: set[Path] = set()

    def tidy(self, config: Config, now: float) -> None:
        """Move one run that may go, if it is time to look.

        Raises
        ------
        LedgerError
            The ledger itself cannot be used.
        """
        if now < self._next:
            return
        window = max(c.closing.buffer for c in config.calibrations.values())
        before = now - max(config.site.ledger.archive_after, window)
        self._next = now + EVERY
        try:
            for path in archives(self._ledger.path).values():
                if path not in self._prepared:
                    self._prepare(path)  # which takes long if a large one is brought up to date
                    self._next = now
                    return
            for run in self._ledger.archive.due(before):
                if not self._is_needed(config, run):
                    self._move(run)
                    self._next = now
                    break
        except ArchiveError as error:
            if str(error) != self.error:
                log.error("cannot archive: %s", error)
            self.error = str(error)
        else:
            self.error = ""

    def _is_needed(self, config: Config, run: int) -> bool:
        """Whether cleaning up has still to ask which RECO of a run a payload covers."""
        queries = self._ledger.retention
        for settled in queries.settled(run):
            sharing = queries.of_reconstruction(settled.reconstruction_id)
            configured = (config.calibrations.get(each.key.calibration) for each in sharing)
            goes = any(c is not None and c.retention.reco is not None for c in configured)
            if goes and Artifact.RECO not in settled.cleaned:
                return True
        return False

    def _move(self, run: int) -> None:
        year = datetime.fromtimestamp(self._ledger.campaigns.run_start(run), UTC).year
        path = archive_of(self._ledger.path, year)
        self._prepare(path)
        self._ledger.archive.copy(run, path)
        self._ledger.archive.drop(run, year)
        log.info("run %d archived in %s", run, path.name)

    def _prepare(self, path: Path) -> None:
        """Make an archive, or bring it up to date."""
        try:
            if not path.exists():
                self._make(path)
            elif path not in self._prepared:
                prepare_archive(path)
        except (LedgerError, OSError) as error:
            raise ArchiveError(str(error)) from error
        self._prepared.add(path)

    def _make(self, path: Path) -> None:
        """Make an archive beside its place, and rename it when it can be read."""
        beside = path.with_name(f"{path.name}.new")
        for leftover in path.parent.glob(f"{beside.name}*"):
            leftover.unlink()
        prepare_archive(beside, self._ledger.id)
        beside.replace(path)
