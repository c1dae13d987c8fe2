"""The manager dies before every one of its effects, and nothing is lost or done twice.

The effects are found by running the program, not from a list: wherever it is about to change a
file, commit to its ledger, tell the schedd something or start a program, it is killed once. What
came before that effect has happened, what comes after has not.
"""

from __future__ import annotations

import sqlite3

from condorloop.model.enums import CampaignState, RequestKind
from tests import boundaries
from tests.boundaries import Effect, Site
from tests.faults.driven import cycle_until
from tests.faults.scenarios import job_fault, run_of

ECAL = "EcalPedestals"


def die_everywhere(loop, monkeypatch, over) -> set[Site]:
    """Run the submitter again and again, each time until it dies where it has never died."""
    died_at: set[Site] = set()

    def is_new(effect: Effect) -> bool:
        return effect.site not in died_at

    while True:
        ended = boundaries.run(
            lambda: cycle_until(loop, over, monkeypatch), die_before=1, only=is_new, timeout=120
        )
        if not ended.died:
            assert ended.exit_code == 0, ended.output
            return died_at
        died_at.add(ended.effects[-1].site)
        assert len(died_at) < 300, "it dies at ever new places"


def functions(sites: set[Site]) -> set[str]:
    return {frame.partition(":")[0].rpartition(".")[2] for s in sites for frame in s.stack}


def test_the_manager_may_die_before_any_effect_of_a_run_that_goes_well(loop, monkeypatch):
    play = loop.play(run_of(398800, [ECAL], lumisections=8))
    died_at = die_everywhere(loop, monkeypatch, lambda: loop.closed() == 1)
    assert {s.event for s in died_at} >= {"commit", "submit", "open", "os.rename", "os.mkdir"}
    assert play.assay(ECAL, 398800).faults == ()
    assert loop.states() == {ECAL: CampaignState.COMPLETE}
    loop.assert_nothing_was_done_twice(398800)


def test_the_manager_may_die_before_any_effect_of_rescues_quarantine_and_reopening(
    loop, monkeypatch
):
    """A crashing file is quarantined, a late one reopens the campaign, a person asks for more."""
    loop.edit(ECAL, {"rescues": {"max_rescues": 1, "wait": 1}})
    stream = {"stream": "TestEnablesEcalHcal"}
    crashing = {**stream, "ls": 1, "fault": "crashes"}
    late = {**stream, "ls": 9, "late": 20}
    play = loop.play(run_of(398801, [ECAL], lumisections=12, files=[crashing, late]))
    asked: list[int] = []

    def over() -> bool:
        if loop.closed() and not asked:
            asked.append(loop.ask_to_resubmit(398801))
        [campaign] = loop.campaigns() or [None]
        return bool(
            campaign
            and loop.closed()
            and campaign["lumis"]["in_payload"] == "5-12"
            and campaign["quarantined"]
            and loop.answer_to(asked[0])
        )

    died_at = die_everywhere(loop, monkeypatch, over)
    assert functions(died_at) >= {"plan_rescue", "renew", "answer"}
    [campaign] = loop.campaigns()
    assert campaign["state"] == CampaignState.INCOMPLETE
    assert "4 of 12 LS missing (1-4); quarantined: " in campaign["reason"]
    assert play.assay(ECAL, 398801).faults == ()
    loop.assert_nothing_was_done_twice(398801)


REQUESTS = (
    RequestKind.HOLD,
    RequestKind.RELEASE,
    RequestKind.HOLD,
    RequestKind.ABANDON,
    RequestKind.RESUBMIT,
)


def test_the_manager_may_die_before_any_effect_of_what_a_person_asks_for(loop, monkeypatch):
    """A run is held, released, held, abandoned while its first job hangs, and taken up again."""
    hangs = job_fault("hang", 398802, "step2", seconds=100)
    play = loop.play(run_of(398802, [ECAL], hangs, lumisections=8))

    def over() -> bool:
        campaign = loop.campaign(ECAL, 398802)
        asked = answers(loop)
        begun = asked or campaign.get("dags", {}).get("active")
        if begun and len(asked) < len(REQUESTS) and None not in asked:
            loop.ask(REQUESTS[len(asked)], 398802)
        return asked == [1] * len(REQUESTS) and campaign["state"] == CampaignState.COMPLETE

    died_at = die_everywhere(loop, monkeypatch, over)
    assert {s.event for s in died_at} >= {"hold", "release", "remove", "submit", "commit"}
    assert functions(died_at) >= {"set_held_by", "withdraw", "_write_closing_records"}
    assert play.assay(ECAL, 398802).faults == ()


def answers(loop) -> list[int | None]:
    """Whether each request was carried out, in their order; None for one that waits."""
    path = loop.work_dir / "condorloop.db"
    if not path.exists():
        return []
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as ledger:
        rows = ledger.execute("SELECT answered_at, granted FROM request ORDER BY id").fetchall()
    return [None if answered_at is None else granted for answered_at, granted in rows]
