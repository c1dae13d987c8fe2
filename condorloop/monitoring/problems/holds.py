"""What people hold, so that it is not forgotten; pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping

from condorloop.model.problem import Problem, ProblemKind
from condorloop.model.request import ALL_RUNS
from condorloop.model.status import CampaignStatus
from condorloop.monitoring.problems.commands import command
from condorloop.rundir.records.decisions import UploadsHeld
from condorloop.text import utc


def of_holds(
    campaigns: Iterable[CampaignStatus], calibrations: Mapping[str, tuple[str, float]]
) -> Iterator[Problem]:
    """Name what a person holds: calibrations, and open campaigns.

    `calibrations` are those that are held as a whole: by whom, and since when.
    """
    for name, (who, since) in calibrations.items():
        yield _calibration(name, who, since)
    for campaign in campaigns:
        alone = campaign.calibration not in calibrations
        if alone and campaign.held_by and campaign.state.open:
            yield _campaign(campaign)


def of_held_uploads(
    campaigns: Iterable[CampaignStatus], held: Mapping[tuple[str, int], UploadsHeld]
) -> Iterator[Problem]:
    """Name the uploads that a person holds, of calibrations and of campaigns with work to do.

    `held` has them by calibration and run; `ALL_RUNS` are all runs of a calibration.
    """
    for (name, run), told in held.items():
        if run == ALL_RUNS:
            yield Problem.of_calibrations(
                ProblemKind.HELD,
                [name],
                _held_uploads(told),
                f"condorloop release -c {shlex.quote(name)} --uploads",
                since=told.time,
                person=told.who,
            )
    for campaign in campaigns:
        alone = held.get((campaign.calibration, campaign.run))
        if alone and (campaign.state.open or campaign.unsent):
            yield Problem.of_campaign(
                ProblemKind.HELD,
                campaign.key,
                f"{_held_uploads(alone)}; its window ends {utc(campaign.window_ends)}",
                f"{command('release', campaign.key)} --uploads",
                since=alone.time,
                person=alone.who,
            )


def _held_uploads(told: UploadsHeld) -> str:
    why = f": {told.why}" if told.why else ""
    return f"uploads are held by {told.who} since {utc(told.time)}{why}"


def _calibration(name: str, who: str, since: float) -> Problem:
    return Problem.of_calibrations(
        ProblemKind.HELD,
        [name],
        f"held by {who} since {utc(since)}; new runs will be held too",
        f"condorloop release -c {shlex.quote(name)}",
        since=since,
        person=who,
    )


def _campaign(campaign: CampaignStatus) -> Problem:
    at = f" since {utc(campaign.held_at)}" if campaign.held_at else ""
    return Problem.of_campaign(
        ProblemKind.HELD,
        campaign.key,
        f"held by {campaign.held_by}{at}; its window ends {utc(campaign.window_ends)}",
        command("release", campaign.key),
        since=campaign.held_at,
        person=campaign.held_by,
    )
