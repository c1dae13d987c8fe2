"""The process that has HTCondor's bindings: no answer is told as that, and it outlives nobody."""

import signal
import subprocess
import sys

import classad2
import pytest

from condorloop.config.site import PoolSite
from condorloop.dagman.schedd.bindings import Bindings
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


class Queue:
    """A schedd with jobs; `rows` counts what it has sent."""

    def __init__(self, ads):
        self._ads = [classad2.ClassAd(ad) for ad in ads]
        self.queries = self.rows = 0

    def query(self, constraint, projection, limit=-1):
        fits = classad2.ExprTree(constraint)
        found = [ad for ad in self._ads if fits.eval(ad) is True]
        found = found[:limit] if limit >= 0 else found
        self.queries, self.rows = self.queries + 1, self.rows + len(found)
        return [{name: ad[name] for name in projection if name in ad} for ad in found]


@pytest.fixture
def longest_waiting(monkeypatch, nowhere):
    """Asks a queue of these jobs for those that have waited longest."""
    monkeypatch.setenv("CONDOR_CONFIG", str(nowhere))

    def ask(queue, **changes):
        bindings = Bindings("")
        monkeypatch.setattr(bindings, "_schedd", lambda: queue)
        arguments = {
            "constraint": "Status == 1",
            "since": "Entered",
            "alike": ["Calibration", "Group"],
            "projection": ["Id", "Calibration", "Group", "Entered"],
            "most": 30,
        }
        return bindings.longest_waiting(**arguments | changes)

    return ask


def waiting(number, calibration, entered, **more):
    ad = {"Id": number, "Calibration": calibration, "Entered": entered, "Status": 1}
    return ad | more


def test_of_thousands_of_waiting_jobs_one_of_a_kind_is_sent_and_the_one_that_waits_longest(
    longest_waiting,
):
    names = ("EcalPedestals", "BeamSpot", 'it\'s \\ "odd"')
    kinds = [{"Group": 1}, {"Group": 2}, {}]
    ads = [waiting(i, names[i % 3], 1000 + i, **kinds[i // 3 % 3]) for i in range(3000)]
    queue = Queue([waiting(-1, "EcalPedestals", 5, Group=1, Status=2), *ads])
    found = longest_waiting(queue)
    assert {(ad["Calibration"], ad.get("Group")) for ad in found} == {
        (name, kind.get("Group")) for name in names for kind in kinds
    }
    assert sorted(ad["since"] for ad in found) == [1000 + i for i in range(9)]
    assert queue.rows <= 2 * len(found)


def test_no_more_kinds_are_looked_at_than_asked(longest_waiting):
    queue = Queue(waiting(i, f"C{i}", 10) for i in range(100))
    assert len(longest_waiting(queue, most=7)) == 7
    assert queue.queries < 20
