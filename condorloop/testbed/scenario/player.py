"""Plays a scenario's files: each RAW file appears on EOS at its time.

Files are written ahead of time, where nobody looks, and renamed at their instant, so that the
instant does not depend on how long the writing took. A player that starts late, or again, makes
up for what it missed and leaves alone what is there. Some files change later on: they become whole
or readable, vanish, or are replaced.
"""

from __future__ import annotations

import json
import logging
import queue
import threading
import time
import uuid
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path, PurePosixPath

from condorloop.testbed.scenario import file_versions
from condorloop.testbed.scenario.events import FileAppears, FileChanges
from condorloop.testbed.scenario.scenario import Scenario
from condorloop.testbed.scenario.timeline import timeline
from condorloop.testbed.truth import Truth

MOST_AHEAD = 64
"""How many files are ready before their time, at most."""

Scene = FileAppears | FileChanges

log = logging.getLogger(__name__)


def raw_path(event: FileAppears, seed: int) -> PurePosixPath:
    """Name the file on EOS, ``<base>/000/398/600/00000/<uuid>.root``; the same for one seed.

    A scenario may give it another name.

    >>> from condorloop.model.lumis import Lumis
    >>> f = FileAppears(1, 398600, "S", "/eos/cms/S", Lumis.of([1]), 0, 1, 0, None, 0)
    >>> str(raw_path(f, seed=1).parent)
    '/eos/cms/S/000/398/600/00000'
    """
    digits = f"{event.run:09d}"
    folders = (digits[:3], digits[3:6], digits[6:], f"{event.block:05d}")
    name = _uuid_name(event, seed) if event.name is None else event.name
    return PurePosixPath(event.path).joinpath(*folders, name)


def _uuid_name(event: FileAppears, seed: int) -> str:
    what = f"{seed} {event.path} {event.run} {event.lumis} {event.part}"
    return f"{uuid.uuid5(uuid.NAMESPACE_URL, what)}.root"


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
        Gets a line of JSON for each file that appears or changes, which tells whether it is good
        from then on; beside `eos_root` if absent.
    events_per_ls
        As `write_raw_file` takes it, where the scenario does not say.

    Attributes
    ----------
    done
        Set when every file has appeared and changed, or failed.
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
        events = timeline(scenario, speed, paths)
        self._scenes = [event for event in events if isinstance(event, Scene)]
        self._ready: queue.Queue[tuple[Scene, Path | None]] = queue.Queue(MOST_AHEAD)
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
        changed = {path for path, what in self._recorded() if what}
        for scene in self._scenes:
            if self._stopping.is_set():
                return
            item = scene, self._staged(scene, changed)
            while not self._stopping.is_set():
                try:
                    self._ready.put(item, timeout=0.1)
                    break
                except queue.Full:
                    continue

    def _staged(self, scene: Scene, changed: Collection[str]) -> Path | None:
        """Write what is to appear, if anything is, and it is not there already."""
        event = scene if isinstance(scene, FileAppears) else scene.file
        path = raw_path(event, self._seed)
        staged = self._staging / _uuid_name(event, self._seed)
        if str(path) in changed:
            return None
        try:
            if isinstance(scene, FileAppears):
                if self._on_disk(path).exists():
                    return None
                file_versions.write_first(staged, event, self._truth, self._events_per_ls)
                return staged
            if event.fault not in ("growing", "replaced"):
                return None
            whole = file_versions.whole_of(staged)
            if not whole.exists():
                file_versions.write_second(whole, event, self._truth, self._events_per_ls)
            return whole
        except Exception as error:
            self._fail(path, error)
            return None

    def _show(self) -> None:
        """Let each file appear, and change, at its time."""
        recorded = set(self._recorded())
        for scene, staged in self._in_time():
            event = scene if isinstance(scene, FileAppears) else scene.file
            path = raw_path(event, self._seed)
            if str(path) in self.failed:
                continue
            try:
                if isinstance(scene, FileAppears):
                    self._appear(event, path, staged, recorded)
                elif (str(path), event.fault) not in recorded:
                    self._change(event, path, staged)
            except OSError as error:
                self._fail(path, error)
        if not self._stopping.is_set():
            self.done.set()
            log.info("the play is over: %d scenes, %d failed", len(self._scenes), len(self.failed))

    def _in_time(self) -> Iterator[tuple[Scene, Path | None]]:
        """Give each scene when its time has come, as long as nobody stops the play."""
        left = len(self._scenes)
        while left:
            try:
                scene, staged = self._ready.get(timeout=0.1)
            except queue.Empty:
                if self._stopping.is_set():
                    return
                continue
            if self._stopping.wait(max(0.0, self._started_at + scene.at - time.time())):
                return
            left -= 1
            yield scene, staged

    def _appear(
        self,
        event: FileAppears,
        path: PurePosixPath,
        staged: Path | None,
        recorded: Collection[tuple[str, str | None]],
    ) -> None:
        final = self._on_disk(path)
        if staged:
            final.parent.mkdir(parents=True, exist_ok=True)
            if event.fault == "unreadable":
                staged.chmod(0)
            staged.rename(final)
        if (str(path), None) in recorded:
            return
        self._note(
            {
                "time": time.time() if staged else final.stat().st_ctime,
                "path": str(path),
                "run": event.run,
                "stream": event.stream,
                "ls": str(event.lumis),
                "fault": event.fault,
                "good": file_versions.good_at_first(event),
            }
        )

    def _change(self, event: FileAppears, path: PurePosixPath, staged: Path | None) -> None:
        final = self._on_disk(path)
        if event.fault == "vanishes":
            final.unlink(missing_ok=True)
        elif event.fault == "unreadable":
            final.chmod(0o644)
        elif staged and event.fault == "growing":
            _grow(final, staged)
        elif staged:
            staged.rename(final)
        good = file_versions.good_after_change(event)
        self._note({"time": time.time(), "path": str(path), "change": event.fault, "good": good})

    def _note(self, line: Mapping[str, object]) -> None:
        with self._record.open("a") as record:
            record.write(json.dumps(line) + "\n")

    def _recorded(self) -> Iterator[tuple[str, str | None]]:
        """Give each path on record with None when it appeared, with its fault when it changed."""
        if self._record.exists():
            for line in self._record.read_text().splitlines():
                try:
                    row = json.loads(line)
                    yield row["path"], row.get("change")
                except (ValueError, KeyError):
                    log.warning("%s: not a record: %.80r", self._record, line)

    def _on_disk(self, path: PurePosixPath) -> Path:
        return self._eos_root / path.relative_to("/")

    def _fail(self, path: PurePosixPath, error: Exception) -> None:
        log.error("%s cannot be written: %s", path, error)
        self.failed[str(path)] = str(error)


def _grow(file: Path, whole: Path) -> None:
    """Write the rest of a file in its place, as its writer would; or all of it, if it differs."""
    data, there = whole.read_bytes(), file.read_bytes()
    if data.startswith(there):
        with file.open("ab") as output:
            output.write(data[len(there) :])
        whole.unlink()
    else:
        whole.rename(file)
