"""Simulated days by hand: ``python -m tests.soak --seed N --hours H --repeat K``."""

from __future__ import annotations

import argparse
import sys
import time

import tests.soak
from condorloop.ledger.connection import Connection
from condorloop.ledger.updates.state_changes import OddChange
from tests.soak.day import Day
from tests.soak.place import place
from tests.soak.story import Violation
from tests.soak.weather import ALL, BAD_FILES


def main() -> int:
    """Live through days; 1 if a promise was broken in one of them."""
    parser = argparse.ArgumentParser(
        prog="tests.soak",
        description=tests.soak.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--repeat", type=int, default=1, help="so many days, of seeds from N on")
    parser.add_argument("--only", action="append", help="only this kind of fault; repeatable")
    parser.add_argument("--without", action="append", default=[], help="without this kind")
    parser.add_argument("--calm", action="store_true", help="no faults at all")
    parser.add_argument("--tell", action="store_true", help="print the whole story")
    parser.add_argument("--keep", action="store_true", help="keep the folder of a broken day")
    options = parser.parse_args()
    Connection.strict = True
    kinds = frozenset(options.only or ALL | BAD_FILES) - set(options.without)
    if options.calm:
        kinds = frozenset()
    seeds = range(options.seed, options.seed + options.repeat)
    broken = sum(not _live(seed, kinds, options) for seed in seeds)
    return 1 if broken else 0


def _live(seed: int, kinds: frozenset[str], options: argparse.Namespace) -> bool:
    with place(keep=options.keep) as folder:
        day = Day(seed, options.hours, folder / "day", kinds)
        if options.tell:
            day.agenda.story.listener = print
        began = time.monotonic()
        try:
            digest = day.run()
        except (Violation, OddChange) as violation:
            if not options.tell:
                print(*day.agenda.story.last, sep="\n")
            print(f"seed {seed}, {options.hours:g} h: BROKEN: {violation}\n  {day}", flush=True)
            return False
        print(f"seed {seed}: {day}; {digest}; {time.monotonic() - began:.0f} s", flush=True)
        return True


if __name__ == "__main__":
    sys.exit(main())
