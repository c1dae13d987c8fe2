"""The model of a pool and of what comes into it: a YAML file.

Knows the keys, their types and defaults; the shipped file tells where its numbers come from.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, PositiveFloat, PositiveInt, ValidationError

from condorloop.config.fields import Age, Seconds, Section
from condorloop.config.loader import ConfigError, Mistake, located
from condorloop.config.shipped_files import shipped
from condorloop.config.yaml_text import read_yaml
from condorloop.model.enums import NodeKind
from condorloop.simulation.models.sampling import Linear

Fraction = Annotated[float, Field(ge=0, le=1)]
Number = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Times(Section):
    """How long something takes: a median, and the spread of its logarithm."""

    median: Seconds
    """The median."""
    spread: Number = 0.0
    """The standard deviation of the time's logarithm: 0.3 is about 30 %."""

    def duration(self) -> Linear:
        """As something that can be drawn from."""
        return Linear(self.median, self.spread)


class NodeTimes(Section):
    """How long a job runs: the sum of these is the median."""

    fixed: Seconds
    """What every job takes, such as the start of CMSSW."""
    per_file: Number = 0.0
    """Seconds a RAW file."""
    per_lumi: Number = 0.0
    """Seconds a lumisection."""
    per_event: Number = 0.0
    """Seconds of one core an event; the job's cores share them."""
    per_input: Number = 0.0
    """Seconds an ALCARECO that HARVEST reads."""
    spread: Number = 0.0
    """The standard deviation of the time's logarithm."""

    def duration(self) -> Linear:
        """As something that can be drawn from."""
        return Linear(
            self.fixed,
            self.spread,
            self.per_file,
            self.per_lumi,
            self.per_event,
            self.per_input,
        )


class Overheads(Section):
    """What HTCondor, DAGMan and probes take besides the jobs."""

    dag_start: Times
    """From the submission of a DAG to that of its first jobs."""
    match: Times
    """From the submission of a job to its start, where a slot is free."""
    between: Times
    """From the end of a job to the submission of the next one: DAGMan and its scripts."""
    dag_end: Times
    """From the end of the last job until the DAG is out of the queue."""
    upload_start: Times
    """From the submission of UPLOAD, which needs no slot, to its start."""
    probe: Times
    """A probe of a RAW file."""


class StreamModel(Section):
    """How the data of a stream come."""

    lumis_per_file: PositiveInt = 1
    """Lumisections of a RAW file."""
    events_per_lumi: Number = 0.0
    """Events of a lumisection."""
    delay: Times
    """From the end of a file's last lumisection until storage lists it."""
    bad: Fraction = 0.0
    """The part of the files that cannot be used."""


class Beams(Section):
    """How runs follow each other."""

    season: Age
    """How long a year's time with beams is; there are no runs for the rest of it."""
    fill: Times
    """Stable beams of a fill."""
    turnaround: Times
    """From the end of a fill to the next stable beams."""
    long_fills: Fraction = 0.0
    """The part of the fills after which beams stay away for `stop`."""
    stop: Times
    """How long beams stay away then."""
    short_runs: Fraction
    """The part of the runs that end soon."""
    short_run: PositiveFloat
    """The mean number of lumisections of a run that ends soon; lengths are exponential."""
    long_run: PositiveFloat
    """The mean number of lumisections of any other run."""
    gap: Times
    """From the end of a run to the start of the next of its fill."""


class PoolModel(Section):
    """A pool, the times of its jobs, and what comes into it."""

    slots: PositiveInt
    """Cores; a job takes as many of them as it asks for."""
    overheads: Overheads
    """What HTCondor, DAGMan and probes take."""
    nodes: dict[NodeKind, NodeTimes]
    """How long the jobs of each node kind run."""
    calibrations: dict[str, dict[NodeKind, NodeTimes]] = Field(default_factory=dict)
    """The same, for calibrations and streams that differ; RECO and ALCA are a stream's."""
    failures: dict[NodeKind, Fraction] = Field(default_factory=dict)
    """The part of the jobs that fail, by node kind."""
    storage_patience: Seconds = 120.0
    """After how long a job fails whose storage does not answer."""
    oms_delay: Seconds = 0.0
    """How much later OMS tells what happened."""
    streams: dict[str, StreamModel]
    """The streams, by the name of their primary dataset."""
    beams: Beams
    """How runs follow each other."""


def default_model() -> Path:
    """Find the shipped model."""
    return shipped("pools") / "calibration-node.yaml"


def load(file: Path) -> PoolModel:
    """Read a model.

    Raises
    ------
    ConfigError
        With every mistake in it.
    """
    try:
        data, traps = read_yaml(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(located([Mistake(file, "", None, f"cannot be read: {reason}")])) from None
    mistakes = [Mistake(file, t.key, t.value, t.expected) for t in traps]
    try:
        model = PoolModel.model_validate(data)
    except ValidationError as error:
        mistakes += (Mistake(file, *_said(e)) for e in error.errors())
        raise ConfigError(located(mistakes)) from None
    if lacking := [kind for kind in NodeKind if kind not in model.nodes]:
        mistakes.append(Mistake(file, "nodes", None, f"times of {', '.join(lacking)}"))
    if mistakes:
        raise ConfigError(located(mistakes))
    return model


def _said(error: Any) -> tuple[str, object, str]:
    key = ".".join(map(str, error["loc"]))
    if error["type"] == "extra_forbidden":
        return key, error["input"], "no such key is known here"
    value = None if error["type"] == "missing" else error["input"]
    return key, value, str(error["msg"]).removeprefix("Value error, ")
