"""A study: the same simulated again and again, each time with something otherwise.

Knows how what is to vary is written; knows nothing of how it is shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from condorloop.simulation.outcome import Outcome, to_json
from condorloop.simulation.settings import Setting, simulate


@dataclass(frozen=True, slots=True)
class Row:
    """What was otherwise, as it was written, and what it came to."""

    changed: Mapping[str, str]
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Study:
    """What was simulated, in words, and a row for each value; a single one if nothing varies."""

    of: str
    rows: tuple[Row, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """What varies."""
        return tuple(self.rows[0].changed)


def parse(text: str) -> tuple[str, tuple[str, ...]]:
    """Read ``KEY=V1,V2``, such as ``slots=32,64``.

    Raises
    ------
    ValueError
        The text has another form.

    >>> parse("batching.batch_window=10 s,60s")
    ('batching.batch_window', ('10 s', '60s'))
    """
    key, _, values = text.partition("=")
    given = tuple(value.strip() for value in values.split(",") if value.strip())
    if not key.strip() or not given:
        raise ValueError(f"{text!r} is not of the form KEY=V1,V2,…")
    return key.strip(), given


def variations(
    setting: Setting, vary: Sequence[tuple[str, Sequence[str]]]
) -> Iterator[tuple[dict[str, str], Setting]]:
    """Give the settings with every combination of values.

    Raises
    ------
    ValueError
        There is no such key, or it cannot have such a value.
    """
    keys = [key for key, _ in vary]
    for values in product(*(given for _, given in vary)):
        changed = dict(zip(keys, values, strict=True))
        changed_setting = setting
        for key, value in changed.items():
            changed_setting = changed_setting.with_value(key, value)
        yield changed, changed_setting


def study(of: str, setting: Setting, vary: Sequence[tuple[str, Sequence[str]]]) -> Study:
    """Simulate every variation.

    Raises
    ------
    ValueError
        There is no such key, or it cannot have such a value; before anything is simulated.
    """
    made = list(variations(setting, vary))
    return Study(of, tuple(Row(changed, simulate(each)) for changed, each in made))


def study_to_json(made: Study) -> dict[str, Any]:
    """Give a study as a JSON object."""
    rows = [{"changed": row.changed, "outcome": to_json(row.outcome)} for row in made.rows]
    return {"of": made.of, "rows": rows}
