"""What people hold, so that it is not forgotten; pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence

from condorloop.model.problem import Problem, ProblemKind
from condorloop.model.request import ALL_RUNS
from condorloop.model.status import CampaignStatus
from condorloop.monitoring.problems.commands import command
from condorloop.monitoring.problems.concerned import Sharing, concerned
from condorloop.rundir.records.decisions import UploadsHeld
from condorloop.text import utc


def of_holds(
    campaigns: Iterable[CampaignStatus], calibrations: Mapping[str, tuple[str, float]]
) -> Iterator[Problem]:
    """Name what a person holds: calibrations, and open campaigns; those of a stream together.

    `calibrations` are those that are held as a whole: by whom, and since when.
    """
    for name, (who, since) in calibrations.items():
        yield _calibration(name, who, since)
    alone = (c for c in campaigns if c.calibration not in calibrations)
    for sharing in Sharing(c for c in alone if c.held_by and c.state.open):
        for who in dict.fromkeys(c.held_by for c in sharing):
            yield _campaigns([c for c in sharing if c.held_by == who])


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


def _campaigns(held: Sequence[CampaignStatus]) -> Problem:
    """Name campaigns that share a stream and that the same person holds."""
    whose, ends = concerned(held), min(c.window_ends for c in held)
    since = min((c.held_at for c in held if c.held_at), default=None)
    at = f" since {utc(since)}" if since else ""
    return whose.problem(
        ProblemKind.HELD,
        f"held by {held[0].held_by}{at}; its window ends {utc(ends)}",
        whose.command("release", each=True),
        since=since,
        person=held[0].held_by,
    )
