"""What people have been told of problems."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from condorloop.model.problem import Topic


@dataclass(frozen=True, slots=True)
class Notified:
    """What is remembered of a problem; times are seconds since the epoch.

    `since` is when it was first seen, `told_at` when it was last told, None if it was not yet;
    `gone_at` is when it was first seen no more, None while it lasts.
    """

    text: str
    since: float
    told_at: float | None = None
    gone_at: float | None = field(default=None, compare=False)


Memory = Mapping[Topic, Notified]
"""What is remembered of problems."""
