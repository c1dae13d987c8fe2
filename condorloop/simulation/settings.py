"""The setting of a simulation: calibrations, pool, runs and outages, with what is to be otherwise.

Knows how a model, recorded times and changed settings become what a twin runs in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from random import Random
from typing import Any

from pydantic import ValidationError

from condorloop.config.calibration import Calibration
from condorloop.config.loader import Config
from condorloop.config.tuning import Tuning
from condorloop.model.enums import NodeKind
from condorloop.simulation.intake import SimulatedStorage
from condorloop.simulation.models import data_taking
from condorloop.simulation.models.dag_run import Delays, KindOfJob, asked_for
from condorloop.simulation.models.data_taking import SimulatedRun
from condorloop.simulation.models.outages import Outage, Outages
from condorloop.simulation.models.pool import PoolModel, StreamModel, Times
from condorloop.simulation.models.raw_files import dataset
from condorloop.simulation.models.recorded_times import NOTHING, Recorded
from condorloop.simulation.models.sampling import Duration
from condorloop.simulation.outcome import Outcome, outcome_of
from condorloop.simulation.twin import Surroundings, Twin

SLOTS = "slots"
DATA = "data"


@dataclass(frozen=True, slots=True)
class Setting:
    """What is simulated.

    `runs` None makes the runs of so many days, `data` is how many times as much data there is,
    `recorded` has times that go before the model's.
    """

    config: Config
    model: PoolModel
    days: float = 7.0
    seed: int = 1
    runs: Sequence[SimulatedRun] | None = None
    outages: tuple[Outage, ...] = ()
    data: float = 1.0
    recorded: Recorded = NOTHING

    def with_value(self, key: str, value: str) -> Setting:
        """Give the same with one thing otherwise: ``slots``, ``data`` or a calibrations' key.

        Raises
        ------
        ValueError
            There is no such key, or it cannot have this value.
        """
        if key == SLOTS:
            return replace(self, model=self.model.model_copy(update={SLOTS: _number(key, value)}))
        if key == DATA:
            return replace(self, data=_number(key, value, whole=False))
        calibrations = {
            name: _changed(calibration, key, value)
            for name, calibration in self.config.calibrations.items()
        }
        return replace(self, config=replace(self.config, calibrations=calibrations))


def _number(key: str, value: str, *, whole: bool = True) -> Any:
    try:
        number = int(value) if whole else float(value)
    except ValueError:
        number = 0
    if not 0 < number < float("inf"):
        raise ValueError(f"{key}: {value!r}: a {'whole ' * whole}number greater than 0")
    return number


def _changed(calibration: Calibration, key: str, value: str) -> Calibration:
    """Give a calibration with a key of one of condorloop's own sections otherwise."""
    section, _, field = key.partition(".")
    if section not in Tuning.model_fields or section == "nodes":
        known = ", ".join(n for n in Tuning.model_fields if n != "nodes")
        raise ValueError(f"{key}: SECTION.KEY with a section of {known}; or {SLOTS}, {DATA}")
    data = calibration.model_dump(by_alias=True)
    if field not in data[section]:
        raise ValueError(f"{key}: {section} has {', '.join(data[section])}")
    data[section] = data[section] | {field: value}
    try:
        return type(calibration).model_validate(data)
    except ValidationError as error:
        raise ValueError(f"{key}: {value!r}: {error.errors()[0]['msg']}") from None


def simulate(setting: Setting) -> Outcome:
    """Let a setting happen, and sum up."""
    made = twin(setting)
    made.run()
    return outcome_of(made)


def twin(setting: Setting, *, attentive: bool = False) -> Twin:
    """Make a twin that is ready to run."""
    runs = setting.runs
    if runs is None:
        random = Random(f"{setting.seed} runs")
        runs = data_taking.generate(setting.model.beams, setting.days, random)
    return Twin(setting.config, _surroundings(setting), runs, setting.seed, attentive=attentive)


def _surroundings(setting: Setting) -> Surroundings:
    model, config = setting.model, setting.config

    def takes(name: str) -> Duration:
        times: Times = getattr(model.overheads, name)
        return setting.recorded.delays.get(name) or times.duration()

    outages = Outages(setting.outages)
    names = set(map(dataset, config.streams.values()))
    return Surroundings(
        slots=model.slots,
        kinds={
            name: {kind: _kind(kind, calibration, setting) for kind in NodeKind}
            for name, calibration in config.calibrations.items()
        },
        delays=Delays(**{f.name: takes(f.name) for f in fields(Delays)}),
        storage=SimulatedStorage(
            streams={name: model.streams.get(name, _ANY) for name in names},
            probe=takes("probe"),
            probes_at_once=config.site.storage.probes_at_once,
            outages=outages,
            data=setting.data,
            seed=setting.seed,
        ),
        storage_patience=model.storage_patience,
        oms_delay=model.oms_delay,
        outages=outages,
    )


_ANY = StreamModel.model_validate({"delay": {"median": 0}})
"""A stream of which the model says nothing: a file a lumisection, at once."""


def _kind(kind: NodeKind, calibration: Calibration, setting: Setting) -> KindOfJob:
    model, known = setting.model, setting.recorded.jobs.get((calibration.name, kind))
    times = model.calibrations.get(calibration.name, {}).get(kind, model.nodes[kind])
    asked = setting.config.tuning_of(calibration.name, kind)
    cores, retries = asked_for(kind, asked, setting.config.site)
    return KindOfJob(cores, retries, known or times.duration(), model.failures.get(kind, 0.0))
