"""Why an idle job waits, in words.

Knows what `condorloop.dagman.schedd.match_analysis` counts; asks nobody. It is pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from condorloop.model.queue import Obstacle

IDLE_LONG = 60.0
"""Seconds after which a DAGMan that was not started waits for a limit of the schedd."""

IN_VAIN = 3
"""How often a machine takes a job and does not begin it before that is what keeps it waiting."""

_NEGOTIATES_SELDOM = 600
"""Seconds without a cycle of the negotiator after which it is that."""

_QUOTAS = "condor_userprio -quotas; condor_userprio -all"
_EVENTS = "condor_q -better-analyze; events 007, 022 and 024 in the DAG's nodes.log"

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


def obstacle(told: Mapping[str, Any]) -> Obstacle:
    """Say what keeps a job from running; see `why`."""
    if told.get("local_rule") is not None:
        return Obstacle.LOCAL
    if tries_in_vain(told) >= IN_VAIN:
        return Obstacle.IN_VAIN
    if not told["slots"]:
        return Obstacle.NO_MACHINE
    if not told["fits_empty"]:
        return Obstacle.NO_MATCH
    has_room = told["fits"] and told.get("most_running") is None and not _limit(told)
    return Obstacle.FREE if has_room else Obstacle.FULL


def _limit(told: Mapping[str, Any]) -> str:
    """Give the negotiator's words of a limit that was reached: a share, a quota, a concurrency."""
    reason = str(told.get("LastRejMatchReason", ""))
    return reason if "limit" in reason or "share" in reason else ""


def tries_in_vain(told: Mapping[str, Any]) -> int:
    """Count how often a job was given a machine that did not begin it; 0 if the last one did."""
    begun = told.get("JobCurrentStartExecutingDate")
    if begun is not None and begun >= told.get("JobCurrentStartDate", begun):
        return 0
    return int(told.get("NumShadowStarts", 0)) - int(told.get("NumJobStarts", 0))


def why(told: Mapping[str, Any]) -> tuple[str, str]:
    """Say why a job does not run, and what to do.

    Parameters
    ----------
    told
        What `match_analysis.explain` gives; of a job of the local universe, the `local_rule` of the
        schedd. It may have the job's `LastRejMatchReason`, `LastRemoteHost` and what counts its
        starts (`NumShadowStarts`, `NumJobStarts`, `JobCurrentStartDate`,
        `JobCurrentStartExecutingDate`), `negotiated_ago`, the seconds since a negotiator's last
        cycle (None if there is none), and `most_running`, the schedd's limit of running jobs if it
        is reached.
    """
    match obstacle(told):
        case Obstacle.LOCAL:
            said = f": {_short(told['local_rule'])}" if told["local_rule"] else ""
            words = f"the schedd runs it itself, where START_LOCAL_UNIVERSE lets it{said}"
            look = "condor_config_val -schedd START_LOCAL_UNIVERSE; the pool's administrators"
            return words, look
        case Obstacle.IN_VAIN:
            last = told.get("LastRemoteHost")
            words = f"{tries_in_vain(told)} times a machine took it and did not begin it"
            return words + (f", last {last}" if last else ""), _EVENTS
        case Obstacle.NO_MACHINE:
            return "the pool has no machine that runs jobs", "condor_status; condorloop doctor"
        case Obstacle.FULL if (most := told.get("most_running")) is not None:
            words = f"the schedd runs as many jobs as it may: MAX_JOBS_RUNNING is {most}"
            return words, "condor_q -all -totals; the pool's administrators"
        case Obstacle.FULL if told["fits"]:
            return f"its share of the pool is in use: {_short(_limit(told))}", _QUOTAS
        case Obstacle.FULL:
            room = f"{told['fits_empty']} of {told['slots']} slots could run it, and none has room"
            return f"the pool is full: {room}", "nothing: it starts when there is room"
        case Obstacle.FREE:
            return _not_given(told)
    return _no_match(told)


def _not_given(told: Mapping[str, Any]) -> tuple[str, str]:
    """Say why a job gets none of the slots that are free for it."""
    words = f"{told['fits']} of {told['slots']} slots are free for it"
    ago = told.get("negotiated_ago", 0)
    if ago is None:
        return f"{words}: no negotiator runs", "condor_status -negotiator; condorloop doctor"
    if ago > _NEGOTIATES_SELDOM:
        words += f": the negotiator has ended no cycle for {ago // 60} min"
        return words, "condor_status -negotiator -l"
    if reason := told.get("LastRejMatchReason"):
        return f"{words}: the negotiator says: {_short(reason)}", _QUOTAS
    words += "; waiting for the next negotiation cycle"
    return words, "wait a minute; if it stays so, look at quotas: condor_userprio"


def _no_match(told: Mapping[str, Any]) -> tuple[str, str]:
    """Say what no slot of the pool has."""
    slots = told["slots"]
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
