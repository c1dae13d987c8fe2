"""The tables of a study: what stands in them; pure.

Knows what people want to read of a simulation, in words and units; knows no terminal.
"""

from __future__ import annotations

from collections.abc import Iterator

from condorloop.reports.report import Spread
from condorloop.reports.tables import ReportTable, span
from condorloop.simulation.outcome import CalibrationOutcome, Outcome, StreamOutcome
from condorloop.simulation.study import Row, Study

_LATENCIES = ("median", "90 %", "worst", "in time")
_NOTE = (
    "From LS end to the first payload that contains the LS. In time: of the LS that ended within "
    "the window of their run, those that were in a payload before it was over."
)


def tables(study: Study) -> Iterator[ReportTable]:
    """Give the tables of a study."""
    if study.keys:
        yield _compared(study)
        if len(study.rows[0].outcome.calibrations) > 1:
            yield _by_calibration(study)
    else:
        [row] = study.rows
        yield _latencies(row.outcome)
        yield _jobs(row.outcome)
        yield _pool(row.outcome)


def _compared(study: Study) -> ReportTable:
    return ReportTable(
        "All calibrations, from LS end to payload, and what it costs",
        (
            *study.keys,
            *_LATENCIES,
            "core hours",
            "DAGs",
            "harvests",
            "ALCARECO read",
            "busy slots",
            "most",
            "most waiting",
        ),
        tuple(_compared_row(row) for row in study.rows),
        names=len(study.keys),
        note=_NOTE,
    )


def _compared_row(row: Row) -> tuple[str, ...]:
    outcome = row.outcome
    all_of = outcome.together
    return (
        *row.changed.values(),
        *_latency(all_of),
        f"{all_of.core_hours:.0f}",
        str(all_of.dags),
        str(all_of.harvests),
        str(all_of.harvested_files),
        f"{outcome.busy:.0%}",
        str(outcome.most_slots),
        str(outcome.most_waiting),
    )


def _latency(c: CalibrationOutcome) -> tuple[str, ...]:
    in_time = c.share_in_window
    return (*_spread(c.after_ls_end), "" if in_time is None else f"{in_time:.1%}")


def _spread(spread: Spread | None) -> tuple[str, ...]:
    values = (spread.median, spread.p90, spread.worst) if spread else (None, None, None)
    return tuple(map(span, values))


def _by_calibration(study: Study) -> ReportTable:
    names = [c.calibration for c in study.rows[0].outcome.calibrations]
    return ReportTable(
        "Each calibration, median and worst",
        (*study.keys, *names),
        tuple(
            (*row.changed.values(), *map(_median_and_worst, row.outcome.calibrations))
            for row in study.rows
        ),
        names=len(study.keys),
    )


def _median_and_worst(c: CalibrationOutcome) -> str:
    spread = c.after_ls_end
    return f"{span(spread.median)}, {span(spread.worst)}" if spread else ""


def _latencies(outcome: Outcome) -> ReportTable:
    shown = outcome.calibrations
    return ReportTable(
        "From LS end to payload",
        (
            "calibration",
            "campaigns",
            "complete",
            "good LS",
            "in a payload",
            *_LATENCIES,
            "DAGs",
            "rescues",
            "harvests",
            "ALCARECO read",
            "uploads",
        ),
        (
            *map(_stream_row, outcome.streams),
            *map(_latency_row, (*shown, outcome.together) if len(shown) > 1 else shown),
        ),
        note=_NOTE,
    )


def _stream_row(s: StreamOutcome) -> tuple[str, ...]:
    """The DAGs that calibrations share; all else is each one's own."""
    return (s.stream, *[""] * (4 + len(_LATENCIES)), str(s.dags), str(s.rescues), "", "", "")


def _latency_row(c: CalibrationOutcome) -> tuple[str, ...]:
    counts = (c.dags, c.rescues, c.harvests, c.harvested_files, c.uploads)
    return (
        c.calibration,
        str(c.campaigns),
        str(c.complete),
        str(c.lumis),
        str(c.in_payload),
        *_latency(c),
        *map(str, counts),
    )


def _jobs(outcome: Outcome) -> ReportTable:
    return ReportTable(
        "Jobs",
        ("calibration", "node", "jobs", "failed", "mean wait", "mean time", "core hours"),
        tuple(
            (
                name,
                str(kind),
                str(k.jobs),
                str(k.failed),
                span(k.waited),
                span(k.ran),
                f"{k.core_hours:.0f}",
            )
            for name, kinds in (
                *((s.stream, s.kinds) for s in outcome.streams),
                *((c.calibration, c.kinds) for c in outcome.calibrations),
            )
            for kind, k in kinds.items()
        ),
        names=2,
        note="Mean wait: for cores, after the match.",
    )


def _pool(outcome: Outcome) -> ReportTable:
    return ReportTable(
        "The pool",
        (
            "runs",
            "days",
            "slots",
            "busy",
            "most busy",
            "most jobs waiting",
            "most DAGs in the queue",
        ),
        (
            (
                str(outcome.runs),
                f"{outcome.seconds / 86400:.1f}",
                str(outcome.slots),
                f"{outcome.busy:.0%}",
                str(outcome.most_slots),
                str(outcome.most_waiting),
                str(outcome.most_dags),
            ),
        ),
        names=0,
    )
