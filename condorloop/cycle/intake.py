"""The intake of RAW files: what storage lists is written down, and probed once.

Knows when a file is new and when it is probed again; knows nothing of batches. A file that
cannot be opened is tried again as long as its run is watched, for that may be storage's fault.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Event

from condorloop.cycle.ports import FileStore
from condorloop.ledger.store import Ledger
from condorloop.model.campaign import Probe
from condorloop.model.enums import FileState
from condorloop.model.lumis import EMPTY
from condorloop.model.service import Service
from condorloop.runtime.shutdown import Shutdown
from condorloop.runtime.wakeup import Wakeup
from condorloop.services.storage import Contents, StorageUnavailable, unusable_name
from condorloop.text import plural

SOON = 4
"""How often a file that cannot be opened is tried before nothing waits for it any more."""

PROBE_WAIT = 5.0
"""Seconds until the second try; doubled each time, up to `LONGEST_WAIT`."""

LONGEST_WAIT = 600.0

log = logging.getLogger(__name__)


class Intake:
    """Watches the run folders of a site's storage; lists so many `at_once`."""

    def __init__(
        self, storage: FileStore, ledger: Ledger, shutdown: Shutdown, at_once: int
    ) -> None:
        self.service = Service("EOS")
        self.probing = Service("edmFileUtil", trouble="failing")
        self.listed: dict[tuple[str, int], float] = {}
        self._ledger = ledger
        self._storage = storage
        self._shutdown = shutdown
        self._threads = ThreadPoolExecutor(at_once, "listing")
        self._listing: dict[tuple[str, int], Mapping[str, int]] = {}
        self._asked: dict[tuple[str, int], float] = {}
        self._known: dict[tuple[str, int], dict[str, int]] = {}
        self._gone: dict[tuple[str, int], set[str]] = {}
        self._probe_after: dict[str, float] = {}
        self._probed_size: dict[str, int | None] = {}

    def observe(self, watched: Mapping[tuple[str, int], bool], now: float) -> None:
        """List run folders, and probe what is new or due for another try.

        Parameters
        ----------
        watched
            The (stream, run) folders that may get files, and whether a campaign of them is open.
            Those are listed each time; of the others, one: that which was not for longest.
        now
            Seconds since the epoch.
        """
        self._forget_all_but(watched)
        errors = []
        down = Event()
        turn = self._in_turn(watched)
        asked = [(folder, self._threads.submit(self._list, *folder, down)) for folder in turn]
        for (stream, run), answer in asked:
            try:
                with self._shutdown.outside():
                    listing = answer.result()
            except StorageUnavailable as error:
                errors.append(error)
                self._listing.pop((stream, run), None)
                self._note_new(stream, run, error.files, now)
                self._asked[stream, run] = now
                continue
            if listing is None:
                continue
            if listing is not self._listing.get((stream, run)):
                known = self._note_new(stream, run, listing, now)
                self._note_gone(stream, run, known.keys() - listing.keys())
                self._listing[stream, run] = listing
            self._asked[stream, run] = self.listed[stream, run] = now
        if errors:
            self.service.failed(errors[0], now)
        elif watched:
            self.service.good(now)
        self._probe_after = {path: at for path, at in self._probe_after.items() if at > now}
        for stream, run in watched:
            for path in self._ledger.raw_files.to_probe(stream, run):
                if path not in self._probe_after:
                    self._probe(stream, run, path, now)

    def _list(self, stream: str, run: int, down: Event) -> Mapping[str, int] | None:
        """List a folder; None, without asking, once the server is `down`."""
        if down.is_set():
            return None
        try:
            return self._storage.list_run(stream, run)
        except StorageUnavailable as error:
            if error.everywhere:
                down.set()
            raise

    def close(self) -> None:
        """List nothing more; what is being listed is storage's to end."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _probe(self, stream: str, run: int, path: str, now: float) -> None:
        if unusable := unusable_name(path):
            self._ledger.raw_files.probed(path, FileState.BAD, Probe(EMPTY, 0, unusable), now)
            return
        self._probed_size.setdefault(path, self._size(stream, run, path))
        self._storage.start_probe(path)

    def settle(self, clock: Callable[[], float], wakeup: Wakeup) -> None:
        """Wait until all probes that are under way have ended; the last one wakes the loop."""
        while self._storage.probing and not self._shutdown.wished:
            wakeup.wait(PROBE_WAIT)
            self.take_probes(clock())

    def _size(self, stream: str, run: int, path: str) -> int | None:
        return self._known.get((stream, run), {}).get(path)

    def _in_turn(self, watched: Mapping[tuple[str, int], bool]) -> list[tuple[str, int]]:
        closed = (folder for folder, is_open in watched.items() if not is_open)
        turn = min(closed, key=lambda folder: self._asked.get(folder, 0.0), default=None)
        return [folder for folder, is_open in watched.items() if is_open or folder == turn]

    def _forget_all_but(self, watched: Collection[tuple[str, int]]) -> None:
        for remembered in (self._listing, self._asked, self._known, self._gone, self.listed):
            for gone in remembered.keys() - watched:
                del remembered[gone]

    def odd_lines(self) -> tuple[str, ...]:
        """What storage lists in the watched folders and nobody understands."""
        return tuple(x for watched in self._known for x in self._storage.odd_lines(*watched))

    def _note_new(
        self, stream: str, run: int, listing: Mapping[str, int], now: float
    ) -> Mapping[str, int]:
        """Write down files that are new or of another size; return all that are known."""
        if (stream, run) not in self._known:
            self._known[stream, run] = self._ledger.raw_files.of_run(stream, run)
            self._gone[stream, run] = self._ledger.raw_files.gone(stream, run)
        known = self._known[stream, run]
        changed = {path: size for path, size in listing.items() if known.get(path) != size}
        if changed:
            self._ledger.raw_files.add(stream, run, changed, now)
            known |= changed
            log.info("run %d: %s in %s", run, plural(len(changed), "new RAW file"), stream)
        return known

    def _note_gone(self, stream: str, run: int, gone: set[str]) -> None:
        before = self._gone[stream, run]
        if gone != before:
            self._ledger.raw_files.set_gone(before - gone, False)
            self._ledger.raw_files.set_gone(gone - before, True)
            for path in sorted(gone - before):
                log.warning("run %d: %s is no longer in the listing", run, path)
            self._gone[stream, run] = gone

    def take_probes(self, now: float) -> None:
        """Write down what the probes that have ended told."""
        for path, contents in self._storage.probed().items():
            found = self._ledger.raw_files.path_and_run(path)
            size = self._probed_size.get(path)
            grown = found and size != self._size(*found, path)
            if found and not contents.answered:
                self._probe_after[path] = now + PROBE_WAIT
                self.probing.failed(contents.error, now)
            elif found and not grown:  # else it is to be probed as it is
                self.probing.good(now)
                self._take(path, found, contents, now)
            self._storage.forget(path)
            self._probed_size.pop(path, None)

    def _take(self, path: str, found: tuple[str, int], contents: Contents, now: float) -> None:
        _, run = found
        lumis, error = contents.lumis(run), contents.error
        if not error and not lumis.ranges:
            error = f"no lumisection of run {run}"
        before, unreadable = self._ledger.raw_files.tries(path)
        tries = before + 1
        state = file_state(error, contents.transient, tries, unreadable=unreadable)
        events = sum(contents.events.get(run, {}).values())
        self._ledger.raw_files.probed(path, state, Probe(lumis, events, error), now)
        self._probe_after.pop(path, None)
        if state in (FileState.NEW, FileState.UNREADABLE):
            self._probe_after[path] = now + min(PROBE_WAIT * 2 ** (tries - 1), LONGEST_WAIT)
        if state is FileState.GOOD:
            log.info("run %d: %s holds LS %s, %d events", run, path, lumis, events)
        elif state is FileState.NEW:
            log.info("run %d: %s cannot be read yet: %s", run, path, error)
        elif state is FileState.BAD or tries == SOON:
            log.warning("run %d: %s file %s: %s", run, state, path, error)


def file_state(error: str, transient: bool, tries: int, *, unreadable: bool = False) -> FileState:
    """Judge a RAW file by what its last probe of `tries` told, and whether it was `unreadable`."""
    if not error:
        return FileState.GOOD
    if not transient:
        return FileState.BAD
    return FileState.UNREADABLE if unreadable or tries >= SOON else FileState.NEW
