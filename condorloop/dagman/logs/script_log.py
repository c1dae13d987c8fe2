"""The scripts of a DAG's nodes: for which DAGMan waits for long, and what they have said.

Knows the log that DAGMan keeps of them (`Script::WriteDebug`). A log can be cut or damaged
anywhere: what cannot be read is left out, never an error.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from condorloop.model.enums import NodeKind
from condorloop.model.queue import QueuedDag, WaitingScript
from condorloop.text import plain

LATE = 600.0
"""Seconds for which a node may wait for its script before a person is told."""

_LOG = "scripts.log"
_READ = 1 << 16
"""Bytes of its end: what scripts say is short."""
_LONGEST = 300
_HEAD = re.compile(r"^\*\*\* Node=(?P<node>\S+) .*$", re.M)


def late(
    dag: QueuedDag, unjudged: Mapping[str, float], preparing_since: float | None, now: float
) -> tuple[WaitingScript, ...]:
    """Name the nodes of a DAG whose scripts are late.

    Parameters
    ----------
    unjudged
        The nodes whose jobs have ended, and when, and whose POST scripts have not.
    preparing_since
        Since when a PRE script has not ended, None if none runs; only HARVEST has one.
    """
    if not dag.works:
        return ()
    begun = dag.since or 0.0  # a DAGMan that has only just been started has them all before it
    waiting = [WaitingScript(dag, n, "POST", max(at, begun)) for n, at in unjudged.items()]
    if preparing_since is not None:
        waiting.append(WaitingScript(dag, NodeKind.HARVEST, "PRE", preparing_since))
    return tuple(script for script in waiting if now - script.since >= LATE)


def last_words(directory: Path, node: str) -> str:
    """The last line that a script of a node has printed; empty if there is none."""
    try:
        with (directory / _LOG).open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _READ))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    heads = [*_HEAD.finditer(text)]
    ends = [*(head.start() for head in heads[1:]), len(text)]
    said = ""
    for head, end in zip(heads, ends, strict=True):
        if head["node"] == node:
            lines = [line for line in text[head.end() : end].splitlines() if line.strip()]
            said = lines[-1] if lines else ""
    return plain(said.strip())[:_LONGEST]
