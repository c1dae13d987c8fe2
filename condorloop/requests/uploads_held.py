"""Uploads of a campaign, or of a whole calibration, held and released.

Knows the order of effects: the record that UPLOAD jobs read, then the ledger.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from condorloop.model.campaign import Campaign, CampaignKey
from condorloop.model.request import ALL_RUNS, Request
from condorloop.policy.uploads import best_unsent
from condorloop.requests.campaign_command import Subject
from condorloop.requests.command import CampaignStep, Step, UploadStep
from condorloop.requests.context import Context
from condorloop.rundir.durable import remove_unfinished, sync_folder
from condorloop.rundir.layout import RESTORED, UPLOADS_HELD, harvest_name
from condorloop.rundir.records.decisions import UploadsHeld

WITH_ALL = "the uploads of all its runs are held"


@dataclass(frozen=True, slots=True)
class HoldUploads(CampaignStep):
    """Let UPLOAD jobs of a campaign end without sending anything."""

    def describe(self) -> str:
        """Say what is held."""
        return "send no payload; harvests go on"

    def carry_out(self, request: Request, context: Context, now: float) -> str:
        """Leave the record that UPLOAD jobs read, then mark the campaign."""
        key, held = self.about, _held(request, now)
        _write(held, context.renderer.run_dir(key))
        context.ledger.campaigns.hold_uploads(key.calibration, key.run, held)
        return f"uploads are held by {held.who}"


@dataclass(frozen=True, slots=True)
class HoldAllUploads(Step):
    """The same for all runs of a calibration, those to come among them."""

    calibration: str

    @property
    def about(self) -> str:
        """The calibration."""
        return self.calibration

    def describe(self) -> str:
        """Say what is held."""
        return "send no payload of any run, from now on; harvests go on"

    def carry_out(self, request: Request, context: Context, now: float) -> str:
        """Leave the record that UPLOAD jobs read, then mark the calibration."""
        held = _held(request, now)
        _write(held, context.renderer.work_dir / self.calibration)
        context.ledger.campaigns.hold_uploads(self.calibration, ALL_RUNS, held)
        return f"uploads of all runs are held by {held.who}"


@dataclass(frozen=True, slots=True)
class ReleaseUploads(UploadStep):
    """Let the uploads of a campaign go on."""

    held: UploadsHeld

    @property
    def sent(self) -> int | None:
        """The number of the DAG whose payload is sent then."""
        best = best_unsent(self.campaign)
        return best.harvest if best else None

    def describe(self) -> str:
        """Say what goes on."""
        words = f"release its uploads ({self.held})"
        if self.sent is None:
            return words
        name = harvest_name(self.sent)
        if self.campaign.state.open:
            return f"{words}; {name} is sent"
        again = f"condorloop resubmit {self.about.run} -c {self.about.calibration} --upload {name}"
        return f"{words}; it is {self.campaign.state}: {again} sends {name}"

    def carry_out(self, request: Request, context: Context, now: float) -> str:
        """Remove the record that UPLOAD jobs read, then the mark."""
        let_go(self.about, context)
        return self.describe()


@dataclass(frozen=True, slots=True)
class ReleaseAllUploads(Step):
    """The same for all runs of a calibration; those that are held by themselves stay held."""

    calibration: str
    held: UploadsHeld

    @property
    def about(self) -> str:
        """The calibration."""
        return self.calibration

    def describe(self) -> str:
        """Say what goes on."""
        return f"release the uploads of all runs ({self.held})"

    def carry_out(self, request: Request, context: Context, now: float) -> str:
        """Remove the record that UPLOAD jobs read, then the mark."""
        _remove(context.renderer.work_dir / self.calibration)
        context.ledger.campaigns.release_uploads(self.calibration, ALL_RUNS)
        return self.describe()


@dataclass(frozen=True, slots=True)
class ReleaseRestored(UploadStep):
    """Let the loop replace a payload that a person has put back."""

    def describe(self) -> str:
        """Say what may be replaced."""
        return f"send better payloads again ({self.campaign.restored})"

    def carry_out(self, request: Request, context: Context, now: float) -> str:
        """Remove the record that UPLOAD jobs read, then the mark."""
        _remove(context.renderer.run_dir(self.about), RESTORED)
        context.ledger.payloads.release_restored(self.campaign.id)
        return self.describe()


def release_restored(subject: Subject) -> Step | str:
    """Say how a payload that was put back is released, or why it is not."""
    if not subject.campaign.restored:
        return "no payload of it was put back"
    return ReleaseRestored(subject.campaign)


def hold(request: Request, subject: Subject) -> Step | str:
    """Say how the uploads of a campaign are held, or why they are not."""
    campaign = subject.campaign
    if request.run == ALL_RUNS:
        return WITH_ALL
    if not campaign.state.open:
        return f"it is {campaign.state}: there is nothing to hold"
    if subject.uploads_held:
        return f"{subject.uploads_held} already"
    return HoldUploads(campaign)


def release(subject: Subject) -> Step | str:
    """Say how the uploads of a campaign are released, or why they are not."""
    campaign = subject.campaign
    if subject.uploads_held:
        return ReleaseUploads(campaign, subject.uploads_held)
    if campaign.uploads_held_by:
        command = f"condorloop release -c {campaign.key.calibration} --uploads"
        return f"{campaign.uploads_held_by} holds the uploads of all runs: {command}"
    return "nobody holds its uploads"


def give_up(campaign: Campaign, who: str, why: str, context: Context, now: float) -> None:
    """Let no UPLOAD of a campaign send anything that goes on in a DAG which others share."""
    held = UploadsHeld(who, why, now)
    _write(held, context.renderer.run_dir(campaign.key))
    context.ledger.campaigns.hold_uploads(campaign.key.calibration, campaign.key.run, held)


def let_go(key: CampaignKey, context: Context) -> None:
    """Let UPLOAD jobs of a campaign send its payloads."""
    _remove(context.renderer.run_dir(key))
    context.ledger.campaigns.release_uploads(key.calibration, key.run)


def _held(request: Request, now: float) -> UploadsHeld:
    return UploadsHeld(request.made_by, request.reason, now)


def _write(held: UploadsHeld, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    remove_unfinished(folder / UPLOADS_HELD)
    held.write(folder / UPLOADS_HELD)


def _remove(folder: Path, name: str = UPLOADS_HELD) -> None:
    if folder.is_dir():
        (folder / name).unlink(missing_ok=True)
        sync_folder(folder)
