"""What calibrations get that share RECO and ALCA, and what none of them keeps from others."""

from dataclasses import replace
from functools import cache

import pytest

from condorloop.model.campaign import (
    Alcareco,
    CampaignKey,
    Reconstruction,
    ReconstructionKey,
    Statistics,
)
from condorloop.model.enums import CampaignState, DagState, NodeState, UploadOutcome
from condorloop.model.lumis import Lumis
from condorloop.model.shared_dag import seen_by_one
from condorloop.policy.closure import is_settled
from condorloop.policy.dag_limits import share
from condorloop.policy.planner import (
    Rescue,
    SetState,
    SubmitBatch,
    SubmitHarvest,
    SubmitUpload,
    decide_reconstruction,
)
from tests.unit.examples import RUN, START, campaign, dag, waiting
from tests.unit.express import STREAM, express_config

HOUR = 3600.0
NAMES = ("SiPixelLA", "SiPixelQuality", "SiStripQuality")


@cache
def configured():
    return express_config(NAMES).calibrations


def of(name, number, **changes):
    """The campaign of one calibration of the stream."""
    key = CampaignKey(name, RUN.number)
    return replace(campaign(**changes), id=number, key=key, stream=STREAM)


def reconstruction(*campaigns, dags=()):
    return Reconstruction(
        id=1,
        key=ReconstructionKey(STREAM, RUN.number),
        campaigns=campaigns,
        dags=tuple(dags),
        fill_type="PROTONS",
        l1_hlt_mode="collisions2026",
    )


def everybody(**changes):
    return [of(name, i, **changes) for i, name in enumerate(NAMES, 1)]


def decided(*campaigns, at=60.0, dags=()):
    found = reconstruction(*campaigns, dags=dags)
    return decide_reconstruction(START + at, found, configured())


def test_files_go_into_one_batch_whose_alcareco_are_made_for_all():
    [batch] = decided(*everybody(waiting=waiting(3)))
    assert isinstance(batch, SubmitBatch)
    assert batch.made_for == NAMES
    assert [c.key.calibration for c in batch.harvested_for] == list(NAMES)


def test_a_calibration_whose_campaign_is_to_come_has_its_share_of_the_batch():
    [batch] = decided(*everybody(waiting=waiting(3))[:2])
    assert batch.made_for == NAMES
    assert [c.key.calibration for c in batch.harvested_for] == list(NAMES[:2])


def test_a_run_of_another_kind_is_made_for_nobody_that_does_not_want_it():
    campaigns = everybody(waiting=waiting(3))[:1]
    cosmics = replace(reconstruction(*campaigns), fill_type=None, l1_hlt_mode="cosmics2026")
    [batch] = decide_reconstruction(START + 60, cosmics, configured())
    assert batch.made_for == NAMES[:1]


def test_one_that_was_given_up_or_is_switched_off_has_no_share():
    first, second, third = everybody(waiting=waiting(3))
    given_up = replace(second, state=CampaignState.ABANDONED)
    known = {n: c for n, c in configured().items() if n != third.key.calibration}
    found = reconstruction(first, given_up, third)
    actions = decide_reconstruction(START + 60, found, known)
    [batch] = [a for a in actions if isinstance(a, SubmitBatch)]
    assert batch.made_for == NAMES[:1]


def test_one_that_is_held_still_gets_its_alcareco_and_is_not_harvested():
    first, *others = everybody(waiting=waiting(3))
    [batch] = decided(replace(first, held_by="me"), *others)
    assert batch.made_for == NAMES
    assert [c.key.calibration for c in batch.harvested_for] == list(NAMES[1:])


def test_reconstruction_stops_when_a_person_holds_the_last_of_its_campaigns():
    assert decided(*(replace(c, held_by="me") for c in everybody(waiting=waiting(3)))) == []


def test_each_harvests_by_its_own_growth():
    eager, sated, other = everybody(waiting=waiting(10))
    sated = replace(sated, harvested=Lumis.span(1, 500), events_harvested=10**6)
    [batch] = decided(eager, sated, other)
    names = [c.key.calibration for c in batch.harvested_for]
    assert names == [eager.key.calibration, other.key.calibration]


def failed_batch(**changes):
    return replace(dag(0, DagState.FAILED, ended_at=START), **changes)


def test_reco_that_failed_is_rescued_once_whoever_shares_it():
    failed = failed_batch(failed_nodes=("RECO_0000",))
    campaigns = [replace(c, dags=(failed,), listed_at=START + HOUR) for c in everybody()]
    actions = decided(*campaigns, at=HOUR, dags=[failed])
    assert [type(a) for a in actions] == [Rescue]


HARVEST, UPLOAD = f"HARVEST_{NAMES[0]}", f"UPLOAD_{NAMES[0]}"
ALL_DONE = {HARVEST: NodeState.DONE, UPLOAD: NodeState.DONE}


def seen(state=DagState.ACTIVE, *, made=True, taken_over=False, failed=(), **nodes):
    whole = replace(dag(0, state, ended_at=START), made=made, failed_nodes=tuple(failed))
    states = {HARVEST: NodeState(nodes["harvest"]), UPLOAD: NodeState(nodes["upload"])}
    return seen_by_one(whole, states, taken_over)


@pytest.mark.parametrize("state", [DagState.ACTIVE, DagState.FAILED])
def test_who_is_done_with_a_dag_does_not_see_it_whatever_others_have_left(state):
    assert seen(state, harvest="done", upload="done", failed=["HARVEST_SiStripQuality"]) is None


def test_the_failure_of_another_calibration_is_not_ones_own():
    mine = seen(harvest="waiting", upload="waiting", failed=["HARVEST_SiStripQuality"])
    assert mine.failed_nodes == ()
    assert mine.in_flight


def test_a_harvest_that_failed_is_answered_while_the_dag_goes_on_with_others():
    mine = seen(harvest="failed", upload="waiting", failed=[HARVEST])
    assert (mine.state, mine.failed_nodes) == (DagState.FAILED, (HARVEST,))
    assert seen(harvest="failed", upload="waiting", failed=[HARVEST], taken_over=True) is None


def test_until_reco_and_alca_are_done_a_dag_is_the_same_to_all():
    mine = seen(DagState.FAILED, made=False, harvest="waiting", upload="waiting", failed=["ALCA_0"])
    assert (mine.state, mine.made, mine.failed_nodes) == (DagState.FAILED, False, ("ALCA_0",))


def unharvested():
    return {0: Alcareco(START, Statistics(Lumis.span(1, 5), 100), 0)}


def after_harvest():
    """A campaign whose HARVEST failed in a batch's DAG of which RECO and ALCA are done."""
    mine = failed_batch(made=True, failed_nodes=(HARVEST,), harvest_inputs=frozenset({0}))
    made = of(NAMES[0], 1, dags=(mine,), run_end=START + 1)
    return replace(made, unharvested=unharvested())


def test_a_harvest_that_failed_is_made_by_a_harvest_dag_and_rescues_no_batch():
    broken = after_harvest()
    others = everybody(run_end=START + 1)[1:]
    [harvest] = decided(broken, *others, dags=broken.dags)
    assert isinstance(harvest, SubmitHarvest)
    assert harvest.campaign.key.calibration == NAMES[0]


@pytest.mark.parametrize("outcome", [UploadOutcome.NO_ANSWER, UploadOutcome.FAILED])
def test_an_upload_that_got_no_answer_is_sent_by_a_dag_of_its_own(outcome):
    mine = failed_batch(made=True, failed_nodes=(UPLOAD,), upload=outcome)
    actions = decided(of(NAMES[0], 1, dags=(mine,)), *everybody()[1:], dags=[mine])
    [sent] = [a for a in actions if isinstance(a, SubmitUpload)]
    assert (sent.campaign.key.calibration, sent.harvest) == (NAMES[0], 0)


def test_an_upload_that_was_refused_waits_for_a_person():
    mine = failed_batch(made=True, failed_nodes=(UPLOAD,), upload=UploadOutcome.REFUSED)
    actions = decided(of(NAMES[0], 1, dags=(mine,)), dags=[mine])
    assert not [a for a in actions if isinstance(a, SubmitUpload | Rescue)]


def test_a_campaign_is_over_whatever_the_others_do():
    """Its own nodes are done: it sees the DAG no more in which another's harvest goes on."""
    whole = Lumis.span(1, 5)
    done = of(
        NAMES[0],
        1,
        state=CampaignState.CLOSING,
        run_end=START,
        last_ls=5,
        seen=whole,
        harvested=whole,
        in_payload=whole,
    )
    busy = replace(dag(0), made=True)
    slow = of(NAMES[1], 2, dags=(busy,), run_end=START, last_ls=5, seen=whole)
    actions = decided(done, slow, at=HOUR, dags=[busy])
    states = {a.campaign.id: a.state for a in actions if isinstance(a, SetState)}
    assert states[1] is CampaignState.COMPLETE


def test_what_only_one_calibration_has_left_takes_no_dags_place():
    busy = replace(dag(0), made=True)
    first, *others = everybody(waiting=waiting(3))
    campaigns = [replace(first, dags=(busy,)), *others]
    found = reconstruction(*campaigns, dags=[busy])
    batch = SubmitBatch(first, (), "files", NAMES)
    assert share([batch], [found], most=1).actions == (batch,)
    assert share([batch], [replace(found, dags=(dag(0),))], most=1).put_off == 1


def test_a_batch_has_the_priority_of_its_stream_and_a_harvest_that_of_its_calibration():
    first, second, _ = campaigns = everybody(waiting=waiting(3))
    found = reconstruction(*campaigns)
    work = [SubmitHarvest(first, "grown"), SubmitHarvest(second, "grown")]
    work += [Rescue(first, replace(dag(7), calibration=NAMES[0]), "failed")]
    own = Rescue(first, replace(dag(8), batch=None, calibration=NAMES[0]), "failed")
    actions = [own, *work]
    by_stream = share(actions, [found], 99, {STREAM: 2, NAMES[1]: 1}).actions
    assert by_stream == (work[2], work[1], own, work[0])
    by_calibration = share(actions, [found], 1, {STREAM: 2, NAMES[0]: 3})
    assert by_calibration.actions == (own,)
    assert by_calibration.put_off == 3


def test_it_is_not_settled_while_an_upload_without_answer_can_be_sent():
    calibration = configured()[NAMES[0]]
    mine = failed_batch(made=True, failed_nodes=(UPLOAD,), upload=UploadOutcome.NO_ANSWER)
    waits = of(NAMES[0], 1, state=CampaignState.CLOSING, run_end=START, dags=(mine,))
    assert not is_settled(START + 60, waits, calibration.closing, calibration)
    refused = replace(mine, upload=UploadOutcome.REFUSED)
    over = replace(waits, dags=(refused,))
    assert is_settled(START + 60, over, calibration.closing, calibration)


def test_who_breaks_what_all_share_is_taken_out_by_name():
    names = ("ALCA_0000", "ALCA_0001")
    failed = failed_batch(failed_nodes=names, culprits={NAMES[1]: 3})
    campaigns = [replace(c, dags=(failed,), listed_at=START + 1) for c in everybody()]
    [rescue] = decided(*campaigns, at=1, dags=[failed])
    assert (rescue.dag, rescue.taken_out) == (failed, (NAMES[1],))
    assert rescue.reason == f"without {NAMES[1]}: what all share breaks by it"


def test_one_attempt_that_names_a_calibration_is_tried_again_with_it():
    failed = failed_batch(failed_nodes=("ALCA_0000",), culprits={NAMES[1]: 1})
    campaigns = [replace(c, dags=(failed,), listed_at=START + HOUR) for c in everybody()]
    [rescue] = decided(*campaigns, at=HOUR, dags=[failed])
    assert rescue.taken_out == ()


def test_what_was_made_without_a_calibration_is_named_when_it_is_closed():
    closed = of(
        NAMES[0],
        1,
        state=CampaignState.CLOSING,
        run_end=START,
        last_ls=10,
        seen=Lumis.span(1, 10),
        harvested=Lumis.span(5, 10),
        in_payload=Lumis.span(5, 10),
    )
    closed = replace(closed, not_made=Lumis.span(1, 4))
    [action] = [a for a in decided(closed, at=HOUR) if isinstance(a, SetState)]
    assert action.state is CampaignState.INCOMPLETE
    assert "4 of 10 LS missing (1-4); LS 1-4 were reconstructed without it" in action.reason


def who_missed(files=2, **changes):
    """A campaign whose missed files wait for it alone."""
    return replace(of(NAMES[2], 3, **changes), again=waiting(files))


OWN_BATCH = replace(dag(1), calibration=NAMES[2])


def batches(actions):
    return [a for a in actions if isinstance(a, SubmitBatch)]


def test_what_one_missed_is_a_batch_for_it_alone_after_that_of_all():
    new = waiting(3)[2:]
    first, second, _ = everybody(waiting=new)
    common, alone = batches(decided(first, second, who_missed(waiting=new)))
    assert (common.made_for, common.again_for) == (NAMES, "")
    assert common.files == (new[0].file,)
    assert (alone.made_for, alone.again_for) == ((NAMES[2],), NAMES[2])
    assert alone.files == tuple(w.file for w in waiting(2))
    assert [c.key.calibration for c in alone.harvested_for] == [NAMES[2]]
    assert alone.reason == f"2 files once more for {NAMES[2]}, which missed them"


def test_it_is_harvested_by_the_growth_of_its_own_files():
    much = {"harvested": Lumis.span(1, 500)}
    first, second, _ = everybody()
    [few] = batches(decided(first, second, who_missed(2, **much)))
    [many] = batches(decided(first, second, who_missed(900, **much)))
    assert few.harvested_for == ()
    assert [c.key.calibration for c in many.harvested_for] == [NAMES[2]]


@pytest.mark.parametrize(
    "changes", [{"held_by": "alice"}, {"state": CampaignState.COMPLETE}, {"dags": (dag(1),) * 9}]
)
def test_what_one_missed_waits_while_it_is_held_closed_or_has_no_room(changes):
    first, second, _ = everybody()
    assert not batches(decided(first, second, replace(who_missed(), **changes)))


def test_the_batch_of_all_takes_no_notice_of_one_for_one_alone():
    new = waiting(1)
    first, second, third = everybody(waiting=new)
    third = replace(third, dags=(OWN_BATCH,), asked_at=START)
    [common] = batches(decided(first, second, third, dags=[OWN_BATCH]))
    assert common.reason == "1 new file and no active DAG"


def test_the_batch_for_one_alone_is_rescued_for_it_and_with_it():
    failed = replace(
        OWN_BATCH,
        state=DagState.FAILED,
        ended_at=START,
        failed_nodes=("ALCA_0000",),
        culprits={NAMES[2]: 3},
    )
    first, second, third = everybody(listed_at=START + HOUR)
    third = replace(third, dags=(failed,))
    [rescue] = decided(first, second, third, at=HOUR, dags=[failed])
    assert (rescue.campaign.key, rescue.dag, rescue.taken_out) == (third.key, failed, ())


def test_a_campaign_is_not_settled_while_it_has_files_to_read_again():
    calibration = configured()[NAMES[2]]
    waits = who_missed(state=CampaignState.CLOSING, run_end=START)
    over = replace(waits, again=())
    settled = [is_settled(START + 60, c, calibration.closing, calibration) for c in (waits, over)]
    assert settled == [False, True]


def test_its_alcareco_wait_for_the_harvest_of_what_it_reads_again():
    ended = {"run_end": START, "unharvested": (0,), "dags": ()}
    first, second, _ = everybody()
    both = who_missed(**ended), replace(who_missed(**ended), again=())
    found = [decided(first, second, c) for c in both]
    assert [any(isinstance(a, SubmitHarvest) for a in actions) for actions in found] == [
        False,
        True,
    ]


def test_harvests_of_one_calibration_take_no_batch_s_place():
    """However many of them there are, and though it is the one whose window ends last."""
    slow = [replace(dag(i), batch=None, calibration=NAMES[0]) for i in range(9)]
    first, *others = everybody(waiting=waiting(3))
    busy = replace(first, dags=tuple(slow), asked_at=START + HOUR)
    actions = decided(busy, *others, dags=slow)
    assert [a.made_for for a in actions if isinstance(a, SubmitBatch)] == [NAMES]
