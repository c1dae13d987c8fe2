"""What retention asks the ledger: which campaigns are settled, and which RECO a payload covers.

Knows how rows become `ClosedCampaign`; it decides nothing.
"""

from __future__ import annotations

from condorloop.ledger.connection import Connection
from condorloop.ledger.queries.campaigns import CampaignQueries
from condorloop.model.campaign import CampaignKey, ClosedCampaign
from condorloop.model.enums import Artifact, CampaignState, UploadOutcome
from condorloop.model.lumis import Lumis


class RetentionQueries:
    """What is asked of closed campaigns and their files."""

    def __init__(self, db: Connection) -> None:
        self._db = db
        self._campaigns = CampaignQueries(db)

    def settled(self, run: int = 0, *, also_open: bool = False) -> list[ClosedCampaign]:
        """The campaigns that are closed and still have something, older runs first.

        Parameters
        ----------
        run
            Only those of a run; 0 means all.
        also_open
            Give open ones, too.
        """
        return self._closed(
            f"{'campaign.run = ?1' if run else '?1 = 0'}"
            " AND (?2 OR state NOT IN ('active', 'closing')) AND NOT EXISTS (SELECT 1"
            " FROM campaign_cleaned WHERE campaign_id = campaign.id AND artifact = ?3"
            " AND begun = 0)",
            run,
            also_open,
            Artifact.RUNS,
        )

    def of_reconstruction(self, reconstruction_id: int) -> list[ClosedCampaign]:
        """All campaigns of a reconstruction, open or not."""
        return self._closed("reconstruction_id = ?", reconstruction_id)

    def _closed(self, which: str, *given: object) -> list[ClosedCampaign]:
        rows = self._db.rows(
            "SELECT campaign.*, stream, reconstruction_id IN"
            " (SELECT reconstruction_id FROM dag WHERE state IN ('planned', 'active')) AS busy"
            " FROM campaign JOIN reconstruction ON reconstruction.id = reconstruction_id"
            f" WHERE {which} ORDER BY campaign.run, calibration",
            *given,
        )
        cleaned = {r["id"]: self._campaigns.cleaned(r["id"]) for r in rows}
        return [
            ClosedCampaign(
                id=r["id"],
                reconstruction_id=r["reconstruction_id"],
                key=CampaignKey(r["calibration"], r["run"]),
                state=CampaignState(r["state"]),
                closed_at=r["state_since"],
                window_from=r["window_from"],
                in_payload=Lumis.parse(r["in_payload"]),
                busy=bool(r["busy"]),
                cleaned=frozenset(a for a, begun in cleaned[r["id"]].items() if not begun),
                begun=frozenset(a for a, begun in cleaned[r["id"]].items() if begun),
                stream=r["stream"],
            )
            for r in rows
        ]

    def made_reco(self, reconstruction_id: int) -> list[tuple[str, str]]:
        """The names of a reconstruction's RECO files of which the ALCARECO was made.

        Each with the witness of the ALCARECO.
        """
        rows = self._db.rows(
            "SELECT reco.output, alca.witness FROM node AS reco JOIN node AS alca"
            " ON alca.dag_id = reco.dag_id AND alca.name = reco.child"
            " WHERE reco.reconstruction_id = ? AND reco.kind = 'RECO' AND reco.state = 'done'"
            " AND alca.state = 'done'",
            reconstruction_id,
        )
        return [(f"{row['output']}.root", row["witness"]) for row in rows]

    def covered_reco(self, settled: ClosedCampaign) -> list[str]:
        """The names of a campaign's RECO files that went into a payload which was uploaded.

        And whose LS are all in the last one; an LS can be in several files.
        """
        rows = self._db.rows(
            "SELECT reco.output, reco.lumis FROM node AS reco JOIN node AS alca"
            " ON alca.dag_id = reco.dag_id AND alca.name = reco.child"
            " WHERE reco.reconstruction_id = ?3 AND reco.kind = 'RECO' AND reco.state = 'done'"
            " AND alca.state = 'done' AND alca.job IN (SELECT payload_input.job FROM payload"
            " JOIN payload_input ON payload_id = payload.id"
            " WHERE payload.campaign_id = ?1 AND outcome = ?2)",
            settled.id,
            UploadOutcome.UPLOADED,
            settled.reconstruction_id,
        )
        return [
            f"{r['output']}.root"
            for r in rows
            if r["lumis"] and not Lumis.parse(r["lumis"]) - settled.in_payload
        ]
