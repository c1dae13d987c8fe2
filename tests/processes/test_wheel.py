"""The wheel, installed where nothing else is."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.unit.examples import TOP


def run(*command, cwd):
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env={k: v for k, v in os.environ.items() if not k.startswith("PYTHON")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_an_installed_wheel_finds_what_ships_with_it(tmp_path):
    pip = [sys.executable, "-m", "pip", "--quiet"]
    source = tmp_path / "source"
    shutil.copytree(TOP, source, ignore=shutil.ignore_patterns(".*", "build", "*.egg-info"))
    run(*pip, "wheel", "--no-deps", "--wheel-dir", tmp_path, source, cwd=tmp_path)
    [wheel] = tmp_path.glob("condorloop-*.whl")
    environment, empty = tmp_path / "environment", tmp_path / "empty"
    run(sys.executable, "-m", "venv", "--without-pip", environment, cwd=tmp_path)
    run(*pip, "--python", environment / "bin/python", "install", wheel, cwd=tmp_path)
    empty.mkdir()
    said = run(environment / "bin/condorloop", "validate", cwd=empty)
    assert "all configuration is valid" in said
    assert "EcalPedestals" in said
    for kind in ("jobs", "dags"):
        file = run(environment / "bin/condorloop", "print-format", kind, cwd=empty).strip()
        assert "Calibration" in Path(file).read_text()
    assert "The pool" in run(environment / "bin/condorloop", "simulate", "--days", "0.1", cwd=empty)
