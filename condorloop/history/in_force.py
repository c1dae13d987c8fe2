"""What is in force for a run: read back from each destination, beside what condorloop believes.

Knows which destinations a campaign has, and whose payload serves; `policy.in_force` compares. It
asks the database through a tag reader, and nobody else.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter

from condorloop.config.calibration import Calibration
from condorloop.config.loader import Known
from condorloop.history.campaign import Story
from condorloop.history.ledger_reader import LedgerStories
from condorloop.history.reader import ledger_of, tell
from condorloop.ledger.archive import with_archives
from condorloop.model.enums import Synchronisation, TimeType
from condorloop.model.lumis import LAST_LS
from condorloop.model.tag_content import NotByRun, TagContent
from condorloop.node.uploads import believed
from condorloop.node.uploads.destinations import Destination
from condorloop.policy.in_force import Agreement, Believed, Served, in_force
from condorloop.rundir.layout import harvest_name, newest_first, run_dir
from condorloop.rundir.records.manifest import Manifest
from condorloop.services.tag_reader import TagReader, TagUnreadable

Readers = Callable[[str], TagReader | None]
"""Gives the tag reader of a calibration; None where none is configured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeInForce:
    """Lumisections `first` to `last`, served by one payload.

    `hash`, `since`, `inserted` and `origin` are of the payload in the database, empty or None where
    none serves or the tag was not read; `origin` is the harvest that made it, empty if no campaign
    is known to have done so. `believed_hash` and `believed_harvest` are of the one that condorloop
    believes to serve, empty where it has sent none.
    """

    first: int
    last: int
    agreement: Agreement
    hash: str = ""
    since: int | None = None
    inserted: float | None = None
    origin: str = ""
    believed_hash: str = ""
    believed_harvest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationInForce:
    """What is in force in one destination.

    `unread` says why the tag was not read, empty if it was; `synchronisation` is the tag's.
    """

    database: str
    tag: str
    unread: str = ""
    time_type: TimeType | None = None
    synchronisation: Synchronisation | None = None
    ranges: tuple[RangeInForce, ...] = ()

    @property
    def differences(self) -> tuple[RangeInForce, ...]:
        """Where something serves that should not."""
        return tuple(r for r in self.ranges if r.agreement.wrong)


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignInForce:
    """What is in force for a campaign's run, up to the last lumisection that is known."""

    calibration: str
    run: int
    last_ls: int
    destinations: tuple[DestinationInForce, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInForce:
    """What ``condorloop payload RUN --json`` prints."""

    schema: Literal[1] = 1
    run: int
    campaigns: tuple[CampaignInForce, ...]

    @property
    def differences(self) -> int:
        """In how many ranges something serves that should not."""
        return sum(len(d.differences) for c in self.campaigns for d in c.destinations)

    @property
    def unread(self) -> int:
        """How many tags should have been read and were not."""
        return sum(
            bool(d.unread) and d.unread != NO_READER for c in self.campaigns for d in c.destinations
        )


NO_READER = "no reader is configured (conditions.conddb of the site file)"


def look(config: Known, run: int, only: Collection[str], readers: Readers) -> RunInForce:
    """Look what is in force for a run.

    Raises
    ------
    LedgerError
        The ledger cannot be used, or knows no such campaign.
    OSError
        A run directory cannot be read.
    """
    stories = tell(config, run, only)
    with ExitStack() as stack:
        parts = with_archives(ledger_of(config.site.work_dir))
        ledgers = [stack.enter_context(LedgerStories(part)) for part in parts]
        campaigns = tuple(_campaign(config, story, readers, ledgers) for story in stories)
    return RunInForce(run=run, campaigns=campaigns)


def _campaign(
    config: Known, story: Story, readers: Readers, ledgers: Iterable[LedgerStories]
) -> CampaignInForce:
    campaign = story.campaign
    last_ls = campaign.last_ls or campaign.lumis.seen.last
    uploads = uploads_of(config, campaign.calibration, campaign.run)
    configured = config.calibrations.get(campaign.calibration)
    destinations = dict.fromkeys([*uploads.destinations, *destinations_of(configured)])
    reader = readers(campaign.calibration)
    return CampaignInForce(
        calibration=campaign.calibration,
        run=campaign.run,
        last_ls=last_ls,
        destinations=tuple(
            _destination(
                each,
                uploads.destinations.get(each, Believed()),
                reader,
                _Origins(uploads.harvests, campaign.run, ledgers),
                (campaign.run, last_ls),
            )
            for each in destinations
        ),
    )


def uploads_of(config: Known, calibration: str, run: int) -> believed.RunUploads:
    """Read what a campaign's directory tells of its uploads.

    Raises
    ------
    OSError
        It cannot be read.
    """
    known = config.calibrations.get(calibration)
    runs = run_dir(config.site.work_dir, calibration, run)
    if known:
        return believed.of_run(runs, [metadata for _, metadata in known.harvest.file_names])
    return believed.of_run(runs, _metadata_files(runs.parent, run))


def _metadata_files(folder: Path, run: int) -> list[str]:
    told = (Manifest.find(file) for file in newest_first(folder, run))
    newest = next((manifest for manifest in told if manifest), None)
    settings = newest.settings.get(folder.name) if newest else None
    return [upload.metadata_filename for upload in settings.uploads] if settings else []


def destinations_of(calibration: Calibration | None) -> list[Destination]:
    """The destinations that are configured for a calibration."""
    if calibration is None:
        return []
    records = calibration.harvest.records
    return [Destination(record.database, tag) for record in records for tag in record.tags]


@dataclass(frozen=True, slots=True)
class _Origins:
    """Who has made a payload: a harvest of the run, or one that a ledger knows."""

    harvests: Mapping[str, str]
    run: int
    ledgers: Iterable[LedgerStories]

    def of(self, digest: str) -> str:
        """The harvest, with its run if that is another; empty if nobody is known."""
        if own := self.harvests.get(digest):
            return own
        for ledger in self.ledgers:
            for found in ledger.search.dags_of_payload(digest, 1):
                harvest = harvest_name(found.number)
                same = found.campaign.run == self.run
                return harvest if same else f"{found.campaign.run}/{harvest}"
        return ""


def _destination(
    destination: Destination,
    own: Believed,
    reader: TagReader | None,
    origins: _Origins,
    run_and_last: tuple[int, int],
) -> DestinationInForce:
    content, unread = _read(reader, destination)
    sinces = [iov.since for iov in (*own.sent, *own.unanswered)]
    guess = TimeType.LUMI if any(since > LAST_LS for since in sinces) else TimeType.RUN
    time_type = content.time_type if content else guess
    run, last_ls = run_and_last
    try:
        served = in_force(content, own, time_type, run, last_ls)
    except NotByRun as error:
        served, unread = (), str(error)
    return DestinationInForce(
        database=destination.database,
        tag=destination.tag,
        unread=unread,
        time_type=time_type if content or sinces else None,
        synchronisation=content.synchronisation if content else None,
        ranges=tuple(_ranges(served, origins)),
    )


def _read(reader: TagReader | None, destination: Destination) -> tuple[TagContent | None, str]:
    if reader is None:
        return None, NO_READER
    try:
        return reader.read(destination.database, destination.tag), ""
    except TagUnreadable as error:
        return None, str(error)


def _ranges(served: Iterable[Served], origins: _Origins) -> Iterator[RangeInForce]:
    for each in served:
        iov, believed_iov = each.iov, each.believed
        yield RangeInForce(
            first=each.first,
            last=each.last,
            agreement=each.agreement,
            hash=iov.hash if iov else "",
            since=iov.since if iov else None,
            inserted=iov.inserted if iov else None,
            origin=origins.of(iov.hash) if iov else "",
            believed_hash=believed_iov.hash if believed_iov else "",
            believed_harvest=believed_iov.harvest if believed_iov else "",
        )


_ADAPTER: TypeAdapter[RunInForce] = TypeAdapter(RunInForce)


def to_json(told: RunInForce) -> dict[str, Any]:
    """Give the object that ``condorloop payload RUN --json`` prints."""
    data: dict[str, Any] = _ADAPTER.dump_python(told, mode="json")
    return data


def json_schema() -> dict[str, Any]:
    """Give the JSON Schema of ``condorloop payload RUN --json``."""
    return _ADAPTER.json_schema(mode="serialization")
