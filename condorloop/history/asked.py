"""What people asked of a run, and what came of it, as data.

Knows the fields of a request that a story tells; reads nothing. Times are seconds since the epoch.
"""

from __future__ import annotations

from dataclasses import dataclass

from condorloop.model.enums import RequestKind


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestStory:
    """A request; see `condorloop.model.request`. `number` is unique in its ledger."""

    number: int
    kind: RequestKind
    made_by: str
    made_at: float
    calibration: str | None = None
    node: str | None = None
    reason: str = ""
    answered_at: float | None = None
    granted: bool = False
    answer: str = ""
