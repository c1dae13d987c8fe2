"""Where the payloads of a work_dir go: what is remembered, against what is configured.

Knows the order: the ledger remembers; where it does not, the newest manifest of a calibration
tells; where there is none, the configured destination is the first one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from condorloop.config.calibration import Calibration
from condorloop.config.destinations import (
    Change,
    DestinationChanged,
    DestinationsUnreadable,
    Memory,
    Remembered,
    changes,
    configured,
)
from condorloop.config.loader import Config
from condorloop.dagman.written_destination import written
from condorloop.ledger.connection import LedgerError
from condorloop.ledger.store import Ledger, LedgerReader
from condorloop.rundir.layout import LEDGER, newest_first
from condorloop.rundir.records.manifest import Manifest

log = logging.getLogger(__name__)


def remembered(
    ledger: LedgerReader, work_dir: Path, calibrations: Mapping[str, Calibration]
) -> dict[str, Memory]:
    """The destinations that a work_dir remembers of these calibrations, and of all in its ledger.

    Raises
    ------
    LedgerError
        The ledger cannot be read.
    OSError
        A run directory cannot be listed.
    """
    return _with_manifests(ledger.destinations.all(), work_dir, calibrations)


def remembered_at(work_dir: Path, calibrations: Mapping[str, Calibration]) -> dict[str, Memory]:
    """The same, of a work_dir whose ledger may be gone, damaged or of another version.

    Raises
    ------
    OSError
        A run directory cannot be listed.
    """
    known: dict[str, Remembered] = {}
    with suppress(LedgerError), LedgerReader(work_dir / LEDGER) as ledger:
        known = ledger.destinations.all()
    return _with_manifests(known, work_dir, calibrations)


def changed(config: Config) -> tuple[Change, ...]:
    """The calibrations whose configured destination is not the one that is remembered.

    Raises
    ------
    OSError
        A run directory cannot be listed.
    """
    return changes(configured(config), remembered_at(config.site.work_dir, config.calibrations))


def check(config: Config, accepted: Callable[[str], bool]) -> None:
    """Refuse what `take_up` would refuse, before the ledger is opened, migrated or rebuilt.

    Raises
    ------
    DestinationChanged
        A destination has changed that nobody has accepted.
    OSError
        A run directory cannot be listed.
    """
    if refused := [each for each in changed(config) if not accepted(each.calibration)]:
        raise DestinationChanged(refused)


def tell(config: Config) -> None:
    """Log where the payloads of each calibration go."""
    for name, each in configured(config).items():
        log.info("%s: payloads go to %s, as %s says", name, each.destination, each.file)


def take_up(
    ledger: Ledger,
    config: Config,
    now: float,
    accepted: Callable[[str], bool] = lambda _: False,
) -> None:
    """Remember the configured destinations; refuse those that have changed.

    Another folder of calibrations with the same destinations is taken over, and logged.

    Parameters
    ----------
    accepted
        Says of a calibration's name whether a person means that its destination is another one.

    Raises
    ------
    DestinationChanged
        One has changed that nobody has accepted.
    LedgerError
        The ledger cannot be read or written.
    OSError
        A run directory cannot be listed.
    """
    wanted = configured(config)
    before = remembered(ledger, config.site.work_dir, config.calibrations)
    found = changes(wanted, before)
    if refused := [change for change in found if not accepted(change.calibration)]:
        raise DestinationChanged(refused)
    in_ledger = ledger.destinations.all()
    new = {
        name: each
        for name, each in wanted.items()
        if in_ledger.get(name) != Remembered(each.destination, each.folder)
    }
    if new:
        ledger.destinations.remember(new, now)
    for change in found:
        log.warning("accepted: %s", change)
    elsewhere = {change.calibration for change in found}
    for name, each in new.items():
        if name in in_ledger and name not in elsewhere:
            same = f"{name}: payloads go to {each.destination} as before"
            log.info("%s; its file is in %s, was in %s", same, each.folder, in_ledger[name].source)


def _with_manifests(
    known: dict[str, Remembered], work_dir: Path, calibrations: Mapping[str, Calibration]
) -> dict[str, Memory]:
    """Ask the manifests for what is not known."""
    found: dict[str, Memory] = dict(known)
    for name, calibration in calibrations.items():
        for folder in dict.fromkeys((work_dir / calibration.stream_name, work_dir / name)):
            if name not in found and (told := _in_manifests(folder, name)) is not None:
                found[name] = told
    return found


def _in_manifests(folder: Path, name: str) -> Memory | None:
    """What the newest manifest with a calibration says that is not damaged; None if none has it."""
    damaged = False
    for path in newest_first(folder):
        manifest = Manifest.find(path)
        if manifest and name in manifest.settings:
            return Remembered(written(manifest.settings[name]), str(path))
        damaged = damaged or manifest is None
    return DestinationsUnreadable(str(folder)) if damaged else None
