"""A ledger of an older version is brought up to date; what no condorloop has written is found."""

import json
import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.history.ledger_reader import LedgerStories
from condorloop.ledger.store import Ledger, LedgerDamaged, LedgerError, LedgerReader
from condorloop.model.enums import Artifact, DagState, UploadOutcome
from condorloop.model.lumis import Lumis
from tests import boundaries
from tests.processes.ledger_contents import FOLDER, filled, told_by, version_of
from tests.unit.examples import START

VERSIONS = (1, 2, 3, 4, 5, 6, 7)
WHOLE = {
    "ledger_v5": "ledger_v5",
    "ledger_v5_archive": "ledger_v5_archive",
    "ledger_v5_day": "ledger_v5_day",
    "ledger_v6": "ledger_v5",
    "ledger_v6_day": "ledger_v5_day",
    "ledger_v7": "ledger_v5",
    "ledger_v7_day": "ledger_v5_day",
}
"""Ledgers that the code of versions 5 to 7 wrote, and what they told of it then."""
TABLES = ("campaign", "raw_file", "campaign_file", "dag", "node", "payload", "request", "job")


def make(path, version):
    return filled(path, f"ledger_v{version}")


def schema_of(path):
    with closing(sqlite3.connect(path)) as db:
        tables = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        columns = {
            name: {c[1:5] for c in db.execute(f"PRAGMA table_info({name})")} for (name,) in tables
        }
        rows = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index'")
        return columns, {name: " ".join(sql.split()) for name, sql in rows if sql}


@pytest.fixture(scope="module")
def newest(tmp_path_factory):
    path = tmp_path_factory.mktemp("new") / "new.db"
    Ledger(path).close()
    return schema_of(path)


def campaign_of(ledger):
    [campaign] = ledger.campaigns.of_run(398600, "EcalPedestals")
    return campaign


@pytest.mark.parametrize("version", VERSIONS)
def test_a_ledger_of_an_older_version_is_brought_up_to_date(tmp_path, version, newest):
    path = make(tmp_path / "old.db", version)
    with pytest.raises(LedgerError, match=f"schema version {version}"):
        LedgerReader(path)
    with Ledger(path) as ledger:
        assert ledger.id == "0123456789ab"
    assert schema_of(path) == newest
    Ledger(path).close()


def test_all_that_a_ledger_of_the_first_version_holds_is_kept(tmp_path):
    with Ledger(make(tmp_path / "old.db", 1)) as ledger:
        campaign = campaign_of(ledger)
        assert [w.file.path for w in campaign.waiting] == ["/eos/b.root"]
        [dag] = campaign.dags
        assert (dag.cluster, dag.rescues, dag.failed_nodes) == (17, 1, ("RECO_0000",))
        ledger.dags.plan_rescue(dag.id, {})
        ledger.dags.submitted(dag.id, 18, START)
        ledger.dags.ended(dag.id, None, START)


@pytest.mark.parametrize("version", [2, 3, 4])
def test_all_that_a_later_ledger_holds_is_kept(tmp_path, version):
    with Ledger(make(tmp_path / "old.db", version)) as ledger:
        campaign = campaign_of(ledger)
        assert [w.file.path for w in campaign.waiting] == ["/eos/d.root"]
        assert campaign.quarantined == ("/eos/c.root",)
        assert (campaign.harvested, campaign.events_harvested) == (Lumis.span(1, 5), 100)
        assert ledger.campaigns.uploaded(campaign.id) == (Lumis.span(1, 5), 100)
        assert {d.label: d.state for d in campaign.dags} == {
            "b001": DagState.FAILED,
            "b002": DagState.REMOVED,
        }
        [failed, removed] = campaign.dags
        assert failed.blames == {"RECO_0000": {"/eos/b.root": 2}}
        assert removed.removed_by == "alice"
        [request] = ledger.requests.waiting()
        assert (request.run, request.made_by) == (398600, "alice@node")
        assert request.include_quarantined
        [summary] = [s for s in ledger.status.summaries(0.0) if s.run == campaign.key.run]
        assert (summary.uploads, summary.last_outcome) == (1, UploadOutcome.UPLOADED)


@pytest.mark.parametrize("version", [3, 4])
def test_what_the_third_version_told_of_jobs_and_people_is_kept(tmp_path, version):
    with Ledger(make(tmp_path / "old.db", version)) as ledger:
        assert campaign_of(ledger).held_by == "bob@node"
        [spot] = ledger.campaigns.of_run(398500, "BeamSpot")
        assert spot.cleaned == {Artifact.RECO}
        assert [job.host for job in ledger.dags.jobs(1)] == ["slot1@node"]
        assert (
            ledger.notifications.told("mail")["service|||OMS does not answer"].since == 1790000001.0
        )


@pytest.mark.parametrize("name", WHOLE)
def test_what_a_ledger_of_version_5_or_later_tells_it_tells_afterwards(tmp_path, name):
    told = json.loads((FOLDER / f"{WHOLE[name]}.json").read_text())
    path = filled(tmp_path / "old.db", name)
    assert json.loads(json.dumps(told_by(path))) == told
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_what_was_left_of_a_forgotten_dag_goes_and_the_rest_stays(tmp_path):
    path = make(tmp_path / "old.db", 5)
    with closing(sqlite3.connect(path)) as db:
        db.execute("INSERT INTO payload (dag_id, campaign_id, inputs) VALUES (999, 1, '[0]')")
        db.execute("INSERT INTO job (dag_id, node, job_id, submitted_at, host, starts, holds,"
                   " removed) VALUES (999, 'RECO', '1.0', 1.0, '', 0, 0, 0)")  # fmt: skip
        db.commit()
    told = json.loads((FOLDER / "ledger_v5.json").read_text())
    assert json.loads(json.dumps(told_by(path))) == told


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE payload SET outcome = 'maybe' WHERE dag_id = (SELECT MIN(dag_id) FROM payload)",
        "UPDATE node SET state = 'gone' WHERE name = 'HARVEST'",
        "UPDATE node SET dropped = '[1]' WHERE name = 'HARVEST'",
        'UPDATE payload SET overlaps = \'{"x": "why"}\'',
        "UPDATE campaign SET cleaned = 'everything'",
        "DELETE FROM dag",
    ],
)
def test_what_version_5_never_wrote_counts_as_damage_and_changes_nothing(tmp_path, change):
    path = make(tmp_path / "old.db", 5)
    with closing(sqlite3.connect(path)) as db:
        db.execute(change)
        db.commit()
    with pytest.raises(LedgerDamaged) as refused:
        Ledger(path)
    assert "\n" not in str(refused.value)
    assert version_of(path) == "5"


class Told(sqlite3.Connection):
    """A connection that tells of each statement before it is carried out."""

    def execute(self, sql, parameters=(), /):
        boundaries.here("sql", sql[:60])
        return super().execute(sql, parameters)


def test_a_death_in_the_middle_of_bringing_it_up_to_date_costs_nothing(
    tmp_path, newest, monkeypatch
):
    path = tmp_path / "old.db"
    connect = sqlite3.connect
    monkeypatch.setattr(
        "condorloop.ledger.connection.sqlite3.connect",
        lambda *args, **more: connect(*args, factory=Told, **more),
    )

    def step(number):
        for part in tmp_path.glob("old.db*"):
            part.unlink()
        make(path, 1)
        return lambda: Ledger(path).close()

    died_at = 0
    for death in boundaries.deaths(step):
        died_at += death.effects[-1].site.event == "sql"
        with Ledger(path) as ledger:
            assert campaign_of(ledger).waiting
        assert schema_of(path) == newest
        assert [copy.name for copy in tmp_path.glob("old.db.*")] == ["old.db.v1"]
        assert version_of(tmp_path / "old.db.v1") == "1"
    assert died_at > 10


TEXTS = ("", "x", "[", "{}", "[1", '["a"]', "[[]]", '{"a": "b"}', "5-1", "0", "1-9999999999")
NUMBERS = (-1, 0, 2**62, 1e300, -1e300, float("inf"), 0.5)
ODD = st.sampled_from([*TEXTS, *NUMBERS, None, b"\xff", "active", "done", "failed"])


@st.composite
def changes(draw):
    """A statement that puts something odd into a column of an old ledger."""
    table = draw(st.sampled_from(TABLES))
    return table, draw(st.integers(0, 40)), draw(ODD), draw(st.booleans())


def columns_of(db, table):
    return [row[1] for row in db.execute(f"PRAGMA table_info({table})")]


def spoil(path, change):
    """Put something odd into a ledger; what its own constraints do not let in stays out."""
    table, number, value, everywhere = change
    with closing(sqlite3.connect(path)) as db:
        if columns := columns_of(db, table):
            column = columns[number % len(columns)]
            where = (
                ""
                if everywhere
                else f" WHERE {columns[0]} = (SELECT MIN({columns[0]}) FROM {table})"
            )
            try:
                db.execute(f"UPDATE {table} SET {column} = ?{where}", (value,))
                db.commit()
            except sqlite3.Error:
                db.rollback()


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory):
    return tmp_path_factory.mktemp("spoilt") / "spoilt.db"


@given(st.sampled_from(VERSIONS), st.lists(changes(), min_size=1, max_size=3))
def test_a_ledger_of_odd_contents_is_refused_in_a_line_or_can_be_read(spoilt, version, odd):
    for part in ("-wal", "-shm"):
        spoilt.with_name(spoilt.name + part).unlink(missing_ok=True)
    make(spoilt, version)
    for change in odd:
        spoil(spoilt, change)
    said = refusal(spoilt)
    assert "\n" not in said
    assert not said or said.startswith(str(spoilt))


def refusal(path):
    """Why a ledger is refused; empty if all of it can be read."""
    try:
        with Ledger(path) as ledger:
            read_all(ledger)
        with LedgerStories(path) as stories:
            stories.stories(398600)
    except LedgerError as error:
        return str(error)
    return ""


def read_all(ledger):
    """Read what a cycle reads."""
    ledger.raw_files.watched(0.0, 0.0)
    ledger.requests.waiting()
    ledger.status.conditions(0.0)
    ledger.status.summaries(0.0)
    ledger.notifications.told("mail")
    for settled in ledger.retention.settled(also_open=True):
        ledger.retention.covered_reco(settled)
    for campaign in ledger.campaigns.with_work({}):
        ledger.dags.outline(campaign.reconstruction_id, campaign.id)
        ledger.campaigns.processed(campaign.id)
        ledger.dags.next_numbers(campaign.reconstruction_id)
        ledger.retries.unused(campaign.reconstruction_id)


@pytest.mark.parametrize("cut", ["DROP TABLE node", "ALTER TABLE dag RENAME TO dags"])
def test_a_ledger_that_lacks_a_part_is_damaged_and_told_in_a_line(tmp_path, cut):
    path = make(tmp_path / "old.db", 3)
    with closing(sqlite3.connect(path)) as db:
        db.execute(cut)
        db.commit()
    with pytest.raises(LedgerDamaged, match="no such table"):
        Ledger(path)
