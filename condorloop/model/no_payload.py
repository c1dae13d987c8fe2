"""Why a harvester made no payload, in its own words.

Knows the closed set of causes; reads nothing. What runs in a DAG imports it, so it imports little.
"""

from __future__ import annotations

from dataclasses import dataclass

from condorloop.model.enums import NoPayloadCause


@dataclass(frozen=True, slots=True)
class NoPayload:
    """The cause, and the words of the harvester's log; these are empty if it has none."""

    cause: NoPayloadCause
    words: str = ""

    def __str__(self) -> str:
        """Give both.

        >>> str(NoPayload(NoPayloadCause.STATISTICS, "Not Enough Events"))
        'statistics: Not Enough Events'
        """
        return f"{self.cause}: {self.words}" if self.words else str(self.cause)
