"""Jobs that do not start: each obstacle is found in a real pool, told, and over when it is over."""

import time

import pytest

from condorloop.model.problem import ProblemKind
from condorloop.model.queue import Obstacle
from tests.faults.stories import ECAL, SPOT, Story
from tests.loop import Loop
from tests.pool.dags import Site, small_pool, tool, wait
from tests.pool.test_loop import scenario

RUN = 399950
WAITS = 'mkdir -p "$1"; while [ ! -e {go} ]; do sleep 0.2; done'
TOO_MUCH = 999_999


@pytest.fixture(scope="module")
def story(stack, tmp_path_factory):
    """A loop on a pool that loses its machine before the run, and gets it back."""
    loop = Loop(
        stack, tmp_path_factory.mktemp("starting"), "starting", {"pool": {"start_within": 4}}
    )
    loop.tool("condor_off", "-fast", "-daemon", "startd")
    try:
        loop.wait(lambda: not loop.tool("condor_status", "-af", "Name").stdout)
        story = Story(loop, loop.play(scenario(RUN, [ECAL, SPOT])))
        process = loop.start()
        story.wait(lambda: concerns(loop) == {ECAL, SPOT})
        story.moments["stands"] = loop.status()
        story.moments["terminal"] = loop.condorloop("status").stdout
        story.moments["page"] = (loop.work_dir / "status.html").read_text()
        story.moments["analyze"] = loop.condorloop("analyze", str(RUN)).stdout
        process.kill()
        process.wait()
        loop.start()
        story.wait(lambda: loop.status()["pid"] != process.pid)
        story.moments["another submitter"] = loop.status()
    finally:
        loop.tool("condor_on", "-daemon", "startd")
        stack.pool.wait_ready()
    story.wait(lambda: not waiting(loop.status()))
    story.wait(lambda: loop.closed() == 2)
    yield story
    loop.close()


def waiting(status):
    """The problems of jobs that do not start."""
    return [p for p in status.get("problems", []) if p["kind"] == ProblemKind.WAITING]


def concerns(loop):
    """The calibrations that jobs are told of that do not start."""
    return {name for p in waiting(loop.status()) for name in p["calibrations"]}


def test_a_pool_without_a_machine_is_told_once_for_all_calibrations(story):
    [problem] = waiting(story.moments["stands"])
    assert (problem["calibrations"], problem["obstacle"]) == ([SPOT, ECAL], Obstacle.NO_MACHINE)
    assert problem["command"] == "condor_status"
    assert set(story.moments["stands"]["waiting"]) == {ECAL, SPOT}


def test_a_person_who_looks_sees_it_and_what_to_type(story):
    for shown in ("terminal", "page"):
        assert "the pool has no machine that runs jobs" in " ".join(story.moments[shown].split())
    assert "condor_status" in story.moments["terminal"]
    assert "✓" not in story.moments["terminal"]
    assert "the pool has no machine that runs jobs" in story.moments["analyze"]


def test_a_submitter_that_is_started_anew_tells_it_at_once(story):
    assert waiting(story.moments["another submitter"])


def test_when_the_machine_is_back_it_is_over_and_the_run_is_complete(story):
    assert story.is_complete()
    assert waiting(story.loop.status()) == []


@pytest.fixture(scope="module")
def pool(prefix, tmp_path_factory):
    """A pool of this file's own, which is reconfigured."""
    with small_pool(tmp_path_factory.mktemp("starts"), prefix, {}) as pool:
        yield pool


@pytest.fixture
def site(tmp_path, pool):
    site = Site(tmp_path, pool, nodes={"HARVEST": {"request_memory_mb": 64}})
    yield site
    site.close()


def waits_for(site, obstacle, longer=1.0):
    """A job that waits for this reason, once the schedd and the collector know it."""
    found = []

    def told():
        found[:] = [j for j in site.schedd.waits(longer).jobs if j.obstacle is obstacle]
        return bool(found)

    wait(told)
    return found[0]


def begins(dag):
    """Wait until a machine has begun the job, not only been given it: else its shadow waits on."""
    begun = "JobCurrentStartExecutingDate"
    wait(lambda: dag.ads(begun).get("HARVEST", {}).get(begun, "undefined") != "undefined")


def test_a_job_that_runs_is_none_that_waits(site, tmp_path):
    dag = site.harvest(harvest=WAITS.format(go=tmp_path / "go"))
    wait(lambda: dag.ads("JobStatus").get("HARVEST") == {"JobStatus": "2"})
    assert site.schedd.waits(1.0).jobs == ()


def test_a_job_that_asks_for_too_much_is_one_that_nothing_can_run(tmp_path, pool):
    large = {"HARVEST": {"request_memory_mb": TOO_MUCH, "max_memory_mb": TOO_MUCH}}
    site = Site(tmp_path, pool, nodes=large)
    try:
        dag = site.harvest(harvest="exit 0")
        job = waits_for(site, Obstacle.NO_MATCH)
        assert (job.dag_id, job.kind) == (dag.id, "HARVEST")
        assert f"it asks for {TOO_MUCH} MB memory" in job.words
    finally:
        site.close()


def test_a_pool_that_others_fill_is_full(tmp_path, pool, site):
    others = tmp_path / "others.sub"
    asks = f"request_cpus = {pool.cpus}\nrequest_memory = 64\nrequest_disk = 1\n"
    others.write_text(f"executable = /bin/sleep\narguments = 600\n{asks}queue\n")
    cluster = tool("condor_submit", "-terse", str(others)).partition(".")[0]
    try:
        wait(lambda: tool("condor_q", cluster, "-af", "JobStatus").strip() == "2")
        dag = site.harvest(harvest="exit 0")
        assert waits_for(site, Obstacle.FULL).dag_id == dag.id
    finally:
        tool("condor_rm", cluster)


def test_a_pool_without_a_negotiator_gives_nobody_its_machines(pool, site):
    tool("condor_off", "-fast", "-daemon", "negotiator")
    try:
        site.harvest(harvest="exit 0")
        wait(lambda: not tool("condor_status", "-negotiator", "-af", "Name"))
        job = waits_for(site, Obstacle.FREE)
        assert job.words.endswith("no negotiator runs")
    finally:
        tool("condor_on", "-daemon", "negotiator")
        pool.wait_ready()


@pytest.fixture
def broken(pool, tmp_path):
    """A setting with which machines take jobs and do not begin them."""
    starter = tmp_path / "starter"
    real = pool.prefix.sbin / "condor_starter"
    starter.write_text(f'#!/bin/sh\n[ "$1" != -classad ] || exec {real} "$@"\nexit 1\n')
    starter.chmod(0o755)
    return {"STARTER": str(starter)}


@pytest.mark.parametrize("ran", [False, True], ids=["new", "evicted"])
def test_a_job_that_machines_take_and_do_not_begin_is_one_that_waits(
    pool, site, broken, tmp_path, ran
):
    if ran:
        dag = site.harvest(harvest=WAITS.format(go=tmp_path / "go"))
        begins(dag)
    with pool.reconfigured(broken):
        if ran:
            tool("condor_vacate_job", "-fast", "-constraint", f"DAGManJobId == {dag.cluster}")
        else:
            dag = site.harvest(harvest="exit 0")
        job = waits_for(site, Obstacle.IN_VAIN, longer=6.0)
        wait(lambda: dag.queued().counts.get("JobsIdle") == 1)
    assert "times a machine took it and did not begin it, last slot1" in job.words


def test_a_job_that_ran_and_lost_its_machine_waits_from_then_on(pool, site, tmp_path):
    dag = site.harvest(harvest=WAITS.format(go=tmp_path / "go"))
    begins(dag)
    lost_after = int(time.time())
    tool("condor_off", "-fast", "-daemon", "startd")
    try:
        assert waits_for(site, Obstacle.NO_MACHINE).since >= lost_after
    finally:
        tool("condor_on", "-daemon", "startd")
        pool.wait_ready()


def test_an_upload_that_the_schedd_does_not_start_is_one_that_waits(tmp_path, pool):
    site = Site(tmp_path, pool, nodes={"UPLOAD": {"submit": ["requirements = false"]}})
    try:
        site.harvest(harvest='mkdir -p "$1"')
        assert waits_for(site, Obstacle.LOCAL).kind == "UPLOAD"
    finally:
        site.close()


def test_a_collector_that_is_silent_leaves_the_reason_open(tmp_path, pool):
    large = {"HARVEST": {"request_memory_mb": TOO_MUCH, "max_memory_mb": TOO_MUCH}}
    site = Site(tmp_path, pool, timeout=2.0, nodes=large)
    try:
        site.harvest(harvest="exit 0")
        waits_for(site, Obstacle.NO_MATCH)
        with pool.paused("collector"):
            job = waits_for(site, Obstacle.UNKNOWN)
        assert "no answer in 2 s" in job.words
    finally:
        site.close()
