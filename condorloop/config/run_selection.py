"""Which runs are latched: what OMS has to tell of them.

Knows the keys, and whether a run is of a kind that is asked for; when a run is latched is decided
elsewhere.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer, PositiveInt, WithJsonSchema

from condorloop.config.fields import Line, Section

_ONE = {"anyOf": [{"type": "string", "minLength": 1}, {"type": "null"}]}
_SCHEMA = {"anyOf": [*_ONE["anyOf"], {"type": "array", "items": _ONE, "minItems": 1}]}


def _several(value: object) -> object:
    return value if isinstance(value, list | tuple) else (value,)


def _written(values: tuple[str | None, ...]) -> Any:
    return values[0] if len(values) == 1 else list(values)


Kinds = Annotated[
    tuple[Line | None, ...],
    BeforeValidator(_several),
    Field(min_length=1),
    PlainSerializer(_written),
    WithJsonSchema(_SCHEMA),
]
"""A word of OMS, or a list of some; `null` is a run of which OMS tells none."""


class RunSelection(Section):
    """The keys of `step_2_config` that say which runs are latched."""

    fill_types: Kinds = Field(alias="filltype")
    """The fill type of the runs to latch, as OMS calls it (`fill_type_runtime`), or a list of them;
    `null` takes runs without a fill, such as cosmics.
    """
    modes: Kinds = Field(alias="l1hltmode")
    """The L1/HLT mode of the runs to latch, as OMS calls it (`l1_hlt_mode`), or a list of them."""
    min_ls: PositiveInt = Field(50, alias="minLsToProcess")
    """An ended run with fewer lumisections is not latched."""
    stable_beam: bool = False
    """Whether only runs with stable beams are latched."""

    def matches(self, fill_type: str | None, mode: str | None) -> bool:
        """Whether a run of this fill type and mode is of a kind that is asked for."""
        return fill_type in self.fill_types and mode in self.modes


def kinds_in_words(kinds: tuple[str | None, ...]) -> str:
    """Name the words that are asked for.

    >>> kinds_in_words(("PROTONS",)), kinds_in_words(("PROTONS", "PB", None))
    ('PROTONS', 'PROTONS, PB or none')
    """
    named = [kind or "none" for kind in kinds]
    return " or ".join(filter(None, (", ".join(named[:-1]), named[-1])))
