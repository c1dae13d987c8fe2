"""Storage: RAW files as they come and go, and what listing, probing and reading them gives.

Knows the truth of every file; a submitter sees it through `SimulatedFiles`, a job through `read`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from random import Random
from zlib import crc32

from condorloop.model.lumis import Lumis
from condorloop.services.storage import Contents, StorageUnavailable
from condorloop.services.xrdfs import run_folder
from tests.soak.detector import LS, TrueRun
from tests.soak.story import Agenda
from tests.soak.weather import DISK_SERVERS, Weather

PROBES_AT_ONCE = 4
EVENTS = 2000


@dataclass(frozen=True, slots=True)
class Stage:
    """What a file is from a time on: `good`, `unopenable`, `bad` or `gone`."""

    at: float
    size: int
    kind: str


@dataclass(slots=True)
class TrueFile:
    """A RAW file; `poison` makes RECO fail on it, though it can be probed."""

    path: str
    stream: str
    run: int
    lumis: Lumis
    stages: tuple[Stage, ...]
    poison: str = ""

    def stage(self, now: float) -> Stage | None:
        """What it is; None if it has not come yet."""
        return next((s for s in reversed(self.stages) if s.at <= now), None)

    @property
    def name(self) -> str:
        """Its name without the folder."""
        return self.path.rpartition("/")[2]

    @property
    def disk_server(self) -> str:
        """The outage that keeps it from being opened."""
        return DISK_SERVERS[crc32(self.path.encode()) % len(DISK_SERVERS)]

    @property
    def events(self) -> int:
        """How many events it has."""
        return EVENTS * len(self.lumis)

    @property
    def lasts(self) -> bool:
        """Whether it ends as a good file that can be processed."""
        return self.stages[-1].kind == "good" and not self.poison and "," not in self.path

    def news(self) -> Iterator[float]:
        """When it is listed first, and with each other size."""
        sizes: set[int] = set()
        for stage in self.stages:
            if stage.kind != "gone" and stage.size not in sizes:
                sizes.add(stage.size)
                yield stage.at

    @property
    def settled_at(self) -> float:
        """From when on it is what it stays."""
        return self.stages[-1].at


def files_of_a_run(
    rng: Random, run: TrueRun, stream: str, spans: tuple[int, int], faults: bool
) -> Iterator[TrueFile]:
    """Spread a run over files of a stream; each has a few LS, a few LS have several, some none."""
    ls, block = 1, f"{run_folder(stream, run.number)}/00000"
    while ls <= run.last_ls:
        last = min(ls + rng.randint(*spans) - 1, run.last_ls)
        lumis = Lumis.span(ls, last)
        for _ in range(0 if rng.random() < 0.015 else rng.choice((1, 1, 1, 2))):
            at = run.start + last * LS + rng.uniform(20, 200)
            if rng.random() < 0.05:
                at += rng.expovariate(1 / 600)
            name, size = f"{rng.getrandbits(48):012x}.root", rng.randint(10**6, 4 * 10**9)
            stages: tuple[Stage, ...] = (Stage(at, size, "good"),)
            poison = ""
            if faults and rng.random() < 0.08:
                name, stages, poison = _troubled(rng, name, at, size)
            yield TrueFile(f"{block}/{name}", stream, run.number, lumis, stages, poison)
        ls = last + 1


def _troubled(rng: Random, name: str, at: float, size: int) -> tuple[str, tuple[Stage, ...], str]:
    later = at + 30 * 120 ** rng.random()
    good = (Stage(at, size, "good"),)
    match rng.randrange(11):
        case 0:
            return name, good, "crashes"
        case 1:
            return name, good, "is corrupt"
        case 2:
            return f"a,{name}", good, ""
        case 3:
            return name, (Stage(at, size, "bad"),), ""
        case 4:
            return name, (Stage(at, size, "unopenable"),), ""
        case 5 | 6:
            return name, (Stage(at, size, "unopenable"), Stage(later, size, "good")), ""
        case 7:
            parts = [Stage(at + i * (later - at) / 4, size * i // 4, "bad") for i in range(1, 4)]
            return name, (*parts, Stage(later, size, "good")), ""
        case 8:
            return name, (*good, Stage(later, 0, "gone")), ""
        case 9:
            back = Stage(later + rng.uniform(20, 600), size, "good")
            return name, (*good, Stage(later, 0, "gone"), back), ""
        case _:
            return name, (*good, Stage(later, size + 1, "good")), ""


class SimulatedStorage:
    """The XRootD server."""

    def __init__(self, agenda: Agenda, weather: Weather, files: list[TrueFile]) -> None:
        self._agenda = agenda
        self.weather = weather
        self.files = {f.path: f for f in files}
        self._folders: dict[tuple[str, int], list[TrueFile]] = {}
        for file in files:
            self._folders.setdefault((file.stream, file.run), []).append(file)
        self.failed_at = -1.0
        self.listed_at: dict[tuple[str, int], float] = {}
        """When each folder was last listed to somebody."""

    def of(self, stream: str, run: int) -> list[TrueFile]:
        """All files of a run."""
        return self._folders.get((stream, run), [])

    def last_new(self, stream: str, run: int, until: float) -> float:
        """When a file, or one of another size, last appeared until then."""
        return max((a for f in self.of(stream, run) for a in f.news() if a <= until), default=0.0)

    def listing(self, stream: str, run: int) -> dict[str, int]:
        """List a folder as it is at this moment."""
        stages = ((f.path, f.stage(self._agenda.now)) for f in self.of(stream, run))
        return {p: s.size for p, s in stages if s and s.kind != "gone"}

    def read(self, path: str) -> tuple[TrueFile | None, str]:
        """Read a file as a job does; what is wrong with it, if anything."""
        file = self.files[path]
        stage = file.stage(self._agenda.now)
        silent = self.weather["storage is down"] or self.weather[file.disk_server]
        if silent or stage is None or stage.kind in ("gone", "unopenable"):
            return None, "cannot be opened"
        if stage.kind == "bad":
            return None, "is corrupt"
        return file, file.poison


class SimulatedFiles:
    """Storage as one submitter sees it; its probes end with it."""

    def __init__(
        self,
        agenda: Agenda,
        rng: Random,
        storage: SimulatedStorage,
        on_probed: Callable[[], None],
    ) -> None:
        self._agenda = agenda
        self._rng = rng
        self._storage = storage
        self._weather = storage.weather
        self._results: dict[str, Contents | None] = {}
        self._queue: list[str] = []
        self._running = 0
        self._closed = False
        self._on_probed = on_probed

    def list_run(self, stream: str, run: int) -> Mapping[str, int]:
        """The RAW files of a run: path to size in bytes."""
        if self._weather["storage is down"]:
            self._storage.failed_at = self._agenda.now
            raise StorageUnavailable("[FATAL] Connection error", everywhere=True)
        listing = self._storage.listing(stream, run)
        if self._weather["storage lists a part"]:
            self._storage.failed_at = self._agenda.now
            part = dict(list(listing.items())[::2])
            raise StorageUnavailable("it lists only a part", files=part)
        self._storage.listed_at[stream, run] = self._agenda.now
        return listing

    def odd_lines(self, stream: str, run: int) -> tuple[str, ...]:
        """What the last listing of a run had that is no file that can be told by a name."""
        return ()

    def start_probe(self, path: str) -> None:
        """Probe a file in the background, unless that is under way."""
        if path not in self._results:
            self._results[path] = None
            self._queue.append(path)
            self._start()

    def _start(self) -> None:
        while self._queue and self._running < PROBES_AT_ONCE and not self._closed:
            self._running += 1
            path = self._queue.pop(0)
            contents = self._contents(path)
            self._agenda.after(self._rng.uniform(0.5, 4.0), partial(self._end, path, contents))

    def _end(self, path: str, contents: Contents) -> None:
        if not self._closed:
            self._running -= 1
            self._results[path] = contents
            self._on_probed()
            self._start()

    def _contents(self, path: str) -> Contents:
        if self._weather["probes are not answered"]:
            return Contents({}, "CMSSW cannot be entered", transient=True, answered=False)
        if self._weather["probes time out"]:
            return Contents({}, "edmFileUtil took more than 120 s", transient=True)
        file, wrong = self._storage.read(path)
        if wrong == "cannot be opened":
            told = "edmFileUtil, exit 1: ERR Could not open file"
            return Contents({}, told, transient=True)
        if file is None:
            return Contents({}, "edmFileUtil, exit 1: Tree Events appears to be missing")
        return Contents({file.run: dict.fromkeys(file.lumis, EVENTS)})

    def probed(self) -> Mapping[str, Contents]:
        """The results of probes that have ended and were not forgotten."""
        return {path: c for path, c in self._results.items() if c is not None}

    def forget(self, path: str) -> None:
        """Forget the result of a probe: it was written down."""
        if self._results.get(path) is not None:
            del self._results[path]

    @property
    def probing(self) -> int:
        """How many probes are under way, or ended and not forgotten."""
        return len(self._results)

    def close(self) -> None:
        """Start no more probes, and end those that run."""
        self._closed = True
