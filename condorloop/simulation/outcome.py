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
from condorloop.simulation.tally import JobTally, Tally, WorkTally
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
class StreamOutcome:
    """The files, jobs and DAGs that calibrations share: what is of no single one of them."""

    stream: str
    kinds: Mapping[NodeKind, KindOutcome]
    files: int
    dags: int
    rescues: int

    @property
    def core_hours(self) -> float:
        """What all jobs took."""
        return sum(kind.core_hours for kind in self.kinds.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationOutcome:
    """What the campaigns of a calibration came to; without what a `StreamOutcome` has.

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
    """What a simulation came to; `streams` are those that have files of their own.

    `seconds` is how long simulated time was, `busy` the mean part of the slots that jobs took in
    it; `events` and `asked` are how often something happened and how often the planner was asked
    about a campaign.
    """

    calibrations: tuple[CalibrationOutcome, ...]
    streams: tuple[StreamOutcome, ...]
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
        """What all calibrations came to, with what they share."""
        return _together(self.calibrations, self.streams)


def outcome_of(twin: Twin) -> Outcome:
    """Sum up a simulation that is over."""
    calibrations = tuple(_calibration(name, tally, twin) for name, tally in twin.tallies.items())
    streams = tuple(
        _stream(name, work) for name, work in twin.work.items() if name not in twin.tallies
    )
    core_hours = [each.core_hours for each in streams] + [each.core_hours for each in calibrations]
    core_seconds = 3600 * sum(core_hours)
    available = twin.slots.cores * twin.engine.now
    return Outcome(
        calibrations=calibrations,
        streams=streams,
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


def _stream(name: str, work: WorkTally) -> StreamOutcome:
    return StreamOutcome(
        stream=name,
        kinds=_kinds(work),
        files=work.files,
        dags=work.dags,
        rescues=work.rescues,
    )


def _calibration(name: str, tally: Tally, twin: Twin) -> CalibrationOutcome:
    followed = [f for f in twin.followed.values() if f.key.calibration == name]
    seen = [(f, twin.of(f).seen) for f in followed]
    work = twin.work[name]
    return CalibrationOutcome(
        calibration=name,
        campaigns=len(followed),
        states={s: n for s in CampaignState if (n := sum(f.state is s for f in followed))},
        lumis=sum(len(lumis) for _, lumis in seen),
        in_payload=len(tally.delays),
        in_window=tally.in_window,
        after_window=0 if tally.by_lumi else sum(_after_window(*s, tally.buffer) for s in seen),
        after_ls_end=Spread.of(tally.delays),
        kinds=_kinds(work),
        files=work.files,
        dags=work.dags,
        rescues=work.rescues,
        harvests=tally.harvests,
        harvested_files=tally.harvested_files,
        uploads=tally.uploads,
        delays=tally.delays,
        ends=tally.ends,
    )


def _after_window(followed: Followed, seen: Lumis, buffer: float) -> int:
    last = followed.run.lumis_by(followed.run.start + buffer)
    return len(seen - Lumis.span(1, last))


def _kinds(work: WorkTally) -> dict[NodeKind, KindOutcome]:
    return {kind: _kind(work.kinds[kind]) for kind in NodeKind if kind in work.kinds}


def _kind(tally: JobTally) -> KindOutcome:
    return KindOutcome(
        jobs=tally.jobs,
        failed=tally.failed,
        core_hours=tally.core_seconds / 3600,
        waited=tally.waited / tally.jobs,
        ran=tally.ran / tally.jobs,
    )


def _together(
    all_of: Sequence[CalibrationOutcome], streams: Sequence[StreamOutcome]
) -> CalibrationOutcome:
    delays = [delay for c in all_of for delay in c.delays]
    work: Sequence[CalibrationOutcome | StreamOutcome] = [*streams, *all_of]
    return CalibrationOutcome(
        calibration="all",
        campaigns=sum(c.campaigns for c in all_of),
        states={s: n for s in CampaignState if (n := sum(c.states.get(s, 0) for c in all_of))},
        lumis=sum(c.lumis for c in all_of),
        in_payload=sum(c.in_payload for c in all_of),
        in_window=sum(c.in_window for c in all_of),
        after_window=sum(c.after_window for c in all_of),
        after_ls_end=Spread.of(delays),
        kinds={k: _joined(k, work) for k in NodeKind if any(k in w.kinds for w in work)},
        files=sum(w.files for w in work),
        dags=sum(w.dags for w in work),
        rescues=sum(w.rescues for w in work),
        harvests=sum(c.harvests for c in all_of),
        harvested_files=sum(c.harvested_files for c in all_of),
        uploads=sum(c.uploads for c in all_of),
        delays=delays,
        ends=[end for c in all_of for end in c.ends],
    )


def _joined(kind: NodeKind, work: Sequence[CalibrationOutcome | StreamOutcome]) -> KindOutcome:
    of_kind = [w.kinds[kind] for w in work if kind in w.kinds]
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
