"""How often `edmFileUtil` is called for the RAW files of a run that come in while it is polled.

Knows the real intake, storage and ledger; the tools that storage calls are stand-ins that note
each call. The counts are exact.
"""

from __future__ import annotations

import os
import shlex
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import timing
from benchmarks.frame import Ask, Goal, Result, Table
from condorloop.config.site import StorageSite
from condorloop.cycle.intake import Intake
from condorloop.ledger.store import Ledger
from condorloop.runtime.shutdown import Shutdown
from condorloop.runtime.wakeup import Wakeup
from condorloop.services.storage import Storage
from condorloop.services.xrdfs import run_folder
from tests.unit.examples import KEY, RUN

SIZES = (12, 120, 1200)
POLLS = 12
"""In which files come in; as many follow in which none do, by a manager that has restarted."""

STREAM = "/eos/cms/store/t0streamer/Data/EcalTestPulsesRaw"

_XRDFS = """\
#!/bin/sh
echo list >>{folder}/xrdfs.calls
exec cat {folder}/listing
"""
_EDM_FILE_UTIL = """\
#!/bin/sh
echo "$2" >>{folder}/edmFileUtil.calls
lumi=${{2##*_ls}}
printf '%s (1 runs, 1 lumis, 100 events, 1000 bytes)\\n\\n  Run  Lumi  # Events\\n' "$2"
printf '  {run}  %s  100\\n\\n' "${{lumi%%_*}}"
"""


@dataclass(frozen=True, slots=True)
class Probed:
    """What it took to know the files of a run: calls of each tool, and seconds.

    `most` is how often the file was probed that was probed most often; `good` how many files the
    ledger knows in the end.
    """

    files: int
    good: int
    probes: int
    most: int
    listings: int
    polls: int
    seconds: float


def probe_run(folder: Path, files: int, polls: int = POLLS) -> Probed:
    """Let files of a run come in over some polls; restart in the middle of what follows."""
    began = time.perf_counter()
    tools = _Tools(folder)
    paths = [
        f"{run_folder(STREAM, RUN.number)}/00000/run{RUN.number}_ls{i // 12 + 1}_{i:06d}.root"
        for i in range(files)
    ]
    coming = [paths[: files * poll // polls] for poll in range(1, polls + 1)]
    for listings in (coming, [paths] * polls):
        _poll(tools, listings)
    probes = Counter[str](tools.calls("edmFileUtil"))
    with Ledger(folder / "condorloop.db") as ledger:
        ledger.campaigns.latch(KEY, STREAM, RUN, "it is over", time.time())
        [campaign] = ledger.campaigns.of_run(RUN.number, None)
    return Probed(
        files=files,
        good=len(campaign.waiting),
        probes=probes.total(),
        most=max(probes.values()),
        listings=len(tools.calls("xrdfs")),
        polls=2 * polls,
        seconds=time.perf_counter() - began,
    )


def _poll(tools: _Tools, listings: Sequence[Sequence[str]]) -> None:
    """Poll once for each listing, with a manager that knows nothing but its ledger."""
    wakeup = Wakeup()
    storage = Storage(tools.site, lambda: os.environ, wakeup.ring)
    try:
        with Ledger(tools.folder / "condorloop.db") as ledger:
            shutdown = Shutdown(wakeup)
            intake = Intake(storage, ledger, shutdown, tools.site.listings_at_once)
            for listing in listings:
                tools.holds(listing)
                intake.observe({(STREAM, RUN.number): True}, time.time())
                intake.settle(time.time, wakeup)
            intake.close()
    finally:
        storage.close()


class _Tools:
    """Stand-ins for `xrdfs` and `edmFileUtil` in a folder; each call is a line of a file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, script in (("xrdfs", _XRDFS), ("edmFileUtil", _EDM_FILE_UTIL)):
            tool = folder / name
            tool.write_text(script.format(folder=shlex.quote(str(folder)), run=RUN.number))
            tool.chmod(0o755)
        self.site = StorageSite(
            url="root://127.0.0.1:2/",
            xrdfs=str(folder / "xrdfs"),
            edm_file_util=str(folder / "edmFileUtil"),
        )

    def holds(self, paths: Sequence[str]) -> None:
        """Let storage have these files."""
        lines = [f"-rw-r--r-- cms zh 1000 2026-09-21 14:13:20 {path}\n" for path in paths]
        (self.folder / "listing").write_text("".join(lines))

    def calls(self, tool: str) -> list[str]:
        """What was said in each call of a tool."""
        return (self.folder / f"{tool}.calls").read_text().splitlines()


def measure(ask: Ask) -> Result:
    """Know all files of runs of each size."""
    found = []
    for size in SIZES if ask.full else SIZES[:1]:
        folder = ask.folder / str(size)
        folder.mkdir()
        found.append(probe_run(folder, size))
    exact = all(p.probes == p.good == p.files and p.most == 1 for p in found)
    return Result(
        "probing",
        goals=[
            Goal(
                "edmFileUtil is called once for each RAW file, and storage asked once a poll",
                ", ".join(f"{p.probes} calls for {p.files} files" for p in found),
                exact and all(p.listings == p.polls for p in found),
            )
        ],
        tables=[
            Table(
                "A run's files come in over 12 polls; then a restart, and 12 polls without a file",
                ("files", "calls of edmFileUtil", "listings", "polls", "took"),
                [
                    (*map(str, (p.files, p.probes, p.listings, p.polls)), timing.told(p.seconds))
                    for p in found
                ],
            )
        ],
        data={"runs": [{"files": p.files, "probes": p.probes, "most": p.most} for p in found]},
    )
