"""The campaigns that people are shown, each summed up anew only when something of it has changed.

Knows what the ledger says has changed; knows nothing of what a summary holds.
"""

from __future__ import annotations

from condorloop.ledger.store import Ledger
from condorloop.model.status import CampaignStatus


class RecentSummaries:
    """The summaries of the campaigns that are open or were latched lately."""

    def __init__(self) -> None:
        self._known: dict[int, CampaignStatus] = {}

    def of(self, ledger: Ledger, since: float) -> tuple[CampaignStatus, ...]:
        """Give the summaries of the campaigns that are open or were latched after `since`.

        Raises
        ------
        LedgerError
            The ledger cannot be read; what was known is forgotten.
        """
        before, self._known = self._known, {}
        changed = ledger.changes.take()
        kept = {} if changed is None else {i: s for i, s in before.items() if i not in changed}
        found = {i: kept.get(i) or ledger.status.summary(i) for i in ledger.status.to_sum_up(since)}
        self._known = found
        return tuple(found.values())
