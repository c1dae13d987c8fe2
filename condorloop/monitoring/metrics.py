"""The state of the loop as numbers for Prometheus.

Knows the names and kinds of metrics; knows `Status` and nothing of where it comes from. Labels are
calibrations, streams, services, and the words of states: never runs, files or texts. What several
calibrations share is counted once: it has the label of their stream, and none of a calibration.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from condorloop import __version__
from condorloop.model.campaign import CampaignKey
from condorloop.model.enums import (
    CampaignState,
    DagState,
    FileState,
    NodeState,
    NoPayloadCause,
    UploadOutcome,
)
from condorloop.model.latency import BUCKETS, LatencyPoint
from condorloop.model.lumi_fates import LumiState
from condorloop.model.problem import ProblemKind
from condorloop.model.status import CampaignStatus, ReconstructionStatus, Status

CYCLE_BUCKETS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0, 120.0, 300.0)
"""Seconds that a cycle takes."""

CONFIRMATIONS = ("confirmed", "waiting", "contradicted")
"""What reading a tag back says of an upload."""


@dataclass(slots=True)
class _Histogram:
    """Durations that were counted so far, by bucket."""

    bounds: tuple[float, ...]
    counts: list[int] = field(init=False)
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def buckets(self) -> list[tuple[str, float]]:
        """The counts up to each bound, as Prometheus has them."""
        names = [*map(str, self.bounds), "+Inf"]
        return [(name, float(sum(self.counts[: i + 1]))) for i, name in enumerate(names)]


class Latencies:
    """Lumisections by the time that they took, each counted once, in the order of their uploads.

    Parameters
    ----------
    before
        What an earlier process has counted.
    """

    def __init__(self, before: Iterable[LatencyPoint] = ()) -> None:
        self.of: dict[str, _Histogram] = {}
        self._counted = {CampaignKey(p.calibration, p.run): p for p in before}

    def add(self, points: Iterable[LatencyPoint]) -> None:
        """Count what is new in these points.

        The end of a run moves the ends of its lumisections, and so may count some in other buckets;
        what was counted stays as it was.
        """
        known: dict[CampaignKey, LatencyPoint] = {}
        for point in points:
            key = CampaignKey(point.calibration, point.run)
            histogram = self.of.setdefault(point.calibration, _Histogram(BUCKETS))
            known[key] = point
            before = self._counted.get(key)
            counted = before.counts if before else (0,) * len(point.counts)
            left = point.lumis - (before.lumis if before else 0)
            if left > 0:
                histogram.total += max(0.0, point.total - (before.total if before else 0.0))
            more = [max(0, new - old) for new, old in zip(point.counts, counted, strict=True)]
            for i in reversed(range(len(more))):
                taken = min(more[i], max(left, 0))
                histogram.counts[i] += taken
                left -= taken
        self._counted = known


class Metrics(Collector):
    """What is exported: the numbers of the last status, and counts since the process began.

    Parameters
    ----------
    before
        The last status of an earlier process; what it shows was counted then.
    """

    def __init__(self, before: Status | None = None) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self._cycles = _Histogram(CYCLE_BUCKETS)
        self._latencies = Latencies(before.latencies if before else ())
        self._uploads: Counter[str] = Counter()
        self._uploads_of = {c.key: c.uploads for c in before.campaigns} if before else {}
        self._families: tuple[Metric, ...] = ()
        self.registry.register(self)

    def collect(self) -> Iterable[Metric]:
        """Give what was last taken; called by the threads that serve it."""
        return self._families

    def take(self, status: Status) -> None:
        """Take over the status that a cycle has ended with."""
        took = max(0.0, status.cycle_time)
        self._cycles.counts[bisect_left(CYCLE_BUCKETS, took)] += 1
        self._cycles.total += took
        self._latencies.add(status.latencies)
        for campaign in status.campaigns:
            new = campaign.uploads - self._uploads_of.get(campaign.key, 0)
            self._uploads[campaign.calibration] += max(0, new)
            self._latencies.of.setdefault(campaign.calibration, _Histogram(BUCKETS))
        self._uploads_of = {c.key: c.uploads for c in status.campaigns}
        self._families = (
            *_of_loop(status),
            *_of_services(status),
            *_of_campaigns(status),
            *self._counted(),
        )

    def _counted(self) -> Iterator[Metric]:
        yield HistogramMetricFamily(
            "condorloop_cycle_duration_seconds",
            "What a cycle took",
            buckets=self._cycles.buckets(),
            sum_value=self._cycles.total,
        )
        uploads = CounterMetricFamily(
            "condorloop_uploads", "Payloads that were uploaded", labels=["calibration"]
        )
        for name, count in self._uploads.items():
            uploads.add_metric([name], count)
        yield uploads
        latency = HistogramMetricFamily(
            "condorloop_upload_latency_seconds",
            "From the end of a lumisection to the upload of the first payload with it",
            labels=["calibration"],
        )
        for name, histogram in self._latencies.of.items():
            latency.add_metric([name], histogram.buckets(), histogram.total)
        yield latency


def _of_loop(status: Status) -> Iterator[Metric]:
    yield _gauge(
        "condorloop_info", "Which condorloop runs where", ["site", "version"],
        {(status.site, __version__): 1},
    )  # fmt: skip
    yield _number("condorloop_last_cycle_time_seconds", "When the last cycle began", status.time)
    yield _number(
        "condorloop_poll_interval_seconds", "The time between two cycles", status.poll_interval
    )
    problems = Counter(str(problem.kind) for problem in status.problems)
    yield _gauge(
        "condorloop_problems", "What is wrong, by kind", ["kind"],
        {(kind,): problems[kind] for kind in ProblemKind},
    )  # fmt: skip
    if status.disk_free is not None:
        yield _number(
            "condorloop_disk_free_bytes", "What is free on the work_dir's disk", status.disk_free
        )
    if status.ticket_ends is not None:
        yield _number(
            "condorloop_ticket_end_time_seconds",
            "When the Kerberos ticket ends",
            status.ticket_ends,
        )


def _of_services(status: Status) -> Iterator[Metric]:
    yield _gauge(
        "condorloop_service_up", "0 while a service gives no answer", ["service"],
        {(s.name,): float(not s.error) for s in status.services},
    )  # fmt: skip
    yield _gauge(
        "condorloop_service_last_answer_time_seconds", "When a service last gave a good answer",
        ["service"],
        {(s.name,): s.answered_at for s in status.services if s.answered_at is not None},
    )  # fmt: skip


_Owner = tuple[str, str]
"""Whose a number is: of a calibration, with the stream that it shares, or of such a stream alone.

What does not apply is empty, and no label.
"""

_OWNER = ["calibration", "stream"]


def _owner(campaign: CampaignStatus) -> _Owner:
    return campaign.calibration, campaign.stream if campaign.shares else ""


_Words = type[StrEnum] | tuple[str, ...]
_Count = Callable[[CampaignStatus], Mapping[str, int]]
_OwnCount = Callable[[CampaignStatus], Mapping[str, int] | None]
_SharedCount = Callable[[ReconstructionStatus], Mapping[str, int]]

_COUNTED: tuple[tuple[str, str, _Words, _Count], ...] = (
    ("campaigns", "Campaigns by state", CampaignState, lambda c: {c.state: 1}),
    (
        "lumisections", "Lumisections by what became of them", LumiState,
        lambda c: {state: len(lumis) for state, lumis in c.fates.items()},
    ),
    (
        "last_uploads", "Campaigns by the outcome of their last upload", UploadOutcome,
        lambda c: {c.last_outcome: 1} if c.last_outcome else {},
    ),
    (
        "payloads_unsent", "Campaigns by what keeps their best payload from being sent",
        ("pending", "person", "gate", "rejected", "restored"),
        lambda c: {u.held_for or u.outcome: 1 for u in c.unsent[-1:]},
    ),
)  # fmt: skip
"""What is counted of campaigns."""

_COUNTED_ONCE: tuple[tuple[str, str, _Words, _OwnCount, _SharedCount], ...] = (
    ("dags", "DAGs by state", DagState, lambda c: c.dags, lambda r: r.dags),
    (
        "jobs", "Node jobs in the queue by state", ("idle", "running", "held"),
        lambda c: c.jobs, lambda r: r.jobs,
    ),
    (
        "files", "RAW files by state", FileState,
        lambda c: None if c.shares else c.files, lambda r: r.files,
    ),
)  # fmt: skip
"""What is counted of campaigns, and once of what those share that share a stream."""


def _states(
    what: str, said: str, states: _Words, counts: Iterable[tuple[_Owner, Mapping[str, int]]]
) -> Metric:
    found: dict[_Owner, Counter[str]] = {}
    for owner, numbers in counts:
        found.setdefault(owner, Counter()).update({str(s): n for s, n in numbers.items()})
    return _gauge(
        f"condorloop_{what}", said, [*_OWNER, "state"],
        {(*owner, str(s)): n[str(s)] for owner, n in sorted(found.items()) for s in states},
    )  # fmt: skip


def _of_campaigns(status: Status) -> Iterator[Metric]:
    """Count over the campaigns that the status shows: open ones, and those inside the window."""
    owners = {campaign.calibration: _owner(campaign) for campaign in status.campaigns}
    names = sorted(owners)
    for what, said, states, count in _COUNTED:
        yield _states(what, said, states, ((_owner(c), count(c)) for c in status.campaigns))
    for what, said, states, own, shared in _COUNTED_ONCE:
        mine = [(_owner(c), n) for c in status.campaigns if (n := own(c)) is not None]
        theirs = [(("", r.stream), shared(r)) for r in status.reconstructions]
        yield _states(what, said, states, [*mine, *theirs])
    if status.reconstructions:
        yield _gauge(
        "condorloop_stream_nodes", "RECO and ALCA nodes of streams that calibrations share",
        ["stream", "kind", "state"], _shared_nodes(status.reconstructions),
    )  # fmt: skip
    missed = Counter(each.calibration for each in status.missed_runs)
    configured = {each.calibration for each in status.destinations}
    yield _gauge(
        "condorloop_runs_not_latched",
        "Runs inside the window that should have been latched, and were not",
        ["calibration"],
        {(name,): missed[name] for name in sorted({*names, *configured, *missed})},
    )
    closed = [c for c in status.campaigns if c.no_payload and not c.state.open]
    without = Counter((c.calibration, c.no_payload.cause) for c in closed if c.no_payload)
    yield _gauge(
        "condorloop_campaigns_without_payload",
        "Closed campaigns whose last harvest made no payload, by cause",
        ["calibration", "cause"],
        {(name, str(c)): without[name, c] for name in names for c in NoPayloadCause},
    )
    if status.confirm_within is not None:
        yield from _of_confirmations(status, names)
    yield _latest(
        "condorloop_last_upload_time_seconds", "When a payload was last uploaded",
        ((c.calibration, c.last_upload_at) for c in status.campaigns), max,
    )  # fmt: skip
    streams = {(each.stream, ("", each.stream)) for each in status.reconstructions}
    yield _gauge(
        "condorloop_jobs_waiting_seconds",
        "How long the first job waits of those that do not start; 0 if jobs start",
        _OWNER,
        {
            owner: status.time - status.waiting.get(name, status.time)
            for name, owner in sorted(owners.items() | streams)
        },
    )
    unfinished = [c for c in status.campaigns if c.state.open]
    yield _latest(
        "condorloop_window_end_time_seconds",
        "When the first LS of an open campaign leaves the buffer that is not in its payload",
        ((c.calibration, c.serve_by) for c in unfinished), min,
    )  # fmt: skip


def _shared_nodes(
    reconstructions: Iterable[ReconstructionStatus],
) -> dict[tuple[str, ...], float]:
    found: Counter[tuple[str, ...]] = Counter()
    for each in reconstructions:
        for kind, states in each.nodes.items():
            for state in NodeState:
                found[each.stream, kind, state] += states.get(state, 0)
    return dict(found)


def _of_confirmations(status: Status, names: Iterable[str]) -> Iterator[Metric]:
    """Count what reading back says of the last upload of each campaign to each tag."""
    found: Counter[tuple[str, str]] = Counter()
    oldest: dict[str, float] = {}
    for campaign in status.campaigns:
        name = campaign.calibration
        waiting = [t for w, t in campaign.unconfirmed.items() if w not in campaign.contradictions]
        found[name, "confirmed"] += campaign.confirmed
        found[name, "waiting"] += len(waiting)
        found[name, "contradicted"] += len(campaign.contradictions)
        oldest[name] = min([oldest.get(name, status.time), *waiting])
    yield _gauge(
        "condorloop_confirmations",
        "Last uploads of campaigns to their tags, by what reading the tag back says",
        ["calibration", "state"],
        {(name, state): found[name, state] for name in names for state in CONFIRMATIONS},
    )
    yield _gauge(
        "condorloop_unconfirmed_seconds",
        "How long the first upload waits of those that their tag does not show; 0 if none does",
        ["calibration"],
        {(name,): max(0.0, status.time - oldest[name]) for name in names},
    )


def _latest(
    name: str,
    said: str,
    times: Iterable[tuple[str, float | None]],
    which: Callable[[float, float], float],
) -> Metric:
    found: dict[tuple[str, ...], float] = {}
    for calibration, time in times:
        if time is not None:
            found[calibration,] = which(found.get((calibration,), time), time)
    return _gauge(name, said, ["calibration"], found)


def _number(name: str, said: str, value: float) -> Metric:
    return GaugeMetricFamily(name, said, value=value)


def _gauge(
    name: str, said: str, labels: list[str], values: Mapping[tuple[str, ...], float]
) -> Metric:
    family = GaugeMetricFamily(name, said, labels=labels)
    for label, value in values.items():
        known = {name: word for name, word in zip(labels, label, strict=True) if word}
        family.add_sample(name, known, value)
    return family
