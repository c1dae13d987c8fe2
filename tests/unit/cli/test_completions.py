"""The shell completes commands, runs and calibrations, and never fails over it."""

import json
import os
import shlex
import subprocess
import sys

import pytest
from click.shell_completion import BashComplete
from click.testing import CliRunner

from condorloop.cli.main import cli
from tests.unit.examples import TOP, config, site_file

CAMPAIGNS = [
    {"run": 398600, "calibration": "EcalPedestals", "state": "complete"},
    {"run": 398600, "calibration": "BeamSpot", "state": "active"},
    {"run": 398712, "calibration": "BeamSpot", "state": "active"},
]


@pytest.fixture
def site(tmp_path):
    """A site whose submitter has written what it knows."""
    work_dir = config(tmp_path).site.work_dir
    work_dir.mkdir()
    (work_dir / "status.json").write_text(json.dumps({"campaigns": CAMPAIGNS}))
    return site_file(tmp_path)


def completions(line):
    """What the last word of a command line may become."""
    *words, last = shlex.split(line)
    completing = BashComplete(cli, {}, "condorloop", "_CONDORLOOP_COMPLETE")
    return {item.value: item.help for item in completing.get_completions(words, last)}


def test_a_run_is_completed_with_what_there_is_of_it(site):
    assert completions(f"resubmit --site {site} 39") == {
        "398712": "BeamSpot active",
        "398600": "EcalPedestals complete, BeamSpot active",
    }
    assert list(completions(f"render --site {site} 3986")) == ["398600"]


def test_the_site_of_the_environment_counts(site, monkeypatch):
    monkeypatch.setenv("CONDORLOOP_SITE", str(site))
    assert list(completions("resubmit ''")) == ["398712", "398600"]


def test_a_calibration_is_completed_by_what_is_configured(site):
    assert list(completions(f"status --site {site} -c ''")) == [
        "BeamSpot",
        "EcalPedestals",
        "SiStripBad",
    ]
    assert list(completions(f"status --site {site} --calibration E")) == ["EcalPedestals"]


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"campaigns": [{"run": "x"}]}', '{"campaigns": 3}', "\0"]
)
def test_a_status_that_cannot_be_read_completes_nothing(site, tmp_path, text, capfd):
    (tmp_path / "work" / "status.json").write_text(text)
    assert completions(f"resubmit --site {site} ''") == {}
    assert capfd.readouterr() == ("", "")


def test_a_site_that_cannot_be_read_completes_nothing(site, tmp_path, capfd):
    site.write_text("name: [")
    for line in (f"--site {site} ''", f"--site {site} -c ''", f"--site {tmp_path}/none ''"):
        assert completions(f"resubmit {line}") == {}
    assert capfd.readouterr() == ("", "")


BASH = """
eval "$(condorloop completion bash)"
COMP_WORDS=(condorloop resubmit 3987) COMP_CWORD=2
_condorloop_completion condorloop
echo "${COMPREPLY[@]}"
"""


def test_bash_itself_completes(site, tmp_path):
    program = tmp_path / "bin" / "condorloop"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m condorloop "$@"\n')
    program.chmod(0o755)
    environment = os.environ | {
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(TOP),
        "CONDORLOOP_SITE": str(site),
    }
    done = subprocess.run(
        ["bash", "--norc", "-c", BASH],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.split() == ["398712"]
    assert done.stderr == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script_that_asks_the_command(shell):
    said = CliRunner().invoke(cli, ["completion", shell]).stdout
    assert f"_CONDORLOOP_COMPLETE={shell}_complete" in said


def test_the_shell_of_the_person_is_taken(monkeypatch):
    monkeypatch.setenv("SHELL", "/usr/bin/fish")
    assert "fish_complete" in CliRunner().invoke(cli, ["completion"]).stdout
    monkeypatch.setenv("SHELL", "/bin/ksh")
    assert "bash_complete" in CliRunner().invoke(cli, ["completion"]).stdout
