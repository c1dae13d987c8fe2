"""The campaigns that people are shown, each summed up anew only when something of it has changed.

Knows what the ledger says has changed; knows nothing of what a summary holds.
"""

from __future__ import annotations

from condorloop.ledger.store import Ledger
from condorloop.model.campaign import ReconstructionKey
from condorloop.model.status import CampaignStatus, ReconstructionStatus


class RecentSummaries:
    """The summaries of the campaigns that are open or were latched lately."""

    def __init__(self) -> None:
        self._known: dict[int, CampaignStatus] = {}
        self._shared: dict[ReconstructionKey, ReconstructionStatus] = {}

    @property
    def reconstructions(self) -> tuple[ReconstructionStatus, ...]:
        """What those that were given last have in common that share a stream, by run."""
        return tuple(self._shared[key] for key in sorted(self._shared, key=lambda k: (k.run, k)))

    def of(self, ledger: Ledger, since: float) -> tuple[CampaignStatus, ...]:
        """Give the summaries of the campaigns that are open or were latched after `since`.

        Raises
        ------
        LedgerError
            The ledger cannot be read; what was known is forgotten.
        """
        before, self._known = self._known, {}
        shared, self._shared = self._shared, {}
        changed = ledger.changes.take()
        kept = {} if changed is None else {i: s for i, s in before.items() if i not in changed}
        wanted = ledger.status.to_sum_up(since)
        anew = ledger.status.several(i for i in wanted if i not in kept)
        self._known = {i: kept.get(i) or anew.campaigns[i] for i in wanted}
        there = {campaign.reconstruction for campaign in self._known.values()}
        known = shared | dict(anew.reconstructions)
        self._shared = {key: known[key] for key in there if key in known}
        return tuple(self._known.values())
