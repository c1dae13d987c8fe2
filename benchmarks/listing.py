"""How long a poll takes to list many run folders of a server that answers slowly.

Knows the real intake and storage; `xrdfs` is a stand-in that waits before it answers.
"""

from __future__ import annotations

import shlex
import statistics
import time
from pathlib import Path

from benchmarks import timing
from benchmarks.frame import Ask, Goal, Result, Table
from condorloop.config.site import StorageSite
from condorloop.cycle.intake import Intake
from condorloop.ledger.store import Ledger
from condorloop.runtime.shutdown import Shutdown
from condorloop.runtime.wakeup import Wakeup
from condorloop.services.storage import Storage

ANSWERS_IN = 0.2
"""Seconds in which the server lists a folder."""

STREAMS, RUNS = 25, 2
"""A prompt calibration loop of all of CMS, and a run that ends while the next one begins."""

AT_ONCE = (1, 2, 4, 8, 16)

_XRDFS = """\
#!/bin/sh
sleep {answers_in}
exec cat {listing}
"""


def poll(folder: Path, streams: int, at_once: int, times: int) -> float:
    """Give the median time of a poll in seconds."""
    tool, listing = folder / "xrdfs", folder / "listing"
    listing.write_text("-rw-r--r-- cms zh 1000 2026-09-21 14:13:20 /eos/cms/a.root\n")
    tool.write_text(_XRDFS.format(answers_in=ANSWERS_IN, listing=shlex.quote(str(listing))))
    tool.chmod(0o755)
    storage = Storage(StorageSite(url="root://127.0.0.1:2/", xrdfs=str(tool)), dict)
    watched = {(f"/eos/cms/{i}", run): True for i in range(streams) for run in range(RUNS)}
    took = []
    with Ledger(folder / "condorloop.db") as ledger:
        intake = Intake(storage, ledger, Shutdown(Wakeup()), at_once)
        for _ in range(times):
            began = time.perf_counter()
            intake.observe(watched, time.time())
            took.append(time.perf_counter() - began)
        intake.close()
        storage.close()
    return statistics.median(took)


def measure(ask: Ask) -> Result:
    """Poll with so many listings at once."""
    streams, times = (STREAMS, 3) if ask.full else (2, 1)
    took = {}
    for at_once in AT_ONCE:
        folder = ask.folder / str(at_once)
        folder.mkdir()
        took[at_once] = poll(folder, streams, at_once, times)
    usual = StorageSite(url="root://unused").listings_at_once
    faster = took[1] / took[usual]
    return Result(
        "listing",
        goals=[
            Goal(
                f"{usual} listings at once are 6 times faster than one at a time",
                f"{timing.told(took[usual])} against {timing.told(took[1])}: {faster:.1f} times",
                faster >= 6 if ask.full else None,
            )
        ],
        tables=[
            Table(
                f"A poll lists {streams} streams of {RUNS} runs; the server answers in"
                f" {ANSWERS_IN:g} s",
                ("listings at once", "the poll takes"),
                [(f"{n}", timing.told(seconds)) for n, seconds in took.items()],
            )
        ],
        data={"seconds": took, "folders": streams * RUNS},
    )
