"""The stand-in for edmFileUtil: what a file holds, and whether it can be read.

Source: IOPool/Common/bin/EdmFileUtil.cpp and CollUtil.cc of CMSSW.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from condorloop.testbed.cmssw.framework.errors import CmsError
from condorloop.testbed.cmssw.tools.program_options import Option, OptionError, described, parse

_OPTIONS: Mapping[str, Option] = {
    "help": Option("h", help="print help message"),
    "file": Option("f", value=True, help="data file (Required)"),
    "catalog": Option("c", value=True, help="catalog"),
    "ls": Option("l", help="list file content"),
    "print": Option("P", help="Print all"),
    "verbose": Option("v", help="Verbose printout"),
    "decodeLFN": Option("d", help="Convert LFN to PFN"),
    "uuid": Option("u", help="Print uuid"),
    "adler32": Option("a", help="Print adler32 checksum."),
    "allowRecovery": Option(help="Allow root to auto-recover corrupted files"),
    "JSON": Option("j", help="JSON output format.  Any arguments listed below are ignored"),
    "events": Option("e", help="Print list of all Events, Runs, and LuminosityBlocks in the file"),
    "eventsInLumis": Option(help="Print how many Events are in each LuminosityBlock."),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tool; give its exit code."""
    try:
        given, files = parse(sys.argv[1:] if argv is None else argv, _OPTIONS)
    except OptionError as error:
        print(f"Option parsing failure:\n{error}\n\n{described(_OPTIONS)}\n", file=sys.stderr)
        return 1
    if "help" in given:
        print(described(_OPTIONS))
        return 1
    files = [*given.get("file", []), *files]
    if not files:
        print(f"Data file(s) not set.\n{described(_OPTIONS)}")
        return 1
    if "decodeLFN" in given:
        print("\n".join(files))
        return 0
    as_json = "JSON" in given
    if as_json:
        print("[")
    for number, name in enumerate(files):
        if as_json and number:
            print(",")
        try:
            good = _show(name, as_json, "eventsInLumis" in given, "allowRecovery" in given)
        except CmsError as error:
            print(f"cms::Exception caught in EdmFileUtil\n{error}")
            good = False
        if not good:
            return 1
    if as_json:
        print("]")
    return 0


def _show(name: str, as_json: bool, in_lumis: bool, allow_recovery: bool) -> bool:
    """Print what is in one file; tell whether it is good."""
    # the reader of ROOT files takes a quarter of a second to import
    from condorloop.testbed.cmssw.io.root_file import RootFile, Unreadable, counted
    from condorloop.testbed.cmssw.io.root_header import State

    if not as_json:
        print(name)
    try:
        file = RootFile(name, allow_recovery=True)
    except Unreadable:
        print(f"ERR Could not open file {name}")
        return False
    if file.state is State.NOT_CLOSED:
        print(f"{name} appears not to have been closed correctly and has been autorecovered ")
        if not allow_recovery:
            print("Stopping. Use --allowRecovery to try ignoring this")
            return False
        print("Proceeding anyway")
    if "Events" not in file.trees:
        print("Tree Events appears to be missing. Not a valid collection\nExiting")
        return False
    rows = counted(file.event_ids())
    runs, events = len({run for run, _, _ in rows}), sum(count for _, _, count in rows)
    if as_json:
        counts = f'"runs":{runs},"lumis":{len(rows)},"events":{events},"bytes":{file.size}'
        print(f'{{"file":"{name}",{counts}}}')
        return True
    print(f"{name} ({runs} runs, {len(rows)} lumis, {events} events, {file.size} bytes)")
    if in_lumis:
        print(f"\n{'Run':>15}{'Lumi':>15}{'# Events':>15}")
        for row in rows:
            print("".join(f"{number:>15}" for number in row))
        print()
    return True


if __name__ == "__main__":
    sys.exit(main())
