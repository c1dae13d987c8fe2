"""`condorloop release`: what is on hold goes on."""

from __future__ import annotations

from dataclasses import dataclass

from condorloop.model.campaign import Dag
from condorloop.model.enums import RequestKind
from condorloop.model.request import Request
from condorloop.requests import uploads_held
from condorloop.requests.campaign_command import NODE, CampaignCommand, Subject, Subjects
from condorloop.requests.command import CampaignStep, Option, SenselessRequest, Step, is_given
from condorloop.requests.context import Context
from condorloop.requests.targets import Target, in_flight, jobs_meant, jobs_of, listed
from condorloop.requests.uploads_held import ReleaseAllUploads


@dataclass(frozen=True, slots=True)
class ReleaseCampaign(CampaignStep):
    """Let jobs go on that are on hold for whatever reason, and with `whole` the campaign."""

    targets: tuple[Target, ...]
    whole: bool

    @property
    def continued(self) -> tuple[Dag, ...]:
        """The DAGs whose jobs are released."""
        return tuple({target.dag.id: target.dag for target in self.targets}.values())

    def describe(self) -> str:
        """Say what goes on."""
        words = [f"resume it, held by {self.campaign.held_by}"] if self.whole else []
        if self.targets:
            words.append(f"release all held jobs of {listed(self.targets)}")
        return "; ".join(words)

    def carry_out(self, request: Request, context: Context, now: float) -> str:
        """Release the jobs of the nodes, then DAGMan's, then the campaign."""
        words = []
        why = f"released by {request.made_by}"
        released = 0
        for target in self.targets:
            for jobs in reversed(jobs_meant(target, self.campaign, context, release=True)):
                with context.shutdown.outside():
                    released += context.pool.release(jobs, why)
        if self.whole:
            context.ledger.campaigns.set_held_by(self.campaign.id, "")
            words.append("it goes on")
        if self.targets:
            words.append(f"{jobs_of(released, self.targets)} released")
        return "; ".join(words)


@dataclass(frozen=True, slots=True)
class ReleaseLatches(Step):
    """Hold the campaigns of a calibration that are to come no more."""

    calibration: str
    held_by: str

    @property
    def about(self) -> str:
        """The calibration."""
        return self.calibration

    def describe(self) -> str:
        """Say what is not held any more."""
        return f"hold no campaign that is latched from now on, as {self.held_by} wanted"

    def carry_out(self, request: Request, context: Context, now: float) -> str:
        """Take the mark from the calibration."""
        context.ledger.campaigns.release_calibration(self.calibration)
        return self.describe()


class Release(CampaignCommand):
    """Release RUN: resume its campaigns, and release all held jobs, whatever the reason.

    That undoes `condorloop hold` and condor_hold, and gives another try to what was held for its
    memory or its time. Without RUN it is about all open campaigns of each -c CALIBRATION.

    With --uploads it is about uploads alone, as `condorloop hold --uploads` is: the best payload of
    each campaign is sent. With --restored the payload that `condorloop restore` has put back may be
    replaced again by a better one.
    """

    kind = RequestKind.RELEASE
    options = (
        NODE,
        Option("--uploads", "only_uploads", "Release uploads alone."),
        Option("--restored", "restored", "Let a payload that was put back be replaced again."),
    )
    examples = (
        "release 398600",
        "release 398600 -c EcalPedestals --node b003/RECO_0001",
        "release -c BeamSpot",
        "release -c BeamSpot --uploads",
    )

    def validate(self, request: Request) -> None:
        """Refuse options that exclude each other."""
        super().validate(request)
        given = [f for f in ("only_uploads", "restored", "node") if is_given(request, f)]
        if len(given) > 1:
            raise SenselessRequest("--uploads, --restored and --node exclude each other")

    def decide(self, request: Request, subject: Subject) -> Step | str:
        """Release what is in flight, and a campaign that is held; with a name only that."""
        if request.only_uploads:
            return uploads_held.release(subject)
        if request.restored:
            return uploads_held.release_restored(subject)
        campaign = subject.campaign
        targets = in_flight(request.node, subject)
        if isinstance(targets, str):
            return targets
        whole = request.node is None and bool(campaign.held_by)
        if not targets and not whole:
            return "nothing of it is on hold"
        return ReleaseCampaign(campaign, targets, whole)

    def decide_for_all(self, request: Request, name: str, found: Subjects) -> Step | None:
        """Release the calibration, or its uploads, if that is held."""
        if request.restored:
            return None
        if request.only_uploads:
            return ReleaseAllUploads(name, found.uploads_held) if found.uploads_held else None
        return ReleaseLatches(name, found.held_by) if found.held_by else None


COMMAND = Release()
