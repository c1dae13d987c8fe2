"""What the constants of each run are like, from the payloads that are still there.

Knows which payload counts, and the summary that stays beside it, so that none is read twice; who
reads payloads is given.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from condorloop.errors import CondorloopError
from condorloop.model.constants import Constants
from condorloop.reports.report import CampaignReport, ConstantsReport, QuantityReport, Report
from condorloop.rundir.layout import (
    CONSTANTS_RECORD,
    HARVEST_RECORD,
    PAYLOAD_DB,
    run_dir,
)
from condorloop.rundir.records.harvest import HarvestResult
from condorloop.rundir.records.record import Members, Record
from condorloop.text import one_line

Read = Callable[[str, Path, str], Constants]
"""Reads the constants of a calibration's payload file: of one tag in it."""


@dataclass(frozen=True, slots=True)
class ConstantsRecord(Record):
    """What the constants of a payload are like; `hashes` are those of the payloads it is of."""

    hashes: tuple[str, ...]
    quantities: tuple[QuantityReport, ...]

    @classmethod
    def from_members(cls, members: Members) -> Self:
        """Take it from its JSON object."""
        return cls(
            members.texts("hashes"),
            tuple(
                QuantityReport(
                    name=each.text("name"),
                    unit=each.text("unit"),
                    count=each.number("count"),
                    mean=each.real("mean"),
                    spread=each.real("spread"),
                )
                for each in members.objects("quantities")
            ),
        )

    def to_json(self) -> dict[str, Any]:
        """Give its JSON object."""
        return {
            "hashes": self.hashes,
            "quantities": [
                {
                    "name": q.name,
                    "unit": q.unit,
                    "count": q.count,
                    "mean": q.mean,
                    "spread": q.spread,
                }
                for q in self.quantities
            ],
        }


def summary(constants: Constants, within: str = "") -> Iterator[QuantityReport]:
    """Sum up constants: values over channels and IOVs, numbers over IOVs, sizes of sets.

    `within` comes before each name.
    """
    for name in _names(iov.channels for iov in constants.iovs):
        values = [v for iov in constants.iovs for v in iov.channels.get(name, {}).values()]
        yield _quantity(f"{within}{name}", constants.units.get(name, ""), values)
    for name in _names(iov.sets for iov in constants.iovs):
        sizes = [float(len(iov.sets[name])) for iov in constants.iovs if name in iov.sets]
        yield _quantity(f"{within}{name}", "", sizes)
    for name in _names(iov.numbers for iov in constants.iovs):
        numbers = [iov.numbers[name] for iov in constants.iovs if name in iov.numbers]
        yield _quantity(f"{within}{name}", constants.units.get(name, ""), numbers)


def _names(told: Iterable[Iterable[str]]) -> list[str]:
    return list(dict.fromkeys(name for names in told for name in names))


def _quantity(name: str, unit: str, values: Sequence[float]) -> QuantityReport:
    count = len(values)
    mean = math.fsum(values) / count if count else 0.0
    squares = math.fsum((value - mean) ** 2 for value in values)
    spread = math.sqrt(squares / count) if count else 0.0
    return QuantityReport(name=name, unit=unit, count=count, mean=mean, spread=spread)


def gather(report: Report, work_dir: Path, read: Read) -> tuple[ConstantsReport, ...]:
    """Give the constants of each campaign of a report that has a payload in some destination."""
    return tuple(
        _of_payload_in_force(campaign, work_dir, read, harvest, tags)
        for campaign in report.campaigns
        for harvest, tags in _in_force(campaign).items()
    )


def _in_force(campaign: CampaignReport) -> dict[str, tuple[str, ...]]:
    """The harvests in force, each with the tags that have it where another tag has another one."""
    tags: dict[str, list[str]] = {}
    for each in campaign.destinations:
        tags.setdefault(each.harvest, []).append(each.tag)
    same = len(tags) == 1
    return {name: () if same else tuple(those) for name, those in tags.items() if name}


def _of_payload_in_force(
    campaign: CampaignReport, work_dir: Path, read: Read, harvest: str, tags: tuple[str, ...]
) -> ConstantsReport:
    folder = run_dir(work_dir, campaign.calibration, campaign.run) / harvest
    found: tuple[QuantityReport, ...] = ()
    unread = ""
    if not folder.exists():
        unread = "its run directory is gone"
    else:
        try:
            found = _of_payload(campaign.calibration, folder, read)
        except (CondorloopError, OSError) as error:
            unread = one_line(str(error))
    return ConstantsReport(
        calibration=campaign.calibration,
        run=campaign.run,
        run_start=campaign.run_start,
        harvest=harvest,
        quantities=found,
        unread=unread,
        tags=tags,
    )


def _of_payload(calibration: str, folder: Path, read: Read) -> tuple[QuantityReport, ...]:
    """What the constants of a harvest are like; what was found once is read beside the payload."""
    made = HarvestResult.read(folder / HARVEST_RECORD)
    hashes = tuple(iov.hash for iov in made.iovs)
    known = ConstantsRecord.find(folder / CONSTANTS_RECORD)
    if known and known.hashes == hashes:
        return known.quantities
    tags = list(dict.fromkeys(iov.tag for iov in made.iovs))
    found = tuple(
        quantity
        for tag in tags
        for quantity in summary(
            read(calibration, folder / PAYLOAD_DB, tag), f"{tag}: " if len(tags) > 1 else ""
        )
    )
    with suppress(OSError):  # who only looks may not write there
        ConstantsRecord(hashes, found).write(folder / CONSTANTS_RECORD)
    return found
