"""The CMSSW area on the access point: made once, whole, and never a person's lost."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from condorloop.config.site import StorageSite
from condorloop.doctor import cmssw as doctor
from condorloop.doctor.checks import Verdict
from condorloop.services.cmssw import Cmssw, CmsswError
from condorloop.services.storage import Storage
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


def set_up(cmssw, line):
    """Let the site's own script, which the set-up script sources, be a line."""
    site = cmssw.setup.parent / "SITECONF" / "local" / "JobConfig" / "cmsset_local.sh"
    site.parent.mkdir(parents=True)
    site.write_text(f"{line}\n")


@pytest.mark.parametrize(
    "line",
    [
        '[ "$NOT_HERE" ] && echo there',
        "return 1",
        "no-such-command",
        "if true; then",
        "echo CMSSW_VERSION=loud; echo CMSSW_VERSION=loud >&2; cat; printf 'A=b\\0'",
        "set -eu",
        "cd /; IFS=:; set -- of its own; area=mine; runtime=mine; export SCRAM_ARCH=mine",
        "enter() { false; }; make() { false; }; cmsenv() { false; }; export -f cmsenv",
        "shopt -s expand_aliases; alias cd=false mv=false eval=false",
    ],
)
def test_whatever_set_up_scripts_do_the_environment_is_the_releases(cmssw, line):
    plain = cmssw.environment()
    set_up(cmssw, line)
    entered = replace(cmssw, needs=("cmsRun",)).environment()
    told = {k: v for k, v in entered.items() if not k.startswith("BASH_FUNC_")}
    assert told == plain
    assert listed(cmssw) == [RELEASE]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("exit 0", "the set-up script ended the shell, exit 0"),
        ("echo 'no cvmfs here' >&2; exit 3", "no cvmfs here"),
        ("set -e; false", "the set-up script ended the shell, exit 1"),
        ("exec true", "nothing was said"),
        ("PATH=/usr/bin:/bin", "scramv1: command not found"),
    ],
)
def test_a_set_up_script_that_ends_the_shell_is_named(cmssw, line, words):
    set_up(cmssw, line)
    with pytest.raises(CmsswError, match=words) as told:
        cmssw.environment()
    assert str(cmssw.setup) in str(told.value)


def test_a_set_up_script_that_is_not_there_is_named(cmssw):
    cmssw.setup.unlink()
    with pytest.raises(CmsswError, match="the set-up script is not there, or cannot be read"):
        cmssw.environment()


def test_what_a_set_up_script_leaves_running_holds_up_nobody(cmssw):
    set_up(cmssw, f"sleep 600 & echo $! >> {cmssw.folder}.left")
    try:
        for _ in range(2):
            assert cmssw.environment(timeout=20)["CMSSW_VERSION"] == RELEASE
            os.kill(int(Path(f"{cmssw.folder}.left").read_text().split()[-1]), 0)
    finally:
        for line in Path(f"{cmssw.folder}.left").read_text().split():
            os.kill(int(line), signal.SIGKILL)


def test_a_script_that_the_operators_bash_begins_with_is_none_of_ours(cmssw, tmp_path, monkeypatch):
    (tmp_path / "begin").write_text("echo CMSSW_VERSION=loud; set -eu\n")
    monkeypatch.setenv("BASH_ENV", str(tmp_path / "begin"))
    assert cmssw.environment()["CMSSW_VERSION"] == RELEASE


@pytest.fixture
def release(cmssw):
    """The folder that the release is installed in."""
    [folder] = cmssw.setup.parent.glob(f"{ARCH}/cms/*/{RELEASE}")
    return folder


def test_a_release_that_is_gone_is_told_in_scrams_words(cmssw, release):
    cmssw.environment()
    release.rename(release.with_name("gone"))
    for tool in ("cmsRun", "edmFileUtil", "uploadConditions.py"):
        with pytest.raises(CmsswError, match="Missing Release top") as told:
            replace(cmssw, needs=(tool,)).environment()
        assert f"{tool} is not in the environment of {RELEASE}" in str(told.value)
    release.with_name("gone").rename(release)
    assert replace(cmssw, needs=("cmsRun",)).environment()["CMSSW_VERSION"] == RELEASE
    assert listed(cmssw) == [RELEASE]


def test_an_area_of_a_release_that_came_later_is_made_anew(cmssw, release):
    tools = cmssw.setup.parent / "bin"
    tools.rename(tools.with_name("away"))
    with pytest.raises(CmsswError, match="cmsRun is not in the environment"):
        replace(cmssw, needs=("cmsRun",)).environment()
    tools.with_name("away").rename(tools)
    assert replace(cmssw, needs=("cmsRun",)).environment()["CMSSW_VERSION"] == RELEASE


def test_the_doctor_stops_at_a_release_that_is_gone_and_names_it_in_scrams_words(cmssw, release):
    cmssw.environment()
    release.rename(release.with_name("gone"))
    *_, last = doctor._look(replace(cmssw, needs=("cmsRun",)), ("edmFileUtil", "cmsRun"))
    assert (last.name, last.verdict) == ("release", Verdict.STOPS)
    assert "Missing Release top" in last.words


def test_the_doctor_enters_whatever_a_script_of_profile_d_returns(cmssw):
    set_up(cmssw, "false")
    checks = list(doctor._look(replace(cmssw, needs=("cmsRun",)), ("edmFileUtil", "cmsRun")))
    assert {check.verdict for check in checks} == {Verdict.FINE}


def test_a_probe_without_its_tool_says_nothing_of_the_file(cmssw, release):
    cmssw.environment()
    release.rename(release.with_name("gone"))
    storage = Storage(
        StorageSite(url="root://127.0.0.1:2/"),
        lambda: replace(cmssw, needs=("edmFileUtil",)).environment(),
    )
    contents = storage.probe("/eos/cms/f.root")
    assert (contents.answered, contents.transient) == (False, True)
    assert "Missing Release top" in contents.error


def test_a_shell_that_hangs_is_named_with_its_last_words(cmssw):
    set_up(cmssw, "echo 'waits for cvmfs'; sleep 600")
    with pytest.raises(CmsswError, match="not entered within 1 s: waits for cvmfs"):
        cmssw.environment(timeout=0.5)


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
