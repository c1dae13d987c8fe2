"""The kinds of values that configuration files hold.

Knows how a value is written and checked; knows nothing of what it is for.
"""

from __future__ import annotations

import re
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
)

_DURATION = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,12})?)\s*(s|min|h)")
_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0}
_LONGEST = 500 * 3600.0
_LARGEST = 2**31 - 1


def _seconds(value: object) -> object:
    if isinstance(value, str):
        match = _DURATION.fullmatch(value.strip())
        if not match:
            raise ValueError("a duration such as '30 s', '2 min' or '8 h'")
        return float(match[1]) * _SECONDS[match[2]]
    return value


Seconds = Annotated[float, BeforeValidator(_seconds), Field(ge=0, le=_LONGEST, allow_inf_nan=False)]
"""A duration; in YAML a number of seconds, or text such as ``30 s``, ``2 min``, ``8 h``.

At most 500 h: the system's own waits can take no more than 596 h.
"""

FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.+-]+$")]
"""A name, or a part of one, that is used for files."""

Line = Annotated[str, StringConstraints(pattern=r"^[^\r\n\v\f\x85\u2028\u2029]*$", min_length=1)]
"""Text of one line."""


class Section(BaseModel):
    """A mapping of a configuration file; a key that is not known is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    @field_validator("*", mode="before")
    @classmethod
    def _is_meant_as_it_reads(cls, value: object, info: ValidationInfo) -> object:
        """Refuse a truth value where pydantic would take it for a number."""
        kinds = _kinds(cls.model_fields[info.field_name or ""].annotation)
        if isinstance(value, bool) and not kinds & {bool, Any}:
            raise ValueError("no truth value; text that reads yes, no, on or off needs quotes")
        return value

    @field_validator("*", mode="after")
    @classmethod
    def _is_no_huge_number(cls, value: object) -> object:
        if isinstance(value, int | float) and not abs(value) <= _LARGEST:
            raise ValueError(f"a number of at most {_LARGEST}")
        return value


def _kinds(annotation: Any) -> set[Any]:
    """The kinds of values that an annotation allows: `int` and `None` for ``int | None``."""
    if get_origin(annotation) in (Union, UnionType):
        return set().union(*map(_kinds, get_args(annotation)))
    if get_origin(annotation) is Annotated:
        return _kinds(get_args(annotation)[0])
    return {annotation}
