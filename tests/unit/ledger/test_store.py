"""The ledger gives back what was written into it, after a restart too."""

import os
import sqlite3
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.history.ledger_reader import LedgerStories
from condorloop.ledger.store import Ledger, LedgerDamaged, LedgerError, LedgerReader, open_requests
from condorloop.ledger.updates.retries import SET_BACK
from condorloop.model.campaign import Alcareco, CampaignKey, Probe, Statistics
from condorloop.model.enums import (
    CampaignState,
    DagState,
    FileState,
    NodeKind,
    NoPayloadCause,
    RequestKind,
    UploadOutcome,
)
from condorloop.model.jobs import FailedNode, HarvestRecord, PlannedNode
from condorloop.model.latency import LUMISECTION
from condorloop.model.lumi_fates import LumiState
from condorloop.model.lumis import EMPTY, Lumis
from condorloop.model.no_payload import NoPayload
from condorloop.model.request import Request
from condorloop.model.service import Service
from tests.unit.examples import KEY, RUN, START

STREAM = "/eos/cms/RAW"
GOOD = Probe(Lumis.span(1, 5), 100)
ALCA = PlannedNode("ALCA_0000", NodeKind.ALCA, "apJob000", "apJob000/w.txt", job=0)


def reco(*paths, name="RECO_0000"):
    return PlannedNode(name, NodeKind.RECO, "out", "out_job.txt", paths=paths)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "condorloop.db"


@pytest.fixture
def ledger(path):
    with Ledger(path) as ledger:
        yield ledger


def latch(ledger, key=KEY, stream=STREAM, run=RUN):
    ledger.campaigns.latch(key, stream, run, "running", START)


def add_good(ledger, *paths, probe=GOOD):
    ledger.raw_files.add(STREAM, RUN.number, dict.fromkeys(paths, 1000), START + 1)
    state = FileState.BAD if probe.error else FileState.GOOD
    for path in paths:
        ledger.raw_files.probed(path, state, probe, START + 2)


def to_probe(ledger):
    return ledger.raw_files.to_probe(STREAM, RUN.number)


def only(ledger):
    [campaign] = ledger.campaigns.with_work({})
    return campaign


def plan(ledger, nodes, number=0):
    return ledger.dags.plan(only(ledger).id, number, number, nodes, "because", START)


def test_a_good_file_waits_in_every_campaign_that_reads_its_stream(ledger):
    latch(ledger)
    latch(ledger, CampaignKey("SiStripBad", RUN.number))
    latch(ledger, CampaignKey("Other", RUN.number), stream="/eos/other")
    add_good(ledger, "/a")
    waiting = {c.key.calibration: len(c.waiting) for c in ledger.campaigns.with_work({})}
    assert waiting == {"EcalPedestals": 1, "SiStripBad": 1, "Other": 0}


def test_files_that_were_known_before_a_latch_wait_in_it(ledger):
    latch(ledger)
    add_good(ledger, "/a")
    latch(ledger, CampaignKey("SiStripBad", RUN.number))
    assert [len(c.waiting) for c in ledger.campaigns.with_work({})] == [1, 1]
    assert all(c.seen == Lumis.span(1, 5) for c in ledger.campaigns.with_work({}))


def test_a_file_waits_until_it_is_in_a_batch(ledger):
    latch(ledger)
    add_good(ledger, "/a", "/b")
    plan(ledger, [reco("/a")])
    assert [w.file.path for w in only(ledger).waiting] == ["/b"]


def test_the_tries_of_a_file_are_counted_until_it_is_good(ledger):
    latch(ledger)
    ledger.raw_files.add(STREAM, RUN.number, {"a": 1}, START)
    assert ledger.raw_files.tries("a") == ledger.raw_files.tries("never seen") == (0, False)
    for tries in (1, 2):
        ledger.raw_files.probed("a", FileState.NEW, Probe(EMPTY, 0, "on its way"), START + tries)
        assert ledger.raw_files.tries("a") == (tries, False)
    ledger.raw_files.probed("a", FileState.GOOD, GOOD, START + 3)
    assert ledger.raw_files.tries("a") == (0, False)


def test_a_bad_file_never_waits(ledger):
    latch(ledger)
    add_good(ledger, "/a", probe=Probe(EMPTY, 0, "broken"))
    assert only(ledger).waiting == ()
    [summary] = ledger.status.summaries(0)
    assert summary.bad_files == {"/a": "broken"}


def test_good_files_of_the_same_ls_and_events_are_named_until_one_is_bad(ledger):
    latch(ledger)
    add_good(ledger, "/a", "/b")
    add_good(ledger, "/c", probe=Probe(Lumis.span(100, 105), 50))
    [summary] = ledger.status.summaries(0)
    assert list(summary.copies) == ["/a"]
    assert summary.copies["/a"].startswith("a and b have the same LS")
    add_good(ledger, "/b", probe=Probe(EMPTY, 0, "broken"))
    assert ledger.status.summaries(0)[0].copies == {}


def test_a_bad_file_of_another_size_is_probed_again(ledger):
    latch(ledger)
    add_good(ledger, "/a", probe=Probe(EMPTY, 0, "broken"))
    assert to_probe(ledger) == {}
    ledger.raw_files.add(STREAM, RUN.number, {"/a": 2000}, START + 3)
    assert to_probe(ledger) == {"/a": 0}


def test_a_good_file_that_nobody_has_read_is_probed_again_when_it_is_replaced(ledger):
    latch(ledger)
    add_good(ledger, "/a")
    ledger.raw_files.add(STREAM, RUN.number, {"/a": 2000}, START + 3)
    assert to_probe(ledger) == {"/a": 0}
    assert only(ledger).waiting == ()


def test_a_file_that_is_replaced_after_it_was_read_stays_in_its_dag_and_is_named(ledger):
    latch(ledger)
    add_good(ledger, "/a")
    plan(ledger, [reco("/a")])
    ledger.raw_files.add(STREAM, RUN.number, {"/a": 2000}, START + 3)
    assert to_probe(ledger) == {}
    assert only(ledger).waiting == ()
    [summary] = ledger.status.summaries(0)
    assert summary.bad_files == {
        "/a": "replaced after it was read: it had 1000 bytes, now 2000"
    }  # fmt: skip


def test_nothing_waits_for_a_file_that_is_gone_until_it_comes_back(ledger):
    latch(ledger)
    add_good(ledger, "/good")
    ledger.raw_files.add(STREAM, RUN.number, {"/new": 1}, START)
    ledger.raw_files.set_gone(["/good", "/new"], True)
    assert (only(ledger).waiting, only(ledger).probing, to_probe(ledger)) == ((), 0, {})
    assert ledger.raw_files.gone(STREAM, RUN.number) == {"/good", "/new"}
    ledger.raw_files.set_gone(["/good", "/new"], False)
    assert (len(only(ledger).waiting), only(ledger).probing) == (1, 1)
    assert to_probe(ledger) == {"/new": 0}


def test_a_file_that_cannot_be_opened_is_tried_on_and_nothing_waits_for_it_for_ever(ledger):
    latch(ledger)
    ledger.raw_files.add(STREAM, RUN.number, {"/a": 1}, START)
    for state, probing in ((FileState.NEW, 1), (FileState.UNREADABLE, 0)):
        ledger.raw_files.probed("/a", state, Probe(EMPTY, 0, "not yet"), START)
        assert only(ledger).probing == probing
    assert to_probe(ledger) == {"/a": 2}
    [summary] = ledger.status.summaries(0)
    assert summary.bad_files == {"/a": "not yet"}


def test_a_plan_of_which_nothing_was_made_leaves_no_trace(ledger):
    latch(ledger)
    add_good(ledger, "/a")
    ledger.dags.forget(plan(ledger, [reco("/a"), ALCA]))
    assert len(only(ledger).waiting) == 1
    assert ledger.dags.next_numbers(only(ledger).id) == (0, 0, 0)


def test_numbers_go_on_where_they_were_after_a_restart(ledger, path):
    latch(ledger)
    plan(ledger, [ALCA])
    with Ledger(path) as again:
        assert again.dags.next_numbers(only(again).id) == (1, 1, 1)
        assert again.id == ledger.id


def test_a_dag_goes_from_planned_to_done(ledger):
    latch(ledger)
    dag_id = plan(ledger, [reco(), ALCA])
    assert only(ledger).dags[0].state is DagState.PLANNED
    ledger.dags.submitted(dag_id, 17, START)
    assert (only(ledger).dags[0].state, only(ledger).dags[0].cluster) == (DagState.ACTIVE, 17)
    ledger.dags.ended(dag_id, None, START)
    assert only(ledger).dags == ()


def test_failed_nodes_are_remembered_until_they_are_rescued(ledger):
    latch(ledger)
    add_good(ledger, "/a")
    dag_id = plan(ledger, [reco("/a"), ALCA])
    ledger.dags.submitted(dag_id, 17, START)
    why = FailedNode("RECO_0000", 84, "cannot be read", {"/a": 3})
    ledger.dags.ended(dag_id, [why], START)
    [dag] = only(ledger).dags
    assert (dag.state, dag.failed_nodes) == (DagState.FAILED, ("RECO_0000",))
    assert dag.blames == {"RECO_0000": {"/a": 3}}
    [summary] = ledger.status.summaries(0)
    assert summary.errors == {"b000 RECO_0000": "exit 84: cannot be read"}
    ledger.dags.plan_rescue(dag_id, {})
    [dag] = only(ledger).dags
    assert (dag.state, dag.failed_nodes, dag.rescues) == (DagState.PLANNED, (), 1)


def test_a_dag_that_a_person_removed_is_not_one_that_failed(ledger):
    latch(ledger)
    dag_id = plan(ledger, [reco()])
    ledger.dags.ended(dag_id, [], START, removed_by="alice")
    [dag] = only(ledger).dags
    assert (dag.state, dag.removed_by) == (DagState.REMOVED, "alice")
    ledger.dags.plan_resubmission(dag_id)
    [dag] = only(ledger).dags
    assert (dag.state, dag.removed_by, dag.rescues) == (DagState.PLANNED, "", 0)


def two_recos_and_their_alca(ledger):
    latch(ledger)
    add_good(ledger, "/a", "/b", "/c")
    nodes = [
        replace(reco("/a", "/b"), child="ALCA_0000", output="one"),
        replace(reco("/c", name="RECO_0001"), child="ALCA_0000", output="two"),
        ALCA,
    ]
    return plan(ledger, nodes)


def read_again(ledger, path="/a"):
    ledger.raw_files.probed(path, FileState.GOOD, GOOD, START + 2)


def give_up(ledger, dag_id, node, *paths):
    """Blame files away from a node until they are given up, each time after they came back."""
    for _ in range(SET_BACK):
        ledger.dags.plan_rescue(dag_id, {node: list(paths)})
        for path in paths:
            read_again(ledger, path)
        number, batch, _ = ledger.dags.next_numbers(only(ledger).id)
        nodes = [replace(reco(*paths, name=node), child="ALCA_0009", output="again")]
        dag_id = ledger.dags.plan(only(ledger).id, batch, number, nodes, "again", START)
    ledger.dags.plan_rescue(dag_id, {node: list(paths)})
    return dag_id


def test_a_file_that_keeps_failing_is_set_back_and_probed_again(ledger):
    """Its node goes on without it; it is in a later batch when it can be read."""
    dag_id = two_recos_and_their_alca(ledger)
    ledger.dags.plan_rescue(dag_id, {"RECO_0000": ["/a"]})
    assert ledger.dags.dropped(dag_id) == {"RECO_0000": {"/a"}}
    assert {n.name for n in ledger.dags.unfinished_nodes(dag_id)} == {
        "RECO_0000",
        "RECO_0001",
        "ALCA_0000",
    }
    campaign = only(ledger)
    assert (campaign.quarantined, campaign.set_back, campaign.waiting) == ((), ("/a",), ())
    assert to_probe(ledger) == {"/a": 0}
    [summary] = ledger.status.summaries(0)
    assert summary.bad_files == {"/a": "jobs kept failing on it; it is read again when it can be"}
    read_again(ledger)
    campaign = only(ledger)
    assert [w.file.path for w in campaign.waiting] == ["/a"]
    assert campaign.set_back == ()
    plan(ledger, [reco("/a")], number=1)
    assert ledger.dags.dropped(dag_id) == {"RECO_0000": {"/a"}}


def test_what_a_node_went_on_without_is_told_apart_from_what_it_gave_up(ledger, path):
    """The file that was set back waits in the story, too, and its LS are those of a bad file."""
    dag_id = two_recos_and_their_alca(ledger)
    ledger.dags.plan_rescue(dag_id, {"RECO_0000": ["/a"]})
    with LedgerStories(path) as stories:
        [story] = stories.stories(RUN.number)
    [node] = [n for n in story.dags[0].nodes if n.name == "RECO_0000"]
    assert (node.files, node.dropped, node.set_back) == (("/b",), (), ("/a",))
    assert {f.path: f.fate for f in story.files}["/a"] is LumiState.BAD_FILE
    give_up(ledger, dag_id, "RECO_0000", "/b")
    with LedgerStories(path) as stories:
        [story] = stories.stories(RUN.number)
    nodes = [n for d in story.dags for n in d.nodes if "/b" in n.dropped]
    assert [n.files for n in nodes] == [("/b",)]


def test_a_file_that_comes_back_and_fails_again_and_again_is_quarantined(ledger):
    give_up(ledger, two_recos_and_their_alca(ledger), "RECO_0000", "/a")
    campaign = only(ledger)
    assert (campaign.quarantined, campaign.set_back, campaign.waiting) == (("/a",), (), ())
    assert to_probe(ledger) == {}
    read_again(ledger)  # another campaign reads it, too
    assert only(ledger).waiting == ()


def test_a_file_that_is_set_back_by_one_campaign_is_not_taken_from_another(ledger):
    spot = CampaignKey("BeamSpot", RUN.number)
    dag_id = two_recos_and_their_alca(ledger)
    latch(ledger, spot)
    [other] = ledger.campaigns.of_run(RUN.number, spot.calibration)
    theirs = ledger.dags.plan(other.id, 0, 0, [reco("/a", "/b", "/c")], "", START)
    ledger.dags.plan_rescue(dag_id, {"RECO_0000": ["/a"]})
    read_again(ledger)
    waiting = {
        c.key.calibration: [w.file.path for w in c.waiting] for c in ledger.campaigns.with_work({})
    }
    assert waiting == {KEY.calibration: ["/a"], spot.calibration: []}
    assert ledger.dags.unfinished_nodes(theirs)
    assert ledger.dags.dropped(theirs) == {}


def test_a_file_is_not_blamed_for_a_node_that_goes_on_without_it(ledger):
    dag_id = two_recos_and_their_alca(ledger)
    why = FailedNode("RECO_0000", 84, "cannot be read", {"/a": 3, "/b": 1})
    ledger.dags.plan_rescue(dag_id, {"RECO_0000": ["/a"]})
    ledger.dags.ended(dag_id, [why], START)
    assert only(ledger).dags[0].blames == {"RECO_0000": {"/b": 1}}
    ledger.retries.retry_files(only(ledger).id)
    assert only(ledger).dags[0].blames == {"RECO_0000": {"/b": 1}}


def test_a_node_that_has_no_input_left_is_not_waited_for(ledger):
    dag_id = two_recos_and_their_alca(ledger)
    ledger.dags.plan_rescue(dag_id, {"RECO_0001": ["/c"]})
    assert {n.name for n in ledger.dags.unfinished_nodes(dag_id)} == {"RECO_0000", "ALCA_0000"}
    ledger.dags.plan_rescue(dag_id, {"RECO_0000": ["/a", "/b"]})
    assert ledger.dags.unfinished_nodes(dag_id) == []
    assert only(ledger).set_back == ("/a", "/b", "/c")
    assert only(ledger).quarantined == ()


def test_files_that_were_given_up_get_another_try_when_a_person_asks(ledger):
    dag_id = two_recos_and_their_alca(ledger)
    add_good(ledger, "/bad", probe=Probe(EMPTY, 0, "broken"))
    last = give_up(ledger, dag_id, "RECO_0000", "/a")
    read_again(ledger)
    ledger.dags.plan_rescue(dag_id, {"RECO_0001": ["/c"]})
    ledger.dags.submitted(dag_id, 1, START)
    ledger.dags.ended(dag_id, None, START)
    assert ledger.retries.retry_files(only(ledger).id) == 3
    assert [w.file.path for w in only(ledger).waiting] == ["/a"]
    assert only(ledger).quarantined == ()
    assert to_probe(ledger) == {"/bad": 0, "/c": 0}
    assert ledger.dags.dropped(last) == {"RECO_0000": {"/a"}}
    plan(ledger, [reco("/a")], number=9)
    ledger.dags.plan_rescue(last + 1, {"RECO_0000": ["/a"]})
    assert only(ledger).set_back == ("/a", "/c")


def unused(ledger):
    return [
        (u.number, u.alca, u.job, sorted(u.recos)) for u in ledger.retries.unused(only(ledger).id)
    ]


def redo_all(ledger):
    return sum(ledger.retries.redo(each) for each in ledger.retries.unused(only(ledger).id))


def made(ledger, *names):
    dag_id = two_recos_and_their_alca(ledger)
    for name in names:
        ledger.dags.node_done(dag_id, name, Lumis.span(1, 5), 1, START)
    return dag_id


def test_a_reco_output_that_an_alca_gave_up_can_be_made_again(ledger):
    dag_id = made(ledger, "RECO_0000", "RECO_0001")
    ledger.dags.plan_rescue(dag_id, {"ALCA_0000": ["two"]})
    assert only(ledger).quarantined == ("two",)
    assert unused(ledger) == []  # it is planned, and reads its files
    ledger.dags.submitted(dag_id, 1, START)
    ledger.dags.ended(dag_id, None, START)
    assert unused(ledger) == [(0, "ALCA_0000", None, ["RECO_0001"])]
    assert redo_all(ledger) == 1
    assert [w.file.path for w in only(ledger).waiting] == ["/c"]
    assert only(ledger).quarantined == ()
    assert ledger.dags.dropped(dag_id) == {"RECO_0001": {"/c"}, "ALCA_0000": {"two"}}
    assert unused(ledger) == []


LEFT_OUT = HarvestRecord(frozenset(), EMPTY, 0, START, left_out=frozenset([0]))


def test_an_alcareco_that_was_left_out_can_be_made_again(ledger):
    dag_id = made(ledger, "RECO_0000", "RECO_0001", "ALCA_0000")
    ledger.payloads.record(dag_id, only(ledger).id, LEFT_OUT)
    ledger.dags.submitted(dag_id, 1, START)
    ledger.dags.ended(dag_id, None, START)
    assert unused(ledger) == [(0, "ALCA_0000", 0, ["RECO_0000", "RECO_0001"])]
    assert redo_all(ledger) == 3
    assert sorted(w.file.path for w in only(ledger).waiting) == ["/a", "/b", "/c"]
    assert only(ledger).quarantined == ()
    assert ledger.dags.unfinished_nodes(dag_id) == []
    assert unused(ledger) == []


def test_an_alcareco_that_was_left_out_for_overlap_is_not_made_again(ledger):
    """Its RAW files are in the payload: another ALCARECO has them."""
    dag_id = made(ledger, "RECO_0000", "RECO_0001", "ALCA_0000")
    shared = replace(LEFT_OUT, left_out=frozenset(), overlaps={0: "RAW file a is in apJob001"})
    ledger.payloads.record(dag_id, only(ledger).id, shared)
    ledger.dags.submitted(dag_id, 1, START)
    ledger.dags.ended(dag_id, None, START)
    assert unused(ledger) == []
    assert only(ledger).unharvested == {}
    [summary] = ledger.status.summaries(0)
    assert summary.left_out == ()
    assert summary.overlaps == {"apJob000": "RAW file a is in apJob001"}


def test_an_alcareco_that_another_harvest_read_later_was_not_left_out(ledger):
    dag_id = made(ledger, "ALCA_0000")
    ledger.payloads.record(dag_id, only(ledger).id, LEFT_OUT)
    ledger.dags.submitted(dag_id, 1, START)
    ledger.dags.ended(dag_id, None, START)
    later = plan(ledger, [], number=1)
    read = HarvestRecord(frozenset([0]), Lumis.span(1, 5), 1, START + 9)
    ledger.payloads.record(later, only(ledger).id, read)
    assert unused(ledger) == []


def test_a_node_that_has_nothing_to_read_is_not_waited_for(ledger):
    latch(ledger)
    dag_id = plan(ledger, [replace(reco(), empty=True), ALCA])
    assert [n.name for n in ledger.dags.unfinished_nodes(dag_id)] == ["ALCA_0000"]


def test_the_files_of_a_dag_that_was_deleted_wait_again_unless_an_alcareco_holds_them(ledger):
    latch(ledger)
    add_good(ledger, "/a", "/b")
    nodes = [
        replace(reco("/a"), child="ALCA_0000"),
        replace(reco("/b", name="RECO_0001"), child="ALCA_0001"),
        ALCA,
        replace(ALCA, name="ALCA_0001", output="apJob001", job=1),
    ]
    dag_id = plan(ledger, nodes)
    for node in nodes[2:]:
        ledger.dags.node_done(dag_id, node.name, Lumis.span(1, 5), 1, START)
    ledger.dags.lost(dag_id, frozenset(["ALCA_0000"]), START)
    assert [w.file.path for w in only(ledger).waiting] == ["/b"]
    assert list(only(ledger).unharvested) == [0]
    assert only(ledger).dags == ()
    assert ledger.dags.all(only(ledger).id) == []


def test_a_quarantined_file_of_a_dag_that_was_deleted_is_not_processed_twice(ledger):
    dag_id = two_recos_and_their_alca(ledger)
    last = give_up(ledger, dag_id, "RECO_0000", "/a")
    read_again(ledger)
    for lost in (dag_id, last):
        ledger.dags.lost(lost, frozenset(), START)
    assert only(ledger).quarantined == ()
    plan(ledger, [reco("/a", "/b", "/c")], number=9)
    assert ledger.retries.retry_files(only(ledger).id) == 0
    assert only(ledger).waiting == ()


def test_a_closed_campaign_of_long_ago_is_left_alone(ledger):
    latch(ledger)
    ledger.campaigns.set_state(only(ledger).id, CampaignState.COMPLETE, "done", START)
    add_good(ledger, "/late")
    assert ledger.campaigns.with_work({}, since=RUN.start)
    assert ledger.campaigns.with_work({}, since=RUN.start + 1) == []


def test_folders_are_listed_in_the_window_and_when_a_person_asks_for_them(ledger):
    latch(ledger)
    asked = START + 90_000
    assert ledger.raw_files.watched(RUN.start, asked) == {(STREAM, RUN.number): True}
    assert ledger.raw_files.watched(RUN.start + 1, asked) == {}
    ledger.campaigns.set_asked(only(ledger).id, asked)
    assert ledger.raw_files.watched(RUN.start + 1, asked) == {(STREAM, RUN.number): True}
    assert ledger.raw_files.watched(RUN.start + 1, asked + 1) == {}


def test_a_campaign_that_a_person_asked_for_is_served_again(ledger):
    latch(ledger)
    add_good(ledger, "/a")
    campaign = only(ledger)
    ledger.campaigns.set_asked(campaign.id, START + 90_000)
    ledger.campaigns.set_state(campaign.id, CampaignState.COMPLETE, "", START)
    old = RUN.start + 1
    assert [c.id for c in ledger.campaigns.with_work({}, old, START + 90_000)] == [campaign.id]
    assert ledger.campaigns.with_work({}, old, START + 90_001) == []


def test_a_refusal_is_remembered_until_the_dag_is_in_the_queue(ledger):
    latch(ledger)
    dag_id = plan(ledger, [reco()])
    ledger.dags.set_refused(dag_id, "no such file")
    [dag] = only(ledger).dags
    assert (dag.refused, dag.moves) == ("no such file", False)
    ledger.dags.submitted(dag_id, 17, START)
    ledger.dags.set_refused(dag_id, "too late to say so")
    [dag] = only(ledger).dags
    assert (dag.refused, dag.moves) == ("", True)


def test_what_a_lost_harvest_read_is_harvested_again_unless_it_was_uploaded(ledger):
    latch(ledger)
    first = plan(ledger, [ALCA])
    ledger.dags.node_done(first, ALCA.name, Lumis.span(1, 5), 1, START)
    record = HarvestRecord(frozenset([0]), Lumis.span(1, 5), 1, harvested_at=START)
    for outcome, left in ((UploadOutcome.UPLOADED, []), (UploadOutcome.NO_ANSWER, [0])):
        ledger.payloads.record(first, only(ledger).id, replace(record, outcome=outcome))
        ledger.dags.lost(first, frozenset(["ALCA_0000"]), START)
        assert list(only(ledger).unharvested) == left


def test_a_closed_campaign_is_served_again_when_oms_says_something_else(ledger):
    latch(ledger)
    run = replace(RUN, end=START + 100, last_ls=50)
    ledger.campaigns.update_runs([run])
    ledger.campaigns.set_state(only(ledger).id, CampaignState.COMPLETE, "done", START)
    ledger.campaigns.update_runs([run])
    assert ledger.campaigns.with_work({}) == []
    ledger.campaigns.update_runs([replace(run, last_ls=60)])
    assert only(ledger).revised == "its last LS is 60"
    ledger.campaigns.update_runs([replace(run, end=None)])
    assert only(ledger).revised == "the run goes on"
    ledger.campaigns.update_runs([run])
    assert ledger.campaigns.with_work({}) == []


def test_a_request_waits_until_it_is_answered(ledger, path):
    with open_requests(path) as requests:
        number = requests.add(
            Request(RequestKind.RESUBMIT, 398600, None, "b003", made_by="alice@node")
        )
        assert requests.answer_to(number) is None
        [request] = ledger.requests.waiting()
        assert (request.run, request.calibration, request.node) == (398600, None, "b003")
        ledger.requests.answer(request.id, True, "done so", START)
        assert requests.answer_to(number) == (True, "done so")
    assert ledger.requests.waiting() == []


@pytest.mark.parametrize(
    "request_",
    [
        Request(RequestKind.RESUBMIT, 398600, "BeamSpot", "b003", include_quarantined=True),
        Request(RequestKind.RESUBMIT, 398600, accept_destination=True),
        Request(RequestKind.HOLD, 0, "BeamSpot", running=True),
        Request(RequestKind.ABANDON, 398600, reason="wrong menu"),
        Request(RequestKind.CLEANUP, 0),
    ],
    ids=lambda request: request.kind,
)
def test_a_request_is_read_as_it_was_left(ledger, path, request_):
    left = replace(request_, made_by="alice@node", made_at=START)
    with open_requests(path) as requests:
        number = requests.add(left)
    assert ledger.requests.waiting() == [replace(left, id=number)]


def test_an_alcareco_is_unharvested_until_a_harvest_of_it_succeeds(ledger):
    latch(ledger)
    dag_id = plan(ledger, [ALCA])
    assert not only(ledger).unharvested
    ledger.dags.node_done(dag_id, ALCA.name, Lumis.span(1, 5), 100, START)
    holds = Statistics(Lumis.span(1, 5), 100)
    assert only(ledger).unharvested == {0: Alcareco(START, holds, dag_id)}
    started = HarvestRecord(frozenset([0]), EMPTY, 0)
    ledger.payloads.record(dag_id, only(ledger).id, started)
    holds = Statistics(Lumis.span(1, 5), 100)
    assert only(ledger).unharvested == {0: Alcareco(START, holds, dag_id)}
    assert only(ledger).dags[0].harvest_inputs == frozenset([0])
    made = replace(started, lumis=Lumis.span(1, 5), events=100, harvested_at=START)
    ledger.payloads.record(dag_id, only(ledger).id, made)
    assert not only(ledger).unharvested
    assert only(ledger).harvested == Lumis.span(1, 5)


def test_the_largest_harvest_stands_whatever_order_they_come_in(ledger):
    latch(ledger)
    for number, lumis in enumerate(("1-10", "1-5")):
        dag_id = plan(ledger, [], number)
        record = HarvestRecord(frozenset(), Lumis.parse(lumis), 1, harvested_at=START)
        ledger.payloads.record(dag_id, only(ledger).id, record)
    assert only(ledger).harvested == Lumis.span(1, 10)


def test_what_oms_says_of_a_run_is_taken_over_back_and_forth(ledger):
    latch(ledger)
    for end, last in ((START + 10, 7), (None, 8)):
        ledger.campaigns.update_runs([replace(RUN, end=end, last_ls=last)])
        assert (only(ledger).run_end, only(ledger).last_ls) == (end, last)


def test_what_oms_does_not_tell_is_not_forgotten(ledger):
    latch(ledger)
    ledger.campaigns.update_runs([replace(RUN, last_ls=100)])
    ledger.campaigns.update_runs([replace(RUN, last_ls=None, fill=None)])
    assert only(ledger).last_ls == 100
    assert ledger.status.summaries(0)[0].fill == RUN.fill


def test_a_ledger_that_cannot_be_written_keeps_what_it_has(ledger, path):
    latch(ledger)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    ledger.connection.execute("PRAGMA busy_timeout = 0")
    with pytest.raises(LedgerError, match=r"condorloop\.db: database is locked"):
        add_good(ledger, "/a")
    other.execute("ROLLBACK")
    other.close()
    add_good(ledger, "/a")
    assert len(only(ledger).waiting) == 1


def test_a_closed_campaign_is_served_again_only_when_a_file_waits(ledger):
    latch(ledger)
    ledger.campaigns.set_state(only(ledger).id, CampaignState.COMPLETE, "done", START)
    assert ledger.campaigns.with_work({}) == []
    add_good(ledger, "/late")
    assert only(ledger).state is CampaignState.COMPLETE


def test_a_summary_tells_the_last_upload(ledger):
    latch(ledger)
    dag_id = plan(ledger, [])
    record = HarvestRecord(
        inputs=frozenset([0]),
        lumis=Lumis.span(1, 5),
        events=1,
        harvested_at=START,
        outcome=UploadOutcome.UPLOADED,
        answered_at=START + 9,
        left_out=frozenset([7]),
        overlaps={8: "it is in apJob000"},
    )
    ledger.payloads.record(dag_id, only(ledger).id, record)
    assert ledger.payloads.made_by(dag_id, 1) == record
    [summary] = ledger.status.summaries(0)
    assert summary.left_out == ("apJob007",)
    [summary] = ledger.status.summaries(0)
    assert (summary.uploads, summary.last_upload_at) == (1, START + 9)
    assert summary.lumis.in_payload == Lumis.span(1, 5)


def test_a_summary_tells_what_reading_back_says_of_the_last_upload_to_each_tag(ledger, path):
    latch(ledger)
    first, second = plan(ledger, []), plan(ledger, [], number=1)
    for dag_id in (first, second):
        record = HarvestRecord(frozenset(), Lumis.span(1, 5), 1, harvested_at=START)
        ledger.payloads.record(dag_id, only(ledger).id, record)
    rows = [
        (first, "D", "A", "uploaded", START + 1, None, "an older one does not count"),
        (second, "D", "A", "uploaded", START + 2, START + 9, ""),
        (second, "D", "B", "uploaded", START + 2, None, ""),
        (second, "D", "C", "uploaded", START + 2, None, "the tag lacks it"),
        (second, "D", "E", "failed", START + 2, None, ""),
    ]
    with sqlite3.connect(path) as db:
        db.executemany(
            "INSERT INTO payload_destination (payload_id, database, tag, outcome, answered_at,"
            " confirmed_at, contradiction) VALUES (?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
    [summary] = ledger.status.summaries(0)
    assert summary.contradictions == {"harvestJob001 in C": "the tag lacks it"}
    assert summary.confirmed == 1
    assert summary.unconfirmed == {
        "harvestJob001 in B": START + 2,
        "harvestJob001 in C": START + 2,
    }


HOUR = 3600.0
ENDED = replace(RUN, end=START + 26 * HOUR, last_ls=4015)


def latch_by_lumi(ledger, run=RUN):
    ledger.campaigns.latch(KEY, STREAM, run, "running", START, by_lumi=True)


def window_of(ledger):
    [found] = ledger.campaigns.windows().values()
    assert found == ledger.campaigns.of_run(KEY.run, KEY.calibration)[0].window_from
    assert found == ledger.status.summary(1).window_from
    return found


def test_by_lumisection_the_window_counts_from_what_oms_and_files_tell_of_the_run(ledger):
    latch_by_lumi(ledger, replace(RUN, last_ls=None))
    assert window_of(ledger) == START
    add_good(ledger, "/a", probe=Probe(Lumis.span(90, 100), 100))
    assert window_of(ledger) == START + 100 * LUMISECTION
    ledger.campaigns.update_runs([replace(RUN, last_ls=3000)])
    assert window_of(ledger) == START + 3000 * LUMISECTION
    ledger.campaigns.update_runs([ENDED])
    assert window_of(ledger) == START + 26 * HOUR
    ledger.campaigns.update_runs([replace(ENDED, end=None)])
    assert window_of(ledger) == START + 4015 * LUMISECTION


def test_a_campaign_that_is_latched_late_counts_from_the_files_that_are_known(ledger):
    add_good(ledger, "/a", probe=Probe(Lumis.span(90, 100), 100))
    latch_by_lumi(ledger, replace(RUN, last_ls=None))
    assert window_of(ledger) == START + 100 * LUMISECTION


def test_by_run_the_window_counts_from_its_start_whatever_is_told(ledger):
    latch(ledger)
    ledger.campaigns.update_runs([ENDED])
    add_good(ledger, "/a")
    assert window_of(ledger) == START


def test_a_long_run_is_watched_and_shown_as_long_as_its_window_counts(ledger):
    latch_by_lumi(ledger)
    ledger.campaigns.update_runs([ENDED])
    ledger.campaigns.set_state(only(ledger).id, CampaignState.COMPLETE, "done", START)
    add_good(ledger, "/late")
    for since, counts in ((START + 26 * HOUR, True), (START + 26 * HOUR + 1, False)):
        assert bool(ledger.raw_files.watched(since, since)) is counts
        assert bool(ledger.campaigns.with_work({}, since)) is counts
        assert bool(ledger.status.to_sum_up(since)) is counts
        assert (ledger.campaigns.first_start(since) == START) is counts
    [settled] = ledger.retention.settled()
    assert settled.window_from == START + 26 * HOUR


def test_open_campaigns_follow_what_is_configured_and_closed_ones_stay(ledger):
    for run in (RUN, replace(RUN, number=RUN.number + 1)):
        key = CampaignKey(KEY.calibration, run.number)
        ledger.campaigns.latch(key, STREAM, run, "running", START)
    ledger.campaigns.set_state(2, CampaignState.COMPLETE, "done", START)
    ledger.campaigns.update_runs([ENDED])
    ledger.campaigns.set_by_lumi(KEY.calibration, True)
    found = ledger.campaigns.windows()
    assert sorted(found.values()) == [START, START + 26 * HOUR]
    ledger.campaigns.set_by_lumi(KEY.calibration, False)
    assert set(ledger.campaigns.windows().values()) == {START}


@pytest.mark.parametrize("cause", NoPayloadCause)
def test_why_the_last_harvest_made_no_payload_is_known_before_and_after_its_upload(ledger, cause):
    latch(ledger)
    dag_id, told = plan(ledger, []), NoPayload(cause, "so it was")
    record = HarvestRecord(frozenset(), EMPTY, 1, START, answer="so it was", cause=cause)
    for outcome in (None, UploadOutcome.NO_PAYLOAD):
        ledger.payloads.record(dag_id, only(ledger).id, replace(record, outcome=outcome))
        assert ledger.payloads.made_by(dag_id, 1) == replace(record, outcome=outcome)
        [summary] = ledger.status.summaries(0)
        assert only(ledger).no_payload == summary.no_payload == told


def test_a_later_harvest_with_a_payload_counts_more_than_one_without(ledger):
    latch(ledger)
    record = HarvestRecord(frozenset(), EMPTY, 1, START, cause=NoPayloadCause.VETO)
    ledger.payloads.record(plan(ledger, []), only(ledger).id, record)
    ledger.payloads.record(
        plan(ledger, [], 1), only(ledger).id, HarvestRecord(frozenset(), EMPTY, 1, START + 9)
    )
    assert only(ledger).no_payload is None


def test_a_payload_of_a_version_that_told_no_cause_has_none_that_is_said(ledger):
    latch(ledger)
    answered(ledger, UploadOutcome.NO_PAYLOAD, START + 1, "too few events")
    assert only(ledger).no_payload == NoPayload(NoPayloadCause.NOT_SAID, "too few events")


def answered(ledger, outcome, at, answer="", **more):
    """A DAG whose upload got an answer."""
    record = HarvestRecord(
        frozenset(), EMPTY, 1, START, outcome=outcome, answer=answer, answered_at=at, **more
    )
    number = ledger.dags.next_numbers(only(ledger).id)[0]
    ledger.payloads.record(plan(ledger, [], number), only(ledger).id, record)


@pytest.mark.parametrize(
    ("outcome", "refused"), [(UploadOutcome.REFUSED, ("b000 UPLOAD",)), (UploadOutcome.FAILED, ())]
)
def test_a_failed_upload_whose_payload_was_refused_is_known_whatever_its_words(
    ledger, outcome, refused
):
    latch(ledger)
    node = PlannedNode("UPLOAD", NodeKind.UPLOAD, "harvestJob000", "upload.json")
    dag_id = plan(ledger, [ALCA, node])
    ledger.dags.submitted(dag_id, 17, START)
    why = [FailedNode(name, 66, "refused: x", {}) for name in ("UPLOAD", "ALCA_0000")]
    record = HarvestRecord(frozenset(), EMPTY, 1, START, outcome=outcome, answered_at=START + 1)
    ledger.payloads.record(dag_id, only(ledger).id, record)
    ledger.dags.ended(dag_id, why, START)
    [summary] = ledger.status.summaries(0)
    assert summary.failed_nodes == ("b000 ALCA_0000", "b000 UPLOAD")
    assert summary.refused_uploads == refused


def test_an_upload_that_is_asked_or_was_cut_off_is_told_apart_from_one_without_an_answer(ledger):
    latch(ledger)
    told = []
    for at, uploading in enumerate((True, False, True)):
        answered(ledger, UploadOutcome.NO_ANSWER, START + at, "HTTP 503", uploading=uploading)
        [summary] = ledger.status.summaries(0)
        told.append(summary.uploading)
    assert told == [True, False, True]


def test_a_refusal_is_an_answer_of_the_conditions_service_and_silence_is_none(ledger):
    latch(ledger)
    answered(ledger, UploadOutcome.UPLOADED, START + 1)
    answered(ledger, UploadOutcome.REFUSED, START + 2, "too late")
    assert ledger.status.conditions(0) == Service("conditions", START + 2)
    answered(ledger, UploadOutcome.NO_ANSWER, START + 2.5, uploading=True)
    assert ledger.status.conditions(0) == Service("conditions", START + 2)
    answered(ledger, UploadOutcome.NO_ANSWER, START + 3, "HTTP 503")
    answered(ledger, UploadOutcome.NO_ANSWER, START + 4, "HTTP 502")
    assert ledger.status.conditions(0) == Service("conditions", START + 2, "HTTP 502", START + 3)
    assert ledger.status.conditions(START + 1) == Service("conditions")


def test_a_campaign_knows_by_which_younger_run_its_last_payload_was_superseded(ledger):
    latch(ledger)
    assert only(ledger).overtaken_by is None
    answered(ledger, UploadOutcome.SUPERSEDED, START + 1, "harvestJob002 holds as many LS")
    assert only(ledger).overtaken_by is None
    answered(ledger, UploadOutcome.SUPERSEDED, START + 2, overtaken_by=398601)
    assert only(ledger).overtaken_by == 398601
    answered(ledger, UploadOutcome.UPLOADED, START + 3, "went in")
    assert only(ledger).overtaken_by is None


@given(st.lists(st.sets(st.integers(1, 50), min_size=1), max_size=6))
def test_seen_is_the_union_of_the_good_files(tmp_path_factory, sets):
    with Ledger(tmp_path_factory.mktemp("ledger") / "condorloop.db") as ledger:
        latch(ledger)
        for i, numbers in enumerate(sets):
            add_good(ledger, f"/f{i}", probe=Probe(Lumis.of(numbers), 1))
        assert set(only(ledger).seen) == set().union(*sets)


def test_a_file_that_is_no_ledger_is_told_from_a_ledger_that_cannot_be_used(path):
    path.write_text("something else, and long enough to be looked at" * 10)
    with pytest.raises(LedgerDamaged, match=r"condorloop\.db: file is not a database"):
        Ledger(path)
    with pytest.raises(LedgerError, match="no submitter has run here") as refused:
        LedgerReader(path.parent / "none.db")
    assert not isinstance(refused.value, LedgerDamaged)


def test_damage_inside_a_ledger_is_found_when_it_is_opened(ledger, path):
    latch(ledger)
    add_good(ledger, *(f"/f{i}" for i in range(200)))
    ledger.close()
    whole = bytearray(path.read_bytes())
    whole[4096 * 3 : 4096 * 5] = b"\xff" * 4096 * 2
    path.write_bytes(whole)
    with pytest.raises(LedgerDamaged):
        Ledger(path)


def test_a_ledger_that_is_deleted_under_the_submitter_is_noticed(ledger, path):
    ledger.connection.check_in_place()
    path.unlink()
    with pytest.raises(LedgerDamaged, match="deleted or replaced"):
        ledger.connection.check_in_place()


def test_a_full_disk_loses_nothing_of_a_ledger(ledger):
    latch(ledger)
    pages = ledger.connection.execute("PRAGMA page_count").fetchone()[0]
    ledger.connection.execute(f"PRAGMA max_page_count = {pages}")
    many = {f"/a/rather/long/path/{i:06d}.root": 1 for i in range(2000)}
    with pytest.raises(LedgerError, match="full"):
        ledger.raw_files.add(STREAM, RUN.number, many, START)
    assert ledger.raw_files.of_run(STREAM, RUN.number) == {}
    ledger.connection.execute("PRAGMA max_page_count = 1000000")
    ledger.raw_files.add(STREAM, RUN.number, many, START)
    assert ledger.raw_files.of_run(STREAM, RUN.number) == many


def test_a_ledger_of_another_version_is_refused(ledger, path):
    with sqlite3.connect(path) as db:
        db.execute("UPDATE meta SET value = '99' WHERE key = 'schema_version'")
    db.close()
    with pytest.raises(LedgerError, match="schema version 99"):
        Ledger(path)


def test_the_group_may_write_the_ledger_and_nobody_else_may_open_it(tmp_path):
    before = os.umask(0o022)
    try:
        with Ledger(tmp_path / "l.db") as ledger:
            latch(ledger)
            modes = {p.name: p.stat().st_mode & 0o777 for p in tmp_path.iterdir()}
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(("l.db", "l.db-wal", "l.db-shm"), 0o660)
