"""When a piece goes up: in time before its lumisections leave the buffer, and no earlier."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.model.campaign import Statistics, Unsent
from condorloop.model.enums import CampaignState, DagState, HeldFor, Synchronisation, UploadOutcome
from condorloop.model.latency import LUMISECTION
from condorloop.model.lumis import Lumis
from condorloop.policy import planner
from condorloop.policy.piece_due import AGAIN, BEFORE, last_gone, times, why_piece
from condorloop.policy.planner import SubmitUpload
from tests.unit.examples import KEY, START, alone, calibration, campaign, dag

HOUR = 3600.0
DUE = START + 8 * HOUR - BEFORE
"""When the first lumisection is one hour from leaving the buffer."""


def synchronised(synchronisation):
    known = Synchronisation(synchronisation)
    configured = calibration()
    record = configured.harvest.records[0].model_copy(update={"synchronisation": known})
    harvest = configured.harvest.model_copy(update={"upload": record, "more_uploads": ()})
    return configured.model_copy(update={"harvest": harvest})


HLT, OFFLINE = synchronised("hlt"), synchronised("offline")


def pending(lumis, harvest=3, **changes):
    holds = Statistics(Lumis.parse(lumis), 100)
    told = {"answered_at": START + HOUR, "outcome": UploadOutcome.PENDING, **changes}
    return Unsent(harvest, holds=holds, **told)


def running(*unsent, **changes):
    """A run that goes on for hours, with payloads that wait for its end."""
    told = {"by_lumi": True, "run_start": START, "state": CampaignState.ACTIVE, **changes}
    return replace(campaign(run_end=None, last_ls=1000), unsent=unsent, **told)


def due(now, the_campaign, configured=HLT):
    found = why_piece(now, the_campaign, configured)
    return found and (found.unsent.harvest, found.gone)


def sender(number, *state, **changes):
    """An upload DAG of an earlier payload."""
    return replace(dag(number, *state), batch=None, harvests=False, **{"sends": 2, **changes})


def test_a_piece_is_due_an_hour_before_its_first_lumisection_leaves_the_buffer():
    waits = running(pending("1-900"))
    assert due(DUE - 1, waits) is None
    assert due(DUE + 1, waits) == (3, 0)
    found = why_piece(DUE + 1, waits, HLT)
    assert found.reason == "harvestJob003: a piece, LS 1 leave the buffer within 60 min"


def test_of_a_shorter_buffer_it_is_a_part_of_it():
    closing = HLT.closing.model_copy(update={"buffer": 80.0})
    short = HLT.model_copy(update={"closing": closing})
    waits = running(pending("1-900", answered_at=START))
    assert due(START + 69, waits, short) is None
    assert due(START + 71, waits, short) == (3, 0)


def test_what_was_sent_is_not_due_again():
    served = running(pending("1-900"), in_payload=Lumis.span(1, 880))
    assert due(DUE + 1, served) is None
    assert due(DUE + 881 * LUMISECTION, served) == (3, 804)


def test_a_lumisection_that_lacks_keeps_those_behind_it_for_half_of_the_time():
    lacks = running(pending("2-900"))
    assert due(DUE + LUMISECTION, lacks) is None
    assert due(DUE + BEFORE / 2 + 1, lacks) == (3, 1)
    behind = running(pending("1-20,31-900"), in_payload=Lumis.span(1, 20))
    given_up = DUE + BEFORE / 2 + 20 * LUMISECTION + 1
    assert due(given_up - 2, behind) is None
    assert due(given_up, behind) == (3, 21)


def test_one_that_comes_after_what_was_sent_keeps_nothing_back():
    late = running(pending("1-900"), in_payload=Lumis.parse("1-4,6-880"))
    assert due(DUE + LUMISECTION * 5, late) is None
    assert due(DUE + 881 * LUMISECTION, late) == (3, 804)


def test_another_piece_of_a_payload_waits_a_while():
    sent = pending("1-900", answered_at=DUE, in_pieces=True)
    assert due(DUE + AGAIN - 1, running(sent)) is None
    assert due(DUE + AGAIN, running(sent)) == (3, 0)
    fresh = pending("1-900", answered_at=DUE)
    assert due(DUE + 1, running(fresh)) == (3, 0)


@pytest.mark.parametrize(
    "changes",
    [
        {"by_lumi": False},
        {"uploads_held_by": "bob"},
        {"unsent": ()},
        {"unsent": (pending("1-900", outcome=UploadOutcome.HELD, held_for=HeldFor.GATE),)},
        {"dags": (sender(7, sends=3),)},
        {"dags": (sender(7),)},
        {"dags": (dag(3, DagState.FAILED),)},
        {"dags": (sender(7, DagState.FAILED, upload=UploadOutcome.REFUSED),)},
    ],
)
def test_it_is_not_due(changes):
    assert due(DUE + 60, replace(running(pending("1-900")), **changes)) is None


def test_one_that_failed_otherwise_keeps_no_later_one():
    failed = sender(7, DagState.FAILED, upload=UploadOutcome.FAILED)
    assert due(DUE + 60, running(pending("1-900"), dags=(failed,))) == (3, 0)


def test_a_younger_run_waits_for_older_ones_only_where_sinces_are_appended():
    waits = running(pending("1-900"), older_open=(KEY.run - 1,))
    assert due(DUE + 60, waits, HLT) == (3, 0)
    assert due(DUE + 60, waits, OFFLINE) is None
    first = START + HOUR
    assert due(first + OFFLINE.uploads.order_wait, waits, OFFLINE) == (3, 232)


def test_the_planner_sends_it_and_at_the_run_s_end_the_rest():
    waits = running(pending("1-900"))
    [sent] = planner.decide_reconstruction(DUE + 60, alone(waits), {KEY.calibration: HLT})
    assert isinstance(sent, SubmitUpload)
    assert (sent.harvest, sent.turn, sent.piece) == (3, False, 0)
    over = replace(waits, state=CampaignState.CLOSING, run_end=DUE, in_payload=Lumis.span(1, 880))
    [rest] = planner.decide_reconstruction(DUE + 60, alone(over), {KEY.calibration: HLT})
    assert (rest.harvest, rest.turn, rest.piece) == (3, True, None)


def test_a_run_that_ends_before_goes_up_whole():
    over = running(pending("1-900"), state=CampaignState.CLOSING, run_end=DUE - HOUR)
    [sent] = planner.decide_reconstruction(DUE - HOUR + 60, alone(over), {KEY.calibration: HLT})
    assert (sent.turn, sent.piece) == (True, None)


@given(
    st.floats(0, 12 * HOUR),
    st.lists(st.integers(1, 1200), max_size=4),
    st.integers(0, 1100),
    st.booleans(),
)
def test_whoever_looks_at_the_times_that_it_names_misses_nothing(after, lacking, sent, in_pieces):
    """Between two of these times nothing becomes due by the clock alone."""
    lumis = Lumis.span(1, 1200) - Lumis.of(lacking)
    payload = replace(pending("1"), holds=Statistics(lumis, 100), in_pieces=in_pieces)
    waits = running(payload, in_payload=Lumis.span(1, sent))
    now = START + after
    following = min((t for t in times(now, waits, HLT) if t > now), default=now + HOUR)
    if due(now, waits) is None and following - now > 0.02:
        assert due(following - 0.01, waits) is None


@given(st.floats(0, 30 * HOUR))
def test_what_is_still_in_time_for_a_harvest_is_awaited(after):
    gone = last_gone(START + after, campaign(), HLT.closing)
    until = START + after + BEFORE / 2 - 8 * HOUR
    assert gone == 0 or START + (gone - 1) * LUMISECTION <= until + 1e-3
    assert START + gone * LUMISECTION >= until - 1e-3
