"""The manager dies before every one of its effects, and nothing is lost or done twice.

The effects are found by running the program, not from a list: wherever it is about to change a
file, commit to its ledger, tell the schedd something or start a program, it is killed once. What
came before that effect has happened, what comes after has not.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from condorloop import logs
from condorloop.dagman.schedd import Schedd
from condorloop.ledger import Ledger
from condorloop.model import CampaignState
from condorloop.recovery import open_ledger
from condorloop.submitter import Submitter
from tests import boundaries
from tests.boundaries import Effect, Site
from tests.faults.scenarios import run_of


class ToldSchedd(Schedd):
    """A schedd that tells before it is told something."""

    def submit(self, dag_file: Path, batch_name: str) -> int:
        boundaries.here("submit", dag_file.name)
        return super().submit(dag_file, batch_name)

    def remove(self, cluster: int, why: str) -> None:
        boundaries.here("remove", str(cluster))
        super().remove(cluster, why)


def tell_of_commits(ledger: Ledger) -> None:
    def told(sql: str) -> None:
        if sql == "COMMIT":
            boundaries.here("commit")

    connection: sqlite3.Connection = ledger._db
    connection.set_trace_callback(told)


def test_the_manager_may_die_before_any_of_its_effects(loop, monkeypatch):
    play = loop.play(run_of(398800, ["EcalPedestals"], lumisections=8))
    died_at: set[Site] = set()

    def until_closed() -> None:
        monkeypatch.setattr("condorloop.world.Schedd", ToldSchedd)
        config = loop.config()
        loop.work_dir.mkdir(exist_ok=True)
        logs.start(loop.work_dir, config.calibrations)
        ledger = open_ledger(loop.work_dir / "condorloop.db", config.calibrations, 0.0)
        tell_of_commits(ledger)
        submitter = Submitter(config, ledger)
        while not loop.states() or any(state.open for state in loop.states().values()):
            submitter.cycle()
            loop.tick()

    def is_new(effect: Effect) -> bool:
        return effect.site not in died_at

    for _ in range(200):
        ended = boundaries.run(until_closed, die_before=1, only=is_new, timeout=120)
        if not ended.died:
            break
        died_at.add(ended.effects[-1].site)
    assert ended.exit_code == 0, ended.output
    events = {site.event for site in died_at}
    assert events >= {"commit", "submit", "open", "os.rename", "os.mkdir"}
    verdict = play.assay("EcalPedestals", 398800)
    assert verdict.faults == ()
    assert loop.states() == {"EcalPedestals": CampaignState.COMPLETE}
    loop.assert_nothing_was_done_twice(398800)
