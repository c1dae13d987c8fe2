"""The section `gate` of a calibration: what is asked before a payload is uploaded."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeInt, model_validator

from condorloop.config.fields import Line, Seconds, Section

NonNegative = Annotated[float, Field(ge=0)]
Part = Annotated[float, Field(ge=0, le=1)]


class QuantityLimits(Section):
    """What may change of a quantity, by the name that the payload reader gives."""

    largest_shift: NonNegative | None = None
    """By how much a channel, or an interval, may change at most, in the reader's unit."""
    part_changed: Part | None = None
    """Which part of the channels may change by more than `change`; 0.1 is 10 %."""
    change: NonNegative = 0.0
    """The smallest change that counts for `part_changed`."""
    part_gone: Part | None = None
    """Which part of the channels may have no value any more."""

    @model_validator(mode="after")
    def _is_a_limit(self) -> Self:
        if (self.largest_shift, self.part_changed, self.part_gone) == (None, None, None):
            raise ValueError("needs largest_shift, part_changed or part_gone")
        return self


class SetLimits(Section):
    """What may change of a set of channels, such as bad modules."""

    come: NonNegativeInt | None = None
    """How many channels may come into it."""
    gone: NonNegativeInt | None = None
    """How many channels may go from it."""

    @model_validator(mode="after")
    def _is_a_limit(self) -> Self:
        if (self.come, self.gone) == (None, None):
            raise ValueError("needs come or gone")
        return self


class Gate(Section):
    """What is asked before a payload is uploaded: limits of changes, or a command.

    A payload beyond a limit is held until a person approves or rejects it.
    """

    quantities: dict[str, QuantityLimits] = Field(default_factory=dict)
    """Limits by quantity, compared with the payload in force; needs `payload_reader`."""
    sets: dict[str, SetLimits] = Field(default_factory=dict)
    """Limits by set of channels, compared with the payload in force; needs `payload_reader`."""
    command: tuple[Line, ...] = ()
    """A command in place of limits. `{file}` stands for the payload file, `{before}` for the one in
    force (empty: there is none), `{tag}` for the tag in them, `{run}` for the run; without
    `{file}`, file and the one before are added. Exit code 0: pass, 1: hold, 2: fail. Any other
    code, or a time-out: hold. The last line that it prints is shown.
    """
    timeout: Annotated[Seconds, Field(gt=0)] = 120.0
    """Time-out of the command."""
    first: Literal["hold", "pass"] = "hold"
    """What limits say of a payload when none is in force to compare it with."""

    @model_validator(mode="after")
    def _asks_one_thing(self) -> Self:
        if bool(self.command) == bool(self.quantities or self.sets):
            raise ValueError("needs either command, or limits of quantities or sets")
        return self

    @property
    def needs_reader(self) -> bool:
        """Whether payloads must be read for it."""
        return not self.command
