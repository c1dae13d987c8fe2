"""Where a payload is sent, and where not: each destination is judged by what was sent to it."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from condorloop.model.enums import Synchronisation, TagOutcome, TimeType, UploadOutcome
from condorloop.model.lumis import Lumis
from condorloop.model.tag_content import TagContent, TagIov
from condorloop.model.user_text import UserText
from condorloop.node.dag_context import DagContext
from condorloop.node.job_output.payload_db import PayloadError, add_iovs, iovs
from condorloop.node.uploads.destinations import Destination, locked, note_uploaded, youngest_in
from condorloop.node.uploads.upload import upload
from condorloop.node.uploads.upload_records import younger_run
from condorloop.rundir.durable import read_json, write_json
from condorloop.rundir.layout import (
    ASK_AGAIN,
    DESTINATIONS,
    MANIFEST,
    PERMANENT,
    UPLOAD_RECORD,
    YOUNGEST_RECORD,
)
from condorloop.rundir.records.manifest import Manifest
from condorloop.services.conditions import TagAnswer, UploadAnswer
from condorloop.services.tag_reader import TagUnreadable
from condorloop.testbed.conditions import sqlite_file
from tests.unit.node_examples import rewritten
from tests.unit.upload_examples import (
    LATE,
    METADATA,
    PROD,
    TAG,
    TRIAL,
    harvest_of,
    record,
)

SILENT = TagAnswer(TagOutcome.NOT_NAMED, "cut")


def test_one_tag_refused_is_a_refusal_and_each_tag_is_told(calibration, tool):
    calibration.tags = (TAG, TRIAL)
    dag = calibration.harvest()
    tool.says = [{}, {TRIAL: LATE}]
    assert upload(dag) == PERMANENT
    told = record(dag)
    assert told["outcome"] == "refused"
    assert told["tags"] == {TAG: "uploaded", TRIAL: "failed"}
    assert told["answer"] == f"tag {TRIAL}: too late; tag {TAG}: went in"
    assert [(d["tag"], d["outcome"], d["answer"]) for d in told["destinations"]] == [
        (TAG, "uploaded", "went in"),
        (TRIAL, "failed", "too late"),
    ]


@pytest.mark.parametrize(
    ("synchronisation", "answer", "since"),
    [("any", {}, 398600), ("hlt", {}, None), (None, {}, None), ("pcl", {TAG: LATE}, None)],
)
def test_the_since_is_told_where_the_service_cannot_have_moved_it(
    calibration, tool, synchronisation, answer, since
):
    calibration.synchronisation = synchronisation
    dag = calibration.harvest()
    tool.says = [answer]
    upload(dag)
    [told] = record(dag)["destinations"]
    assert told.get("since") == since
    assert told["sinces"] == [398600]


def test_a_better_payload_still_goes_to_the_tag_that_takes_it(calibration, tool):
    calibration.tags = (TAG, TRIAL)
    first, second = calibration.harvest(), calibration.harvest(lumis=("6-10",))
    tool.says = [{}, {TRIAL: LATE}]
    assert [upload(first), upload(second)] == [PERMANENT, PERMANENT]
    assert [tags for _, tags in tool.sent] == [(TAG,), (TRIAL,), (TAG,)]
    assert record(second)["tags"] == {TAG: "uploaded", TRIAL: "refused before"}
    assert "as harvestJob000 was" in record(second)["answer"]


def test_a_person_s_wish_asks_the_refused_tag_alone_again(calibration, tool):
    calibration.tags = (TAG, TRIAL)
    dag = calibration.harvest()
    tool.says = [{}, {TRIAL: LATE}]
    upload(dag)
    (harvest_of(dag) / ASK_AGAIN).touch()
    assert upload(dag) == 0
    assert [tags for _, tags in tool.sent] == [(TAG,), (TRIAL,), (TRIAL,)]
    assert record(dag)["tags"] == {TAG: "uploaded", TRIAL: "uploaded"}


def test_a_tag_that_was_not_named_is_asked_again_and_no_other(calibration, tool):
    calibration.tags = (TAG, TRIAL)
    dag = calibration.harvest()
    tool.says = [{}, {TRIAL: SILENT}]
    assert upload(dag) == 1
    assert (record(dag)["outcome"], record(dag)["unanswered"]) == ("no answer", True)
    assert record(dag)["tags"] == {TAG: "uploaded", TRIAL: "not named"}
    assert upload(dag) == 0
    assert [tags for _, tags in tool.sent] == [(TAG,), (TRIAL,), (TRIAL,)]
    assert record(dag)["outcome"] == "uploaded"


def test_a_silent_destination_does_not_delay_the_others_and_is_asked_last(calibration, tool):
    calibration.tags = (TAG, TRIAL)
    dag = calibration.harvest()
    cut = UploadAnswer(UploadOutcome.NO_ANSWER, "Error from uploading: cut", unanswered=True)
    tool.says = [cut, cut]
    assert upload(dag) == 1
    assert [tags for _, tags in tool.sent] == [(TAG,), (TRIAL,)]
    tool.says = [{}, cut]
    assert upload(dag) == 1
    assert record(dag)["tags"] == {TAG: "uploaded", TRIAL: "not named"}
    calibration.tags = (TRIAL, TAG)
    upload_settings = dag.settings.upload
    metadata = replace(upload_settings.metadata, tags={TRIAL: {}, "Third": {}, TAG: {}})
    dag = rewritten(dag, upload=replace(upload_settings, metadata=metadata))
    assert upload(dag) == 0
    assert [tags for _, tags in tool.sent[4:]] == [("Third",), (TRIAL,)]


def test_a_destination_that_somebody_else_sends_to_is_served_last(calibration, tool):
    calibration.tags = (TAG, TRIAL)
    dag = calibration.harvest()
    work_dir = dag.run_dir.parent.parent
    dag = rewritten(dag, conditions=replace(dag.settings.conditions, timeout=0.05))
    with locked(work_dir, Destination(PROD, TAG), 0) as other:
        assert other is not None
        assert upload(dag) == 1
    assert [tags for _, tags in tool.sent] == [(TRIAL,)]
    assert record(dag)["tags"] == {TAG: "not named", TRIAL: "uploaded"}
    assert "another upload to it does not end" in record(dag)["answer"]
    assert upload(dag) == 0
    assert [tags for _, tags in tool.sent] == [(TRIAL,), (TAG,)]


def test_a_file_that_the_service_knows_is_in_its_one_tag(calibration, tool):
    dag = calibration.harvest()
    cut = UploadAnswer(UploadOutcome.NO_ANSWER, "Error from uploading: cut", unanswered=True)
    known = UploadAnswer(UploadOutcome.NO_ANSWER, "Error from uploading: was uploaded before", True)
    tool.says = [cut, known]
    assert [upload(dag), upload(dag)] == [1, 0]
    assert record(dag)["tags"] == {TAG: "uploaded"}


def test_an_upload_to_a_trial_tag_says_nothing_of_the_production_tag(calibration, tool):
    worse = calibration.harvest(lumis=("1-3",))
    calibration.tags = (TRIAL,)
    trial = calibration.harvest(lumis=("4-10",))
    assert upload(trial) == 0
    worse = rewritten(worse, uploaded=(Lumis.span(1, 10), 200))  # what the ledger knows
    assert upload(worse) == 0
    assert record(worse)["outcome"] == "uploaded"
    assert [tags for _, tags in tool.sent] == [(TRIAL,), (TAG,)]


def test_a_refusal_of_a_trial_tag_says_nothing_of_the_production_tag(calibration, tool):
    calibration.tags = (TRIAL,)
    trial = calibration.harvest()
    tool.says = [{TRIAL: LATE}]
    assert upload(trial) == PERMANENT
    calibration.tags = (TAG,)
    assert upload(calibration.harvest(lumis=("6-10",))) == 0


def of_the_version_before(dag):
    """Leave the record of an upload as it was before it told of tags."""
    told = {k: v for k, v in record(dag).items() if k not in ("tags", "database", "sinces")}
    write_json(harvest_of(dag) / UPLOAD_RECORD, told)


def test_records_of_the_version_before_are_judged_by_the_metadata_beside(calibration, tool):
    worst = calibration.harvest(lumis=("1-3",))
    worse = calibration.harvest(lumis=("4-6",))
    calibration.tags = (TRIAL,)
    trial = calibration.harvest(lumis=("7-10",))
    calibration.tags = (TAG,)
    for dag in (trial, worse):
        assert upload(dag) == 0
        assert record(dag)["outcome"] == "uploaded"
        of_the_version_before(dag)
    assert upload(worst) == 0
    assert record(worst)["answer"] == "harvestJob001 holds as many LS"


@pytest.mark.parametrize("synchronisation", ["hlt", "express", "prompt", None, "nonsense"])
def test_an_older_run_is_not_sent_after_a_younger_one(calibration, tool, synchronisation):
    calibration.synchronisation = synchronisation
    older, younger = calibration.harvest(398600), calibration.harvest(398601)
    assert [upload(younger), upload(older)] == [0, 0]
    assert [where for where, _ in tool.sent] == ["run398601/harvestJob000"]
    told = record(older)
    assert told["outcome"] == "superseded"
    assert told["answer"] == "superseded by run 398601"
    assert told["tags"] == {TAG: "overtaken"}


@pytest.mark.parametrize("synchronisation", ["any", "validation", "pcl", "mc"])
def test_where_no_since_moves_up_an_older_run_is_sent(calibration, tool, synchronisation):
    calibration.synchronisation = synchronisation
    older, younger = calibration.harvest(398600), calibration.harvest(398601)
    assert [upload(younger), upload(older)] == [0, 0]
    assert record(older)["outcome"] == "uploaded"


@pytest.mark.parametrize("synchronisation", ["offline", "runmc"])
def test_an_upload_to_a_tag_that_is_appended_to_waits_for_its_turn_and_not_in_the_queue(
    calibration, tool, synchronisation
):
    calibration.synchronisation = synchronisation
    first, last = calibration.harvest(), calibration.harvest(lumis=("6-10",))
    assert [upload(first), upload(last)] == [0, 0]
    assert tool.sent == []
    assert [record(dag)["outcome"] for dag in (first, last)] == ["pending", "pending"]
    assert "waits for the end of the run" in record(last)["answer"]
    last = rewritten(last, turn=True)  # as the submitter says
    assert upload(last) == 0
    assert record(last)["outcome"] == "uploaded"
    first = rewritten(first, turn=True)
    assert upload(first) == 0
    assert record(first)["answer"] == "harvestJob001 holds as many LS"
    assert len(tool.sent) == 1


def test_what_waits_in_one_tag_goes_to_the_others_at_once(calibration, tool, monkeypatch):
    """The synchronisation that a tag has itself counts, not what the manifest says."""
    calibration.tags = (TAG, TRIAL)
    dag = calibration.harvest()
    offline = TagContent.of(TAG, TimeType.RUN, Synchronisation.OFFLINE, [])
    reads(monkeypatch, {TAG: offline})
    assert upload(dag) == 0
    assert [tags for _, tags in tool.sent] == [(TRIAL,)]
    assert record(dag)["tags"] == {TAG: "pending", TRIAL: "uploaded"}
    assert record(dag)["outcome"] == "pending"
    assert upload(rewritten(dag, turn=True)) == 0
    assert [tags for _, tags in tool.sent] == [(TRIAL,), (TAG,)]
    assert record(dag)["outcome"] == "uploaded"


def test_a_refusal_does_not_hide_that_another_tag_waits(calibration, tool, monkeypatch):
    calibration.tags = (TAG, TRIAL)
    dag = calibration.harvest()
    reads(monkeypatch, {TAG: TagContent.of(TAG, TimeType.RUN, Synchronisation.OFFLINE, [])})
    tool.says = [{TRIAL: LATE}]
    assert upload(dag) == 0
    assert record(dag)["outcome"] == "pending"
    assert upload(rewritten(dag, turn=True)) == PERMANENT
    assert record(dag)["tags"] == {TAG: "uploaded", TRIAL: "failed"}
    assert len(tool.sent) == 2


def reads(monkeypatch, tags):
    """Let these tags be read back; the reader is down for all others."""

    def read(self, database, tag):
        if tag not in tags:
            raise TagUnreadable(f"{tag}: no answer")
        return tags[tag]

    monkeypatch.setattr("condorloop.services.tag_reader.TagReader.read", read)


def test_a_payload_is_put_over_what_the_tag_has_of_its_run_whoever_sent_it(
    calibration, tool, monkeypatch
):
    """An older payload whose record is gone: the borders of its IOVs were elsewhere."""
    calibration.since = "iov"
    dag = calibration.harvest(lumis=("1-9",), sinces=lumi(1, 5))
    there = [TagIov(since, 1.0, "a" * 40) for since in (*lumi(1, 3, 7), 398601 << 32 | 1)]
    content = TagContent.of(TAG, TimeType.LUMI, Synchronisation.ANY, there)
    reads(monkeypatch, {TAG: content})
    assert upload(dag) == 0
    assert tool.sinces == [lumi(1, 3, 5, 7)]


def test_a_reader_that_is_down_is_asked_once_and_delays_nothing(calibration, tool, monkeypatch):
    asked = []

    def read(self, database, tag):
        asked.append(tag)
        raise TagUnreadable("no answer")

    monkeypatch.setattr("condorloop.services.tag_reader.TagReader.read", read)
    calibration.tags = (TAG, TRIAL)
    assert upload(calibration.harvest()) == 0
    assert asked == [TAG]
    assert len(tool.sent) == 2


def test_a_skipped_payload_says_nothing_of_a_better_one(calibration, tool):
    first, second = calibration.harvest(), calibration.harvest(lumis=("6-10",))
    tool.says = [{TAG: TagAnswer(TagOutcome.SKIPPED, "it is there already")}]
    assert [upload(first), upload(second)] == [PERMANENT, 0]
    assert [record(dag)["tags"][TAG] for dag in (first, second)] == ["skipped", "uploaded"]


def test_a_younger_run_is_sent_after_an_older_one(calibration, tool):
    calibration.synchronisation = "hlt"
    older, younger = calibration.harvest(398600), calibration.harvest(398601)
    assert [upload(older), upload(younger)] == [0, 0]
    assert [record(dag)["outcome"] for dag in (older, younger)] == ["uploaded"] * 2


def test_a_younger_run_that_may_be_in_keeps_an_older_one_out(calibration, tool):
    calibration.synchronisation = "hlt"
    older, younger = calibration.harvest(398600), calibration.harvest(398601)
    tool.says = [{TAG: SILENT}]
    assert [upload(younger), upload(older)] == [1, 0]
    assert record(older)["answer"] == "superseded by run 398601"


def test_a_younger_run_that_was_refused_keeps_nobody_out(calibration, tool):
    calibration.synchronisation = "hlt"
    older, younger = calibration.harvest(398600), calibration.harvest(398601)
    tool.says = [{TAG: LATE}]
    assert [upload(younger), upload(older)] == [PERMANENT, 0]
    assert record(older)["outcome"] == "uploaded"


def test_a_younger_run_in_one_tag_keeps_an_older_one_out_of_that_alone(calibration, tool):
    calibration.synchronisation = "hlt"
    younger = calibration.harvest(398601)
    calibration.tags = (TAG, TRIAL)
    older = calibration.harvest(398600)
    assert [upload(younger), upload(older)] == [0, 0]
    assert record(older)["tags"] == {TAG: "overtaken", TRIAL: "uploaded"}
    assert record(older)["outcome"] == "superseded", "it is not in all of its tags"
    assert "superseded by run 398601" in record(older)["answer"]


def test_a_younger_run_whose_directory_was_cleaned_up_keeps_an_older_one_out(calibration, tool):
    calibration.synchronisation = "hlt"
    older, younger = calibration.harvest(398600), calibration.harvest(398601)
    assert upload(younger) == 0
    shutil.rmtree(younger.run_dir)
    assert upload(older) == 0
    assert record(older)["answer"] == "superseded by run 398601"


def test_a_younger_run_of_the_version_before_keeps_an_older_one_out(calibration, tool):
    older, younger = calibration.harvest(398600), calibration.harvest(398601)
    assert upload(younger) == 0
    of_the_version_before(younger)
    shutil.rmtree(younger.run_dir.parent.parent / DESTINATIONS)
    manifest = json.loads((older.directory / MANIFEST).read_text())
    del manifest["upload"]["synchronisation"]
    write_json(older.directory / MANIFEST, manifest)
    older = DagContext(older.directory, Manifest.read(older.directory / MANIFEST))
    assert upload(older) == 0
    assert record(older)["outcome"] == "superseded"


@pytest.mark.parametrize("text", ["", "{", "[]"])
def test_a_record_of_a_younger_run_that_is_damaged_may_be_of_an_upload(calibration, tool, text):
    calibration.synchronisation = "hlt"
    older, younger = calibration.harvest(398600), calibration.harvest(398601)
    (harvest_of(younger) / UPLOAD_RECORD).write_text(text)
    assert upload(older) == 0
    assert record(older)["answer"] == "superseded by run 398601"


def test_an_older_run_waits_while_what_a_younger_one_left_cannot_be_read(calibration, tool):
    calibration.synchronisation = "hlt"
    older, younger = calibration.harvest(398600), calibration.harvest(398601)
    unreadable = harvest_of(younger) / UPLOAD_RECORD
    unreadable.mkdir()
    assert upload(older) == 1
    assert record(older)["outcome"] == "no answer"
    assert not record(older)["unanswered"]
    assert f"{unreadable}: Is a directory" in record(older)["answer"]
    assert tool.sent == []
    unreadable.rmdir()
    assert upload(older) == 0
    assert record(older)["outcome"] == "uploaded"


def test_only_the_directories_of_younger_runs_are_looked_at(calibration, tool, monkeypatch):
    runs = {n: calibration.harvest(n) for n in (398598, 398600, 398601, 398603)}
    upload(runs[398601])
    shutil.rmtree(runs[398601].run_dir.parent.parent / DESTINATIONS)
    looked = []

    def uploads_of(folder, metadata_files):
        looked.append(folder.name)
        return list(real(folder, metadata_files))

    from condorloop.node.uploads import upload_records

    real = upload_records.uploads_of
    monkeypatch.setattr(upload_records, "uploads_of", uploads_of)
    found = younger_run(runs[398600].run_dir, [METADATA], Destination(PROD, TAG))
    assert found == 398601
    assert looked == ["run398603", "run398601"]


def test_the_youngest_run_is_kept_for_each_destination_of_a_work_dir(tmp_path):
    """Two calibrations may send to one tag."""
    ecal, other = tmp_path / "Ecal", tmp_path / "Other"
    note_uploaded(ecal / "run398601", Destination(PROD, TAG), 398601)
    note_uploaded(other / "run398600", Destination(PROD, TAG), 398600)
    note_uploaded(ecal / "run398600", Destination("prep", TAG), 398600)
    assert youngest_in(other / "run398599", Destination(PROD, TAG)) == 398601
    assert youngest_in(ecal / "run1", Destination("prep", TAG)) == 398600
    assert youngest_in(ecal / "run1", Destination("prep", TRIAL)) == 0


def test_what_the_version_before_noted_of_a_calibration_counts(tmp_path):
    ecal = tmp_path / "Ecal"
    ecal.mkdir()
    write_json(ecal / YOUNGEST_RECORD, {PROD: {TAG: 398605}})
    assert youngest_in(ecal / "run1", Destination(PROD, TAG)) == 398605
    note_uploaded(ecal / "run398601", Destination(PROD, TAG), 398601)
    assert youngest_in(tmp_path / "Other" / "run1", Destination(PROD, TAG)) == 398605


def lumi(*numbers):
    return [398600 << 32 | n for n in numbers]


def test_a_payload_by_lumisection_is_put_in_at_the_sinces_of_earlier_ones(calibration, tool):
    calibration.since = "iov"
    first = calibration.harvest(lumis=("1-5",), sinces=lumi(1, 2, 3, 5))
    second = calibration.harvest(lumis=("6-10",), sinces=lumi(2, 4, 6))
    third = calibration.harvest(lumis=("11-15",), sinces=lumi(3, 9))
    assert [upload(dag) for dag in (first, second, third)] == [0, 0, 0]
    assert tool.sinces == [
        lumi(1, 2, 3, 5),
        lumi(1, 2, 3, 4, 5, 6),
        lumi(1, 2, 3, 4, 5, 6, 9),
    ]
    assert record(third)["sinces"] == lumi(1, 2, 3, 4, 5, 6, 9)
    made = {iov.since: iov.hash for iov in iovs(harvest_of(third) / "NGTCalibEcalPedestals.db")}
    at_3, at_9 = made[lumi(3)[0]], made[lumi(9)[0]]
    assert [made[since] for since in lumi(1, 2, 3, 4, 5, 6, 9)] == [at_3] * 6 + [at_9]
    assert at_3 != at_9
    assert len(iovs(harvest_of(third) / "promptCalibConditions.db")) == 2


def test_what_may_be_in_is_put_over_too_and_what_was_refused_is_not(calibration, tool):
    calibration.since = "iov"
    silent = calibration.harvest(lumis=("1-5",), sinces=lumi(1, 2))
    refused = calibration.harvest(lumis=("6-10",), sinces=lumi(1, 7))
    third = calibration.harvest(lumis=("11-15",), sinces=lumi(5))
    tool.says = [{TAG: SILENT}, {TAG: LATE}]
    assert [upload(silent), upload(refused)] == [1, PERMANENT]
    assert upload(third) == 0
    assert tool.sinces[-1] == lumi(1, 2, 5)


def test_the_sinces_of_a_trial_tag_are_not_those_of_the_production_tag(calibration, tool):
    calibration.since, calibration.tags = "iov", (TRIAL,)
    assert upload(calibration.harvest(lumis=("1-5",), sinces=lumi(1, 2))) == 0
    calibration.tags = (TAG,)
    assert upload(calibration.harvest(lumis=("6-10",), sinces=lumi(5))) == 0
    assert tool.sinces[-1] == lumi(5)


def test_an_upload_that_is_repeated_sends_the_very_same_file(calibration, tool):
    calibration.since = "iov"
    first = calibration.harvest(lumis=("1-5",), sinces=lumi(1, 2, 3))
    second = calibration.harvest(lumis=("6-10",), sinces=lumi(4))
    upload(first)
    sent = harvest_of(second) / "NGTCalibEcalPedestals.db"
    tool.says = [{TAG: SILENT}]
    assert upload(second) == 1
    before = sent.read_bytes()
    assert upload(second) == 0
    assert sent.read_bytes() == before
    assert not list(harvest_of(second).glob(".*"))


def text_of(dag):
    return read_json(harvest_of(dag) / METADATA)["userText"]


def test_the_text_in_the_tag_s_log_names_the_payload(calibration, tool):
    first, second = calibration.harvest(), calibration.harvest(lumis=("6-10",))
    assert [upload(first), upload(second)] == [0, 0]
    told = UserText.parse(text_of(second))
    words = second.settings.upload.metadata.user_text
    assert told == UserText.of(words, second.id, Lumis.span(1, 10), 200)


def test_the_text_names_the_dag_that_made_the_payload_whatever_dag_sends_it(calibration, tool):
    dag = calibration.harvest()
    assert upload(rewritten(dag, id=f"{dag.id}7")) == 0
    assert UserText.parse(text_of(dag)).dag_id == dag.id


def test_the_text_is_the_same_at_each_try_until_a_person_asks(calibration, tool):
    dag = calibration.harvest()
    tool.says = [{TAG: SILENT}, {TAG: LATE}]
    upload(dag)
    first = text_of(dag)
    upload(dag)
    assert text_of(dag) == first
    (harvest_of(dag) / ASK_AGAIN).touch()
    upload(dag)
    assert text_of(dag).startswith(f"{first} (asked again at ")
    assert UserText.parse(text_of(dag)) == UserText.parse(first)


def test_a_payload_file_that_is_gone_is_named_and_not_sent(calibration, tool):
    calibration.since = "iov"
    first = calibration.harvest(lumis=("1-5",), sinces=lumi(1, 2, 3))
    second = calibration.harvest(lumis=("6-10",), sinces=lumi(4))
    upload(first)
    (harvest_of(second) / "promptCalibConditions.db").unlink()
    assert upload(second) == 1
    assert record(second)["outcome"] == "failed"
    assert "promptCalibConditions.db: gone" in record(second)["answer"]
    assert len(tool.sent) == 1


def test_added_iovs_are_those_of_payloads_that_the_file_has(tmp_path):
    source = tmp_path / "source.db"
    sqlite_file.write(source, "T", "Lumi", "X", "any", [(5, b"a"), (7, b"b")])
    digest = iovs(source)[0].hash
    add_iovs(source, tmp_path / "sent.db", "T", [(6, digest)])
    assert [(i.since, i.hash == digest) for i in iovs(tmp_path / "sent.db")] == [
        (5, True),
        (6, True),
        (7, False),
    ]
    with closing(sqlite3.connect(tmp_path / "sent.db")) as db:
        assert db.execute("SELECT COUNT(*) FROM PAYLOAD").fetchone() == (2,)
    with pytest.raises(PayloadError, match="no payload"):
        add_iovs(source, tmp_path / "sent.db", "T", [(6, "nobody")])
    with pytest.raises(PayloadError, match="gone"):
        add_iovs(tmp_path / "none.db", tmp_path / "sent.db", "T", [(6, digest)])
    assert not list(tmp_path.glob(".*"))
