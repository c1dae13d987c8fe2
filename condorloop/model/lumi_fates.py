"""What became of each lumisection of a campaign.

Knows the states of files, DAGs and nodes; reads nothing. It is pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from condorloop.model.enums import DagState, NodeState
from condorloop.model.lumis import EMPTY, Lumis


class LumiState(StrEnum):
    """What became of a lumisection, the best first: each is in one state only."""

    IN_PAYLOAD = "in payload"
    """The last payload that was uploaded was made from it."""
    HARVESTED = "harvested"
    """A harvest read it; its payload is on its way, was not made, was refused, or was superseded by
    a younger run's.
    """
    IN_WORK = "in work"
    """A DAG that is in flight has its file, or its ALCARECO waits for the next harvest."""
    GOOD = "good"
    """Its file is good and waits for a batch."""
    NOT_MADE = "not made"
    """Its stream was reconstructed without what the calibration needs: it was not switched on."""
    FAILED = "failed"
    """The DAG that has its file failed, or was removed."""
    BAD_FILE = "bad file"
    """Its file was given up, cannot be read yet, is not listed any more, or was read in part."""
    AWAITED = "awaited"
    """OMS knows it, and its file may still come."""
    MISSING = "missing"
    """No good file of it came before the campaign was closed."""


LOST = (LumiState.NOT_MADE, LumiState.FAILED, LumiState.BAD_FILE, LumiState.MISSING)
"""What becomes of a lumisection that is in no payload unless somebody does something."""


def last_lumi(last_ls: int | None, seen: Lumis) -> int:
    """The last lumisection of a run that OMS, or a file, tells of; 0 if none does."""
    return max(last_ls or 0, seen.last)


def without_payload(last: int, in_payload: Lumis) -> Lumis:
    """The lumisections of a run, up to the `last`, that are in no payload of the database.

    Of a closed campaign these are those that are called missing, wherever they are counted.
    """
    return Lumis.span(1, last) - in_payload


@dataclass(frozen=True, slots=True)
class FileFate:
    """What became of a good RAW file in one campaign.

    Attributes
    ----------
    lumis
        Those of the campaign's run.
    gone
        Whether storage does not list it any more.
    unreadable
        Whether jobs kept failing on it, and it cannot be read yet.
    dag
        The state of the DAG that has it; None if it is in none.
    reco, alca
        The states of its RECO node and of the ALCA node that this feeds; None if there is none.
    given_up
        Whether its RECO node, or the ALCA node, goes on without it.
    lacking
        What the RECO node's job did not read of all its files.
    not_made
        Whether its DAG makes nothing for the campaign.
    """

    lumis: Lumis
    gone: bool = False
    unreadable: bool = False
    dag: DagState | None = None
    reco: NodeState | None = None
    alca: NodeState | None = None
    given_up: bool = False
    lacking: Lumis = EMPTY
    not_made: bool = False


def state_of(file: FileFate) -> LumiState:
    """Say what became of a file's lumisections, apart from harvests and payloads."""
    if file.dag is None:
        return LumiState.BAD_FILE if file.gone or file.unreadable else LumiState.GOOD
    if file.given_up:
        return LumiState.BAD_FILE
    if file.not_made:
        return LumiState.NOT_MADE
    if file.reco is NodeState.DONE and file.alca is NodeState.DONE:
        return LumiState.IN_WORK
    ended = file.dag not in (DagState.PLANNED, DagState.ACTIVE)
    failed = NodeState.FAILED in (file.reco, file.alca)
    return LumiState.FAILED if ended or failed else LumiState.IN_WORK


def fates(
    files: Iterable[FileFate],
    *,
    harvested: Lumis,
    in_payload: Lumis,
    last: int,
    is_open: bool,
) -> Mapping[LumiState, Lumis]:
    """Put each lumisection of a run into the one state that it is in.

    Parameters
    ----------
    files
        The campaign's good RAW files.
    harvested, in_payload
        Those of the campaign's largest harvest and of its last payload.
    last
        The run's last lumisection.
    is_open
        Whether files may still come.

    Returns
    -------
    mapping
        Disjoint sets, without those that are empty; together all from 1 to `last`, and all
        that files cover beyond.
    """
    told: dict[LumiState, list[Lumis]] = {state: [] for state in LumiState}
    told[LumiState.IN_PAYLOAD].append(in_payload)
    told[LumiState.HARVESTED].append(harvested)
    for file in files:
        state = state_of(file)
        whole = file.lumis - file.lacking if state is LumiState.IN_WORK else file.lumis
        told[state].append(whole)
        told[LumiState.BAD_FILE].append(file.lumis - whole)
    rest = LumiState.AWAITED if is_open else LumiState.MISSING
    told[rest].append(Lumis.span(1, last))
    found: dict[LumiState, Lumis] = {}
    taken = EMPTY
    for state, sets in told.items():
        if mine := Lumis.union(sets) - taken:
            found[state] = mine
            taken = taken | mine
    return found
