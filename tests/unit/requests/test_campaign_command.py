"""Which campaigns, DAGs and nodes a request means, and the answer where it means none."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.model.campaign import CampaignKey
from condorloop.model.enums import (
    CampaignState,
    DagState,
    RequestKind,
)
from condorloop.model.request import ALL_RUNS, Request
from condorloop.requests.abandon import AbandonCampaign
from condorloop.requests.campaign_command import Subjects
from condorloop.requests.command import SenselessRequest, command_of, planned
from condorloop.requests.hold import HoldCampaign
from condorloop.requests.release import ReleaseCampaign
from condorloop.requests.resubmit import ResubmitCampaign
from tests.unit.examples import KEY, START, dag
from tests.unit.requests.subjects import (
    ACTING,
    DONE,
    FAILED,
    NAMES,
    NODES,
    asked,
    asked_of_all,
    remark,
    step,
    subject,
    targets,
)


@pytest.mark.parametrize(
    ("node", "found"),
    [
        ("b001", ["b001"]),
        ("b001/RECO_0000", ["b001/RECO_0000"]),
        ("UPLOAD", ["b001/UPLOAD", "b004/UPLOAD"]),
    ],
)
@pytest.mark.parametrize("kind", [RequestKind.HOLD, RequestKind.RELEASE])
def test_with_a_name_only_that_is_held_or_released_and_the_campaign_goes_on(kind, node, found):
    done = step(kind, node, of=[subject(held_by="bob@node")])
    assert targets(done) == found
    assert not done.whole


@pytest.mark.parametrize("kind", [RequestKind.HOLD, RequestKind.RELEASE])
def test_what_is_not_in_the_queue_is_neither_held_nor_released(kind):
    assert remark(kind, "b002").endswith("b002 is not in the queue: b002 failed")
    assert remark(kind, "b000").endswith("b000: b000 done")


@pytest.mark.parametrize("kind", ACTING)
def test_a_name_that_means_nothing_is_answered_by_what_there_is(kind):
    assert remark(kind, "b009") == (
        "EcalPedestals run398600: no b009; there are b000 done, b001 active, b002 failed,"
        " b003 removed, b004 planned, with RECO_0000, RECO_0001, ALCA_0000, HARVEST, UPLOAD"
    )
    assert remark(kind, "b001/RECO_0007").endswith(
        "no node b001/RECO_0007; b001 has RECO_0000, RECO_0001, ALCA_0000, HARVEST, UPLOAD"
    )


@pytest.mark.parametrize("kind", ACTING)
def test_an_unknown_run_or_calibration_is_answered_by_what_there_is(kind):
    assert remark(kind, of=[]) == (
        "run 398600: no campaign of it is known here; the latest are 398603, 398600"
    )
    assert remark(kind, calibration="BeamSpot") == (
        "run 398600: no campaign of BeamSpot; there are EcalPedestals"
    )


def test_of_several_campaigns_those_that_can_are_acted_on_and_the_others_named():
    closed = subject((DONE,), key=CampaignKey("BeamSpot", 398600), state=CampaignState.COMPLETE)
    planned = asked(RequestKind.HOLD, of=[closed, subject()])
    assert [s.campaign.key.calibration for s in planned.steps] == ["EcalPedestals"]
    assert planned.remarks == ("BeamSpot run398600: it is complete: there is nothing to hold",)


DAGS = st.lists(
    st.builds(
        lambda number, state, failed, who: replace(
            dag(number, state, failed=tuple(sorted(failed))), removed_by=who
        ),
        st.integers(0, 9),
        st.sampled_from([s for s in DagState if s is not DagState.LOST]),
        st.sets(st.sampled_from(NODES)),
        st.sampled_from(["", "alice"]),
    ),
    max_size=6,
    unique_by=lambda d: d.number,
)


SUBJECTS = st.builds(
    lambda dags, state, who: subject(tuple(dags), state=state, held_by=who),
    DAGS,
    st.sampled_from(CampaignState),
    st.sampled_from(["", "bob@node"]),
)


@given(SUBJECTS, st.sampled_from(ACTING), st.sampled_from(NAMES), st.booleans())
def test_a_request_comes_to_a_step_on_the_right_dags_or_to_one_remark(of, kind, node, flag):
    planned = asked(kind, node, of=[of], include_quarantined=flag, running=flag)
    assert len(planned.steps) + len(planned.remarks) == 1
    assert all(remark.startswith(f"{of.campaign.key}: ") for remark in planned.remarks)
    for each in planned.steps:
        assert str(each).startswith(f"{of.campaign.key}: ")
        match each:
            case ResubmitCampaign():
                assert {d.state for d in each.dags} <= {DagState.FAILED, DagState.REMOVED}
                assert not of.campaign.held_by
            case HoldCampaign() | ReleaseCampaign():
                assert all(t.dag.in_flight for t in each.targets)
                assert each.targets or each.whole
                assert not (each.whole and node)
            case AbandonCampaign():
                assert all(d.in_flight or d.state is DagState.FAILED for d in each.dags)
                assert each.dags or each.whole
                assert not (each.whole and node)


@given(SUBJECTS, st.sampled_from([RequestKind.HOLD, RequestKind.ABANDON]))
def test_what_was_cut_short_after_it_was_written_down_comes_to_the_same_again(of, kind):
    first = asked(kind, of=[of])
    again = asked(kind, of=[replace(of, campaign=replace(of.campaign, held_by="alice@node"))])
    assert list(map(str, first.steps)) == list(map(str, again.steps))


OTHER = CampaignKey("BeamSpot", 398600)


@pytest.mark.parametrize("kind", ACTING)
@pytest.mark.parametrize("node", ["b000", "RECO_0001", "b000/RECO_0001"])
def test_a_name_where_there_is_no_dag_is_answered_by_that(kind, node):
    empty = subject(())
    assert remark(kind, node, of=[empty]) == (
        f"EcalPedestals run398600: no {node}; it has no DAG yet"
    )


def test_a_name_with_too_many_parts_is_answered_by_what_there_is():
    assert remark(RequestKind.HOLD, "b001/RECO/0000").startswith(
        "EcalPedestals run398600: no b001/RECO/0000; there are b000 done"
    )


def test_a_run_without_a_campaign_is_answered_even_where_nothing_is_known_at_all():
    request = Request(RequestKind.HOLD, 7)
    planned = command_of(RequestKind.HOLD).plan_of(request, Subjects([]))
    assert planned.remarks == ("run 7: no campaign of it is known here",)


def test_all_calibrations_of_a_run_are_named_where_the_one_asked_for_is_not_among_them():
    there = [subject(), subject(key=OTHER)]
    assert remark(RequestKind.HOLD, of=there, calibration="SiStripBad") == (
        "run 398600: no campaign of SiStripBad; there are EcalPedestals, BeamSpot"
    )


@pytest.mark.parametrize("kind", ACTING)
def test_an_archived_campaign_can_be_looked_at_alone(kind):
    assert remark(kind, of=[subject(archived=True)]) == (
        "EcalPedestals run398600: it is archived: it can be looked at,"
        " and nothing more is done for it"
    )


def test_a_calibration_without_an_open_campaign_is_held_and_released_all_the_same():
    to_come = "EcalPedestals: hold each campaign that is latched from now on"
    assert asked_of_all(RequestKind.HOLD).words == (to_come,)
    to_come = "EcalPedestals: hold no campaign that is latched from now on, as bob@node wanted"
    assert asked_of_all(RequestKind.RELEASE, held_by="bob@node").words == (to_come,)


@pytest.mark.parametrize("kind", [RequestKind.RESUBMIT, RequestKind.ABANDON])
def test_what_else_is_asked_of_a_calibration_changes_nothing_for_campaigns_to_come(kind):
    steps = asked_of_all(kind, subject((FAILED,)), held_by="bob@node").steps
    assert [s.about for s in steps] == [KEY]
    assert asked_of_all(kind).remarks == ("EcalPedestals: no campaign of it is open",)


WHICH_RUN = (
    "which RUN? Without one it is about all open campaigns of the calibrations that -c names,"
    " and takes no --node"
)


@pytest.mark.parametrize("kind", ACTING)
def test_without_a_run_it_is_about_a_calibration_and_no_node(kind):
    validate = command_of(kind).validate
    validate(Request(kind, ALL_RUNS, "BeamSpot"))
    for request in (Request(kind, ALL_RUNS), Request(kind, ALL_RUNS, "BeamSpot", "b003")):
        with pytest.raises(SenselessRequest) as raised:
            validate(request)
        assert str(raised.value) == WHICH_RUN


def test_an_option_of_another_command_is_senseless_here():
    with pytest.raises(SenselessRequest, match="release takes no running"):
        command_of(RequestKind.RELEASE).validate(Request(RequestKind.RELEASE, 7, running=True))


def test_with_a_run_and_a_calibration_no_other_run_is_meant(place):
    place.ledger.campaigns.set_state(place.campaign.id, CampaignState.COMPLETE, "done", START)
    place.ledger.dags.ended(place.dag.id, None, START)
    held = planned(place.ledger, Request(RequestKind.HOLD, KEY.run, KEY.calibration))
    assert held.remarks == (f"{KEY}: it is complete: there is nothing to hold",)


def test_where_a_run_is_unknown_the_ledger_names_the_latest(place):
    held = planned(place.ledger, Request(RequestKind.HOLD, 7))
    assert held.remarks == (f"run 7: no campaign of it is known here; the latest are {KEY.run}",)


def test_who_holds_a_calibration_the_ledger_says(place):
    place.ledger.campaigns.hold_calibration(KEY.calibration, "bob@node", START)
    released = planned(place.ledger, Request(RequestKind.RELEASE, ALL_RUNS, KEY.calibration))
    assert "as bob@node wanted" in released.words[0]
