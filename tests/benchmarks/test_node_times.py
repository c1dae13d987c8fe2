"""The time of a node is read from the logs of those who spend it, in fractions of a second."""

import pytest

from benchmarks.node_times import STEPS, between, durations, whole

EVENTS = """\
000 (008.000.000) 2026-11-30 17:12:51.125 Job submitted from host: <127.0.0.1:1>
    DAG Node: RECO_0000
...
005 (008.000.000) 2026-11-30 17:12:52.000 Job terminated.
\t(1) Normal termination (return value 0)
...
016 (008.000.000) 2026-11-30 17:12:53.125 POST Script terminated.
\t(1) Normal termination (return value 0)
    DAG Node: RECO_0000
...
000 (010.000.000) 2026-11-30 17:12:55.000 Job submitted from host: <127.0.0.1:1>
    DAG Node: ALCA_0000
...
"""
DAGMAN = """\
11/30/26 17:12:52.500 Event: ULOG_EXECUTE for HTCondor Node RECO_0000 (8.0.0) {11/30/26 17:12:51}
11/30/26 17:12:53.000 Event: ULOG_JOB_TERMINATED for HTCondor Node RECO_0000 (8.0.0) {11/30/26 17}
11/30/26 17:12:54.000 Event: ULOG_POST_SCRIPT_TERMINATED for HTCondor Node RECO_0000 (8.0.0) {11}
"""
SHADOW = """\
11/30/26 17:12:51.200 Initializing a VANILLA shadow for job 8.0
11/30/26 17:12:55.250 (?.?) (18256): Initializing a VANILLA shadow for job 10.0
"""
STARTER = """\
11/30/26 17:12:51 ** condor_starter (CONDOR_STARTER) STARTING UP
11/30/26 17:12:51.300 ** condor_starter (CONDOR_STARTER) STARTING UP
11/30/26 17:12:51.400 File transfer completed successfully.
11/30/26 17:12:51.450 Starting a VANILLA universe job with ID: 8.0
11/30/26 17:12:51.500 Create_Process succeeded, pid=1
11/30/26 17:12:51.875 Process exited, pid=1, status=0
11/30/26 17:12:51.900 File transfer completed successfully.
11/30/26 17:12:55.300 ** condor_starter (CONDOR_STARTER) STARTING UP
11/30/26 17:12:55.375 File transfer completed successfully.
11/30/26 17:12:55.400 Starting a VANILLA universe job with ID: 10.0
11/30/26 17:12:55.500 Create_Process succeeded, pid=2
"""


@pytest.fixture
def dag(tmp_path):
    file = tmp_path / "a.dag"
    (tmp_path / "a.dag.nodes.log").write_text(EVENTS)
    (tmp_path / "a.dag.dagman.out").write_text(DAGMAN)
    (tmp_path / "ShadowLog").write_text(SHADOW)
    (tmp_path / "StarterLog.slot1_1").write_text(STARTER)
    return file


def test_each_step_from_a_node_to_the_next_has_its_time(dag):
    [times] = between(dag, dag.parent, ("RECO_0000", "ALCA_0000"))
    told = (0.125, 1.0, 0.125, 0.875, 1.0, 0.25, 0.125, 0.125)
    assert durations(times) == dict(zip(STEPS[1:], told, strict=True))
    assert whole(times) == sum(told)


def test_a_step_that_no_log_tells_of_is_left_out(dag):
    kept = EVENTS.replace(":53.125 POST Script", ":53 POST Script")
    dag.with_name("a.dag.nodes.log").write_text(kept)
    [times] = between(dag, dag.parent, ("RECO_0000", "ALCA_0000"))
    assert STEPS[3] not in times
    assert whole(times) == 3.625
