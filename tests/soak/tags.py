"""The tags of the simulated conditions database, and whether all in them is as it must be.

Knows which destinations the configuration asks for, the rule by which a tag takes IOVs, and every
IOV that it was given; which payload must serve is `condorloop.testbed.in_force`'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from condorloop.config.calibration import Calibration
from condorloop.model.campaign import CampaignKey
from condorloop.model.enums import Synchronisation, TimeType
from condorloop.model.lumis import EMPTY, Lumis
from condorloop.testbed import in_force
from condorloop.testbed.conditions.sqlite_file import Tag
from condorloop.testbed.conditions.synchronisation import (
    RULES,
    RefusedError,
    Rule,
    starting_at,
    synchronise,
)
from condorloop.testbed.in_force import Insertion, TagHistory
from tests.soak.detector import TrueRun
from tests.soak.story import Agenda, Violation

Iovs = Sequence[tuple[int, Mapping[str, Any]]]
"""Since and payload of each IOV of a file, by rising since."""


@dataclass(slots=True)
class _TagBook:
    """What a tag was given, and the first safe runs that this was held against."""

    insertions: list[Insertion] = field(default_factory=list)
    first_safe_runs: set[int] = field(default_factory=set)
    uploads: int = 0


class SimulatedTags:
    """The tags that calibrations fill; the younger a run, the later is what is safe to change.

    Consumers begin with a run so many seconds after its start as `lag` says.
    """

    def __init__(
        self,
        agenda: Agenda,
        calibrations: Mapping[str, Calibration],
        runs: Sequence[TrueRun],
        lag: float = 0.0,
    ) -> None:
        self._agenda = agenda
        self._runs = runs
        self._lag = lag
        self._uploads = {name: c.harvest.records[0] for name, c in calibrations.items()}
        self._by_lumi = {name for name, c in calibrations.items() if not c.since_is_run}
        self._books: dict[str, _TagBook] = {}
        self.unknown: set[CampaignKey] = set()
        """Campaigns of which nobody knows any more which sinces were taken."""

    def check_destination(self, key: CampaignKey, metadata: Mapping[str, Any]) -> None:
        """See that a payload goes where its calibration's configuration asks for."""
        asked = self._uploads[key.calibration]
        database, tags = metadata["destinationDatabase"], set(metadata["destinationTags"])
        if database != asked.database or not tags <= asked.tags.keys():
            raise Violation(
                f"{key}: sent to {', '.join(sorted(tags))} in {database}, though"
                f" {', '.join(sorted(asked.tags))} in {asked.database} is asked for"
            )

    def fill(self, key: CampaignKey, tag: str, since: int | None, iovs: Iovs) -> None:
        """Put a payload file's IOVs into a tag, by its rule, and look at what is in force.

        Raises
        ------
        RefusedError
            The rule does not let them in.
        """
        book = self._books.setdefault(tag, _TagBook())
        before = self._covered(key, tag)
        try:
            taken = synchronise(
                self._synchronisation(key),
                self._time_type(key),
                starting_at(iovs, since),
                last=max((each.since for each in book.insertions), default=None),
                first_safe_run=self.first_safe_run,
            )
        except RefusedError as refused:
            self._look_at_refusal(key, tag, str(refused))
            raise
        book.first_safe_runs.add(self.first_safe_run)
        time = f"upload {book.uploads:05d}"
        book.uploads += 1
        book.insertions += [
            Insertion(at, time, payload["run"], lumis_in(payload), payload) for at, payload in taken
        ]
        self._look(key, self._history(key, tag))
        lost = before - self._covered(key, tag)
        if lost and key not in self.unknown and not self.replaces(key):
            raise Violation(f"{key}: LS {lost} are served no more by constants made of them")

    def replaces(self, key: CampaignKey) -> bool:
        """Whether each payload of a run takes the place of the run's last one, in whole."""
        free = RULES[self._synchronisation(key)] is Rule.FREE
        return free or key.calibration not in self._by_lumi

    @property
    def first_safe_run(self) -> int:
        """The youngest run that has begun for consumers."""
        begun = [run.number for run in self._runs if run.start <= self._agenda.now - self._lag]
        return max(begun, default=1)

    def takes_once(self, key: CampaignKey) -> bool:
        """Whether what comes after a run's first payload may have no way into its tag."""
        appends = RULES[self._synchronisation(key)] is Rule.APPEND
        return appends or not self.replaces(key)

    def has_younger(self, key: CampaignKey) -> bool:
        """Whether a younger run is in a tag of a campaign, and keeps an older one out."""
        if RULES[self._synchronisation(key)] not in (Rule.MOVE_UP, Rule.APPEND):
            return False
        tags = self._uploads[key.calibration].tags
        runs = {each.run for tag in tags if tag in self._books for each in self._of(tag)}
        return any(run > key.run for run in runs)

    def not_served(self, key: CampaignKey, lumis: Lumis) -> Lumis:
        """Those of the LS that a payload is made of which it must serve, and does not."""
        [tag] = self._uploads[key.calibration].tags
        history = self._history(key, tag)
        if key in self.unknown or not in_force.must_be_served(history, key.run):
            return EMPTY
        return lumis - in_force.served(history, key.run, lumis)[0]

    def _synchronisation(self, key: CampaignKey) -> Synchronisation:
        known = self._uploads[key.calibration].synchronisation
        assert known is not None
        return known

    def _time_type(self, key: CampaignKey) -> TimeType:
        return TimeType.LUMI if key.calibration in self._by_lumi else TimeType.RUN

    def _of(self, tag: str) -> Sequence[Insertion]:
        return self._books.setdefault(tag, _TagBook()).insertions

    def _history(self, key: CampaignKey, tag: str) -> TagHistory:
        about = Tag(tag, self._time_type(key), "", self._synchronisation(key))
        safe = frozenset(self._books.setdefault(tag, _TagBook()).first_safe_runs)
        return TagHistory(about, self._of(tag), safe)

    def _covered(self, key: CampaignKey, tag: str) -> Lumis:
        """The lumisections of a run that are served by constants made of them."""
        last = next(run.last_ls for run in self._runs if run.number == key.run)
        return in_force.served(self._history(key, tag), key.run, Lumis.span(1, last))[0]

    def _look(self, key: CampaignKey, history: TagHistory) -> None:
        """See that each lumisection is served by what must serve it."""
        runs = {
            run.number: Lumis.span(1, run.last_ls)
            for run in self._runs
            if run.number >= key.run
            and CampaignKey(key.calibration, run.number) not in self.unknown
        }
        if wrong := next(in_force.faults(history, runs), None):
            raise Violation(f"{key}: {wrong}")

    def _look_at_refusal(self, key: CampaignKey, tag: str, words: str) -> None:
        """See that nothing is sent too early, or too late, to a tag that can only be appended to.

        Once a run has ended, what comes of it after its payload is refused, and named.
        """
        if RULES[self._synchronisation(key)] is not Rule.APPEND or key in self.unknown:
            return
        ends = next(run.told_end for run in self._runs if run.number == key.run)
        if self._agenda.now < ends or all(each.run != key.run for each in self._of(tag)):
            raise Violation(f"{key}: sent out of order to {tag}: {words}")


def lumis_in(payload: Mapping[str, Any]) -> Lumis:
    """The lumisections that a payload is made of."""
    return Lumis.of(map(int, payload["lumisections"]))


def all_lumis(iovs: Iterable[tuple[int, Mapping[str, Any]]], since: int | None) -> Lumis:
    """The lumisections of all payloads of a file, from a since on."""
    return Lumis.union(lumis_in(payload) for _, payload in starting_at(list(iovs), since))
