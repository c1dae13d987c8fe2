"""The report as data: what latencies, times and resources came to, by calibration and campaign.

Knows the fields of a report and its JSON; computes nothing but how values spread. Durations are
seconds, times seconds since the epoch, memory is in MB.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import Field, TypeAdapter

from condorloop.model.enums import CampaignState, NodeKind, UploadOutcome
from condorloop.reports.time_breakdown import Part


@dataclass(frozen=True, slots=True)
class Standard:
    """The standard Prompt Calibration Loop in 2024, mean over its workflows."""

    after_run_end: float = 7.2 * 3600
    after_run_start: float = 10.9 * 3600
    job_done_after_run_end: float = 5.2 * 3600
    upload_after_job_done: float = 2.0 * 3600


STANDARD = Standard()


@dataclass(frozen=True, slots=True)
class Spread:
    """How many values there are, and how they spread; `p90` is what 90 % of them do not exceed."""

    count: int
    median: float
    mean: float
    p90: float
    worst: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self | None:
        """Sum up values; None if there are none.

        >>> Spread.of([4.0, 1.0, 2.0, 3.0])
        Spread(count=4, median=2.5, mean=2.5, p90=4.0, worst=4.0)
        """
        if not values:
            return None
        ordered = sorted(values)
        return cls(
            count=len(ordered),
            median=statistics.median(ordered),
            mean=statistics.fmean(ordered),
            p90=ordered[-(-9 * len(ordered) // 10) - 1],
            worst=ordered[-1],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class KindReport:
    """What the nodes of a kind used.

    `jobs` counts every job, `retries` those beyond a node's first, `failed` those with an exit code
    other than 0, `holds` how often one was put on hold. `efficiency` is CPU time by wall time, of
    one core; None if nothing ran to its end.
    """

    kind: NodeKind
    nodes: int
    jobs: int
    retries: int
    failed: int
    removed: int
    holds: int
    cpu_hours: float
    wall_hours: float
    efficiency: float | None
    memory_used: Spread | None
    memory_asked: Spread | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationReport:
    """Which payload of a campaign is in force in a destination, and of how many LS.

    `harvest` is empty where none is; database and tag are where the ledger does not tell them.
    """

    database: str
    tag: str
    harvest: str
    lumis: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignReport:
    """What one campaign came to.

    `by_lumi` says that its payload has IOVs by lumisection. `in_window` tells whether its last
    payload was in the database before its data left the buffer, or, by lumisection, whether each
    one was served before it left. `lumis_in_window` are how many lumisections were in time;
    `after_run_start` and `after_run_end` tell when the last payload was uploaded, of a run that has
    ended; `parts` has the mean of each part of a lumisection's way. `destinations` has what is in
    force in each, as the uploads tell.
    """

    calibration: str
    run: int
    fill: int | None
    state: CampaignState
    run_start: float
    run_end: float | None
    by_lumi: bool = False
    window_ends: float
    in_window: bool
    lumis_good: int
    lumis_in_payload: int
    lumis_in_window: int
    payloads: Mapping[UploadOutcome, int]
    last_upload_at: float | None
    after_run_start: float | None
    after_run_end: float | None
    after_ls_end: Spread | None
    parts: Mapping[Part, float]
    jobs: int
    retries: int
    failed: int
    cpu_hours: float
    wall_hours: float
    destinations: tuple[DestinationReport, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationReport:
    """What the campaigns of one calibration came to.

    Only the `closed` ones count in `after_run_end`, in `after_run_start`, and in `in_window`: how
    many had their last payload in the database before their data left the buffer. `delays` are
    what `after_ls_end` sums up.
    """

    calibration: str
    campaigns: int
    closed: int
    in_window: int
    lumis_good: int
    lumis_in_payload: int
    lumis_in_window: int
    payloads: Mapping[UploadOutcome, int]
    after_ls_end: Spread | None
    after_run_end: Spread | None
    after_run_start: Spread | None
    parts: Mapping[Part, float]
    nodes: tuple[KindReport, ...]
    delays: Annotated[Sequence[float], Field(exclude=True)] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamReport:
    """What RECO and ALCA of a stream came to that these calibrations share.

    `reconstructions` are how many runs of it there are. The nodes are counted here alone, and not
    with the calibrations.
    """

    stream: str
    calibrations: tuple[str, ...]
    reconstructions: int
    nodes: tuple[KindReport, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantityReport:
    """How a quantity of a payload is spread over channels, or over IOVs; of a set, its size."""

    name: str
    unit: str
    count: int
    mean: float
    spread: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstantsReport:
    """What the constants of a campaign's last uploaded payload are like.

    `unread` says why they are not known; empty if they are. `tags` are the destination tags that
    have this payload, where others have another one; empty if all have it.
    """

    calibration: str
    run: int
    run_start: float
    harvest: str = ""
    quantities: tuple[QuantityReport, ...] = ()
    unread: str = ""
    tags: tuple[str, ...] = ()

    @property
    def calibration_and_tags(self) -> str:
        """The calibration, with the tags where there are any."""
        return f"{self.calibration} in {', '.join(self.tags)}" if self.tags else self.calibration


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All of a report, and the figures of the `standard` loop to compare with.

    `constants` are those of each campaign, where they were asked for; `streams` what calibrations
    share.
    It is about the runs that started from `since` on and before `until`, with numbers from
    `first_run` to `last_run`, where those are set.
    """

    schema: Literal[1] = 1
    site: str
    time: float
    since: float | None = None
    until: float | None = None
    first_run: int | None = None
    last_run: int | None = None
    standard: Standard = STANDARD
    calibrations: tuple[CalibrationReport, ...] = ()
    campaigns: tuple[CampaignReport, ...] = ()
    constants: tuple[ConstantsReport, ...] = ()
    streams: tuple[StreamReport, ...] = ()


_ADAPTER: TypeAdapter[Report] = TypeAdapter(Report)


def to_json(report: Report) -> dict[str, Any]:
    """Give a report as a JSON object."""
    data: dict[str, Any] = _ADAPTER.dump_python(report, mode="json")
    return data


def json_schema() -> dict[str, Any]:
    """Give the JSON Schema of a report."""
    return _ADAPTER.json_schema(mode="serialization")
