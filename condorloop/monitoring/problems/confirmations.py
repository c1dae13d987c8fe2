"""Problems of what destinations hold, as it was read back from them; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from condorloop.model.problem import Problem, ProblemKind
from condorloop.model.status import CampaignStatus
from condorloop.monitoring.problems.commands import command
from condorloop.text import duration


def of_confirmations(
    campaigns: Iterable[CampaignStatus], confirm_within: float | None, now: float
) -> Iterator[Problem]:
    """Name the uploads that reading back contradicts, and those that it does not show.

    Parameters
    ----------
    confirm_within
        Seconds after which an upload that is not seen is a problem; None where no tag is read.
    """
    for campaign in campaigns:
        look = command("payload", campaign.key)
        for where, why in campaign.contradictions.items():
            text = f"{where}: the database does not have what was uploaded: {why}"
            yield Problem.of_campaign(
                ProblemKind.IN_FORCE, campaign.key, text, look, directory=_harvest(where)
            )
        for where, since in campaign.unconfirmed.items():
            if confirm_within is None or where in campaign.contradictions:
                continue
            if now - since >= confirm_within:
                late = duration(confirm_within)
                text = f"{where}: uploaded, and not seen in the database after {late}"
                yield Problem.of_campaign(
                    ProblemKind.UNCONFIRMED,
                    campaign.key,
                    text,
                    look,
                    since=since,
                    directory=_harvest(where),
                )


def _harvest(where: str) -> str:
    return where.partition(" ")[0]
