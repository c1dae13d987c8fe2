"""How soon the loop is ready, and answers, when its ledger is a year old.

Knows how such a ledger comes about: what is older than the site keeps is in an archive.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from benchmarks.counting import NOW, Place
from benchmarks.filled import FilledRun
from benchmarks.frame import Ask, Goal, Result, Table
from benchmarks.timing import told
from condorloop.config.site import LedgerSite
from condorloop.ledger.archive import archives

YEAR, KEPT = 365 * 86_400.0, LedgerSite().archive_after
RUNS, FILES = 3334, 750
"""Of three campaigns each, with two streams of so many files."""

TIMES = 5
TOP = Path(__file__).parents[1]


def year(runs: int, files: int) -> list[FilledRun]:
    """Give the runs of a year, all closed."""
    starts = [NOW - YEAR * (runs - i) / runs - 86_400.0 for i in range(runs)]
    return [FilledRun(390_000 + i, at, at + 3600.0, files) for i, at in enumerate(starts)]


def measure(ask: Ask) -> Result:
    """Fill a ledger and its archive, start on it, and ask."""
    runs = year(RUNS, FILES) if ask.full else year(60, 5)
    recent = [run for run in runs if run.start > NOW - KEPT]
    old = runs[: len(runs) - len(recent)]
    place = Place(ask.folder / "place", recent, old)
    place.measure()
    place.close()
    site = str(ask.folder / "place" / "site.yaml")
    size = sum(p.stat().st_size for p in place.path.parent.glob(f"{place.path.name}*"))
    archived = sum(path.stat().st_size for path in archives(place.path).values())
    stream = next(iter(place.config.streams.values())).raw_path
    path = next(old[len(old) // 2].paths(stream))
    took = {
        "the program loads": _python("-c", "import condorloop.cli.commands.run"),
        "the ledger is opened and checked": _several(place.open, place.close),
        "a first cycle": _several(lambda: _first_cycle(place), place.close, place.open),
        "condorloop status": _python("-m", "condorloop", "status", "--site", site),
        "condorloop show, of an archived run": _python(
            "-m", "condorloop", "show", str(old[0].number), "--site", site
        ),
        "condorloop find, of an archived file": _python(
            "-m", "condorloop", "find", path, "--site", site
        ),
    }
    ready = sum(list(took.values())[:3])
    campaigns, files = 3 * len(runs), 2 * sum(run.files for run in runs)
    place.open()
    before = time.perf_counter()
    place.now = NOW + 3 * KEPT
    place.measure()
    moving = time.perf_counter() - before
    place.close()
    rows = [
        *((what, told(seconds)) for what, seconds in took.items()),
        ("a cycle that moves a run into an archive", told(moving)),
        ("the ledger", f"{size / 1e6:.1f} MB, of {3 * len(recent)} campaigns and a line for each"),
        ("archives", f"{archived / 1e6:.1f} MB, of {3 * len(old)} campaigns"),
    ]
    return Result(
        "restarting",
        goals=[
            Goal("ready in 2 s", told(ready), ready < 2.0 if ask.full else None),
            Goal(
                "`status` in 0.5 s",
                told(took["condorloop status"]),
                took["condorloop status"] < 0.5 if ask.full else None,
            ),
            Goal(
                "the active ledger has ten days and stays small",
                f"{size / 1e6:.1f} MB beside archives of {archived / 1e6:.1f} MB",
                size < 0.2e9 if ask.full else None,
            ),
        ],
        tables=[Table(f"A year: {campaigns} campaigns, {files} RAW files", ("what", "took"), rows)],
        data={
            "campaigns": campaigns,
            "files": files,
            "ledger": size,
            "archives": archived,
            "ready": ready,
            "moving": moving,
            "took": took,
        },
        notes=["The files are in the page cache, as after a restart of the loop, not of the node."],
    )


def _first_cycle(place: Place) -> None:
    place.now += 10.0
    place.submitter.cycle()


def _several(
    call: Callable[[], object],
    after: Callable[[], object],
    before: Callable[[], object] = lambda: None,
) -> float:
    """Call something a few times; give the median time, without what comes before and after."""
    took = []
    for _ in range(TIMES):
        before()
        began = time.perf_counter()
        call()
        took.append(time.perf_counter() - began)
        after()
    return median(took)


def _python(*words: str) -> float:
    """Run Python a few times; give the median time."""
    took = []
    for _ in range(TIMES):
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, *words],
            env={**os.environ, "PYTHONPATH": str(TOP)},
            check=True,
            stdout=subprocess.DEVNULL,
        )
        took.append(time.perf_counter() - began)
    return median(took)
