"""In which order payloads of several runs go into a tag: what its synchronisation asks for.

Knows what may be sent now, what is kept back, and when the turn has come of what was. The UPLOAD
job asks for the first, the submitter for the last. It is pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from condorloop.model.enums import Synchronisation, TagOutcome


class Order(Enum):
    """What the synchronisation of a tag means for payloads of several runs."""

    FREE = "free"
    """Each since is its own: nothing waits."""
    MOVES_UP = "moves up"
    """A late since is moved up, over a younger run's constants: the older run is not sent then."""
    APPENDS = "appends"
    """A since lies after all others: runs are sent by their numbers, each once, at its end."""


_ORDERS = {
    Synchronisation.HLT: Order.MOVES_UP,
    Synchronisation.EXPRESS: Order.MOVES_UP,
    Synchronisation.PROMPT: Order.MOVES_UP,
    Synchronisation.OFFLINE: Order.APPENDS,
    Synchronisation.RUNMC: Order.APPENDS,
}

_RESTATED = frozenset({Synchronisation.ANY, Synchronisation.VALIDATION})


@dataclass(frozen=True, slots=True)
class Kept:
    """Why a payload is not sent to a tag now; `overtaken_by` is the younger run that it holds."""

    outcome: TagOutcome
    words: str
    overtaken_by: int | None = None


def known(synchronisation: object) -> Synchronisation | None:
    """The synchronisation of that name; None if there is none.

    >>> known("hlt"), known("nonsense"), known(None)
    (<Synchronisation.HLT: 'hlt'>, None, None)
    """
    try:
        return Synchronisation(str(synchronisation))
    except ValueError:
        return None


def order_of(synchronisation: Synchronisation | None) -> Order:
    """What order a tag asks for; where its synchronisation is not known, it may move sinces up."""
    if synchronisation is None:
        return Order.MOVES_UP
    return _ORDERS.get(synchronisation, Order.FREE)


def is_restated(synchronisation: Synchronisation | None) -> bool:
    """Whether a payload by lumisection can be put in again at the sinces of earlier ones."""
    return synchronisation is None or synchronisation in _RESTATED


def once_a_run(synchronisation: Synchronisation | None, *, by_lumi: bool) -> bool:
    """Whether a run is sent to a tag once, at its end.

    It is where sinces can only be appended, and where the borders of IOVs by lumisection move with
    the input, and those of an earlier payload could not be put over.
    """
    if order_of(synchronisation) is Order.APPENDS:
        return True
    return by_lumi and not is_restated(synchronisation)


def takes_pieces(synchronisation: Synchronisation | None) -> bool:
    """Whether a payload by lumisection can go up in pieces to a tag that takes a run once.

    A tag of synchronisation `mc` is filled by its first upload and never again.
    """
    return not is_restated(synchronisation) and synchronisation is not Synchronisation.MC


def why_kept(
    synchronisation: Synchronisation | None,
    *,
    by_lumi: bool,
    younger: int | None,
    turn: bool,
) -> Kept | None:
    """Say why a run's payload is not to be sent to a tag now; None if it may be.

    Parameters
    ----------
    synchronisation
        That of the tag; None where it is not known.
    by_lumi
        Whether the payload's IOVs begin at lumisections.
    younger
        The youngest run after this one that the tag has, or may have; None if it has none.
    turn
        Whether the turn of the run has come, as `why_turn` says.
    """
    if younger is not None and order_of(synchronisation) is not Order.FREE:
        return Kept(TagOutcome.OVERTAKEN, f"superseded by run {younger}", younger)
    if not turn and once_a_run(synchronisation, by_lumi=by_lumi):
        words = f"a tag of synchronisation {synchronisation} takes one payload a run"
        return Kept(TagOutcome.PENDING, f"waits for the end of the run: {words}")
    return None


def why_turn(
    now: float,
    *,
    synchronisation: Synchronisation | None,
    last: bool,
    pending_since: float,
    older: Iterable[int],
    order_wait: float,
) -> str | None:
    """Say why the turn has come of a payload that a tag's order keeps back; None if it has not.

    Parameters
    ----------
    now
        Seconds since the epoch.
    synchronisation
        That of the tag; None where it is not known.
    last
        Whether it is the last payload of its run: no other harvest is to come.
    pending_since
        When it was found to be kept back, in seconds since the epoch.
    older
        The older runs that have something to send to the tag, or will have. A span that needs more
        data is none of them.
    order_wait
        Seconds for which it waits for them. After that they are too late for good.
    """
    if not last:
        return None
    waited_for = sorted(older) if order_of(synchronisation) is Order.APPENDS else []
    if not waited_for:
        return "no other payload of the run is to come"
    named = ", ".join(f"run {run}" for run in waited_for)
    if now < pending_since + order_wait:
        return None
    return f"{named} had nothing to send in {order_wait / 3600:g} h"
