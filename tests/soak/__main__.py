"""Simulated days by hand: ``python -m tests.soak --seed N --hours H --repeat K``."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.soak.day import Day
from tests.soak.story import Violation
from tests.soak.weather import ALL

MEMORY = Path("/dev/shm")


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.soak", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--repeat", type=int, default=1, help="so many days, of seeds from N on")
    parser.add_argument("--only", action="append", help="only this kind of fault; repeatable")
    parser.add_argument("--without", action="append", default=[], help="without this kind")
    parser.add_argument("--calm", action="store_true", help="no faults at all")
    parser.add_argument("--tell", action="store_true", help="print the whole story")
    parser.add_argument("--keep", action="store_true", help="keep the folder of a broken day")
    options = parser.parse_args()
    kinds = frozenset(options.only or ALL | {"files"}) - set(options.without)
    broken = 0
    for seed in range(options.seed, options.seed + options.repeat):
        folder = Path(tempfile.mkdtemp(prefix="soak", dir=MEMORY if MEMORY.is_dir() else None))
        day = Day(seed, options.hours, folder, frozenset() if options.calm else kinds)
        if options.tell:
            day.agenda.story.listener = print
        began = time.monotonic()
        try:
            digest = day.run()
            print(f"seed {seed}: {day}; {digest}; {time.monotonic() - began:.0f} s", flush=True)
            shutil.rmtree(folder)
        except Violation as violation:
            broken += 1
            print(*day.agenda.story.last, sep="\n")
            print(f"seed {seed}: BROKEN: {violation}\n  {day}", flush=True)
            if not options.keep:
                shutil.rmtree(folder)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
