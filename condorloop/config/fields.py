"""The kinds of values that configuration files hold.

Knows how a value is written and checked; knows nothing of what it is for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

_DURATION = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,12})?)\s*(s|min|h|d)")
_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_LONGEST = 500 * 3600.0
_OLDEST = 10_000 * 86400.0
_LARGEST = 2**31 - 1


def _seconds(value: object) -> object:
    if isinstance(value, str):
        match = _DURATION.fullmatch(value.strip())
        if not match:
            raise ValueError("a duration such as '30 s', '2 min', '8 h' or '7 d'")
        return float(match[1]) * _SECONDS[match[2]]
    return value


def _schema(longest: float) -> dict[str, Any]:
    return {
        "anyOf": [
            {"type": "number", "minimum": 0, "maximum": longest},
            {"type": "string", "pattern": rf"^\s*{_DURATION.pattern}\s*$"},
        ]
    }


Seconds = Annotated[
    float,
    BeforeValidator(_seconds),
    Field(ge=0, le=_LONGEST, allow_inf_nan=False),
    WithJsonSchema(_schema(_LONGEST)),
]
"""A duration; in YAML a number of seconds, or text such as ``30 s``, ``2 min``, ``8 h``, ``7 d``.

At most 500 h: the system's own waits can take no more than 596 h.
"""

Age = Annotated[
    float,
    BeforeValidator(_seconds),
    Field(ge=0, le=_OLDEST, allow_inf_nan=False),
    WithJsonSchema(_schema(_OLDEST)),
]
"""A duration that nobody waits for, written like `Seconds`; at most 10 000 days."""

_LONGEST_NAME = 100


def _is_no_folder(name: str) -> str:
    if not name.strip("."):
        raise ValueError("a name that is not made of dots alone")
    return name


FileName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9_.+-]+$", max_length=_LONGEST_NAME),
    AfterValidator(_is_no_folder),
]
"""A name, or a part of one, that is used for files; at most 100 characters: several make a name."""

Name = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]*$", max_length=_LONGEST_NAME)
]
"""A name of folders and options: like `FileName`, with a letter or a digit at its beginning."""

FILE_NAME = re.compile(rf"[A-Za-z0-9_.+-]{{1,{_LONGEST_NAME}}}")
"""What a `FileName` is made of."""

Line = Annotated[str, StringConstraints(pattern=r"^[^\r\n\v\f\x85\u2028\u2029]*$", min_length=1)]
"""Text of one line."""


def _is_classad(text: str) -> str:
    import classad2

    try:
        classad2.ExprTree(text)
    except (ValueError, classad2.ClassAdException) as error:
        raise ValueError("a ClassAd expression, such as OpSysMajorVer == 9") from error
    return text


Expression = Annotated[Line, AfterValidator(_is_classad)]
"""An expression of HTCondor's ClassAd language."""

SECRET = "secret"
"""The type of the error of a value that is not to be shown."""

_SECRET_NAME = re.compile(r"PASSW|PASSPHRASE|SECRET|TOKEN|PRIVATE_?KEY|API_?KEY", re.IGNORECASE)
_FILE = re.compile(r"(?:(?:FILE|DIR):)?/.+")


def _without_secrets(variables: object) -> object:
    if isinstance(variables, dict):
        for name, value in variables.items():
            if _SECRET_NAME.search(str(name)) and not _FILE.fullmatch(str(value)):
                raise PydanticCustomError(
                    SECRET,
                    "{name}: the path of a file that only its owner may read, not the secret"
                    " itself: others can read a job's environment",
                    {"name": str(name)},
                )
    return variables


def _carried_by_htcondor(text: str) -> str:
    if re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", text):
        raise ValueError("text without line ends, tabs and other control characters")
    if "$(dollar)" in text.lower():
        raise ValueError("text without $(DOLLAR), which HTCondor takes for a $")
    return text


Variables = Annotated[
    dict[
        Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")],
        Annotated[str, AfterValidator(_carried_by_htcondor)],
    ],
    BeforeValidator(_without_secrets),
    Field(json_schema_extra={"additionalProperties": False}),
]
"""Environment variables, none of which holds a secret: a job's can be read in the queue."""


ONE, SEVERAL = "(one)", "(several)"
"""How pydantic names the forms of what is a mapping or a list of mappings; no key is called so."""


def form_of(value: object) -> str:
    """Say in which form something is given that can be a mapping or a list of mappings."""
    return SEVERAL if isinstance(value, list | tuple) else ONE


def mistake_at(where: Sequence[str | int], value: object, expected: str) -> ValidationError:
    """Give the error that a value below a section is not what is expected."""
    error = PydanticCustomError("value_error", "{expected}", {"expected": expected})
    details = InitErrorDetails(type=error, loc=tuple(where), input=value)
    return ValidationError.from_exception_data("section", [details])


class Section(BaseModel):
    """A mapping of a configuration file; a key that is not known is a mistake."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, use_attribute_docstrings=True
    )

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
