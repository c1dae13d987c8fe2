"""The gate before an upload: the payload compared with the one in force, or judged by a command.

Knows what is in force from the records of earlier uploads; `policy.gate` knows limits. It asks no
service. Whatever goes wrong while it judges holds the payload: it never lets one pass.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from condorloop.model.gate import GateAnswer
from condorloop.node.uploads.upload_choice import Payload
from condorloop.node.uploads.upload_records import EarlierUpload, uploads_of
from condorloop.policy.constants_change import ConstantsChange, compare
from condorloop.policy.gate import beyond
from condorloop.rundir.layout import PAYLOAD_DB
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


def judge(payload: Payload, gate: GateTool, environment: Mapping[str, str]) -> Judged:
    """Judge a payload; `environment` is CMSSW's."""
    before = in_force(payload)
    if gate.command:
        return _by_command(payload, gate, before, environment)
    if before is None:
        return Judged(gate.first, "no payload is in force that it can be compared with")
    against = f"compared with {before.parent.name}/{before.name}"
    try:
        changes = [
            _change(payload, gate, before, tag, environment)
            for tag in dict.fromkeys(iov.tag for iov in payload.iovs)
        ]
    except PayloadUnreadable as error:
        return Judged(GateAnswer.HOLD, f"cannot be compared: {error}")
    found = beyond(changes, gate.limits)
    if found:
        return Judged(GateAnswer.HOLD, f"{'; '.join(found)}, {against}")
    return Judged(GateAnswer.PASS, f"within the limits, {against}")


def in_force(payload: Payload) -> Path | None:
    """The harvest whose payload is in force, as records tell: of this run, else of an older one.

    None if none is known. A record that cannot be read is passed over.
    """
    for found in _own_and_older(payload):
        taken = [u for u in found if u.may_be_in(payload.destination)]
        there = [u for u in taken if (u.harvest / PAYLOAD_DB).exists()]
        if last := max(there, key=lambda u: u.of[payload.destination].time, default=None):
            return last.harvest
    return None


def _own_and_older(payload: Payload) -> Iterator[list[EarlierUpload]]:
    """The uploads of a payload's run, then those of older runs, the youngest first."""
    yield list(payload.others)
    folders = payload.dag.run_dir.parent.iterdir()
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
        payload_reader.read(gate.reader, folder / PAYLOAD_DB, tag, environment, gate.reader_timeout)
        for folder in (before, payload.harvest)
    )
    return compare(old, new)


def _by_command(
    payload: Payload, gate: GateTool, before: Path | None, environment: Mapping[str, str]
) -> Judged:
    given = {
        "{file}": str(payload.harvest / PAYLOAD_DB),
        "{before}": str(before / PAYLOAD_DB) if before else "",
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
