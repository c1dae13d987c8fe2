"""How a DAG ended is told from DAGMan's files, and not from ones that are cut or damaged."""

import json
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.dagman.logs.dag_outcome import (
    Ended,
    failed_nodes,
    history_end,
    how_ended,
    last_cluster,
    our_reason,
    removed_by,
)
from tests.unit.examples import TOP

SUBMITTED = """\
000 ({0:03d}.000.000) 2026-11-23 23:11:57 Job submitted from host: <127.0.0.1:33617?alias=vm>
...
"""
EXECUTES = """\
001 ({0:03d}.000.000) 2026-11-23 23:11:57 Job executing on host: <127.0.0.1:33617?alias=vm>
...
"""
TERMINATED = """\
005 ({0:03d}.000.000) 2026-11-23 23:12:07 Job terminated.
\t(1) Normal termination (return value {1})
\t\tUsr 0 00:00:00, Sys 0 00:00:00  -  Run Remote Usage
\t0  -  Run Bytes Sent By Job
...
"""
CRASHED = """\
005 ({0:03d}.000.000) 2026-11-23 23:12:07 Job terminated.
\t(0) Abnormal termination (signal 11)
\t(0) No core file
...
"""
ABORTED = """\
009 ({0:03d}.000.000) 2026-11-23 23:12:29 Job was aborted.
\t{1}
...
"""
STATUS = """\
[
  Type = "NodeStatus";
  Node = "RECO_0000";
  NodeStatus = 5; /* "STATUS_DONE" */
]
[
  Type = "NodeStatus";
  Node = "RECO_0001";
  NodeStatus = 6; /* "STATUS_ERROR" */
]
"""
WHO_REMOVED = """\
import sys
from pathlib import Path
from condorloop.dagman.logs.dag_outcome import how_ended
print(ascii(how_ended(Path(sys.argv[1]), 7).removed_by))
"""
ATTRIBUTES = [
    "JobStatus",
    "ExitCode",
    "ExitSignal",
    "ExitBySignal",
    "RemoveReason",
    "EnteredCurrentStatus",
]
BY_ALICE = "via condor_rm (by user alice)"
BY_POLICY = "The system macro SYSTEM_PERIODIC_REMOVE expression 'true' evaluated to TRUE"
BY_US = our_reason("its campaign is\ngiven up") + " (by user condorloop)"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("outcome")


@pytest.fixture
def dag(tmp_path):
    return tmp_path / "x.dag"


def left(dag, log="", status=STATUS, cluster=None, code=None):
    """Leave what a DAGMan leaves."""
    dag.with_name("x.dag.dagman.log").write_text(log)
    dag.with_name("x.dag.status").write_text(status)
    if cluster is not None:
        metrics = {"dagman_id": str(cluster), "exitcode": code}
        dag.with_name("x.dag.metrics").write_text(json.dumps(metrics))


def test_a_dag_without_files_has_not_ended(dag):
    assert how_ended(dag, 7) is None
    assert last_cluster(dag) is None
    assert failed_nodes(dag) == ()


def test_the_metrics_of_a_dagman_tell_how_it_ended(dag):
    left(dag, cluster=7, code=0)
    assert how_ended(dag, 7) == Ended(True, ())
    left(dag, cluster=7, code=1)
    assert how_ended(dag, 7) == Ended(False, ("RECO_0001",))


def test_the_metrics_of_an_earlier_dagman_tell_nothing(dag):
    log = SUBMITTED + EXECUTES + TERMINATED
    left(dag, log.format(7, 1) + (SUBMITTED + EXECUTES).format(12), cluster=7, code=1)
    assert how_ended(dag, 12) is None
    assert last_cluster(dag) == 12


def test_without_metrics_the_event_log_tells(dag):
    left(dag, (SUBMITTED + EXECUTES + TERMINATED).format(7, 0))
    assert how_ended(dag, 7) == Ended(True, ())
    left(dag, (SUBMITTED + EXECUTES + TERMINATED).format(7, 1))
    assert how_ended(dag, 7) == Ended(False, ("RECO_0001",))
    left(dag, (SUBMITTED + EXECUTES + CRASHED).format(7))
    assert how_ended(dag, 7) == Ended(False, ("RECO_0001",))


@pytest.mark.parametrize(("metrics", "event"), [(0, 1), (1, 0)])
def test_the_metrics_are_believed_before_the_event_log(dag, metrics, event):
    left(dag, (SUBMITTED + EXECUTES + TERMINATED).format(7, event), cluster=7, code=metrics)
    assert how_ended(dag, 7).success is (metrics == 0)


def test_a_dagman_that_a_signal_ended_has_not_succeeded_whatever_one_before_it_did(dag):
    before = (SUBMITTED + EXECUTES + TERMINATED).format(7, 0)
    left(dag, before + (SUBMITTED + EXECUTES + CRASHED).format(12), cluster=7, code=0)
    assert how_ended(dag, 12) == Ended(False, ("RECO_0001",))
    assert how_ended(dag, 7) == Ended(True, ())


def test_a_removed_dagman_has_not_succeeded_whatever_one_before_it_did(dag):
    log = (SUBMITTED + EXECUTES + ABORTED).format(12, BY_ALICE)
    left(dag, log, cluster=7, code=0)
    assert how_ended(dag, 12) == Ended(False, ("RECO_0001",), "alice")


@pytest.mark.parametrize("metrics", [None, 2])
@pytest.mark.parametrize(("reason", "who"), [(BY_ALICE, "alice"), (BY_POLICY, ""), (BY_US, "")])
def test_only_a_person_who_removed_a_dag_is_named(dag, reason, who, metrics):
    log = (SUBMITTED + EXECUTES + ABORTED).format(7, reason)
    left(dag, log, cluster=None if metrics is None else 7, code=metrics)
    assert how_ended(dag, 7) == Ended(False, ("RECO_0001",), who)


def test_a_dag_that_was_removed_before_it_ran_has_no_failed_nodes_of_its_own(dag):
    left(dag, (SUBMITTED + ABORTED).format(7, BY_ALICE), cluster=3, code=1)
    assert how_ended(dag, 7) == Ended(False, (), "alice")


def test_a_name_beyond_ascii_is_read_whatever_the_locale(dag):
    log = (SUBMITTED + EXECUTES + ABORTED).format(7, "via condor_rm (by user zoë)")
    dag.with_name("x.dag.dagman.log").write_text(log, encoding="utf-8")
    assert how_ended(dag, 7) == Ended(False, (), "zoë")
    locale = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    asking = [sys.executable, "-c", WHO_REMOVED, str(dag)]
    told = subprocess.run(asking, cwd=TOP, env=os.environ | locale, capture_output=True, text=True)
    assert told.stdout.strip() == ascii("zoë"), told.stderr


@given(st.data())
def test_files_that_are_cut_tell_the_truth_or_nothing(folder, data):
    dag = folder / "x.dag"
    log = (SUBMITTED + EXECUTES + ABORTED).format(7, BY_ALICE)
    metrics = json.dumps({"type": "metrics", "exitcode": 2, "dagman_id": "7"})
    for name, text in (("dagman.log", log), ("metrics", metrics), ("status", STATUS)):
        cut = text[: data.draw(st.integers(0, len(text)))]
        dag.with_name(f"x.dag.{name}").write_text(cut)
    end = how_ended(dag, 7)
    assert end is None or (not end.success and end.removed_by in ("", "alice"))
    assert set(failed_nodes(dag)) <= {"RECO_0001"}
    assert last_cluster(dag) in (None, 7)


@given(st.lists(st.binary(max_size=200), min_size=3, max_size=3), st.data())
def test_damaged_files_are_no_error(folder, junk, data):
    dag = folder / "x.dag"
    log = (SUBMITTED + EXECUTES + ABORTED).format(7, BY_ALICE).encode()
    metrics = b'{"exitcode": 2, "dagman_id": "7"}'
    texts = {"dagman.log": log, "metrics": metrics, "status": STATUS.encode()}
    for (name, text), noise in zip(texts.items(), junk, strict=True):
        at = data.draw(st.integers(0, len(text)))
        dag.with_name(f"x.dag.{name}").write_bytes(text[:at] + noise + text[at + len(noise) :])
    how_ended(dag, 8)
    failed_nodes(dag)
    last_cluster(dag)


@given(st.text())
def test_any_reason_can_be_read(reason):
    assert removed_by(our_reason(reason) + " (by user x)") == ""
    assert removed_by(f"{reason.strip()} (by user x)") in ("x", "")


def test_the_history_tells_an_end_from_a_removal():
    ended = history_end(
        {"JobStatus": 4, "ExitCode": 1, "ExitBySignal": False, "EnteredCurrentStatus": 90}
    )
    assert (ended.exit_code, ended.signal, ended.removed, ended.ended_at) == (1, None, False, 90)
    killed = history_end({"JobStatus": 4, "ExitSignal": 9, "ExitBySignal": True})
    assert (killed.exit_code, killed.signal, killed.removed) == (None, 9, False)
    assert killed.ended_at == 0.0
    removed = history_end({"JobStatus": 3, "ExitCode": 2, "RemoveReason": BY_ALICE})
    assert removed.reason == BY_ALICE
    assert (removed.exit_code, removed.removed, removed.removed_by) == (None, True, "alice")


def test_the_remove_reason_of_a_job_that_was_not_removed_names_nobody():
    ended = history_end({"JobStatus": 4, "ExitCode": 0, "RemoveReason": BY_ALICE})
    assert (ended.removed, ended.removed_by, ended.reason) == (False, "", "")
    assert ended.exit_code == 0


def test_a_removal_without_a_reason_names_nobody():
    removed = history_end({"JobStatus": 3})
    assert (removed.removed, removed.removed_by, removed.reason) == (True, "", "")


@pytest.mark.parametrize(
    "ad", [{"ExitBySignal": False, "ExitSignal": 9}, {"ExitBySignal": True, "ExitSignal": "KILL"}]
)
def test_a_signal_is_told_only_of_a_job_that_one_ended(ad):
    assert history_end({"JobStatus": 4, **ad}).signal is None


def test_a_job_that_a_signal_ended_has_no_exit_code():
    killed = history_end({"JobStatus": 4, "ExitBySignal": True, "ExitSignal": 9, "ExitCode": 0})
    assert (killed.exit_code, killed.signal) == (None, 9)


def test_who_abandoned_a_dag_through_condorloop_is_the_person_who_removed_it():
    reason = our_reason("abandoned by  alice@node\nof the shift")
    assert reason == "condorloop: abandoned by alice@node of the shift"
    assert removed_by(f"{reason} (by user ngt)") == "alice@node"


@given(
    st.dictionaries(
        st.sampled_from(ATTRIBUTES),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    )
)
def test_a_strange_ad_is_no_error(ad):
    assert history_end(ad).removed_by == ""


@pytest.mark.parametrize(
    ("told", "cluster"), [('{"dagman_id": "17"}', 17), ('{"dagman_id": "x"}', None), ("{", None)]
)
def test_a_dag_whose_event_log_is_gone_is_known_by_its_metrics(tmp_path, told, cluster):
    (tmp_path / "x.dag.metrics").write_text(told)
    assert last_cluster(tmp_path / "x.dag") == cluster
