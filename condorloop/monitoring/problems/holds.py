"""What people hold, so that it is not forgotten; pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping

from condorloop.model.problem import Problem, ProblemKind
from condorloop.model.status import CampaignStatus
from condorloop.monitoring.problems.commands import command
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
