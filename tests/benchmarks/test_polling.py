"""What a poll asks when nothing is new: as much with many known files as with few."""

import pytest

from benchmarks.counting import Place, runs_of

DAGS = 24
RUNS = 2
STREAMS = 2


@pytest.fixture
def cost(tmp_path):
    """What the second poll of a loop costs that knows so many files."""

    def measured(files, dags=DAGS):
        place = Place(tmp_path / f"{files}-{dags}", runs_of(files, dags))
        try:
            place.cycle()
            return place.cycle().counts
        finally:
            place.close()

    return measured


def test_no_work_of_a_poll_grows_with_the_files_that_are_known(cost):
    few, many = cost(1200), cost(12_000)
    assert few == many
    assert few["SQL rows"] > 0


def test_oms_and_the_schedd_are_asked_once_and_each_run_folder_is_listed_once(cost):
    counts = cost(1200)
    assert counts["OMS requests"] == 1
    assert counts["schedd queries"] == 1
    assert counts["storage listings"] == RUNS * STREAMS


def test_more_dags_cost_more_looks_at_what_they_leave_and_no_more_questions(cost):
    few, many = cost(2400, 12), cost(2400, 24)
    assert many["schedd queries"] == few["schedd queries"] == 1
    assert many["OMS requests"] == few["OMS requests"] == 1
    assert many["files opened"] <= 2 * few["files opened"]
    assert many["SQL rows"] <= 2 * few["SQL rows"]


SMALL = {"dag_in_flight", "request_open", "changed", "meta", "held_calibration", "held_uploads"}
"""What may be read from end to end: a partial index of what is unfinished, a small table."""


def scans(database, statements):
    """What SQLite reads from end to end, by its own plan."""
    for statement in statements:
        if not statement.lstrip().startswith(("SELECT", "UPDATE", "DELETE")):
            continue
        for *_, detail in database.execute(f"EXPLAIN QUERY PLAN {statement}"):
            words = detail.split()
            if words[0] == "SCAN" and "VIRTUAL" not in words:
                yield statement, words[-1]


def test_no_statement_of_a_poll_reads_a_table_or_an_index_of_all_that_ever_was(tmp_path):
    place, statements = Place(tmp_path / "place", runs_of(1200, DAGS)), []
    try:
        place.cycle()
        place.ledger.connection.sqlite.set_trace_callback(statements.append)
        place.measure()
        place.ledger.connection.sqlite.set_trace_callback(None)
        found = {what: sql for sql, what in scans(place.ledger.connection.sqlite, statements)}
        assert {what: found[what] for what in found.keys() - SMALL} == {}
    finally:
        place.close()
