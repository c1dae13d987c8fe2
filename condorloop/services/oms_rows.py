"""One row of OMS, read as a run or as a lumisection.

Knows OMS's attributes, their types and units, and which values make sense; asks nobody.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from condorloop.model.campaign import Run

_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ](?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?"
    r"(Z|[+-][0-9]{2}:[0-9]{2})?"
)
_YEARS = range(2000, 2100)
_LARGEST = 2**31 - 1
LUMINOSITY = "recorded_lumi_per_lumisection"
"""What was recorded in a lumisection; its ``recorded_lumi`` is integrated over the run."""
_PER_PB: Mapping[str, float] = MappingProxyType(
    {"fb-1": 1e3, "pb-1": 1.0, "nb-1": 1e-3, "ub-1": 1e-6}
)


@dataclass(frozen=True, slots=True)
class Lumisection:
    """A lumisection of a run: `recorded` in it, in 1/pb; None if OMS does not say."""

    run: int
    number: int
    recorded: float | None


def run_of(row: object) -> Run:
    """Read a row.

    Raises
    ------
    pydantic.ValidationError
        An attribute is missing, or has a value that no run has.
    """
    return _Attributes.model_validate(_Row.model_validate(row).attributes).run()


def lumisection_of(row: object) -> Lumisection:
    """Read a row of ``lumisections``; without a word on units its luminosity is in 1/pb.

    Raises
    ------
    pydantic.ValidationError
        An attribute is missing, or has a value or a unit that no lumisection has.
    """
    return _LumisectionRow.model_validate(row).lumisection()


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


def _per_pb(value: object) -> float:
    """How many 1/pb a unit is, spelt ``pb^{-1}``, ``/pb`` or in another of the usual ways."""
    if value is None:
        return 1.0
    spelt = re.sub(r"[\\\s{}()^]", "", value) if isinstance(value, str) else ""
    plain = re.sub(r"1?/(.+)", r"\1-1", re.sub("mu|µ|μ", "u", spelt))
    if plain not in _PER_PB:
        raise ValueError("expected a unit of luminosity such as pb^{-1}")
    return _PER_PB[plain]


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


class _LumisectionAttributes(BaseModel):
    model_config = ConfigDict(strict=True)

    run_number: int = Field(gt=0, lt=10**9)
    lumisection_number: int = Field(gt=0, le=_LARGEST)
    recorded_lumi_per_lumisection: float | None = Field(ge=0, le=1e6, allow_inf_nan=False)


class _Unit(BaseModel):
    units: Annotated[float, BeforeValidator(_per_pb)] = 1.0


class _Units(BaseModel):
    recorded_lumi_per_lumisection: _Unit = _Unit()


class _Meta(BaseModel):
    row: _Units = _Units()


class _LumisectionRow(BaseModel):
    attributes: _LumisectionAttributes
    meta: _Meta = _Meta()

    def lumisection(self) -> Lumisection:
        told = self.attributes
        recorded = told.recorded_lumi_per_lumisection
        if recorded is not None:
            recorded *= self.meta.row.recorded_lumi_per_lumisection.units
        return Lumisection(told.run_number, told.lumisection_number, recorded)
