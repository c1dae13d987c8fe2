"""Campaigns that share a stream are told of what is theirs, and what they share is counted once."""

from __future__ import annotations

from collections import Counter

import pytest

from condorloop.ledger.connection import Connection
from condorloop.ledger.queries.uploads import RecentLatencies
from condorloop.ledger.store import Ledger
from condorloop.model.enums import CampaignState, NodeKind
from condorloop.model.jobs import FailedNode
from condorloop.model.lumi_fates import LumiState
from condorloop.model.lumis import Lumis
from condorloop.monitoring.caches import RecentSummaries
from tests.unit.examples import KEY, RUN, START
from tests.unit.shared_story_example import ALL, ECAL, EXPRESS, SPOT, STRIP, campaign_id, fill
from tests.unit.story_example import STREAM


@pytest.fixture
def ledger(tmp_path):
    with Ledger(tmp_path / "condorloop.db") as opened:
        yield opened


def told(ledger):
    return {status.key: status for status in ledger.status.summaries(0.0)}


def test_a_failed_harvest_is_told_of_its_own_calibration_alone(ledger):
    fill(ledger, answered=False)
    failed = {key: status.failed_nodes for key, status in told(ledger).items()}
    reco = "b001 RECO_0000"
    assert failed == {SPOT: ("b000 HARVEST_BeamSpot", reco), ECAL: (reco,), STRIP: (reco,)}
    assert all(status.failed_dags == () for status in told(ledger).values())


def test_what_a_dag_of_its_own_has_made_up_for_has_not_failed(ledger):
    fill(ledger)
    assert told(ledger)[SPOT].failed_nodes == ("b001 RECO_0000",)


def test_dags_are_counted_once(ledger):
    fill(ledger)
    found = told(ledger)
    [shared] = ledger.status.several(ledger.status.to_sum_up(0.0)).reconstructions.values()
    assert shared.dags == {"active": 1, "done": 1, "failed": 1}
    assert {key: found[key].dags for key in ALL} == {SPOT: {"done": 1}, ECAL: {}, STRIP: {}}


def test_reco_and_alca_are_told_once_a_stream_and_run(ledger):
    fill(ledger)
    [shared] = ledger.status.several(ledger.status.to_sum_up(0.0)).reconstructions.values()
    assert (shared.stream, shared.run) == (EXPRESS, RUN.number)
    assert shared.calibrations == tuple(key.calibration for key in ALL)
    assert shared.nodes == {
        NodeKind.RECO: {"done": 2, "failed": 1, "waiting": 1},
        NodeKind.ALCA: {"done": 1, "waiting": 2},
    }
    assert (str(shared.seen), str(shared.made)) == ("1-20", "1-8")
    assert shared.files == {"good": 5, "bad": 1}


def test_what_was_reconstructed_before_a_calibration_was_switched_on_is_named(ledger):
    fill(ledger)
    not_made = {key: str(status.not_made) for key, status in told(ledger).items()}
    assert not_made == {SPOT: "", ECAL: "", STRIP: "1-8"}
    assert told(ledger)[STRIP].lost == Lumis.parse("1-12")


def test_a_calibration_that_was_taken_out_of_a_batch_lacks_its_lumisections(ledger):
    fill(ledger)
    b002 = ledger.dags.numbered(1, 2)
    ledger.dags.take_out(b002, SPOT.calibration)
    status = told(ledger)[SPOT]
    assert (str(status.not_made), status.taken_out) == ("13-16", ("b002",))
    assert told(ledger)[ECAL].taken_out == told(ledger)[STRIP].taken_out == ()


def test_a_dag_that_failed_for_others_is_done_for_a_calibration(ledger):
    fill(ledger, answered=False)
    b002 = ledger.dags.numbered(1, 2)
    for name in ("RECO_0000", "ALCA_0000"):
        ledger.dags.node_done(b002, name, Lumis.span(13, 16), 100, START + 100)
    for key in (ECAL, STRIP):
        for kind in (NodeKind.HARVEST, NodeKind.UPLOAD):
            name = f"{kind}_{key.calibration}"
            ledger.dags.node_done(b002, name, Lumis.span(13, 16), 100, START + 110)
    failed = [FailedNode("HARVEST_BeamSpot", 1, "broken")]
    ledger.dags.ended(b002, failed, START + 120)
    names = {key: status.failed_nodes[-1] for key, status in told(ledger).items()}
    reco = "b001 RECO_0000"
    assert names == {SPOT: "b002 HARVEST_BeamSpot", ECAL: reco, STRIP: reco}
    fates = told(ledger)[STRIP].fates
    assert str(fates[LumiState.IN_WORK]) == "13-16"


def test_a_calibration_with_a_stream_of_its_own_shares_nothing(ledger):
    ledger.campaigns.latch(KEY, STREAM, RUN, "running", START)
    found = ledger.status.several(ledger.status.to_sum_up(0.0))
    assert found.reconstructions == {}
    [status] = found.campaigns.values()
    assert (status.stream, status.shares) == (KEY.calibration, False)


def asked(monkeypatch, ask):
    """How often each statement is asked."""
    counted, rows = Counter(), Connection.rows

    def counting(self, sql, *values):
        counted[sql] += 1
        return rows(self, sql, *values)

    with monkeypatch.context() as patch:
        patch.setattr(Connection, "rows", counting)
        ask()
    return counted


def test_what_campaigns_share_is_read_once(ledger, monkeypatch):
    fill(ledger)
    wanted = ledger.status.to_sum_up(0.0)
    counted = asked(monkeypatch, lambda: ledger.status.several(wanted))
    of_files = [n for sql, n in counted.items() if "raw_file" in sql]
    assert of_files
    assert set(of_files) == {1}


def test_what_they_share_is_kept_as_long_as_nothing_of_it_changes(ledger):
    fill(ledger)
    recent = RecentSummaries()
    recent.of(ledger, 0.0)
    before = recent.reconstructions
    ledger.campaigns.set_held_by(campaign_id(ledger, ECAL), "alice")
    recent.of(ledger, 0.0)
    assert recent.reconstructions == before
    b002 = ledger.dags.numbered(1, 2)
    ledger.dags.node_done(b002, "RECO_0000", Lumis.span(13, 16), 100, START + 100)
    recent.of(ledger, 0.0)
    [after] = recent.reconstructions
    assert after.nodes[NodeKind.RECO] == {"done": 3, "failed": 1}


def test_what_happens_to_one_of_them_is_noticed(ledger):
    fill(ledger)
    recent = RecentSummaries()
    recent.of(ledger, 0.0)
    ledger.dags.take_out(ledger.dags.numbered(1, 2), SPOT.calibration)
    assert recent.of(ledger, 0.0) == tuple(ledger.status.summaries(0.0))


def test_when_files_were_seen_is_read_once_for_their_latencies(ledger, monkeypatch):
    fill(ledger)
    latencies = RecentLatencies()
    counted = asked(monkeypatch, lambda: latencies.of(ledger.uploads, 0.0))
    assert {n for sql, n in counted.items() if "seen_at" in sql} == {1}
    points = latencies.of(ledger.uploads, 0.0)
    assert {point.calibration for point in points} == {SPOT.calibration, ECAL.calibration}


def test_a_stream_that_is_not_shown_any_more_is_forgotten(ledger):
    fill(ledger)
    recent = RecentSummaries()
    recent.of(ledger, 0.0)
    recent.of(ledger, START + 10**9)
    assert [each.run for each in recent.reconstructions] == [RUN.number]  # it is open
    for key in ALL:
        mine = campaign_id(ledger, key)
        ledger.campaigns.set_state(mine, CampaignState.COMPLETE, "all", START + 200)
    recent.of(ledger, START + 10**9)
    assert recent.reconstructions == ()


def tables_read_through(ledger, monkeypatch, ask):
    """The tables that are read from their beginning to their end."""
    counted = asked(monkeypatch, ask)
    found = set()
    for sql in counted:
        count = sql.count("?") if "?1" not in sql else max(int(c) for c in "123" if f"?{c}" in sql)
        if not sql.startswith("SELECT"):
            continue
        plan = ledger.connection.rows(f"EXPLAIN QUERY PLAN {sql}", *[1] * count)
        found |= {row["detail"] for row in plan if row["detail"].startswith("SCAN")}
    return found


def test_no_table_is_read_through(ledger, monkeypatch):
    fill(ledger)
    wanted = ledger.status.to_sum_up(0.0)
    read = tables_read_through(ledger, monkeypatch, lambda: ledger.status.several(wanted))
    assert read == set()
