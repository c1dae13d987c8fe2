"""Plays a scenario's files: each RAW file appears on EOS at its time.

Files are written ahead of time, where nobody looks, and renamed at their instant, so that the
instant does not depend on how long the writing took. A player that starts late, or again, makes
up for what it missed and leaves alone what is there.
"""

from __future__ import annotations

import json
import logging
import queue
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from condorloop.testbed.raw import Stream, write_bad_raw_file, write_raw_file
from condorloop.testbed.scenario import Scenario
from condorloop.testbed.timeline import FileAppears
from condorloop.testbed.truth import Truth

MOST_AHEAD = 64
"""How many files are ready before their time, at most."""

log = logging.getLogger(__name__)


def raw_path(event: FileAppears, seed: int) -> PurePosixPath:
    """Name the file on EOS, ``<base>/000/398/600/00000/<uuid>.root``; the same for one seed.

    >>> from condorloop.lumis import Lumis
    >>> f = FileAppears(1, 398600, "S", "/eos/cms/S", Lumis.of([1]), 0, 1, 0, None, 0)
    >>> str(raw_path(f, seed=1).parent)
    '/eos/cms/S/000/398/600/00000'
    """
    digits = f"{event.run:09d}"
    what = f"{seed} {event.path} {event.run} {event.lumis} {event.part}"
    name = f"{uuid.uuid5(uuid.NAMESPACE_URL, what)}.root"
    folders = (digits[:3], digits[3:6], digits[6:], f"{event.block:05d}")
    return PurePosixPath(event.path).joinpath(*folders, name)


class Player:
    """Makes the files of a scenario appear.

    Parameters
    ----------
    scenario
        What to play.
    eos_root
        The folder that the XRootD server shows as ``/``.
    paths
        `file_in_path` of each calibration. A stream that two of them read gets its files once.
    started_at
        When the play starts or started: epoch, seconds.
    speed
        2 is twice as fast.
    record
        Gets a line of JSON for each file that appears; beside `eos_root` if absent.
    events_per_ls
        As `write_raw_file` takes it.

    Attributes
    ----------
    done
        Set when every file has appeared or failed.
    failed
        The paths of files that could not be written, and why.
    """

    def __init__(
        self,
        scenario: Scenario,
        eos_root: Path,
        paths: Mapping[str, str],
        started_at: float,
        speed: float = 1.0,
        *,
        record: Path | None = None,
        events_per_ls: int | None = None,
    ) -> None:
        self.done = threading.Event()
        self.failed: dict[str, str] = {}
        self._eos_root = eos_root
        self._staging = eos_root / ".staging"
        self._started_at = started_at
        self._record = record or eos_root.parent / "appeared.jsonl"
        self._events_per_ls = events_per_ls
        self._seed = scenario.seed
        self._truth = Truth(scenario.seed)
        timeline = scenario.timeline(speed, paths)
        self._files = [event for event in timeline if isinstance(event, FileAppears)]
        self._ready: queue.Queue[tuple[FileAppears, Path | None]] = queue.Queue(MOST_AHEAD)
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=target, name=f"player-{target.__name__}", daemon=True)
            for target in (self._write, self._show)
        ]

    def start(self) -> None:
        """Begin; returns at once."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End, even if files are left; returns when no more will appear."""
        self._stopping.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def _write(self) -> None:
        """Write the files, in the order of their times, ahead of them."""
        for event in self._files:
            if self._stopping.is_set():
                return
            item = event, self._staged(event)
            while not self._stopping.is_set():
                try:
                    self._ready.put(item, timeout=0.1)
                    break
                except queue.Full:
                    continue

    def _staged(self, event: FileAppears) -> Path | None:
        path = raw_path(event, self._seed)
        if self._on_disk(path).exists():
            return None
        staged = self._staging / path.name
        what = (Stream.of(event.path), event.run, event.lumis, self._truth)
        parts = (event.part, event.parts, self._events_per_ls)
        try:
            if event.fault:
                write_bad_raw_file(staged, event.fault, *what, *parts)
            else:
                write_raw_file(staged, *what, *parts)
        except Exception as error:
            self._fail(path, error)
            return None
        return staged

    def _show(self) -> None:
        """Let each file appear at its time."""
        recorded = set(self._recorded())
        for event, staged in self._in_time():
            path = raw_path(event, self._seed)
            try:
                self._appear(event, path, staged, str(path) in recorded)
            except OSError as error:
                self._fail(path, error)
        if not self._stopping.is_set():
            self.done.set()
            log.info("the play is over: %d files, %d failed", len(self._files), len(self.failed))

    def _in_time(self) -> Iterator[tuple[FileAppears, Path | None]]:
        """Give each file when its time has come, as long as nobody stops the play."""
        left = len(self._files)
        while left:
            try:
                event, staged = self._ready.get(timeout=0.1)
            except queue.Empty:
                if self._stopping.is_set():
                    return
                continue
            if self._stopping.wait(max(0.0, self._started_at + event.at - time.time())):
                return
            left -= 1
            yield event, staged

    def _appear(
        self, event: FileAppears, path: PurePosixPath, staged: Path | None, recorded: bool
    ) -> None:
        final = self._on_disk(path)
        if staged:
            final.parent.mkdir(parents=True, exist_ok=True)
            staged.rename(final)
        if recorded or str(path) in self.failed:
            return
        line = {
            "time": time.time() if staged else final.stat().st_ctime,
            "path": str(path),
            "run": event.run,
            "stream": event.stream,
            "ls": str(event.lumis),
            "fault": event.fault,
        }
        with self._record.open("a") as record:
            record.write(json.dumps(line) + "\n")

    def _recorded(self) -> Iterator[str]:
        if self._record.exists():
            for line in self._record.read_text().splitlines():
                try:
                    yield json.loads(line)["path"]
                except (ValueError, KeyError):
                    log.warning("%s: not a record: %.80r", self._record, line)

    def _on_disk(self, path: PurePosixPath) -> Path:
        return self._eos_root / path.relative_to("/")

    def _fail(self, path: PurePosixPath, error: Exception) -> None:
        log.error("%s cannot be written: %s", path, error)
        self.failed[str(path)] = str(error)
