"""Payloads of a campaign that a person wants sent or made again, and how a campaign is reopened.

Knows which payload a name means and what has to be left of it on the disk.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from condorloop.config.destinations import kept, taken
from condorloop.cycle.campaign_state import set_state
from condorloop.dagman import written_destination
from condorloop.dagman.plan import plan_harvest, plan_upload
from condorloop.model.campaign import Campaign, CampaignKey, Dag
from condorloop.model.enums import Artifact, CampaignState, DagState
from condorloop.model.jobs import HarvestRecord
from condorloop.model.request import Request
from condorloop.requests import uploads_held
from condorloop.requests.campaign_command import Subject
from condorloop.requests.command import Step, UploadStep
from condorloop.requests.context import Context, NotYet
from condorloop.rundir.layout import harvest_job, harvest_name
from condorloop.runtime.logs import say

HARVEST = re.compile(r"harvestJob[0-9]{3,9}")
"""How a payload is called: as the directory of what made it."""


@dataclass(frozen=True, slots=True)
class SendAgain(UploadStep):
    """Send a payload of a campaign by a DAG of its own."""

    harvest: int
    made: HarvestRecord

    @property
    def sent(self) -> int:
        """The number of the DAG that made it."""
        return self.harvest

    def describe(self) -> str:
        """Say what is sent."""
        words = f"send {harvest_name(self.harvest)} (LS {self.made.lumis}) again by an upload DAG"
        return words + reopening(self.campaign)

    def carry_out(self, request: Request, context: Context, now: float) -> str:
        """Open the campaign, then submit the upload DAG."""
        campaign, key = self.campaign, self.about
        name, accept = harvest_name(self.harvest), request.accept_destination
        words = [f"{name} is sent again"]
        words += reopen(campaign, f"{name} again, requested by {request.made_by}", context, now)
        if where := _where(campaign, self.harvest, context, accept=accept):
            say(key, where, logging.WARNING if accept else logging.INFO)
            words.append(where)
        plan = plan_upload(
            campaign.reconstruction, key.calibration, context.next_dag(campaign), self.harvest
        )
        why = f"requested by {request.made_by}"
        context.launcher.carry_out(
            [campaign], plan, why, now, again=True, accept_destination=accept
        )
        return "; ".join([*words, f"{plan.label} sends it"])


@dataclass(frozen=True, slots=True)
class HarvestAgain(UploadStep):
    """Make a payload of all ALCARECO of a campaign, though nothing is new."""

    alcareco: int

    def describe(self) -> str:
        """Say what is made."""
        words = f"make a payload of all {self.alcareco} ALCARECO again by a harvest DAG"
        return words + reopening(self.campaign)

    def carry_out(self, request: Request, context: Context, now: float) -> str:
        """Open the campaign, then submit the harvest DAG."""
        campaign, key = self.campaign, self.about
        words = reopen(campaign, f"a harvest, requested by {request.made_by}", context, now)
        plan = plan_harvest(campaign.reconstruction, key.calibration, context.next_dag(campaign))
        why = f"requested by {request.made_by}"
        context.launcher.carry_out([campaign], plan, why, now, again=True)
        return "; ".join([f"{plan.label} harvests all {self.alcareco} ALCARECO again", *words])


def send_again(request: Request, subject: Subject) -> Step | Dag | str:
    """Say how a payload is sent again: by a DAG that failed, or by one of its own; or why not."""
    campaign = subject.campaign
    if Artifact.RUNS in campaign.cleaned:
        return "its payloads were cleaned up"
    if campaign.uploads_held_by:
        who = campaign.uploads_held_by
        return f"{who} holds uploads; first {release_uploads(campaign.key)}"
    found = chosen(request.send_again or "", subject.payloads)
    if isinstance(found, str):
        return found
    senders = [d for d in campaign.dags if d.harvest == found]
    if busy := [d.label for d in senders if d.in_flight]:
        return f"{harvest_name(found)} is being sent by {', '.join(busy)}"
    ended = [d for d in senders if d.state in (DagState.FAILED, DagState.REMOVED) and not d.made]
    return ended[-1] if ended else SendAgain(campaign, found, subject.payloads[found])


def harvest_again(subject: Subject) -> Step | str:
    """Say how a payload is made of all ALCARECO again, or why it is not."""
    campaign = subject.campaign
    gone = {Artifact.ALCARECO, Artifact.RUNS} & campaign.cleaned
    if gone:
        return f"nothing can be harvested again: its {', '.join(sorted(gone))} were cleaned up"
    if not subject.alcareco:
        return "it has no complete ALCARECO"
    harvests = (d for d in campaign.dags if d.batch is None and d.harvests and d.in_flight)
    if busy := [d.label for d in harvests]:
        return f"{', '.join(busy)} is in flight"
    return HarvestAgain(campaign, subject.alcareco)


def chosen(name: str, payloads: Mapping[int, HarvestRecord]) -> int | str:
    """Say which payload a name means, an empty one the best; or what there is.

    The best one holds the most LS, then the most events; of equal ones it is the last.
    """
    made = {number: record for number, record in payloads.items() if record.hash}
    if not made:
        return "it has no payload"
    if not name:
        return max(made, key=lambda n: (len(made[n].lumis), made[n].events, n))
    number = harvest_job(name) if HARVEST.fullmatch(name) else -1
    if number in made:
        return number
    there = ", ".join(map(harvest_name, sorted(made)))
    return f"no payload {name!r}; there are {there}"


def reopen(campaign: Campaign, reason: str, context: Context, now: float) -> list[str]:
    """Open a campaign for what a person asks, and say so if it was closed.

    Raises
    ------
    NotYet
        DAGs that a person removed have not left the queue.
    """
    if leaving := [d.label for d in campaign.dags if d.in_flight and d.removed_by]:
        raise NotYet(f"{', '.join(leaving)} must leave the queue first")
    context.ledger.campaigns.set_asked(campaign.id, now)
    if campaign.state.open:
        return []
    if campaign.state is CampaignState.ABANDONED and campaign.shares:
        uploads_held.let_go(campaign.key, context)
    set_state(context.ledger, context.renderer, campaign, CampaignState.ACTIVE, reason, now)
    return ["it is active again"]


def take_recipe(key: CampaignKey, context: Context) -> Iterator[str]:
    """Let the present configuration count for a campaign; say what changes."""
    for change, words in context.settings.take_present(key).items():
        say(key, f"{change} was {words}; what is configured counts from here on")
        yield f"{change} as it is configured"


def release_uploads(key: CampaignKey) -> str:
    """The command that releases the uploads of a campaign."""
    return f"condorloop release {key.run} -c {key.calibration} --uploads"


def reopening(campaign: Campaign) -> str:
    """Say that a campaign is opened again by what a person asks; empty if it is open."""
    return "" if campaign.state.open else f"; reopen the campaign, which is {campaign.state}"


def _where(campaign: Campaign, harvest: int, context: Context, *, accept: bool) -> str:
    """Say where a payload goes; empty if that is as configured."""
    renderer, name = context.renderer, campaign.key.calibration
    runs = renderer.run_dir(campaign.reconstruction)
    told = written_destination.last_sender(runs, name, harvest)
    to = written_destination.configured_destination(renderer, name)
    own = written_destination.written(told) if told else None
    if own is None or to is None or own == to:
        return ""
    return (taken if accept else kept)(harvest_name(harvest), own, to)
