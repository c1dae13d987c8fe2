"""`condorloop hold`: nothing new for a campaign, and its queued jobs on hold."""

from __future__ import annotations

from dataclasses import dataclass

from condorloop.model.enums import RequestKind
from condorloop.model.request import Request
from condorloop.requests import uploads_held
from condorloop.requests.campaign_command import NODE, CampaignCommand, Subject, Subjects
from condorloop.requests.command import CampaignStep, Option, SenselessRequest, Step
from condorloop.requests.context import Context
from condorloop.requests.targets import Target, in_flight, jobs_meant, jobs_of, listed
from condorloop.requests.uploads_held import HoldAllUploads


@dataclass(frozen=True, slots=True)
class HoldCampaign(CampaignStep):
    """Put jobs on hold, and with `whole` begin nothing new for the campaign."""

    targets: tuple[Target, ...]
    whole: bool
    running: bool

    def describe(self) -> str:
        """Say what is held."""
        words = ["begin no DAG, rescue or harvest"] if self.whole else []
        if self.targets:
            which = "all jobs" if self.running else "the jobs that do not run yet"
            words.append(f"hold {which} of {listed(self.targets)}")
        return "; ".join(words)

    def carry_out(self, request: Request, context: Context, now: float) -> str:
        """Mark the campaign, then hold DAGMan's jobs, then those of the nodes."""
        words = []
        if self.whole:
            by = self.campaign.held_by or request.made_by
            context.ledger.campaigns.set_held_by(self.campaign.id, by, now)
            words.append(f"held by {by}")
        why = f"held by {request.made_by}"
        held = 0
        for target in self.targets:
            for jobs in jobs_meant(target, self.campaign, context, running=self.running):
                with context.shutdown.outside():
                    held += context.pool.hold(jobs, why)
        if self.targets:
            words.append(f"{jobs_of(held, self.targets)} put on hold")
        return "; ".join(words)


@dataclass(frozen=True, slots=True)
class HoldLatches(Step):
    """Hold the campaigns of a calibration that are to come."""

    calibration: str

    @property
    def about(self) -> str:
        """The calibration."""
        return self.calibration

    def describe(self) -> str:
        """Say what is held."""
        return "hold each campaign that is latched from now on"

    def carry_out(self, request: Request, context: Context, now: float) -> str:
        """Mark the calibration."""
        context.ledger.campaigns.hold_calibration(self.calibration, request.made_by, now)
        return self.describe()


class Hold(CampaignCommand):
    """Hold RUN: submit nothing new and hold its queued jobs.

    The campaigns of RUN get no new DAGs, rescues or harvests. Their DAGMan jobs are put on hold,
    and so are jobs that do not run yet. Jobs that run come to their end, so that no work is lost;
    what they made is taken over when RUN is released. HTCondor never releases these jobs by
    itself. With --node only that is put on hold, and the campaign goes on. The 8-hour window does
    not wait: when it ends, a held campaign is closed as it is.

    Without RUN all open campaigns of each -c CALIBRATION are held, and so is each one that is
    latched later, until `condorloop release -c CALIBRATION`.

    With --uploads only uploads are held: jobs run and harvests are made, and no payload is sent,
    not by jobs that are in the queue either. At `condorloop release --uploads` the best payload is
    sent.
    """

    kind = RequestKind.HOLD
    options = (
        NODE,
        Option("--running", "running", "Also stop running jobs; once released, they start again."),
        Option("--uploads", "only_uploads", "Hold uploads alone: all else goes on."),
        Option("--reason", "reason", "Why uploads are held; it is shown.", metavar="TEXT"),
    )
    examples = (
        "hold 398600",
        "hold 398600 -c SiStripBad --running",
        "hold 398600 --node b003",
        "hold -c BeamSpot",
        'hold -c BeamSpot --uploads --reason "the tag is being changed"',
    )
    only_stops = True

    def validate(self, request: Request) -> None:
        """Refuse options that make no sense with a hold of uploads, and a reason without one."""
        super().validate(request)
        if request.only_uploads and (request.node is not None or request.running):
            raise SenselessRequest("--uploads takes no --node and no --running")
        if request.reason and not request.only_uploads:
            raise SenselessRequest("--reason is for --uploads")

    def decide(self, request: Request, subject: Subject) -> Step | str:
        """Hold an open campaign and what is in flight; with a name only that."""
        if request.only_uploads:
            return uploads_held.hold(request, subject)
        campaign = subject.campaign
        targets = in_flight(request.node, subject)
        if isinstance(targets, str):
            return targets
        whole = request.node is None and campaign.state.open
        if not targets and not whole:
            return f"it is {campaign.state}: there is nothing to hold"
        return HoldCampaign(campaign, targets, whole, request.running)

    def decide_for_all(self, request: Request, name: str, found: Subjects) -> Step | None:
        """Hold the calibration, or its uploads, unless that is held."""
        if request.only_uploads:
            return None if found.uploads_held else HoldAllUploads(name)
        return None if found.held_by else HoldLatches(name)


COMMAND = Hold()
