"""Scripts that the machine keeps from their work are named when they are late, with their words."""

import pytest

from condorloop.dagman.logs import script_log
from condorloop.dagman.logs.script_log import LATE, last_words
from condorloop.model.campaign import CampaignKey
from condorloop.model.queue import QueuedDag

KEY = CampaignKey("BeamSpot", 398600)
NOW = 1_790_000_000.0
LOG = """\
*** Node=RECO_0000 Type=POST ExitCode=75 Completion=1796008213 Cmd='node.sh finish RECO_0000 0'
node.sh finish RECO_0000 0: Python ended with 127 before it could judge: deferred
node.sh: 11: /opt/python: not found

*** Node=RECO_0001 Type=POST ExitCode=0 Completion=1796008219 Cmd='node.sh finish RECO_0001 0'
*** Node=RECO_0000 Type=POST ExitCode=75 Completion=1796008273 Cmd='node.sh finish RECO_0000 0'
condorloop.node.main finish RECO_0000 0: [Errno 28] No space left on device: 'x'

"""


def dag(since=0.0, **more):
    return QueuedDag("ledger/BeamSpot/398600/3", KEY, 3, 17, None, {}, since=since, **more)


def late(queued, unjudged, preparing_since=None):
    found = script_log.late(queued, unjudged, preparing_since, NOW)
    return [(s.node, s.script, NOW - s.since) for s in found]


def test_a_node_that_waits_for_its_script_for_ten_minutes_is_late():
    unjudged = {"RECO_0000": NOW - LATE, "RECO_0001": NOW - LATE + 1}
    assert late(dag(), unjudged) == [("RECO_0000", "POST", LATE)]
    assert late(dag(), {}, NOW - 700) == [("HARVEST", "PRE", 700)]
    assert late(dag(), {}, NOW - 500) == []


@pytest.mark.parametrize(
    "waits",
    [
        dag(idle=True),
        QueuedDag("x", KEY, 3, 17, "via condor_hold", {}, hold_code=1),
        dag(since=NOW - 10),
    ],
    ids=["not started", "held", "only just started"],
)
def test_where_dagman_does_not_run_its_scripts_are_not_what_is_late(waits):
    assert late(waits, {"RECO_0000": NOW - 7200}) == []


def test_a_script_is_told_by_its_last_words(tmp_path):
    (tmp_path / "scripts.log").write_text(LOG)
    assert last_words(tmp_path, "RECO_0000").endswith("[Errno 28] No space left on device: 'x'")
    assert last_words(tmp_path, "RECO_0001") == last_words(tmp_path, "HARVEST") == ""


def test_without_a_log_there_are_no_words(tmp_path):
    assert last_words(tmp_path, "RECO_0000") == ""
    (tmp_path / "scripts.log").write_bytes(b"\xff\0" * 100_000 + LOG.encode())
    assert "No space left" in last_words(tmp_path, "RECO_0000")
