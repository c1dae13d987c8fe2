"""What people decided about uploads, in the ledger and on the disk, brought to agree.

Knows that a decision ends by a person's word alone: what only one of the two has, the other gets.
A run directory can be away for a while, and a ledger can be an older copy. UPLOAD jobs go by the
disk.
"""

from __future__ import annotations

import logging
from pathlib import Path

from condorloop.ledger.store import Ledger
from condorloop.model.campaign import CampaignKey
from condorloop.model.request import ALL_RUNS
from condorloop.rundir.durable import remove_unfinished
from condorloop.rundir.layout import DECISIONS, RESTORED, UPLOADS_HELD
from condorloop.rundir.records.decisions import Decisions, Restored, UploadsHeld
from condorloop.rundir.records.record import Record, RecordError

log = logging.getLogger(__name__)


def agree(ledger: Ledger, campaign_id: int, key: CampaignKey, runs: Path) -> None:
    """Let ledger and run directory of a campaign tell the same; one that is away tells nothing.

    Raises
    ------
    OSError
        A record cannot be written.
    """
    if not runs.is_dir():
        return
    agree_on_hold(ledger, key.calibration, key.run, runs)
    agree_on_hold(ledger, key.calibration, ALL_RUNS, runs.parent)
    _agree_on_restored(ledger, campaign_id, runs / RESTORED)
    _agree_on_decisions(ledger, campaign_id, runs / DECISIONS)


def agree_on_hold(ledger: Ledger, calibration: str, run: int, folder: Path) -> None:
    """Let the ledger and a folder tell the same of who holds uploads.

    Raises
    ------
    OSError
        The record cannot be written.
    """
    file = folder / UPLOADS_HELD
    known = ledger.campaigns.held_uploads().get((calibration, run))
    if file.exists():
        found = _who_holds(file)
        if known is None or (found != known and found.who != _NOBODY_KNOWS):
            ledger.campaigns.hold_uploads(calibration, run, found)
    elif known is not None:
        _write(known, file)


_NOBODY_KNOWS = "somebody"


def _who_holds(file: Path) -> UploadsHeld:
    """Read who holds uploads; a record that is damaged holds them all the same."""
    try:
        return UploadsHeld.read(file)
    except (RecordError, OSError) as error:
        return UploadsHeld(_NOBODY_KNOWS, f"{file} cannot be read: {error}", file.stat().st_mtime)


def _agree_on_restored(ledger: Ledger, campaign_id: int, file: Path) -> None:
    known = ledger.payloads.restored(campaign_id)
    try:
        found = Restored.read(file) if file.exists() else None
    except (RecordError, OSError) as error:
        log.error("%s: which payload was put back cannot be read: %s", file, error)
        return
    if found is not None and found != known:
        ledger.payloads.restore(campaign_id, found)
    elif found is None and known is not None:
        _write(known, file)


def _agree_on_decisions(ledger: Ledger, campaign_id: int, file: Path) -> None:
    known = ledger.payloads.decisions(campaign_id)
    try:
        said = Decisions.read(file).all if file.exists() else ()
    except (RecordError, OSError) as error:
        log.error("%s: what was decided about uploads cannot be read: %s", file, error)
        return
    last = {each.payload: each for each in sorted((*known, *said), key=lambda each: each.time)}
    for decision in last.values():
        if decision not in known:
            ledger.payloads.decide(campaign_id, decision)
    if missing := [each for each in last.values() if each not in said]:
        _write(Decisions((*said, *missing)), file)


def _write(record: Record, file: Path) -> None:
    remove_unfinished(file)
    record.write(file)
