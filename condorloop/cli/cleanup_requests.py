"""Cleaning up because a person wants it: what there is, what would go, and the wish for that.

Knows what a person may name; the submitter removes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

from condorloop.cli import requests
from condorloop.cli.requests import Wish
from condorloop.config.loader import Config
from condorloop.cycle import cleaner
from condorloop.cycle.cleaner import Inventory
from condorloop.ledger.store import LedgerReader
from condorloop.model.enums import RequestKind
from condorloop.model.request import ALL_RUNS
from condorloop.rundir.layout import LEDGER
from condorloop.runtime.disk_space import DiskSpace, disk
from condorloop.submitter import Submitter


@dataclass(frozen=True, slots=True)
class Found:
    """What campaigns have left on the disk, and the room there.

    `keeps_all` says that nothing ever goes, for no calibration has a retention.
    """

    inventories: tuple[Inventory, ...]
    space: DiskSpace
    keeps_all: bool

    @property
    def anything_goes(self) -> bool:
        """Whether cleaning up would remove something now."""
        return bool(cleaner.going(self.inventories).files)


def look(config: Config, runs: Collection[int], now: float) -> Found:
    """Look what there is, of all runs or of some; nothing is changed.

    Raises
    ------
    OSError
        A run directory cannot be read.
    LedgerError
        The ledger cannot be read.
    """
    space = disk(config.site.work_dir)
    with LedgerReader(config.site.work_dir / LEDGER) as ledger:
        found = tuple(cleaner.inventories(config, ledger, now, runs))
    return Found(found, space, cleaner.keeps_all(config))


def ask(
    config: Config,
    runs: Collection[int],
    only: Collection[str],
    submitter: Callable[[], AbstractContextManager[Submitter]],
) -> Iterator[tuple[bool, str]]:
    """Ask for what may go of these runs and calibrations, all if none is named; see `requests.ask`.

    Raises
    ------
    LedgerError
        There is no ledger, or nobody answered in time.
    """
    wishes = [
        Wish(RequestKind.CLEANUP, run, calibration)
        for run in runs or (ALL_RUNS,)
        for calibration in only or (None,)
    ]
    return requests.ask(config, wishes, submitter, patience=requests.LONG)
