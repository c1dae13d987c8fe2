"""Whether a payload has changed by more than a calibration's limits allow.

Pure: it judges changes that others have found; what is held or sent then is not its business.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from condorloop.model.gate import GateLimits, QuantityLimit, SetLimit
from condorloop.policy.constants_change import ConstantsChange, QuantityChange, SetChange


def beyond(changes: Sequence[ConstantsChange], limits: GateLimits) -> list[str]:
    """Say what is beyond the limits, in words; nothing if all is within them.

    A quantity or a set that cannot be compared is beyond any limit.

    Parameters
    ----------
    changes
        One of each tag of the payload file.
    """
    return [*_of_quantities(changes, limits), *_of_sets(changes, limits)]


def _of_quantities(changes: Sequence[ConstantsChange], limits: GateLimits) -> Iterator[str]:
    for name, limit in limits.quantities.items():
        found = [q for c in changes if (q := c.quantity(name)) and (q.shifts or q.gone)]
        if not found:
            yield f"{name} cannot be compared with the payload in force"
        for change in found:
            yield from _quantity(change, limit)


def _quantity(change: QuantityChange, limit: QuantityLimit) -> Iterator[str]:
    name, unit = change.name, f" {change.unit}" if change.unit else ""
    if limit.largest_shift is not None and change.largest > limit.largest_shift:
        [worst] = change.worst(1)
        yield (
            f"{name} of {worst.what} shifts by {worst.by:+.4g}{unit}"
            f" (at most {limit.largest_shift:g})"
        )
    if limit.part_changed is not None:
        part = _part(change.beyond(limit.change), len(change.shifts))
        if part > limit.part_changed:
            by = f" by more than {limit.change:g}{unit}" if limit.change else ""
            yield f"{name} changes{by} in {part:.1%} of channels (at most {limit.part_changed:.1%})"
    if limit.part_gone is not None:
        part = _part(len(change.gone), len(change.shifts) + len(change.gone))
        if part > limit.part_gone:
            yield f"{name} is gone of {part:.1%} of channels (at most {limit.part_gone:.1%})"


def _of_sets(changes: Sequence[ConstantsChange], limits: GateLimits) -> Iterator[str]:
    for name, limit in limits.sets.items():
        found = [s for c in changes for s in c.sets if s.name == name]
        if not found:
            yield f"{name} cannot be compared with the payload in force"
        for change in found:
            yield from _set(change, limit)


def _set(change: SetChange, limit: SetLimit) -> Iterator[str]:
    if limit.come is not None and len(change.come) > limit.come:
        yield f"{len(change.come)} come into {change.name} (at most {limit.come})"
    if limit.gone is not None and len(change.gone) > limit.gone:
        yield f"{len(change.gone)} go from {change.name} (at most {limit.gone})"


def _part(some: int, of_all: int) -> float:
    return some / of_all if of_all else 0.0
