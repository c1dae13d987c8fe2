"""What the schedd says of DAGs is true, whatever happens to schedd, DAGMan or the asking process.

The DAGs are the templates' own, with scripts that wait for the test.
"""

import os
import signal

import pytest

from condorloop.dagman.logs.dag_outcome import how_ended
from condorloop.dagman.schedd.client import Schedd, ScheddUnavailable
from condorloop.model.queue import HELD_BY_PERSON
from condorloop.testbed import daemons
from tests.pool.dags import Site, paused, schedd_process, small_pool, tool, wait

HARVEST = 'mkdir -p "$1"; while [ ! -e {go} ]; do sleep 0.2; done'


@pytest.fixture(scope="module")
def pool(prefix, tmp_path_factory):
    """A pool of this file's own: its schedd is paused, killed and reconfigured."""
    settings = {"PERIODIC_EXPR_INTERVAL": "1", "RECONNECT_BACKOFF_CEILING": "2"}
    with small_pool(tmp_path_factory.mktemp("schedd"), prefix, settings) as pool:
        yield pool


@pytest.fixture(scope="module", autouse=True)
def bereft(pool, tmp_path_factory):
    """A DAG whose job lost its machine; it began before the others, for a lease takes its time."""
    folder = tmp_path_factory.mktemp("bereft")
    lease = {"HARVEST": {"request_memory_mb": 64, "submit": ["job_lease_duration = 10"]}}
    site = Site(folder, pool, nodes=lease)
    script = f"echo again >>{folder}/attempts\n" + HARVEST.format(go=folder / "go")
    dag = site.harvest(harvest=script)
    wait((folder / "attempts").exists)
    file = pool.folder / "run" / "startd.pid"
    for process in daemons.with_descendants([daemons.named(file, str(file))]):
        process.signal(signal.SIGKILL)
    pool.wait_ready()
    site.schedd.close()
    yield dag, folder
    site.close()


@pytest.fixture
def site(tmp_path, pool):
    # little memory: claims of a schedd that was killed stay at the machine for many minutes
    small = {"HARVEST": {"request_memory_mb": 64}}
    site = Site(tmp_path, pool, holds={"releases": 2, "wait": 1}, nodes=small)
    yield site
    site.close()


@pytest.fixture
def go(tmp_path):
    """The file that HARVEST waits for."""
    return tmp_path / "go"


@pytest.fixture
def dag(site, go):
    """A DAG whose HARVEST runs."""
    dag = site.harvest(harvest=HARVEST.format(go=go))
    wait(lambda: dag.ads("JobStatus").get("HARVEST") == {"JobStatus": "2"})
    return dag


def ended(dag):
    """How a DAG ended, once it has left the queue."""
    wait(lambda: dag.queued() is None)
    return how_ended(dag.file, dag.cluster)


def test_a_dag_is_followed_from_its_submission_to_its_end(site, dag, go):
    queued = dag.queued()
    assert queued
    assert (queued.cluster, queued.number, queued.held) == (dag.cluster, 0, False)
    wait(lambda: dag.queued().counts.get("JobsRunning") == 1)
    assert how_ended(dag.file, dag.cluster) is None
    assert site.schedd.history(dag.cluster) is None
    go.touch()
    assert ended(dag).success
    told = site.schedd.history(dag.cluster)
    assert told
    assert (told.exit_code, told.signal, told.removed) == (0, None, False)


def test_the_history_is_searched_no_further_back_than_asked(site, dag, go):
    go.touch()
    assert ended(dag).success
    told = site.schedd.history(dag.cluster)
    assert told
    assert site.schedd.history(dag.cluster, after=told.ended_at - 1) == told
    assert site.schedd.history(dag.cluster, after=told.ended_at + 1) is None


def test_a_schedd_that_stands_still_is_no_empty_queue(tmp_path, pool, dag, site):
    hasty = Schedd(site.config.site.pool.model_copy(update={"timeout": 1}), tmp_path.name)
    try:
        with paused(schedd_process(pool)):
            for question in (hasty.queued, lambda: hasty.history(dag.cluster)):
                with pytest.raises(ScheddUnavailable, match="no answer in 1 s"):
                    question()
            with pytest.raises(ScheddUnavailable, match="no answer in 1 s"):
                hasty.remove(dag.cluster, "it cannot be told")
        assert dag.queued().cluster == dag.cluster
    finally:
        hasty.close()


class Interrupted(BaseException):
    """What the handler of a signal raises."""


def test_a_signal_ends_the_wait_and_the_next_question_gets_its_own_answer(pool, dag, site):
    def handler(*_: object) -> None:
        raise Interrupted

    before = signal.signal(signal.SIGALRM, handler)
    try:
        with paused(schedd_process(pool)):
            signal.setitimer(signal.ITIMER_REAL, 0.5)
            with pytest.raises(Interrupted):
                site.schedd.history(dag.cluster)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert set(site.schedd.queued().dags) == {dag.id}


def test_after_a_restart_of_the_schedd_the_queue_is_what_it_was(pool, dag, site):
    killed = schedd_process(pool)
    killed.signal(signal.SIGKILL)
    wait(lambda: not killed.is_running())
    answer = site.answer()
    assert {i: d.cluster for i, d in answer.items()} == {dag.id: dag.cluster}
    assert how_ended(dag.file, dag.cluster) is None


def test_a_dagman_that_is_killed_goes_on_where_it_was(site, dag, go):
    log = dag.file.with_name(f"{dag.file.name}.nodes.log")
    submitted = log.read_text().count("Job submitted from host")
    killed = dag.dagman()
    killed.signal(signal.SIGKILL)
    wait(lambda: not killed.is_running())
    wait(lambda: dag.dagman())
    assert dag.queued().cluster == dag.cluster
    go.touch()
    assert ended(dag).success
    assert log.read_text().count("Job submitted from host") == submitted + 1


def test_a_person_who_holds_a_dag_is_left_alone_and_another_hold_is_released(site, dag):
    tool("condor_hold", str(dag.cluster))
    wait(lambda: dag.queued().held)
    assert dag.queued().hold_code == HELD_BY_PERSON
    wait(lambda: not dag.dagman())
    other = site.harvest(1, harvest='mkdir -p "$1"; sleep 60')
    tool("condor_hold", str(other.cluster))
    tool("condor_qedit", str(other.cluster), "HoldReasonCode", "6")
    wait(lambda: other.dagman() and not other.queued().held)
    assert dag.queued().hold_code == HELD_BY_PERSON


def test_a_dag_that_a_person_removed_is_known_by_that_persons_name(site, dag):
    tool("condor_rm", str(dag.cluster))
    end = ended(dag)
    assert not end.success
    owner = tool("condor_history", str(dag.cluster), "-limit", "1", "-af", "Owner").strip()
    assert end.removed_by == owner
    told = site.schedd.history(dag.cluster)
    assert told
    assert (told.exit_code, told.removed, told.removed_by) == (None, True, owner)


@pytest.mark.parametrize("by", ["condorloop", "a policy"])
def test_a_dag_that_no_person_removed_names_none(site, dag, by):
    if by == "condorloop":
        site.schedd.remove(dag.cluster, "its campaign is given up")
    else:
        tool("condor_qedit", str(dag.cluster), "PeriodicRemove", "True")
    end = ended(dag)
    assert (end.success, end.removed_by) == (False, "")
    told = site.schedd.history(dag.cluster)
    assert told
    assert (told.removed, told.removed_by) == (True, "")
    assert ("its campaign is given up" in told.reason) == (by == "condorloop")


def test_a_dag_that_waits_for_an_owners_turn_is_idle(pool, dag, site):
    local = pool.config.read_text()
    pool.config.write_text(f"{local}\nMAX_RUNNING_SCHEDULER_JOBS_PER_OWNER = 1\n")
    try:
        tool("condor_reconfig", "-daemon", "schedd")
        waits = site.harvest(1, harvest="exit 0")
        assert waits.queued().idle
        assert not dag.queued().idle
        site.schedd.remove(waits.cluster, "it never ran")
        end = ended(waits)
        assert (end.success, end.failed_nodes, end.removed_by) == (False, (), "")
    finally:
        pool.config.write_text(local)
        tool("condor_reconfig", "-daemon", "schedd")


def test_the_process_with_the_bindings_can_die_and_is_replaced(dag, site):
    [worker] = [
        p
        for p in daemons.everything()
        if p.parent == os.getpid()
        and "condorloop.dagman.schedd.bindings" in daemons.command_line(p.pid)
    ]
    worker.signal(signal.SIGKILL)
    wait(lambda: not worker.is_running())
    assert set(site.schedd.queued().dags) == {dag.id}
    site.schedd.close()
    assert set(site.schedd.queued().dags) == {dag.id}


def test_a_job_whose_machine_went_runs_again_when_its_lease_is_over(bereft):
    dag, folder = bereft
    wait(lambda: (folder / "attempts").read_text().split() == ["again", "again"])
    (folder / "go").touch()
    assert ended(dag).success
