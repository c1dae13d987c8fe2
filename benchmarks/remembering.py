"""How much memory the loop takes over a month of data taking.

Knows what the kernel says of this process; the month is `benchmarks.month`'s.
"""

from __future__ import annotations

import ctypes
import gc
import logging
import os
from dataclasses import dataclass
from pathlib import Path

from benchmarks.frame import Ask, Goal, Result, Table
from benchmarks.month import Month
from condorloop.model.enums import CampaignState
from tests.soak.place import place

DAYS = 30
SETTLED = 15
"""Days after which all that ever happens has begun: runs are archived after ten days."""

MOST = 120e6
GROWTH = 1.05


class _Mallinfo(ctypes.Structure):
    """What glibc's allocator tells of itself: see mallinfo(3)."""

    _fields_ = (
        *((f"_{i}", ctypes.c_size_t) for i in range(8)),
        ("fordblks", ctypes.c_size_t),
        ("keepcost", ctypes.c_size_t),
    )


@dataclass(frozen=True, slots=True)
class Memory:
    """Of this process, in bytes: what is resident, and how much of it the allocator has free.

    The allocator keeps what was given back to it while something above it is in use.
    """

    resident: int
    free: int

    @classmethod
    def of_this_process(cls) -> Memory:
        """Look at it, when all that nobody refers to is gone."""
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        mallinfo = ctypes.CDLL(None).mallinfo2
        mallinfo.restype = _Mallinfo
        return cls(pages * os.sysconf("SC_PAGE_SIZE"), mallinfo().fordblks)

    @property
    def in_use(self) -> int:
        """What the process has asked for."""
        return self.resident - self.free


def measure(ask: Ask) -> Result:
    """Let a month go by, and look at the memory at the end of each day."""
    logging.getLogger("condorloop").addHandler(logging.NullHandler())
    days = DAYS if ask.full else 1
    with place(ask.folder) as folder:
        month = Month(folder / "month", days)
        memory = [Memory.of_this_process()]
        states: dict[str, int] = {}
        for _ in month.live():
            memory.append(Memory.of_this_process())
            states = {
                row["state"]: row["n"]
                for row in month.ledger.connection.rows(
                    "SELECT state, COUNT(*) AS n FROM campaign GROUP BY state"
                )
            }
    settled = memory[min(SETTLED, len(memory) - 1)]
    most, last = max(m.resident for m in memory), memory[-1]
    shown = [day for day in (0, 1, 3, 7, SETTLED, 21, 25, DAYS) if day < len(memory)]
    complete = states.get(CampaignState.COMPLETE, 0)
    return Result(
        "remembering",
        goals=[
            Goal("resident memory under 120 MB", f"{most / 1e6:.0f} MB at most", most < MOST),
            Goal(
                "flat: no more than 5 % above what it was after half the month",
                f"{_told(settled.in_use)} in use after {SETTLED} days, {_told(last.in_use)} at the"
                f" end; resident {_told(settled.resident)}, {_told(last.resident)}",
                last.in_use <= GROWTH * settled.in_use if ask.full else None,
            ),
            Goal(
                "nothing stopped: all campaigns but the last are complete",
                f"{complete} of {sum(states.values())} campaigns",
                complete >= 0.9 * sum(states.values()) if ask.full else complete > 0,
            ),
        ],
        tables=[
            Table(
                f"{days} days, {len(month.runs)} runs",
                ("day", "resident memory", "in use"),
                [(f"{d}", _told(memory[d].resident), _told(memory[d].in_use)) for d in shown],
            )
        ],
        data={
            "resident": [m.resident for m in memory],
            "in_use": [m.in_use for m in memory],
            "campaigns": states,
        },
    )


def _told(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
