"""node.sh: what the machine keeps from its work is deferred, and nothing else is."""

import errno
import os
import subprocess
import sys

import pytest

from condorloop.node import main
from condorloop.node.job_output.job_end import PRE_FAILED
from condorloop.rundir.layout import AGAIN, DEFERRED, JOB_REPORT, PERMANENT
from condorloop.rundir.records import attempts
from condorloop.rundir.records.witness import Witness
from condorloop.runtime.machine_errors import is_of_machine
from tests.unit.examples import TOP
from tests.unit.node_examples import leave, leave_reco, make_dag, run_alca

FINISH = ("finish", "RECO_0000", "0")


@pytest.fixture
def dag(tmp_path, monkeypatch):
    """A DAG with nothing run yet; its directory is the current one, as its scripts have it."""
    made = make_dag(tmp_path)
    monkeypatch.chdir(made.directory)
    return made


def run(dag, python, *arguments, shell="sh"):
    """Run node.sh with something in the place of Python; give its exit code and what it says."""
    text = (dag.directory / "node.sh").read_text()
    assert sys.executable in text
    (dag.directory / "other").mkdir(exist_ok=True)
    script = dag.directory / "other" / "node.sh"
    script.write_text(text.replace(sys.executable, str(python)))
    done = subprocess.run([shell, script, *arguments], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def stand_in(tmp_path, body):
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{body}\n")
    python.chmod(0o755)
    return python


@pytest.mark.parametrize("shell", ["sh", "bash"])
@pytest.mark.parametrize("verdict", [0, AGAIN, PERMANENT, DEFERRED])
def test_a_verdict_of_the_node_is_passed_on(dag, tmp_path, verdict, shell):
    assert run(dag, stand_in(tmp_path, f"exit {verdict}"), *FINISH, shell=shell) == (verdict, "")


@pytest.mark.parametrize("shell", ["sh", "bash"])
@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("echo No module named condorloop; exit 1", 1),
        ("exit 126", 126),
        ("exit 127", 127),
        ("kill -KILL $$", 137),
        ("kill -SEGV $$", 139),
        ("kill -TERM $$", 143),
    ],
)
def test_a_python_that_does_not_start_or_is_killed_defers_the_script(
    dag, tmp_path, body, code, shell
):
    ended, said = run(dag, stand_in(tmp_path, body), *FINISH, shell=shell)
    assert ended == DEFERRED
    assert f"finish RECO_0000 0: Python ended with {code}" in said


def test_a_python_that_is_gone_defers_scripts_and_fails_the_upload_job(dag, tmp_path):
    ended, said = run(dag, tmp_path / "gone", *FINISH)
    assert ended == DEFERRED
    assert "gone" in said.splitlines()[-1]
    assert run(dag, tmp_path / "gone", "inputs")[0] == DEFERRED
    assert run(dag, tmp_path / "gone", "upload")[0] == 127


def test_an_environment_that_is_half_upgraded_defers_the_script(dag, tmp_path):
    node = tmp_path / "condorloop" / "node"
    node.mkdir(parents=True)
    (node / "fast_exit.py").write_text("from condorloop.gone import main\n")
    python = stand_in(tmp_path, f'shift; PYTHONPATH={tmp_path} exec {sys.executable} -S "$@"')
    ended, said = run(dag, python, *FINISH)
    assert ended == DEFERRED
    assert "No module named 'condorloop.gone'" in said.splitlines()[-1]


def test_a_real_python_judges(dag):
    output = leave_reco(dag)
    done = subprocess.run(["./node.sh", *FINISH], check=False)
    assert done.returncode == 0
    assert Witness.read(dag.run_dir / f"{output}_job.txt")


def test_a_run_directory_without_rights_defers_and_keeps_what_the_job_has_made(dag, monkeypatch):
    output = leave_reco(dag)

    def refuses(path, target):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(target))

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.replace", refuses)
        assert main.main([*FINISH]) == DEFERRED
    assert attempts.read(dag.directory, "RECO_0000") == ()
    assert main.main([*FINISH]) == 0
    assert Witness.read(dag.run_dir / f"{output}_job.txt")


MACHINES = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES, errno.ESTALE)
"""Full, over its quota, read-only, failing, closed to us, away."""


@pytest.mark.parametrize("number", MACHINES, ids=errno.errorcode.get)
@pytest.mark.parametrize("file", [JOB_REPORT, "manifest.json", ".root"])
def test_what_the_disk_does_not_give_says_nothing_of_the_node(dag, monkeypatch, file, number):
    leave_reco(dag)
    path_open = type(dag.directory).open

    def fails(path, *arguments, **more):
        if path.name.endswith(file):
            raise OSError(number, os.strerror(number), str(path))
        return path_open(path, *arguments, **more)

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.open", fails)
        assert main.main([*FINISH]) == DEFERRED
    assert attempts.read(dag.directory, "RECO_0000") == ()
    assert main.main([*FINISH]) == 0


@pytest.mark.parametrize("error", [FileNotFoundError(errno.ENOENT, "x"), ValueError(), KeyError()])
def test_what_a_job_leaves_is_never_the_machines_fault(error):
    assert not is_of_machine(error)


@pytest.mark.parametrize(
    ("files", "arguments", "verdict"),
    [
        ({}, FINISH, AGAIN),
        ({JOB_REPORT: b"<FrameworkJobReport>"}, FINISH, AGAIN),
        ({JOB_REPORT: b"<a>" * 100_000}, FINISH, AGAIN),
        ({}, ("finish", "RECO_0000", "65"), PERMANENT),
        ({}, ("finish", "RECO_0000", "84"), AGAIN),
        ({}, ("finish", "RECO_0000", "75"), PERMANENT),
        ({}, ("finish", "RECO_0000", "127"), AGAIN),
        ({}, ("finish", "RECO_0000", "-9"), AGAIN),
        ({}, ("finish", "GONE", "0"), AGAIN),
        ({}, ("finish", "RECO_0000", "many"), AGAIN),
    ],
)
def test_a_failure_of_the_job_is_a_failure(dag, files, arguments, verdict):
    leave(dag, "RECO_0000", files)
    assert main.main([*arguments]) == verdict


def test_a_pre_script_that_fails_is_told_for_no_post_script_follows(dag):
    assert main.main(["inputs"]) == AGAIN
    [told] = attempts.read(dag.directory, "HARVEST")
    assert (told.exit_code, told.words) == (PRE_FAILED, "no complete ALCARECO to harvest")


def test_a_pre_script_without_a_disk_is_deferred_and_tells_nothing(dag, monkeypatch):
    run_alca(dag)

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("condorloop.node.pre_script.write_lines", full)
        assert main.main(["inputs"]) == DEFERRED
    assert attempts.read(dag.directory, "HARVEST") == ()
    assert main.main(["inputs"]) == 0


def test_the_script_of_a_reco_node_loads_nothing_that_only_others_need(dag):
    """There is one for each node, and most of what it costs is the start."""
    leave_reco(dag)
    program = """
import sys
from condorloop.node.main import main
code = main(["finish", "RECO_0000", "0"])
print(code, *sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(TOP)},
        cwd=dag.directory,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    code, *loaded = done.stdout.split()
    assert code == "0"
    assert "condorloop.rundir.records.manifest" in loaded
    assert not set(loaded) & {
        "condorloop.node.pre_script",
        "condorloop.node.uploads",
        "condorloop.rundir.records.harvest",
        "condorloop.rundir.records.upload",
        "datetime",
        "pydantic",
        "shutil",
        "sqlite3",
        "subprocess",
        "yaml",
    }
