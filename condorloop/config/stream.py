"""A stream: RAW files below one path, with one recipe for RECO and ALCA.

Knows the keys of `step_2_config` and `step_3_config`, their types and defaults; opens no file.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AliasChoices, Field, PositiveInt, StringConstraints, model_validator

from condorloop.config.fields import FileName, Line, Name, Section
from condorloop.config.run_selection import RunSelection
from condorloop.config.tuning import Standing
from condorloop.model.enums import NodeKind

STREAM_NODES = (NodeKind.RECO, NodeKind.ALCA)
"""The kinds of nodes that a stream configures; its calibrations configure the others."""


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


class Stream(Standing):
    """What calibrations that read the same RAW files share: RECO and ALCA."""

    name: Name = Field(alias="stream_name")
    """The stream's name in commands, logs and paths; no calibration has it."""
    file_in_path: Annotated[str, StringConstraints(pattern=r"^/.*[^/]/+000/*$")]
    """The folder on EOS of a stream's RAW files, down to the `000/` above the run's digits."""
    reco: RecoStep = Field(alias="step_2_config")
    """Which runs to latch, and how RAW becomes RECO."""
    alca: AlcaStep = Field(alias="step_3_config")
    """How RECO becomes ALCARECO."""

    @model_validator(mode="after")
    def _reco_names_agree(self) -> Self:
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
        return self

    @model_validator(mode="after")
    def _memory_cap_is_no_less_than_the_default(self) -> Self:
        self.check_memory_caps()
        return self

    def default_cores(self, kind: NodeKind) -> int:
        """How many cores a job asks for if `nodes` says nothing."""
        return self.reco.threads if kind in STREAM_NODES else 1

    @property
    def raw_path(self) -> str:
        """The folder on EOS below which the run folders are, without the final ``000/``."""
        return self.file_in_path.rstrip("/").removesuffix("000").rstrip("/")

    @property
    def reco_witness_ending(self) -> str:
        """What a RECO output's witness has in place of ``.root``, such as ``_job.txt``."""
        stem = self.alca.root_suffix.removesuffix(".root")
        return self.alca.witness_suffix.removeprefix(stem)
