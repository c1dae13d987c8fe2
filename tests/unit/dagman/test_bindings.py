"""The process that has HTCondor's bindings: no answer is told as that, and it outlives nobody."""

import signal
import subprocess
import sys

import pytest

from condorloop.config.site import PoolSite
from condorloop.dagman.schedd.client import Schedd, ScheddUnavailable
from condorloop.testbed import daemons

ASKS = """\
import sys, time
from pathlib import Path
from condorloop.dagman.schedd.client import Schedd, ScheddUnavailable
from condorloop.config.site import PoolSite

schedd = Schedd(PoolSite(condor_config=Path(sys.argv[1])), "nowhere")
try:
    schedd.queued()
except ScheddUnavailable:
    print("asked", flush=True)
"""
NO_POOL = "COLLECTOR_HOST = 127.0.0.1:1\nLOCAL_CONFIG_FILE =\nLOCAL_CONFIG_DIR =\n"


@pytest.fixture
def nowhere(tmp_path):
    """The configuration of a pool that is not there."""
    config = tmp_path / "condor_config"
    config.write_text(NO_POOL + f"LOG = {tmp_path}\n")
    return config


@pytest.mark.parametrize("name", [None, "elsewhere"])
def test_a_pool_that_is_not_there_says_nothing_of_the_queue(nowhere, name, tmp_path):
    schedd = Schedd(PoolSite(condor_config=nowhere, schedd=name), "nowhere")
    dag_file = tmp_path / "x.dag"
    questions = [
        schedd.queued,
        lambda: schedd.history(1),
        lambda: schedd.remove(1, "no reason"),
        lambda: schedd.submit(dag_file, "a DAG that is not there"),
    ]
    try:
        for question in questions:
            with pytest.raises(ScheddUnavailable) as told:
                question()
            assert len(str(told.value).splitlines()) == 1
    finally:
        schedd.close()


def test_a_configuration_that_cannot_be_read_is_told(tmp_path):
    schedd = Schedd(PoolSite(condor_config=tmp_path / "missing"), "nowhere")
    try:
        with pytest.raises(ScheddUnavailable):
            schedd.queued()
    finally:
        schedd.close()


def test_it_ends_with_the_process_that_started_it(nowhere):
    program = [sys.executable, "-c", ASKS + "time.sleep(600)\n", str(nowhere)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as parent:
        try:
            assert parent.stdout.readline() == "asked\n"
            [worker] = [p for p in daemons.everything() if p.parent == parent.pid]
            assert "condorloop.dagman.schedd.bindings" in daemons.command_line(worker.pid)
        finally:
            parent.send_signal(signal.SIGKILL)
    assert daemons.wait_until(lambda: not worker.is_running(), 10)


def test_it_keeps_no_process_from_ending(nowhere):
    program = [sys.executable, "-c", ASKS, str(nowhere)]
    done = subprocess.run(program, capture_output=True, text=True, check=True, timeout=60)
    assert (done.stdout, done.stderr) == ("asked\n", "")
