"""A campaign's change of state: its records in the run directory, then the ledger.

Knows the files by which the earlier loops told that a run is over; it decides nothing.
"""

from __future__ import annotations

import logging

from condorloop.dagman.render import Renderer
from condorloop.ledger.store import Ledger
from condorloop.model.campaign import Campaign
from condorloop.model.enums import Artifact, CampaignState
from condorloop.rundir.durable import write_lines, write_whole
from condorloop.rundir.layout import RUN_END, iso_time
from condorloop.runtime.logs import say


def set_state(
    ledger: Ledger,
    renderer: Renderer,
    campaign: Campaign,
    state: CampaignState,
    reason: str,
    now: float,
) -> None:
    """Move a campaign to another state; it can be repeated.

    Raises
    ------
    OSError
        The run directory cannot be written.
    """
    if Artifact.RUNS in campaign.cleaned:
        pass  # there is no run directory any more
    elif state.open:
        (renderer.run_dir(campaign.key) / RUN_END).unlink(missing_ok=True)
    else:
        _write_closing_records(ledger, renderer, campaign, now)
    ledger.campaigns.set_state(campaign.id, state, reason, now)
    level = logging.WARNING if state is CampaignState.INCOMPLETE else logging.INFO
    say(campaign.key, f"{state}: {reason}", level)


def _write_closing_records(
    ledger: Ledger, renderer: Renderer, campaign: Campaign, now: float
) -> None:
    runs = renderer.run_dir(campaign.key)
    runs.mkdir(parents=True, exist_ok=True)
    done = ledger.campaigns.processed(campaign.id)
    write_lines(runs / "allLSProcessed.log", done.raw_files)
    write_lines(runs / "expectedOutputs.log", (f"file:{n}.root" for n in done.expected))
    write_lines(runs / "allStep2FilesProcessed.log", (f"{n}.root" for n in done.reco))
    if calibration := renderer.config.calibrations.get(campaign.key.calibration):
        root = calibration.harvest.root_filename
        write_lines(runs / "allStep3FilesProcessed.log", (f"{n}/{root}" for n in done.alcareco))
    write_whole(runs / RUN_END, iso_time(now))
