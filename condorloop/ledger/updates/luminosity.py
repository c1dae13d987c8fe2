"""What the ledger knows of luminosity: what was recorded in each lumisection, as OMS told it.

Knows the table `luminosity`; which calibrations count it is told to it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from condorloop.ledger.connection import Connection
from condorloop.model.enums import CampaignState
from condorloop.model.lumis import Lumis


class Luminosity:
    """The luminosity that a ledger remembers."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def of_run(self, run: int) -> dict[int, float]:
        """What was recorded in the lumisections of a run, in 1/pb, as far as it was told."""
        rows = self._db.rows("SELECT lumi, recorded FROM luminosity WHERE run = ?", run)
        return {r["lumi"]: r["recorded"] for r in rows}

    def unmeasured(self, calibrations: Collection[str], since: float) -> dict[int, int]:
        """The runs of which luminosity is not told up to the last LS that was seen.

        Parameters
        ----------
        calibrations
            Only runs count that have an open campaign of one of these.
        since
            And whose window counts from then or later.

        Returns
        -------
        dict of int to int
            By run, the last lumisection whose luminosity was told; 0 if there is none.
        """
        rows = self._db.rows(
            "SELECT campaign.run, seen, (SELECT COALESCE(MAX(lumi), 0) FROM luminosity"
            " WHERE luminosity.run = campaign.run) AS told FROM campaign"
            " JOIN reconstruction ON reconstruction.id = reconstruction_id"
            " WHERE state IN (?, ?) AND window_from >= ?"
            f" AND calibration IN ({', '.join('?' * len(calibrations))}) ORDER BY campaign.run",
            CampaignState.ACTIVE,
            CampaignState.CLOSING,
            since,
            *calibrations,
        )
        return {r["run"]: r["told"] for r in rows if Lumis.parse(r["seen"]).last > r["told"]}

    def add(self, run: int, recorded: Mapping[int, float]) -> None:
        """Write down what was recorded in lumisections of a run, in 1/pb."""
        if not recorded:
            return
        with self._db.transaction():
            self._db.executemany(
                "INSERT OR REPLACE INTO luminosity (run, lumi, recorded) VALUES (?, ?, ?)",
                [(run, lumi, amount) for lumi, amount in recorded.items()],
            )
