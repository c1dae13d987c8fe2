"""A process that lives for a moment ends as any other: with all it said, and the right code."""

import subprocess
import sys

import pytest


@pytest.fixture
def brief(tmp_path):
    """Run a module's ``main`` briefly."""

    def run(body, *arguments):
        (tmp_path / "said.py").write_text(f"import sys\ndef main(arguments):\n    {body}\n")
        return subprocess.run(
            [sys.executable, "-m", "condorloop.node.fast_exit", "said", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run


def test_arguments_code_and_output_are_those_of_the_module(brief):
    done = brief("print(*arguments); print('so', end='', file=sys.stderr); return 7", "a b", "c")
    assert (done.returncode, done.stdout, done.stderr) == (7, "a b c\n", "so")


def test_what_is_not_caught_is_told(brief):
    done = brief("print('before'); raise RuntimeError('why')")
    assert (done.returncode, done.stdout) == (1, "before\n")
    assert "RuntimeError: why" in done.stderr


def test_an_exit_is_an_exit(brief):
    assert brief("sys.exit(3)").returncode == 3
