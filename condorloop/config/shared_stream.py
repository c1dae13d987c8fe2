"""A stream that calibrations share, and a calibration that names its stream: their YAML files.

Knows their keys, and what need not be written because it follows from names; opens no file. A
calibration of the earlier loops' form has a stream of its own, and none of this.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, model_validator

from condorloop.config.calibration import Calibration
from condorloop.config.composition import Additions
from condorloop.config.fields import Line, Section
from condorloop.config.run_selection import RunSelection
from condorloop.config.stream import STREAM_NODES, AlcaDriver, AlcaStep, Stream

NodeName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=100)]
"""A name that is part of the names of DAGMan's nodes: without `.` and `+`."""

Product = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=100)]
"""A name that cmsDriver's lists are made of, such as ``TkAlMinBias``."""

OF_STREAM = ("batching", "holds", "rescues")
"""The sections of condorloop's own that a stream has, and its calibrations do not."""

STANDING = ("priority", "accounting_group", "accounting_group_user")
"""What a stream says of its own jobs, and of those of its calibrations that say nothing else."""

OF_CALIBRATION = ("latching", "harvesting", "uploads")
"""The sections that calibrations have, and their stream does not."""


class SharedAlcaDriver(AlcaDriver):
    """`step_3_config.cms_driver` of a stream."""

    step: Annotated[str, StringConstraints(pattern=r"^[^\s]*$")] = ""
    """Steps of ALCA besides those that its calibrations need."""


class SharedAlcaStep(AlcaStep):
    """`step_3_config` of a stream."""

    cms_driver: SharedAlcaDriver
    """The call of cmsDriver.py."""


class SharedStream(Stream):
    """A file of `calibrationYAML/streams/`: RAW files, and the base of RECO and ALCA."""

    name: NodeName = Field(alias="stream_name")
    """The stream's name in commands, logs and paths; no calibration has it."""
    alca: SharedAlcaStep = Field(alias="step_3_config")
    """How RECO becomes ALCARECO."""

    @model_validator(mode="before")
    @classmethod
    def _names_follow(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        return _filled(data, names_of_stream(str(data.get("stream_name"))))


def names_of_stream(name: str) -> dict[str, Any]:
    """Give the keys of a stream's file that follow from its name."""
    return {
        "step_2_config": {"output_filename_affix": f"_{name}Step2"},
        "step_3_config": {
            "step_2_root_suffix": f"{name}Step2.root",
            "step_2_witness_suffix": f"{name}Step2_job.txt",
            "cms_driver": {
                "python_filename_affix": f"_{name}ALCA",
                "step_3_witness_suffix": f"{name}Step3_job.txt",
            },
        },
    }


class RecoAdditions(RunSelection):
    """`step_2_config` of a calibration that names its stream.

    Which runs it latches is what the stream says, where it does not say otherwise itself.
    """

    customise: tuple[Line, ...] = ()
    """Functions that change the configuration of the stream's RECO."""
    config_mods: tuple[Line, ...] = Field((), alias="python_config_mods")
    """Lines appended verbatim to the configuration of the stream's RECO."""


class AlcaAdditions(Section):
    """`step_3_config` of a calibration that names its stream."""

    customise: tuple[Line, ...] = ()
    """Functions that change the configuration of the stream's ALCA."""
    config_mods: tuple[Line, ...] = Field((), alias="python_config_mods")
    """Lines appended verbatim to the configuration of the stream's ALCA, such as the process
    whose trigger results this producer alone reads.
    """


class SharedCalibration(Calibration):
    """A file of `calibrationYAML/` that names its stream."""

    name: NodeName = Field(alias="calibration_name")
    """The calibration's name in commands, logs and paths; no two files of a folder share one."""
    stream: NodeName
    """The stream whose RAW files it is made from."""
    skims: tuple[Product, ...] = Field(min_length=1)
    """The ALCARECO that RECO is to select for it, such as ``TkAlMinBias``."""
    producer: Product
    """What ALCA is to make for it, such as ``PromptCalibProdBeamSpotHP``."""
    reco_additions: RecoAdditions = Field(alias="step_2_config")
    """Which runs to latch, and what it needs in the configuration of RECO."""
    alca_additions: AlcaAdditions = Field(
        default_factory=lambda: AlcaAdditions.model_validate({}), alias="step_3_config"
    )
    """What it needs in the configuration of ALCA."""

    @model_validator(mode="before")
    @classmethod
    def _names_follow(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        name, producer = str(data.get("calibration_name")), str(data.get("producer"))
        return _filled(data, names_of_calibration(name, producer))

    @model_validator(mode="after")
    def _has_no_nodes_of_its_stream(self) -> Self:
        if of_stream := [k for k in STREAM_NODES if k in self.nodes]:
            raise ValueError(f"nodes.{of_stream[0]}: the stream {self.stream} says that")
        return self

    @property
    def runs(self) -> RunSelection:
        """Which runs are latched."""
        return self.reco_additions

    @property
    def stream_name(self) -> str:
        """The stream whose ALCARECO it harvests."""
        return self.stream

    @property
    def additions(self) -> Additions:
        """What it needs of the stream's RECO and ALCA."""
        return Additions(
            skims=self.skims,
            producers=(self.producer,),
            reco_customise=self.reco_additions.customise,
            reco_mods=self.reco_additions.config_mods,
            alca_customise=self.alca_additions.customise,
            alca_mods=self.alca_additions.config_mods,
        )


def names_of_calibration(name: str, producer: str) -> dict[str, Any]:
    """Give the keys of a calibration's file that follow from its name and its producer."""
    return {
        "step_4_config": {
            "step_3_root_filename": f"{producer}.root",
            "cms_driver": {"python_filename_affix": f"_{name}HARVEST"},
            "metadata_filename": f"NGTCalib{name}.txt",
            "final_db_name": f"NGTCalib{name}.db",
        }
    }


def inherited(stream: SharedStream) -> dict[str, Any]:
    """Give the keys of a calibration's file that follow from its stream."""
    selection = stream.reco.model_dump(mode="json", by_alias=True)
    keys = [str(f.alias or name) for name, f in RunSelection.model_fields.items()]
    written = stream.model_dump(mode="json", by_alias=True)
    return {
        **{key: written[key] for key in (*OF_STREAM, *STANDING)},
        "step_2_config": {key: selection[key] for key in keys},
        "step_4_config": {"step_3_witness_suffix": stream.alca.cms_driver.witness},
    }


def _filled(data: Mapping[str, Any], follows: Mapping[str, Any]) -> dict[str, Any]:
    """Add to a file's keys those that are not there, and that follow from others."""
    filled = dict(data)
    for key, value in follows.items():
        below = filled.get(key)
        if key not in filled:
            filled[key] = value
        elif isinstance(value, Mapping) and isinstance(below, Mapping):
            filled[key] = _filled(below, value)
    return filled
