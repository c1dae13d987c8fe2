"""What a poll costs when nothing is new, by known RAW files and by DAGs in the queue.

Knows the counting world; the submitter, its ledger, `status.json` and page are real, and so is the
reading of listings, which a stand-in of `xrdfs` prints.
"""

from __future__ import annotations

from statistics import median

from benchmarks.counting import Cost, Place, runs_of
from benchmarks.frame import Ask, Goal, Result, Table

FILES = (100, 1000, 10_000, 100_000)
DAGS = (5, 50, 200)
POLLS = 5
_COUNTS = (
    "OMS requests",
    "storage listings",
    "schedd queries",
    "SQL statements",
    "SQL rows",
    "files opened",
)
_COLUMNS = ("known files", "DAGs", "CPU", "elapsed", *_COUNTS)


def poll_cost(ask: Ask, files: int, dags: int) -> Cost:
    """Measure a poll of a loop that knows so much, after it has seen all of it."""
    place = Place(ask.folder / f"{files}-{dags}", runs_of(files, dags))
    try:
        for _ in range(2):
            place.measure()
        costs = [place.measure() for _ in range(POLLS)]
        counts = place.cycle().counts
    finally:
        place.close()
    return Cost(median(c.cpu for c in costs), median(c.wall for c in costs), counts)


def measure(ask: Ask) -> Result:
    """Measure all sizes."""
    sizes = [(f, d) for d in DAGS for f in FILES] if ask.full else [(1000, 5), (2000, 5)]
    found = {size: poll_cost(ask, *size) for size in sizes}
    rows = [
        (
            f"{files}",
            f"{dags}",
            f"{1e3 * cost.cpu:.1f} ms",
            f"{1e3 * cost.wall:.0f} ms",
            *(f"{cost.counts[name]}" for name in _COUNTS),
        )
        for (files, dags), cost in found.items()
    ]
    less, most = sorted({files for files, _ in sizes})[-2:]
    same = all(found[less, d].counts == found[most, d].counts for d in {d for _, d in sizes})
    few, many = found[sizes[0]], found[most, sizes[0][1]]
    at = found.get((10_000, 50), many)
    once = all(c.counts["OMS requests"] == c.counts["schedd queries"] == 1 for c in found.values())
    return Result(
        "polling",
        goals=[
            Goal(
                "one OMS request and one schedd query a poll, one listing for each run folder",
                f"{at.counts['OMS requests']}, {at.counts['schedd queries']}",
                once,
            ),
            Goal(
                f"requests, SQL rows, opened files: the same for {less} and {most} known files",
                "the same" if same else "it grows",
                same,
            ),
            Goal(
                "CPU under 100 ms at 10 000 files and 50 DAGs",
                f"{1e3 * at.cpu:.0f} ms",
                at.cpu < 0.1 if ask.full else None,
            ),
            Goal(
                "CPU far below linear: less than ten times as much for 1000 times the files",
                f"{many.cpu / few.cpu:.1f} times as much",
                many.cpu < 10 * few.cpu if ask.full else None,
            ),
        ],
        tables=[Table("A poll with nothing new", _COLUMNS, rows)],
        data={
            "polls": [
                {"files": files, "dags": dags, "cpu": cost.cpu, "elapsed": cost.wall}
                | {name: cost.counts[name] for name in _COUNTS}
                for (files, dags), cost in found.items()
            ]
        },
    )
