"""Requests are carried out and answered; what was cut short or met a silent schedd is repeated."""

import pytest

from condorloop.ledger.connection import Connection
from condorloop.model.enums import CampaignState, RequestKind
from condorloop.model.queue import JobSelector
from condorloop.model.request import ALL_RUNS
from tests.unit.examples import KEY, RUN, START
from tests.unit.requests.place import OTHER
from tests.unit.requests.subjects import ACTING


@pytest.mark.parametrize("later", [RequestKind.HOLD, RequestKind.ABANDON], ids=str)
def test_a_later_request_does_not_overtake_one_that_waits(place, later):
    """What a person asked for last holds in the end: the campaign is not reopened after that."""
    place.answered(RequestKind.ABANDON)
    first, second = place.leave(RequestKind.RESUBMIT), place.leave(later)
    place.handle()
    assert (place.answer(first), place.answer(second)) == (None, None)
    place.ledger.dags.ended(place.dag.id, [], START + 70, "alice@node")
    place.handle()
    assert place.answer(first)[0]
    assert place.answer(second)[0]
    assert (place.campaign.state is CampaignState.ABANDONED) == (later is RequestKind.ABANDON)
    assert bool(place.campaign.held_by) == (later is RequestKind.HOLD)


@pytest.mark.parametrize(
    "kind", [RequestKind.HOLD, RequestKind.RELEASE, RequestKind.ABANDON], ids=str
)
def test_a_request_waits_for_a_schedd_that_does_not_answer(place, kind):
    place.pool.silent = True
    number = place.leave(kind)
    place.handle()
    place.handle()
    assert place.answer(number) is None
    place.pool.silent = False
    place.handle()
    assert place.answer(number)[0]


@pytest.mark.parametrize("kind", ACTING, ids=str)
def test_a_request_that_was_cut_short_before_its_answer_is_done_again_and_answered_alike(
    place, kind, monkeypatch
):
    def dies(*_):
        raise KeyboardInterrupt

    if kind is RequestKind.RESUBMIT:
        place.ledger.dags.ended(place.dag.id, [], START + 10)
    number = place.leave(kind)
    with monkeypatch.context() as cut:
        cut.setattr(place.ledger.requests, "answer", dies)
        with pytest.raises(KeyboardInterrupt):
            place.handle()
    if kind is RequestKind.ABANDON:
        place.ledger.dags.ended(place.dag.id, [], START + 70, "alice@node")
    place.restart()
    place.handle()
    assert place.answer(number)[0]


def test_what_was_done_for_one_campaign_is_told_though_another_had_to_wait(place):
    stream = place.config.stream_of(OTHER.calibration).raw_path
    place.ledger.campaigns.latch(OTHER, stream, RUN, "running", START)
    place.pool.silent = True
    number = place.leave(RequestKind.ABANDON)
    place.handle()
    assert place.answer(number) is None
    place.pool.silent = False
    place.handle()
    done, words = place.answer(number)
    assert done
    by = "abandoned by alice@node"
    assert words == f"{OTHER}: {by}; {KEY}: {by}; b000 removed"


def test_trouble_with_one_campaign_is_told_and_stops_no_other(place):
    stream = place.config.stream_of(OTHER.calibration).raw_path
    place.ledger.campaigns.latch(OTHER, stream, RUN, "running", START)
    blocked = place.launcher.renderer.run_dir(OTHER)
    blocked.parent.mkdir()
    blocked.write_text("a file where a folder should be")
    done, words = place.answered(RequestKind.ABANDON)
    assert done
    assert f"{KEY}: abandoned by alice@node" in words
    assert f"{OTHER}: FileExistsError" in words
    assert place.campaign.state is CampaignState.ABANDONED


def test_an_unknown_name_is_refused_in_words(place):
    done, words = place.answered(RequestKind.HOLD, "b007")
    assert not done
    assert words.startswith(f"{KEY}: no b007; there are b000 active, with RECO_0000")


@pytest.mark.parametrize("kind", ACTING, ids=str)
def test_options_that_make_no_sense_are_answered_and_nothing_is_done(place, kind):
    done, words = place.answered(kind, run=ALL_RUNS)
    assert not done
    assert words.startswith("which RUN?")
    assert place.pool.told == []


def test_what_the_version_before_left_is_carried_out_and_answered(place):
    """It wrote one flag for both, and the words of what it had begun."""
    with Connection(place.ledger.path, "rw") as db:
        db.execute(
            "INSERT INTO request (kind, run, calibration, everything, made_by, made_at, answer)"
            " VALUES ('hold', ?, NULL, 1, 'alice@node', 1, 'begin no DAG')",
            (KEY.run,),
        )
    [request] = place.ledger.requests.waiting()
    assert (request.running, request.include_quarantined) == (True, False)
    place.handle()
    assert place.answer(request.id)[0]
    assert place.campaign.held_by == "alice@node"
    assert JobSelector(f"ledger/{KEY.calibration}/{KEY.run}/0", running=True) in [
        jobs for _, jobs, _ in place.pool.told
    ]


def test_what_was_done_is_logged_with_who_asked_for_it(place, caplog):
    caplog.set_level("INFO")
    place.answered(RequestKind.HOLD)
    assert f"{KEY}: held by alice@node; 4 jobs of b000 put on hold, requested by alice@node" in (
        caplog.messages
    )
