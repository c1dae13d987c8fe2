"""The optional sections that are condorloop's own: how work is cut, timed, repeated and kept.

Knows the keys, their types and defaults. A site file has defaults for all of its calibrations and
streams, and each of those can say otherwise.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from condorloop.config.fields import Age, FileName, Line, Seconds, Section
from condorloop.config.resources import MB_PER_CORE, Resources
from condorloop.model.enums import NodeKind


class Latching(Section):
    """Which runs are passed over without a word; `step_2_config` says which are latched."""

    ignored_modes: tuple[Line, ...] = ()
    """L1/HLT modes of runs with stable beams that are not latched on purpose: no problem."""


class Batching(Section):
    """When a batch is submitted, and how its files are spread over nodes."""

    max_files_per_job: PositiveInt = 5
    """Maximum number of RAW files per RECO job."""
    events_per_job: PositiveInt | None = None
    """Maximum number of events per RECO job; without it, events do not count. A RAW file with more
    is read by several jobs, each LS by one: a job with one LS can have more events.
    """
    time_per_job: Annotated[Seconds, Field(gt=0)] | None = None
    """How long a RECO job should take; without it, time does not count. Counts once RECO jobs of
    the stream have ended well: their time per event gives the events of a job.
    """
    reco_per_alca: PositiveInt = 4
    """Maximum number of RECO outputs per ALCA job."""
    batch_window: Seconds = 60.0
    """How long the first new file waits for others while DAGs of its campaign are active."""
    max_active_dags: PositiveInt = 4
    """Maximum number of active DAGs per campaign."""

    @property
    def full_dag(self) -> int:
        """How many files fill one ALCA node."""
        return self.max_files_per_job * self.reco_per_alca

    @property
    def full_dag_events(self) -> float:
        """How many events fill one ALCA node, whatever files they are in."""
        return (self.events_per_job or math.inf) * self.reco_per_alca


class Harvesting(Section):
    """When complete ALCARECO are harvested: all of a campaign are read each time.

    Whatever these say, they are harvested at once when no more of the run is to come.
    """

    statistic: Literal["lumisections", "events", "luminosity"] = "lumisections"
    """What is counted: lumisections, events, or the luminosity that OMS says was recorded."""
    growth: Annotated[float, Field(ge=0)] = 0.1
    """Relative growth of the statistic since the last harvest; 0 harvests after every batch."""
    longest_wait: Seconds = 900.0
    """Longest time that a complete ALCARECO waits for its harvest to start."""

    @property
    def counts_luminosity(self) -> bool:
        """Whether OMS is to be asked for luminosity."""
        return self.statistic == "luminosity"


class Closing(Section):
    """When a campaign is over."""

    quiet_time: Seconds = 60.0
    """Time without new files after which a run with all lumisections covered is closed."""
    settle_time: Seconds = 1800.0
    """Time without new files after which any other ended run is closed."""
    buffer: Seconds = 8 * 3600.0
    """Time for which data wait in the buffer: a payload is of use that long after the start of its
    run, and one by lumisection that long after each lumisection.
    """
    tolerance: Annotated[float, Field(ge=0, le=1)] = 0.04
    """Fraction of lumisections that may be missing from a complete campaign."""

    @model_validator(mode="after")
    def _quiet_is_no_longer(self) -> Self:
        if self.quiet_time > self.settle_time:
            raise ValueError(
                f"quiet_time {self.quiet_time:g} s must not be longer than "
                f"settle_time {self.settle_time:g} s"
            )
        return self


class Rescues(Section):
    """How often a failed DAG is run again from its rescue file; the wait doubles each time."""

    max_rescues: Annotated[int, Field(ge=0)] = 3
    """Maximum number of automatic rescues of a DAG."""
    wait: Seconds = 120.0
    """Wait before the first rescue; it doubles each time."""


class Holds(Section):
    """How often a job held by HTCondor is released; the wait doubles each time.

    A person's hold, one for more memory than `max_memory_mb`, and one for the time limit stay.
    """

    releases: Annotated[int, Field(ge=0)] = 3
    """Maximum number of automatic releases of a job."""
    wait: Seconds = 60.0
    """Wait before the first release; it doubles each time."""


class Uploads(Section):
    """How often an upload that failed is tried again; the wait doubles up to `longest_wait`.

    An upload that got no answer is tried as long as the campaign's window is open.
    """

    retries: Annotated[int, Field(ge=0)] = 5
    """Maximum number of automatic retries of a failed upload."""
    wait: Seconds = 60.0
    """Wait before the first retry; it doubles each time."""
    longest_wait: Seconds = 600.0
    """Longest wait between two retries."""
    order_wait: Seconds = 8 * 3600.0
    """How long a payload waits for older runs, if its tag can only be appended to. An older run
    that comes later is not uploaded to it any more.
    """


class Retention(Section):
    """How long files of a campaign are kept after it was closed; for ever if not given.

    Files of a campaign that is open or inside its window are kept, and so are files that a queued
    DAG reads. Payloads, upload records, witnesses and manifests stay as long as the run directory.
    Of what calibrations share, the longest of their times counts, after the last campaign was
    closed, and the run directory of the stream is deleted with the last of theirs.
    """

    reco: Age | None = None
    """RECO files whose lumisections are all in an uploaded payload; in a shared stream, RECO files
    whose ALCARECO is complete.
    """
    alcareco: Age | None = None
    """ALCARECO files; without them nothing can be harvested again."""
    logs: Age | None = None
    """What jobs printed, their configurations and job reports."""
    dags: Age | None = None
    """Directories of DAGs, except manifests, descriptions and results; without them no node can
    run again.
    """
    runs: Age | None = None
    """The whole run directory, with its payloads."""


class Tuning(Section):
    """The optional sections that are condorloop's own, of a calibration or of a whole site."""

    latching: Latching = Latching()
    """Which runs are passed over without a word."""
    batching: Batching = Batching()
    """When a batch is submitted, and how its files are spread over nodes."""
    harvesting: Harvesting = Harvesting()
    """When complete ALCARECO are harvested."""
    closing: Closing = Closing()
    """When a campaign is over."""
    rescues: Rescues = Rescues()
    """How often a failed DAG is run again."""
    holds: Holds = Holds()
    """How often a held job is released."""
    uploads: Uploads = Uploads()
    """How often a failed upload is tried again."""
    retention: Retention = Retention()
    """How long files of a closed campaign are kept."""
    nodes: dict[NodeKind, Resources] = Field(default_factory=dict)
    """What the jobs ask of the pool, by node kind: RECO, ALCA, HARVEST, UPLOAD."""

    @model_validator(mode="after")
    def _upload_asks_for_no_machine(self) -> Self:
        upload = self.nodes.get(NodeKind.UPLOAD)
        if upload and (asked := upload.needs_a_machine):
            raise ValueError(
                f"nodes.UPLOAD: without {', '.join(asked)}: it always runs on the access point"
            )
        return self

    def default_cores(self, kind: NodeKind) -> int:
        """How many cores a job asks for if `nodes` says nothing."""
        return 1

    def cores(self, kind: NodeKind) -> int:
        """How many cores a job asks for."""
        return self.nodes.get(kind, Resources()).request_cpus or self.default_cores(kind)

    def check_memory_caps(self) -> None:
        """Refuse a cap that is below what a job asks for from the start.

        Raises
        ------
        ValueError
            A cap is.
        """
        for kind, asked in self.nodes.items():
            request = asked.request_memory_mb or self.cores(kind) * MB_PER_CORE
            most = asked.max_memory_mb
            if most is not None and most < request:
                raise ValueError(
                    f"nodes.{kind}.max_memory_mb {most} must not be less than the request: "
                    f"without request_memory_mb it is {request}"
                )


class Standing(Tuning):
    """What a calibration or a stream is among the others, where not all can be served at once."""

    priority: int = 0
    """What is higher goes first: its DAGs where there is no room for all, and its jobs, to whose
    own priorities it is added. A calibration that says nothing has that of its stream.
    """
    accounting_group: FileName | None = None
    """The accounting group of its jobs, such as `group_ngt.prompt`; that of the site, if not given,
    and first that of its stream, if it shares one.
    """
    accounting_group_user: FileName | None = None
    """User in the accounting group; as `accounting_group`, if not given."""
