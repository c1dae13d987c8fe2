"""Texts are for people: whatever they say, everything else stays as it is."""

import io
import json
import os
import random
import re
from concurrent.futures import Future
from dataclasses import fields, is_dataclass, replace
from functools import partial
from itertools import count

import pytest
from click.testing import CliRunner
from rich.console import Console

from condorloop.cli.main import cli
from condorloop.cli.views.watch import WatchView
from condorloop.config import credentials
from condorloop.config.site import Site
from condorloop.ledger.queries.status import StatusQueries
from condorloop.ledger.store import Ledger
from condorloop.model.problem import Problem, ProblemKind
from condorloop.model.queue import HeldJob, QueuedDag, WaitingJob, WaitingScript
from condorloop.model.service import Service
from condorloop.model.status import CampaignStatus
from condorloop.monitoring import disk_watch
from condorloop.monitoring.caches import RecentSummaries
from condorloop.monitoring.notifications import announcer, sender
from condorloop.monitoring.publisher import CycleReport, Publisher
from condorloop.runtime.disk_space import DiskSpace
from condorloop.services import kerberos
from condorloop.services.kerberos import NoTicket
from tests.unit.examples import START, config, site_file
from tests.unit.monitoring.all_wrong import Seen, all_wrong, well
from tests.unit.monitoring.test_status_page import Elements

PROSE = {
    CampaignStatus: {
        "reason",
        "last_answer",
        "bad_files",
        "errors",
        "refused",
        "overlaps",
        "copies",
        "contradictions",
    },
    CycleReport: {"errors", "not_cleaned", "odd_lines", "not_archived", "not_taken_up"},
    Service: {"error"},
    QueuedDag: {"hold_reason"},
    HeldJob: {"reason"},
    WaitingJob: {"words"},
    WaitingScript: {"said"},
    Seen: {"disk", "ticket"},
    Problem: {"text", "bare_text"},
}
"""What is text for people, in what a cycle sees and in what it shows."""

IN_JSON = {name for names in PROSE.values() for name in names} - {"errors"}
MISLEADING = (
    ":", ": ", "|", " does not answer", " failed: ", ": refused: ", "superseded by run 5", ", ",
    "BeamSpot run398600: ", "the service has not answered", "b001 RECO_0002", "no answer", "OMS",
    "condorloop show ", " is held: ", "run 398600: ", "\n", "é", "<b>",
)  # fmt: skip
STORY = (
    (0, well()),
    (10, all_wrong()),
    (311, all_wrong()),
    (620, replace(well(), report=all_wrong(silent="EOS").report)),
    (930, replace(well(), conditions=all_wrong().conditions)),
    (1240, well()),
    (1550, well()),
    (1860, all_wrong(silent="OMS")),
    (2170, all_wrong(silent="OMS")),
    (2480, all_wrong(silent="schedd")),
    (2480 + 4 * 3600, all_wrong(silent="schedd")),
    (2790 + 4 * 3600, replace(well(), campaigns=well().campaigns[:1])),
    (3100 + 4 * 3600, replace(well(), campaigns=well().campaigns[:1])),
)
"""Seconds and what is seen; some of it is over while a service is silent."""


def one(rng):
    """A text that may have in it what texts once had that were taken apart."""
    pieces = (*MISLEADING, *(chr(rng.randrange(32, 0x250)) for _ in range(8)))
    return "".join(rng.choices(pieces, k=rng.randrange(12))) + f" {rng.random()}"


def reworded(value, text):
    """The same with another text for each that is for people."""
    if isinstance(value, tuple):
        return tuple(reworded(each, text) for each in value)
    if not is_dataclass(value):
        return value
    prose = PROSE.get(type(value), set())
    given = {f.name: getattr(value, f.name) for f in fields(value) if f.init}
    changed = {
        name: all_of(each, text) if name in prose else reworded(each, text)
        for name, each in given.items()
    }
    return replace(value, **changed)


def all_of(prose, text):
    """Another text for each in a field; where there is none, there stays none."""
    if isinstance(prose, str):
        return text() if prose else prose
    if isinstance(prose, dict):
        return {key: all_of(each, text) for key, each in prose.items()}
    return tuple(all_of(each, text) for each in prose) if isinstance(prose, tuple) else prose


class Recorder:
    """A way of telling that keeps what it was given."""

    name = "recorder"

    def __init__(self):
        self.messages = []

    def send(self, message):
        self.messages.append(message)

    def told(self):
        parts = ("new", "lasting", "over", "left")
        return [
            (m.time, m.all_well, {p: list(getattr(m, p)) for p in parts}) for m in self.messages
        ]


def at_once(call, _name):
    done = Future()
    done.set_result(call())
    return done


@pytest.fixture
def outcome(tmp_path, monkeypatch):
    """What becomes of the story with these texts, without the texts; None are those of the code."""
    monkeypatch.setattr(sender, "in_background", at_once)
    monkeypatch.setattr(credentials, "caches", lambda _: {"FILE:/x": ("submitter",)})
    monkeypatch.setattr(
        disk_watch, "disk", lambda path: DiskSpace(path, 10**9, 10**10, 10**6, 10**7)
    )
    monkeypatch.setenv("PATH", os.defpath)
    filled, numbers = Problem.__post_init__, count()

    def of(seed):
        rng = random.Random(seed)
        text = partial(one, rng)

        def fill(problem):
            filled(problem)
            if seed is not None:
                for name in PROSE[Problem]:
                    object.__setattr__(problem, name, text())

        monkeypatch.setattr(Problem, "__post_init__", fill)
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        return after_the_story(folder, monkeypatch, None if seed is None else text)

    return of


def after_the_story(folder, monkeypatch, text):
    recorder = Recorder()
    monkeypatch.setattr(announcer, "transports", lambda _: [recorder])
    loaded = config(folder)
    textfile = folder / "condorloop.prom"
    keys = {
        "metrics": {"textfile": str(textfile)},
        "messages": {"webhook_file": str(folder / "no"), "kinds": list(ProblemKind)},
    }
    site = Site.model_validate(loaded.site.model_dump(by_alias=True, mode="json") | keys)
    loaded = replace(loaded, site=site)
    site.work_dir.mkdir()
    cycles, kinds = [], set()
    with Ledger(site.work_dir / "condorloop.db") as ledger:
        for number, (seconds, seen) in enumerate(STORY):
            now = START + seconds
            shown = reworded(seen, text) if text else seen
            patched(monkeypatch, shown)
            if number in (0, 3, 9):  # the submitter is started again
                publisher = Publisher(loaded, ledger)
                publisher.announce(loaded)
            publisher.look(loaded, now)
            publisher.show(loaded, shown.report, now, 0.5)
            kinds |= {p.kind for p in publisher.status.problems}
            rows = ledger.notifications.told(Recorder.name)
            cycles.append(
                {
                    "remembered": {key: (t.since, t.told_at) for key, t in rows.items()},
                    "metrics": textfile.read_text(),
                    **looked_at(site.work_dir, site_file(folder), publisher.status, now),
                }
            )
        publisher.close()
    return {"told": recorder.told(), "cycles": cycles, "kinds": kinds}


def patched(monkeypatch, seen):
    def no_ticket(_environment=None):
        raise NoTicket(seen.ticket)

    monkeypatch.setattr(RecentSummaries, "of", lambda *_: seen.campaigns)
    monkeypatch.setattr(StatusQueries, "conditions", lambda *_: seen.conditions)
    monkeypatch.setattr(disk_watch, "why_warn", lambda *_: seen.disk)
    monkeypatch.setattr(kerberos, "look", no_ticket)


def looked_at(work_dir, site, status, now):
    """What people and programs are shown, without texts."""
    page = Elements((work_dir / "status.html").read_text())
    [style, data, script] = page.raw
    watch = Console(file=io.StringIO(), width=10_000, height=100)
    watch.print(WatchView(replace(status, decisions=()), now, None))
    as_json = ["status", "--json", "--site", str(site), "-c", "BeamSpot"]
    commands = [CliRunner().invoke(cli, words) for words in (as_json, [*as_json[:1], *as_json[2:]])]
    return {
        "status.json": without_texts(json.loads((work_dir / "status.json").read_text())),
        "page": (page.tags, style, script, without_texts(json.loads(data[1]))),
        "watch": without_sentences(watch.file.getvalue()),
        "exit codes": [done.exit_code for done in commands],
        "status --json": without_texts(json.loads(commands[0].stdout)),
    }


def without_texts(data):
    """JSON without what is text for people."""
    if isinstance(data, list):
        return [without_texts(each) for each in data]
    if not isinstance(data, dict):
        return data
    found = {}
    for key, value in data.items():
        if key in IN_JSON or key == "errors":
            found[key] = sorted(value) if isinstance(value, dict) else bool(value)
        elif key != "decisions":
            found[key] = without_texts(value)
    return found


def without_sentences(screen):
    """A screen with how long each problem lasts, and without what it is."""
    return [re.sub(r"^! .*?( \(for [^)]*\))?$", r"!\1", line) for line in screen.splitlines()]


def test_the_story_has_every_kind_of_problem_and_all_that_is_told_of_them(outcome):
    was = outcome(None)
    assert was["kinds"] == set(ProblemKind)
    for part in ("new", "lasting", "over", "left"):
        assert any(parts[part] for _, _, parts in was["told"]), part


@pytest.mark.parametrize("seed", range(6))
def test_other_words_change_nothing_but_the_words(outcome, seed):
    was, same = outcome(None), outcome(seed)
    assert same["told"] == was["told"]
    for before, after in zip(was["cycles"], same["cycles"], strict=True):
        for what in before:
            assert after[what] == before[what], what
