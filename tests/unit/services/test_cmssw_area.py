"""The CMSSW area on the access point: made once, whole, and never a person's lost."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from condorloop.services.cmssw import Cmssw, CmsswError
from condorloop.testbed.cmssw.install import install

RELEASE = "CMSSW_16_0_7_patch1"
ARCH = "el8_amd64_gcc13"


@pytest.fixture
def cmssw(tmp_path):
    install(tmp_path / "cvmfs", sys.executable, tmp_path / "faults")
    return Cmssw(tmp_path / "cvmfs" / "cmsset_default.sh", ARCH, RELEASE, tmp_path / "work")


def outage(cmssw):
    """Let the installation be away."""
    (cmssw.setup.parent / "common" / "scramv1").rename(cmssw.setup.parent / "away")


def over(cmssw):
    """Let it be back."""
    (cmssw.setup.parent / "away").rename(cmssw.setup.parent / "common" / "scramv1")


def listed(cmssw):
    return sorted(p.name for p in cmssw.folder.iterdir() if not p.name.startswith("."))


def test_an_area_is_made_once_and_entered_often(cmssw):
    assert cmssw.environment()["CMSSW_VERSION"] == RELEASE
    (cmssw.area / "src" / "mine").touch()
    assert cmssw.environment()["CMSSW_BASE"] == str(cmssw.area)
    assert (listed(cmssw), (cmssw.area / "src" / "mine").exists()) == ([RELEASE], True)


@pytest.mark.parametrize("made", ["src", f".SCRAM/{ARCH}", f"src .SCRAM/{ARCH}"])
def test_an_area_whose_making_was_cut_short_is_made_anew(cmssw, made):
    for folder in made.split():
        (cmssw.area / folder).mkdir(parents=True)
    assert cmssw.environment()["CMSSW_VERSION"] == RELEASE
    assert listed(cmssw) == [RELEASE, f"{RELEASE}.aside0"]
    assert cmssw.environment()["CMSSW_VERSION"] == RELEASE
    assert listed(cmssw) == [RELEASE, f"{RELEASE}.aside0"]


def test_a_persons_area_is_used_as_it_is(cmssw):
    cmssw.environment()
    [mark] = cmssw.area.glob(".condorloop*")
    mark.unlink()
    (cmssw.area / "src" / "mine").touch()
    cmssw.environment()
    assert (listed(cmssw), (cmssw.area / "src" / "mine").exists()) == ([RELEASE], True)


@pytest.mark.parametrize("ours", [True, False])
def test_an_outage_costs_nobody_an_area(cmssw, ours):
    cmssw.environment()
    if not ours:
        next(cmssw.area.glob(".condorloop*")).unlink()
    (cmssw.area / "src" / "mine").touch()
    outage(cmssw)
    for _ in range(2):
        with pytest.raises(CmsswError, match="scramv1"):
            cmssw.environment()
    over(cmssw)
    assert cmssw.environment()["CMSSW_VERSION"] == RELEASE
    assert (listed(cmssw), (cmssw.area / "src" / "mine").exists()) == ([RELEASE], True)


def test_a_shell_that_hangs_is_ended_with_all_that_it_started(cmssw, monkeypatch):
    cmssw.setup.write_text("sleep 600 & echo $! > hanging; wait\n")
    cmssw.folder.mkdir()
    monkeypatch.chdir(cmssw.folder)
    with pytest.raises(CmsswError, match="not entered within"):
        cmssw.environment(timeout=0.5)
    hanging = int((cmssw.folder / "hanging").read_text())
    deadline = time.monotonic() + 10
    while _runs(hanging):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_an_area_that_another_process_makes_and_never_ends_is_a_clear_error(cmssw):
    cmssw.folder.mkdir()
    command = ["flock", f"{cmssw.folder}/.{RELEASE}.lock", "sh", "-c", "echo; exec sleep 600"]
    holder = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
    try:
        holder.stdout.readline()
        with pytest.raises(CmsswError, match="another process is making the area"):
            cmssw.environment(timeout=0.2)
    finally:
        os.killpg(holder.pid, signal.SIGKILL)
        holder.wait()
        holder.stdout.close()


def _runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
