"""The command line: what it prints, and how it ends."""

import os
import subprocess
import sys

import pytest

from tests.unit.examples import TOP, site_file


def condorloop(*arguments, cwd, **environment):
    return subprocess.run(
        [sys.executable, "-m", "condorloop", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(TOP), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_validate_says_what_is_configured(tmp_path):
    done = condorloop("validate", "--site", str(site_file(tmp_path)), cwd=tmp_path)
    assert done.returncode == 0
    assert "all configuration is valid" in done.stdout
    for name in ("EcalPedestals", "SiStripBad", "BeamSpot"):
        assert name in done.stdout


def test_wrong_configuration_is_named_line_by_line(tmp_path):
    site = site_file(tmp_path)
    site.write_text(site.read_text().replace("work_dir:", "workdir:"))
    done = condorloop("validate", "--site", str(site), cwd=tmp_path)
    assert done.returncode == 1
    assert "site.yaml: work_dir: missing" in done.stderr
    assert "site.yaml: workdir:" in done.stderr
    assert "Traceback" not in done.stderr


def test_wrong_usage_ends_with_2(tmp_path):
    assert condorloop("validate", "--no-such-option", cwd=tmp_path).returncode == 2


def test_status_before_any_submitter_says_so(tmp_path):
    done = condorloop("status", "--site", str(site_file(tmp_path)), cwd=tmp_path)
    assert done.returncode == 1
    assert "no submitter has run here yet" in done.stderr


@pytest.mark.parametrize("command", ["run", "once", "status", "render", "validate", "testbed"])
def test_every_command_has_help(tmp_path, command):
    done = condorloop(command, "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "Usage:" in done.stdout
