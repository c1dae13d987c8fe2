"""What is given up leaves the queue, and stays what it was."""

from condorloop.model.enums import CampaignState, DagState, RequestKind
from condorloop.requests.abandon import AbandonCampaign
from condorloop.rundir.layout import RUN_END
from tests.unit.examples import KEY, START, campaign, dag
from tests.unit.requests.place import ask_of_all, latch_another
from tests.unit.requests.subjects import DONE, FAILED, labels, remark, step, subject


def test_abandon_removes_what_is_in_flight_and_gives_the_campaign_up():
    given_up = step(RequestKind.ABANDON, reason="wrong menu")
    assert given_up.whole
    assert labels(given_up) == ["b001", "b004"]
    assert str(given_up) == (
        "EcalPedestals run398600: give it up; remove b001, b004 from the queue"
    )


def test_a_single_dag_can_be_abandoned_and_a_single_node_cannot():
    assert labels(step(RequestKind.ABANDON, "b001")) == ["b001"]
    failed = step(RequestKind.ABANDON, "b002")
    assert not failed.whole
    assert str(failed).endswith("do not rescue b002")
    assert "what can be abandoned is a DAG: b001" in remark(RequestKind.ABANDON, "b001/RECO_0000")
    assert remark(RequestKind.ABANDON, "b003").endswith(
        "b003 is removed: there is nothing to abandon"
    )


def test_what_is_complete_or_abandoned_already_is_not_abandoned():
    complete = subject((DONE,), state=CampaignState.COMPLETE)
    assert "it is complete" in remark(RequestKind.ABANDON, of=[complete])
    abandoned = subject((DONE,), state=CampaignState.ABANDONED, reason="by bob@node")
    assert remark(RequestKind.ABANDON, of=[abandoned]).endswith(
        "it is abandoned already, by bob@node"
    )


def test_a_dag_that_failed_and_is_abandoned_is_not_rescued():
    one = step(RequestKind.ABANDON, "b002")
    assert not one.whole
    assert str(one) == "EcalPedestals run398600: do not rescue b002"


def test_all_dags_that_are_not_rescued_any_more_are_named():
    both = (FAILED, dag(5, DagState.FAILED))
    assert str(AbandonCampaign(campaign(dags=both), both, whole=False)) == (
        "EcalPedestals run398600: do not rescue b002, b005"
    )


def test_an_open_campaign_without_a_dag_in_flight_can_be_abandoned():
    assert step(RequestKind.ABANDON, of=[subject((FAILED,))]).whole
    assert str(step(RequestKind.ABANDON, of=[subject(())])) == (
        "EcalPedestals run398600: give it up"
    )
    complete = subject((DONE,), state=CampaignState.COMPLETE)
    assert remark(RequestKind.ABANDON, of=[complete]) == (
        "EcalPedestals run398600: it is complete: there is nothing to abandon"
    )


def test_all_open_campaigns_of_a_calibration_are_given_up_and_no_other(place):
    closed = latch_another(place)
    place.ledger.campaigns.set_state(closed.id, CampaignState.COMPLETE, "done", START)
    assert ask_of_all(place, RequestKind.ABANDON)[0]
    assert place.campaign.state is CampaignState.ABANDONED
    [other] = place.ledger.campaigns.of_run(closed.key.run, KEY.calibration)
    assert other.state is CampaignState.COMPLETE
    assert latch_another(place, KEY.run + 2).state is CampaignState.ACTIVE


def test_abandon_removes_the_dag_and_closes_the_campaign(place):
    done, words = place.answered(RequestKind.ABANDON, reason="wrong menu")
    assert done
    assert words == f"{KEY}: abandoned by alice@node: wrong menu; b000 removed"
    assert place.campaign.state is CampaignState.ABANDONED
    assert place.campaign.reason == "by alice@node: wrong menu"
    assert (place.run_dir / RUN_END).exists()
    assert place.pool.told == [("remove", 99, "abandoned by alice@node")]
    assert place.dag.removed_by == "alice@node"


def test_an_abandoned_campaign_is_followed_until_its_dags_have_left_the_queue(place):
    place.answered(RequestKind.ABANDON)
    assert [c.key for c in place.ledger.campaigns.with_work({}, START)] == [KEY]
    place.ledger.dags.ended(place.dag.id, [], START + 70, "alice@node")
    assert place.ledger.campaigns.with_work({}, START) == []


def test_an_abandonment_that_cannot_be_written_down_removes_nothing(place, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("condorloop.requests.abandon.set_state", full)
    assert not place.answered(RequestKind.ABANDON)[0]
    assert place.dag.removed_by == ""
    assert place.pool.told == []


def test_abandoning_a_failed_dag_leaves_it_so_and_the_campaign_open(place):
    place.ledger.dags.ended(place.dag.id, [], START + 10)
    assert place.answered(RequestKind.ABANDON, "b000")[0]
    assert (place.dag.state, place.dag.removed_by) == (DagState.REMOVED, "alice@node")
    assert place.campaign.state is CampaignState.ACTIVE
