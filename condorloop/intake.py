"""The intake of RAW files: what storage lists is written down, and probed once.

Knows when a file is new and when it is probed again; knows nothing of batches. A file that
cannot be opened is tried again as long as its run is watched, for that may be storage's fault.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from condorloop.bell import Bell
from condorloop.ledger import Ledger
from condorloop.model import FileState, Probe
from condorloop.services import Service
from condorloop.site import StorageSite
from condorloop.storage import Contents, Storage, StorageUnavailable

SOON = 4
"""How often a file that cannot be opened is tried before nothing waits for it any more."""

PROBE_WAIT = 5.0
"""Seconds until the second try; doubled each time, up to `LONGEST_WAIT`."""

LONGEST_WAIT = 600.0

log = logging.getLogger(__name__)


class Intake:
    """Watches the run folders of a site's storage.

    Parameters
    ----------
    environment
        Gives the CMSSW environment for the probes.
    bell
        Rung whenever a probe has ended.
    """

    def __init__(
        self,
        site: StorageSite,
        ledger: Ledger,
        environment: Callable[[], Mapping[str, str]],
        bell: Bell,
    ) -> None:
        self.service = Service("EOS")
        self.probing = Service("edmFileUtil")
        self.listed: dict[tuple[str, int], float] = {}
        self._ledger = ledger
        self._storage = Storage(site, environment, bell.ring)
        self._bell = bell
        self._known: dict[tuple[str, int], dict[str, int]] = {}
        self._probe_after: dict[str, float] = {}
        self._probed_size: dict[str, int | None] = {}

    def observe(self, watched: list[tuple[str, int]], now: float) -> None:
        """List the watched (stream, run) folders, and probe what is new or due for another try."""
        self._forget_all_but(watched)
        errors = []
        for stream, run in watched:
            try:
                self._note(stream, run, self._storage.list_run(stream, run), now)
            except StorageUnavailable as error:
                errors.append(error)
                if error.everywhere:
                    break
        if errors:
            self.service.failed(errors[0], now)
        elif watched:
            self.service.good(now)
        for stream, run in watched:
            for path in self._ledger.files_to_probe(stream, run):
                if self._probe_after.get(path, 0.0) <= now:
                    self._probed_size.setdefault(path, self._size(stream, run, path))
                    self._storage.start_probe(path)

    def settle(self, clock: Callable[[], float]) -> None:
        """Wait until every probe that is under way has told its result."""
        while self._storage.probing:
            self._bell.wait(PROBE_WAIT)
            self.take_probes(clock())

    def close(self) -> None:
        """Start nothing more."""
        self._storage.close()

    def _size(self, stream: str, run: int, path: str) -> int | None:
        return self._known.get((stream, run), {}).get(path)

    def _forget_all_but(self, watched: list[tuple[str, int]]) -> None:
        for remembered in (self._known, self.listed):
            for gone in remembered.keys() - set(watched):
                del remembered[gone]

    def _note(self, stream: str, run: int, listing: Mapping[str, int], now: float) -> None:
        if (stream, run) not in self._known:
            self._known[stream, run] = self._ledger.files(stream, run)
        known = self._known[stream, run]
        changed = {path: size for path, size in listing.items() if known.get(path) != size}
        if changed:
            self._ledger.add_files(stream, run, changed, now)
            known |= changed
            log.info("run %d: %d new RAW files in %s", run, len(changed), stream)
        self.listed[stream, run] = now

    def take_probes(self, now: float) -> None:
        """Write down what the probes that have ended told."""
        for path, contents in self._storage.probed().items():
            found = self._ledger.stream_and_run(path)
            size = self._probed_size.pop(path, None)
            if found and contents.error and size != self._size(*found, path):
                continue  # it has grown meanwhile, and is to be probed as it is
            if found and not contents.answered:
                self._probe_after[path] = now + PROBE_WAIT
                self.probing.failed(contents.error, now)
            elif found:
                self.probing.good(now)
                self._take(path, found, contents, now)

    def _take(self, path: str, found: tuple[str, int], contents: Contents, now: float) -> None:
        _, run = found
        lumis, error = contents.lumis(run), contents.error
        if not error and not lumis.ranges:
            error = f"no lumisection of run {run}"
        tries = self._ledger.files_to_probe(*found).get(path, 0) + 1
        state = file_state(error, contents.transient, tries)
        events = sum(contents.events.get(run, {}).values())
        self._ledger.record_probe(path, state, Probe(lumis, events, error), now)
        self._probe_after.pop(path, None)
        if state in (FileState.NEW, FileState.UNREADABLE):
            self._probe_after[path] = now + min(PROBE_WAIT * 2 ** (tries - 1), LONGEST_WAIT)
        if state is FileState.GOOD:
            log.info("run %d: %s holds LS %s, %d events", run, path, lumis, events)
        elif state is FileState.NEW:
            log.info("run %d: %s cannot be read yet: %s", run, path, error)
        elif state is FileState.BAD or tries == SOON:
            log.warning("run %d: %s file %s: %s", run, state, path, error)


def file_state(error: str, transient: bool, tries: int) -> FileState:
    """Judge a RAW file by what its last probe of `tries` told."""
    if not error:
        return FileState.GOOD
    if not transient:
        return FileState.BAD
    return FileState.NEW if tries < SOON else FileState.UNREADABLE
