"""`condorloop reject`: a payload that the gate holds is not sent."""

from __future__ import annotations

from condorloop.model.campaign import Unsent
from condorloop.model.enums import RequestKind, Verdict
from condorloop.requests.decision import DecisionCommand


class Reject(DecisionCommand):
    """Reject the payload of RUN that its gate holds: it is not sent.

    The campaign does not wait for it any more. A later payload of the run is sent if it is within
    the limits of the gate; else it is held, as this one was. Who rejected it, and why, is kept in
    the ledger and in the run directory.
    """

    kind = RequestKind.REJECT
    verdict = Verdict.REJECTED
    examples = ('reject 398600 -c EcalPedestals --why "half of EB- is zero"',)
    only_stops = True

    def why_not(self, unsent: Unsent) -> str:
        """Say that it is rejected already."""
        return "is rejected already" if unsent.decided is Verdict.REJECTED else ""


COMMAND = Reject()
