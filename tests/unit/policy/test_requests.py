"""What people's requests come to: which campaigns, DAGs and jobs are meant, and in which words."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.model.campaign import CampaignKey, DagOutline
from condorloop.model.enums import Artifact, CampaignState, DagState, RequestKind
from condorloop.model.request import ALL_RUNS, Request
from condorloop.policy.requests import (
    Abandon,
    Hold,
    Plan,
    Release,
    Resubmit,
    Subject,
    plan,
    unknown,
)
from tests.unit.examples import START, campaign, dag

DONE, RUNS, FAILED, REMOVED, PLANNED = (
    dag(0, DagState.DONE),
    dag(1),
    dag(2, DagState.FAILED, failed=("RECO_0001", "HARVEST")),
    replace(dag(3, DagState.REMOVED), removed_by="alice"),
    dag(4, DagState.PLANNED),
)
ALL = (DONE, RUNS, FAILED, REMOVED, PLANNED)
NODES = ("RECO_0000", "RECO_0001", "ALCA_0000", "HARVEST", "UPLOAD")
ACTING = [k for k in RequestKind if k is not RequestKind.CLEANUP]
NAMES = [None, "RECO_0009", "b009", "", "/", "b001/", "b001/RECO_0000", "RECO_0001"]


def subject(dags=ALL, **changes):
    """A campaign with these DAGs; of those that are done the ledger gives only the outline."""
    undone = tuple(d for d in dags if d.state is not DagState.DONE)
    outline = tuple(DagOutline(d.label, d.state, NODES) for d in dags)
    return Subject(replace(campaign(dags=undone), **changes), outline)


def asked(kind, node=None, *, of=None, everything=False, calibration=None, reason="", accept=False):
    """The acts and remarks that a request comes to."""
    request = Request(
        1,
        kind,
        398600,
        calibration,
        node,
        everything,
        "alice@node",
        START,
        reason,
        accept_destination=accept,
    )
    return plan(request, [subject()] if of is None else of, runs=[398603, 398600])


def asked_of_all(kind, *subjects, **held):
    """What is asked of all runs of a calibration comes to."""
    request = Request(1, kind, ALL_RUNS, "EcalPedestals", None, False, "alice@node", START)
    return plan(request, subjects, **held)


def act(kind, node=None, **more):
    [only] = asked(kind, node, **more).acts
    return only


def remark(kind, node=None, **more):
    planned = asked(kind, node, **more)
    assert planned.acts == ()
    [only] = planned.remarks
    return only


def labels(resubmit):
    return [d.label for d in resubmit.dags]


def targets(act):
    return [str(t) for t in act.targets]


def test_what_failed_or_was_removed_runs_again_and_nothing_that_is_under_way():
    again = act(RequestKind.RESUBMIT)
    assert labels(again) == ["b002", "b003"]
    assert not again.files
    assert str(again) == (
        "EcalPedestals run398600: run again b002 (RECO_0001, HARVEST), b003 (removed by alice)"
    )


@pytest.mark.parametrize(
    ("node", "found"),
    [
        ("RECO_0001", ["b002"]),
        ("b002/RECO_0001", ["b002"]),
        ("b002", ["b002"]),
        ("b003", ["b003"]),
    ],
)
def test_a_name_narrows_to_the_dags_in_which_that_node_failed(node, found):
    assert labels(act(RequestKind.RESUBMIT, node)) == found


@pytest.mark.parametrize("node", ["RECO_0000", "b001", "b002/ALCA_0000"])
def test_what_did_not_fail_does_not_run_again(node):
    assert remark(RequestKind.RESUBMIT, node).endswith(f"{node} did not fail")


def test_files_that_were_given_up_are_touched_only_on_request():
    again = act(RequestKind.RESUBMIT, everything=True)
    assert again.files
    assert "give files that were given up another try" in str(again)


def test_resubmit_takes_an_abandoned_campaign_up_again_even_if_nothing_failed():
    abandoned = subject((DONE,), state=CampaignState.ABANDONED)
    assert isinstance(act(RequestKind.RESUBMIT, of=[abandoned]), Resubmit)
    assert "nothing of it failed" in remark(RequestKind.RESUBMIT, of=[subject((DONE,))])


def test_a_held_campaign_is_to_be_released_before_it_is_resubmitted():
    said = remark(RequestKind.RESUBMIT, of=[subject(held_by="bob@node")])
    assert "bob@node holds it; first condorloop release 398600 -c EcalPedestals" in said


@pytest.mark.parametrize("kept", [Artifact.ALCARECO, Artifact.DAGS, Artifact.RUNS])
def test_what_was_cleaned_up_cannot_run_again(kept):
    cleaned = subject(cleaned=frozenset([kept, Artifact.LOGS]))
    assert f"its {kept} were cleaned up" in remark(RequestKind.RESUBMIT, of=[cleaned])


def test_without_reco_and_logs_a_campaign_can_run_again():
    cleaned = subject(cleaned=frozenset([Artifact.RECO, Artifact.LOGS]))
    assert labels(act(RequestKind.RESUBMIT, of=[cleaned])) == ["b002", "b003"]


def test_hold_stops_the_campaign_and_what_is_in_flight():
    hold = act(RequestKind.HOLD)
    assert hold.whole
    assert targets(hold) == ["b001", "b004"]
    assert str(hold) == (
        "EcalPedestals run398600: begin no DAG, rescue or harvest;"
        " hold the jobs that do not run yet of b001, b004"
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
    done = act(kind, node, of=[subject(held_by="bob@node")])
    assert targets(done) == found
    assert not done.whole


@pytest.mark.parametrize("kind", [RequestKind.HOLD, RequestKind.RELEASE])
def test_what_is_not_in_the_queue_is_neither_held_nor_released(kind):
    assert remark(kind, "b002").endswith("b002 is not in the queue: b002 failed")
    assert remark(kind, "b000").endswith("b000: b000 done")


def test_a_closed_campaign_has_nothing_to_hold():
    closed = subject((DONE,), state=CampaignState.COMPLETE)
    assert remark(RequestKind.HOLD, of=[closed]).endswith(
        "it is complete: there is nothing to hold"
    )


def test_release_lets_a_held_campaign_go_on():
    released = act(RequestKind.RELEASE, of=[subject((DONE,), held_by="bob@node")])
    assert released.whole
    assert "nothing of it is on hold" in remark(RequestKind.RELEASE, of=[subject((DONE,))])


def test_abandon_removes_what_is_in_flight_and_gives_the_campaign_up():
    given_up = act(RequestKind.ABANDON, reason="wrong menu")
    assert given_up.whole
    assert labels(given_up) == ["b001", "b004"]
    assert str(given_up) == (
        "EcalPedestals run398600: give it up; remove b001, b004 from the queue"
    )


def test_a_single_dag_can_be_abandoned_and_a_single_node_cannot():
    assert labels(act(RequestKind.ABANDON, "b001")) == ["b001"]
    failed = act(RequestKind.ABANDON, "b002")
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
    assert [a.campaign.key.calibration for a in planned.acts] == ["EcalPedestals"]
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
def test_a_request_comes_to_an_act_on_the_right_dags_or_to_one_remark(of, kind, node, everything):
    planned = asked(kind, node, of=[of], everything=everything)
    assert len(planned.acts) + len(planned.remarks) == 1
    assert all(remark.startswith(f"{of.campaign.key}: ") for remark in planned.remarks)
    for act in planned.acts:
        assert str(act).startswith(f"{of.campaign.key}: ")
        match act:
            case Resubmit():
                assert {d.state for d in act.dags} <= {DagState.FAILED, DagState.REMOVED}
                assert not of.campaign.held_by
            case Hold() | Release():
                assert all(t.dag.in_flight for t in act.targets)
                assert act.targets or act.whole
                assert not (act.whole and node)
            case Abandon():
                assert all(d.in_flight or d.state is DagState.FAILED for d in act.dags)
                assert act.dags or act.whole
                assert not (act.whole and node)


@given(SUBJECTS, st.sampled_from([RequestKind.HOLD, RequestKind.ABANDON]))
def test_what_was_cut_short_after_it_was_written_down_comes_to_the_same_again(of, kind):
    first = asked(kind, of=[of])
    again = asked(kind, of=[replace(of, campaign=replace(of.campaign, held_by="alice@node"))])
    assert list(map(str, first.acts)) == list(map(str, again.acts))


OTHER = CampaignKey("BeamSpot", 398600)


@pytest.mark.parametrize("kind", ACTING)
@pytest.mark.parametrize("node", ["b000", "RECO_0001", "b000/RECO_0001"])
def test_a_name_where_there_is_no_dag_is_answered_by_that(kind, node):
    empty = subject(())
    assert remark(kind, node, of=[empty]) == (
        f"EcalPedestals run398600: no {node}; it has no DAG yet"
    )


def test_of_many_dags_and_nodes_the_first_and_the_last_are_named():
    nodes = tuple(f"RECO_{i:04d}" for i in range(8))
    three = {f"b{i:03d}": DagOutline(f"b{i:03d}", DagState.DONE, nodes) for i in range(3)}
    assert unknown("b009", three) == (
        "no b009; there are b000 … b002 done, with RECO_0000 … RECO_0007"
    )
    two = {label: three[label] for label in ("b000", "b001")}
    assert unknown("b009", two).startswith("no b009; there are b000, b001 done")
    four = three | {"b003": DagOutline("b003", DagState.DONE, nodes)}
    assert unknown("b009", four).startswith("no b009; there are b000 … b003 done")


def test_a_name_with_too_many_parts_is_answered_by_what_there_is():
    assert remark(RequestKind.HOLD, "b001/RECO/0000").startswith(
        "EcalPedestals run398600: no b001/RECO/0000; there are b000 done"
    )


def test_a_run_without_a_campaign_is_answered_even_where_nothing_is_known_at_all():
    request = Request(1, RequestKind.HOLD, 7, None, None, False, "alice@node", START)
    assert plan(request, []).remarks == ("run 7: no campaign of it is known here",)


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


def test_a_resubmission_says_all_that_it_does():
    closed = subject((FAILED,), state=CampaignState.INCOMPLETE)
    assert str(act(RequestKind.RESUBMIT, of=[closed], everything=True)) == (
        "EcalPedestals run398600: run again b002 (RECO_0001, HARVEST);"
        " give files that were given up another try; reopen the campaign, which is incomplete"
    )
    abandoned = subject((DONE,), state=CampaignState.ABANDONED)
    assert str(act(RequestKind.RESUBMIT, of=[abandoned])) == (
        "EcalPedestals run398600: reopen the campaign, which is abandoned"
    )
    silent = subject((dag(5, DagState.FAILED),))
    assert str(act(RequestKind.RESUBMIT, of=[silent])) == (
        "EcalPedestals run398600: run again b005 (it ended without a result)"
    )


def test_another_destination_is_taken_only_on_request():
    assert act(RequestKind.RESUBMIT).accept_destination is False
    assert act(RequestKind.RESUBMIT, accept=True).accept_destination is True


def test_where_nothing_failed_it_is_said():
    assert remark(RequestKind.RESUBMIT, of=[subject((RUNS,))]) == (
        "EcalPedestals run398600: nothing of it failed"
    )


def test_all_that_was_cleaned_up_and_is_needed_is_named():
    cleaned = subject(cleaned=frozenset([Artifact.DAGS, Artifact.ALCARECO]))
    assert remark(RequestKind.RESUBMIT, of=[cleaned]) == (
        "EcalPedestals run398600: it cannot be run again: its alcareco, dags were cleaned up"
    )


def test_a_hold_says_whether_jobs_that_run_are_held_and_whether_the_campaign_is():
    assert str(act(RequestKind.HOLD, "b001", everything=True)) == (
        "EcalPedestals run398600: hold all jobs of b001"
    )
    assert str(act(RequestKind.HOLD, "b001")) == (
        "EcalPedestals run398600: hold the jobs that do not run yet of b001"
    )
    assert act(RequestKind.HOLD).running is False
    assert str(act(RequestKind.HOLD, of=[subject(())])) == (
        "EcalPedestals run398600: begin no DAG, rescue or harvest"
    )


def test_a_release_says_who_held_the_campaign_and_whose_jobs_go_on():
    held = subject(held_by="bob@node")
    assert str(act(RequestKind.RELEASE, of=[held])) == (
        "EcalPedestals run398600: go on, which bob@node holds; release all held jobs of b001, b004"
    )
    assert str(act(RequestKind.RELEASE, "b001", of=[held])) == (
        "EcalPedestals run398600: release all held jobs of b001"
    )
    assert remark(RequestKind.RELEASE, of=[subject((DONE,))]) == (
        "EcalPedestals run398600: nothing of it is on hold"
    )


def test_what_is_abandoned_keeps_the_reason_that_a_person_gave():
    assert act(RequestKind.ABANDON, reason="wrong menu").reason == "wrong menu"
    one = act(RequestKind.ABANDON, "b002", reason="wrong menu")
    assert (one.reason, one.whole) == ("wrong menu", False)
    assert str(one) == "EcalPedestals run398600: do not rescue b002"


def test_all_dags_that_are_not_rescued_any_more_are_named():
    both = (FAILED, dag(5, DagState.FAILED))
    assert str(Abandon(campaign(dags=both), both, whole=False, reason="")) == (
        "EcalPedestals run398600: do not rescue b002, b005"
    )


def test_an_open_campaign_without_a_dag_in_flight_can_be_abandoned():
    assert act(RequestKind.ABANDON, of=[subject((FAILED,))]).whole
    assert str(act(RequestKind.ABANDON, of=[subject(())])) == (
        "EcalPedestals run398600: give it up"
    )
    complete = subject((DONE,), state=CampaignState.COMPLETE)
    assert remark(RequestKind.ABANDON, of=[complete]) == (
        "EcalPedestals run398600: it is complete: there is nothing to abandon"
    )


def test_a_calibration_is_held_with_its_open_campaigns_and_those_to_come():
    held = asked_of_all(RequestKind.HOLD, subject())
    assert [type(a) for a in held.acts] == [Hold]
    assert held.words == (
        "EcalPedestals: hold each campaign that is latched from now on",
        "EcalPedestals run398600: begin no DAG, rescue or harvest;"
        " hold the jobs that do not run yet of b001, b004",
    )


def test_a_calibration_without_an_open_campaign_is_held_and_released_all_the_same():
    to_come = "EcalPedestals: hold each campaign that is latched from now on"
    assert asked_of_all(RequestKind.HOLD) == Plan((), (), to_come)
    to_come = "EcalPedestals: let each run that comes go on, which bob@node holds"
    assert asked_of_all(RequestKind.RELEASE, held_by="bob@node") == Plan((), (), to_come)


def test_a_calibration_that_is_held_already_is_held_once():
    again = asked_of_all(RequestKind.HOLD, subject(), held_by="bob@node")
    assert again.standing == ""
    assert [type(a) for a in again.acts] == [Hold]
    assert asked_of_all(RequestKind.HOLD, held_by="bob@node") == Plan(
        (), ("EcalPedestals: no campaign of it is open",)
    )


def test_the_campaigns_of_a_calibration_that_is_not_held_are_released_one_by_one():
    released = asked_of_all(RequestKind.RELEASE, subject(held_by="bob@node"))
    assert released.standing == ""
    assert [type(a) for a in released.acts] == [Release]
    assert asked_of_all(RequestKind.RELEASE, subject((DONE,))) == Plan(
        (), ("EcalPedestals run398600: nothing of it is on hold",)
    )


@pytest.mark.parametrize("kind", [RequestKind.RESUBMIT, RequestKind.ABANDON])
def test_what_else_is_asked_of_a_calibration_changes_nothing_for_campaigns_to_come(kind):
    assert asked_of_all(kind, subject(), held_by="bob@node").standing == ""
    assert len(asked_of_all(kind, subject((FAILED,))).acts) == 1
    assert asked_of_all(kind).remarks == ("EcalPedestals: no campaign of it is open",)
