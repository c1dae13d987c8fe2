"""Whatever words SQLite has for it: a damaged ledger is told from one that cannot be used now."""

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from condorloop.ledger.connection import ledger_error
from condorloop.ledger.health.damage import is_damage
from condorloop.ledger.store import Ledger, LedgerDamaged, LedgerError, LedgerReader
from condorloop.recovery.rebuild import open_ledger
from tests.unit.examples import KEY, RUN, START, config


def latch(ledger):
    ledger.campaigns.latch(KEY, "/eos/cms/RAW", RUN, "running", START)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The file of a ledger that holds a campaign."""
    path = tmp_path_factory.mktemp("whole") / "condorloop.db"
    with Ledger(path) as ledger:
        latch(ledger)
        ledger.raw_files.add("/eos/cms/RAW", RUN.number, {"/a": 1}, START)
    return path


@pytest.fixture
def path(tmp_path, whole):
    path = tmp_path / "condorloop.db"
    path.write_bytes(whole.read_bytes())
    return path


def with_bytes(path, at, *values):
    content = bytearray(path.read_bytes())
    content[at : at + len(values)] = bytes(values)
    path.write_bytes(content)


def with_statements(path, *statements):
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA writable_schema = ON")
        for statement in statements:
            db.execute(statement)


def error(code, words):
    found = sqlite3.OperationalError(words)
    found.sqlite_errorcode = code
    return found


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (sqlite3.SQLITE_NOTADB, "file is not a database"),
        (sqlite3.SQLITE_NOTADB, "file is encrypted or is not a database"),
        (sqlite3.SQLITE_CORRUPT, "database disk image is malformed"),
        (sqlite3.SQLITE_CORRUPT_VTAB, "database disk image is malformed"),
        (sqlite3.SQLITE_CORRUPT, "malformed database schema (node)"),
        (sqlite3.SQLITE_ERROR, 'malformed database schema (node) - near "=": syntax error'),
        (sqlite3.SQLITE_ERROR, "unsupported file format"),
        (
            sqlite3.SQLITE_ERROR,
            "attached databases must use the same text encoding as main database",
        ),
        (0, "Could not decode to UTF-8 column 'name' with text '\ufffd'"),
    ],
)
def test_what_any_version_says_of_a_file_that_is_no_database_is_damage(tmp_path, code, words):
    assert is_damage(error(code, words))
    assert isinstance(ledger_error(tmp_path, error(code, words)), LedgerDamaged)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (sqlite3.SQLITE_BUSY, "database is locked"),
        (sqlite3.SQLITE_LOCKED, "database table is locked"),
        (sqlite3.SQLITE_FULL, "database or disk is full"),
        (sqlite3.SQLITE_IOERR, "disk I/O error"),
        (sqlite3.SQLITE_READONLY, "attempt to write a readonly database"),
        (sqlite3.SQLITE_READONLY_DBMOVED, "attempt to write a readonly database"),
        (sqlite3.SQLITE_CANTOPEN, "unable to open database file"),
        (sqlite3.SQLITE_NOMEM, "out of memory"),
        (sqlite3.SQLITE_ERROR, 'near "FROM": syntax error'),
        (sqlite3.SQLITE_ERROR, "no such function: json_valid"),
        (0, "unable to open database file"),
    ],
)
def test_what_passes_or_is_a_fault_of_the_program_is_no_damage(tmp_path, code, words):
    assert not is_damage(error(code, words))
    assert not isinstance(ledger_error(tmp_path, error(code, words)), LedgerDamaged)


DAMAGE = {
    "an unknown format of the schema": lambda path: with_bytes(path, 47, 5),
    "an unknown version of the format to read": lambda path: with_bytes(path, 19, 3),
    "an unknown version of the format to write": lambda path: with_bytes(path, 18, 3),
    "another text encoding": lambda path: with_bytes(path, 59, 3),
    "a header overwritten": lambda path: with_bytes(path, 0, *[255] * 100),
    "a first page overwritten": lambda path: with_bytes(path, 0, *[255] * 4096),
    "a file cut short": lambda path: path.write_bytes(path.read_bytes()[:5000]),
    "a schema that cannot be parsed": lambda path: with_statements(
        path, "UPDATE sqlite_master SET sql = 'CREATE TABLE node (a' WHERE name = 'node'"
    ),
    "a schema of words that are no text": lambda path: with_statements(
        path,
        "UPDATE sqlite_master SET sql = CAST(x'435245415445205441424c45206e6f64652028ff2e'"
        " AS TEXT) WHERE name = 'node'",
    ),
    "a set of LS that is no text": lambda path: with_statements(
        path, "UPDATE reconstruction SET seen = CAST(x'ff' AS TEXT)"
    ),
    "a table gone": lambda path: with_statements(path, "DROP TABLE node"),
    "a column gone": lambda path: with_statements(
        path, "DROP TABLE told", "CREATE TABLE told (about TEXT PRIMARY KEY)"
    ),
    "no version": lambda path: with_statements(
        path, "DELETE FROM meta WHERE key = 'schema_version'"
    ),
    "no number as its version": lambda path: with_statements(
        path, "UPDATE meta SET value = 'x' WHERE key = 'schema_version'"
    ),
    "no table of its own": lambda path: with_statements(path, "DROP TABLE meta"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_ledger_is_kept_aside_and_rebuilt(tmp_path, path, damage):
    DAMAGE[damage](path)
    damaged = path.read_bytes()
    with pytest.raises(LedgerDamaged) as refused:
        Ledger(path)
    assert "\n" not in str(refused.value)
    assert str(refused.value).startswith(str(path))
    with open_ledger(path, config(tmp_path), START) as ledger:
        latch(ledger)
    [kept] = path.parent.glob("condorloop.db.damaged-*[0-9]")
    assert kept.read_bytes() == damaged


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE campaign SET state = 'a word of its own'",
        "DROP TABLE node",
        "UPDATE sqlite_master SET sql = 'CREATE TABLE told (a) OF A NEWER SQLITE'"
        " WHERE name = 'told'",
    ],
)
def test_what_a_newer_condorloop_has_written_is_no_damage(path, change):
    with_statements(path, "UPDATE meta SET value = '99' WHERE key = 'schema_version'", change)
    written = path.read_bytes()
    for opened in (Ledger, LedgerReader):
        with pytest.raises(LedgerError, match="schema version 99") as refused:
            opened(path)
        assert not isinstance(refused.value, LedgerDamaged)
    assert path.read_bytes() == written


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("scratch") / "condorloop.db"


@settings(max_examples=150)
@given(st.data())
def test_whatever_bytes_are_damaged_a_ledger_can_be_read_and_written_or_is_damaged(
    whole, scratch, data
):
    content = whole.read_bytes()
    at = data.draw(st.one_of(st.integers(0, 99), st.integers(0, len(content) - 1)))
    values = data.draw(st.binary(min_size=1, max_size=64))
    for part in ("-wal", "-shm"):
        scratch.with_name(scratch.name + part).unlink(missing_ok=True)
    scratch.write_bytes((content[:at] + values + content[at + len(values) :])[: len(content)])
    try:
        with Ledger(scratch) as ledger:
            ledger.campaigns.hold_calibration("EcalPedestals", "alice", START)
            ledger.campaigns.with_work({})
            ledger.status.summaries(0.0)
    except LedgerDamaged as refused:
        said = str(refused)
    else:
        said = ""
    assert "\n" not in said
