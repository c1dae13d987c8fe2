"""A run directory that is away for a while, an older ledger put back: each LS counts once."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing

from condorloop.model.enums import CampaignState
from condorloop.model.problem import ProblemKind
from condorloop.rundir.durable import read_json
from condorloop.rundir.layout import HARVEST_RECORD, RUN_START
from tests.faults.scenarios import run_of

ECAL = "EcalPedestals"
COMPLETE = {ECAL: CampaignState.COMPLETE}
TWICE_MADE = "RECO nodes that succeeded"
"""In what an assay says of RAW files that were processed twice, which is no harm by itself."""


def test_a_run_directory_that_is_away_for_seconds_and_back_counts_no_lumisection_twice(loop):
    run = 398816
    play = loop.play(run_of(run, [ECAL], lumisections=40, every=0.4))
    runs, away = loop.work_dir / ECAL / f"run{run}", loop.folder / "away"
    submitter = loop.start()
    loop.wait(lambda: any(runs.glob("apJob*/*_job.txt")), lambda: submitter.poll() is None)
    runs.replace(away)
    loop.wait_for_log(ECAL, "was deleted; processing its files again", submitter)
    loop.wait((runs / RUN_START).exists, lambda: submitter.poll() is None)
    for path in away.iterdir():
        if not (runs / path.name).exists():
            path.replace(runs / path.name)
    loop.wait(lambda: loop.closed() == 1, lambda: submitter.poll() is None)
    assert [f for f in play.assay(ECAL, run).faults if TWICE_MADE not in f] == []
    assert loop.states() == COMPLETE
    told = [read_json(file) for file in runs.glob(f"harvestJob*/{HARVEST_RECORD}")]
    last = max(told, key=lambda record: record["time"])
    assert last["overlaps"]
    for name in last["overlaps"]:
        assert loop.wrong(ProblemKind.OVERLAP, directory=name)
    shown = loop.condorloop("show", str(run), "-c", ECAL, "--calibrations", str(loop.calibrations))
    assert "used instead" in " ".join(shown.stdout.split())
    verified = loop.condorloop("verify", str(run), "--calibrations", str(loop.calibrations))
    assert f"{ECAL} run{run} (complete)" in verified.stdout
    assert ": fine" in verified.stdout
    assert "Traceback" not in loop.output()


def test_an_older_ledger_that_is_put_back_takes_up_what_was_done_since(loop):
    run = 398817
    play = loop.play(run_of(run, [ECAL], lumisections=40, every=0.4))
    database, kept = loop.work_dir / "condorloop.db", loop.folder / "kept.db"

    def submit_until(number: int) -> None:
        submitter = loop.start()
        loop.wait_for_log(ECAL, f"b{number:03d} submitted as", submitter)
        submitter.kill()
        submitter.wait()

    submit_until(0)
    with closing(sqlite3.connect(database)) as now, closing(sqlite3.connect(kept)) as copy:
        now.backup(copy)
    submit_until(2)
    for part in loop.work_dir.glob("condorloop.db-*"):
        part.unlink()
    shutil.copy(kept, database)
    submitter = loop.start()
    loop.wait(lambda: loop.closed() == 1, lambda: submitter.poll() is None)
    assert "is adopted as b001: the ledger did not know it" in loop.log(ECAL)
    assert play.assay(ECAL, run).faults == ()
    assert loop.states() == COMPLETE
    loop.assert_nothing_was_done_twice(run)
    assert "Traceback" not in loop.output()
