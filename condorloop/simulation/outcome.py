"""What a simulation came to: latencies, costs and peaks, as data.

Knows the fields and their JSON. Durations are seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from condorloop.model.enums import CampaignState, NodeKind
from condorloop.model.lumis import Lumis
from condorloop.reports.report import Spread
from condorloop.simulation.campaign import Followed
from condorloop.simulation.tally import JobTally, Tally
from condorloop.simulation.twin import Twin


@dataclass(frozen=True, slots=True, kw_only=True)
class KindOutcome:
    """What the jobs of a node kind came to; `waited` is the mean from submission to start."""

    jobs: int
    failed: int
    core_hours: float
    waited: float
    ran: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationOutcome:
    """What the campaigns of a calibration came to.

    `lumis` are those of good RAW files; `after_window` of them ended when the window of their run
    was over, `in_window` were in a payload before. `delays` are what `after_ls_end` sums up, `ends`
    when the same lumisections ended.
    """

    calibration: str
    campaigns: int
    states: Mapping[CampaignState, int]
    lumis: int
    in_payload: int
    in_window: int
    after_window: int
    after_ls_end: Spread | None
    kinds: Mapping[NodeKind, KindOutcome]
    files: int
    dags: int
    rescues: int
    harvests: int
    harvested_files: int
    uploads: int
    delays: Annotated[Sequence[float], Field(exclude=True)] = ()
    ends: Annotated[Sequence[float], Field(exclude=True)] = ()

    @property
    def complete(self) -> int:
        """How many campaigns are complete."""
        return self.states.get(CampaignState.COMPLETE, 0)

    @property
    def core_hours(self) -> float:
        """What all jobs took."""
        return sum(kind.core_hours for kind in self.kinds.values())

    @property
    def share_in_window(self) -> float | None:
        """The part in time of the lumisections that could be; None if there are none."""
        possible = self.lumis - self.after_window
        return self.in_window / possible if possible > 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a simulation came to.

    `seconds` is how long simulated time was, `busy` the mean part of the slots that jobs took in
    it; `events` and `asked` are how often something happened and how often the planner was asked
    about a campaign.
    """

    calibrations: tuple[CalibrationOutcome, ...]
    runs: int
    seconds: float
    slots: int
    most_slots: int
    most_waiting: int
    most_dags: int
    busy: float
    events: int
    asked: int

    @property
    def together(self) -> CalibrationOutcome:
        """What all calibrations came to."""
        return _together(self.calibrations)


def outcome_of(twin: Twin) -> Outcome:
    """Sum up a simulation that is over."""
    calibrations = tuple(
        _calibration(name, tally, [f for f in twin.followed.values() if f.key.calibration == name])
        for name, tally in twin.tallies.items()
    )
    core_seconds = 3600 * sum(c.core_hours for c in calibrations)
    available = twin.slots.cores * twin.engine.now
    return Outcome(
        calibrations=calibrations,
        runs=len({f.run.number for f in twin.followed.values()}),
        seconds=twin.engine.now,
        slots=twin.slots.cores,
        most_slots=twin.slots.most,
        most_waiting=twin.slots.most_waiting,
        most_dags=twin.queue.most,
        busy=core_seconds / available if available else 0.0,
        events=twin.engine.events,
        asked=twin.asked,
    )


def _calibration(name: str, tally: Tally, followed: Sequence[Followed]) -> CalibrationOutcome:
    return CalibrationOutcome(
        calibration=name,
        campaigns=len(followed),
        states={s: n for s in CampaignState if (n := sum(f.state is s for f in followed))},
        lumis=sum(len(f.seen) for f in followed),
        in_payload=len(tally.delays),
        in_window=tally.in_window,
        after_window=0 if tally.by_lumi else sum(_after_window(f, tally.buffer) for f in followed),
        after_ls_end=Spread.of(tally.delays),
        kinds={k: _kind(tally.kinds[k]) for k in NodeKind if k in tally.kinds},
        files=tally.files,
        dags=tally.dags,
        rescues=tally.rescues,
        harvests=tally.harvests,
        harvested_files=tally.harvested_files,
        uploads=tally.uploads,
        delays=tally.delays,
        ends=tally.ends,
    )


def _after_window(followed: Followed, buffer: float) -> int:
    last = followed.run.lumis_by(followed.run.start + buffer)
    return len(followed.seen - Lumis.span(1, last))


def _kind(tally: JobTally) -> KindOutcome:
    return KindOutcome(
        jobs=tally.jobs,
        failed=tally.failed,
        core_hours=tally.core_seconds / 3600,
        waited=tally.waited / tally.jobs,
        ran=tally.ran / tally.jobs,
    )


def _together(all_of: Sequence[CalibrationOutcome]) -> CalibrationOutcome:
    delays = [delay for c in all_of for delay in c.delays]
    return CalibrationOutcome(
        calibration="all",
        campaigns=sum(c.campaigns for c in all_of),
        states={s: n for s in CampaignState if (n := sum(c.states.get(s, 0) for c in all_of))},
        lumis=sum(c.lumis for c in all_of),
        in_payload=sum(c.in_payload for c in all_of),
        in_window=sum(c.in_window for c in all_of),
        after_window=sum(c.after_window for c in all_of),
        after_ls_end=Spread.of(delays),
        kinds={k: _joined(k, all_of) for k in NodeKind if any(k in c.kinds for c in all_of)},
        files=sum(c.files for c in all_of),
        dags=sum(c.dags for c in all_of),
        rescues=sum(c.rescues for c in all_of),
        harvests=sum(c.harvests for c in all_of),
        harvested_files=sum(c.harvested_files for c in all_of),
        uploads=sum(c.uploads for c in all_of),
        delays=delays,
        ends=[end for c in all_of for end in c.ends],
    )


def _joined(kind: NodeKind, all_of: Sequence[CalibrationOutcome]) -> KindOutcome:
    of_kind = [c.kinds[kind] for c in all_of if kind in c.kinds]
    jobs = sum(k.jobs for k in of_kind)
    return KindOutcome(
        jobs=jobs,
        failed=sum(k.failed for k in of_kind),
        core_hours=sum(k.core_hours for k in of_kind),
        waited=sum(k.waited * k.jobs for k in of_kind) / jobs,
        ran=sum(k.ran * k.jobs for k in of_kind) / jobs,
    )


_ADAPTER: TypeAdapter[Outcome] = TypeAdapter(Outcome)


def to_json(outcome: Outcome) -> dict[str, Any]:
    """Give an outcome as a JSON object."""
    data: dict[str, Any] = _ADAPTER.dump_python(outcome, mode="json")
    return data
