"""Calibrations that share a stream: RECO and ALCA are made once, all else is each one's own."""

from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from condorloop.model.enums import CampaignState, NodeKind
from condorloop.model.lumis import Lumis
from condorloop.simulation import twin as twins
from condorloop.simulation.models.outages import Outage
from condorloop.simulation.models.pool import PoolModel
from condorloop.simulation.models.sampling import Linear
from condorloop.simulation.outcome import outcome_of
from condorloop.simulation.settings import Setting, simulate, surroundings, twin
from condorloop.simulation.twin import Twin
from tests.unit.express import express_config
from tests.unit.simulation.test_simulation import OUTAGES, at_site, one_after_the_other
from tests.unit.simulations import STEADY, configured, run, varying

EXPRESS = (
    "BeamSpotLegacy",
    "SiPixelAli",
    "SiPixelAliHG",
    "SiPixelAliHGCombined",
    "SiPixelLA",
    "SiPixelQuality",
    "SiStripGains",
    "SiStripGainsAAG",
    "SiStripHitEff",
    "SiStripQuality",
)
TWO = ("SiPixelLA", "SiStripQuality")
SLOW, OTHER = TWO
FEW = settings(max_examples=6)
RECO, ALCA, HARVEST, UPLOAD = NodeKind
sharing = cache(express_config)
numbers_of_names = pytest.mark.parametrize("names", [TWO, EXPRESS], ids=["two", "ten"])


def setting(*runs, names=TWO, model=None, **given):
    """A simulation of calibrations that share the express stream."""
    steady = PoolModel.model_validate({**STEADY, "slots": 256})
    return Setting(sharing(names), model or steady, runs=runs, **given)


def with_own_sections(made, name, **sections):
    """The same, where one calibration has a section of its own otherwise."""
    calibrations = dict(made.config.calibrations)
    changed = calibrations[name].model_dump(by_alias=True)
    for section, keys in sections.items():
        changed[section] |= keys
    calibrations[name] = type(calibrations[name]).model_validate(changed)
    return replace(made, config=replace(made.config, calibrations=calibrations))


def with_jobs(made, name, kind, **otherwise):
    """A twin in which the jobs of one calibration's nodes of a kind go otherwise."""
    around = surroundings(made)
    kinds = {owner: dict(of_owner) for owner, of_owner in around.kinds.items()}
    kinds[name][kind] = replace(kinds[name][kind], **otherwise)
    return Twin(made.config, replace(around, kinds=kinds), made.runs, made.seed)


def come_to(sim):
    """What a twin comes to, by calibration."""
    sim.run()
    return {c.calibration: c for c in outcome_of(sim).calibrations}


def undisturbed(made):
    """What a setting comes to, by calibration."""
    return come_to(twin(made))


@pytest.fixture
def planned(monkeypatch):
    """The batches that the twin has planned."""
    plans = []

    def plan_batch(*given, **named):
        plans.append(real(*given, **named))
        return plans[-1]

    real = twins.plan_batch
    monkeypatch.setattr(twins, "plan_batch", plan_batch)
    return plans


@numbers_of_names
def test_each_lumisection_goes_through_reco_once_and_into_every_payload(planned, names):
    outcome = simulate(setting(*one_after_the_other([40, 7]), names=names))
    recos = [(plan.key.run, node) for plan in planned for node in plan.of_kind(RECO)]
    times = Counter((number, lumi) for number, node in recos for lumi in node.lumis)
    assert times == Counter(dict.fromkeys(times, 1))
    assert len(times) == 47
    [stream] = outcome.streams
    assert stream.kinds[RECO].jobs == len(recos)
    assert stream.files == 47
    assert {c.calibration for c in outcome.calibrations} == set(names)
    for calibration in outcome.calibrations:
        assert calibration.in_payload == calibration.lumis == calibration.in_window == 47
        assert calibration.complete == 2
        assert set(calibration.kinds) == {HARVEST, UPLOAD}


@numbers_of_names
def test_reco_and_alca_cost_what_they_cost_for_one(names):
    runs = one_after_the_other([40, 7])
    [alone], [shared] = (
        simulate(setting(*runs, names=each)).streams for each in (names[:1], names)
    )
    assert shared == alone


def test_the_time_to_a_payload_is_that_of_a_stream_of_ones_own():
    """Storage lists the file 5 s after its LS, the poll is at 30, all delays are 2 s."""
    outcome = simulate(setting(run(400_000, 0.0, 1)))
    found = 30 + 2
    reco = found + 2 + 2 + 60 + 20
    alca = reco + 2 + 2 + 30
    harvest = alca + 2 + 2 + 20 + 1
    upload = harvest + 2 + 2 + 5
    assert [list(c.delays) for c in outcome.calibrations] == [[upload - 20]] * 2


def test_each_calibration_is_harvested_by_its_own_policy():
    policies = {"SiPixelLA": 1000, "SiPixelQuality": 0.5, "SiStripQuality": 0}
    together = setting(run(400_000, 0.0, 90), names=EXPRESS)
    harvests = []
    for name, growth in policies.items():
        policy = {"growth": growth, "longest_wait": "30 h"}
        together = with_own_sections(together, name, harvesting=policy)
        alone = with_own_sections(setting(*together.runs, names=(name,)), name, harvesting=policy)
        harvests.append(undisturbed(alone)[name].harvests)
    shared = undisturbed(together)
    assert [shared[name].harvests for name in policies] == harvests
    assert harvests == sorted(set(harvests))
    assert {c.in_payload for c in shared.values()} == {90}


@numbers_of_names
def test_a_slow_harvest_of_one_delays_no_other(names):
    made = setting(*one_after_the_other([60, 20]), names=names)
    usual = undisturbed(made)
    slow = come_to(with_jobs(made, SLOW, HARVEST, time=Linear(3600)))
    assert min(slow[SLOW].delays) > 3600
    assert slow[SLOW].in_payload == 80
    for name in set(names) - {SLOW}:
        assert slow[name] == usual[name]


@numbers_of_names
@pytest.mark.parametrize("kind", [HARVEST, UPLOAD])
def test_a_harvest_or_upload_of_one_that_fails_delays_no_other(names, kind):
    made = setting(*one_after_the_other([60, 20]), names=names)
    usual = undisturbed(made)
    failing = come_to(with_jobs(made, SLOW, kind, fails=1.0))
    assert failing[SLOW].in_payload == failing[SLOW].complete == 0
    assert failing[SLOW].kinds[kind].failed == failing[SLOW].kinds[kind].jobs > 1
    assert not any(state.open for state in failing[SLOW].states)
    for name in set(names) - {SLOW}:
        assert failing[name] == usual[name]
        assert failing[name].complete == 2


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_what_fails_in_a_batch_for_one_is_made_by_a_harvest_of_its_own_that_comes_later(seed):
    """By that of a later batch, or by a DAG of its own if none comes."""
    made = setting(run(400_000, 0.0, 60), seed=seed)
    by_name = come_to(with_jobs(made, SLOW, HARVEST, fails=0.8))
    assert by_name[SLOW].in_payload == 60
    assert by_name[SLOW].complete == 1
    assert by_name[SLOW].harvests < by_name[OTHER].harvests
    assert by_name[OTHER].dags == by_name[OTHER].rescues == 0


def test_a_dag_of_ones_own_harvests_where_no_batch_does():
    made = setting(run(400_000, 0.0, 1))
    by_name = come_to(with_jobs(made, SLOW, HARVEST, fails=0.8))
    assert by_name[SLOW].complete == 1
    assert by_name[SLOW].dags > 0
    assert by_name[OTHER].dags == 0


def test_a_reco_that_fails_is_rescued_once_for_all_of_them():
    made = setting(run(400_000, 0.0, 60), names=EXPRESS, model=varying(0.3, failures={"RECO": 0.6}))
    outcome = simulate(replace(made, seed=3))
    [stream] = outcome.streams
    assert stream.rescues > 0
    assert {c.rescues for c in outcome.calibrations} == {0}
    assert {c.in_payload for c in outcome.calibrations} == {60}


@FEW
@given(st.lists(st.integers(1, 60), min_size=1, max_size=2), st.integers(0, 99))
def test_every_campaign_is_closed_whatever_fails(lumis, seed):
    failing = {"RECO": 0.4, "ALCA": 0.2, "HARVEST": 0.4, "UPLOAD": 0.4}
    model = varying(0.4, failures=failing)
    made = setting(*one_after_the_other(lumis), names=EXPRESS, model=model, seed=seed)
    outcome = simulate(made)
    states = outcome.together.states
    assert sum(states.values()) == 10 * len(lumis)
    assert not any(state.open for state in states)
    assert simulate(made) == outcome


@pytest.mark.parametrize("outages", [(), OUTAGES], ids=["undisturbed", "outages"])
@pytest.mark.parametrize("most", [150, 2])
def test_asking_only_about_what_has_changed_decides_the_same(outages, most):
    model = varying(0.4, failures={"RECO": 0.2, "HARVEST": 0.2, "UPLOAD": 0.1}, oms_delay=15)
    made = at_site(setting(*one_after_the_other([50, 2, 60]), model=model), max_dags=most)
    made = replace(made, outages=tuple(map(Outage.parse, outages)))
    made = with_own_sections(made, OTHER, harvesting={"growth": 0.3})
    sparing, attentive = twin(made), twin(made, attentive=True)
    sparing.run()
    attentive.run()
    assert sparing.asked < attentive.asked
    uncounted = {"asked": 0, "events": 0}
    assert replace(outcome_of(sparing), **uncounted) == replace(outcome_of(attentive), **uncounted)


@dataclass
class Counted:
    """A duration that counts how often it is drawn."""

    drawn: list[object] = field(default_factory=list)

    def draw(self, random, work=None):
        self.drawn.append(work)
        return 2.0


def test_raw_files_of_a_path_are_probed_once_whoever_reads_them():
    """BeamSpot and SiStripBad have streams of their own, which read what all others share."""
    shared, own = sharing(EXPRESS), configured().calibrations
    calibrations = {name: own[name] for name in ("BeamSpot", "SiStripBad")}
    both = replace(shared, calibrations={**calibrations, **shared.calibrations})
    made = replace(setting(run(400_000, 0.0, 30)), config=both)
    around, probe = surroundings(made), Counted()
    around = replace(around, storage=replace(around.storage, probe=probe))
    by_name = come_to(Twin(both, around, made.runs, 1))
    assert len(probe.drawn) == 30
    assert {c.in_payload for c in by_name.values()} == {30}
    assert len(by_name) == 12


def test_files_are_looked_for_as_long_as_any_reader_of_the_path_wants_them():
    """By run the window of a long run ends with its buffer, by lumisection it does not."""
    names = ("BeamSpotLegacy", "SiPixelLA")
    lumis = int(10 * 3600 / 20)
    files = {"ExpressPhysics": {"lumis_per_file": 10, "delay": {"median": 5}}}
    model = PoolModel.model_validate({**STEADY, "slots": 256, "streams": files})
    made = setting(run(400_000, 0.0, lumis), names=names, model=model)
    by_lumi = [n for n in names if made.config.calibrations[n].by_lumi]
    outcome = {c.calibration: c for c in simulate(made).calibrations}
    assert by_lumi == ["BeamSpotLegacy"]
    assert outcome["BeamSpotLegacy"].in_payload == lumis
    assert 8 * 3600 / 20 - 100 < outcome["SiPixelLA"].in_payload < lumis


def test_streams_are_batched_by_settings_that_vary():
    made = setting(run(400_000, 0.0, 60), names=EXPRESS)
    jobs = [
        simulate(made.with_value("batching.max_files_per_job", each)).streams[0].kinds[RECO].jobs
        for each in ("1", "5")
    ]
    assert jobs[0] == 60
    assert jobs[1] < 30


def test_a_campaign_that_is_latched_late_has_what_was_made_for_it_before():
    """OMS calls the beams stable half an hour into the run; one of the two waits for that."""
    taken = replace(run(400_000, 0.0, 180), stable_at=1800.0)
    made = setting(taken)
    made = with_own_sections(made, OTHER, step_2_config={"stable_beam": False})
    sim = twin(made)
    by_name = come_to(sim)
    assert min(by_name[SLOW].delays) < 300 < 1500 < max(by_name[SLOW].delays)
    assert max(by_name[OTHER].delays) < 600
    for calibration in by_name.values():
        assert calibration.in_payload == 180
        assert calibration.states == {CampaignState.COMPLETE: 1}
    [stream] = outcome_of(sim).streams
    assert stream.files == 180


def test_the_lumisections_of_a_run_are_seen_by_all_of_its_campaigns():
    sim = twin(setting(run(400_000, 0.0, 12)))
    sim.run()
    [of] = sim.reconstructions.values()
    assert of.seen == Lumis.span(1, 12)
    assert set(of.campaigns) == set(TWO)
    assert not of.dags
    assert not of.waiting
