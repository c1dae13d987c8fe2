"""A change of state that no life has: an error in tests, a named problem in the loop."""

import pytest

from condorloop.ledger.archive import prepare_archive
from condorloop.ledger.connection import Connection
from condorloop.ledger.store import Ledger, LedgerReader
from condorloop.ledger.updates.state_changes import OddChange
from condorloop.model.enums import CampaignState, DagState, NodeKind, NodeState
from condorloop.model.jobs import FailedNode, PlannedNode
from condorloop.model.lumis import Lumis
from condorloop.model.transitions import CAMPAIGN, DAG, NODE
from tests.unit.examples import KEY, RUN, START


@pytest.fixture
def ledger(tmp_path):
    with Ledger(tmp_path / "condorloop.db") as ledger:
        ledger.campaigns.latch(KEY, "/eos", RUN, "running", START)
        node = PlannedNode("ALCA_0000", NodeKind.ALCA, "apJob000", "apJob000/w.txt", job=0)
        ledger.dags.plan(1, 0, 0, [node], "because", START)
        yield ledger


def put(ledger, table, state):
    ledger.connection.execute(f"UPDATE {table} SET state = ?", (state,))


CAMPAIGN_SETTERS = {
    state: lambda ledger, state=state: ledger.campaigns.set_state(1, state, "why", START)
    for state in CampaignState
}
DAG_SETTERS = {
    None: lambda ledger: ledger.dags.forget(1),
    DagState.PLANNED: lambda ledger: ledger.dags.plan_rescue(1, {}),
    DagState.ACTIVE: lambda ledger: ledger.dags.submitted(1, 7, START),
    DagState.DONE: lambda ledger: ledger.dags.ended(1, None, START),
    DagState.FAILED: lambda ledger: ledger.dags.ended(1, [], START),
    DagState.REMOVED: lambda ledger: ledger.dags.ended(1, [], START, "alice"),
    DagState.LOST: lambda ledger: ledger.dags.lost(1, frozenset({"ALCA_0000"}), START),
}
NODE_SETTERS = {
    NodeState.DONE: lambda ledger: ledger.dags.node_done(
        1, "ALCA_0000", Lumis.span(1, 5), 1, START
    ),
    NodeState.FAILED: lambda ledger: ledger.dags.nodes_failed(1, [FailedNode("ALCA_0000")]),
    NodeState.DROPPED: lambda ledger: ledger.retries.take_out(1, "ALCA_0000", ["reco"]),
}
CASES = [
    (life, table, before, after, setter)
    for life, table, setters in (
        (CAMPAIGN, "campaign", CAMPAIGN_SETTERS),
        (DAG, "dag", DAG_SETTERS),
        (NODE, "node", NODE_SETTERS),
    )
    for before in life.states
    for after, setter in setters.items()
]


@pytest.mark.parametrize(("life", "table", "before", "after", "setter"), CASES)
def test_each_setter_takes_the_arrows_of_the_table_and_no_others(
    ledger, life, table, before, after, setter
):
    put(ledger, table, before)
    if life.allows(before, after):
        setter(ledger)
        assert ledger.status.summary(1).odd_changes == ()
    else:
        with pytest.raises(OddChange, match=f"from {before} to {after or 'nothing'}"):
            setter(ledger)
        assert ledger.connection.number(f"SELECT COUNT(*) FROM {table} WHERE state = ?", before)


def test_in_the_loop_it_is_carried_out_and_named_once(ledger, monkeypatch, caplog):
    monkeypatch.setattr(Connection, "strict", False)
    put(ledger, "dag", DagState.DONE)
    for cluster in (7, 8):
        ledger.dags.submitted(1, cluster, START)
        put(ledger, "dag", DagState.DONE)
    ledger.dags.submitted(1, 9, START)
    [campaign] = ledger.campaigns.of_run(KEY.run, KEY.calibration)
    assert [(d.state, d.cluster) for d in campaign.dags] == [(DagState.ACTIVE, 9)]
    assert ledger.status.summary(1).odd_changes == ("b000 went from done to active",)
    assert "no rule allows" in caplog.text


def test_it_goes_into_the_archive_with_its_campaign(ledger, monkeypatch, tmp_path):
    monkeypatch.setattr(Connection, "strict", False)
    put(ledger, "campaign", CampaignState.EXPIRED)
    ledger.campaigns.set_state(1, CampaignState.COMPLETE, "why", START)
    put(ledger, "dag", DagState.DONE)
    archive = tmp_path / "condorloop-2026.db"
    prepare_archive(archive, ledger.id)
    ledger.archive.copy(KEY.run, archive)
    ledger.archive.drop(KEY.run, 2026)
    assert ledger.status.summary(1).odd_changes == ()
    with LedgerReader(archive) as archived:
        assert archived.status.summary(1).odd_changes == ("it went from expired to complete",)
