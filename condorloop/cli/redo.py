"""A finished run made once more as a trial: with another release, global tag or other mods.

Knows what a trial must not share with the loop that made the run first: work_dir, tags, metrics
and messages. Of that loop it only reads the ledger.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from condorloop.config.destinations import DestinationsUnreadable
from condorloop.config.loader import Config
from condorloop.config.site import MetricsSite
from condorloop.dagman import destination_memory
from condorloop.errors import CondorloopError
from condorloop.history.ledger_reader import LedgerStories
from condorloop.history.reader import ledger_of
from condorloop.ledger.archive import with_archives
from condorloop.model.campaign import CampaignKey, Run
from condorloop.model.enums import CampaignState
from condorloop.rundir.layout import HARVEST_RECORD, PAYLOAD_DB, run_dir
from condorloop.rundir.records.harvest import HarvestResult
from condorloop.submitter import Submitter


class RedoRefused(CondorloopError):
    """A run is not made again: it is not known or not over, or a trial would touch the loop."""


@dataclass(frozen=True, slots=True)
class OneRun:
    """Tells of one run, as OMS does of many."""

    run: Run

    def runs(self, since: float) -> list[Run]:
        """The run, whenever it started."""
        return [self.run]

    def luminosity(self, run: int, after: int = 0) -> Mapping[int, float]:
        """No luminosity: lumisections are counted instead."""
        return {}


def finished_run(work_dir: Path, number: int) -> Run:
    """Give a run that a loop has had, as its ledger or an archive of it tells.

    Raises
    ------
    RedoRefused
        It is not known, or is not over.
    LedgerError
        The ledger cannot be read.
    """
    for part in with_archives(ledger_of(work_dir)):
        with LedgerStories(part) as ledger:
            stories = ledger.stories(number)
        if not stories:
            continue
        told = stories[0].campaign
        if told.run_end is None:
            raise RedoRefused(f"run {number} is not over")
        return Run(number, told.fill, told.run_start, told.run_end, told.last_ls, None, None, False)
    raise RedoRefused(f"{work_dir}: run {number} is not known")


def trial(loaded: Config, folder: Path, into: Collection[str]) -> Config:
    """Give the configuration of a trial in a work_dir of its own.

    Parameters
    ----------
    loaded
        The site of the loop, and the calibrations of the trial.
    into
        The tags that a person means the payloads to go to.

    Raises
    ------
    RedoRefused
        It has other tags than those, a tag of the loop, or the loop's work_dir.
    OSError
        The work_dir of the loop cannot be read.
    """
    own, folder = loaded.site.work_dir.resolve(), folder.resolve()
    if own == folder or own in folder.parents or folder in own.parents:
        raise RedoRefused(f"{folder}: a trial needs a folder apart from the work_dir {own}")
    records = [r for c in loaded.calibrations.values() for r in c.harvest.records]
    tags = {tag for record in records for tag in record.tags}
    if tags != set(into):
        meant, are = ", ".join(sorted(into)) or "none", ", ".join(sorted(tags))
        raise RedoRefused(f"--into names {meant}; the tags of the calibrations are {are}")
    known: dict[str, str] = {}
    for name, memory in destination_memory.remembered_at(own, loaded.calibrations).items():
        if isinstance(memory, DestinationsUnreadable):
            raise RedoRefused(f"the tags of {name} are not known: no manifest of {own} has them")
        known |= dict.fromkeys(memory.destination.tags, name)
    if taken := sorted(tags & known.keys()):
        whose = f"{taken[0]} is the tag of {known[taken[0]]} in {own}"
        raise RedoRefused(f"{whose}: no trial goes there")
    changes = {"work_dir": folder, "metrics": MetricsSite(), "messages": None}
    return replace(loaded, site=loaded.site.model_copy(update=changes))


def redo(ours: Submitter, run: Run, who: str) -> None:
    """Latch a run whatever its age, and cycle until its campaigns are closed, or a signal."""
    ledger, names = ours.ledger, list(ours.settings.config.calibrations)
    for name in names:
        key = CampaignKey(name, run.number)
        if key not in ledger.campaigns.known(run.number):
            now = ours.clock()
            ours.latcher.latch(ours.settings, key, run, f"redo requested by {who}", now)

    def closed() -> bool:
        campaigns = [c for name in names for c in ledger.campaigns.open_of(name)]
        for campaign in campaigns:  # its window is over: a person's request keeps it open
            ledger.campaigns.set_asked(campaign.id, ours.clock())
        return not campaigns

    ours.run(until=closed)


@dataclass(frozen=True, slots=True)
class Redone:
    """What came of a calibration; `payload` is the file of its last harvest, None without one."""

    calibration: str
    state: CampaignState
    reason: str
    payload: Path | None


def outcome(ours: Submitter, run: int) -> list[Redone]:
    """Say what came of a run that was made again."""
    found = []
    for name in ours.settings.config.calibrations:
        for campaign in ours.ledger.campaigns.of_run(run, name):
            told = ours.ledger.status.summary(campaign.id)
            runs = run_dir(ours.settings.config.site.work_dir, name, run)
            found.append(Redone(name, told.state, told.reason, _payload(runs)))
    return found


def _payload(runs: Path) -> Path | None:
    records = ((f, HarvestResult.find(f)) for f in runs.glob(f"harvestJob*/{HARVEST_RECORD}"))
    made = [(record.time, file) for file, record in records if record and record.iovs]
    return max(made)[1].with_name(PAYLOAD_DB) if made else None
