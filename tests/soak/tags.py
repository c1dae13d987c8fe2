"""The tags of the simulated conditions database, and whether all in them is as it must be.

Knows which destinations the configuration asks for, the rule by which a tag takes IOVs, and every
IOV that it was given; which payload must serve is `condorloop.testbed.in_force`'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from condorloop.config.calibration import Calibration
from condorloop.model.campaign import CampaignKey
from condorloop.model.enums import TimeType
from condorloop.model.lumis import Lumis
from condorloop.testbed import in_force
from condorloop.testbed.conditions.sqlite_file import Tag
from condorloop.testbed.conditions.synchronisation import starting_at, synchronise
from condorloop.testbed.in_force import Insertion, TagHistory
from tests.soak.detector import TrueRun
from tests.soak.story import Agenda, Violation

Iovs = Sequence[tuple[int, Mapping[str, Any]]]
"""Since and payload of each IOV of a file, by rising since."""


class SimulatedTags:
    """The tags that calibrations fill; the younger a run, the later is what is safe to change."""

    def __init__(
        self, agenda: Agenda, calibrations: Mapping[str, Calibration], runs: Sequence[TrueRun]
    ) -> None:
        self._agenda = agenda
        self._runs = runs
        self._uploads = {name: c.harvest.records[0] for name, c in calibrations.items()}
        self._by_lumi = {name for name, c in calibrations.items() if not c.since_is_run}
        self._insertions: dict[str, list[Insertion]] = {}
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
        """Put a payload file's IOVs into a tag, by its rule, and look at what is in force."""
        rule = self._uploads[key.calibration].synchronisation
        assert rule is not None
        history = self._insertions.setdefault(tag, [])
        time_type = TimeType.LUMI if key.calibration in self._by_lumi else TimeType.RUN
        taken = synchronise(
            rule,
            time_type,
            starting_at(iovs, since),
            last=max((each.since for each in history), default=None),
            first_safe_run=self.first_safe_run,
        )
        time = f"upload {len({each.time for each in history}):05d}"
        for at, payload in taken:
            lumis = Lumis.of(map(int, payload["lumisections"]))
            history.append(Insertion(at, time, payload["run"], lumis, payload))
        known = frozenset(run.number for run in self._runs)
        self._look(key, TagHistory(Tag(tag, time_type, "", rule), history, known))

    @property
    def first_safe_run(self) -> int:
        """The youngest run that has begun: consumers are quick."""
        begun = [run.number for run in self._runs if run.start <= self._agenda.now]
        return max(begun, default=1)

    def has_younger(self, key: CampaignKey) -> bool:
        """Whether a younger run is in a tag of a campaign that moves late sinces up."""
        upload = self._uploads[key.calibration]
        if upload.synchronisation is None or not upload.synchronisation.moves_up:
            return False
        runs = {each.run for tag in upload.tags for each in self._insertions.get(tag, ())}
        return any(run > key.run for run in runs)

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
