"""The twin decides as the submitter does, and keeps the loop's promises in every setting."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from condorloop.model.enums import CampaignState, NodeKind
from condorloop.simulation.models.outages import Outage
from condorloop.simulation.outcome import outcome_of
from condorloop.simulation.settings import simulate, twin
from tests.unit.simulations import STEADY, run, setting, varying

ECAL = "EcalPedestals"
FEW = settings(max_examples=12)
lengths = st.lists(st.integers(1, 90), min_size=1, max_size=3)


def one_after_the_other(lumis):
    """Runs of so many lumisections each."""
    runs, at = [], 0.0
    for number, count in enumerate(lumis):
        runs.append(run(400_000 + number, at, count))
        at = runs[-1].end + 30
    return runs


def at_site(given_setting, **pool):
    """The same with another limit of the site's pool."""
    site = given_setting.config.site
    changed = site.model_copy(update={"pool": site.pool.model_copy(update=pool)})
    return replace(given_setting, config=replace(given_setting.config, site=changed))


def test_the_time_to_a_payload_is_the_sum_of_what_lies_in_between():
    """Storage lists the file 5 s after its LS, the poll is at 50, all delays are 2 s."""
    outcome = simulate(setting(run(400_000, 0.0, 2), only=ECAL))
    found = 50 + 2
    reco = found + 2 + 2 + 60 + 20
    alca = reco + 2 + 2 + 30
    harvest = alca + 2 + 2 + 20 + 1
    upload = harvest + 2 + 2 + 5
    [calibration] = outcome.calibrations
    assert list(calibration.delays) == [upload - 20, upload - 40]
    assert {kind: k.jobs for kind, k in calibration.kinds.items()} == dict.fromkeys(NodeKind, 1)


def reco_jobs(made):
    """The RECO jobs of a simulation in which every lumisection comes into a payload."""
    [calibration] = simulate(made).calibrations
    assert calibration.in_payload == calibration.lumis
    return calibration.kinds[NodeKind.RECO].jobs


def test_a_file_with_too_many_events_is_read_by_several_jobs():
    made = setting(run(400_000, 0.0, 2), only=ECAL)
    assert reco_jobs(made) == 1
    assert reco_jobs(made.with_value("batching.events_per_job", "10")) == 2


def test_jobs_are_cut_by_time_once_jobs_have_told_how_long_they_take():
    """A file of 20 events takes 80 s: a job of 50 s has 12 events at most."""
    made = setting(run(400_000, 0.0, 60), only=ECAL)
    made = made.with_value("batching.max_files_per_job", "1")
    assert reco_jobs(made) == 30
    assert reco_jobs(made.with_value("batching.time_per_job", "80 s")) == 30
    assert 40 < reco_jobs(made.with_value("batching.time_per_job", "50 s")) < 60


@FEW
@given(lengths, st.floats(0, 0.6), st.integers(0, 99))
def test_every_lumisection_of_a_good_file_is_in_a_payload_when_nothing_fails(lumis, spread, seed):
    made = setting(*one_after_the_other(lumis), model=varying(spread))
    outcome = simulate(replace(made, seed=seed))
    for calibration in outcome.calibrations:
        assert calibration.lumis == calibration.in_payload == sum(lumis)
        assert calibration.complete == len(lumis)


@FEW
@given(lengths, st.integers(0, 99))
def test_every_campaign_is_closed_whatever_fails(lumis, seed):
    failing = {"RECO": 0.4, "ALCA": 0.2, "HARVEST": 0.4, "UPLOAD": 0.4}
    made = setting(*one_after_the_other(lumis), model=varying(0.4, failures=failing))
    outcome = simulate(replace(made, seed=seed))
    states = outcome.together.states
    assert sum(states.values()) == 3 * len(lumis)
    assert not any(state.open for state in states)


@FEW
@given(lengths, st.integers(0, 99))
def test_one_seed_has_one_outcome(lumis, seed):
    made = replace(setting(*one_after_the_other(lumis), model=varying(0.4)), seed=seed)
    assert simulate(made) == simulate(made)


def test_another_seed_has_another_outcome():
    made = setting(run(400_000, 0.0, 40), model=varying(0.4))
    assert simulate(replace(made, seed=1)) != simulate(replace(made, seed=2))


@pytest.mark.parametrize("lumis", [[10], [60], [90], [40, 40]])
def test_more_slots_never_mean_later_payloads_where_times_are_known(lumis):
    made = setting(*one_after_the_other(lumis), only=ECAL)
    outcomes = [simulate(made.with_value("slots", n)) for n in ("8", "16", "32", "64", "128")]
    worst = [outcome.together.after_ls_end.worst for outcome in outcomes]
    assert worst == sorted(worst, reverse=True)
    assert all(o.most_slots <= o.slots for o in outcomes)


OUTAGES = ("eos:20min@10min", "schedd:10min@20min", "oms:15min@5min", "conditions:10min@35min")


@pytest.mark.parametrize("outages", [(), OUTAGES, *((o,) for o in OUTAGES)], ids=" ".join)
@pytest.mark.parametrize("most", [150, 3])
@pytest.mark.parametrize("probe", [2, 50], ids=["quick probes", "slow probes"])
def test_asking_only_about_what_has_changed_decides_the_same(outages, most, probe):
    runs = one_after_the_other([50, 2, 90])
    overheads = STEADY["overheads"] | {"probe": {"median": probe, "spread": 0.5}}
    failing = {"RECO": 0.2, "HARVEST": 0.2}
    model = varying(0.4, failures=failing, oms_delay=15, overheads=overheads)
    made = replace(
        at_site(setting(*runs, model=model), max_dags=most),
        outages=tuple(map(Outage.parse, outages)),
    ).with_value("harvesting.growth", "0.3")
    sparing, attentive = twin(made), twin(made, attentive=True)
    sparing.run()
    attentive.run()
    assert sparing.asked < attentive.asked
    uncounted = {"asked": 0, "events": 0}
    assert replace(outcome_of(sparing), **uncounted) == replace(outcome_of(attentive), **uncounted)


def test_an_outage_of_storage_makes_payloads_late_and_loses_nothing():
    made = setting(run(400_000, 0.0, 60), only=ECAL)
    outcome = simulate(replace(made, outages=(Outage.parse("eos:2h@10min"),)))
    [calibration] = outcome.calibrations
    assert calibration.in_payload == calibration.lumis == 60
    assert calibration.after_ls_end.worst > 7200
    assert calibration.complete == 1


def test_an_upload_that_gets_no_answer_is_made_when_there_is_one():
    made = setting(run(400_000, 0.0, 4), only=ECAL)
    outcome = simulate(replace(made, outages=(Outage.parse("conditions:1h@2min"),)))
    [calibration] = outcome.calibrations
    assert calibration.in_payload == 4
    assert calibration.rescues > 0
    assert min(calibration.delays) > 3600


def test_no_more_dags_are_in_the_queue_than_the_site_allows():
    made = at_site(setting(*one_after_the_other([60, 60])), max_dags=2)
    outcome = simulate(made)
    assert outcome.most_dags == 2
    assert outcome.together.in_payload == outcome.together.lumis


def test_harvests_that_wait_for_growth_read_less():
    made = setting(run(400_000, 0.0, 90), only=ECAL).with_value("harvesting.longest_wait", "1h")
    each, some = (simulate(made.with_value("harvesting.growth", g)) for g in ("0", "0.5"))
    assert some.together.harvested_files < each.together.harvested_files
    assert some.together.in_payload == each.together.in_payload == 90


def test_a_run_that_comes_too_late_for_its_window_expires():
    made = setting(run(400_000, 0.0, 10), only=ECAL)
    outcome = simulate(replace(made, outages=(Outage.parse("eos:9h@0s"),)))
    assert outcome.together.states == {CampaignState.EXPIRED: 1}
    assert outcome.together.in_payload == 0
