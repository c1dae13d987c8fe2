"""The outside services: when each last answered, and what has been wrong since.

Knows how an outage is remembered and told once; knows nothing of what the services say.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from condorloop.text import one_line

CONDITIONS = "conditions"
"""The name of the service that takes payloads."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Service:
    """A service that the loop asks; times are seconds since the epoch.

    `trouble` says in a word or two what an error of it means.
    """

    name: str
    answered_at: float | None = None
    error: str = ""
    failing_since: float | None = None
    trouble: str = "unreachable"

    def good(self, now: float) -> None:
        """Note a good answer."""
        if self.error:
            log.info("%s responds again", self.name)
        self.answered_at, self.error, self.failing_since = now, "", None

    def failed(self, error: Exception | str, now: float) -> None:
        """Note a failure; the log says it once as long as it stays the same."""
        said = one_line(str(error), 500) or "no reason given"
        if said != self.error:
            log.warning("%s: %s; the last known state stands: %s", self.name, self.trouble, said)
        self.error = said
        if self.failing_since is None:
            self.failing_since = now
