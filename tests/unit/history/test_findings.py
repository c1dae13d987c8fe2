"""What is wrong is found where no node says so, and only in campaigns where it was looked for."""

from pathlib import Path

import pytest

from condorloop.dagman.schedd.idle_reasons import IDLE_LONG, why
from condorloop.dagman.submit_description import HELD_FOR_TIME
from condorloop.history.analyze import having
from condorloop.history.finding import Sign
from condorloop.history.findings import QueueSnapshot, findings
from condorloop.history.log_excerpt import with_log
from condorloop.history.reader import tell
from condorloop.ledger.connection import LedgerError
from condorloop.ledger.store import Ledger
from condorloop.model.problem import ProblemKind
from condorloop.model.queue import HELD_BY_PERSON, HeldJob, QueuedDag
from condorloop.monitoring.problems.campaigns import of_campaigns
from condorloop.rundir.layout import dag_file, run_dir
from tests.unit.examples import KEY, START
from tests.unit.story_example import written


@pytest.fixture
def site(tmp_path):
    return written(tmp_path)


@pytest.fixture
def ended(site):
    """The DAG that ran has left the queue without a word."""
    work_dir = site.site.work_dir
    with Ledger(work_dir / "condorloop.db") as ledger:
        [campaign] = ledger.campaigns.of_run(KEY.run, KEY.calibration)
        [dag] = [d for d in campaign.dags if d.label == "b002"]
        ledger.dags.ended(dag.id, [], START + 100)
        summary = ledger.status.summary(campaign.id)
    file = dag_file(run_dir(work_dir, KEY.calibration, KEY.run), 2)
    file.with_name(f"{file.name}.dagman.out").write_text("starting\nERROR: no room for its log\n")
    return site, summary


def stories(site):
    return tell(site, KEY.run, [KEY.calibration])


def of_dag(found, dag):
    return [f for f in found if f.dag == dag and not f.node]


def test_a_dag_that_ended_without_a_failed_node_is_found_with_what_dagman_said(ended):
    site, _ = ended
    [story] = stories(site)
    [found] = of_dag(findings([story], QueueSnapshot()), "b002")
    assert found.sign is Sign.FAILED
    assert found.commands == (f"condorloop resubmit {KEY.run} -c {KEY.calibration} --node b002",)
    [directory] = [Path(d.directory) for d in story.dags if d.label == "b002"]
    shown = with_log(found, directory)
    assert shown.log.endswith(".dagman.out")
    assert shown.log_end[-1] == "ERROR: no room for its log"


def test_it_is_a_problem_of_its_campaign(ended):
    _, summary = ended
    assert summary.failed_dags == ("b002",)
    [problem] = [p for p in of_campaigns([summary]) if p.dag == "b002"]
    assert problem.kind is ProblemKind.FAILED
    analyze = f"condorloop analyze {KEY.run} -c {KEY.calibration} --node b002"
    assert problem.command == analyze


def test_a_dag_with_a_failed_node_is_told_by_the_node_alone(site):
    found = findings(stories(site), QueueSnapshot())
    assert of_dag(found, "b001") == []
    assert [f.node for f in found if f.dag == "b001"] == ["RECO_0000"]


@pytest.mark.parametrize("seconds", [IDLE_LONG - 1, IDLE_LONG])
def test_a_dagman_that_is_not_started_for_long_is_found(site, seconds):
    [story] = stories(site)
    [dag] = [d for d in story.dags if d.label == "b002"]
    queued = QueuedDag(dag.id, KEY, 2, 60, None, {}, idle=True, batch=2, since=START)
    found = of_dag(findings([story], QueueSnapshot((queued,), asked_at=START + seconds)), "b002")
    assert [f.sign for f in found] == [Sign.IDLE] * (seconds >= IDLE_LONG)
    assert all("MAX_RUNNING_SCHEDULER_JOBS_PER_OWNER" in f.commands[0] for f in found)


def test_an_upload_that_waits_is_told_by_the_rule_of_the_schedd():
    words, advice = why({"local_rule": "TotalLocalJobsRunning < 200"})
    assert "START_LOCAL_UNIVERSE" in words
    assert "TotalLocalJobsRunning < 200" in words
    assert "condor_config_val -schedd START_LOCAL_UNIVERSE" in advice


@pytest.mark.parametrize("node", ["b001", "RECO_0000", "b002/HARVEST"])
def test_a_campaign_without_the_node_that_is_asked_for_is_not_called_well(site, node):
    told = tell(site, KEY.run)
    assert len(told) == 2
    assert [s.campaign.key for s in having(node, told)] == [KEY]
    assert having(None, told) == told


def test_where_no_campaign_has_the_node_it_is_said_what_there_is(site):
    with pytest.raises(LedgerError) as refused:
        having("b009", tell(site, KEY.run))
    ours, other = str(refused.value).splitlines()
    assert ours.startswith(f"{KEY}: no b009; there are b000 done, b001 failed, b002 active")
    assert other == f"SiStripBad run{KEY.run}: no b009; it has no DAG yet"


@pytest.mark.parametrize(
    ("code", "edit"),
    [
        (34, "condor_qedit 70.0 RequestMemory MB"),
        (HELD_FOR_TIME, "condor_qedit 70.0 AllowedExecuteDuration SECONDS"),
        (HELD_BY_PERSON, None),
    ],
)
def test_a_held_job_is_given_what_it_lacked_where_it_stands_and_then_released(site, code, edit):
    [story] = stories(site)
    [dag] = [d for d in story.dags if d.label == "b002"]
    held = HeldJob(dag.id, "RECO_0000", "70.0", code, 0, "a reason", START)
    [found] = [f for f in findings([story], QueueSnapshot(held=(held,))) if f.sign is Sign.HELD]
    release = f"condorloop release {KEY.run} -c {KEY.calibration} --node b002/RECO_0000"
    assert found.commands == ((edit, release) if edit else (release,))
