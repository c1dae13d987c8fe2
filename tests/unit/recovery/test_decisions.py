"""What people decided about uploads is known after a restart, and after a ledger is rebuilt."""

import pytest

from condorloop.ledger.store import Ledger
from condorloop.model.enums import DagState, Verdict
from condorloop.model.request import ALL_RUNS
from condorloop.recovery.rebuild import open_ledger
from condorloop.rundir.layout import DECISIONS, RESTORED, UPLOADS_HELD, run_dir
from condorloop.rundir.records.decisions import Decision, Decisions, Restored, UploadsHeld
from tests.unit.dag_plans import own_upload
from tests.unit.examples import KEY, START
from tests.unit.recovery.test_rebuild import (
    LATER,
    campaign_of,
    delete,
    ledger_id,
    path,
    site,
    write_dag,
)

__all__ = ["ledger_id", "path", "site"]  # fixtures

HELD = UploadsHeld("bob@node", "why", START)
SAID = Decision("abc", "harvestJob001", Verdict.APPROVED, "bob@node", "why", START)


@pytest.fixture
def runs(site, ledger_id):
    return run_dir(site.site.work_dir, KEY.calibration, KEY.run)


def reopened(site, path):
    return open_ledger(path, site, LATER)


@pytest.mark.parametrize("rebuilt", [False, True])
def test_who_holds_uploads_is_known(site, path, runs, rebuilt):
    HELD.write(runs / UPLOADS_HELD)
    if rebuilt:
        delete(path)
    with reopened(site, path) as ledger:
        assert campaign_of(ledger).uploads_held_by == "bob@node"
        assert ledger.campaigns.held_uploads() == {(KEY.calibration, KEY.run): HELD}
        [other] = ledger.campaigns.of_run(KEY.run - 1, KEY.calibration) or [None]
        assert other is None or other.uploads_held_by == ""


@pytest.mark.parametrize("rebuilt", [False, True])
def test_who_holds_those_of_all_runs_is_known(site, path, runs, rebuilt):
    HELD.write(runs.parent / UPLOADS_HELD)
    if rebuilt:
        delete(path)
    with reopened(site, path) as ledger:
        assert ledger.campaigns.held_uploads() == {(KEY.calibration, ALL_RUNS): HELD}
        assert campaign_of(ledger).uploads_held_by == "bob@node"


def test_a_hold_that_only_the_ledger_knows_is_on_the_disk_again(site, path, runs):
    with Ledger(path) as ledger:
        ledger.campaigns.hold_uploads(KEY.calibration, KEY.run, HELD)
    with reopened(site, path) as ledger:
        assert campaign_of(ledger).uploads_held_by == "bob@node"
    assert UploadsHeld.read(runs / UPLOADS_HELD) == HELD


def test_a_run_directory_that_is_away_ends_no_hold(site, path, runs):
    """Else it comes back with its record, and the ledger tries to send what UPLOAD jobs hold."""
    HELD.write(runs / UPLOADS_HELD)
    reopened(site, path).close()
    runs.rename(runs.with_name("away"))
    with reopened(site, path) as ledger:
        assert ledger.campaigns.held_uploads() == {(KEY.calibration, KEY.run): HELD}


def test_a_damaged_record_holds(site, path, runs):
    (runs / UPLOADS_HELD).write_text("{")
    with reopened(site, path) as ledger:
        assert campaign_of(ledger).uploads_held_by == "somebody"


@pytest.mark.parametrize("rebuilt", [False, True])
def test_what_was_said_of_a_payload_is_known(site, path, runs, rebuilt):
    Decisions((SAID,)).write(runs / DECISIONS)
    if rebuilt:
        delete(path)
    with reopened(site, path) as ledger:
        assert ledger.payloads.decisions(campaign_of(ledger).id) == (SAID,)


@pytest.mark.parametrize("rebuilt", [False, True])
def test_what_was_put_back_is_known(site, path, runs, rebuilt):
    put_back = Restored("harvestJob001", "bob@node", "why", START)
    put_back.write(runs / RESTORED)
    if rebuilt:
        delete(path)
    with reopened(site, path) as ledger:
        assert campaign_of(ledger).restored == "harvestJob001 was put back by bob@node: why"


def test_damaged_decisions_stop_nothing(site, path, runs, caplog):
    (runs / DECISIONS).write_text("[]")
    with reopened(site, path) as ledger:
        assert ledger.payloads.decisions(campaign_of(ledger).id) == ()
    assert "cannot be read" in caplog.text


def test_an_upload_dag_is_found_again(site, path, ledger_id):
    with Ledger(path) as ledger:
        write_dag(site, ledger, own_upload(KEY, 2, 1), cluster=19)
    delete(path)
    with reopened(site, path) as ledger:
        labels = {d.label: (d.state, d.sends) for d in campaign_of(ledger).dags}
        assert labels["upload002"] == (DagState.ACTIVE, 1)
        assert ledger.dags.next_numbers(campaign_of(ledger).id) == (3, 1, 1)
