"""What people decided about uploads, taken over into the ledger from the run directories.

The UPLOAD jobs go by the records on the disk, so a ledger that tells otherwise is brought to agree:
one that was rebuilt, an older copy, or one whose submitter died between the two.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

from condorloop.ledger.store import Ledger
from condorloop.model.campaign import CampaignKey
from condorloop.model.request import ALL_RUNS
from condorloop.rundir.layout import DECISIONS, RESTORED, UPLOADS_HELD
from condorloop.rundir.records.decisions import Decisions, Restored, UploadsHeld
from condorloop.rundir.records.record import RecordError

log = logging.getLogger(__name__)


def take_over(ledger: Ledger, work_dir: Path, folders: Iterable[tuple[CampaignKey, Path]]) -> None:
    """Let the ledger tell what the records in these run directories and above them tell."""
    runs = list(folders)
    held = {(f.parent.name, ALL_RUNS): f for f in work_dir.glob(f"*/{UPLOADS_HELD}")}
    held |= {(key.calibration, key.run): folder / UPLOADS_HELD for key, folder in runs}
    known = ledger.campaigns.held_uploads()
    for (calibration, run), file in held.items():
        found = _read(file) if file.exists() else None
        if found is not None and found != known.get((calibration, run)):
            ledger.campaigns.hold_uploads(calibration, run, found)
    for calibration, run in known.keys() - {which for which, f in held.items() if f.exists()}:
        ledger.campaigns.release_uploads(calibration, run)
    for key, folder in runs:
        if (folder / DECISIONS).exists():
            _take_over_decisions(ledger, key, folder / DECISIONS)
        _take_over_restored(ledger, key, folder / RESTORED)


def _read(file: Path) -> UploadsHeld:
    """Read who holds uploads; a record that is damaged holds them all the same."""
    try:
        return UploadsHeld.read(file)
    except (RecordError, OSError) as error:
        return UploadsHeld("somebody", f"{file} cannot be read: {error}", file.stat().st_mtime)


def _take_over_restored(ledger: Ledger, key: CampaignKey, file: Path) -> None:
    try:
        found = Restored.read(file) if file.exists() else None
    except (RecordError, OSError) as error:
        log.error("%s: which payload was put back cannot be read: %s", key, error)
        return
    for campaign in ledger.campaigns.of_run(key.run, key.calibration):
        if campaign.archived or str(found or "") == campaign.restored:
            continue
        if found is None:
            ledger.payloads.release_restored(campaign.id)
        else:
            ledger.payloads.restore(campaign.id, found)


def _take_over_decisions(ledger: Ledger, key: CampaignKey, file: Path) -> None:
    try:
        said = Decisions.read(file).all
    except (RecordError, OSError) as error:
        log.error("%s: what was decided about uploads cannot be read: %s", key, error)
        return
    for campaign in ledger.campaigns.of_run(key.run, key.calibration):
        known = ledger.payloads.decisions(campaign.id)
        for decision in said:
            if decision not in known and not campaign.archived:
                ledger.payloads.decide(campaign.id, decision)
