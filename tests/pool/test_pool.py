"""The testbed's pool and XRootD server are real, quick to use, and leave nothing behind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from condorloop.testbed import daemons
from condorloop.testbed.htcondor.pool import Pool

DAG = """\
SUBMIT-DESCRIPTION work {
    executable = work.sh
    arguments = $(node) $(input)
    transfer_input_files = $(input)
    transfer_output_files = $(node).out
    when_to_transfer_output = ON_SUCCESS
    should_transfer_files = YES
    request_cpus = 1
    request_memory = 64
    request_disk = 1MB
}
SUBMIT-DESCRIPTION here {
    universe = local
    executable = here.sh
    request_memory = 64
}
JOB RECO work
VARS RECO node="RECO" input="raw"
JOB ALCA work
VARS ALCA node="ALCA" input="RECO.out"
JOB UPLOAD here
PARENT RECO CHILD ALCA
PARENT ALCA CHILD UPLOAD
"""


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        path = folder / name.replace("_", ".")
        path.write_text(text)
        path.chmod(0o755)


def status_when_gone(cluster: int, timeout: float = 60) -> int:
    """Wait until a job has left the queue; give its exit code from the history."""
    import htcondor2

    schedd = htcondor2.Schedd()
    constraint = f"ClusterId == {cluster}"
    assert daemons.wait_until(lambda: not schedd.query(constraint), timeout)
    (ad,) = schedd.history(constraint, ["ExitCode"], 1)
    return int(ad["ExitCode"])


def ours(folder: Path) -> list[int]:
    """Give the processes that name a folder on their command line."""
    return [
        process.pid
        for process in daemons.everything()
        if any(str(folder) in word for word in daemons.command_line(process.pid))
        and process.pid != os.getpid()
    ]


def test_a_dag_with_file_transfer_and_a_local_node_runs_to_its_end(pool, tmp_path, monkeypatch):
    import htcondor2

    write(
        tmp_path,
        raw="collisions\n",
        work_sh="#!/bin/sh\n(cat $2; echo $1) >$1.out\n",
        here_sh=f"#!/bin/sh\ncp {tmp_path}/ALCA.out {tmp_path}/uploaded\n",
        x_dag=DAG,
    )
    monkeypatch.chdir(tmp_path)
    submit = htcondor2.Submit.from_dag(str(tmp_path / "x.dag"))
    cluster = htcondor2.Schedd().submit(submit).cluster()
    assert status_when_gone(cluster) == 0
    assert (tmp_path / "uploaded").read_text().split() == ["collisions", "RECO", "ALCA"]


def test_starting_a_running_pool_leaves_it_alone(pool):
    master = (pool.folder / "run" / "master.pid").read_text()
    again = Pool(pool.folder, pool.prefix)
    again.start()
    assert again.ready
    assert (pool.folder / "run" / "master.pid").read_text() == master


def test_another_process_stops_a_pool_and_nothing_of_it_is_left(prefix, tmp_path):
    pool = Pool(tmp_path / "other", prefix, cpus=1)
    (pool.folder / "run").mkdir(parents=True)
    (pool.folder / "run" / "master.pid").write_text(f"{os.getppid()}\n")
    assert not pool.is_running()
    pool.start()
    assert pool.is_running()
    subprocess.run(
        [sys.executable, "-m", "condorloop.testbed.htcondor.pool", "down", pool.folder], check=True
    )
    assert not pool.is_running()
    assert ours(pool.folder) == []


def test_the_daemons_of_a_killed_master_do_not_live_on_beside_the_next_ones(prefix, tmp_path):
    pool = Pool(tmp_path / "killed", prefix, cpus=1)
    pool.start()
    try:
        before = set(ours(pool.folder))
        os.kill(int((pool.folder / "run" / "master.pid").read_text()), 9)
        assert daemons.wait_until(lambda: not pool.is_running(), 5)
        pool.start()
        assert not before & set(ours(pool.folder))
    finally:
        pool.stop()


@pytest.mark.parametrize(
    ("path", "code", "sign"),
    [("/eos/nowhere", 54, "[3011]"), ("/elsewhere", 54, "[3010]")],
    ids=["not there", "not exported"],
)
def test_what_is_not_there_is_told_by_code(xrootd, path, code, sign):
    done = xrdfs(xrootd, "ls", path)
    assert (done.returncode, sign in done.stderr) == (code, True)


def test_files_are_listed_as_soon_as_they_are_there_and_cannot_be_changed(xrootd):
    folder = xrootd.localroot / "eos" / "cms" / "000" / "398" / "600"
    folder.mkdir(parents=True)
    (folder / "a.root").write_bytes(b"collisions")
    assert xrdfs(xrootd, "ls", "/eos/cms/000/398/600").stdout.split() == [
        "/eos/cms/000/398/600/a.root"
    ]
    assert xrdfs(xrootd, "rm", "/eos/cms/000/398/600/a.root").returncode != 0
    assert (folder / "a.root").exists()


def xrdfs(server, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [server.prefix.tool("xrdfs"), server.url, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
