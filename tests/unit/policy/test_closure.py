"""When a campaign is over and what it has come to, with a made-up clock."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.config.tuning import Closing
from condorloop.model.enums import CampaignState, DagState, NoPayloadCause
from condorloop.model.lumis import Lumis
from condorloop.model.no_payload import NoPayload
from condorloop.policy.closure import is_settled, missing_lumis, verdict, why_closing
from tests.unit.examples import START, calibration, campaign, dag, waiting

CLOSING = Closing()
HOUR = 3600.0
QUIET = {"run_end": START, "listed_at": START + CLOSING.quiet_time}
SETTLED = {"run_end": START, "listed_at": START + CLOSING.settle_time}
WHOLE = Lumis.span(1, 50)


def why(of, at=HOUR):
    return why_closing(START + at, of, CLOSING)


def closed(of, at=HOUR):
    return verdict(START + at, of, CLOSING)


def over(**more):
    """A campaign of 50 LS that did something and is about to be closed."""
    return replace(campaign(last_ls=50, seen=WHOLE), dag_count=1, **more)


def test_no_campaign_closes_while_files_are_probed():
    assert why(campaign(**SETTLED, last_ls=50, seen=WHOLE))
    assert why(campaign(**SETTLED, last_ls=50, seen=WHOLE, probing=1)) is None


def test_a_run_without_its_first_lumisection_is_not_covered():
    assert why(campaign(**QUIET, last_ls=50, seen=WHOLE)) == (
        "the run has ended, every LS is covered, nothing new for 60 s"
    )
    assert why(campaign(**QUIET, last_ls=50, seen=Lumis.span(2, 50))) is None


def test_a_run_of_which_no_last_lumisection_is_known_is_covered_by_no_file():
    assert why(campaign(**QUIET, last_ls=None, seen=Lumis.span(1, 1))) is None
    assert why(campaign(**SETTLED, last_ls=None, seen=Lumis.span(1, 1))) == (
        "the run has ended, nothing new for 1800 s"
    )


def test_it_is_said_how_long_the_window_was():
    assert why(campaign(), at=CLOSING.buffer) == "the window of 8 h is over"


def test_a_campaign_that_was_asked_for_closes_when_nothing_waits_or_is_probed():
    again = campaign(asked_at=START + 20 * HOUR)
    assert why(again, at=20 * HOUR) == "nothing is left to begin of what was asked for"
    assert why(replace(again, probing=1), at=20 * HOUR) is None
    assert why(replace(again, waiting=waiting(1)), at=20 * HOUR) is None


@pytest.mark.parametrize(
    "under_way",
    [{"probing": 1}, {"waiting": waiting(1)}, {"dags": (dag(0),)}],
    ids=["probes", "files", "a DAG"],
)
def test_nothing_is_settled_while_files_or_dags_are_under_way(under_way):
    configured = calibration()
    assert is_settled(START + HOUR, campaign(), CLOSING, configured)
    assert not is_settled(START + HOUR, campaign(**under_way), CLOSING, configured)
    assert not is_settled(START + HOUR, campaign(**under_way), CLOSING, None)


def test_a_run_of_which_no_lumisection_is_known_is_never_complete():
    state, reason = closed(replace(campaign(last_ls=None), dag_count=1))
    assert state is CampaignState.INCOMPLETE
    assert reason == "0 of 0 LS missing"


@pytest.mark.parametrize(
    ("harvested", "state"),
    [(48, CampaignState.COMPLETE), (47, CampaignState.INCOMPLETE)],
)
def test_as_many_lumisections_as_are_tolerated_may_be_missing_and_no_more(harvested, state):
    most = Lumis.span(1, harvested)
    assert closed(over(harvested=most, in_payload=most))[0] is state


def test_the_first_lumisection_can_be_missing_like_any_other():
    rest = Lumis.span(2, 50)
    assert missing_lumis(over(harvested=rest, in_payload=rest)) == Lumis.span(1, 1)
    assert closed(over(harvested=rest, in_payload=rest))[1] == "1 of 50 LS missing (1)"


def test_what_is_missing_in_the_payload_alone_is_named_as_harvested():
    assert closed(over(harvested=WHOLE, in_payload=Lumis.span(2, 50)))[1] == (
        "1 of 50 LS missing (1), all of them harvested"
    )
    assert closed(over(harvested=Lumis.span(1, 20), in_payload=Lumis.span(3, 50)))[1] == (
        "2 of 50 LS missing (1-2), all of them harvested"
    )
    assert closed(over(harvested=Lumis.span(2, 20), in_payload=Lumis.span(3, 50)))[1] == (
        "2 of 50 LS missing (1-2), 1 of them harvested (2)"
    )


FEW = NoPayload(NoPayloadCause.STATISTICS, "Not Enough Events")


def test_a_campaign_without_a_payload_closes_so_in_the_words_of_the_harvester():
    assert closed(over(harvested=WHOLE, no_payload=FEW)) == (
        CampaignState.NO_PAYLOAD,
        "50 of 50 LS missing (1-50), all of them harvested; no payload:"
        " statistics: Not Enough Events",
    )


def test_a_campaign_whose_payload_nobody_knows_of_is_incomplete():
    state, reason = closed(over(harvested=WHOLE))
    assert state is CampaignState.INCOMPLETE
    assert reason.endswith("; no payload was uploaded")


def test_holes_in_what_was_harvested_count_more_than_the_lack_of_a_payload():
    assert closed(over(harvested=Lumis.span(1, 47), no_payload=FEW))[0] is CampaignState.INCOMPLETE
    assert closed(over(harvested=Lumis.span(1, 48), no_payload=FEW))[0] is CampaignState.NO_PAYLOAD


def test_an_earlier_payload_does_not_make_a_campaign_complete_that_it_covers_little_of():
    state, reason = closed(over(harvested=WHOLE, in_payload=Lumis.span(1, 10), no_payload=FEW))
    assert state is CampaignState.INCOMPLETE
    assert reason == (
        "40 of 50 LS missing (11-50), all of them harvested;"
        " the last harvest made no payload: statistics: Not Enough Events"
    )


LUMIS = st.builds(Lumis.of, st.sets(st.integers(1, 50)))
CAUSES = st.none() | st.builds(NoPayload, st.sampled_from(NoPayloadCause))


@given(LUMIS, LUMIS, CAUSES, st.none() | st.just(398601))
def test_a_campaign_is_complete_only_with_a_payload_of_the_whole_run(
    harvested, in_payload, no_payload, younger
):
    of = over(
        harvested=harvested | in_payload,
        in_payload=in_payload,
        no_payload=no_payload,
        overtaken_by=younger,
    )
    state, reason = closed(of)
    assert (state is CampaignState.COMPLETE) == (len(in_payload) >= 48 and younger is None)
    if state is CampaignState.NO_PAYLOAD:
        assert not in_payload
        assert str(no_payload) in reason


def test_where_nothing_is_missing_no_lumisection_is_named():
    assert closed(over(harvested=WHOLE, in_payload=WHOLE)) == (
        CampaignState.COMPLETE,
        "0 of 50 LS missing",
    )


def test_all_files_that_are_in_no_payload_are_named():
    without = over(harvested=WHOLE, in_payload=WHOLE, quarantined=("/eos/a.root", "/eos/b.root"))
    assert closed(without)[1] == "0 of 50 LS missing; quarantined: a.root, b.root"


def test_each_failed_node_is_named_and_a_dag_that_ended_without_any():
    failed = dag(0, DagState.FAILED, failed=("RECO_0001", "ALCA_0000"))
    silent = dag(1, DagState.FAILED)
    state, reason = closed(over(harvested=WHOLE, in_payload=WHOLE, dags=(failed, silent)))
    assert state is CampaignState.INCOMPLETE
    assert reason == (
        "b000 RECO_0001 failed, b000 ALCA_0000 failed, b001 failed without a result;"
        " 0 of 50 LS missing"
    )


def test_a_lost_dag_leaves_nothing_undone():
    lost = over(harvested=WHOLE, in_payload=WHOLE, dags=(dag(0, DagState.LOST),))
    assert closed(lost)[0] is CampaignState.COMPLETE


def test_a_campaign_expires_only_if_nothing_was_done_in_its_window():
    assert closed(campaign(last_ls=50), at=8 * HOUR) == (
        CampaignState.EXPIRED,
        "the window ended before anything was done",
    )
    assert closed(over(), at=8 * HOUR)[0] is CampaignState.INCOMPLETE
    assert closed(campaign(last_ls=50), at=HOUR)[0] is CampaignState.INCOMPLETE
