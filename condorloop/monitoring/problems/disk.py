"""Problems of the disk: it gets full, and what keeps things on it; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from condorloop.model.campaign import CampaignKey
from condorloop.model.problem import Problem, ProblemKind
from condorloop.monitoring.problems.commands import DOCTOR


def of_disk(
    warning: str, not_cleaned: Mapping[CampaignKey, str], not_archived: str = ""
) -> Iterator[Problem]:
    """Name a disk that gets full, what cannot be removed from it, and why nothing is archived."""
    if warning:
        yield Problem(ProblemKind.DISK, warning, "condorloop cleanup --dry-run")
    if not_archived:
        text = f"archiving fails, so the ledger grows: {not_archived}"
        yield Problem(ProblemKind.DISK, text, DOCTOR)
    for key, error in not_cleaned.items():
        text = f"cannot clean up: {error}"
        yield Problem.of_campaign(ProblemKind.DISK, key, text, DOCTOR)
