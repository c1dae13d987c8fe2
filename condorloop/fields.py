"""The kinds of values that configuration files hold.

Knows how a value is written and checked; knows nothing of what it is for.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|h)")
_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0}


def _seconds(value: object) -> object:
    if isinstance(value, str):
        match = _DURATION.fullmatch(value.strip())
        if not match:
            raise ValueError("a duration such as '30 s', '2 min' or '8 h'")
        return float(match[1]) * _SECONDS[match[2]]
    return value


Seconds = Annotated[float, BeforeValidator(_seconds), Field(ge=0)]
"""A duration; in YAML a number of seconds, or text such as ``30 s``, ``2 min``, ``8 h``."""

FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.+-]+$")]
"""A name, or a part of one, that is used for files."""

Line = Annotated[str, StringConstraints(pattern=r"^[^\r\n]*$", min_length=1)]
"""Text of one line."""


class Section(BaseModel):
    """A mapping of a configuration file; a key that is not known is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
