"""An SQLite that cannot keep the ledger is named before the loop does anything."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from condorloop.doctor import sqlite as doctor
from condorloop.doctor.checks import Verdict
from condorloop.ledger.health.trial import (
    SCRATCH,
    SQLITE,
    SqliteUnfit,
    refuse_unfit_sqlite,
    try_sqlite,
)
from condorloop.ledger.migrations.oldest import OLDEST_SCHEMA
from condorloop.ledger.store import LedgerError
from condorloop.ledger.updates.campaigns import Campaigns
from tests.unit.examples import TOP, config, site_file

CANNOT = {
    "bring a table up to date": (sqlite3.SQLITE_ALTER_TABLE, None),
    "read a list": (sqlite3.SQLITE_FUNCTION, "json_type"),
    "open a campaign": (sqlite3.SQLITE_INSERT, "campaign"),
    "hold a campaign": (sqlite3.SQLITE_UPDATE, "campaign"),
    "probe a file": (sqlite3.SQLITE_UPDATE, "raw_file"),
    "plan a DAG": (sqlite3.SQLITE_INSERT, "node"),
    "harvest": (sqlite3.SQLITE_INSERT, "payload"),
    "answer a person": (sqlite3.SQLITE_UPDATE, "request"),
    "look into an archive": (sqlite3.SQLITE_ATTACH, None),
}
"""What SQLite itself refuses in a test, by its action and the table or function."""


def refusing(action, what):
    """A kind of connection in which SQLite does not do something."""

    class Refusing(sqlite3.Connection):
        def __init__(self, *args, **more):
            super().__init__(*args, **more)
            self.set_authorizer(self._allow)

        def _allow(self, asked, first, second, database, trigger):
            named = second if action == sqlite3.SQLITE_FUNCTION else first
            refused = asked == action and (what is None or named == what)
            return sqlite3.SQLITE_DENY if refused else sqlite3.SQLITE_OK

    return Refusing


class Full(sqlite3.Connection):
    """A connection to a file on a disk that is full."""

    def __init__(self, *args, **more):
        super().__init__(*args, **more)
        self.execute("PRAGMA max_page_count = 5")


@pytest.fixture
def connecting(monkeypatch):
    """Let all connections be of a kind."""
    connect = sqlite3.connect

    def use(kind):
        monkeypatch.setattr(
            sqlite3, "connect", lambda *a, **more: connect(*a, factory=kind, **more)
        )

    return use


def checked(tmp_path):
    [examination] = doctor.examinations(config(tmp_path))
    [check] = examination.look()
    return check


def test_the_sqlite_of_this_python_keeps_a_ledger_and_is_named(tmp_path):
    (tmp_path / "scratch").mkdir()
    try_sqlite(tmp_path / "scratch")
    check = checked(tmp_path)
    assert check.verdict is Verdict.FINE
    assert sqlite3.sqlite_version == SQLITE
    assert check.words.startswith(f"{SQLITE}: ")
    assert {path.name for path in tmp_path.iterdir()} == {"scratch", "site.yaml"}


@pytest.mark.parametrize("cannot", CANNOT)
def test_whatever_it_cannot_do_stops_the_doctor_and_the_start(tmp_path, connecting, cannot):
    connecting(refusing(*CANNOT[cannot]))
    with pytest.raises(SqliteUnfit) as refused:
        refuse_unfit_sqlite(tmp_path)
    said = str(refused.value)
    assert said.startswith(f"SQLite {SQLITE} cannot keep the ledger: ")
    assert "not authorized" in said
    assert "condorloop needs SQLite 3.26.0 or newer" in said
    assert "\n" not in said
    check = checked(tmp_path)
    assert (check.verdict, check.words) == (Verdict.STOPS, said)
    assert sys.executable in check.remedy
    assert [path.name for path in tmp_path.iterdir()] == ["site.yaml"]


def test_an_sqlite_that_latches_without_the_hold_is_unfit(tmp_path, monkeypatch):
    monkeypatch.setattr(Campaigns, "hold_calibration", lambda *_: None)
    with pytest.raises(SqliteUnfit, match="is not held"):
        refuse_unfit_sqlite(tmp_path)


def test_a_full_disk_is_not_taken_for_an_unfit_sqlite(tmp_path, connecting):
    connecting(Full)
    refuse_unfit_sqlite(tmp_path)
    with pytest.raises(LedgerError, match="full") as refused:
        try_sqlite(tmp_path)
    assert not isinstance(refused.value, SqliteUnfit)
    check = checked(tmp_path)
    assert check.verdict is Verdict.NOT_CHECKED
    assert "full" in check.words


def test_what_a_start_that_was_killed_has_left_is_in_nobodys_way(tmp_path):
    left = tmp_path / SCRATCH / "condorloop.db"
    left.parent.mkdir()
    left.write_text("cut short")
    refuse_unfit_sqlite(tmp_path)
    assert not left.parent.exists()


def test_the_oldest_schema_is_that_of_a_ledger_of_the_first_version():
    dump = (TOP / "tests" / "processes" / "ledger_v1.sql").read_text()
    assert schema(OLDEST_SCHEMA) == schema(dump)


def schema(script):
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript(script)
        return db.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()


START = """
import sqlite3, sys
sys.path.insert(0, {top!r})
from tests.unit.ledger.test_trial import CANNOT, refusing
from condorloop.cli.main import main
connect = sqlite3.connect
kind = refusing(*CANNOT["plan a DAG"])
sqlite3.connect = lambda *args, **more: connect(*args, factory=kind, **more)
main()
"""


@pytest.mark.parametrize("command", [["run"], ["run", "--once"]], ids=" ".join)
def test_a_start_is_refused_in_one_line_and_makes_no_ledger(tmp_path, command):
    site = site_file(tmp_path)
    calibrations = str(TOP / "calibrationYAML")
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            START.format(top=str(TOP)),
            *command,
            "--site",
            str(site),
            "--calibrations",
            calibrations,
        ],
        env={**os.environ, "PYTHONPATH": str(TOP)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert f"SQLite {SQLITE} cannot keep the ledger: DAGs are written down: not authorized" in line
    assert not list((tmp_path / "work").glob("condorloop.db*"))
