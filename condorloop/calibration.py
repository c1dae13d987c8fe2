"""A calibration: its YAML file, with the keys of the earlier loops and condorloop's own.

Knows the keys, their types and defaults; opens no file.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AliasChoices, Field, PositiveInt, StringConstraints, model_validator

from condorloop.fields import FileName, Line, Seconds, Section
from condorloop.model import NodeKind


class RecoStep(Section):
    """`step_2_config`: which runs to latch, and how RAW becomes RECO."""

    filltype: str
    l1hltmode: str
    min_ls: PositiveInt = Field(50, alias="minLsToProcess")
    stable_beam: bool = False
    step: Line
    proc_modifier: Line | None = Field(None, alias="procModifier")
    scenario: Line
    datatier: Line
    eventcontent: Line
    process: Line
    era: Line
    threads: PositiveInt = Field(
        8, alias="nThreads", validation_alias=AliasChoices("nThreads", "nThraeds")
    )
    streams: PositiveInt = Field(8, alias="nStreams")
    affix: FileName = Field(alias="output_filename_affix")


class AlcaDriver(Section):
    """`step_3_config.cms_driver`: the cmsDriver.py call that makes ALCARECO from RECO."""

    step: Line
    python_affix: FileName = Field(alias="python_filename_affix")
    trigger_results_process: Line = Field(alias="triggerResultsProcess")
    witness: FileName = Field(alias="step_3_witness_suffix")
    cleanup_command: str = ""
    config_mods: tuple[Line, ...] = Field((), alias="python_config_mods")


class AlcaStep(Section):
    """`step_3_config`: how RECO becomes ALCARECO."""

    root_suffix: FileName = Field(alias="step_2_root_suffix")
    witness_suffix: FileName = Field(alias="step_2_witness_suffix")
    cms_driver: AlcaDriver


class HarvestDriver(Section):
    """`step_4_config.cms_driver`: the cmsDriver.py call that harvests."""

    step: Line
    scenario: Line
    python_affix: FileName = Field(alias="python_filename_affix")
    config_mods: tuple[Line, ...] = Field((), alias="python_config_mods")


class UploadMetadata(Section):
    """`step_4_config.upload_metadata`: what uploadConditions.py is told.

    `since` is ours: ``run`` gives the payload the run number as its since, ``iov`` leaves each
    IOV its own. Without it a harvest step whose name ends in ``ByLumi`` means ``iov``.
    """

    database: Line = Field(alias="destinationDatabase")
    tags: dict[str, dict[str, Any]] = Field(alias="destinationTags", min_length=1)
    input_tag: Line = Field(alias="inputTag")
    user_text: str = Field(alias="userText")
    since: Literal["run", "iov"] | None = None


class HarvestStep(Section):
    """`step_4_config`: how ALCARECO becomes a payload, and where that goes."""

    witness: FileName = Field(alias="step_3_witness_suffix")
    root_filename: FileName = Field(alias="step_3_root_filename")
    cmssw_base_path: str | None = None
    cms_driver: HarvestDriver
    upload: UploadMetadata = Field(alias="upload_metadata")
    metadata_filename: FileName
    final_db_name: FileName


class Batching(Section):
    """When new files become a DAG, and how they are spread over its nodes."""

    max_files_per_job: PositiveInt = 5
    reco_per_alca: PositiveInt = 4
    batch_window: Seconds = 60.0
    max_active_dags: PositiveInt = 4

    @property
    def full_dag(self) -> int:
        """How many files fill one ALCA node."""
        return self.max_files_per_job * self.reco_per_alca


class Closing(Section):
    """When a campaign is over."""

    quiet_time: Seconds = 60.0
    settle_time: Seconds = 1800.0
    buffer: Seconds = 8 * 3600.0
    tolerance: Annotated[float, Field(ge=0, le=1)] = 0.04


class Rescues(Section):
    """How often a failed DAG is run again from its rescue file; the wait doubles each time."""

    max_rescues: Annotated[int, Field(ge=0)] = 3
    wait: Seconds = 120.0


class Resources(Section):
    """What the jobs of one node kind ask of the pool; `submit` lines go in as they are.

    A job that runs longer than `time_limit` is held, and only a person releases it.
    """

    request_cpus: PositiveInt | None = None
    request_memory_mb: PositiveInt | None = None
    max_memory_mb: PositiveInt | None = None
    request_disk_mb: PositiveInt | None = None
    retries: Annotated[int, Field(ge=0)] | None = None
    time_limit: Annotated[Seconds, Field(gt=0)] | None = None
    submit: tuple[Line, ...] = ()

    @model_validator(mode="after")
    def _cap_is_no_less(self) -> Self:
        asked, most = self.request_memory_mb, self.max_memory_mb
        if asked is not None and most is not None and most < asked:
            raise ValueError(
                f"max_memory_mb {most} must not be less than request_memory_mb {asked}"
            )
        return self


class Holds(Section):
    """How often a job that HTCondor put on hold is released; the wait doubles each time.

    A person's hold, one for more memory than `max_memory_mb`, and one for the time limit stay.
    """

    releases: Annotated[int, Field(ge=0)] = 3
    wait: Seconds = 60.0


class Uploads(Section):
    """How often an upload that failed is tried again; the wait doubles up to `longest_wait`.

    An upload that got no answer is tried as long as the campaign's window is open.
    """

    retries: Annotated[int, Field(ge=0)] = 5
    wait: Seconds = 60.0
    longest_wait: Seconds = 600.0


class Tuning(Section):
    """The optional sections that are condorloop's own, of a calibration or of a whole site."""

    batching: Batching = Batching()
    closing: Closing = Closing()
    rescues: Rescues = Rescues()
    holds: Holds = Holds()
    uploads: Uploads = Uploads()
    nodes: dict[NodeKind, Resources] = Field(default_factory=dict)


class Calibration(Tuning):
    """One calibration: a file of `calibrationYAML/`, with the 2025 and 2026 loops' keys."""

    name: FileName = Field(alias="calibration_name")
    file_in_path: Annotated[str, StringConstraints(pattern=r"^/.*[^/]/+000/*$")]
    reco: RecoStep = Field(alias="step_2_config")
    alca: AlcaStep = Field(alias="step_3_config")
    harvest: HarvestStep = Field(alias="step_4_config")

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
    def since_is_run(self) -> bool:
        """Whether a payload's since is the run number; else each IOV keeps its own."""
        if self.harvest.upload.since is not None:
            return self.harvest.upload.since == "run"
        return not self.harvest.cms_driver.step.endswith("ByLumi")
