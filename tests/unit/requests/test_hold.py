"""Nothing new is begun for what is on hold, and its queued jobs wait."""

from condorloop.model.enums import CampaignState, RequestKind
from condorloop.model.queue import JobSelector
from condorloop.requests.command import Plan
from condorloop.requests.hold import HoldCampaign, HoldLatches
from tests.unit.examples import KEY, START
from tests.unit.requests.place import HELD, ID, ask_of_all, latch_another
from tests.unit.requests.subjects import DONE, asked_of_all, remark, step, subject, targets


def test_hold_stops_the_campaign_and_what_is_in_flight():
    hold = step(RequestKind.HOLD)
    assert hold.whole
    assert targets(hold) == ["b001", "b004"]
    assert str(hold) == (
        "EcalPedestals run398600: begin no DAG, rescue or harvest;"
        " hold the jobs that do not run yet of b001, b004"
    )


def test_a_closed_campaign_has_nothing_to_hold():
    closed = subject((DONE,), state=CampaignState.COMPLETE)
    assert remark(RequestKind.HOLD, of=[closed]).endswith(
        "it is complete: there is nothing to hold"
    )


def test_a_hold_says_whether_jobs_that_run_are_held_and_whether_the_campaign_is():
    assert str(step(RequestKind.HOLD, "b001", running=True)) == (
        "EcalPedestals run398600: hold all jobs of b001"
    )
    assert str(step(RequestKind.HOLD, "b001")) == (
        "EcalPedestals run398600: hold the jobs that do not run yet of b001"
    )
    assert step(RequestKind.HOLD).running is False
    assert str(step(RequestKind.HOLD, of=[subject(())])) == (
        "EcalPedestals run398600: begin no DAG, rescue or harvest"
    )


def test_a_hold_of_a_calibration_names_its_open_campaigns_and_those_to_come():
    held = asked_of_all(RequestKind.HOLD, subject())
    assert [type(s) for s in held.steps] == [HoldLatches, HoldCampaign]
    assert held.words == (
        "EcalPedestals: hold each campaign that is latched from now on",
        "EcalPedestals run398600: begin no DAG, rescue or harvest;"
        " hold the jobs that do not run yet of b001, b004",
    )


def test_a_calibration_that_is_held_already_is_held_once():
    again = asked_of_all(RequestKind.HOLD, subject(), held_by="bob@node")
    assert [type(s) for s in again.steps] == [HoldCampaign]
    assert asked_of_all(RequestKind.HOLD, held_by="bob@node") == Plan(
        (), ("EcalPedestals: no campaign of it is open",)
    )


def test_a_calibration_is_held_with_its_open_campaigns_and_those_to_come(place):
    done, words = ask_of_all(place, RequestKind.HOLD)
    assert done
    assert words.startswith(f"{KEY.calibration}: hold each campaign that is latched from now on")
    assert place.campaign.held_by == "alice@node"
    assert {told[0] for told in place.pool.told} == {"hold"}
    assert latch_another(place).held_by == "alice@node"
    assert place.ledger.campaigns.held_calibrations() == {
        KEY.calibration: ("alice@node", START + 60)
    }
    assert place.ledger.status.summary(place.campaign.id).held_at == START + 60


def test_a_hold_of_a_calibration_that_met_a_silent_schedd_is_taken_up_again(place):
    place.pool.silent = True
    assert ask_of_all(place, RequestKind.HOLD) is None
    place.pool.silent = False
    place.handle()
    [told] = {told[0] for told in place.pool.told}
    assert told == "hold"
    assert place.ledger.requests.waiting() == []
    assert KEY.calibration in place.ledger.campaigns.held_calibrations()


def test_a_calibration_that_is_held_already_and_has_no_open_campaign_says_so(place):
    ask_of_all(place, RequestKind.HOLD)
    place.ledger.campaigns.set_state(place.campaign.id, CampaignState.COMPLETE, "done", START)
    done, words = ask_of_all(place, RequestKind.HOLD)
    assert (done, words) == (False, f"{KEY.calibration}: no campaign of it is open")


def test_hold_marks_the_campaign_and_holds_dagman_and_the_jobs_that_wait(place):
    assert place.answered(RequestKind.HOLD) == (
        True,
        f"{KEY}: held by alice@node; 4 jobs of b000 put on hold",
    )
    assert place.campaign.held_by == "alice@node"
    assert place.pool.told == [
        ("hold", JobSelector(ID, dagman=True), HELD),
        ("hold", JobSelector(ID), HELD),
    ]


def test_hold_of_a_node_leaves_the_campaign_and_dagman_alone(place):
    assert place.answered(RequestKind.HOLD, "RECO_0000", running=True)[0]
    assert place.campaign.held_by == ""
    assert place.pool.told == [("hold", JobSelector(ID, node="RECO_0000", running=True), HELD)]
