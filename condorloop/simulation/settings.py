"""The setting of a simulation: calibrations, pool, runs and outages, with what is to be otherwise.

Knows how a model, recorded times and changed settings become what a twin runs in.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from random import Random
from typing import Any, TypeVar

from pydantic import ValidationError

from condorloop.config.loader import Config
from condorloop.config.tuning import Tuning
from condorloop.model.enums import NodeKind
from condorloop.simulation.intake import SimulatedStorage
from condorloop.simulation.models import data_taking
from condorloop.simulation.models.dag_run import Delays, KindOfJob, asked_by_owner
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
        config = replace(
            self.config,
            calibrations=_each_changed(self.config.calibrations, key, value),
            shared_streams=_each_changed(self.config.shared_streams, key, value),
        )
        return replace(self, config=config)


def _number(key: str, value: str, *, whole: bool = True) -> Any:
    try:
        number = int(value) if whole else float(value)
    except ValueError:
        number = 0
    if not 0 < number < float("inf"):
        raise ValueError(f"{key}: {value!r}: a {'whole ' * whole}number greater than 0")
    return number


_Tuned = TypeVar("_Tuned", bound=Tuning)


def _each_changed(configured: Mapping[str, _Tuned], key: str, value: str) -> dict[str, _Tuned]:
    return {name: _changed(each, key, value) for name, each in configured.items()}


def _changed(configured: _Tuned, key: str, value: str) -> _Tuned:
    """Give a calibration or stream with a key of one of condorloop's own sections otherwise."""
    section, _, field = key.partition(".")
    if section not in Tuning.model_fields or section == "nodes":
        known = ", ".join(n for n in Tuning.model_fields if n != "nodes")
        raise ValueError(f"{key}: SECTION.KEY with a section of {known}; or {SLOTS}, {DATA}")
    data = configured.model_dump(by_alias=True)
    if field not in data[section]:
        raise ValueError(f"{key}: {section} has {', '.join(data[section])}")
    data[section] = data[section] | {field: value}
    try:
        return type(configured).model_validate(data)
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
    return Twin(setting.config, surroundings(setting), runs, setting.seed, attentive=attentive)


def surroundings(setting: Setting) -> Surroundings:
    """Give all that the loop works with."""
    model, config = setting.model, setting.config

    def takes(name: str) -> Duration:
        times: Times = getattr(model.overheads, name)
        return setting.recorded.delays.get(name) or times.duration()

    outages = Outages(setting.outages)
    names = set(map(dataset, config.streams.values()))
    return Surroundings(
        slots=model.slots,
        kinds=_kinds(setting),
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


def _kinds(setting: Setting) -> dict[str, dict[NodeKind, KindOfJob]]:
    """The jobs of streams and calibrations, by the name of whose they are."""
    model, kinds = setting.model, defaultdict[str, dict[NodeKind, KindOfJob]](dict)
    for (name, kind), (cores, retries) in asked_by_owner(setting.config).items():
        known = setting.recorded.jobs.get((name, kind))
        times = model.calibrations.get(name, {}).get(kind, model.nodes[kind])
        fails = model.failures.get(kind, 0.0)
        kinds[name][kind] = KindOfJob(cores, retries, known or times.duration(), fails)
    return dict(kinds)
