"""How many ALCARECO files all harvests of a run read, and how long one waits for its harvest.

Knows `condorloop.policy.harvest` and a made-up clock; the count is exact.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from benchmarks.frame import Ask, Goal, Result, Table
from condorloop.config.calibration import Calibration, OwnStreamCalibration
from condorloop.model.campaign import Alcareco, RawFile, Statistics, WaitingFile
from condorloop.model.lumis import Lumis
from condorloop.policy.harvest import batch_harvests, why_harvest
from tests.unit.examples import START, calibration, campaign

BATCHES = 480
"""Of a run of 8 h, with a batch a minute."""

EVERY = 60.0

SIZES = (60, 120, 240, 480, 960)
GROWTHS = (0.0, 0.05, 0.1, 0.2, 0.5)
LONGEST_WAITS = (300.0, 900.0, 1800.0, 3600.0)


@dataclass(frozen=True, slots=True)
class Harvests:
    """What the harvests of a run came to; `reads` counts ALCARECO files, `left` those never read.

    `longest` is how long, in seconds, an ALCARECO has waited for its harvest at most.
    """

    count: int
    reads: int
    longest: float
    left: int


def harvesting(growth: float, longest_wait: float, statistic: str = "lumisections") -> Calibration:
    """Give a calibration that harvests like this."""
    like_this = {"statistic": statistic, "growth": growth, "longest_wait": longest_wait}
    told = calibration().model_dump(by_alias=True) | {"harvesting": like_this}
    return OwnStreamCalibration.model_validate(told)


def harvest_run(batches: int, policy: Calibration, every: float = EVERY) -> Harvests:
    """Harvest a run of so many batches of one lumisection each, `every` so many seconds one.

    A DAG takes no time, and it is looked at once a batch.
    """
    loop, left = campaign(), dict[int, Alcareco]()
    count, reads, longest = 0, 0, 0.0
    for batch in range(batches):
        now, lumis = START + batch * every, Lumis.span(batch + 1, batch + 1)
        file = RawFile(f"/eos/{batch}.root", 1, lumis, 100)
        waits = replace(loop, waiting=(WaitingFile(file, now),), unharvested=left)
        harvest = batch_harvests(waits, policy)
        left = left | {batch: Alcareco(now, Statistics(lumis, 100))}
        last = batch == batches - 1
        idle = replace(loop, unharvested=left, run_end=now if last else None)
        if harvest or why_harvest(now, idle, policy):
            longest = max([longest, *(now - made.done_at for made in left.values())])
            count, reads = count + 1, reads + batch + 1
            all_of_it, events = Lumis.span(1, batch + 1), 100 * (batch + 1)
            loop = replace(loop, harvested=all_of_it, events_harvested=events)
            left = {}
    return Harvests(count, reads, longest, len(left))


def measure(ask: Ask) -> Result:
    """Harvest a run under every policy of a grid; always-harvest and the default are among them."""
    batches = BATCHES if ask.full else 24
    square = _square(batches)
    shipped = calibration().harvesting
    policy = harvesting(shipped.growth, shipped.longest_wait)
    sizes = {size: harvest_run(size, policy) for size in SIZES if size <= batches or ask.full}
    default = harvest_run(batches, policy)
    grid = {
        (growth, wait): harvest_run(batches, harvesting(growth, wait))
        for growth in GROWTHS
        for wait in LONGEST_WAITS
    }
    rows = [
        (
            f"{growth:.0%}",
            f"{wait / 60:.0f} min",
            f"{found.count}",
            f"{found.reads}",
            f"{found.reads / square:.1%}",
            f"{found.longest / 60:.0f} min",
        )
        for (growth, wait), found in grid.items()
    ]
    columns = ("growth", "longest wait", "harvests", "files read", "of B(B+1)/2", "waited at most")
    said = f"{shipped.growth:.0%} growth, {shipped.longest_wait / 60:.0f} min"
    share, of_log = default.reads / square, default.reads / _b_log_b(batches)
    return Result(
        "harvesting",
        goals=[
            Goal(
                f"the default ({said}) reads of order B log B: at most 2.5 B log2 B",
                f"{default.reads} files, {of_log:.1f} B log2 B, {share:.1%} of B(B+1)/2",
                of_log <= 2.5 if ask.full else None,
            ),
            Goal(
                "no ALCARECO waits longer than the longest wait, and none is left",
                f"{default.longest / 60:.0f} min, {default.left} left",
                default.longest <= shipped.longest_wait and not default.left,
            ),
        ],
        tables=[
            Table(f"A run of {batches} batches, one a minute", columns, rows),
            Table(
                f"The default, {said}",
                ("batches", "harvests", "files read", "of B(B+1)/2", "of B log2 B"),
                [
                    (
                        f"{size}",
                        f"{found.count}",
                        f"{found.reads}",
                        f"{found.reads / _square(size):.1%}",
                        f"{found.reads / _b_log_b(size):.1f}",
                    )
                    for size, found in sizes.items()
                ],
            ),
        ],
        data={
            "batches": batches,
            "default": {"growth": shipped.growth, "longest_wait": shipped.longest_wait},
            "grid": [
                {"growth": growth, "longest_wait": wait, "reads": found.reads}
                | {"harvests": found.count, "waited": found.longest}
                for (growth, wait), found in grid.items()
            ],
        },
    )


def _square(batches: int) -> int:
    """How many files are read if all are harvested after each batch."""
    return batches * (batches + 1) // 2


def _b_log_b(batches: int) -> float:
    return batches * math.log2(batches)
