"""The faults of a scenario: for each target its modes, and the keys that go with each.

Knows how they are written; what they do is their target's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PositiveInt

from condorloop.testbed.faults import ConditionsMode, Fault, OmsMode
from condorloop.testbed.scenario.runs import Said, Script, Seconds

Times = Annotated[
    PositiveInt | None, BeforeValidator(lambda given: None if given == "unlimited" else given)
]
Status = Annotated[int, Field(ge=400, le=599)]
ExitCode = Annotated[int, Field(ge=1, le=255)]


class _FaultScript(Script):
    """What all faults have; one that `lasts` so many seconds has no limit of times by itself."""

    at: Seconds = 0.0
    times: Times = 1
    lasts: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    message: str | None = None

    @property
    def fault(self) -> Fault:
        """The fault, as it is armed."""
        given = self.model_dump()
        if self.lasts is not None and "times" not in self.model_fields_set:
            given["times"] = None
        return Fault(**given)

    def contradictions(self) -> Iterator[Said]:
        """Say which keys do not go with the mode, as key, value, expectation."""
        yield from ()


class OmsFaultScript(_FaultScript):
    """A fault of OMS."""

    target: Literal["oms"]
    mode: Annotated[OmsMode, Field(strict=False)]
    status: Status | None = None
    run: PositiveInt | None = None

    def contradictions(self) -> Iterator[Said]:
        """Say which keys do not go with the mode, as key, value, expectation."""
        yield from _of_status(self.mode, self.status)


class ConditionsFaultScript(_FaultScript):
    """A fault of the conditions service."""

    target: Literal["conditions"]
    mode: Annotated[ConditionsMode, Field(strict=False)]
    status: Status | None = None

    def contradictions(self) -> Iterator[Said]:
        """Say which keys do not go with the mode, as key, value, expectation."""
        yield from _of_status(self.mode, self.status)


class CmsRunFaultScript(_FaultScript):
    """A fault of cmsRun."""

    target: Literal["cmsrun"]
    mode: Literal[
        "exit_code",
        "no_output",
        "truncated_output",
        "cut_report",
        "lost_lumi",
        "signal",
        "hang",
        "memory",
        "veto",
    ]
    calibration: str
    run: PositiveInt | None = None
    step: Literal["step2", "step3", "step4"] | None = None
    ls: PositiveInt | None = None
    exit_code: ExitCode | None = None
    signal: Annotated[int, Field(ge=1, le=31)] | None = None
    seconds: Seconds | None = None
    memory_mb: PositiveInt | None = None

    def contradictions(self) -> Iterator[Said]:
        """Say which keys do not go with the mode, as key, value, expectation."""
        for key, modes in _NEEDED.items():
            if self.mode in modes and getattr(self, key) is None:
                yield key, None, f"this key is required by {self.mode}"
        for key, modes in {**_NEEDED, "seconds": ("hang", "memory")}.items():
            value = getattr(self, key)
            if value is not None and key != "ls" and self.mode not in modes:
                yield key, value, f"only with {' or '.join(modes)}"
        if self.mode == "veto" and self.step != "step4":
            yield "step", self.step, "step4, the harvest, with veto"


_NEEDED: Mapping[str, tuple[str, ...]] = {
    "exit_code": ("exit_code",),
    "ls": ("lost_lumi",),
    "signal": ("signal",),
    "memory_mb": ("memory",),
}


class UploadFaultScript(_FaultScript):
    """A fault of uploadConditions.py."""

    target: Literal["upload_conditions"]
    mode: Literal["exit_code"]
    exit_code: ExitCode
    calibration: str
    run: PositiveInt | None = None
    step: Literal["step2", "step3", "step4"] | None = None


class ConddbFaultScript(_FaultScript):
    """A fault of conddb: no answer, or that of a replica which lags behind by so many seconds."""

    target: Literal["conddb"]
    mode: Literal["outage", "hang", "lag"]
    seconds: Seconds | None = None

    def contradictions(self) -> Iterator[Said]:
        """Say which keys do not go with the mode, as key, value, expectation."""
        if self.mode == "lag" and self.seconds is None:
            yield "seconds", None, "this key is required by lag"
        if self.mode == "outage" and self.seconds is not None:
            yield "seconds", self.seconds, "only with hang or lag"


FaultScript = Annotated[
    OmsFaultScript
    | ConditionsFaultScript
    | CmsRunFaultScript
    | UploadFaultScript
    | ConddbFaultScript,
    Field(discriminator="target"),
]


def _of_status(mode: str, status: int | None) -> Iterator[Said]:
    if (mode == "http_error") != (status is not None):
        yield "status", status, "a status from 400 to 599 with http_error, and with no other mode"
