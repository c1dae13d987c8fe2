"""A payload by lumisection that goes up in pieces: what is settled of it before the run's end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from condorloop.model.enums import TagOutcome, UploadOutcome
from condorloop.model.lumis import Lumis
from condorloop.model.user_text import UserText
from condorloop.node.job_output.payload_db import PayloadError, cut_iovs, iovs
from condorloop.node.uploads.believed import of_run
from condorloop.node.uploads.upload import upload
from condorloop.rundir.durable import read_json
from condorloop.rundir.layout import PERMANENT, UPLOAD_RECORD
from condorloop.services.conditions import TagAnswer, UploadAnswer
from tests.unit.node_examples import rewritten
from tests.unit.upload_examples import LATE, METADATA, TAG, TRIAL, harvest_of, record

SILENT = TagAnswer(TagOutcome.NOT_NAMED, "cut")
KNOWN = UploadAnswer(UploadOutcome.NO_ANSWER, "Error from uploading: was uploaded before", True)


def lumi(*numbers):
    return [398600 << 32 | n for n in numbers]


@pytest.fixture
def calibration(calibration):
    calibration.since, calibration.synchronisation = "iov", "offline"
    return calibration


def sends(dag, piece=None):
    """Let an upload DAG send a piece, or all that is left where none is named."""
    code = upload(rewritten(dag, piece=piece, turn=piece is None))
    return code, record(dag)["outcome"]


def sent_by(dag):
    """The pieces that the record of a payload has: first and last LS, and whether it was taken."""
    [told] = record(dag)["destinations"]
    pieces = told.get("pieces", [])
    return [(p["iovs"][0]["since"] & 0xFFFF, p["through"], not p["unanswered"]) for p in pieces]


def test_a_piece_goes_up_and_then_the_rest(calibration, tool):
    dag = calibration.harvest(lumis=("1-45",), sinces=lumi(1, 21, 41))
    assert upload(dag) == 0
    assert tool.sent == []
    assert sends(dag, piece=0) == (0, "pending")
    assert tool.sinces == [lumi(1, 21)]
    assert sent_by(dag) == [(1, 40, True)]
    assert record(dag)["answer"] == "LS 1-40 went up; the rest waits for the end of the run"
    assert sends(dag, piece=0) == (0, "pending")
    assert len(tool.sent) == 1
    assert sends(dag) == (0, "uploaded")
    assert tool.sinces == [lumi(1, 21), lumi(41)]
    assert sent_by(dag) == [(1, 40, True), (41, 45, True)]
    assert sends(dag) == (0, "uploaded")
    assert len(tool.sent) == 2


def test_without_a_piece_a_run_goes_up_whole_as_ever(calibration, tool):
    dag = calibration.harvest(lumis=("1-45",), sinces=lumi(1, 21, 41))
    assert sends(dag) == (0, "uploaded")
    assert tool.sinces == [lumi(1, 21, 41)]
    assert sent_by(dag) == []


@pytest.mark.parametrize("synchronisation", ["hlt", "express", "prompt", "pcl", "offline", "runmc"])
def test_every_tag_that_takes_a_run_once_takes_pieces(calibration, tool, synchronisation):
    calibration.synchronisation = synchronisation
    dag = calibration.harvest(lumis=("1-45",), sinces=lumi(1, 21, 41))
    assert sends(dag, piece=0) == (0, "pending")
    assert tool.sinces == [lumi(1, 21)]


@pytest.mark.parametrize("synchronisation", ["any", "validation"])
def test_where_it_is_stated_again_it_goes_up_whole(calibration, tool, synchronisation):
    calibration.synchronisation = synchronisation
    dag = calibration.harvest(lumis=("1-45",), sinces=lumi(1, 21, 41))
    assert sends(dag, piece=0) == (0, "uploaded")
    assert tool.sinces == [lumi(1, 21, 41)]


def test_nothing_goes_up_where_nothing_is_settled_or_the_tag_is_filled_once(calibration, tool):
    dag = calibration.harvest(lumis=("2-45",), sinces=lumi(2, 22, 42))
    assert sends(dag, piece=0) == (0, "pending")
    assert record(dag)["answer"].startswith("nothing of it is settled; ")
    calibration.synchronisation = "mc"
    dag = calibration.harvest(lumis=("46-60",), sinces=lumi(2, 22, 42))
    assert sends(dag, piece=1) == (0, "pending")
    assert tool.sent == []


def test_a_later_harvest_sends_what_is_behind_the_pieces_of_earlier_ones(calibration, tool):
    first = calibration.harvest(lumis=("2-45",), sinces=lumi(2, 22, 42))
    assert sends(first, piece=1) == (0, "pending")
    late = calibration.harvest(lumis=("1,46-90",), sinces=lumi(1, 21, 51, 71))
    assert sends(late, piece=0) == (0, "pending")
    last = calibration.harvest(lumis=("91-100",), sinces=lumi(1, 21, 51, 73, 93))
    assert sends(last) == (0, "uploaded")
    assert tool.sinces == [lumi(2, 22), lumi(42, 51), lumi(71, 73, 93)]
    made = {i.since: i.hash for i in iovs(harvest_of(late) / "promptCalibConditions.db")}
    found = {i.since: i.hash for i in iovs(harvest_of(late) / "NGTCalibEcalPedestals.db")}
    assert found == {lumi(42)[0]: made[lumi(21)[0]], lumi(51)[0]: made[lumi(51)[0]]}
    [told] = of_run(first.run_dir, [METADATA]).destinations.values()
    assert sorted(iov.since for iov in told.sent) == lumi(2, 22, 42, 51, 71, 73, 93)
    assert {iov.harvest for iov in told.sent} == {f"harvestJob00{n}" for n in range(3)}
    assert not told.unanswered


def test_the_rest_can_be_nothing(calibration, tool):
    first = calibration.harvest(lumis=("2-45",), sinces=lumi(2, 22, 42))
    assert sends(first, piece=43) == (0, "pending")
    assert sends(first) == (0, "uploaded")
    assert (tool.sinces, sent_by(first)) == ([lumi(2, 22, 42)], [(2, 45, True)])
    # of one that has more before what was sent, nothing is in the tag
    calibration.tags = (TRIAL,)
    first = calibration.harvest(lumis=("46-60",), sinces=lumi(2, 22, 42))
    assert sends(first, piece=60) == (0, "pending")
    late = calibration.harvest(lumis=("1",), sinces=lumi(1, 21, 41))
    assert sends(late) == (0, "superseded")
    assert len(tool.sent) == 2
    [told] = [d for d in record(late)["destinations"] if d["tag"] == TRIAL]
    assert told["answer"] == "its LS to 60 went up before"


def test_behind_a_run_that_went_up_whole_goes_what_came_later_alone(calibration, tool):
    """Its IOVs would begin among those that are there, and some of these would stay in force."""
    whole = calibration.harvest(lumis=("1-30",), sinces=lumi(1, 21))
    assert sends(whole) == (0, "uploaded")
    late = calibration.harvest(lumis=("31-50",), sinces=lumi(1, 16, 36))
    assert sends(late) == (0, "uploaded")
    assert tool.sinces == [lumi(1, 21), lumi(31, 36)]
    assert sent_by(late) == [(31, 50, True)]


def test_what_is_missing_before_the_end_of_what_went_up_whole_stays_out(calibration, tool):
    whole = calibration.harvest(lumis=("1-4,6-30",), sinces=lumi(1, 21))
    assert sends(whole) == (0, "uploaded")
    late = calibration.harvest(lumis=("5",), sinces=lumi(1, 21))
    assert sends(late) == (0, "superseded")
    assert record(late)["answer"] == "its LS to 30 went up before"
    assert len(tool.sent) == 1


def test_a_piece_without_an_answer_is_asked_for_again_in_the_same_file_and_words(calibration, tool):
    dag = calibration.harvest(lumis=("1-45",), sinces=lumi(1, 21, 41))
    tool.says = [{TAG: replace(SILENT, unanswered=True)}]
    assert sends(dag, piece=0) == (1, "no answer")
    assert sent_by(dag) == [(1, 40, False)]
    sent, words = harvest_of(dag) / "NGTCalibEcalPedestals.db", harvest_of(dag) / METADATA
    before = sent.read_bytes(), words.read_bytes()
    tool.says = [KNOWN]
    # at the run's turn, too, it is what was asked for before that is settled first
    assert sends(dag) == (0, "uploaded")
    assert tool.sinces == [lumi(1, 21), lumi(1, 21), lumi(41)]
    assert sent_by(dag) == [(1, 40, True), (41, 45, True)]
    cut_iovs(
        harvest_of(dag) / "promptCalibConditions.db",
        sent,
        TAG,
        [(i.since, i.hash) for i in iovs(harvest_of(dag) / "promptCalibConditions.db")][:2],
    )
    assert sent.read_bytes() == before[0]
    assert UserText.parse(read_json(words)["userText"]).lumis == Lumis.span(1, 45)


def test_a_later_payload_asks_for_it_again_before_its_own_piece(calibration, tool):
    first = calibration.harvest(lumis=("1-45",), sinces=lumi(1, 21, 41))
    tool.says = [{TAG: replace(SILENT, unanswered=True)}]
    assert sends(first, piece=0) == (1, "no answer")
    later = calibration.harvest(lumis=("46-90",), sinces=lumi(1, 25, 51, 71))
    tool.says = [{TAG: replace(SILENT, unanswered=True)}]
    assert sends(later, piece=0) == (1, "no answer")
    tool.says = [KNOWN]
    assert sends(later, piece=0) == (0, "pending")
    assert tool.sinces == [lumi(1, 21), lumi(1, 21), lumi(1, 21), lumi(41, 51)]
    assert sent_by(later) == [(1, 40, True), (41, 70, True)]
    # what it has found out is not asked again
    assert sends(first, piece=0) == (0, "pending")
    assert len(tool.sent) == 4


def test_a_piece_that_is_refused_is_not_there(calibration, tool):
    dag = calibration.harvest(lumis=("1-45",), sinces=lumi(1, 21, 41))
    tool.says = [{TAG: LATE}]
    assert sends(dag, piece=0) == (PERMANENT, "refused")
    assert sent_by(dag) == []
    assert sends(dag, piece=0) == (PERMANENT, "refused")
    assert len(tool.sent) == 1


def test_a_younger_run_of_which_a_piece_is_in_keeps_an_older_one_out(calibration, tool):
    calibration.synchronisation = "hlt"
    older = calibration.harvest(lumis=("1-45",), sinces=lumi(1, 21, 41))
    assert sends(older, piece=0) == (0, "pending")
    younger = calibration.harvest(
        run=398601, lumis=("1-45",), sinces=[398601 << 32 | n for n in (1, 21, 41)]
    )
    assert sends(younger, piece=0) == (0, "pending")
    assert sends(older) == (0, "superseded")
    assert record(older)["overtaken_by"] == 398601
    assert len(tool.sent) == 2


def test_a_piece_is_cut_from_the_payload_alone(calibration, tool, tmp_path):
    dag = calibration.harvest(lumis=("1-45",), sinces=lumi(1, 21, 41))
    source, target = harvest_of(dag) / "promptCalibConditions.db", tmp_path / "cut.db"
    with pytest.raises(PayloadError, match="no payload nonsense"):
        cut_iovs(source, target, TAG, [(lumi(1)[0], "nonsense")])
    with pytest.raises(PayloadError, match="gone"):
        cut_iovs(tmp_path / "none.db", target, TAG, [])
    assert not target.exists()
    assert (harvest_of(dag) / UPLOAD_RECORD).exists() is False
