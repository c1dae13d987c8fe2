"""The diff of two payloads as data, and as JSON.

Knows what ``condorloop payload RUN --diff A B`` tells; `policy.constants_change` compares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import TypeAdapter

from condorloop.policy.constants_change import ConstantsChange, Shift


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A channel or an interval: its value before and after."""

    what: str
    before: float
    after: float
    change: float


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantityDiff:
    """How a quantity has changed.

    `compared` channels or intervals have it in both, `changed` of them another value; `mean`,
    `spread` and `largest` are of the change, over all that were compared. `worst` are the ten that
    have changed most; `intervals` has all where the quantity is an IOV's own.
    """

    name: str
    unit: str
    compared: int
    changed: int
    mean: float
    spread: float
    largest: float
    come: tuple[str, ...]
    gone: tuple[str, ...]
    worst: tuple[Moved, ...]
    intervals: tuple[Moved, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SetDiff:
    """How a set, such as bad modules, has changed: members before and after, come and gone."""

    name: str
    before: int
    after: int
    come: tuple[str, ...]
    gone: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadDiff:
    """What has changed from one payload of a calibration to another."""

    calibration: str
    before: str
    after: str
    quantities: tuple[QuantityDiff, ...]
    sets: tuple[SetDiff, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDiff:
    """What ``condorloop payload RUN --diff A B --json`` prints."""

    schema: Literal[1] = 1
    run: int
    diffs: tuple[PayloadDiff, ...]


def payload_diff(calibration: str, before: str, after: str, change: ConstantsChange) -> PayloadDiff:
    """Tell a change."""
    return PayloadDiff(
        calibration=calibration,
        before=before,
        after=after,
        quantities=tuple(
            QuantityDiff(
                name=each.name,
                unit=each.unit,
                compared=len(each.shifts),
                changed=each.changed,
                mean=each.mean,
                spread=each.spread,
                largest=each.largest,
                come=each.come,
                gone=each.gone,
                worst=tuple(map(_moved, each.worst())),
                intervals=tuple(map(_moved, each.shifts)) if each.by_interval else (),
            )
            for each in change.quantities
        ),
        sets=tuple(
            SetDiff(
                name=each.name,
                before=each.before,
                after=each.after,
                come=each.come,
                gone=each.gone,
            )
            for each in change.sets
        ),
    )


def _moved(shift: Shift) -> Moved:
    return Moved(what=shift.what, before=shift.before, after=shift.after, change=shift.by)


_ADAPTER: TypeAdapter[RunDiff] = TypeAdapter(RunDiff)


def to_json(told: RunDiff) -> dict[str, Any]:
    """Give the object that ``condorloop payload RUN --diff A B --json`` prints."""
    data: dict[str, Any] = _ADAPTER.dump_python(told, mode="json")
    return data


def json_schema() -> dict[str, Any]:
    """Give the JSON Schema of ``condorloop payload RUN --diff A B --json``."""
    return _ADAPTER.json_schema(mode="serialization")
