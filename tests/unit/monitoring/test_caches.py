"""Summaries that are kept are those that would be made anew, whatever was written."""

import sqlite3
from dataclasses import replace
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.ledger.connection import Connection
from condorloop.ledger.store import Ledger, LedgerError
from condorloop.model.campaign import CampaignKey, Probe
from condorloop.model.enums import Artifact, CampaignState, FileState, NodeKind, UploadOutcome
from condorloop.model.jobs import FailedNode, HarvestRecord, PlannedNode
from condorloop.model.lumis import EMPTY, Lumis
from condorloop.monitoring.caches import RecentSummaries
from tests.unit.examples import KEY, RUN, START

STREAM, OTHER = "/eos/cms/RAW", CampaignKey("SiStripBad", RUN.number)
LUMIS = Lumis.span(1, 5)
RECORD = HarvestRecord(frozenset({0}), LUMIS, 9, START, tag="T", hash="h", since=1)
NODES = [
    PlannedNode("RECO_0000", NodeKind.RECO, "out", "w.txt", paths=("/a",), child="ALCA_0000"),
    PlannedNode("ALCA_0000", NodeKind.ALCA, "apJob000", "apJob000/w.txt", job=0),
    PlannedNode("HARVEST", NodeKind.HARVEST, "harvestJob000", "harvestJob000/harvest.json"),
]
WRITES = {
    "a file comes": lambda led: led.raw_files.add(STREAM, RUN.number, {"/c": 1}, START),
    "a file changes": lambda led: led.raw_files.add(STREAM, RUN.number, {"/a": 2}, START),
    "a file is good": lambda led: led.raw_files.probed(
        "/b", FileState.GOOD, Probe(LUMIS, 1), START
    ),
    "a file is bad": lambda led: led.raw_files.probed(
        "/b", FileState.BAD, Probe(EMPTY, 0, "x"), START
    ),
    "a file goes": lambda led: led.raw_files.set_gone(["/a"], True),
    "files are tried again": lambda led: led.retries.retry_files(1),
    "a DAG is planned": lambda led: led.dags.plan(
        1, 1, led.dags.next_numbers(1)[0], [], "r", START
    ),
    "a DAG is dropped": lambda led: led.dags.forget(2),
    "a DAG is submitted": lambda led: led.dags.submitted(1, 7, START),
    "a DAG ends": lambda led: led.dags.ended(1, [FailedNode("RECO_0000", 1, "e")], START),
    "a DAG is removed": lambda led: led.dags.ended(1, [], START, "alice"),
    "a DAG is lost": lambda led: led.dags.lost(1, frozenset(), START),
    "a DAG is rescued": lambda led: led.dags.plan_rescue(1, {"RECO_0000": ["/a"]}),
    "a node is done": lambda led: led.dags.node_done(
        1, "RECO_0000", LUMIS, 5, START, Lumis.span(2, 2)
    ),
    "a node fails": lambda led: led.dags.nodes_failed(1, [FailedNode("ALCA_0000", 2, "bad")]),
    "a harvest is made": lambda led: led.payloads.record(1, 1, RECORD),
    "a payload is uploaded": lambda led: led.payloads.record(
        1, 1, replace(RECORD, outcome=UploadOutcome.UPLOADED, answered_at=START + 9)
    ),
    "OMS tells the end": lambda led: led.campaigns.update_runs(
        [replace(RUN, end=START + 99, last_ls=9)]
    ),
    "a state changes": lambda led: led.campaigns.set_state(1, CampaignState.CLOSING, "over", START),
    "somebody holds": lambda led: led.campaigns.set_held_by(1, "alice"),
    "something is cleaned": lambda led: led.campaigns.set_cleaned(2, Artifact.RECO),
}


def begin(path):
    ledger = Ledger(path)
    for key in (KEY, OTHER):
        ledger.campaigns.latch(key, STREAM, RUN, "running", START)
    ledger.raw_files.add(STREAM, RUN.number, {"/a": 1, "/b": 1}, START)
    ledger.raw_files.probed("/a", FileState.GOOD, Probe(LUMIS, 5), START)
    ledger.dags.plan(1, 0, 0, NODES, "r", START)
    return ledger


@given(st.lists(st.sampled_from(sorted(WRITES)), max_size=8))
def test_what_is_kept_is_what_would_be_summed_up_anew(tmp_path_factory, names):
    recent = RecentSummaries()
    path = tmp_path_factory.mktemp("ledger") / "condorloop.db"
    with patch.object(Connection, "strict", False), begin(path) as ledger:
        for name in names:
            WRITES[name](ledger)
            assert recent.of(ledger, 0.0) == tuple(ledger.status.summaries(0.0)), name


@pytest.mark.parametrize("name", sorted(WRITES))
def test_each_write_is_noticed(name, tmp_path):
    recent = RecentSummaries()
    with begin(tmp_path / "condorloop.db") as ledger:
        recent.of(ledger, 0.0)
        WRITES[name](ledger)
        assert recent.of(ledger, 0.0) == tuple(ledger.status.summaries(0.0))


def test_a_campaign_is_summed_up_once_as_long_as_nothing_of_it_changes(tmp_path, monkeypatch):
    recent, summed = RecentSummaries(), []
    with begin(tmp_path / "condorloop.db") as ledger:
        several = ledger.status.several

        def counted(wanted):
            summed.extend(these := list(wanted))
            return several(these)

        monkeypatch.setattr(ledger.status, "several", counted)
        for _ in range(3):
            recent.of(ledger, 0.0)
        assert summed == [1, 2]
        ledger.campaigns.set_held_by(2, "alice")
        recent.of(ledger, 0.0)
        assert summed == [1, 2, 2]


def test_what_another_process_writes_is_noticed(tmp_path):
    recent, path = RecentSummaries(), tmp_path / "condorloop.db"
    with begin(path) as ledger:
        recent.of(ledger, 0.0)
        other = sqlite3.connect(path)
        with other:
            other.execute("UPDATE campaign SET held_by = 'bob'")
        other.close()
        assert {c.held_by for c in recent.of(ledger, 0.0)} == {"bob"}


def half_written(ledger):
    with ledger.connection.transaction():
        ledger.connection.execute("UPDATE campaign SET held_by = 'bob'")
        ledger.connection.execute("UPDATE campaign SET no_such_column = 1")


def test_what_was_not_kept_after_all_is_no_change(tmp_path):
    with begin(tmp_path / "condorloop.db") as ledger:
        ledger.changes.take()
        with pytest.raises(LedgerError):
            half_written(ledger)
        assert ledger.changes.take() == frozenset()
