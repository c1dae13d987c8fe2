"""Old runs go into the archive of their year: once, whole, and found again."""

import sqlite3
from contextlib import closing

import pytest

from benchmarks.filled import FilledRun, Filler
from condorloop.cycle.archiver import EVERY, Archiver
from condorloop.history.ledger_reader import LedgerStories
from condorloop.history.reader import tell
from condorloop.history.search import find
from condorloop.ledger.archive import _OF_RUN, ArchiveError, archive_of, with_archives
from condorloop.ledger.schema import WORDS
from condorloop.ledger.store import Ledger
from condorloop.model.campaign import CampaignKey, Run
from condorloop.model.enums import Artifact, RequestKind
from condorloop.model.request import Request
from condorloop.recovery.rebuild import open_ledger
from condorloop.reports.collect import gather
from condorloop.reports.period import Period
from condorloop.requests.command import planned
from condorloop.rundir.layout import LEDGER
from tests import boundaries
from tests.faults.driven import ToldConnection
from tests.unit.examples import config

DAY = 86_400.0
NOW = 1_790_000_000.0  # 2026-09-21
OLD = [FilledRun(380_000 + i, NOW - (300 - i) * DAY, NOW - (300 - i) * DAY + 9, 70) for i in (0, 1)]
"""Of November 2025."""
RECENT = FilledRun(398_000, NOW - 3 * DAY, NOW - 3 * DAY + 9, 60)
OPEN = FilledRun(381_000, NOW - 200 * DAY, None, 60, active_dags=1)
RUNS = [*OLD, OPEN, RECENT]


@pytest.fixture
def loaded(tmp_path):
    found = config(tmp_path)
    found.site.work_dir.mkdir()
    Filler(found.site.work_dir / LEDGER, found).fill(RUNS)
    return found


@pytest.fixture
def path(loaded):
    return loaded.site.work_dir / LEDGER


def told(loaded):
    """All that anybody can ask about any run."""
    asked = [run.number for run in RUNS]
    stories = [tell(loaded, run) for run in asked]
    hits = [f.hits for f in (find(loaded, str(run)) for run in asked)]
    return stories, hits, gather(loaded, (), Period(), NOW)


def archive_all(loaded, now=NOW):
    with Ledger(loaded.site.work_dir / LEDGER) as ledger:
        archiver = Archiver(ledger)
        for cycle in range(4):
            archiver.tidy(loaded, now + 10.0 * cycle)
        assert not archiver.error


def rows(path, table):
    db = sqlite3.connect(path)
    try:
        return db.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]
    finally:
        db.close()


def test_what_is_told_of_a_run_is_the_same_before_and_after(loaded, path):
    before = told(loaded)
    archive_all(loaded)
    assert [p.name for p in with_archives(path)] == [LEDGER, "condorloop-2025.db"]
    assert told(loaded) == before


def test_what_is_old_and_closed_leaves_the_ledger_and_nothing_else(loaded, path):
    everything = {table: rows(path, table) for table in ("raw_file", "dag", "node", "job")}
    archive_all(loaded)
    archive = archive_of(path, 2025)
    assert {t: rows(path, t) + rows(archive, t) for t in everything} == everything
    assert rows(archive, "raw_file") == sum(2 * run.files for run in OLD)


NOT_OF_RUNS = {
    *WORDS,
    "meta",
    "request",
    "told",
    "held_calibration",
    "destination",
    "destination_tag",
    "held_uploads",
}


def test_each_table_goes_with_its_run_or_is_of_no_run(path):
    db = sqlite3.connect(path)
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    db.close()
    assert tables - NOT_OF_RUNS == _OF_RUN.keys()


def test_one_run_goes_in_a_cycle_and_then_it_is_looked_now_and_then(loaded, path):
    archive = archive_of(path, 2025)
    with Ledger(path) as ledger:
        archiver = Archiver(ledger)
        archiver.tidy(loaded, NOW)
        assert rows(archive, "campaign") == 3
        for cycle in range(1, 4):
            archiver.tidy(loaded, NOW + cycle)
        assert rows(archive, "campaign") == 6
        in_two_weeks = NOW + 14 * DAY
        archiver._next = in_two_weeks
        archiver.tidy(loaded, in_two_weeks - 1)
        assert rows(path, "raw_file") > OPEN.files * 2
        archiver.tidy(loaded, in_two_weeks + EVERY)
        assert rows(archive_of(path, 2026), "campaign") == 3


def test_what_cleaning_up_has_removed_of_an_archived_run_is_known_here_and_after_a_rebuild(
    loaded, path
):
    with Ledger(path) as ledger:
        [campaign, *_] = ledger.campaigns.of_run(OLD[0].number, "EcalPedestals")
        ledger.campaigns.set_cleaned(campaign.id, Artifact.LOGS)
        ledger.campaigns.set_cleaned(campaign.id, Artifact.DAGS, begun=True)
    archive_all(loaded)
    for _ in ("here", "rebuilt"):
        with open_ledger(path, loaded, NOW) as ledger:
            found = {s.key.run: s for s in ledger.retention.settled() if s.cleaned or s.begun}
        assert found.keys() == {OLD[0].number}
        assert found[OLD[0].number].cleaned == {Artifact.LOGS}
        assert found[OLD[0].number].begun == {Artifact.DAGS}
        path.unlink()


def test_all_that_an_archive_has_belongs_together(loaded, path):
    archive_all(loaded)
    for file in with_archives(path):
        with closing(sqlite3.connect(file)) as db:
            assert db.execute("PRAGMA foreign_key_check").fetchall() == []


def test_a_campaign_is_latched_once_even_if_it_is_archived(loaded, path):
    archive_all(loaded)
    with Ledger(path) as ledger:
        key = CampaignKey("EcalPedestals", OLD[0].number)
        assert key in ledger.campaigns.known(0)
        run = Run(key.run, 1, OLD[0].start, None, None, "PROTONS", "collisions2026", True)
        ledger.campaigns.latch(key, "/eos", run, "again", NOW)
        assert ledger.campaigns.with_work({}) == ledger.campaigns.of_run(OPEN.number, None)


OF_ONE = (RequestKind.APPROVE, RequestKind.REJECT, RequestKind.RESTORE)


@pytest.mark.parametrize("kind", [k for k in RequestKind if k is not RequestKind.CLEANUP])
def test_nothing_is_done_for_an_archived_campaign(kind, loaded, path):
    archive_all(loaded)
    run = OLD[0].number
    named = "harvestJob000" if kind is RequestKind.RESTORE else None
    calibration = "EcalPedestals" if kind in OF_ONE else None
    request = Request(kind, run, calibration, made_by="alice", send_again=named)
    with Ledger(path) as ledger:
        asked = planned(ledger, request)
    assert asked.steps == ()
    assert all("it is archived" in remark for remark in asked.remarks)


def test_what_cleaning_up_has_still_to_ask_stays(loaded, path):
    for calibration in loaded.calibrations.values():
        calibration.__dict__["retention"] = calibration.retention.model_copy(update={"reco": 9e9})
    archive_all(loaded)
    assert not archive_of(path, 2025).exists()


def test_cut_short_anywhere_a_run_is_in_one_place_in_the_end(loaded, path, monkeypatch):
    before = told(loaded)
    whole = path.read_bytes()
    connect = sqlite3.connect
    monkeypatch.setattr(
        "condorloop.ledger.connection.sqlite3.connect",
        lambda *given, **named: connect(*given, factory=ToldConnection, **named),
    )

    def step(number):
        for part in path.parent.glob(f"{path.stem}*"):
            part.unlink()
        path.write_bytes(whole)
        return lambda: archive_all(loaded)

    commits = 0
    for ended in boundaries.deaths(step, only=lambda effect: effect.site.event == "commit"):
        commits += 1
        assert told(loaded) == before, ended.effects[-1]
        archive_all(loaded)
        assert told(loaded) == before, ended.effects[-1]
        assert rows(archive_of(path, 2025), "campaign") == 6
    assert commits >= 4


def test_an_archive_that_cannot_be_written_leaves_all_as_it_is_and_is_told_once(
    loaded, path, caplog
):
    before = told(loaded)
    archive_of(path, 2025).write_text("this is no ledger " * 500)
    with Ledger(path) as ledger:
        archiver = Archiver(ledger)
        for cycle in range(3):
            archiver.tidy(loaded, NOW + cycle * EVERY)
        assert "condorloop-2025.db" in archiver.error
    assert len(caplog.messages) == 1
    archive_of(path, 2025).unlink()
    assert told(loaded) == before


def test_a_ledger_that_is_rebuilt_knows_what_was_archived(loaded, path):
    archive_all(loaded)
    before = [tell(loaded, run.number) for run in OLD]
    path.unlink()
    with open_ledger(path, loaded, NOW) as ledger:
        assert {key.run for key in ledger.campaigns.known(0)} == {run.number for run in OLD}
        assert ledger.campaigns.with_work({}) == []
        assert ledger.archive.due(NOW) == []
    assert [tell(loaded, run.number) for run in OLD] == before


def test_an_archive_that_is_no_database_is_an_error_that_names_it(loaded, path):
    other = path.with_name("condorloop-2020.db")
    other.write_text("x" * 9000)
    with Ledger(path) as ledger, pytest.raises(ArchiveError, match="condorloop-2020"):
        ledger.archive.copy(OLD[0].number, other)


def test_each_archive_has_the_story_of_its_runs_by_itself(loaded, path):
    archive_all(loaded)
    with LedgerStories(archive_of(path, 2025)) as archive:
        assert [s.campaign.run for s in archive.stories(OLD[1].number)] == [OLD[1].number] * 3
    with LedgerStories(path) as ledger:
        assert ledger.stories(OLD[1].number) == ()
