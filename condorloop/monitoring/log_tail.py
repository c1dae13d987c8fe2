"""The last decisions: what the log has said lately, kept for people who look at the state.

Knows log records; knows nothing of where log lines go.
"""

from __future__ import annotations

import logging
from collections import deque

from condorloop.model.status import Decision
from condorloop.text import one_line

KEPT = 40
"""How many are kept: what fits on a screen."""


class Decisions(logging.Handler):
    """Keeps the last log lines of level INFO and above."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._kept: deque[Decision] = deque(maxlen=KEPT)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line; one whose arguments do not fit is kept as it was written."""
        try:
            text = record.getMessage()
        except Exception:
            text = str(record.msg)
        self._kept.append(
            Decision(
                record.created,
                record.levelname.lower(),
                one_line(text, 500),
                getattr(record, "calibration", None),
                getattr(record, "run", None),
            )
        )

    def recent(self) -> tuple[Decision, ...]:
        """The last lines, the oldest first."""
        return tuple(self._kept)
