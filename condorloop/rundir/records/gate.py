"""The gate as a manifest carries it to the UPLOAD job."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

from condorloop.model.gate import GateAnswer, GateLimits, QuantityLimit, SetLimit
from condorloop.rundir.records.record import Members


@dataclass(frozen=True, slots=True, kw_only=True)
class GateTool:
    """What is asked before a payload is uploaded.

    Attributes
    ----------
    limits
        What may change at most; none where a command says.
    command, timeout
        The command that says, and its seconds; empty where limits say.
    reader, reader_timeout
        How payloads are read that are compared, and the seconds that reading one may take.
    first
        What limits say where nothing is in force.
    """

    limits: GateLimits = field(default_factory=GateLimits)
    command: tuple[str, ...] = ()
    timeout: float = 0.0
    reader: tuple[str, ...] = ()
    reader_timeout: float = 0.0
    first: GateAnswer = GateAnswer.HOLD

    @classmethod
    def from_members(cls, members: Members) -> Self:
        """Take it from a member of a manifest."""
        quantities = members.objects_by_name("quantities")
        sets = members.objects_by_name("sets")
        return cls(
            limits=GateLimits(
                {name: _quantity(told) for name, told in quantities.items()},
                {
                    name: SetLimit(told.number_or_none("come"), told.number_or_none("gone"))
                    for name, told in sets.items()
                },
            ),
            command=members.texts("command"),
            timeout=members.seconds("timeout"),
            reader=members.texts("reader"),
            reader_timeout=members.seconds("reader_timeout"),
            first=members.word("first", GateAnswer),
        )

    def to_json(self) -> dict[str, Any]:
        """Give its JSON object."""
        return {
            "quantities": {
                name: {
                    "largest_shift": limit.largest_shift,
                    "part_changed": limit.part_changed,
                    "change": limit.change,
                    "part_gone": limit.part_gone,
                }
                for name, limit in self.limits.quantities.items()
            },
            "sets": {
                name: {"come": limit.come, "gone": limit.gone}
                for name, limit in self.limits.sets.items()
            },
            "command": self.command,
            "timeout": self.timeout,
            "reader": self.reader,
            "reader_timeout": self.reader_timeout,
            "first": self.first,
        }


def _quantity(members: Members) -> QuantityLimit:
    return QuantityLimit(
        largest_shift=members.real_or_none("largest_shift"),
        part_changed=members.real_or_none("part_changed"),
        change=members.real_or_none("change") or 0.0,
        part_gone=members.real_or_none("part_gone"),
    )
