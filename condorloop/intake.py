"""The intake of RAW files: what storage lists is written down, and probed once.

Knows when a file is new, when it is probed again and when it is given up as bad; knows nothing of
batches.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping

from condorloop.ledger import Ledger
from condorloop.model import Probe
from condorloop.services import Service
from condorloop.site import StorageSite
from condorloop.storage import Contents, Storage, StorageUnavailable

MOST_PROBES = 4
"""How often a file that could not be opened is tried before it is bad."""

PROBE_WAIT = 5.0
"""Seconds until the second try; doubled each time."""

log = logging.getLogger(__name__)


class Intake:
    """Watches the run folders of a site's storage.

    Parameters
    ----------
    environment
        Gives the CMSSW environment for the probes.
    wake
        Set whenever a probe has ended.
    """

    def __init__(
        self,
        site: StorageSite,
        ledger: Ledger,
        environment: Callable[[], Mapping[str, str]],
        wake: threading.Event,
    ) -> None:
        self.service = Service("EOS")
        self.listed: dict[tuple[str, int], float] = {}
        self._ledger = ledger
        self._storage = Storage(site, environment, wake.set)
        self._wake = wake
        self._known: dict[tuple[str, int], dict[str, int]] = {}
        self._probe_after: dict[str, float] = {}

    def observe(self, watched: list[tuple[str, int]], now: float) -> None:
        """List the watched (stream, run) folders, and probe what is new or due for another try."""
        for stream, run in watched:
            try:
                listing = self._storage.list_run(stream, run)
            except StorageUnavailable as error:
                self.service.failed(error, now)
                break
            self.service.good(now)
            self._note(stream, run, listing, now)
        for path, _, _ in self._ledger.files_to_probe():
            if self._probe_after.get(path, 0.0) <= now:
                self._storage.start_probe(path)

    def settle(self, clock: Callable[[], float]) -> None:
        """Wait until every probe that is under way has told its result."""
        while self._storage.probing:
            self._wake.wait(PROBE_WAIT)
            self._wake.clear()
            self.take_probes(clock())

    def close(self) -> None:
        """Start nothing more."""
        self._storage.close()

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
        ended = self._storage.probed()
        if not ended:
            return
        asked = {path: (run, probes) for path, run, probes in self._ledger.files_to_probe()}
        for path, contents in ended.items():
            if path in asked:
                self._take(path, contents, *asked[path], now)

    def _take(self, path: str, contents: Contents, run: int, probes: int, now: float) -> None:
        if not contents.answered:
            self._probe_after[path] = now + PROBE_WAIT
            self.service.failed(contents.error, now)
            return
        lumis, error = contents.lumis(run), contents.error
        if not error and not lumis.ranges:
            error = f"no lumisection of run {run}"
        final = not (error and contents.transient and probes + 1 < MOST_PROBES)
        events = sum(contents.events.get(run, {}).values())
        self._ledger.record_probe(path, Probe(lumis, events, error), now, final=final)
        if not error:
            log.info("run %d: %s holds LS %s, %d events", run, path, lumis, events)
        elif final:
            log.warning("run %d: bad file %s: %s", run, path, error)
        else:
            self._probe_after[path] = now + PROBE_WAIT * 2**probes
            log.info("run %d: %s cannot be read yet: %s", run, path, error)
