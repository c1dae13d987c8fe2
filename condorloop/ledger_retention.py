"""What retention asks the ledger: which campaigns are settled, and which RECO a payload covers.

Knows how rows become `retention.Settled`; it decides nothing.
"""

from __future__ import annotations

from condorloop.ledger_view import BEGUN, LedgerView
from condorloop.lumis import Lumis
from condorloop.model import CampaignKey, CampaignState, Kept
from condorloop.retention import Settled


class LedgerRetention(LedgerView):
    """A ledger that tells what may go."""

    def settled(self, run: int = 0, *, also_open: bool = False) -> list[Settled]:
        """The campaigns that are closed and still have something, older runs first.

        Parameters
        ----------
        run
            Only those of a run; 0 means all.
        also_open
            Give open ones, too.
        """
        rows = self._all(
            "SELECT *, id IN (SELECT campaign_id FROM dag WHERE state IN ('planned', 'active'))"
            " AS busy FROM campaign WHERE (?1 = 0 OR run = ?1)"
            " AND (?2 OR state NOT IN ('active', 'closing')) AND cleaned NOT IN (?3, ?4)"
            " ORDER BY run, calibration",
            *(run, also_open, Kept.RUNS, ",".join(sorted(Kept))),
        )
        return [
            Settled(
                id=r["id"],
                key=CampaignKey(r["calibration"], r["run"]),
                state=CampaignState(r["state"]),
                closed_at=r["state_since"],
                run_start=r["run_start"],
                in_payload=Lumis.parse(r["in_payload"]),
                busy=bool(r["busy"]),
                cleaned=frozenset(Kept(n) for n in _names(r["cleaned"]) if not n.endswith(BEGUN)),
                begun=frozenset(
                    Kept(n.rstrip(BEGUN)) for n in _names(r["cleaned"]) if n.endswith(BEGUN)
                ),
            )
            for r in rows
        ]

    def covered_reco(self, settled: Settled) -> list[str]:
        """The names of a campaign's RECO files whose LS are all in its last payload."""
        rows = self._all(
            "SELECT output, lumis FROM node WHERE campaign_id = ? AND kind = 'RECO'"
            " AND state = 'done'",
            settled.id,
        )
        return [
            f"{r['output']}.root"
            for r in rows
            if r["lumis"] and not Lumis.parse(r["lumis"]) - settled.in_payload
        ]


def _names(cleaned: str) -> list[str]:
    return [name for name in cleaned.split(",") if name]
