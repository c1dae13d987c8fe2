"""The tables of a report: what stands in them, for every place that shows them; pure.

Knows what people want to read of a report, in words and units; knows no terminal and no page.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from condorloop.model.enums import UploadOutcome
from condorloop.reports.report import CalibrationReport, CampaignReport, KindReport, Report, Spread
from condorloop.reports.time_breakdown import Part
from condorloop.text import plural

CAMPAIGNS_SHOWN = 30
"""How many campaigns a table has at most; the others are in the CSV and JSON formats."""

PART_WORDS: Mapping[Part, str] = {
    Part.FILE: "waiting for the file",
    Part.BATCHING: "batching",
    Part.START: "start of the DAG",
    Part.QUEUE: "queue",
    Part.RECO: "RECO",
    Part.ALCA: "ALCA",
    Part.HARVEST: "HARVEST",
    Part.UPLOAD: "UPLOAD",
    Part.RETRIES: "retries",
    Part.BETWEEN: "between nodes",
}
"""How a part of a lumisection's way is called where people read it."""


@dataclass(frozen=True, slots=True)
class ReportTable:
    """A table of texts; the first `names` columns are words, the others numbers."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    names: int = 1
    note: str = ""


def heading(report: Report) -> str:
    """Say what a report is about: site, runs and times."""
    runs = [c.run for c in report.campaigns]
    if not runs:
        what = "no campaigns"
    else:
        first, last, count = min(runs), max(runs), len(runs)
        of = f"of run {first}" if first == last else f"of runs {first} to {last}"
        what = f"{plural(count, 'campaign')} {of}"
    since = f", started since {_time(report.since)}" if report.since is not None else ""
    until = f", started before {_time(report.until)}" if report.until is not None else ""
    return f"{report.site}: {what}{since}{until}; as of {_time(report.time)} UTC"


def _time(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"


def tables(report: Report) -> tuple[ReportTable, ...]:
    """Give the tables of a report; those that have no row are left out."""
    made = (
        _latencies(report),
        _in_window(report),
        _parts(report),
        _nodes(report),
        _campaigns(report),
        _in_force(report),
        _constants(report),
    )
    return tuple(table for table in made if table.rows)


def _constants(report: Report) -> ReportTable:
    unread = [c for c in report.constants if c.unread]
    named = "; ".join(f"{c.calibration} run {c.run}: {c.unread}" for c in unread[:3])
    more = f"; and {len(unread) - 3} more" if len(unread) > 3 else ""
    return ReportTable(
        "Constants of the last payload of each run",
        ("calibration", "run", "quantity", "of", "mean", "spread"),
        tuple(
            (
                each.calibration_and_tags,
                str(each.run),
                f"{q.name} [{q.unit}]" if q.unit else q.name,
                str(q.count),
                f"{q.mean:.6g}",
                f"{q.spread:.3g}",
            )
            for each in report.constants
            for q in each.quantities
        ),
        names=3,
        note=f"not known: {named}{more}" if unread else "",
    )


def _in_force(report: Report) -> ReportTable:
    differing = [c for c in report.campaigns if len({d.harvest for d in c.destinations}) > 1]
    return ReportTable(
        "Destinations of a run that do not have the same payload",
        ("run", "calibration", "tag", "payload", "LS"),
        tuple(
            (str(c.run), c.calibration, d.tag, d.harvest or "none", str(d.lumis))
            for c in differing[-CAMPAIGNS_SHOWN:]
            for d in c.destinations
        ),
        names=4,
    )


def span(seconds: float | None) -> str:
    """Say how long a time is, to two or three digits; nothing if it is not known.

    >>> span(26.4), span(0.26), span(0.0), span(754.0), span(25920.0), span(None)
    ('26 s', '0.3 s', '0 s', '12.6 min', '7.2 h', '')
    """
    if seconds is None:
        return ""
    for unit, size in (("h", 3600), ("min", 60)):
        if abs(seconds) >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s" if 0 < abs(seconds) < 9.95 else f"{seconds:.0f} s"


def _share(part: float, whole: float) -> str:
    return f"({part / whole:.0%})" if whole else ""


def _latencies(report: Report) -> ReportTable:
    standard = report.standard
    rows = []
    for c in report.calibrations:
        for of, spread, compared in (
            ("LS end", c.after_ls_end, None),
            ("run end", c.after_run_end, standard.after_run_end),
            ("run start", c.after_run_start, standard.after_run_start),
        ):
            if spread:
                rows.append((c.calibration, of, *_spread(spread), span(compared)))
    return ReportTable(
        "Latency from … to the upload",
        ("calibration", "from", "number", "median", "mean", "90 %", "worst", "standard loop"),
        tuple(rows),
        names=2,
        note="LS end: to the first payload that contains the LS. Run end and start: to the last "
        "payload, of closed campaigns. Standard loop: the Prompt Calibration Loop in 2024, mean.",
    )


def _spread(spread: Spread) -> tuple[str, ...]:
    values = (spread.median, spread.mean, spread.p90, spread.worst)
    return (str(spread.count), *map(span, values))


def _in_window(report: Report) -> ReportTable:
    return ReportTable(
        "Within the window",
        (
            "calibration",
            "campaigns",
            "closed",
            "in time",
            "good LS",
            "in a payload",
            "in time",
            "uploads",
            "no payload",
            "superseded",
            "refused",
        ),
        tuple(_in_window_row(c) for c in report.calibrations),
        note="In time: in the database before the data leave the buffer. Of a payload by "
        "lumisection each LS has its own time, and a campaign is in time if all of its LS are.",
    )


def _in_window_row(c: CalibrationReport) -> tuple[str, ...]:
    return (
        c.calibration,
        str(c.campaigns),
        str(c.closed),
        f"{c.in_window} {_share(c.in_window, c.closed)}".rstrip(),
        str(c.lumis_good),
        str(c.lumis_in_payload),
        f"{c.lumis_in_window} {_share(c.lumis_in_window, c.lumis_good)}".rstrip(),
        *(str(c.payloads.get(outcome, 0)) for outcome in _OUTCOMES),
    )


_OUTCOMES = (
    UploadOutcome.UPLOADED,
    UploadOutcome.NO_PAYLOAD,
    UploadOutcome.SUPERSEDED,
    UploadOutcome.REFUSED,
)


def _parts(report: Report) -> ReportTable:
    having = [c for c in report.calibrations if c.after_ls_end]
    totals = [sum(c.parts.values()) for c in having]
    rows = [
        (
            PART_WORDS[part],
            *(
                f"{span(c.parts[part])} {_share(c.parts[part], total):>6}"
                for c, total in zip(having, totals, strict=True)
            ),
        )
        for part in Part
        if any(c.parts[part] for c in having)
    ]
    if rows:
        rows.append(("total", *(f"{span(total)} (100%)" for total in totals)))
    return ReportTable(
        "Where the time goes, from LS end to upload",
        ("mean", *(c.calibration for c in having)),
        tuple(rows),
        note="Between nodes: DAGMan, its scripts, and waiting for other nodes of the DAG.",
    )


def _nodes(report: Report) -> ReportTable:
    return ReportTable(
        "Jobs",
        (
            "calibration",
            "node",
            "jobs",
            "retries",
            "failed",
            "held",
            "CPU",
            "wall",
            "CPU/wall",
            "memory: median",
            "worst",
            "asked",
            "worst/asked",
        ),
        tuple(
            (name, *_node(kind))
            for name, nodes in (
                *((s.stream, s.nodes) for s in report.streams),
                *((c.calibration, c.nodes) for c in report.calibrations),
            )
            for kind in nodes
        ),
        names=2,
        note="CPU/wall: of one core. Memory: MB." + _shared_nodes(report),
    )


def _shared_nodes(report: Report) -> str:
    """Say whose the nodes of streams are."""
    told = (f" {s.stream}: for {', '.join(s.calibrations)}." for s in report.streams)
    return "".join(told)


def _node(kind: KindReport) -> tuple[str, ...]:
    used, asked = kind.memory_used, kind.memory_asked
    counts = (kind.jobs, kind.retries, kind.failed, kind.holds)
    return (
        str(kind.kind),
        *map(str, counts),
        span(kind.cpu_hours * 3600),
        span(kind.wall_hours * 3600),
        "" if kind.efficiency is None else f"{kind.efficiency:.0%}",
        *_memory(used, asked),
    )


def _memory(used: Spread | None, asked: Spread | None) -> Iterator[str]:
    if used is None or asked is None:
        yield from ("", "", "", "")
        return
    yield from (f"{used.median:.0f}", f"{used.worst:.0f}", f"{asked.median:.0f}")
    yield f"{used.worst / asked.median:.0%}" if asked.median else ""


def _campaigns(report: Report) -> ReportTable:
    shown, left = report.campaigns[-CAMPAIGNS_SHOWN:], len(report.campaigns) - CAMPAIGNS_SHOWN
    return ReportTable(
        "Campaigns" if left <= 0 else f"The last {CAMPAIGNS_SHOWN} campaigns",
        (
            "run",
            "calibration",
            "state",
            "LS end: median",
            "worst",
            "run end",
            "run start",
            "window",
            "good LS",
            "in a payload",
            "uploads",
        ),
        tuple(map(_campaign, shown)),
        names=3,
        note="" if left <= 0 else f"{left} older ones are in the CSV and JSON formats.",
    )


def _campaign(c: CampaignReport) -> tuple[str, ...]:
    delays = c.after_ls_end
    uploads = c.payloads.get(UploadOutcome.UPLOADED, 0)
    return (
        str(c.run),
        c.calibration,
        str(c.state),
        *((span(delays.median), span(delays.worst)) if delays else ("", "")),
        span(c.after_run_end),
        span(c.after_run_start),
        "in time" if c.in_window else "late" if uploads else "",
        str(c.lumis_good),
        str(c.lumis_in_payload),
        str(uploads),
    )
