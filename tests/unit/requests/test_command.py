"""Each command is one module that says all of it; one more module is one more command."""

import os
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from condorloop.model.enums import RequestKind
from condorloop.model.request import Request
from condorloop.requests.command import SenselessRequest, command_of
from tests.unit.examples import RUN, START, TOP, site_file

SIXTH = '''"""`condorloop greet`: a greeting in the folder of a run."""

from dataclasses import dataclass

from condorloop.model.campaign import Campaign
from condorloop.model.enums import RequestKind
from condorloop.requests.campaign_command import CampaignCommand
from condorloop.requests.command import Option, SenselessRequest, Step


@dataclass(frozen=True)
class GreetCampaign(Step):
    """Write a greeting."""

    campaign: Campaign

    @property
    def about(self):
        return self.campaign.key

    def describe(self):
        return "write a greeting"

    def carry_out(self, request, context, now):
        folder = context.renderer.run_dir(self.about)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "greeting").write_text(request.reason)
        return f"{request.made_by.partition('@')[0]} says {request.reason}"


class Greet(CampaignCommand):
    """Greet RUN."""

    kind = RequestKind.GREET
    options = (Option("--words", "reason", "What is said.", metavar="TEXT"),)
    examples = ("greet 398600 --words hello",)

    def validate(self, request):
        super().validate(request)
        if not request.reason:
            raise SenselessRequest("a greeting has words")

    def decide(self, request, subject):
        return GreetCampaign(subject.campaign)


COMMAND = Greet()
'''
LATCH = f"""
import sys
from pathlib import Path
from condorloop.ledger.store import Ledger
from condorloop.model.campaign import CampaignKey, Run
with Ledger(Path(sys.argv[1])) as ledger:
    run = Run({RUN.number}, 1, {START}, None, None, "PROTONS", "collisions2026", True)
    ledger.campaigns.latch(CampaignKey("BeamSpot", run.number), "/eos", run, "running", {START})
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A checkout with a sixth command: one file, and the member of the enum."""
    tree = tmp_path_factory.mktemp("tree")
    for entry in TOP.iterdir():
        if not entry.name.startswith(".") and entry.name != "condorloop":
            (tree / entry.name).symlink_to(entry)
    package = tree / "condorloop"
    shutil.copytree(TOP / "condorloop", package)
    (package / "requests" / "greet.py").write_text(SIXTH)
    enums = package / "model" / "enums.py"
    last = '    CLEANUP = "cleanup"\n'
    assert last in enums.read_text()
    enums.write_text(enums.read_text().replace(last, f'{last}    GREET = "greet"\n'))
    return tree


@pytest.fixture
def greet(tree, tmp_path):
    site = site_file(tmp_path)
    (tmp_path / "work").mkdir()

    def python(*words):
        return subprocess.run(
            [sys.executable, *words],
            cwd=tree,
            env={**os.environ, "PYTHONPATH": str(tree), "CONDORLOOP_SITE": str(site)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    latched = python("-c", LATCH, str(tmp_path / "work" / "condorloop.db"))
    assert latched.returncode == 0, latched.stderr
    return lambda *words: python("-m", "condorloop", "greet", *words)


def greeting(tmp_path):
    return list(Path(tmp_path / "work").glob("BeamSpot/*/greeting"))


def test_a_sixth_command_has_its_help_and_its_options(greet):
    said = greet("--help").stdout
    assert "Greet RUN." in said
    assert "--words TEXT" in said
    assert "condorloop greet 398600 --words hello" in said


def test_a_sixth_command_is_planned_and_its_dry_run_does_nothing(greet, tmp_path):
    done = greet(str(RUN.number), "--words", "hello", "--dry-run")
    assert (done.returncode, done.stdout) == (
        0,
        f"would: BeamSpot run{RUN.number}: write a greeting\n",
    )
    assert greeting(tmp_path) == []


def test_a_sixth_command_refuses_options_that_make_no_sense(greet, tmp_path):
    done = greet(str(RUN.number))
    assert done.returncode == 2
    assert "a greeting has words" in done.stderr
    assert greeting(tmp_path) == []


def test_a_sixth_command_is_carried_out_and_answered(greet, tmp_path):
    done = greet(str(RUN.number), "--words", "hello")
    assert done.returncode == 0, done.stderr
    will, answer = done.stdout.splitlines()
    assert will == f"will: BeamSpot run{RUN.number}: write a greeting"
    assert answer.startswith(f"done: BeamSpot run{RUN.number}: ")
    assert answer.endswith("says hello")
    [file] = greeting(tmp_path)
    assert file.read_text() == "hello"


@pytest.mark.parametrize("kind", RequestKind)
def test_each_kind_of_request_has_its_command_whose_options_fill_a_request(kind):
    command = command_of(kind)
    assert command.kind is kind
    assert {o.field for o in command.options} <= {f.name for f in fields(Request)}
    assert command.__doc__
    assert command.examples


@pytest.mark.parametrize(
    ("kind", "option"),
    [
        (RequestKind.RELEASE, {"running": True}),
        (RequestKind.HOLD, {"include_quarantined": True}),
        (RequestKind.RESUBMIT, {"reason": "again"}),
        (RequestKind.CLEANUP, {"node": "b003"}),
    ],
)
def test_an_option_of_another_command_is_refused_by_name(kind, option):
    [name] = option
    with pytest.raises(SenselessRequest, match=f"{kind} takes no {name}"):
        command_of(kind).validate(Request(kind, RUN.number, **option))
