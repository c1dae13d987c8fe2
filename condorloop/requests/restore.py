"""`condorloop restore`: an earlier payload put back in the place of what is there."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from condorloop.dagman.plan import plan_upload
from condorloop.model.campaign import CampaignKey
from condorloop.model.enums import Artifact, RequestKind
from condorloop.model.jobs import HarvestRecord
from condorloop.model.lumis import EMPTY, LAST_LS
from condorloop.model.request import Request
from condorloop.node.job_output import payload_db
from condorloop.node.job_output.payload_db import PayloadError
from condorloop.requests.campaign_command import OF_OTHER_RUN, CampaignCommand, Subject
from condorloop.requests.command import Option, SenselessRequest, Step, UploadStep
from condorloop.requests.context import Context, NotDone
from condorloop.requests.payloads import HARVEST, chosen, release_uploads, reopen
from condorloop.rundir.durable import remove_unfinished
from condorloop.rundir.layout import (
    HARVEST_RECORD,
    PAYLOAD_DB,
    RESTORED,
    harvest_job,
    harvest_name,
)
from condorloop.rundir.records.decisions import Restored
from condorloop.rundir.records.harvest import HarvestResult
from condorloop.rundir.records.record import RecordError
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
        return words + _and_then(self)

    def carry_out(self, request: Request, context: Context, now: float) -> str:
        """Leave the record that UPLOAD jobs read, mark the campaign, submit the upload DAG."""
        restored = Restored(harvest_name(self.harvest), request.made_by, request.reason, now)
        _write(restored, context.renderer.run_dir(self.about))
        return _put_back(self, restored, context.next_dag(self.campaign), request, context, now)


@dataclass(frozen=True, slots=True)
class RestoreOfOtherRun(UploadStep):
    """Send a payload of another run, for this one, and let no other one take its place."""

    origin: str
    made: HarvestRecord

    def describe(self) -> str:
        """Say what is put back."""
        run = self.about.run
        words = f"put {self.origin} (LS {self.made.lumis} of its run) in force since run {run}"
        return f"{words} by an upload DAG{_and_then(self)}"

    def carry_out(self, request: Request, context: Context, now: float) -> str:
        """Copy the payload into the run directory, with its own since; then as any other one."""
        runs = context.renderer.run_dir(self.about)
        run, _, harvest = self.origin.partition("/")
        source = runs.with_name(f"run{run}") / harvest
        try:
            made = HarvestResult.read(source / HARVEST_RECORD)
            payload_db.one_iov_a_tag(source / PAYLOAD_DB)
        except (RecordError, PayloadError) as error:
            raise NotDone(f"{self.origin} cannot be sent: {error}") from error
        number = self._number(runs, request, context)
        name = harvest_name(number)
        restored = Restored(name, request.made_by, request.reason, now, self.origin)
        _write(restored, runs)
        (runs / name).mkdir(exist_ok=True)
        payload_db.copy_for_run(source / PAYLOAD_DB, runs / name / PAYLOAD_DB, self.about.run)
        remove_unfinished(runs / name / HARVEST_RECORD)
        HarvestResult(
            dag_id=context.renderer.dag_id(self.campaign.reconstruction, number),
            inputs=(),
            left_out={},
            overlaps=(),
            lumis=EMPTY,
            events=0,
            iovs=tuple(payload_db.iovs(runs / name / PAYLOAD_DB)),
            time=now,
            unnamed=made.unnamed,
            origin=self.origin,
        ).write(runs / name / HARVEST_RECORD)
        return _put_back(self, restored, number, request, context, now)

    def _number(self, runs: Path, request: Request, context: Context) -> int:
        """The number of the DAG: that of a try that was cut short, if one was."""
        begun = Restored.find(runs / RESTORED)
        asked_for = (self.origin, request.made_by, request.reason)
        if begun and (begun.origin, begun.who, begun.why) == asked_for:
            number = harvest_job(begun.harvest)
            if context.ledger.dags.numbered(self.campaign.reconstruction_id, number) is None:
                return number
        return context.next_dag(self.campaign)


def _and_then(step: UploadStep) -> str:
    words = f", and send no other payload until {release_restored(step.about)}"
    if not step.campaign.state.open:
        words += f"; reopen the campaign, which is {step.campaign.state}"
    return words


def _write(restored: Restored, runs: Path) -> None:
    remove_unfinished(runs / RESTORED)
    restored.write(runs / RESTORED)


def _put_back(
    step: UploadStep,
    restored: Restored,
    number: int,
    request: Request,
    context: Context,
    now: float,
) -> str:
    """Mark the campaign and submit the upload DAG, which gets this number."""
    campaign, key = step.campaign, step.about
    context.ledger.payloads.restore(campaign.id, restored)
    words = [str(restored), *reopen(campaign, str(restored), context, now)]
    say(key, str(restored), logging.WARNING)
    plan = plan_upload(
        campaign.reconstruction, key.calibration, number, harvest_job(restored.harvest)
    )
    name = restored.origin or restored.harvest
    why = f"{name} is put back, requested by {request.made_by}"
    accept = request.accept_destination
    context.launcher.carry_out(
        [campaign], plan, why, now, again=True, restores=True, accept_destination=accept
    )
    return "; ".join([*words, f"{plan.label} sends it"])


class Restore(CampaignCommand):
    """Put an earlier payload of RUN back: HARVEST is its directory, such as harvestJob003.

    It is sent again as it is, at the since and the IOVs that it has; where a later payload of the
    run has IOVs of its own, it is put in at each of their sinces. No other payload of the run is
    sent after it until `condorloop release RUN --restored`. Neither the gate nor the number of
    lumisections keeps it.

    398599/harvestJob003 is a payload of another run: it is sent with the since of RUN. That is for
    tags that count runs; a payload by lumisection is refused.
    """

    kind = RequestKind.RESTORE
    options = (
        Option("HARVEST", "send_again", "The payload.", metavar="HARVEST", argument=True),
        Option("--why", "reason", "Why; it is kept with the payload.", metavar="TEXT"),
    )
    examples = (
        'restore 398600 harvestJob003 -c EcalPedestals --why "the last one is empty"',
        'restore 398600 398599/harvestJob003 -c EcalPedestals --why "its data are bad"',
    )
    confirmed = True

    def validate(self, request: Request) -> None:
        """Refuse what names no run or no payload."""
        super().validate(request)
        if not request.run or request.calibration is None:
            raise SenselessRequest("which RUN and -c CALIBRATION? One payload is put back")
        named = request.send_again or ""
        if not (HARVEST.fullmatch(named) or OF_OTHER_RUN.fullmatch(named)):
            raise SenselessRequest(
                f"{request.send_again}: expected a payload of the run, such as harvestJob003, or "
                "of another one, such as 398599/harvestJob003"
            )

    def decide(self, request: Request, subject: Subject) -> Step | str:
        """Put it back, unless it is there or what is needed for it is not."""
        campaign = subject.campaign
        if Artifact.RUNS in campaign.cleaned:
            return "its payloads were cleaned up"
        if campaign.uploads_held_by:
            who = campaign.uploads_held_by
            return f"{who} holds uploads; first {release_uploads(campaign.key)}"
        named = request.send_again or ""
        if OF_OTHER_RUN.fullmatch(named) and not named.startswith(f"{campaign.key.run}/"):
            return _of_other_run(named, subject)
        found = chosen(named.rpartition("/")[2], subject.payloads)
        if isinstance(found, str):
            return found
        name = harvest_name(found)
        if busy := [d.label for d in campaign.dags if d.harvest == found and d.in_flight]:
            return f"{name} is being sent by {', '.join(busy)}"
        return RestorePayload(campaign, found, subject.payloads[found])


def _of_other_run(origin: str, subject: Subject) -> Step | str:
    campaign, made = subject.campaign, subject.of_other_run
    if isinstance(made, str):
        return made
    if campaign.by_lumi or (made.since or 0) > LAST_LS:
        return (
            f"{origin} is by lumisection: its IOVs are of lumisections of run "
            f"{origin.partition('/')[0]}, and cannot be sent for another one"
        )
    busy = [d.label for d in campaign.dags if d.in_flight and d.sends == d.number]
    if busy and f"taken from {origin}" in campaign.restored:
        return f"{origin} is being sent by {', '.join(busy)}"
    return RestoreOfOtherRun(campaign, origin, made)


def release_restored(key: CampaignKey) -> str:
    """The command that lets the loop replace a payload that was put back."""
    return f"condorloop release {key.run} -c {key.calibration} --restored"


COMMAND = Restore()
