"""What the payloads of a simulated run put into its tags: whole, or in pieces.

Knows by the synchronisation of the tags whether a run is sent once, and which IOVs a harvester
makes of lumisections; knows nothing of when.
"""

from __future__ import annotations

from condorloop.config.calibration import Calibration
from condorloop.model.campaign import Statistics
from condorloop.model.enums import UploadOutcome
from condorloop.model.lumis import EMPTY, Lumis
from condorloop.policy.pieces import rest, settled
from condorloop.policy.planner import SubmitUpload
from condorloop.policy.upload_order import once_a_run, takes_pieces
from condorloop.simulation.models.data_taking import SimulatedRun

IOV = 20
"""Lumisections of an IOV, as CMSSW's beam spot manager joins them."""


class SimulatedDestination:
    """The tags of a calibration, as the payloads of one run fill them.

    `served` are the lumisections that they serve with constants made of them.
    """

    def __init__(self, calibration: Calibration, run: SimulatedRun) -> None:
        told = [
            (r.synchronisation, not calibration.expects_run(r)) for r in calibration.harvest.records
        ]
        kept = [s for s, by_lumi in told if once_a_run(s, by_lumi=by_lumi)]
        self.served = EMPTY
        self._once = bool(kept)
        self._in_pieces = calibration.by_lumi and all(map(takes_pieces, kept))
        self._run = run.number
        self._through = 0
        self._best = Statistics()

    def sent(self, made: Statistics, how: SubmitUpload | None) -> tuple[UploadOutcome, bool]:
        """Say what an UPLOAD of a payload comes to, and whether it sent anything.

        Parameters
        ----------
        how
            As what a DAG of its own sends it; None if it is the UPLOAD behind its HARVEST.
        """
        if goodness(made) <= goodness(self._best):
            return UploadOutcome.SUPERSEDED, False
        turn = how is not None and how.turn
        if self._once and not turn:
            gone = how.piece if how else None
            return UploadOutcome.PENDING, gone is not None and self._piece(made, gone)
        if self._once:
            left = rest(self._iovs(made.lumis), made.lumis, self._through)
            new = left.lumis if left else EMPTY
        else:
            new = made.lumis
        self.served |= new
        self._best = Statistics(self._best.lumis | made.lumis, made.events)
        return UploadOutcome.UPLOADED, bool(new.ranges)

    def _piece(self, made: Statistics, gone: int) -> bool:
        if not self._in_pieces:
            return False
        piece = settled(self._iovs(made.lumis), made.lumis, gone, self._through)
        if piece is None:
            return False
        self.served |= piece.lumis
        self._through = piece.through
        return True

    def _iovs(self, lumis: Lumis) -> list[tuple[int, str]]:
        return [(self._run << 32 | ls, str(ls)) for ls in list(lumis)[::IOV]]


def goodness(made: Statistics) -> tuple[int, int]:
    """How good a payload is: by lumisections, then events."""
    return len(made.lumis), made.events
