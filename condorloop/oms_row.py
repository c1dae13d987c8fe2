"""One row of OMS, read as a run.

Knows OMS's attributes, their types and which values make sense; asks nobody.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from condorloop.model import Run

_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ](?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?"
    r"(Z|[+-][0-9]{2}:[0-9]{2})?"
)
_YEARS = range(2000, 2100)
_LARGEST = 2**31 - 1


def run_of(row: object) -> Run:
    """Read a row.

    Raises
    ------
    pydantic.ValidationError
        An attribute is missing, or has a value that no run has.
    """
    return _Attributes.model_validate(_Row.model_validate(row).attributes).run()


def _utc(value: object) -> object:
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise ValueError("expected a time such as 2018-11-19T20:36:50Z")
    try:
        time = datetime.fromisoformat(value)
        time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(str(error)) from error
    if time.year not in _YEARS:
        raise ValueError(f"expected a year from {_YEARS[0]} to {_YEARS[-1]}")
    return time


_Time = Annotated[datetime, BeforeValidator(_utc)]
_Count = Annotated[int, Field(ge=0, le=_LARGEST)]
_Word = Annotated[str, Field(max_length=200)]


class _Row(BaseModel):
    attributes: dict[str, Any]


class _Attributes(BaseModel):
    model_config = ConfigDict(strict=True)

    run_number: int = Field(gt=0, lt=10**9)
    start_time: _Time
    fill_number: _Count | None = None
    end_time: _Time | None = None
    last_lumisection_number: _Count | None = None
    fill_type_runtime: _Word | None = None
    l1_hlt_mode: _Word | None = None
    stable_beam: bool | None = None

    @model_validator(mode="after")
    def _ends_after_its_start(self) -> Self:
        if self.end_time is not None and self.end_time < self.start_time:
            raise ValueError("expected an end_time that is not before start_time")
        return self

    def run(self) -> Run:
        return Run(
            number=self.run_number,
            fill=self.fill_number,
            start=self.start_time.timestamp(),
            end=None if self.end_time is None else self.end_time.timestamp(),
            last_ls=self.last_lumisection_number,
            fill_type=self.fill_type_runtime,
            l1_hlt_mode=self.l1_hlt_mode,
            stable_beam=bool(self.stable_beam),
        )
