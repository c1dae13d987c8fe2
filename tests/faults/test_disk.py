"""Disks that are full, read-only, or cleaned up by a person under a running campaign."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from pathlib import Path

import pytest

from condorloop.model.enums import CampaignState
from tests import boundaries
from tests.boundaries import Effect, Site
from tests.faults.driven import cycle_until
from tests.faults.scenarios import run_of

ECAL = "EcalPedestals"
COMPLETE = {ECAL: CampaignState.COMPLETE}


@pytest.mark.parametrize(
    ("run", "error"), [(398810, errno.ENOSPC), (398811, errno.EROFS)], ids=["full", "read-only"]
)
def test_each_write_may_fail_for_want_of_a_disk(loop, monkeypatch, run, error):
    """Each effect of the manager fails once, the ledger's commits included."""
    play = loop.play(run_of(run, [ECAL], lumisections=8))
    failed_at = loop.folder / "failed"

    def fail_once(effect: Effect) -> bool:
        site = effect.site
        if site in seen or not site.stack or site.event in ("subprocess.Popen", "submit"):
            return False
        seen.add(site)
        failed_at.write_text(str(len(seen)))
        raise OSError(error, os.strerror(error), effect.target)

    seen: set[Site] = set()
    ended = boundaries.run(
        lambda: cycle_until(loop, lambda: loop.closed() == 1, monkeypatch),
        only=fail_once,
        timeout=120,
    )
    assert ended.exit_code == 0, ended.output
    assert int(failed_at.read_text()) > 30
    assert "Traceback" not in ended.output
    assert play.assay(ECAL, run).faults == ()
    assert loop.states() == COMPLETE
    loop.assert_nothing_was_done_twice(run)


@contextlib.contextmanager
def read_only(folder: Path):
    """Take the right to write from a folder and all below it."""
    folders = [Path(found) for found, _, _ in os.walk(folder)]
    try:
        for f in folders:
            with contextlib.suppress(FileNotFoundError):
                f.chmod(0o555)
        yield
    finally:
        for f in folders:
            with contextlib.suppress(FileNotFoundError):
                f.chmod(0o775)


def test_a_work_dir_that_is_read_only_for_a_while_costs_time_and_nothing_else(loop):
    play = loop.play(run_of(398812, [ECAL]))
    submitter = loop.start()
    loop.wait_for_log(ECAL, "submitted as", submitter)
    with read_only(loop.work_dir):
        loop.wait_for_output("cannot write status.json", submitter)
    loop.wait(lambda: loop.closed() == 1, lambda: submitter.poll() is None)
    assert play.assay(ECAL, 398812).faults == ()
    assert "Traceback" not in loop.output()
    loop.assert_nothing_was_done_twice(398812)


def test_a_run_directory_that_is_deleted_under_a_running_campaign_is_made_anew(loop):
    play = loop.play(run_of(398813, [ECAL], lumisections=16))
    runs = loop.work_dir / ECAL / "run398813"
    submitter = loop.start()
    loop.wait(lambda: any(runs.glob("apJob*")), lambda: submitter.poll() is None)
    shutil.rmtree(runs, ignore_errors=True)
    loop.wait(lambda: loop.closed() == 1, lambda: submitter.poll() is None)
    assert "was deleted; processing its files again" in loop.log(ECAL)
    assert play.assay(ECAL, 398813).faults == ()
    assert loop.states() == COMPLETE
    sizes = loop.payload_sizes(ECAL, 398813)
    assert sizes == sorted(set(sizes))


def test_the_directory_of_one_dag_that_is_deleted_costs_only_its_own_work(loop):
    play = loop.play(run_of(398814, [ECAL], lumisections=16))
    runs = loop.work_dir / ECAL / "run398814"
    submitter = loop.start()
    loop.wait(lambda: (runs / "dag000").exists(), lambda: submitter.poll() is None)
    shutil.rmtree(runs / "dag000", ignore_errors=True)
    loop.wait(lambda: loop.closed() == 1, lambda: submitter.poll() is None)
    assert play.assay(ECAL, 398814).faults == ()
    assert loop.states() == COMPLETE
