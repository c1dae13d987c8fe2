"""What OMS would show at an instant of a play: the rows of runs, lumisections and fills."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

from condorloop.testbed.scenario.oms_attributes import FILLS, LUMISECTIONS, RUNS, usual

if TYPE_CHECKING:
    from condorloop.testbed.scenario.runs import RunScript
    from condorloop.testbed.scenario.scenario import Scenario

Row = dict[str, Any]
"""The attributes of one row, by name."""

SECONDS_PER_LS = 23.31
L1_TRIGGERS_PER_LS = 2_534_000
DELIVERED_PER_LS: float = LUMISECTIONS["delivered_lumi_per_lumisection"].usual
INITIAL_LUMI: float = RUNS["init_lumi"].usual


@dataclass(frozen=True, slots=True)
class OmsRows:
    """All rows of OMS, each kind in the order of its numbers.

    `odd` are attributes, by run, that are shown in place of those by which OMS selects and sorts.
    """

    runs: Sequence[Row] = ()
    lumisections: Sequence[Row] = ()
    fills: Sequence[Row] = ()
    odd: Mapping[int, Row] = field(default_factory=dict)


def oms_rows(scenario: Scenario, elapsed: float, started_at: float, speed: float = 1.0) -> OmsRows:
    """Make the rows that OMS shows `elapsed` seconds after the start of a play.

    A run is there from its start; its lumisections as each ends, and
    ``last_lumisection_number`` is the highest of them, null before the first; ``end_time`` is
    null until it ends. Luminosity is that of lumisections of 23.31 s, whatever the speed. The
    scenario may have OMS's clock go wrong, and a run's end.

    Parameters
    ----------
    scenario
        What is played.
    elapsed
        Seconds, not scaled.
    started_at
        When the play started: epoch, seconds.
    speed
        2 is twice as fast.
    """
    clock = _Clock(elapsed, started_at + scenario.clock_offset, speed)
    started = [run for run in scenario.runs if clock.passed(run.start)]
    started.sort(key=lambda run: run.run)
    runs = [*_past_runs(scenario, clock), *(_run(run, clock) for run in started)]
    return OmsRows(
        runs=runs,
        lumisections=[row for run in started for row in _lumisections(run, clock)],
        fills=list(_fills(runs)),
        odd={run.run: run.attributes for run in started if run.attributes},
    )


@dataclass(frozen=True, slots=True)
class _Clock:
    """Turns seconds of the scenario into OMS's times."""

    elapsed: float
    started_at: float
    speed: float

    def passed(self, at: float) -> bool:
        return at / self.speed <= self.elapsed

    def time(self, at: float) -> str:
        return _iso(self.started_at + at / self.speed)


def _run(run: RunScript, clock: _Clock) -> Row:
    over = [ls for ls, at in run.lumisection_ends if clock.passed(at)]
    now = clock.started_at + clock.elapsed
    start = clock.started_at + run.start / clock.speed - 60 * run.minutes_ago
    ended = run.has_ended(clock.passed)
    end = clock.started_at + run.end / clock.speed
    return {
        **usual(RUNS),
        "run_number": run.run,
        "fill_number": run.fill,
        "start_time": _iso(start),
        "end_time": _iso(end) if ended else None,
        "last_update": _iso(now),
        "duration": int(end if ended else now) - int(start),
        "last_lumisection_number": _last_lumisection(run, over, clock),
        "stable_beam": clock.passed(run.start + run.stable_beam_after),
        "delivered_lumi": round(len(over) * DELIVERED_PER_LS, 4) if over else None,
        "recorded_lumi": _integrated(run.recorded[: len(over)]) if over else None,
        "end_lumi": INITIAL_LUMI if ended else None,
        "l1_triggers_counter": len(over) * L1_TRIGGERS_PER_LS,
        **run.oms,
    }


def _last_lumisection(run: RunScript, over: Sequence[int], clock: _Clock) -> int | None:
    corrected = run.last_ls_after_end
    if corrected and run.ends and clock.passed(run.end + corrected.after):
        return corrected.value
    return max(over, default=None)


def _past_runs(scenario: Scenario, clock: _Clock) -> Iterable[Row]:
    """Runs that were over before the play, one right after the other, the last at its start."""
    past = scenario.past_runs
    first = min((run.run for run in scenario.runs), default=1_000_000)
    for back in range(past.count, 0, -1):
        start, end = (clock.started_at - past.every * n for n in (back, back - 1))
        yield {
            **usual(RUNS),
            "run_number": first - back,
            "start_time": _iso(start),
            "end_time": _iso(end),
            "last_update": _iso(end),
            "duration": int(past.every),
            "last_lumisection_number": max(1, int(past.every / SECONDS_PER_LS)),
            "stable_beam": False,
            "l1_hlt_mode": "cosmics2026",
            **past.oms,
        }


def _lumisections(run: RunScript, clock: _Clock) -> Iterable[Row]:
    begin = run.start
    for i, (ls, end) in enumerate(run.lumisection_ends):
        if clock.passed(end):
            yield {
                **usual(LUMISECTIONS),
                **run.odd_flags(ls),
                "run_number": run.run,
                "fill_number": run.fill,
                "lumisection_number": ls,
                "start_time": clock.time(begin),
                "end_time": clock.time(end),
                "delivered_lumi": round((i + 1) * DELIVERED_PER_LS, 4),
                "recorded_lumi": _integrated(run.recorded[: i + 1]),
                "recorded_lumi_per_lumisection": run.recorded[i],
            }
        begin = end


def _integrated(recorded: Sequence[float | None]) -> float:
    return round(sum(filter(None, recorded)), 4)


def _fills(runs: Sequence[Row]) -> Iterable[Row]:
    in_fills = sorted((r for r in runs if r["fill_number"]), key=lambda r: int(r["fill_number"]))
    for number, group in groupby(in_fills, key=lambda r: r["fill_number"]):
        taken = list(group)
        ends = [run["end_time"] for run in taken]
        end = None if None in ends else max(ends)
        yield {
            **usual(FILLS),
            "fill_number": number,
            "start_time": taken[0]["start_time"],
            "end_time": end,
            "start_stable_beam": taken[0]["start_time"],
            "end_stable_beam": end,
            "fill_type_runtime": taken[0]["fill_type_runtime"],
            "delivered_lumi": round(sum(run["delivered_lumi"] or 0.0 for run in taken), 4),
            "recorded_lumi": round(sum(run["recorded_lumi"] or 0.0 for run in taken), 4),
            "first_run_number": taken[0]["run_number"],
            "last_run_number": taken[-1]["run_number"],
        }


def _iso(epoch: float) -> str:
    return datetime.fromtimestamp(int(epoch), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
