"""The SQL of the ledger says only words that the model has, and stands in the ledger's folder."""

import ast
import re
import sqlite3
from contextlib import closing

import pytest

from condorloop.ledger.schema import SCHEMA, TABLES, WORDS
from condorloop.ledger.store import Ledger, LedgerReader, open_requests
from tests.unit.examples import KEY, RUN, START, TOP

LEDGER = TOP / "condorloop" / "ledger"
FROZEN = ("to_5.py", "oldest.py")
"""Of older versions, whose words stay what they were."""

_COLUMNS = re.compile(r"(\w+) TEXT(?: NOT NULL)? REFERENCES (\w+) \(word\)")
WORDS_OF = {
    (table, column): set(WORDS[words])
    for table, columns in TABLES.items()
    for column, words in _COLUMNS.findall(columns)
}
_NAMED = "|".join({column for _, column in WORDS_OF})
_COMPARED = re.compile(
    rf"(?:(\w+)\.)?\b({_NAMED})\b\s*(?:=|<>|(?:NOT )?IN|WHEN)\s*(\((?:'[^']*'(?:, )?)+\)|'[^']*')"
)
_ALIAS = re.compile(r"\b(?:FROM|JOIN|UPDATE|INTO|ON)\s+(\w+)(?:\s+AS\s+(\w+))?")


def texts(file):
    """The strings of a module, each whole: what an f-string puts in is left out."""
    tree = ast.parse(file.read_text())
    inside = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            inside |= {id(part) for part in node.values}
            parts = (p.value for p in node.values if isinstance(p, ast.Constant))
            yield "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from [node.value] * (id(node) not in inside)


def odd_words(text):
    """The words in a piece of SQL that the column before them never has."""
    tables = {alias or name: name for name, alias in _ALIAS.findall(text) if name in TABLES}
    for of, column, given in _COMPARED.findall(text):
        names = {tables[of]} if of in tables else set(tables.values()) or set(TABLES)
        allowed = [words for (t, c), words in WORDS_OF.items() if t in names and c == column]
        allowed = allowed or [words for (_, c), words in WORDS_OF.items() if c == column]
        yield from set(re.findall(r"'([^']*)'", given)) - set().union(*allowed)


FILES = sorted(file for file in LEDGER.glob("**/*.py") if file.name not in FROZEN)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_sql_compares_with_words_of_the_model_only(file):
    assert [word for text in texts(file) for word in odd_words(text)] == []


def test_an_odd_word_is_found():
    assert list(odd_words("SELECT 1 FROM node AS reco WHERE reco.state = 'active'")) == ["active"]
    assert list(odd_words("SELECT 1 FROM dag WHERE state IN ('active', 'queued')")) == ["queued"]
    assert list(odd_words("state = 'new' AND kind = 'reco'")) == ["reco"]
    assert list(odd_words("SELECT 1 FROM dag WHERE dag.state = 'active'")) == []


def test_only_the_ledger_knows_its_tables():
    asks = re.compile(r"\bconnection\.(rows|number|execute|executemany)\(")
    beside = TOP / "condorloop" / "testbed"
    found = [
        str(file.relative_to(TOP))
        for file in sorted((TOP / "condorloop").glob("**/*.py"))
        if not {LEDGER, beside} & {*file.parents} and asks.search(file.read_text())
    ]
    assert found == []


def test_no_other_word_can_be_written(tmp_path):
    with Ledger(tmp_path / "condorloop.db") as ledger:
        ledger.campaigns.latch(KEY, "/eos", RUN, "running", START)
        with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
            ledger.connection.execute("UPDATE campaign SET state = 'a word of its own'")
        for table, column in WORDS_OF:
            keys = ledger.connection.rows(f"PRAGMA foreign_key_list({table})")
            assert column in {key["from"] for key in keys if key["table"] in WORDS}


@pytest.mark.parametrize("opened", [Ledger, LedgerReader, open_requests])
def test_each_connection_checks_foreign_keys(tmp_path, opened):
    path = tmp_path / "condorloop.db"
    Ledger(path).close()
    with opened(path) as ledger:
        db = getattr(ledger, "connection", None) or ledger._db
        assert db.number("PRAGMA foreign_keys") == 1


def test_no_list_is_a_text():
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript(SCHEMA)
        defaults = db.execute(
            "SELECT c.dflt_value FROM sqlite_master AS t, pragma_table_info(t.name) AS c"
            " WHERE t.type = 'table'"
        ).fetchall()
    assert not {"'[]'", "'{}'"} & {default for (default,) in defaults}
