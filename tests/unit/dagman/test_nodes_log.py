"""The event log of a DAG is read once, however often it is looked at while it grows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.dagman.logs.job_events import nodes_log, parse
from condorloop.dagman.logs.nodes_log import NodesLog
from tests.unit.dagman.test_job_events import EXECUTES, SUBMITTED, TERMINATED

POST = """016 (297.000.000) 2026-11-24 02:27:50 POST Script terminated.
\t(1) Normal termination (return value {1})
    DAG Node: {0}
...
"""
WELL, BADLY = POST.format("RECO_0000", 0), POST.format("RECO_0000", 66)
WHOLE = SUBMITTED + EXECUTES + TERMINATED + WELL + POST.format("RECO_0001", 0)


@pytest.fixture
def dag(tmp_path):
    return tmp_path / "run1_dag000.dag"


def grow(dag, text):
    with nodes_log(dag).open("a") as file:
        file.write(text)


def looked_at(dag):
    """A log of which all was looked at; nothing was left."""
    log = NodesLog(dag)
    log.read_on()
    log.looked_at(frozenset())
    return log


def test_without_a_log_any_node_may_have_succeeded(dag):
    log = looked_at(dag)
    log.read_on()
    assert log.due is None
    grow(dag, SUBMITTED)
    log.read_on()
    assert log.due is None


def test_a_node_is_due_when_its_post_script_has_ended_well(dag):
    grow(dag, SUBMITTED)
    log = looked_at(dag)
    for text, due in ((EXECUTES + TERMINATED, set()), (BADLY, set()), (WELL, {"RECO_0000"})):
        grow(dag, text)
        log.read_on()
        assert log.due == due
    assert log.jobs == parse(SUBMITTED + EXECUTES + TERMINATED)


def test_a_node_stays_due_until_its_output_is_known(dag):
    grow(dag, SUBMITTED)
    log = looked_at(dag)
    grow(dag, WELL)
    log.read_on()
    log.looked_at(frozenset({"RECO_0000"}))
    log.read_on()
    assert log.due == {"RECO_0000"}
    log.looked_at(frozenset())
    assert log.due == frozenset()


def test_what_is_left_after_the_first_look_is_due_only_if_it_has_succeeded(dag):
    grow(dag, SUBMITTED + WELL)
    log = NodesLog(dag)
    log.read_on()
    log.looked_at(frozenset({"RECO_0000", "RECO_0007"}))
    assert log.due == {"RECO_0000"}


def test_what_was_read_is_not_read_again(dag, monkeypatch):
    grow(dag, WHOLE)
    log = looked_at(dag)
    monkeypatch.setattr("pathlib.Path.open", lambda *_: pytest.fail("it is opened"))
    log.read_on()
    assert log.due == frozenset()


@given(st.lists(st.integers(0, len(WHOLE)), max_size=6))
def test_in_whatever_pieces_a_log_grows_the_same_is_told(tmp_path_factory, cuts):
    dag = tmp_path_factory.mktemp("log") / "x.dag"
    grow(dag, "")
    log, due, begin = looked_at(dag), set(), 0
    for end in (*sorted(cuts), len(WHOLE)):
        grow(dag, WHOLE[begin:end])
        begin = end
        log.read_on()
        due |= log.due
        log.looked_at(frozenset())
    assert log.jobs == parse(WHOLE)
    assert due == {"RECO_0000", "RECO_0001"}


def test_a_node_whose_job_has_ended_waits_for_its_post_script(dag):
    grow(dag, SUBMITTED + EXECUTES)
    log = looked_at(dag)
    assert log.unjudged == {}
    grow(dag, TERMINATED)
    log.read_on()
    [(name, since)] = log.unjudged.items()
    assert (name, since) == ("RECO_0000", log.jobs[0].ended_at)
    grow(dag, WELL)
    log.read_on()
    assert log.unjudged == {}


def test_a_job_that_runs_again_after_it_was_judged_waits_for_no_script(dag):
    grow(dag, SUBMITTED + EXECUTES + TERMINATED + WELL + EXECUTES + TERMINATED)
    assert looked_at(dag).unjudged == {}


def shortened(path):
    path.write_text(SUBMITTED)


def replaced(path):
    path.with_suffix(".new").write_text(SUBMITTED + " " * len(WHOLE))
    path.with_suffix(".new").rename(path)


def gone(path):
    path.unlink()


@pytest.mark.parametrize(
    ("change", "jobs"), [(shortened, parse(SUBMITTED)), (replaced, parse(SUBMITTED)), (gone, ())]
)
def test_a_log_that_is_another_is_read_anew_and_any_node_may_have_succeeded(dag, change, jobs):
    grow(dag, WHOLE)
    log = looked_at(dag)
    change(nodes_log(dag))
    log.read_on()
    assert log.due is None
    assert log.jobs == jobs
