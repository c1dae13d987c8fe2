"""What is in a RAW file, as `edmFileUtil` tells it.

Knows what that tool prints and how it ends; runs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from condorloop.model.lumis import Lumis
from condorloop.text import one_line

_LUMI_ROW = re.compile(r"^ *(-?[0-9]+) +(-?[0-9]+) +(-?[0-9]+) *$")
_LARGEST_ID = 2**32 - 1
_LARGEST_COUNT = 2**48
_NOT_STARTED = (126, 127)
_NOT_SET_UP = "Valid site-local-config not found"
"""What each CMSSW tool says, of whatever file, at a site that is not set up for CMSSW."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in a RAW file: events by run and LS, or why it cannot be read.

    `transient` says that another try may go better; `answered` is False when the tool could not
    be asked at all, which says nothing about the file.
    """

    events: Mapping[int, Mapping[int, int]]
    error: str = ""
    transient: bool = False
    answered: bool = True

    def lumis(self, run: int) -> Lumis:
        """The LS of one run."""
        return Lumis.of(self.events.get(run, {}))


_FINAL = ("autorecovered", "appears to be missing", "Not a valid collection")
"""What edmFileUtil says of a file that it has read, and that is no good."""


def parse_contents(output: str, exit_code: int) -> Contents:
    """Read what ``edmFileUtil --eventsInLumis FILE`` printed and how it ended.

    The tool's messages are those of IOPool/Common/bin/EdmFileUtil.cpp in cms-sw/cmssw. One that
    was killed says nothing for good about the file; one that a shell could not start, nothing.
    """
    lines = output.split("\n")
    if exit_code:
        told = _told(lines)
        if exit_code < 0:
            return Contents({}, f"edmFileUtil was killed by signal {-exit_code}: {told}", True)
        return Contents(
            {},
            f"edmFileUtil, exit {exit_code}: {told}",
            transient=not any(sign in output for sign in _FINAL),
            answered=exit_code not in _NOT_STARTED and _NOT_SET_UP not in output,
        )
    events: dict[int, dict[int, int]] = {}
    for line in lines:
        if match := _LUMI_ROW.match(line):
            row = _row(*match.groups())
            if row is None:
                return Contents({}, f"edmFileUtil lists what cannot be: {one_line(line, 80)}")
            run, lumi, count = row
            of_run = events.setdefault(run, {})
            of_run[lumi] = of_run.get(lumi, 0) + count
    if not events:
        return Contents({}, "edmFileUtil lists no lumisection")
    return Contents(events)


def _row(*texts: str) -> tuple[int, int, int] | None:
    """Read run, LS and events; None if they are out of any range."""
    if any(len(text) > len(str(_LARGEST_COUNT)) for text in texts):
        return None
    run, lumi, count = map(int, texts)
    if 0 < run <= _LARGEST_ID and 0 < lumi <= _LARGEST_ID and 0 <= count <= _LARGEST_COUNT:
        return run, lumi, count
    return None


def _told(lines: Sequence[str]) -> str:
    said = [line.strip() for line in lines if line.strip()]
    message = next((x for x in said if _is_message(x)), said[-1] if said else "no message")
    return one_line(message)


def _is_message(line: str) -> bool:
    signs = (_NOT_SET_UP, "autorecovered", "appears to be missing")
    return line.startswith("ERR") or any(sign in line for sign in signs)
