"""`condorloop approve`: a payload that the gate holds is sent."""

from __future__ import annotations

from condorloop.model.campaign import Unsent
from condorloop.model.enums import RequestKind, Verdict
from condorloop.requests.decision import DecisionCommand


class Approve(DecisionCommand):
    """Approve the payload of RUN that its gate holds: it is sent.

    The decision is about this one payload: a later one is held again if it is outside the limits.
    Who approved it, and why, is kept in the ledger and in the run directory. A campaign that was
    closed is reopened.
    """

    kind = RequestKind.APPROVE
    verdict = Verdict.APPROVED
    examples = (
        'approve 398600 -c EcalPedestals --why "the laser was off, as planned"',
        "approve 398600 -c EcalPedestals --payload harvestJob003",
    )

    def why_not(self, unsent: Unsent) -> str:
        """Say that it is approved already."""
        return "is approved already" if unsent.decided is Verdict.APPROVED else ""


COMMAND = Approve()
