"""Whom a problem concerns: one calibration in a run, or all that share a stream there.

Knows whose a part of a run is. What several have in common is told once, as that of their stream.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Unpack

from condorloop.model.campaign import CampaignKey, ReconstructionKey
from condorloop.model.enums import NodeKind
from condorloop.model.problem import About, Problem, ProblemKind
from condorloop.model.status import CampaignStatus
from condorloop.monitoring.problems.commands import command


@dataclass(frozen=True, slots=True)
class Concerned:
    """Whom something concerns; `name` is that of the calibration, or of the stream of several."""

    name: str
    run: int
    calibrations: tuple[str, ...]

    def problem(
        self, kind: ProblemKind, bare_text: str, command: str = "", **about: Unpack[About]
    ) -> Problem:
        """Make a problem of it."""
        if self.calibrations == (self.name,):
            key = CampaignKey(self.name, self.run)
            return Problem.of_campaign(kind, key, bare_text, command, **about)
        return Problem.of_stream(
            kind, self.name, self.run, self.calibrations, bare_text, command, **about
        )

    def command(
        self, verb: str, dag: str | None = None, node: str | None = None, *, each: bool = False
    ) -> str:
        """Write a command about it.

        What is shared is shown, and run again, for any of them; with `each` it is about all.
        """
        names = self.calibrations if each else self.calibrations[:1]
        return command(verb, CampaignKey(names[0], self.run), dag, node, others=names[1:])


class Sharing:
    """Which calibrations share which stream, as the campaigns tell that are shown."""

    def __init__(self, campaigns: Iterable[CampaignStatus]) -> None:
        self._of: dict[ReconstructionKey, tuple[CampaignStatus, ...]] = {}
        self._one: dict[CampaignKey, CampaignStatus] = {}
        for campaign in campaigns:
            key = campaign.reconstruction
            self._of[key] = (*self._of.get(key, ()), campaign)
            self._one[campaign.key] = campaign

    def __iter__(self) -> Iterator[tuple[CampaignStatus, ...]]:
        """The campaigns of each stream and run."""
        return iter(self._of.values())

    def campaigns(self, key: CampaignKey, node: str = "") -> tuple[CampaignStatus, ...]:
        """The campaigns that a DAG in the queue works for, or a node of it; see `QueuedDag.key`."""
        if alone := self._one.get(key):
            return (alone,)
        sharing = self._of.get(ReconstructionKey(key.calibration, key.run), ())
        kind, _, name = node.partition("_")
        own = name if kind in (NodeKind.HARVEST, NodeKind.UPLOAD) else ""
        return tuple(c for c in sharing if own in ("", c.calibration))

    def all_with(self, key: CampaignKey) -> Concerned:
        """Whom what a campaign is made from concerns: it, and those that share its stream."""
        one = self._one.get(key)
        return concerned(self._of[one.reconstruction]) if one else _alone(key)

    def held(self, key: CampaignKey, node: str = "") -> bool:
        """Whether a person holds each campaign that a DAG in the queue, or a node, works for."""
        found = self.campaigns(key, node)
        return bool(found) and all(c.held_by for c in found)

    def concerned(self, key: CampaignKey, node: str = "") -> Concerned:
        """Whom a DAG in the queue concerns, or a node of it."""
        if found := self.campaigns(key, node):
            return concerned(found)
        return _alone(key)


def _alone(key: CampaignKey) -> Concerned:
    return Concerned(key.calibration, key.run, (key.calibration,))


def concerned(campaigns: Sequence[CampaignStatus]) -> Concerned:
    """Whom campaigns are, of which there is one at least: those of one stream and run."""
    names, of = tuple(sorted(c.calibration for c in campaigns)), campaigns[0].reconstruction
    return Concerned(names[0] if len(names) == 1 else of.stream, of.run, names)
