"""A calibration: its YAML file, with the keys of the earlier loops and condorloop's own.

Knows the keys, their types and defaults; opens no file.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AliasChoices, Field, PositiveInt, StringConstraints, model_validator

from condorloop.config.fields import Age, FileName, Line, Name, Seconds, Section
from condorloop.config.gate import Gate
from condorloop.config.harvest_step import HarvestStep, UploadMetadata
from condorloop.config.resources import DEFAULT_TIME_LIMIT, MB_PER_CORE, Resources
from condorloop.config.run_selection import RunSelection
from condorloop.model.enums import NodeKind


class RecoStep(RunSelection):
    """`step_2_config`: which runs to latch, and how RAW becomes RECO."""

    step: Line
    """The steps of RECO: cmsDriver's `-s`."""
    proc_modifier: Line | None = Field(None, alias="procModifier")
    """A process modifier of RECO: cmsDriver's `--procModifier`."""
    scenario: Line
    """The scenario of RECO: cmsDriver's `--scenario`."""
    datatier: Line
    """The data tier of RECO: cmsDriver's `--datatier`."""
    eventcontent: Line
    """The event content of RECO: cmsDriver's `--eventcontent`."""
    process: Line
    """The process name of RECO: cmsDriver's `--process`."""
    era: Line
    """The era of RECO: cmsDriver's `--era`."""
    threads: PositiveInt = Field(
        8, alias="nThreads", validation_alias=AliasChoices("nThreads", "nThraeds")
    )
    """Threads of a RECO or ALCA job, and the cores it asks for if `nodes` says nothing else."""
    streams: PositiveInt = Field(8, alias="nStreams")
    """Streams of a RECO or ALCA job: cmsDriver's `--nStreams`."""
    affix: FileName = Field(alias="output_filename_affix")
    """Suffix of the RECO files' names, before `.root`."""
    customise: tuple[Line, ...] = ()
    """Functions that change the job's configuration: cmsDriver's `--customise`."""
    config_mods: tuple[Line, ...] = Field((), alias="python_config_mods")
    """Lines appended verbatim to the job's configuration."""


class AlcaDriver(Section):
    """`step_3_config.cms_driver`: the cmsDriver.py call that makes ALCARECO from RECO."""

    step: Line
    """The steps of ALCA: cmsDriver's `-s`."""
    python_affix: FileName = Field(alias="python_filename_affix")
    """Suffix of the job configuration's name, between `run<N>` and `.py`."""
    trigger_results_process: Line = Field(alias="triggerResultsProcess")
    """The process whose trigger results ALCA reads: cmsDriver's option of that name."""
    witness: FileName = Field(alias="step_3_witness_suffix")
    """Name of the file that marks a complete ALCARECO."""
    cleanup_command: str = ""
    """Shell lines that the job runs last, in its output folder."""
    customise: tuple[Line, ...] = ()
    """Functions that change the job's configuration: cmsDriver's `--customise`."""
    config_mods: tuple[Line, ...] = Field((), alias="python_config_mods")
    """Lines appended verbatim to the job's configuration."""


class AlcaStep(Section):
    """`step_3_config`: how RECO becomes ALCARECO."""

    root_suffix: FileName = Field(alias="step_2_root_suffix")
    """Suffix of the RECO files' names; `output_filename_affix` with `.root` must end with it."""
    witness_suffix: FileName = Field(alias="step_2_witness_suffix")
    """Suffix of the names of the files that mark complete RECO files."""
    cms_driver: AlcaDriver
    """The call of cmsDriver.py."""


class Latching(Section):
    """Which runs are passed over without a word; `step_2_config` says which are latched."""

    ignored_modes: tuple[Line, ...] = ()
    """L1/HLT modes of runs with stable beams that are not latched on purpose: no problem."""


class Batching(Section):
    """When a batch is submitted, and how its files are spread over nodes."""

    max_files_per_job: PositiveInt = 5
    """Maximum number of RAW files per RECO job."""
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
    """

    reco: Age | None = None
    """RECO files whose lumisections are all in an uploaded payload."""
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


class PayloadReader(Section):
    """The command that reads payload files: those of CMSSW's classes, CMSSW alone can read.

    It runs in the CMSSW environment and prints a JSON object; docs/payloads.md has its form.
    """

    command: Annotated[tuple[Line, ...], Field(min_length=1)]
    """The command and its arguments. `{file}` stands for the payload file, `{tag}` for the tag in
    it, `{hash}` for one payload of the tag (empty: all). Without `{file}`, file and tag are added.
    """
    timeout: Annotated[Seconds, Field(gt=0)] = 120.0
    """Time-out of reading one tag."""


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


class Calibration(Tuning):
    """One calibration: a file of `calibrationYAML/`, with the 2025 and 2026 loops' keys."""

    name: Name = Field(alias="calibration_name")
    """The calibration's name in commands, logs and paths; no two files of a folder share one."""
    file_in_path: Annotated[str, StringConstraints(pattern=r"^/.*[^/]/+000/*$")]
    """The folder on EOS of a stream's RAW files, down to the `000/` above the run's digits."""
    reco: RecoStep = Field(alias="step_2_config")
    """Which runs to latch, and how RAW becomes RECO."""
    alca: AlcaStep = Field(alias="step_3_config")
    """How RECO becomes ALCARECO."""
    harvest: HarvestStep = Field(alias="step_4_config")
    """How ALCARECO becomes a payload, and where that goes."""
    payload_reader: PayloadReader | None = None
    """The command that reads payloads; without it, payloads cannot be compared or drawn."""
    gate: Gate | None = None
    """What is asked before a payload is uploaded; without it, every payload is."""

    @model_validator(mode="after")
    def _gate_can_read(self) -> Self:
        if self.gate and self.gate.needs_reader and self.payload_reader is None:
            raise ValueError("gate: limits of quantities and sets need payload_reader")
        return self

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        if not f"{self.reco.affix}.root".endswith(self.alca.root_suffix):
            raise ValueError(
                f"step_3_config.step_2_root_suffix {self.alca.root_suffix!r} must be the end of "
                f"what step_2_config.output_filename_affix makes, {self.reco.affix + '.root'!r}"
            )
        stem = self.alca.root_suffix.removesuffix(".root")
        if not self.alca.witness_suffix.startswith(stem):
            raise ValueError(
                f"step_3_config.step_2_witness_suffix {self.alca.witness_suffix!r} must begin "
                f"with {stem!r}, as step_2_root_suffix does"
            )
        if self.harvest.witness != self.alca.cms_driver.witness:
            raise ValueError(
                f"step_4_config.step_3_witness_suffix {self.harvest.witness!r} must equal "
                f"step_3_config.cms_driver.step_3_witness_suffix "
                f"{self.alca.cms_driver.witness!r}"
            )
        return self

    @model_validator(mode="after")
    def _memory_cap_is_no_less_than_the_default(self) -> Self:
        for kind, asked in self.nodes.items():
            cores = asked.request_cpus or self.default_cores(kind)
            most, request = asked.max_memory_mb, asked.request_memory_mb or cores * MB_PER_CORE
            if most is not None and most < request:
                raise ValueError(
                    f"nodes.{kind}.max_memory_mb {most} must not be less than the request: "
                    f"without request_memory_mb it is {request}"
                )
        return self

    def default_cores(self, kind: NodeKind) -> int:
        """How many cores a job asks for if `nodes` says nothing."""
        return self.reco.threads if kind in (NodeKind.RECO, NodeKind.ALCA) else 1

    @property
    def upload_limit(self) -> float:
        """How long an UPLOAD may run, in seconds."""
        asked = self.nodes.get(NodeKind.UPLOAD)
        return (asked and asked.time_limit) or DEFAULT_TIME_LIMIT[NodeKind.UPLOAD]

    @property
    def stream_path(self) -> str:
        """The folder on EOS below which the run folders are, without the final ``000/``."""
        return self.file_in_path.rstrip("/").removesuffix("000").rstrip("/")

    @property
    def reco_witness_ending(self) -> str:
        """What a RECO output's witness has in place of ``.root``, such as ``_job.txt``."""
        stem = self.alca.root_suffix.removesuffix(".root")
        return self.alca.witness_suffix.removeprefix(stem)

    @property
    def by_lumi(self) -> bool:
        """Whether a record has IOVs by lumisection: each LS then has a window of its own."""
        return not all(map(self.expects_run, self.harvest.records))

    @property
    def since_is_run(self) -> bool:
        """Whether the since of the first record is expected to be the run number."""
        return self.expects_run(self.harvest.records[0])

    def expects_run(self, record: UploadMetadata) -> bool:
        """Whether a record's since is expected to be the run number, before there is a file.

        The time type of its tag in the payload file decides.
        """
        if record.since is not None:
            return record.since == "run"
        return not self.harvest.cms_driver.step.endswith("ByLumi")
