"""Cleaning up: what is past its retention time is removed, a bounded part at a time.

Knows the order of effects: the ledger says that something is being removed, it is removed, the
ledger says that it is gone. Cut short anywhere, it is begun again. What is in the run directory of
a shared stream is removed, and counted, once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from condorloop.config.loader import Config
from condorloop.config.tuning import Retention
from condorloop.ledger.store import Ledger, LedgerReader
from condorloop.model.campaign import CampaignKey, ClosedCampaign, ReconstructionKey
from condorloop.model.enums import Artifact, CampaignState
from condorloop.policy import window
from condorloop.policy.retention import (
    OWN,
    due,
    goes_at,
    is_configured,
    shared_due,
    shared_goes_at,
)
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
    """What has been left on the disk; what is not in `leavings` is gone or never was.

    It is of a campaign; or of a shared stream and run, which has no `state` of its own: what is in
    the run directory of the stream is in no campaign's.
    """

    key: CampaignKey | ReconstructionKey
    state: CampaignState | None
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
    shared: set[int] = set()
    longest = window.longest(config.calibrations)
    for settled in ledger.retention.settled(also_open=True):
        if runs and settled.key.run not in runs:
            continue
        if settled.shares:
            if settled.reconstruction_id not in shared:
                shared.add(settled.reconstruction_id)
                yield from _of_shared(config, ledger, settled, now)
            continue
        calibration = config.calibrations.get(settled.key.calibration)
        if calibration is None:
            continue
        at = goes_at(settled, calibration.retention, longest)
        going_now = due(now, settled, calibration.retention, longest)
        covered = ledger.retention.covered_reco(settled)
        yield _inventory(config, settled, at, going_now, covered)


def _of_shared(
    config: Config, ledger: LedgerReader, settled: ClosedCampaign, now: float
) -> Iterator[Inventory]:
    """Look what there is of a shared stream and run: of each of its campaigns, and of itself."""
    campaigns = ledger.retention.of_reconstruction(settled.reconstruction_id)
    retentions, longest = _retentions(config), window.longest(config.calibrations)
    removals = shared_due(now, campaigns, retentions, longest)
    for campaign in campaigns:
        retention = retentions.get(campaign.key.calibration)
        if retention is None or Artifact.RUNS in campaign.cleaned:
            continue
        at = goes_at(campaign, retention, longest)
        going_now = [each.kept for each in removals if each.own and campaign in each.of]
        yield _inventory(config, campaign, {k: at[k] for k in OWN if k in at}, going_now, ())
    is_open = any(campaign.state.open for campaign in campaigns)
    folder = _folder(config, settled.reconstruction)
    yield Inventory(
        key=settled.reconstruction,
        state=None,
        closed_at=None if is_open else max(campaign.closed_at for campaign in campaigns),
        leavings=_leavings(
            folder,
            shared_goes_at(campaigns, retentions, longest),
            [each.kept for each in removals if each.shared],
            _reco_of_stream(ledger, settled.reconstruction_id, folder),
        ),
    )


def _inventory(
    config: Config,
    settled: ClosedCampaign,
    at: Mapping[Artifact, float],
    going_now: Collection[Artifact],
    reco: Collection[str],
) -> Inventory:
    return Inventory(
        key=settled.key,
        state=settled.state,
        closed_at=None if settled.state.open else settled.closed_at,
        leavings=_leavings(_folder(config, settled.key), at, going_now, reco),
    )


def _leavings(
    folder: Path,
    at: Mapping[Artifact, float],
    going_now: Collection[Artifact],
    reco: Collection[str],
) -> dict[Artifact, ArtifactUsage]:
    """Say what there is in a run directory, and when it goes."""
    sizes = {kept: size_of(folder, kept, reco) for kept in Artifact}
    return {
        kept: ArtifactUsage(each, at.get(kept), kept in going_now)
        for kept, each in sizes.items()
        if each.files
    }


def _retentions(config: Config) -> dict[str, Retention]:
    return {name: calibration.retention for name, calibration in config.calibrations.items()}


def _reco_of_stream(ledger: LedgerReader, reconstruction_id: int, folder: Path) -> list[str]:
    """The names of a shared stream's RECO files whose ALCARECO has its witness."""
    made = ledger.retention.made_reco(reconstruction_id)
    there = {witness for _, witness in made if (folder / witness).exists()}
    return [name for name, witness in made if witness in there]


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
    campaigns = [each for each in listed if isinstance(each.key, CampaignKey)]
    streams = [each for each in listed if isinstance(each.key, ReconstructionKey)]
    return {
        "schema": 1,
        "dry_run": dry_run,
        "going": asdict(going(listed)),
        "campaigns": [
            {
                "calibration": each.key.name,
                "run": each.key.run,
                "state": each.state,
                **_leavings_json(each),
            }
            for each in campaigns
        ],
        "streams": [
            {"stream": each.key.name, "run": each.key.run, **_leavings_json(each)}
            for each in streams
        ],
        "disk": {"free": space.free_bytes, "total": space.total_bytes},
        "answers": [{"granted": granted, "text": text} for granted, text in answers],
    }


def _leavings_json(found: Inventory) -> dict[str, Any]:
    return {
        "closed_at": found.closed_at,
        "going": asdict(found.freed),
        "leavings": {
            kept: {**asdict(of.size), "goes_at": of.goes_at, "goes_now": of.goes_now}
            for kept, of in found.leavings.items()
        },
    }


@dataclass(frozen=True, slots=True)
class _Removal:
    """What is removed: from which run directories, and of which campaigns it is gone then.

    `reco` are the names of the RECO files that may go.
    """

    key: CampaignKey | ReconstructionKey
    kept: Artifact
    folders: tuple[Path, ...]
    of: tuple[ClosedCampaign, ...]
    reco: Collection[str]


class Cleaner:
    """Removes what retention lets go; `errors` tells whose files cannot be removed, and why."""

    def __init__(self, ledger: Ledger) -> None:
        self.errors: dict[CampaignKey, str] = {}
        self._ledger = ledger
        self._next = 0.0
        self._gone: dict[tuple[CampaignKey | ReconstructionKey, Artifact], Size] = {}
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
        shared: set[int] = set()
        for settled in self._ledger.retention.settled(run):
            if settled.shares and settled.reconstruction_id in shared:
                continue
            shared.add(settled.reconstruction_id)
            for removal in self._due(config, settled, now):
                names = [campaign.key.calibration for campaign in removal.of]
                if calibration is not None and calibration not in names:
                    continue
                try:
                    removed, finished = self._remove(removal, most - gone.files)
                except OSError as error:
                    where = one_line(str(error.filename or ""))
                    self.errors[removal.of[0].key] = f"{where}: {error.strerror or error}"
                    if settled.shares:
                        break  # the stream's run directory goes with the last of the others
                    continue
                gone += removed
                if not finished:
                    return gone, False
        return gone, True

    def _due(self, config: Config, settled: ClosedCampaign, now: float) -> Iterator[_Removal]:
        """Say what goes now of a campaign, or of all that share its stream."""
        longest = window.longest(config.calibrations)
        if settled.shares:
            yield from self._shared_due(config, settled, now, longest)
        elif configured := config.calibrations.get(settled.key.calibration):
            folder = _folder(config, settled.key)
            for kept in due(now, settled, configured.retention, longest):
                covered = self._ledger.retention.covered_reco(settled)
                yield _Removal(settled.key, kept, (folder,), (settled,), covered)

    def _shared_due(
        self, config: Config, settled: ClosedCampaign, now: float, longest: float
    ) -> Iterator[_Removal]:
        campaigns = self._ledger.retention.of_reconstruction(settled.reconstruction_id)
        made_from = _folder(config, settled.reconstruction)
        for each in shared_due(now, campaigns, _retentions(config), longest):
            folders = [_folder(config, campaign.key) for campaign in each.of if each.own]
            folders += [made_from] if each.shared else []
            key = settled.reconstruction if each.shared else each.of[0].key
            reco: list[str] = []
            if each.kept is Artifact.RECO:
                reco = _reco_of_stream(self._ledger, settled.reconstruction_id, made_from)
            yield _Removal(key, each.kept, tuple(folders), each.of, reco)

    def _remove(self, removal: _Removal, most: int) -> tuple[Size, bool]:
        """Remove at most so many files; tell what went, and whether that was all."""
        kept, gone, finished = removal.kept, Size(), True
        for campaign in removal.of:
            if kept not in campaign.begun:
                self._ledger.campaigns.set_cleaned(campaign.id, kept, begun=True)
        for folder in removal.folders:
            removed, finished = remove(folder, kept, removal.reco, most - gone.files)
            gone += removed
            if not finished:
                break
        total = self._gone.pop((removal.key, kept), Size()) + gone
        if not finished:
            self._gone[removal.key, kept] = total
            return gone, False
        for campaign in removal.of:
            self._ledger.campaigns.set_cleaned(campaign.id, kept)
        if total.files:
            say(removal.key, f"{kept}: deleted {total} past their retention time")
        return gone, True


def _folder(config: Config, key: CampaignKey | ReconstructionKey) -> Path:
    return run_dir(config.site.work_dir, key.name, key.run)
