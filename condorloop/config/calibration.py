"""A calibration: its YAML file, with the keys of the earlier loops and condorloop's own.

Knows the keys, their types and defaults; opens no file.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from condorloop.config.composition import Additions
from condorloop.config.fields import Line, Name, Seconds, Section
from condorloop.config.gate import Gate
from condorloop.config.harvest_step import HarvestStep, UploadMetadata
from condorloop.config.resources import DEFAULT_TIME_LIMIT
from condorloop.config.run_selection import RunSelection
from condorloop.config.stream import Stream
from condorloop.config.tuning import Standing
from condorloop.model.enums import NodeKind


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


class Calibration(Standing):
    """One calibration: what its campaigns are made by, from ALCARECO on."""

    name: Name = Field(alias="calibration_name")
    """The calibration's name in commands, logs and paths; no two files of a folder share one."""
    enabled: bool = True
    """Whether it is switched on: what is not has no campaigns, and no part in its stream."""
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
    def _memory_cap_of_its_jobs_is_no_less_than_the_default(self) -> Self:
        self.check_memory_caps()
        return self

    @property
    def runs(self) -> RunSelection:
        """Which runs are latched."""
        raise NotImplementedError

    @property
    def stream_name(self) -> str:
        """The stream whose ALCARECO it harvests."""
        raise NotImplementedError

    @property
    def additions(self) -> Additions:
        """What it needs of RECO and ALCA besides what the file of its stream says."""
        return Additions()

    @property
    def upload_limit(self) -> float:
        """How long an UPLOAD may run, in seconds."""
        asked = self.nodes.get(NodeKind.UPLOAD)
        return (asked and asked.time_limit) or DEFAULT_TIME_LIMIT[NodeKind.UPLOAD]

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


class OwnStreamCalibration(Calibration, Stream):
    """A calibration with a stream of its own, of its own name: the 2025 and 2026 loops' keys."""

    name: Name = Field(alias="calibration_name")
    """The calibration's name in commands, logs and paths; no two files of a folder share one."""

    @model_validator(mode="after")
    def _witnesses_agree(self) -> Self:
        if self.harvest.witness != self.alca.cms_driver.witness:
            raise ValueError(
                f"step_4_config.step_3_witness_suffix {self.harvest.witness!r} must equal "
                f"step_3_config.cms_driver.step_3_witness_suffix "
                f"{self.alca.cms_driver.witness!r}"
            )
        return self

    @property
    def runs(self) -> RunSelection:
        """Which runs are latched."""
        return self.reco

    @property
    def stream_name(self) -> str:
        """The stream whose ALCARECO it harvests: its own."""
        return self.name
