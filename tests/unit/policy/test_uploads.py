"""When a payload that was not sent is sent, and by which rule it is waited for no more."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.model.campaign import Alcareco, Statistics, Unsent
from condorloop.model.enums import (
    CampaignState,
    DagState,
    HeldFor,
    Synchronisation,
    UploadOutcome,
    Verdict,
)
from condorloop.model.lumis import Lumis
from condorloop.policy import planner
from condorloop.policy.closure import is_settled, verdict
from condorloop.policy.planner import SubmitBatch, SubmitUpload
from condorloop.policy.uploads import (
    PAUSE,
    awaited,
    best_unsent,
    is_rejected,
    turn_of,
    what_keeps,
    why_upload,
)
from tests.unit.examples import KEY, START, alone, calibration, campaign, dag, waiting

CALIBRATION = calibration()
AFTER = START + PAUSE


def unsent(harvest=3, lumis=40, outcome=UploadOutcome.HELD, **changes):
    """A payload that its UPLOAD did not send."""
    fields = {"held_for": HeldFor.PERSON} if outcome is UploadOutcome.HELD else {}
    holds = Statistics(Lumis.span(1, lumis), 100 * lumis)
    told = {"answer": "bob holds uploads", "answered_at": START, **fields, **changes}
    return Unsent(harvest, outcome, holds, **told)


def with_unsent(*payloads, **changes):
    return replace(campaign(run_end=START, last_ls=40), unsent=payloads, **changes)


def sender(number, harvest, state=DagState.ACTIVE):
    return replace(dag(number, state), batch=None, harvests=False, sends=harvest)


def due(the_campaign, now=AFTER):
    found = why_upload(now, the_campaign)
    return found and found[0].harvest


def test_what_a_person_held_is_sent_when_nobody_holds_uploads_any_more():
    assert due(with_unsent(unsent(), uploads_held_by="bob")) is None
    assert due(with_unsent(unsent())) == 3


def test_of_several_only_the_best_is_sent():
    assert due(with_unsent(unsent(0, 20), unsent(1, 40), unsent(2, 40), unsent(3, 30))) == 2


def test_what_holds_less_than_the_database_is_not_sent():
    assert due(with_unsent(unsent(lumis=39), in_payload=Lumis.span(1, 40))) is None
    assert due(with_unsent(unsent(lumis=40), in_payload=Lumis.span(1, 40))) == 3


@pytest.mark.parametrize("state", [DagState.PLANNED, DagState.ACTIVE, DagState.FAILED])
def test_what_has_a_dag_that_sends_it_gets_no_other_one(state):
    assert due(with_unsent(unsent(), dags=(sender(5, 3, state),))) is None
    assert due(with_unsent(unsent(), dags=(dag(3, state),))) is None
    assert due(with_unsent(unsent(), dags=(sender(5, 2, state),))) == 3


def test_it_is_not_tried_again_at_once():
    assert due(with_unsent(unsent()), START + PAUSE - 1) is None


def test_the_gate_is_not_asked_again_without_a_person_s_word():
    held = unsent(held_for=HeldFor.GATE, answer="33 % of channels changed")
    assert due(with_unsent(held)) is None
    assert due(with_unsent(replace(held, decided=Verdict.APPROVED))) == 3
    assert due(with_unsent(replace(held, decided=Verdict.REJECTED))) is None


def test_a_pending_one_waits_for_older_runs_but_not_for_ever():
    pending = unsent(outcome=UploadOutcome.PENDING, answer="run 398599 comes first")
    waits = closing(pending, older_open=(398599,))
    assert due(waits) is None
    assert due(closing(pending)) == 3
    assert due(waits, START + CALIBRATION.uploads.order_wait) == 3


@pytest.mark.parametrize(
    "more",
    [
        {"state": CampaignState.ACTIVE},
        {"dags": (dag(7),)},
        {"dags": (dag(7, DagState.PLANNED),)},
        {"unharvested": {4: Alcareco(START)}},
        {"again": waiting(1)},
    ],
)
def test_a_pending_one_waits_for_the_last_payload_of_its_run(more):
    pending = unsent(outcome=UploadOutcome.PENDING)
    assert due(closing(pending)) == 3
    assert due(replace(closing(pending), **more)) is None


@pytest.mark.parametrize(
    ("synchronisation", "waits"),
    [("hlt", False), ("express", False), ("offline", True), ("runmc", True), (None, True)],
)
def test_only_where_sinces_are_appended_an_older_run_comes_first(synchronisation, waits):
    known = Synchronisation(synchronisation) if synchronisation else None
    record = CALIBRATION.harvest.records[0].model_copy(update={"synchronisation": known})
    harvest = CALIBRATION.harvest.model_copy(update={"upload": record})
    configured = CALIBRATION.model_copy(update={"harvest": harvest})
    pending = closing(unsent(outcome=UploadOutcome.PENDING), older_open=(398599,))
    actions = planner.decide_reconstruction(AFTER, alone(pending), {KEY.calibration: configured})
    sent = [action for action in actions if isinstance(action, SubmitUpload)]
    assert bool(sent) is not waits
    assert all(action.turn for action in sent)


@pytest.mark.parametrize(
    ("rescues", "window", "comes"),
    [
        (0, CALIBRATION.closing.buffer, False),
        (CALIBRATION.rescues.max_rescues, CALIBRATION.closing.buffer, True),
        (0, 10.0, True),
    ],
)
def test_a_dag_that_failed_is_waited_for_as_long_as_it_is_run_again(rescues, window, comes):
    """Its files are to be in the one payload that a tag takes of a run."""
    failed = dag(5, DagState.FAILED, failed=("RECO_0000",), ended_at=AFTER, rescues=rescues)
    times = CALIBRATION.closing.model_copy(update={"buffer": window})
    configured = CALIBRATION.model_copy(update={"closing": times})
    pending = closing(unsent(outcome=UploadOutcome.PENDING), dags=(failed,))
    assert bool(turn_of(configured)(AFTER, pending, pending.unsent[0])) is comes
    late = START + configured.uploads.order_wait
    assert turn_of(configured)(late, pending, pending.unsent[0])


def test_the_order_can_be_told_by_whoever_knows_it():
    pending = with_unsent(unsent(outcome=UploadOutcome.PENDING))
    assert why_upload(AFTER, pending, lambda *_: None) is None
    assert why_upload(AFTER, pending, lambda *_: "its turn") == (
        pending.unsent[0],
        "harvestJob003: its turn",
    )


def test_a_lesser_one_is_sent_if_the_better_one_was_rejected_and_it_was_approved():
    better = unsent(4, 80, held_for=HeldFor.REJECTED)
    lesser = unsent(3, 40, held_for=HeldFor.GATE)
    assert awaited(with_unsent(lesser, better)) is None
    approved = replace(lesser, decided=Verdict.APPROVED)
    assert due(with_unsent(approved, better)) == 3


def test_its_dag_goes_with_a_batch_and_takes_no_room():
    full = tuple(dag(i) for i in range(10, 10 + CALIBRATION.batching.max_active_dags - 1))
    busy = with_unsent(unsent(), dags=full, waiting=waiting(500))
    actions = planner.decide_reconstruction(AFTER + 60, alone(busy), {KEY.calibration: CALIBRATION})
    assert [type(a) for a in actions] == [SubmitUpload, SubmitBatch]
    sending = replace(busy, dags=(*full, sender(5, 3)))
    configured = {KEY.calibration: CALIBRATION}
    actions = planner.decide_reconstruction(AFTER + 60, alone(sending), configured)
    assert [type(a) for a in actions] == [SubmitBatch]


def test_a_held_campaign_sends_nothing():
    held = with_unsent(unsent(), held_by="bob")
    assert planner.decide_reconstruction(AFTER, alone(held), {KEY.calibration: CALIBRATION}) == []


def closing(*payloads, **changes):
    return with_unsent(*payloads, state=CampaignState.CLOSING, seen=Lumis.span(1, 40), **changes)


def settled(the_campaign, now=AFTER):
    return is_settled(now, the_campaign, CALIBRATION.closing, CALIBRATION)


def test_a_campaign_waits_for_what_is_not_sent_until_its_window_ends():
    assert settled(closing())
    waits = closing(unsent(held_for=HeldFor.GATE))
    assert not settled(waits)
    assert settled(waits, START + CALIBRATION.closing.buffer)


def test_nothing_is_waited_for_that_was_rejected():
    assert settled(closing(unsent(held_for=HeldFor.REJECTED)))
    assert settled(closing(unsent(held_for=HeldFor.GATE, decided=Verdict.REJECTED)))


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (unsent(held_for=HeldFor.GATE, answer="33 % changed"), "harvestJob003 is held: 33 %"),
        (
            unsent(held_for=HeldFor.GATE, decided=Verdict.REJECTED, answer="33 % changed"),
            "harvestJob003 is rejected: 33 % changed",
        ),
        (
            unsent(outcome=UploadOutcome.PENDING, answer="run 398599 comes first"),
            "harvestJob003 waits for its turn: run 398599 comes first",
        ),
    ],
)
def test_a_closed_campaign_is_incomplete_and_names_what_was_not_sent(payload, words):
    all_of = {"harvested": Lumis.span(1, 40), "in_payload": Lumis.span(1, 38)}
    state, why = verdict(AFTER, closing(payload, **all_of), CALIBRATION.closing)
    assert state is CampaignState.INCOMPLETE
    assert words in why


def test_who_holds_uploads_is_named():
    held = with_unsent(unsent(), uploads_held_by="bob@node")
    assert what_keeps(held, held.unsent[0]) == (
        "harvestJob003 is not uploaded: bob@node holds uploads"
    )


PAYLOADS = st.lists(
    st.builds(
        unsent,
        harvest=st.integers(0, 6),
        lumis=st.integers(1, 50),
        outcome=st.sampled_from([UploadOutcome.PENDING, UploadOutcome.HELD]),
        held_for=st.sampled_from([None, *HeldFor]),
        decided=st.sampled_from([None, *Verdict]),
        answered_at=st.floats(START - 60, START + 60),
    ),
    max_size=5,
    unique_by=lambda u: u.harvest,
)
DAGS = st.lists(
    st.builds(sender, st.integers(7, 12), st.integers(0, 6), st.sampled_from(DagState)), max_size=3
)


@given(PAYLOADS, DAGS, st.integers(0, 60), st.booleans(), st.sampled_from(["", "harvestJob000"]))
def test_nothing_is_sent_twice_nor_against_a_person_s_word(payloads, dags, known, held, restored):
    it = with_unsent(
        *payloads,
        dags=tuple(dags),
        in_payload=Lumis.span(1, known) if known else Lumis(),
        uploads_held_by="bob" if held else "",
        restored=restored,
    )
    found = why_upload(AFTER, it)
    if found is None:
        return
    sent, why = found
    assert why
    assert not held
    assert not is_rejected(sent)
    assert not (restored and sent.held_for is HeldFor.RESTORED)
    assert sent.harvest not in {d.harvest for d in dags}
    assert len(sent.holds.lumis) >= known
    if sent.held_for is HeldFor.GATE and sent.outcome is UploadOutcome.HELD:
        assert sent.decided is Verdict.APPROVED
    better = [u for u in payloads if u.rank > sent.rank]
    gives_way = {u.harvest for u in better if restored and u.held_for is HeldFor.RESTORED}
    assert all(is_rejected(u) or u.harvest in gives_way for u in better)
    assert not settled(replace(it, state=CampaignState.CLOSING, dags=()))


@given(PAYLOADS)
def test_what_is_closed_over_an_unsent_payload_is_never_complete(payloads):
    it = closing(*payloads, harvested=Lumis.span(1, 40), in_payload=Lumis.span(1, 40))
    state, why = verdict(AFTER, it, CALIBRATION.closing)
    best = best_unsent(it)
    assert (state is CampaignState.COMPLETE) == (best is None)
    assert best is None or f"harvestJob{best.harvest:03d}" in why
