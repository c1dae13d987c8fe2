"""The stand-in of conddb's `list`, `listTags` and `copy`: options, output and exit codes.

The source of each is CondCore/Utilities/scripts/conddb in cms-sw/cmssw. The official aliases, such
as ``pro``, are all the database of the testbed's conditions service, whose file is
``CONDORLOOP_TESTBED_CONDITIONS``; any other name is a SQLite file. Faults on request are an outage,
a tool that hangs, and a replica that lags behind.
"""

from __future__ import annotations

import argparse
import logging
import os
import re
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from condorloop.model.enums import TimeType
from condorloop.testbed.conditions import sqlite_file
from condorloop.testbed.conditions.sqlite_file import ConditionsFileError, Iov, Tag
from condorloop.testbed.faults import Fault, Faults

ALIASES = (
    "pro",
    "arc",
    "int",
    "dev",
    "orapro",
    "oraarc",
    "oraint",
    "oradev",
    "onlineorapro",
    "onlineoraint",
)
_LIMIT = 500
_LONGEST = 100
_SINCE = {
    TimeType.TIME: "Since: UTC          (timestamp)",
    TimeType.LUMI: "  Run  : Lumi  (rawSince)",
}


class ConddbError(Exception):
    """The one line that the tool says before it ends with 1."""


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit code."""
    options = _parser().parse_args(argv)
    logging.basicConfig(format="[%(asctime)s] %(levelname)s: %(message)s", level=logging.INFO)
    if options.noLimit:
        options.limit = None
        logging.info("noLimit specified, setting limit to None")
    try:
        path, fault = _connected(options.db)
        options.run(options, path, fault)
    except (ConddbError, ConditionsFileError) as error:
        logging.error("%s", error)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="conddb")
    parser.add_argument("--db", "-d", default="pro")
    parser.add_argument("--verbose", "-v", action="count")
    parser.add_argument("--quiet", "-q", action="store_true")
    parser.add_argument("--yes", "-y", action="store_true")
    parser.add_argument("--nocolors", action="store_true")
    parser.add_argument("--noLimit", action="store_true")
    parser.add_argument("--authPath", "-a")
    commands = parser.add_subparsers(required=True)
    listing = commands.add_parser("list")
    listing.add_argument("name", nargs="+")
    listing.add_argument("--long", "-l", action="store_true")
    listing.add_argument("--snapshot", "-T")
    listing.add_argument("--limit", "-L", type=int, default=_LIMIT)
    listing.set_defaults(run=_list)
    copying = commands.add_parser("copy")
    copying.add_argument("first")
    copying.add_argument("second", nargs="?")
    copying.add_argument("--destdb", "-d", required=True)
    copying.add_argument("--from", "-f", type=int, default=1)
    copying.add_argument("--to", "-t", type=int)
    copying.set_defaults(run=_copy)
    tags = commands.add_parser("listTags")
    tags.set_defaults(run=_list_tags)
    return parser


def _connected(database: str) -> tuple[Path, Fault | None]:
    """The file of a database that answers, and how it does not do so as it should."""
    service = os.environ.get("CONDORLOOP_TESTBED_CONDITIONS", "")
    official = database in ALIASES
    path = Path(service if official else re.sub("^sqlite(_file)?:(///?)?", "", database))
    folder = os.environ.get("CONDORLOOP_TESTBED_FAULTS")
    fault = Faults(Path(folder)).due("conddb") if folder and official else None
    logging.info("Connecting to %s [%s]", database, path)
    if fault and fault.mode == "hang":
        time.sleep(fault.seconds or 3600.0)
    if fault and fault.mode == "outage":
        raise ConddbError(fault.message or "(frontier.client) DatabaseError: cannot connect")
    if not path.is_file():
        raise ConddbError("No valid schema found in the database.")
    return path, fault


def _iovs(path: Path, name: str, fault: Fault | None, snapshot: str | None = None) -> list[Iov]:
    """The IOVs of a tag that are to be seen, hidden ones too."""
    before = snapshot or "9"
    if fault and fault.mode == "lag":
        seen = datetime.fromtimestamp(time.time() - (fault.seconds or 0.0), UTC)
        before = min(before, seen.strftime("%Y-%m-%d %H:%M:%S.%f"))
    return [i for i in sqlite_file.iovs(path, name, hidden=True) if i.insertion_time <= before]


def _list(options: argparse.Namespace, path: Path, fault: Fault | None) -> None:
    known = sqlite_file.tags(path)
    for name in options.name:
        if name not in known:
            raise ConddbError(f"There is no tag or global tag named {name} in the database.")
        tag = known[name]
        if options.long:
            properties = sqlite_file.properties(path, name)
            _table(options, ["Property", "Value"], list(properties.items()))
        logging.info(
            "Listing with a limit of %s IOVs, starting from the highest since. If you need to see"
            " more, please increase the limit of returned results.",
            options.limit,
        )
        _list_iovs(options, tag, _iovs(path, name, fault, options.snapshot))


def _list_iovs(options: argparse.Namespace, tag: Tag, iovs: Sequence[Iov]) -> None:
    first = 0 if options.limit is None else max(len(iovs) - options.limit, 0)
    shown = _since_filter(tag.time_type)
    _table(
        options,
        [_SINCE.get(tag.time_type, "Since: Run "), "Insertion Time", "Payload", "Object Type"],
        [
            (shown(iov.since), _printed(iov.insertion_time), iov.payload_hash, tag.object_type)
            for iov in iovs[first:]
        ],
    )


def _copy(options: argparse.Namespace, path: Path, fault: Fault | None) -> None:
    """Copy the IOVs of a tag into a file: what holds at the first since gets that since there."""
    name, first, last = options.first, getattr(options, "from"), options.to
    tag = sqlite_file.tags(path).get(name)
    if tag is None:
        raise ConddbError(
            f"There is no tag, global tag or (unique) payload named {name} in the database."
        )
    target = Path(options.destdb)
    sqlite_file.create(target)
    latest = {iov.since: iov for iov in _iovs(path, name, fault)}
    before = max((since for since in latest if since <= first), default=None)
    chosen = {
        first if since == before else since: sqlite_file.payload(path, iov.payload_hash)
        for since, iov in latest.items()
        if (before is None or since >= before) and (last is None or since <= last)
    }
    logging.info("Found %s iovs and %s referenced payloads to copy.", len(chosen), len(chosen))
    if chosen:
        as_name = options.second or name
        iovs = list(chosen.items())
        sqlite_file.write(target, as_name, tag.time_type, tag.object_type, "any", iovs)
        logging.info("Changes committed.")


def _list_tags(options: argparse.Namespace, path: Path, fault: Fault | None) -> None:
    titles = ("Name", *_PROPERTIES)
    rows = []
    for name in sqlite_file.tags(path):
        told = sqlite_file.properties(path, name)
        rows.append((name, *(told[column] for column in _PROPERTIES.values())))
    _table(options, titles, sorted(rows, key=lambda row: (row[5], row[0])))


_PROPERTIES = {
    "TimeType": "time_type",
    "ObjectType": "object_type",
    "Synchronisation": "synchronization",
    "EndOfValidity": "end_of_validity",
    "Insertion_time": "insertion_time",
    "Description": "description",
}
"""The columns of `listTags` after the name, and the properties that they show."""


def _since_filter(time_type: TimeType) -> Callable[[int], str]:
    if time_type is TimeType.LUMI:
        return lambda since: f"{since >> 32} : {since & 0xFFFFFFFF:>5} ({since})"
    if time_type is TimeType.TIME:
        return lambda since: (
            f"{datetime.fromtimestamp(since >> 32, UTC):%Y-%m-%d %H:%M:%S} ({since})"
        )
    return str


def _printed(timestamp: str) -> str:
    """A time as Python prints it: without a fraction where that is 0."""
    return str(datetime.fromisoformat(timestamp))


def _table(
    options: argparse.Namespace, titles: Sequence[str], rows: Sequence[Sequence[object]]
) -> None:
    if options.quiet:
        return
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(titles, *cells, strict=True)]
    for line in (titles, ["-" * width for width in widths], *cells):
        print("".join(f"{c.ljust(width)}  " for c, width in zip(line, widths, strict=True)) + " ")
    print(" ")


def _cell(value: object) -> str:
    text = str(value).replace("\n", "  ").replace("\r", "  ")
    return f"{text[:_LONGEST]}..." if len(text) > _LONGEST else text


if __name__ == "__main__":
    sys.exit(main())
