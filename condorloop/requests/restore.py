"""`condorloop restore`: an earlier payload of a run put back in the place of what is there."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from condorloop.dagman.plan import plan_upload
from condorloop.model.campaign import CampaignKey
from condorloop.model.enums import Artifact, RequestKind
from condorloop.model.jobs import HarvestRecord
from condorloop.model.request import Request
from condorloop.requests.campaign_command import CampaignCommand, Subject
from condorloop.requests.command import Option, SenselessRequest, Step, UploadStep
from condorloop.requests.context import Context
from condorloop.requests.payloads import HARVEST, chosen, release_uploads, reopen
from condorloop.rundir.durable import remove_unfinished
from condorloop.rundir.layout import RESTORED, harvest_name
from condorloop.rundir.records.decisions import Restored
from condorloop.runtime.logs import say


@dataclass(frozen=True, slots=True)
class RestorePayload(UploadStep):
    """Send an earlier payload, and let no other one of the run take its place."""

    harvest: int
    made: HarvestRecord

    @property
    def sent(self) -> int:
        """The number of the DAG that made it."""
        return self.harvest

    def describe(self) -> str:
        """Say what is put back."""
        words = f"put {harvest_name(self.harvest)} (LS {self.made.lumis}) back by an upload DAG"
        words += f", and send no other payload until {release_restored(self.about)}"
        if not self.campaign.state.open:
            words += f"; reopen the campaign, which is {self.campaign.state}"
        return words

    def carry_out(self, request: Request, context: Context, now: float) -> str:
        """Leave the record that UPLOAD jobs read, mark the campaign, submit the upload DAG."""
        campaign, key, name = self.campaign, self.about, harvest_name(self.harvest)
        restored = Restored(name, request.made_by, request.reason, now)
        file = context.renderer.run_dir(key) / RESTORED
        remove_unfinished(file)
        restored.write(file)
        context.ledger.payloads.restore(campaign.id, restored)
        words = [str(restored), *reopen(campaign, str(restored), context, now)]
        say(key, str(restored), logging.WARNING)
        plan = plan_upload(key, context.next_dag(campaign), self.harvest)
        why = f"{name} is put back, requested by {request.made_by}"
        accept = request.accept_destination
        context.launcher.carry_out(
            campaign, plan, why, now, again=True, restores=True, accept_destination=accept
        )
        return "; ".join([*words, f"{plan.label} sends it"])


class Restore(CampaignCommand):
    """Put an earlier payload of RUN back: HARVEST is its directory, such as harvestJob003.

    It is sent again as it is, at the since and the IOVs that it has; where a later payload of the
    run has IOVs of its own, it is put in at each of their sinces. No other payload of the run is
    sent after it until `condorloop release RUN --restored`. Neither the gate nor the number of
    lumisections keeps it.
    """

    kind = RequestKind.RESTORE
    options = (
        Option("HARVEST", "send_again", "The payload.", metavar="HARVEST", argument=True),
        Option("--why", "reason", "Why; it is kept with the payload.", metavar="TEXT"),
    )
    examples = ('restore 398600 harvestJob003 -c EcalPedestals --why "the last one is empty"',)
    confirmed = True

    def validate(self, request: Request) -> None:
        """Refuse what names no run or no payload of it."""
        super().validate(request)
        if not request.run or request.calibration is None:
            raise SenselessRequest("which RUN and -c CALIBRATION? One payload is put back")
        if not HARVEST.fullmatch(request.send_again or ""):
            raise SenselessRequest(
                f"{request.send_again}: expected a payload of the run, such as harvestJob003"
            )

    def decide(self, request: Request, subject: Subject) -> Step | str:
        """Put it back, unless it is there or what is needed for it is not."""
        campaign = subject.campaign
        if Artifact.RUNS in campaign.cleaned:
            return "its payloads were cleaned up"
        if campaign.uploads_held_by:
            who = campaign.uploads_held_by
            return f"{who} holds uploads; first {release_uploads(campaign.key)}"
        found = chosen(request.send_again or "", subject.payloads)
        if isinstance(found, str):
            return found
        name = harvest_name(found)
        if busy := [d.label for d in campaign.dags if d.harvest == found and d.in_flight]:
            return f"{name} is being sent by {', '.join(busy)}"
        return RestorePayload(campaign, found, subject.payloads[found])


def release_restored(key: CampaignKey) -> str:
    """The command that lets the loop replace a payload that was put back."""
    return f"condorloop release {key.run} -c {key.calibration} --restored"


COMMAND = Restore()
