"""Which jobs a hold or a release means in a DAG that calibrations share."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from condorloop.model.campaign import CampaignKey, Reconstruction, ReconstructionKey
from condorloop.model.queue import JobSelector
from condorloop.requests.targets import Target, jobs_meant
from tests.unit.examples import RUN, campaign, dag
from tests.unit.express import STREAM

NAMES = ("SiPixelLA", "SiStripGains")
ID = "ledger/Express/398600/0"
DAGMAN = JobSelector(ID, dagman=True)


def campaigns(*, other_held):
    """One campaign, and another of the same stream that a person holds or not."""
    keys = [CampaignKey(name, RUN.number) for name in NAMES]
    one, other = (
        replace(campaign(), id=i, key=key, stream=STREAM) for i, key in enumerate(keys, 1)
    )
    return one, replace(other, held_by="ann" if other_held else "")


def meant(target, one, other, **how):
    found = Reconstruction(1, ReconstructionKey(STREAM, RUN.number), (one, other), ())
    context = SimpleNamespace(dag_id=lambda *_: ID, reconstruction_of=lambda _: found)
    return jobs_meant(target, one, context, **how)


def test_a_hold_is_about_ones_own_harvest_and_upload_as_long_as_another_wants_the_rest():
    jobs = meant(Target(dag(0)), *campaigns(other_held=False), running=True)
    assert jobs == [JobSelector(ID, running=True, calibration=NAMES[0])]


def test_all_is_held_with_the_last_that_is_not():
    assert meant(Target(dag(0)), *campaigns(other_held=True)) == [DAGMAN, JobSelector(ID)]


@pytest.mark.parametrize("other_held", [False, True])
def test_a_release_leaves_the_harvests_of_others_as_they_want_them(other_held):
    jobs = meant(Target(dag(0)), *campaigns(other_held=other_held), release=True)
    own = JobSelector(ID, calibration=NAMES[0])
    assert jobs == [DAGMAN, JobSelector(ID, shared=True), own]


def test_a_harvest_dag_of_ones_own_is_held_whole():
    mine = replace(dag(3), batch=None, calibration=NAMES[0])
    jobs = meant(Target(mine), *campaigns(other_held=False))
    assert jobs == [DAGMAN, JobSelector(ID)]
