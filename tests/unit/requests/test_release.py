"""What is on hold goes on, whoever held it."""

from condorloop.model.enums import RequestKind
from condorloop.model.queue import JobSelector
from condorloop.requests.command import Plan
from condorloop.requests.release import ReleaseCampaign
from tests.unit.examples import KEY
from tests.unit.requests.place import ID, ask_of_all, latch_another
from tests.unit.requests.subjects import DONE, asked_of_all, remark, step, subject


def test_release_lets_a_held_campaign_go_on():
    released = step(RequestKind.RELEASE, of=[subject((DONE,), held_by="bob@node")])
    assert released.whole
    assert "nothing of it is on hold" in remark(RequestKind.RELEASE, of=[subject((DONE,))])


def test_a_release_says_who_held_the_campaign_and_whose_jobs_go_on():
    held = subject(held_by="bob@node")
    assert str(step(RequestKind.RELEASE, of=[held])) == (
        "EcalPedestals run398600: resume it, held by bob@node; release all held jobs of b001, b004"
    )
    assert str(step(RequestKind.RELEASE, "b001", of=[held])) == (
        "EcalPedestals run398600: release all held jobs of b001"
    )
    assert remark(RequestKind.RELEASE, of=[subject((DONE,))]) == (
        "EcalPedestals run398600: nothing of it is on hold"
    )


def test_the_campaigns_of_a_calibration_that_is_not_held_are_released_one_by_one():
    released = asked_of_all(RequestKind.RELEASE, subject(held_by="bob@node"))
    assert [type(s) for s in released.steps] == [ReleaseCampaign]
    assert asked_of_all(RequestKind.RELEASE, subject((DONE,))) == Plan(
        (), ("EcalPedestals run398600: nothing of it is on hold",)
    )


def test_a_calibration_that_is_released_goes_on_with_all_its_campaigns(place):
    ask_of_all(place, RequestKind.HOLD)
    latched = latch_another(place)
    assert ask_of_all(place, RequestKind.RELEASE)[0]
    assert place.ledger.campaigns.held_calibrations() == {}
    for run in (KEY.run, latched.key.run, latch_another(place, KEY.run + 2).key.run):
        [campaign] = place.ledger.campaigns.of_run(run, KEY.calibration)
        assert campaign.held_by == ""
    assert place.ledger.status.summary(latched.id).held_at is None


def test_release_undoes_hold(place):
    place.answered(RequestKind.HOLD)
    place.pool.told.clear()
    assert place.answered(RequestKind.RELEASE)[0]
    assert place.campaign.held_by == ""
    assert [(what, jobs) for what, jobs, _ in place.pool.told] == [
        ("release", JobSelector(ID)),
        ("release", JobSelector(ID, dagman=True)),
    ]
