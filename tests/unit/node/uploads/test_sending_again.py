"""The UPLOAD of a DAG that sends what another one made, and what a person keeps from being sent."""

from __future__ import annotations

from dataclasses import replace

import pytest

from condorloop.model.campaign import CampaignKey
from condorloop.model.enums import TagOutcome, UploadOutcome
from condorloop.model.lumis import EMPTY
from condorloop.node.job_output.payload_db import copy_for_run, iovs
from condorloop.node.post_script import finish
from condorloop.node.uploads.upload import upload
from condorloop.rundir.durable import read_json
from condorloop.rundir.layout import (
    HARVEST_RECORD,
    PAYLOAD_DB,
    PERMANENT,
    RESTORED,
    UPLOADS_HELD,
    sent_record,
)
from condorloop.rundir.records.decisions import Restored, UploadsHeld
from condorloop.rundir.records.harvest import HarvestResult
from condorloop.rundir.records.manifest import ManifestNode
from condorloop.services.conditions import TagAnswer, UploadAnswer
from tests.unit.dag_plans import own_upload
from tests.unit.examples import START
from tests.unit.node_examples import rewritten
from tests.unit.upload_examples import (
    METADATA,
    TAG,
    TRIAL,
    harvest_of,
    record,
)

LATE = TagAnswer(TagOutcome.FAILED, "too late")
HELD = UploadsHeld("bob@node", "the tag is being changed", START)


def sending(dag, number=5, **changes):
    """A DAG of one UPLOAD that sends what another DAG has made."""
    [made] = [n for n in dag.manifest.nodes.values() if n.kind == "HARVEST"]
    plan = own_upload(CampaignKey("EcalPedestals", 398600), number, int(made.output[-3:]))
    [node] = plan.nodes
    told = ManifestNode(
        node.kind, (), node.output, node.witness, node.lumis, (), (), node.calibration
    )
    folder = dag.run_dir / f"dag{number:03d}"
    folder.mkdir()
    alone = {"dag": number, "batch": None, "files": (), "nodes": {"UPLOAD": told}, "made_for": {}}
    return rewritten(replace(dag, directory=folder), **alone, **changes)


def to(dag, *tags):
    settings = dag.settings.upload
    metadata = replace(settings.metadata, tags={tag: {} for tag in tags})
    return replace(settings, metadata=metadata)


def ends(dag):
    """Let an UPLOAD job run and be judged."""
    code = upload(dag)
    return code, finish(dag, "UPLOAD", code)


def test_it_sends_the_payload_and_tells_what_it_has_come_to(calibration, tool):
    dag = calibration.harvest()
    assert ends(sending(dag)) == (0, 0)
    assert tool.sent == [("run398600/harvestJob000", (TAG,))]
    own = dag.run_dir / "harvestJob000" / sent_record(5)
    assert read_json(own) == record(dag)
    assert record(dag)["outcome"] == "uploaded"


def test_what_is_in_its_tags_is_not_sent_again(calibration, tool):
    dag = calibration.harvest()
    upload(dag)
    before = record(dag)
    again = sending(dag, again=True)
    assert ends(again) == (0, 0)
    assert len(tool.sent) == 1
    assert record(dag) == before


def test_it_goes_to_the_tag_that_was_added(calibration, tool):
    dag = calibration.harvest()
    upload(dag)
    ends(sending(dag, again=True, upload=to(dag, TAG, TRIAL)))
    assert [tags for _, tags in tool.sent] == [(TAG,), (TRIAL,)]
    assert record(dag)["tags"] == {TAG: "uploaded", TRIAL: "uploaded"}


def test_a_refusal_is_final_without_a_person_and_asked_again_with_one(calibration, tool):
    dag = calibration.harvest()
    tool.says = [{TAG: LATE}]
    assert upload(dag) == PERMANENT
    assert upload(sending(dag, 5)) == PERMANENT
    assert len(tool.sent) == 1
    assert ends(sending(dag, 6, again=True)) == (0, 0)
    assert len(tool.sent) == 2


def test_one_that_holds_as_much_takes_the_place_of_another_if_a_person_wants_that(
    calibration, tool
):
    first, second = calibration.harvest(), calibration.harvest()
    upload(first)
    second_again = rewritten(second, again=True)
    assert upload(first) == 0
    assert upload(second_again) == 0
    assert [name for name, _ in tool.sent] == [
        "run398600/harvestJob000",
        "run398600/harvestJob001",
    ]


def test_one_that_holds_less_does_not_even_then(calibration, tool):
    first = calibration.harvest(lumis=("1-5",))
    second = calibration.harvest(lumis=("6-15",))
    upload(second)
    upload(rewritten(first, again=True))
    assert record(first)["outcome"] == "superseded"
    assert len(tool.sent) == 1


@pytest.mark.parametrize("of_all", [False, True], ids=["of the run", "of the calibration"])
def test_where_a_person_holds_uploads_nothing_is_sent_and_the_node_ends_well(
    calibration, tool, of_all
):
    dag = calibration.harvest()
    HELD.write((dag.run_dir.parent if of_all else dag.run_dir) / UPLOADS_HELD)
    assert ends(dag) == (0, 0)
    assert tool.sent == []
    told = record(dag)
    assert (told["outcome"], told["held_for"]) == ("held", "person")
    assert told["answer"] == "bob@node holds uploads: the tag is being changed"


def test_a_record_that_cannot_be_read_holds_too(calibration, tool):
    dag = calibration.harvest()
    (dag.run_dir / UPLOADS_HELD).write_text("{")
    assert upload(dag) == 0
    assert record(dag)["outcome"] == "held"
    assert tool.sent == []


def test_what_was_held_is_sent_by_the_next_upload(calibration, tool):
    dag = calibration.harvest()
    HELD.write(dag.run_dir / UPLOADS_HELD)
    upload(dag)
    (dag.run_dir / UPLOADS_HELD).unlink()
    assert ends(sending(dag)) == (0, 0)
    told = record(dag)
    assert told["outcome"] == "uploaded"
    assert "held_for" not in told
    assert len(tool.sent) == 1


def test_a_hold_in_the_middle_of_an_outage_forgets_nothing_of_what_was_sent(calibration, tool):
    dag = calibration.harvest()
    cut = UploadAnswer(UploadOutcome.NO_ANSWER, "cut", unanswered=True)
    tool.says = [cut]
    assert upload(dag) == 1
    before = record(dag)
    HELD.write(dag.run_dir / UPLOADS_HELD)
    assert upload(dag) == 0
    told = record(dag)
    assert (told["unanswered"], told["tags"]) == (True, before["tags"])
    (dag.run_dir / UPLOADS_HELD).unlink()
    upload(sending(dag))
    assert record(dag)["outcome"] == "uploaded"
    assert harvest_of(dag).name == "harvestJob000"


# An earlier payload that is put back.


def put_back(dag, name, number=7):
    restored = Restored(name, "alice@node", "why", START)
    restored.write(dag.run_dir / RESTORED)
    return sending(dag, number, again=True, restores=True)


def test_an_earlier_payload_is_put_back_whatever_it_holds(calibration, tool):
    first, second = calibration.harvest(), calibration.harvest(lumis=("6-15",))
    upload(first)
    upload(second)
    assert ends(put_back(first, "harvestJob000")) == (0, 0)
    assert [name[-1] for name, _ in tool.sent] == ["0", "1", "0"]
    told = record(first)
    assert (told["outcome"], told["restored"]) == ("uploaded", True)
    metadata = read_json(harvest_of(first) / METADATA)
    assert metadata["userText"].endswith("(put back at 2026-09-21T14:13:20+00:00)")


def test_one_that_was_taken_from_another_run_is_sent_with_the_since_of_this_one(calibration, tool):
    older, own = calibration.harvest(run=398599), calibration.harvest(run=398600)
    upload(own)
    folder = own.run_dir / "harvestJob007"
    folder.mkdir()
    copy_for_run(harvest_of(older) / PAYLOAD_DB, folder / PAYLOAD_DB, 398600)
    made = HarvestResult.read(harvest_of(older) / HARVEST_RECORD)
    there = tuple(iovs(folder / PAYLOAD_DB))
    taken = {"inputs": (), "lumis": EMPTY, "events": 0, "iovs": there}
    replace(made, dag_id="x", origin="398599/harvestJob000", **taken).write(folder / HARVEST_RECORD)
    dag = put_back(own, "harvestJob007")
    node = replace(dag.manifest.nodes["UPLOAD"], output="harvestJob007")
    dag = rewritten(dag, nodes={"UPLOAD": node})
    assert ends(dag) == (0, 0)
    assert tool.sinces[-1] == [398600]
    assert record(dag)["destinations"][0]["sinces"] == [398600]
    assert record(dag)["destinations"][0]["hash"] == made.iovs[0].hash
    later = calibration.harvest(lumis=("6-15",))
    upload(later)
    assert record(later)["held_for"] == "restored"


def test_at_each_since_of_a_later_one_the_one_that_is_put_back_is_in_force(calibration, tool):
    calibration.since = None
    first = calibration.harvest(sinces=[1, 5])
    second = calibration.harvest(lumis=("6-15",), sinces=[1, 3, 8])
    upload(first)
    upload(second)
    upload(put_back(first, "harvestJob000"))
    assert tool.sinces[-1] == [1, 3, 5, 8]


def test_while_it_is_there_no_other_payload_is_sent(calibration, tool):
    first = calibration.harvest()
    upload(first)
    put_back(first, "harvestJob000")
    later = calibration.harvest(lumis=("6-15",))
    assert upload(later) == 0
    told = record(later)
    assert (told["outcome"], told["held_for"]) == ("held", "restored")
    assert told["answer"] == "harvestJob000 was put back by alice@node: why"
    assert len(tool.sent) == 1


def test_one_that_was_released_before_it_was_sent_is_not_put_back(calibration, tool):
    first, second = calibration.harvest(), calibration.harvest(lumis=("6-15",))
    upload(first)
    upload(second)
    dag = put_back(first, "harvestJob000")
    (dag.run_dir / RESTORED).unlink()
    upload(dag)
    assert len(tool.sent) == 2


def test_a_record_of_it_that_cannot_be_read_holds(calibration, tool):
    first = calibration.harvest()
    (first.run_dir / RESTORED).write_text("[")
    upload(first)
    assert record(first)["held_for"] == "restored"
    assert tool.sent == []


def test_a_try_that_was_not_answered_is_made_again_in_the_same_words(calibration, tool):
    first = calibration.harvest()
    upload(first)
    dag = put_back(first, "harvestJob000")
    tool.says = [UploadAnswer(UploadOutcome.NO_ANSWER, "cut", unanswered=True)]
    assert upload(dag) == 1
    words = read_json(harvest_of(first) / METADATA)["userText"]
    known = UploadAnswer(UploadOutcome.NO_ANSWER, "Error from uploading: was uploaded before", True)
    tool.says = [known]
    assert upload(dag) == 0
    assert read_json(harvest_of(first) / METADATA)["userText"] == words
    assert record(first)["outcome"] == "uploaded"
