"""How long it takes to write a DAG of so many RECO nodes; other libraries write the same one.

Knows the renderer and, by `dag_writers`, three libraries; nobody's files are brought to the disk
in what is compared.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path

from benchmarks import timing
from benchmarks.dag_writers import WRITERS, Writer
from benchmarks.frame import Ask, Goal, Result, Table
from condorloop import text
from condorloop.dagman.plan import DagPlan, plan_batch
from condorloop.dagman.render import Renderer
from condorloop.model.campaign import Batch, RawFile, ReconstructionKey
from condorloop.model.lumis import Lumis
from tests.unit.examples import KEY, config

SIZES = (10, 100, 1000, 10_000)
FILES_A_LUMI = 12
OURS = "condorloop"

_PATH = "/eos/cms/store/t0streamer/Data/EcalTestPulsesRaw/000/398/600/run398600_{:04d}_{:06d}.root"


def raw_files(number: int) -> tuple[RawFile, ...]:
    """So many RAW files of a run, several of each lumisection."""
    lumis = [i // FILES_A_LUMI + 1 for i in range(number)]
    return tuple(
        RawFile(_PATH.format(ls, i), 10**9, Lumis.span(ls, ls), 100) for i, ls in enumerate(lumis)
    )


class Desk:
    """What is needed to write DAGs of one size: the product, a plan, and a folder."""

    def __init__(self, folder: Path, recos: int) -> None:
        self.config = config(folder)
        self.renderer = Renderer(self.config, folder / "work", "benchmark")
        calibration = self.config.calibrations[KEY.calibration]
        self._batch = Batch(0, raw_files(recos * calibration.batching.max_files_per_job))
        self._numbers = count()
        self._folder = folder

    def plan(self) -> DagPlan:
        """Plan the DAG, under a number that is free."""
        stream = self.config.stream_of(KEY.calibration)
        own = [KEY.calibration]
        return plan_batch(
            ReconstructionKey(stream.name, KEY.run),
            stream,
            self._batch,
            next(self._numbers),
            0,
            made_for=own,
            harvested_for=own,
        )

    def description(self, plan: DagPlan, folder: Path) -> None:
        """Write the DAG description alone, as the other libraries do."""
        (folder / "it.dag").write_text(self.renderer.description(plan), encoding="utf-8")

    def directory(self) -> Path:
        """Plan and write all that is submitted, with its manifest, and bring it to the disk."""
        return self.renderer.write(self.plan()).parent

    def with_writer(self, writer: Writer, plan: DagPlan) -> Path:
        """Let a library write the same DAG into a folder of its own."""
        folder = self._folder / f"written{next(self._numbers)}"
        folder.mkdir()
        writer(plan, folder)
        return folder


def measure(ask: Ask) -> Result:
    """Write DAGs of all sizes with everybody."""
    sizes = SIZES if ask.full else SIZES[:1]
    took: dict[int, dict[str, float]] = {}
    files: dict[int, dict[str, int]] = {}
    memory: dict[str, int] = {}
    for size in sizes:
        folder = ask.folder / str(size)
        folder.mkdir()
        desk = Desk(folder, size)
        plan = desk.plan()
        writers = {OURS: desk.description, **WRITERS}
        writes: dict[str, Callable[[], Path]] = {
            name: partial(desk.with_writer, writer, plan) for name, writer in writers.items()
        }
        writes["directory"] = desk.directory
        files[size] = {name: len(list(write().iterdir())) for name, write in writes.items()}
        times = max(9, min(60, 20_000 // size)) if ask.full else 1
        took[size] = timing.side_by_side({"plan": desk.plan, **writes}, times)
        if size == sizes[-1]:
            memory = {name: timing.peak_memory(write) for name, write in writes.items()}
    return Result(
        "writing",
        goals=[*_faster(took, ask), _handful(files)],
        tables=[
            Table(
                "The DAG description, from the same plan to a file",
                ("RECO nodes", OURS, *WRITERS),
                [
                    (f"{size}", *(timing.told(took[size][name]) for name in (OURS, *WRITERS)))
                    for size in sizes
                ],
            ),
            Table(
                "condorloop in total: planned, and written as a complete directory",
                ("RECO nodes", "plan", "all", "files"),
                [
                    (
                        f"{size}",
                        timing.told(took[size]["plan"]),
                        timing.told(took[size]["directory"]),
                        f"{files[size]['directory']}",
                    )
                    for size in sizes
                ],
            ),
            Table(
                f"Memory at {sizes[-1]} RECO nodes, above that of the plan",
                (OURS, *WRITERS, "condorloop in total"),
                [[text.size(memory[name]) for name in (OURS, *WRITERS, "directory")]],
            ),
        ],
        data={"seconds": took, "files": files, "bytes": memory},
    )


def _faster(took: dict[int, dict[str, float]], ask: Ask) -> list[Goal]:
    goals = []
    for other in WRITERS:
        ratios = {size: times[other] / times[OURS] for size, times in took.items()}
        said = ", ".join(f"{ratio:.1f} times at {size}" for size, ratio in ratios.items())
        met = all(ratio > 1 for ratio in ratios.values()) if ask.full else None
        goals.append(Goal(f"a DAG description is written faster than by {other}", said, met))
    return goals


def _handful(files: dict[int, dict[str, int]]) -> Goal:
    counts = {written["directory"] for written in files.values()}
    said = f"{', '.join(map(str, sorted(counts)))} at all sizes"
    return Goal("a DAG is a handful of files, whatever its size", said, len(counts) == 1)
