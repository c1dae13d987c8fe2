"""The command line: what it prints, and how it ends."""

import os
import re
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from condorloop.cli.group import SECTIONS, Commands
from condorloop.cli.main import cli
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
    assert "site.yaml:3: workdir:" in done.stderr
    assert "Traceback" not in done.stderr


def test_wrong_usage_ends_with_2(tmp_path):
    assert condorloop("validate", "--no-such-option", cwd=tmp_path).returncode == 2


def test_status_before_any_submitter_says_so(tmp_path):
    done = condorloop("status", "--site", str(site_file(tmp_path)), cwd=tmp_path)
    assert done.returncode == 1
    assert "no submitter has run here yet" in done.stderr


@pytest.mark.parametrize("command", ["run", "status", "render", "validate", "testbed"])
def test_every_command_has_help(command):
    done = CliRunner().invoke(cli, [command, "--help"])
    assert done.exit_code == 0
    assert "Usage:" in done.stdout


@pytest.mark.parametrize("command", ["status", "watch", "find", "show"])
def test_a_command_that_only_looks_loads_no_submitter_and_no_bindings(command, tmp_path):
    program = f"""
import sys
from condorloop.cli.main import cli
assert cli.get_command(None, {command!r})
print(*sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(TOP)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    loaded = set(done.stdout.split())
    assert f"condorloop.cli.commands.{command}" in loaded
    assert not loaded & {"condorloop.submitter", "htcondor2", "requests", "prometheus_client"}


def commands(group=cli, path=()):
    """All commands, those of groups within too, by what is typed."""
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


def help_of(*words):
    return CliRunner().invoke(cli, [*words, "--help"]).stdout


@pytest.mark.parametrize("words", [p for p, c in commands() if not isinstance(c, click.Group)])
def test_every_command_says_what_it_does_and_ends_with_an_example(words):
    said = help_of(*words)
    first = said.split("\n\n")[1]
    assert first.rstrip().endswith("."), first
    last = said.rpartition("Examples:\n")[2].splitlines()
    assert any(" ".join(("condorloop", *words)) in line for line in last), last


def test_an_example_names_only_options_that_there_are():
    for words, command in commands():
        known = {opt for p in command.params for opt in (*p.opts, *p.secondary_opts)}
        for line in help_of(*words).rpartition("Examples:\n")[2].splitlines():
            typed = re.search(rf"condorloop {' '.join(words)}((?: [^ |&)]+)*)", line)
            asked = {word for word in typed[1].split() if word.startswith("-")} if typed else set()
            assert asked <= known, line


def test_the_help_shows_every_command_once_and_in_a_section_of_its_own_kind():
    said = help_of()
    for section in SECTIONS:
        assert f"\n{section}:\n" in said
    for (name, *inner), _ in commands():
        if not inner:
            assert len(re.findall(rf"^  {name} ", said, re.MULTILINE)) == 1, name
    assert "More:" not in said
    assert said.index("  status ") < said.index("  resubmit ") < said.index("  systemd ")


def test_a_command_that_nobody_has_sorted_is_shown_all_the_same():
    group = Commands("example", commands={"new": click.Command("new", help="Something new.")})
    said = CliRunner().invoke(group, ["--help"]).stdout
    assert "More:\n  new " in said


def test_in_the_journal_the_reason_for_an_end_is_an_error(tmp_path):
    with (tmp_path / "stderr").open("wb") as stderr:
        there = os.fstat(stderr.fileno())
        subprocess.run(
            [sys.executable, "-m", "condorloop", "validate", "--site", "none.yaml"],
            cwd=tmp_path,
            env={
                **os.environ,
                "PYTHONPATH": str(TOP),
                "JOURNAL_STREAM": f"{there.st_dev}:{there.st_ino}",
            },
            stderr=stderr,
            check=False,
            timeout=60,
        )
    lines = (tmp_path / "stderr").read_text().splitlines()
    assert "none.yaml" in lines[0]
    assert all(line.startswith("<3>") for line in lines)
