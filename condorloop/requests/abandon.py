"""`condorloop abandon`: a campaign or a DAG given up."""

from __future__ import annotations

from dataclasses import dataclass

from condorloop.cycle.campaign_state import set_state
from condorloop.model.campaign import Dag
from condorloop.model.enums import CampaignState, DagState, RequestKind
from condorloop.model.request import Request
from condorloop.requests import uploads_held
from condorloop.requests.campaign_command import NODE, CampaignCommand, Subject
from condorloop.requests.command import CampaignStep, Option, Step
from condorloop.requests.context import Context
from condorloop.requests.targets import named


@dataclass(frozen=True, slots=True)
class AbandonCampaign(CampaignStep):
    """Take DAGs out of the queue for good, and with `whole` give the campaign up."""

    dags: tuple[Dag, ...]
    whole: bool

    def describe(self) -> str:
        """Say what is given up."""
        words = ["give it up"] if self.whole else []
        if busy := [d.label for d in self.dags if d.in_flight]:
            words.append(f"remove {', '.join(busy)} from the queue")
        if failed := [d.label for d in self.dags if not d.in_flight]:
            words.append(f"do not rescue {', '.join(failed)}")
        return "; ".join(words)

    def carry_out(self, request: Request, context: Context, now: float) -> str:
        """Close the campaign, mark its DAGs, then remove them from the queue."""
        campaign, ledger, who = self.campaign, context.ledger, request.made_by
        words = []
        if self.whole:
            reason = f"by {who}" + (f": {request.reason}" if request.reason else "")
            words.append(f"abandoned {reason}")
            if campaign.state is not CampaignState.ABANDONED:
                set_state(ledger, context.renderer, campaign, CampaignState.ABANDONED, reason, now)
            ledger.campaigns.set_held_by(campaign.id, "")
        dags = [d for d in self.dags if not d.made]
        if self.whole and campaign.shares:
            dags = self._without_shared(dags, context)
            uploads_held.give_up(campaign, who, "abandoned", context, now)
        ledger.dags.withdraw([d.id for d in dags], who)
        for dag in dags:
            if dag.state is DagState.ACTIVE and dag.cluster is not None:
                with context.shutdown.outside():
                    context.pool.remove(dag.cluster, f"abandoned by {who}")
        if dags:
            words.append(f"{', '.join(d.label for d in dags)} removed")
        return "; ".join(words)

    def _without_shared(self, dags: list[Dag], context: Context) -> list[Dag]:
        """What of these DAGs no other campaign wants; with the last one, nobody wants any."""
        of = context.reconstruction_of(self.campaign)
        if any(c.state.open for c in of.campaigns if c.id != self.campaign.id):
            return [d for d in dags if not d.is_of_all]
        return dags


class Abandon(CampaignCommand):
    """Abandon RUN: remove its DAGs from the queue, and do nothing more for it.

    What was uploaded stays. Files are kept, and `condorloop resubmit` takes the run up again. With
    --node only that DAG is removed, and its campaign goes on without it. Without RUN all open
    campaigns of each -c CALIBRATION are given up; runs that come are not.
    """

    kind = RequestKind.ABANDON
    options = (
        NODE,
        Option("--reason", "reason", "Why; it is shown with the campaign.", metavar="TEXT"),
    )
    examples = (
        'abandon 398600 --reason "wrong HLT menu"',
        "abandon 398600 -c BeamSpot --node b003",
    )
    only_stops = True
    confirmed = True

    def decide(self, request: Request, subject: Subject) -> Step | str:
        """Give the campaign up, with what is in flight; with a name only that DAG."""
        campaign = subject.campaign
        if request.node is None:
            dags = tuple(d for d in campaign.dags if d.in_flight)
            if campaign.state is CampaignState.COMPLETE and not dags:
                return "it is complete: there is nothing to abandon"
            if campaign.state is CampaignState.ABANDONED and not dags:
                return f"it is abandoned already, {campaign.reason}"
            return AbandonCampaign(campaign, dags, whole=True)
        found = named(request.node, subject)
        if isinstance(found, str):
            return found
        if any(t.node for t in found):
            return f"{request.node} is a node; what can be abandoned is a DAG: {found[0].dag.label}"
        dags = tuple(t.dag for t in found if t.dag.in_flight or t.dag.state is DagState.FAILED)
        if not dags:
            return f"{request.node} is {found[0].dag.state}: there is nothing to abandon"
        return AbandonCampaign(campaign, dags, whole=False)


COMMAND = Abandon()
