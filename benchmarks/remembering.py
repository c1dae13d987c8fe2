"""How much memory the loop takes over a month of data taking.

Knows what the kernel says of this process; the month is `benchmarks.month`'s.
"""

from __future__ import annotations

import gc
import logging
import os
from pathlib import Path

from benchmarks.frame import Ask, Goal, Result, Table
from benchmarks.month import Month
from condorloop.model import CampaignState
from tests.soak.place import place

DAYS = 30
SETTLED = 15
"""Days after which all that ever happens has begun: runs are archived after ten days."""

MOST = 120e6
GROWTH = 1.05


def resident() -> int:
    """Give the resident memory of this process in bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def measure(ask: Ask) -> Result:
    """Let a month go by, and look at the memory at the end of each day."""
    logging.getLogger("condorloop").addHandler(logging.NullHandler())
    days = DAYS if ask.full else 1
    with place(ask.folder) as folder:
        month = Month(folder / "month", days)
        memory = [resident()]
        states: dict[str, int] = {}
        for _ in month.live():
            gc.collect()
            memory.append(resident())
            states = {
                row["state"]: row["n"]
                for row in month.ledger._all(
                    "SELECT state, COUNT(*) AS n FROM campaign GROUP BY state"
                )
            }
    settled = memory[min(SETTLED, len(memory) - 1)]
    most, last = max(memory), memory[-1]
    shown = [day for day in (0, 1, 3, 7, SETTLED, 21, 25, DAYS) if day < len(memory)]
    complete = states.get(CampaignState.COMPLETE, 0)
    return Result(
        "remembering",
        goals=[
            Goal("resident memory under 120 MB", f"{most / 1e6:.0f} MB at most", most < MOST),
            Goal(
                "flat: no more than 5 % above what it was after half the month",
                f"{settled / 1e6:.1f} MB after {SETTLED} days, {last / 1e6:.1f} MB at the end",
                last <= GROWTH * settled if ask.full else None,
            ),
            Goal(
                "the month was one: all campaigns but the last are complete",
                f"{complete} of {sum(states.values())} campaigns",
                complete >= 0.9 * sum(states.values()) if ask.full else complete > 0,
            ),
        ],
        tables=[
            Table(
                f"{days} days, {len(month.runs)} runs",
                ("day", "resident memory"),
                [(f"{day}", f"{memory[day] / 1e6:.1f} MB") for day in shown],
            )
        ],
        data={"memory": memory, "campaigns": states},
    )
