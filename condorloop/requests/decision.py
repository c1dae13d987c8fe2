"""What a person says of a payload that is held: approved or rejected.

Knows the order of effects: the record that UPLOAD jobs read, then the ledger, then the campaign.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

from condorloop.model.campaign import Dag, Unsent
from condorloop.model.enums import Artifact, HeldFor, UploadOutcome, Verdict
from condorloop.model.request import Request
from condorloop.requests.campaign_command import CampaignCommand, Subject
from condorloop.requests.command import CampaignStep, Option, SenselessRequest, Step
from condorloop.requests.context import Context, NotDone
from condorloop.requests.payloads import HARVEST, release_uploads, reopen
from condorloop.rundir.durable import remove_unfinished
from condorloop.rundir.layout import DECISIONS, HARVEST_RECORD, harvest_job, harvest_name
from condorloop.rundir.records.decisions import Decision, Decisions
from condorloop.rundir.records.harvest import HarvestResult
from condorloop.rundir.records.record import RecordError, RecordGone

OPTIONS = (
    Option("--why", "reason", "Why; it is kept with the payload.", metavar="TEXT"),
    Option(
        "--payload",
        "send_again",
        "Which payload, as status names it; the best one that is held, if not given.",
        metavar="harvestJobNNN",
    ),
)


@dataclass(frozen=True, slots=True)
class Decide(CampaignStep):
    """Write down what a person says of a payload."""

    unsent: Unsent
    verdict: Verdict
    lets_go: bool = field(kw_only=True)

    @property
    def continued(self) -> tuple[Dag, ...] | None:
        """No DAG that has been written; a rejection lets nothing go on."""
        return () if self.lets_go else None

    @property
    def sent(self) -> int | None:
        """The number of the DAG whose payload is sent."""
        return self.unsent.harvest if self.lets_go else None

    def describe(self) -> str:
        """Say what becomes of the payload, and what held it."""
        name, holds = harvest_name(self.unsent.harvest), self.unsent.holds
        does = "send" if self.lets_go else "do not send"
        words = f"{does} {name} (LS {holds.lumis}), held: {self.unsent.answer}"
        if self.lets_go and not self.campaign.state.open:
            words += f"; reopen the campaign, which is {self.campaign.state}"
        return words

    def carry_out(self, request: Request, context: Context, now: float) -> str:
        """Write the decision into the run directory, then into the ledger."""
        key, campaign = self.about, self.campaign
        runs, name = context.renderer.run_dir(key), harvest_name(self.unsent.harvest)
        try:
            made = HarvestResult.read(runs / name / HARVEST_RECORD)
        except (RecordError, OSError) as error:
            raise NotDone(f"{name} cannot be read: {error}") from error
        try:
            said = Decisions.read(runs / DECISIONS)
        except RecordGone:
            said = Decisions()
        except RecordError as error:
            raise NotDone(str(error)) from error
        verdict, who, why = self.verdict, request.made_by, request.reason
        decision = Decision(made.digest, name, verdict, who, why, now)
        remove_unfinished(runs / DECISIONS)
        said.saying(decision).write(runs / DECISIONS)
        context.ledger.payloads.decide(campaign.id, decision)
        words = [f"{name} is {decision}"]
        if self.lets_go:
            words += reopen(campaign, f"{name} is {decision}", context, now)
        return "; ".join(words)


class DecisionCommand(CampaignCommand):
    """A command that says something of a payload that is held."""

    options: ClassVar[tuple[Option, ...]] = OPTIONS
    verdict: ClassVar[Verdict]

    def validate(self, request: Request) -> None:
        """Refuse what names no run, or no payload."""
        super().validate(request)
        if not request.run or request.calibration is None:
            raise SenselessRequest("which RUN and -c CALIBRATION? A decision is about one payload")
        if request.send_again and not HARVEST.fullmatch(request.send_again):
            raise SenselessRequest(
                f"--payload {request.send_again}: expected a payload, such as harvestJob003"
            )

    @abstractmethod
    def why_not(self, unsent: Unsent) -> str:
        """Say why nothing is to be decided of a payload; empty if something is."""

    def decide(self, request: Request, subject: Subject) -> Step | str:
        """Decide about the payload that is named, else about the best one that is held."""
        campaign = subject.campaign
        if Artifact.RUNS in campaign.cleaned:
            return "its payloads were cleaned up"
        held = [u for u in campaign.unsent if u.outcome is UploadOutcome.HELD]
        if request.send_again:
            number = harvest_job(request.send_again)
            held = [u for u in held if u.harvest == number]
        unsent = max(held, key=lambda each: each.rank, default=None)
        if unsent is None:
            which = request.send_again or "no payload"
            return f"{which} of it is held" if not request.send_again else f"{which} is not held"
        if unsent.held_for is HeldFor.PERSON:
            who = campaign.uploads_held_by or "nobody"
            return f"{who} holds uploads; the gate has not seen it: {release_uploads(campaign.key)}"
        name = harvest_name(unsent.harvest)
        if unsent.held_for is HeldFor.RESTORED:
            return f"{name} is held as a payload was restored: {unsent.answer}"
        if why := self.why_not(unsent):
            return f"{name} {why}"
        lets_go = self.verdict is Verdict.APPROVED
        return Decide(campaign, unsent, self.verdict, lets_go=lets_go)
