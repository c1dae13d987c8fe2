"""The person of the demo approves one payload: the one that the campaign's end waits for."""

import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from condorloop.cli.demo_gate import Person
from condorloop.model.enums import CampaignState, HeldFor, UploadOutcome
from condorloop.model.lumis import EMPTY, Lumis
from condorloop.model.status import LumiSets, UnsentPayload
from tests.unit.examples import campaign_status, loop_status

ALL = Lumis.span(1, 40)


def held(lumis=ALL, **changes):
    told = {"harvest": "harvestJob003", "held_for": HeldFor.GATE} | changes
    return UnsentPayload(outcome=UploadOutcome.HELD, lumis=lumis, **told)


def at_the_end(*unsent, **changes):
    lumis = LumiSets(ALL, ALL, EMPTY, ALL)
    told = {"state": CampaignState.CLOSING, "dags": {"done": 4}, "lumis": lumis} | changes
    return loop_status(campaign_status(unsent=unsent, **told))


@pytest.fixture
def typed(monkeypatch):
    found = []

    def run(command, **_):
        found.append(command[3])
        return subprocess.CompletedProcess(command, 0, stdout="")

    monkeypatch.setattr(subprocess, "run", run)
    return found


@pytest.fixture
def person():
    return Person(SimpleNamespace(site=Path("site.yaml"), environment=dict))


def look(person, status):
    person.look(status, Console(quiet=True))


def test_what_is_held_at_the_end_is_looked_at_and_approved_once(person, typed):
    for _ in range(3):
        look(person, at_the_end(held()))
    assert typed == ["payload", "approve"]
    assert person.approved == 1


@pytest.mark.parametrize(
    "status",
    [
        None,
        at_the_end(),
        at_the_end(held(), state=CampaignState.ACTIVE),
        at_the_end(held(), dags={"active": 1, "done": 3}),
        at_the_end(held(), dags={"planned": 1, "done": 3}),
        at_the_end(held(Lumis.span(1, 30))),
        at_the_end(held(decision="approved by alice@node")),
        at_the_end(held(held_for=HeldFor.PERSON)),
    ],
    ids=["no loop", "none", "taking", "active", "planned", "in part", "decided", "for a person"],
)
def test_while_a_better_one_may_come_nothing_is_typed(person, typed, status):
    look(person, status)
    assert typed == []
