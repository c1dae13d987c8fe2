"""The doctor on a real node: all fine on the testbed, and a schedd's faults by their names."""

import json
import os
from pathlib import Path

import pytest

from condorloop.dagman.schedd.worker import Worker
from condorloop.doctor import pool as looks
from condorloop.doctor.checks import Verdict
from condorloop.doctor.job_folders import SETTINGS, private_folders
from tests.faults.scenarios import run_of
from tests.pool.dags import Site, paused, schedd_process, small_pool, tool, wait

WAITS = 'mkdir -p "$1"; while [ ! -e {go} ]; do sleep 0.2; done'
DAGMANS_AT_A_TIME = 5


@pytest.fixture(scope="module")
def pool(prefix, tmp_path_factory):
    """A pool of this file's own: its schedd is paused, and told to let nobody in."""
    settings = {
        "MAX_RUNNING_SCHEDULER_JOBS_PER_OWNER": str(DAGMANS_AT_A_TIME),
        "MOUNT_UNDER_SCRATCH": '"/tmp,/data/own"',
    }
    with small_pool(tmp_path_factory.mktemp("doctor"), prefix, settings) as pool:
        yield pool


@pytest.fixture
def site(tmp_path, pool):
    site = Site(tmp_path, pool, timeout=5)
    yield site
    site.close()


def found(site):
    """What the doctor finds on the pool of a site, by name."""
    return {
        check.name: check
        for examination in looks.examinations(site.config)
        for check in examination.look()
    }


def test_on_the_testbed_all_is_fine(loop):
    loop.play(run_of(399801, ["EcalPedestals", "SiStripBad"], lumisections=4))
    loop.wait_for_files(399801, 5)
    done = loop.condorloop("doctor", "--json", check=False)
    data = json.loads(done.stdout)
    # how full its disk is says something about the machine only
    checks = [c for c in data["checks"] if c["name"] != "space"]
    assert [c for c in checks if c["verdict"] not in ("fine", "not needed")] == []
    assert (done.returncode, done.stderr) == (0, "")
    not_needed = {(c["subject"], c["name"]) for c in checks if c["verdict"] == "not needed"}
    assert not_needed == {
        ("OMS", "certificate"),
        ("Kerberos", "ticket"),
        ("uploads", "certificate"),
        ("clock", "synchronised"),
    }


def test_shown_to_a_person_it_ends_with_what_it_comes_to(loop):
    done = loop.condorloop("doctor", check=False)
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1].startswith("nothing would stop the loop: ")


def test_a_stack_without_oms_would_stop_the_loop_and_hides_nothing_else(loop):
    with loop.stack.services_paused():
        loop._site["oms"]["timeout"] = 1
        loop._write_site()
        done = loop.condorloop("doctor", "--json", check=False)
    checks = {(c["subject"], c["name"]): c for c in json.loads(done.stdout)["checks"]}
    assert done.returncode == 1
    assert checks["OMS", "runs"]["verdict"] == "stops"
    assert "no answer in 1 s" in checks["OMS", "runs"]["words"]
    assert checks["pool", "schedd"]["verdict"] == "fine"


def test_dagmans_in_flight_are_compared_with_the_schedds_limit(site, tmp_path):
    go = tmp_path / "go"
    dag = site.harvest(harvest=WAITS.format(go=go))
    wait(lambda: dag.ads("JobStatus").get("HARVEST") == {"JobStatus": "2"})
    checks = found(site)
    assert checks["DAGMans"].words == f"1 run, 0 wait, at most {DAGMANS_AT_A_TIME} at a time"
    assert checks["DAGMans"].verdict is Verdict.FINE
    assert checks["jobs of this user"].words.startswith("2 in the queue, at most ")
    assert checks["jobs of all"].verdict is Verdict.FINE
    go.touch()
    wait(lambda: dag.queued() is None)


def test_to_ask_whether_one_may_submit_leaves_nothing_in_the_queue(site):
    import htcondor2

    before = tool("condor_history", "-af", "ClusterId")
    assert found(site)["submitting"].verdict is Verdict.FINE
    assert htcondor2.Schedd().query() == []
    assert tool("condor_history", "-af", "ClusterId") == before


def test_dagman_reads_events_as_often_as_the_access_point_lets_it_and_that_is_told(site, pool):
    interval = "DAGMAN_USER_LOG_SCAN_INTERVAL"
    assert found(site)["DAGMan interval"].verdict is Verdict.FINE
    with pool.reconfigured({interval: "3"}):
        check = found(site)["DAGMan interval"]
        dag = site.harvest(harvest='mkdir "$1"')
        written = Path(f"{dag.file}.dagman.out")
        wait(lambda: written.exists() and f"{interval} setting: " in written.read_text())
    assert check.verdict is Verdict.WARNING
    assert "each 3 s" in check.words
    assert f"{interval} = 1\n" in (dag.file.parent / "dagman.config").read_text()
    assert f"{interval} setting: 3\n" in written.read_text()
    wait(lambda: dag.queued() is None)


def test_a_schedd_that_hangs_would_stop_the_loop(site, pool):
    with paused(schedd_process(pool)):
        checks = found(site)
    assert checks["schedd"].verdict is Verdict.STOPS
    assert "no answer in 5 s" in checks["schedd"].words
    assert checks["submitting, limits"].verdict is Verdict.NOT_CHECKED
    assert checks["collector"].verdict is Verdict.FINE
    assert found(site)["schedd"].verdict is Verdict.FINE


def test_a_machine_tells_which_folders_its_jobs_have_of_their_own(site):
    worker = Worker(site.config.site.pool)
    try:
        wait(lambda: worker.ask("machines", "machines", constraint="true", projection=["Machine"]))
        told = worker.ask("machines", "machine_settings", names=list(SETTINGS), most=5)
    finally:
        worker.end()
    assert told == [
        {
            "REAL_UID": str(os.getuid()),
            "MOUNT_UNDER_SCRATCH": '"/tmp,/data/own"',
            "MOUNT_PRIVATE_DEV_SHM": "true",
        }
    ]
    assert private_folders(told[0] | {"REAL_UID": "0"}) == {"/tmp", "/data/own", "/dev/shm"}


def test_a_user_who_is_disabled_is_told_with_the_reason(site):
    user = found(site)["submitting"].words.removeprefix("as ")
    tool("condor_qusers", "-disable", user, "-reason", "too many jobs")
    try:
        check = found(site)["submitting"]
    finally:
        tool("condor_qusers", "-enable", user)
    assert check.verdict is Verdict.STOPS
    assert "too many jobs" in check.words
    assert found(site)["submitting"].verdict is Verdict.FINE


def test_a_schedd_that_lets_one_look_and_not_submit_is_told(site, pool):
    config = pool.config.read_text()
    pool.config.write_text(f"{config}\nDENY_WRITE_SCHEDD = *\n")
    tool("condor_reconfig", "-daemon", "schedd")
    try:
        wait(lambda: "does not let this user submit" in found(site)["submitting"].words)
        assert found(site)["schedd"].verdict is Verdict.FINE
    finally:
        pool.config.write_text(config)
        tool("condor_reconfig", "-daemon", "schedd")
    wait(lambda: found(site)["submitting"].verdict is Verdict.FINE)
