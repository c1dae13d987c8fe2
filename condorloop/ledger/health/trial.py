"""Whether this SQLite can keep a ledger: the real schema and the loop's writes, in a scratch file.

Knows what is written down in the life of a campaign; knows nothing of a work_dir's own ledger.
"""

from __future__ import annotations

import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from condorloop.ledger.archive import ArchiveError, prepare_archive
from condorloop.ledger.health.damage import FILE_ERRORS, primary_code
from condorloop.ledger.migrations.oldest import OLDEST_SCHEMA, OLDEST_VERSION
from condorloop.ledger.store import Ledger, LedgerError, open_requests
from condorloop.model.campaign import Campaign, CampaignKey, Probe, Run
from condorloop.model.enums import CampaignState, FileState, NodeKind, RequestKind, UploadOutcome
from condorloop.model.jobs import FailedNode, HarvestRecord, JobRecord, PlannedNode
from condorloop.model.lumis import Lumis
from condorloop.model.notification import Notified
from condorloop.model.request import Request
from condorloop.text import one_line

SQLITE = sqlite3.sqlite_version
"""The version of the SQLite that this Python uses, such as ``3.26.0``."""

OLDEST_SQLITE = "3.26.0"
"""The oldest version that the tests of the ledger are run with: that of RHEL 8."""

SCRATCH = ".sqlite-trial"
"""The folder in the work_dir in which the start tries SQLite."""

_OF_THE_PLACE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOLFS,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
    }
)
"""The errors that say something of disk, rights or memory, and nothing of the SQLite."""

_WHO = "trial"
_RAW_PATH = "/store/trial"
_FILES = ("/store/trial/a.root", "/store/trial/b.root")
_START = 1_790_000_000.0
_RUN = Run(1, 1, _START, _START + 600.0, 10, "PROTONS", "trial", stable_beam=True)
_KEY = CampaignKey("Trial", _RUN.number)
_LUMIS = Lumis.span(1, 5)


class SqliteUnfit(LedgerError):
    """SQLite cannot keep a ledger; the message names its version and the error."""


def try_sqlite(folder: Path) -> None:
    """Do in an empty folder what the loop asks of its ledger.

    Raises
    ------
    SqliteUnfit
        SQLite cannot do it.
    LedgerError
        It cannot be tried, because of disk, rights or memory.
    """
    step = ""
    try:
        for step in _life(folder):  # noqa: B007
            pass
    except (*FILE_ERRORS, LedgerError, ArchiveError) as error:
        cause = error if isinstance(error, FILE_ERRORS) else error.__cause__ or error
        said = one_line(str(cause))
        if primary_code(cause) in _OF_THE_PLACE:
            raise LedgerError(f"SQLite {SQLITE} cannot be tried in {folder}: {said}") from error
        raise SqliteUnfit(
            f"SQLite {SQLITE} cannot keep the ledger: {step}: {said}; condorloop needs SQLite"
            f" {OLDEST_SQLITE} or newer, in the Python that runs it: {sys.executable}"
        ) from error


def refuse_unfit_sqlite(work_dir: Path) -> None:
    """Try SQLite in the work_dir of a submitter that starts, which holds the lock.

    What else may be wrong with the disk is told when the ledger is opened.

    Raises
    ------
    SqliteUnfit
        SQLite cannot keep a ledger.
    """
    folder = work_dir / SCRATCH
    shutil.rmtree(folder, ignore_errors=True)  # of a start that was killed
    try:
        folder.mkdir()
        try_sqlite(folder)
    except SqliteUnfit:
        raise
    except (LedgerError, OSError):
        return
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _life(folder: Path) -> Iterator[str]:
    """Write down the life of a campaign; what comes next is said before it is done."""
    path = folder / "condorloop.db"
    yield "a ledger of the oldest version is made"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript(f"PRAGMA synchronous = OFF; BEGIN; {OLDEST_SCHEMA} COMMIT;")
        told = {"schema_version": str(OLDEST_VERSION), "ledger_id": _WHO}
        db.executemany("INSERT INTO meta VALUES (?, ?)", told.items())
    yield "it is brought up to date"
    with Ledger(path) as ledger:
        ledger.connection.execute("PRAGMA synchronous = OFF")  # nobody will miss it
        yield "a campaign is latched"
        ledger.campaigns.hold_calibration(_KEY.calibration, _WHO, _START)
        ledger.campaigns.latch(_KEY, _RAW_PATH, _RUN, _WHO, _START)
        if _campaign(ledger).held_by != _WHO:
            raise SqliteUnfit("a campaign of a held calibration is not held")
        yield "RAW files are written down"
        _add_files(ledger)
        yield "DAGs are written down"
        _process(ledger)
        yield "a request is answered"
        _answer(ledger, path)
        yield "the campaign is told of and closed"
        _close(ledger)
        yield "it is archived"
        _archive(ledger, folder / "condorloop-2026.db")


def _campaign(ledger: Ledger) -> Campaign:
    [campaign] = ledger.campaigns.of_run(_KEY.run, _KEY.calibration)
    return campaign


def _add_files(ledger: Ledger) -> None:
    ledger.raw_files.add(_RAW_PATH, _RUN.number, dict.fromkeys(_FILES, 1000), _START)
    for path in _FILES:
        ledger.raw_files.probed(path, FileState.GOOD, Probe(_LUMIS, 100), _START)
    ledger.raw_files.set_gone(_FILES[1:], gone=True)
    ledger.raw_files.set_gone(_FILES[1:], gone=False)
    ledger.campaigns.update_runs([_RUN])
    ledger.luminosity.add(_RUN.number, {1: 0.5})


def _process(ledger: Ledger) -> None:
    """Plan a DAG, let it fail, rescue it without an input, and upload what it made."""
    campaign = _campaign(ledger)
    campaign_id, mine = campaign.id, campaign.reconstruction_id
    number, batch, job = ledger.dags.next_numbers(mine)
    nodes = (
        PlannedNode("RECO", NodeKind.RECO, "out", "out.txt", paths=_FILES, child="ALCA"),
        PlannedNode("ALCA", NodeKind.ALCA, "apJob", "apJob.txt", job=job),
        PlannedNode("HARVEST", NodeKind.HARVEST, "harvest", "harvest.txt"),
        PlannedNode("UPLOAD", NodeKind.UPLOAD, "upload", "upload.txt"),
    )
    dag_id = ledger.dags.plan(mine, batch, number, nodes, _WHO, _START)
    ledger.dags.submitted(dag_id, 1, _START)
    ledger.dags.record_jobs(dag_id, [JobRecord("RECO", "2.0", _START)])
    ledger.dags.ended(dag_id, [FailedNode("RECO", 1, _WHO, {_FILES[1]: 2})], _START)
    ledger.dags.plan_rescue(dag_id, {"RECO": _FILES[1:]})
    ledger.dags.submitted(dag_id, 2, _START)
    for node in nodes:
        ledger.dags.node_done(dag_id, node.name, _LUMIS, 100, _START)
    record = HarvestRecord(
        inputs=frozenset({job}),
        lumis=_LUMIS,
        events=100,
        harvested_at=_START,
        outcome=UploadOutcome.UPLOADED,
        answered_at=_START,
    )
    ledger.payloads.record(dag_id, campaign_id, record)
    ledger.dags.ended(dag_id, None, _START)
    ledger.retries.retry_files(mine)
    for unused in ledger.retries.unused(mine):
        ledger.retries.redo(unused)
    second = ledger.dags.plan(mine, None, number + 1, nodes[2:], _WHO, _START)
    ledger.dags.withdraw([second], _WHO)
    ledger.dags.lost(second, frozenset(), _START)


def _answer(ledger: Ledger, path: Path) -> None:
    with open_requests(path) as requests:
        requests.add(
            Request(
                RequestKind.HOLD,
                _RUN.number,
                _KEY.calibration,
                running=True,
                made_by=_WHO,
                made_at=_START,
            )
        )
    for request in ledger.requests.waiting():
        ledger.requests.begin(request.id, _WHO)
        ledger.requests.answer(request.id, done=True, answer=_WHO, now=_START)
    ledger.campaigns.release_calibration(_KEY.calibration)
    ledger.campaigns.set_held_by(_campaign(ledger).id, "", _START)


def _close(ledger: Ledger) -> None:
    campaign = _campaign(ledger)
    campaign_id = campaign.id
    ledger.campaigns.with_work({}, _START)
    ledger.raw_files.watched(0.0, 0.0)
    ledger.status.summary(campaign_id)
    ledger.status.conditions(0.0)
    ledger.campaigns.processed(campaign.id)
    ledger.notifications.remember(_WHO, {_WHO: Notified(_WHO, _START, None)})
    ledger.changes.take()
    ledger.campaigns.set_state(campaign_id, CampaignState.COMPLETE, _WHO, _START)
    for settled in ledger.retention.settled():
        ledger.retention.covered_reco(settled)


def _archive(ledger: Ledger, path: Path) -> None:
    prepare_archive(path, ledger.id)
    for run in ledger.archive.due(_START + 1e6):
        ledger.archive.copy(run, path)
        ledger.archive.drop(run, 2026)
    ledger.archive.adopt(path, 2026)
