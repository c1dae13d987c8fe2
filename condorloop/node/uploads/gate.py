"""The gate before an upload: the payload compared with the one in force, or judged by a command.

What is in force is what the destination holds, as it was read back; where it was not, the records
of earlier uploads tell. `policy.gate` knows limits. Whatever goes wrong while it judges holds the
payload: it never lets one pass.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from condorloop.model.enums import TimeType
from condorloop.model.gate import GateAnswer
from condorloop.model.lumis import LAST_LS
from condorloop.node.uploads.sending import Tool
from condorloop.node.uploads.upload_choice import Payload
from condorloop.node.uploads.upload_records import EarlierUpload, uploads_of
from condorloop.policy.constants_change import ConstantsChange, compare
from condorloop.policy.gate import beyond
from condorloop.policy.in_force import since_words
from condorloop.rundir.layout import IN_FORCE_DB, PAYLOAD_DB
from condorloop.rundir.records.gate import GateTool
from condorloop.runtime import subprocesses
from condorloop.services import payload_reader
from condorloop.services.payload_reader import PayloadUnreadable
from condorloop.text import one_line

MOST_RUNS = 200
"""How many older runs are searched for the payload in force, the youngest first."""

_RUN = re.compile(r"run([0-9]{1,9})")
_CODES = {0: GateAnswer.PASS, 1: GateAnswer.HOLD, 2: GateAnswer.FAIL}
"""What a command says by its exit code; any other holds the payload."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What a gate says of a payload, and why."""

    answer: GateAnswer
    words: str


@dataclass(frozen=True, slots=True)
class Serving:
    """What a payload is compared with.

    `file` is a payload file whose tag is called as the payload's, None where nothing is in force;
    `words` say what it is, and who tells.
    """

    file: Path | None
    words: str


def judge(payload: Payload, gate: GateTool, environment: Mapping[str, str], tool: Tool) -> Judged:
    """Judge a payload; `environment` is CMSSW's, `tool` copies what its destination holds."""
    copied = payload.harvest / IN_FORCE_DB
    try:
        before = _read_back(payload, tool, copied) or _by_records(payload)
        return _judge(payload, gate, environment, before)
    finally:
        copied.unlink(missing_ok=True)


def _judge(
    payload: Payload, gate: GateTool, environment: Mapping[str, str], before: Serving
) -> Judged:
    if gate.command:
        return _by_command(payload, gate, before.file, environment)
    if before.file is None:
        return Judged(gate.first, before.words)
    against = f"compared with {before.words}"
    try:
        changes = [
            _change(payload, gate, before.file, tag, environment)
            for tag in dict.fromkeys(iov.tag for iov in payload.iovs)
        ]
    except PayloadUnreadable as error:
        return Judged(GateAnswer.HOLD, f"cannot be compared: {error}")
    found = beyond(changes, gate.limits)
    if found:
        return Judged(GateAnswer.HOLD, f"{'; '.join(found)}, {against}")
    return Judged(GateAnswer.PASS, f"within the limits, {against}")


_NOTHING = "no payload is in force that it can be compared with"


def _read_back(payload: Payload, tool: Tool, file: Path) -> Serving | None:
    """Copy what the destination holds where the payload is to serve; None if it is not told."""
    content, tag = payload.there, payload.destination.tag
    if content is None or payload.iovs[0].time_type not in ("", content.time_type):
        return None
    own = payload.metadata.since
    first = last = payload.iovs[0].since if own is None else own
    if content.time_type is TimeType.LUMI:
        last = first | LAST_LS
    holding = [iov for iov in content.iovs if iov.since <= last]
    if not holding:
        return Serving(None, f"{_NOTHING}: {tag} was read back, and has none at this since")
    serving = max((iov for iov in holding if iov.since <= first), default=min(holding))
    if not tool.copy(
        payload.destination, file, max(first, serving.since), last, payload.iovs[0].tag
    ):
        return None
    since = since_words(content.time_type, serving.since)
    return Serving(file, f"payload {serving.hash[:12]} since {since} of {tag}, read back")


def _by_records(payload: Payload) -> Serving:
    """The payload of the last upload to the destination, of this run or else of an older one.

    A record that cannot be read is passed over.
    """
    for found in _own_and_older(payload):
        taken = [u for u in found if u.may_have_part_in(payload.destination)]
        there = [u for u in taken if (u.harvest / PAYLOAD_DB).exists()]
        if last := max(there, key=lambda u: u.of[payload.destination].time, default=None):
            name = f"{last.harvest.parent.name}/{last.harvest.name}"
            return Serving(last.harvest / PAYLOAD_DB, f"{name}, by the records of uploads")
    return Serving(None, f"{_NOTHING}: no record of an upload names one")


def _own_and_older(payload: Payload) -> Iterator[list[EarlierUpload]]:
    """The uploads of a payload's run, then those of older runs, the youngest first."""
    yield list(payload.others)
    folders = payload.dag.made_dir.parent.iterdir()
    named = ((_RUN.fullmatch(folder.name), folder) for folder in folders)
    number = payload.dag.run
    older = {int(m[1]): folder for m, folder in named if m and int(m[1]) < number}
    for run in sorted(older, reverse=True)[:MOST_RUNS]:
        try:
            yield uploads_of(older[run], payload.metadata_files)
        except OSError:
            continue


def _change(
    payload: Payload, gate: GateTool, before: Path, tag: str, environment: Mapping[str, str]
) -> ConstantsChange:
    old, new = (
        payload_reader.read(gate.reader, file, tag, environment, gate.reader_timeout)
        for file in (before, payload.harvest / PAYLOAD_DB)
    )
    return compare(old, new)


def _by_command(
    payload: Payload, gate: GateTool, before: Path | None, environment: Mapping[str, str]
) -> Judged:
    given = {
        "{file}": str(payload.harvest / PAYLOAD_DB),
        "{before}": str(before) if before else "",
        "{tag}": payload.metadata.input_tag,
        "{run}": str(payload.dag.run),
    }
    words = list(gate.command)
    if not any("{file}" in word for word in words):
        words += ["{file}", "{before}"]
    for name, value in given.items():
        words = [word.replace(name, value) for word in words]
    what = f"the gate {words[0]}"
    try:
        done = subprocesses.run(words, environment=environment, timeout=gate.timeout)
    except subprocess.TimeoutExpired:
        return Judged(GateAnswer.HOLD, f"{what} took more than {gate.timeout:g} s")
    except (OSError, ValueError) as error:
        return Judged(GateAnswer.HOLD, f"{what} cannot be run: {error}")
    said = (done.stdout or done.stderr).decode(errors="replace").strip().splitlines()
    last = one_line(said[-1]) if said else "no message"
    answer = _CODES.get(done.returncode)
    if answer is None:
        return Judged(GateAnswer.HOLD, f"{what}, exit {done.returncode}: {last}")
    return Judged(answer, last)
