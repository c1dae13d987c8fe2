"""Cleaning up: what retention lets go is removed from run directories, a bounded part at a time.

Knows the order of effects: the ledger says that something is being removed, it is removed, the
ledger says that it is gone. Cut short anywhere, it is begun again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from condorloop.config.loader import Config
from condorloop.ledger.store import Ledger, LedgerReader
from condorloop.model.campaign import CampaignKey, ClosedCampaign
from condorloop.model.enums import Artifact, CampaignState
from condorloop.policy import window
from condorloop.policy.retention import due, goes_at, is_configured
from condorloop.rundir.disk_usage import Size, remove, size_of
from condorloop.rundir.layout import run_dir
from condorloop.runtime.disk_space import DiskSpace
from condorloop.runtime.logs import say
from condorloop.text import one_line

EVERY = 60.0
"""Seconds between two looks for what may go."""

A_CYCLE = 100
"""How many files one cycle removes at most."""

ON_REQUEST = 2000
"""How many files one cycle removes at most while somebody waits for it."""


@dataclass(frozen=True, slots=True)
class ArtifactUsage:
    """One thing that a campaign left: how large it is, and when it goes, None if never."""

    size: Size
    goes_at: float | None
    goes_now: bool


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a campaign has left on the disk; what is not in `leavings` is gone or never was."""

    key: CampaignKey
    state: CampaignState
    closed_at: float | None
    leavings: Mapping[Artifact, ArtifactUsage] = field(default_factory=dict)

    @property
    def freed(self) -> Size:
        """What cleaning up removes now; the run directory has all the rest in it."""
        going = {kept: each.size for kept, each in self.leavings.items() if each.goes_now}
        return going.get(Artifact.RUNS) or sum(going.values(), Size())


def inventories(
    config: Config, ledger: LedgerReader, now: float, runs: Collection[int] = ()
) -> Iterator[Inventory]:
    """Look what there is of each campaign, or of those of some runs; nothing is changed.

    Raises
    ------
    OSError
        A run directory cannot be read.
    """
    for settled in ledger.retention.settled(also_open=True):
        calibration = config.calibrations.get(settled.key.calibration)
        if calibration is None or (runs and settled.key.run not in runs):
            continue
        folder = _folder(config, settled)
        covered = ledger.retention.covered_reco(settled)
        at = goes_at(settled, calibration.retention, window.longest(config.calibrations))
        now_going = due(now, settled, calibration.retention, window.longest(config.calibrations))
        sizes = {kept: size_of(folder, kept, covered) for kept in Artifact}
        yield Inventory(
            key=settled.key,
            state=settled.state,
            closed_at=None if settled.state.open else settled.closed_at,
            leavings={
                kept: ArtifactUsage(each, at.get(kept), kept in now_going)
                for kept, each in sizes.items()
                if each.files
            },
        )


def going(found: Iterable[Inventory]) -> Size:
    """How much cleaning up removes now."""
    return sum((each.freed for each in found), Size())


def keeps_all(config: Config) -> bool:
    """Whether nothing ever goes, for no calibration has a retention."""
    return not any(is_configured(c.retention) for c in config.calibrations.values())


def to_json(
    found: Iterable[Inventory],
    space: DiskSpace,
    *,
    dry_run: bool,
    answers: Iterable[tuple[bool, str]] = (),
) -> dict[str, Any]:
    """Give what ``condorloop cleanup --json`` prints."""
    listed = list(found)
    return {
        "schema": 1,
        "dry_run": dry_run,
        "going": asdict(going(listed)),
        "campaigns": [
            {
                "calibration": each.key.calibration,
                "run": each.key.run,
                "state": each.state,
                "closed_at": each.closed_at,
                "going": asdict(each.freed),
                "leavings": {
                    kept: {**asdict(of.size), "goes_at": of.goes_at, "goes_now": of.goes_now}
                    for kept, of in each.leavings.items()
                },
            }
            for each in listed
        ],
        "disk": {"free": space.free_bytes, "total": space.total_bytes},
        "answers": [{"granted": granted, "text": text} for granted, text in answers],
    }


class Cleaner:
    """Removes what retention lets go; `errors` tells whose files cannot be removed, and why."""

    def __init__(self, ledger: Ledger) -> None:
        self.errors: dict[CampaignKey, str] = {}
        self._ledger = ledger
        self._next = 0.0
        self._gone: dict[tuple[int, Artifact], Size] = {}
        self._requested: dict[int, Size] = {}

    def tidy(self, config: Config, now: float) -> None:
        """Remove a little of what may go, if it is time to look."""
        if now < self._next or keeps_all(config):
            return
        _, finished = self.clean(config, now, A_CYCLE)
        self._next = now + EVERY if finished else now

    def clean_on_request(
        self, request_id: int, config: Config, now: float, run: int, calibration: str | None
    ) -> Size | None:
        """Remove a part of what a person asks for; tell how much went in all, None if more may."""
        gone, finished = self.clean(config, now, ON_REQUEST, run, calibration)
        total = self._requested.pop(request_id, Size()) + gone
        if finished:
            return total
        self._requested[request_id] = total
        return None

    def clean(
        self,
        config: Config,
        now: float,
        most: int,
        run: int = 0,
        calibration: str | None = None,
    ) -> tuple[Size, bool]:
        """Remove at most so many files of what may go; tell what went, and whether that was all.

        What cannot be removed is named in `errors`, and left.
        """
        gone = Size()
        self.errors = {}
        for settled in self._ledger.retention.settled(run):
            configured = config.calibrations.get(settled.key.calibration)
            if configured is None or calibration not in (None, settled.key.calibration):
                continue
            for kept in due(
                now, settled, configured.retention, window.longest(config.calibrations)
            ):
                try:
                    removed, finished = self._remove(config, settled, kept, most - gone.files)
                except OSError as error:
                    where = one_line(str(error.filename or ""))
                    self.errors[settled.key] = f"{where}: {error.strerror or error}"
                    continue
                gone += removed
                if not finished:
                    return gone, False
        return gone, True

    def _remove(
        self, config: Config, settled: ClosedCampaign, kept: Artifact, most: int
    ) -> tuple[Size, bool]:
        if kept not in settled.begun:
            self._ledger.campaigns.set_cleaned(settled.id, kept, begun=True)
        covered = self._ledger.retention.covered_reco(settled)
        removed, finished = remove(_folder(config, settled), kept, covered, most)
        total = self._gone.pop((settled.id, kept), Size()) + removed
        if not finished:
            self._gone[settled.id, kept] = total
            return removed, False
        self._ledger.campaigns.set_cleaned(settled.id, kept)
        if total.files:
            say(settled.key, f"{kept}: deleted {total} past their retention time")
        return removed, True


def _folder(config: Config, settled: ClosedCampaign) -> Path:
    return run_dir(config.site.work_dir, settled.key.calibration, settled.key.run)
