"""What people decided about uploads, taken over when a ledger is opened or rebuilt.

Knows which folders may tell of it; `cycle.upload_decisions` brings ledger and disk to agree.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

from condorloop.cycle.upload_decisions import agree, agree_on_hold
from condorloop.ledger.store import Ledger
from condorloop.model.campaign import CampaignKey
from condorloop.model.request import ALL_RUNS
from condorloop.rundir.layout import DECISIONS, RESTORED, UPLOADS_HELD

log = logging.getLogger(__name__)


def take_over(ledger: Ledger, work_dir: Path, folders: Iterable[tuple[CampaignKey, Path]]) -> None:
    """Let the ledger and the records below a work_dir tell the same."""
    known = ledger.campaigns.held_uploads()
    for file in work_dir.glob(f"*/{UPLOADS_HELD}"):
        agree_on_hold(ledger, file.parent.name, ALL_RUNS, file.parent)
    for key, folder in folders:
        there = any((folder / name).exists() for name in (UPLOADS_HELD, RESTORED, DECISIONS))
        if not there and (key.calibration, key.run) not in known:
            continue
        try:
            for campaign in ledger.campaigns.of_run(key.run, key.calibration):
                if not campaign.archived:
                    agree(ledger, campaign.id, key, folder)
        except OSError as error:
            log.error("%s: what was decided about uploads is not written: %s", key, error)
