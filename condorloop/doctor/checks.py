"""A check: what was looked at, how it is, and what to type if it is not as it must be.

Knows the words of the doctor; looks at nothing. It is plain data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

SCHEMA = 1
"""The version of what `as_data` gives; another one if a key goes or changes its meaning."""


class Verdict(StrEnum):
    """How a thing is, as far as the loop is concerned."""

    FINE = "fine"
    """As it must be."""
    NOT_NEEDED = "not needed"
    """It is of no use at this site."""
    NOT_CHECKED = "not checked"
    """It could not be looked at, which says nothing of how it is."""
    WARNING = "warning"
    """The loop runs, and a person should look at it."""
    STOPS = "stops"
    """As long as it is so, the loop does not do its work."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at; `remedy` is what to type, with words after a ``#``."""

    name: str
    verdict: Verdict
    words: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Examination:
    """How one or several things of a subject are looked at.

    What it has given when its time, in seconds, is over or when it raises, counts.
    """

    subject: str
    name: str
    look: Callable[[], Iterable[Check]]
    limit: float = 60.0
    remedy: str = ""


Findings = Mapping[str, Sequence[Check]]
"""Checks by subject."""


def fine(name: str, words: str) -> Check:
    """Give a check of what is as it must be."""
    return Check(name, Verdict.FINE, words)


def not_needed(name: str, words: str) -> Check:
    """Give a check of what this site has no use for."""
    return Check(name, Verdict.NOT_NEEDED, words)


def not_checked(name: str, words: str, remedy: str = "") -> Check:
    """Give a check of what could not be looked at."""
    return Check(name, Verdict.NOT_CHECKED, words, remedy)


def warning(name: str, words: str, remedy: str = "") -> Check:
    """Give a check of what a person should look at."""
    return Check(name, Verdict.WARNING, words, remedy)


def stops(name: str, words: str, remedy: str = "") -> Check:
    """Give a check of what keeps the loop from its work."""
    return Check(name, Verdict.STOPS, words, remedy)


def of_verdict(findings: Findings, verdict: Verdict) -> list[Check]:
    """Give the checks that ended so."""
    return [c for checks in findings.values() for c in checks if c.verdict is verdict]


def as_data(site: str, findings: Findings) -> dict[str, Any]:
    """Give findings as JSON has them.

    Keys: ``schema``; ``site``; ``ok``, whether nothing stops the loop; ``counts`` by verdict;
    ``checks``, each with ``subject``, ``name``, ``verdict``, ``words``, ``remedy`` (null if there
    is none).
    """
    return {
        "schema": SCHEMA,
        "site": site,
        "ok": not of_verdict(findings, Verdict.STOPS),
        "counts": {v.value: len(of_verdict(findings, v)) for v in Verdict},
        "checks": [
            {
                "subject": subject,
                "name": check.name,
                "verdict": check.verdict.value,
                "words": check.words,
                "remedy": check.remedy or None,
            }
            for subject, checks in findings.items()
            for check in checks
        ],
    }
