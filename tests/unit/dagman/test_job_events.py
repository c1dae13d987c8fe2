"""The event log of a DAG's nodes tells of each job, however it is cut."""

from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from condorloop.dagman.logs.job_events import parse

HEAD = "000 (297.000.000) 2026-11-24 02:26:45 Job submitted from host: <127.0.0.1:1?alias=vm>\n"
SUBMITTED = f"""{HEAD}    [ DAGNodeName = "RECO_0000"; JobBatchName = "BeamSpot run398811 b000" ]
...
"""
EXECUTES = """001 (297.000.000) 2026-11-24 02:26:50 Job executing on host: <127.0.0.1:1?alias=vm&x>
\tSlotName: slot1_1@wn042.cern.ch
\tMemory = 256
...
"""
TERMINATED = """005 (297.000.000) 2026-11-24 02:27:46 Job terminated.
\t(1) Normal termination (return value 84)
\t\tUsr 0 00:01:30, Sys 0 00:00:12  -  Run Remote Usage
\t\tUsr 0 00:00:00, Sys 0 00:00:00  -  Run Local Usage
\t\tUsr 0 00:01:31, Sys 0 00:00:14  -  Total Remote Usage
\t\tUsr 0 00:00:00, Sys 0 00:00:00  -  Total Local Usage
\tPartitionable Resources :    Usage  Request Allocated\x20
\t   Cpus                 :        0        1         1\x20
\t   Disk (KB)            :       74  1048576   1048576\x20
\t   Memory (MB)          :       10      200       256\x20
...
"""
KILLED = """005 (297.000.000) 2026-11-24 02:27:46 Job terminated.
\t(0) Abnormal termination (signal 9)
\t(0) No core file
...
"""
HELD = """012 (297.000.000) 2026-11-24 02:27:00 Job was held.
\tmemory usage exceeded request_memory
\tCode 34 Subcode 102
...
"""
RELEASED = """013 (297.000.000) 2026-11-24 02:28:00 Job was released.
\tvia condor_release
...
"""
ABORTED = """009 (297.000.000) 2026-11-24 02:29:00 Job was aborted.
\tvia condor_rm (by user alice)
...
"""
EVICTED = """004 (297.000.000) 2026-11-24 02:27:10 Job was evicted.
\t(0) CPU times
...
"""


def at(clock):
    return datetime.fromisoformat(f"2026-11-24T{clock}").timestamp()


def test_a_job_is_told_from_its_submission_to_its_end():
    [job] = parse(SUBMITTED + EXECUTES + TERMINATED)
    assert (job.node, job.job_id, job.host) == ("RECO_0000", "297.0", "wn042.cern.ch")
    assert (job.submitted_at, job.started_at) == (at("02:26:45"), at("02:26:50"))
    assert (job.ended_at, job.exit_code) == (at("02:27:46"), 84)
    assert (job.cpu_time, job.memory_used, job.memory_asked) == (105.0, 10, 200)


def test_a_signal_is_a_negative_exit_code():
    [job] = parse(SUBMITTED + EXECUTES + KILLED)
    assert job.exit_code == -9


def test_a_hold_is_told_with_its_reason_until_the_release():
    [held] = parse(SUBMITTED + EXECUTES + HELD)
    assert held.hold_reason == "memory usage exceeded request_memory Code 34 Subcode 102"
    [released] = parse(SUBMITTED + EXECUTES + HELD + RELEASED)
    assert (released.hold_reason, released.holds) == (None, 1)


def test_a_job_that_was_evicted_waits_again_and_counts_its_starts():
    [evicted] = parse(SUBMITTED + EXECUTES + EVICTED)
    assert (evicted.started_at, evicted.starts) == (None, 1)
    [again] = parse(SUBMITTED + EXECUTES + EVICTED + EXECUTES)
    assert (again.started_at, again.starts) == (at("02:26:50"), 2)


def test_a_removed_job_has_ended():
    [job] = parse(SUBMITTED + ABORTED)
    assert (job.removed, job.ended_at) == (True, at("02:29:00"))


def test_a_job_of_no_node_and_one_that_was_never_submitted_are_left_out():
    assert parse(f"{HEAD}...\n{EXECUTES}") == ()


@given(st.integers(0, len(SUBMITTED + EXECUTES + TERMINATED)))
def test_a_log_that_is_cut_tells_what_it_has(length):
    for job in parse((SUBMITTED + EXECUTES + TERMINATED)[:length]):
        assert job.node == "RECO_0000"


@given(st.text())
def test_whatever_a_log_holds_it_is_no_error(text):
    assert isinstance(parse(SUBMITTED + text), tuple)
