"""Why an idle job waits, in words.

Knows what `condorloop.dagman.schedd.match_analysis` counts; asks nobody. It is pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

IDLE_LONG = 60.0
"""Seconds after which a DAGMan that was not started waits for a limit of the schedd."""

_ASKS = (
    ("RequestMemory", "Memory", "memory", "MB", "request_memory_mb"),
    ("RequestCpus", "Cpus", "cores", "", "request_cpus"),
    ("RequestDisk", "Disk", "disk", "KB", "request_disk_mb"),
)


@dataclass(frozen=True, slots=True)
class IdleJob:
    """A job of a node that is in the queue and does not run.

    `since` is in seconds since the epoch; `words` say why it does not run, `advice` what to do.
    """

    dag_id: str
    node: str
    job_id: str
    since: float
    words: str
    advice: str


def why(told: Mapping[str, Any]) -> tuple[str, str]:
    """Say why a job does not run, and what to do.

    Parameters
    ----------
    told
        What `matchmaking.explain` gives; of a job of the local universe, the `local_rule` of the
        schedd.
    """
    if (rule := told.get("local_rule")) is not None:
        said = f": {_short(rule)}" if rule else ""
        words = f"the schedd runs it itself, where START_LOCAL_UNIVERSE lets it{said}"
        return words, "condor_config_val -schedd START_LOCAL_UNIVERSE; the pool's administrators"
    slots, fits, fits_empty = told["slots"], told["fits"], told["fits_empty"]
    if not slots:
        return "the pool has no machine that runs jobs", "condor_status; condorloop doctor"
    if fits:
        words = f"{fits} of {slots} slots are free for it: the negotiator has not come to it yet"
        return words, "wait a minute; if it stays so, look at quotas: condor_userprio"
    if fits_empty:
        words = f"the pool is full: {fits_empty} of {slots} slots could run it, and none has room"
        return words, "nothing: it starts when there is room"
    asks = [_too_much(told, *ask) for ask in _ASKS]
    if too_much := [ask for ask in asks if ask]:
        words = "nothing in the pool is large enough: it asks for "
        keys = " and ".join(key for _, key in too_much)
        return words + "; ".join(w for w, _ in too_much), f"lower {keys} in the calibration's YAML"
    if told["refuse"] == slots:
        return "all machines refuse it by their own START rule", "ask the pool's administrators"
    alone = [text for text, _, empty in told["clauses"] if not empty]
    if alone:
        return f"nothing in the pool fulfils {' nor '.join(map(_short, alone))}", _SUBMIT
    return "no machine fulfils all of its requirements together", _SUBMIT


_SUBMIT = "correct the node kind's submit lines in the calibration's YAML; condor_q -better-analyze"


def _too_much(
    told: Mapping[str, Any], ask: str, has: str, what: str, unit: str, key: str
) -> tuple[str, str] | None:
    asked, most = told["asked"].get(ask), told["largest"].get(has, 0)
    if asked is None or asked <= most:
        return None
    return f"{asked} {unit or ''} {what}, and the largest has {most}".replace("  ", " "), key


def _short(clause: str) -> str:
    return re.sub(r"\s+", " ", clause)[:120]
