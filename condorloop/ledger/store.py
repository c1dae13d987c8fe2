"""The ledger: the manager's SQLite file, as one object with a part for each subject.

Knows which parts there are. Only the submitter writes, and every method that writes is one
transaction; who only looks opens a `LedgerReader`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from condorloop.ledger.archive import Archive, archives
from condorloop.ledger.changes import Changes
from condorloop.ledger.connection import Connection, LedgerDamaged, LedgerError
from condorloop.ledger.opening import open_for_writing
from condorloop.ledger.queries.campaigns import CampaignQueries
from condorloop.ledger.queries.dags import DagQueries
from condorloop.ledger.queries.destinations import DestinationQueries
from condorloop.ledger.queries.payloads import PayloadQueries
from condorloop.ledger.queries.raw_files import RawFileQueries
from condorloop.ledger.queries.requests import RequestQueries
from condorloop.ledger.queries.retention import RetentionQueries
from condorloop.ledger.queries.search import SearchQueries
from condorloop.ledger.queries.status import StatusQueries
from condorloop.ledger.queries.times import TimeQueries
from condorloop.ledger.queries.uploads import UploadQueries
from condorloop.ledger.updates.campaigns import Campaigns
from condorloop.ledger.updates.dags import Dags
from condorloop.ledger.updates.destinations import Destinations
from condorloop.ledger.updates.luminosity import Luminosity
from condorloop.ledger.updates.notifications import Notifications
from condorloop.ledger.updates.payloads import Payloads
from condorloop.ledger.updates.raw_files import RawFiles
from condorloop.ledger.updates.reconstructions import Reconstructions
from condorloop.ledger.updates.requests import Requests
from condorloop.ledger.updates.retries import Retries

__all__ = ["Ledger", "LedgerDamaged", "LedgerError", "LedgerReader", "open_requests"]


class LedgerReader:
    """A ledger, open for reading.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    LedgerError
        The file is not there, is no ledger, or was written by another version.
    LedgerDamaged
        The file is damaged.
    """

    campaigns: CampaignQueries
    raw_files: RawFileQueries
    dags: DagQueries
    payloads: PayloadQueries
    requests: RequestQueries
    destinations: DestinationQueries

    def __init__(self, path: Path) -> None:
        self._compose(Connection(path))

    def _compose(self, db: Connection) -> None:
        self.connection = db
        self.path = db.path
        self.id = db.id
        self.campaigns = CampaignQueries(db)
        self.raw_files = RawFileQueries(db)
        self.dags = DagQueries(db)
        self.payloads = PayloadQueries(db)
        self.requests = RequestQueries(db)
        self.destinations = DestinationQueries(db)
        self.status = StatusQueries(db)
        self.uploads = UploadQueries(db)
        self.retention = RetentionQueries(db)
        self.search = SearchQueries(db)
        self.times = TimeQueries(db)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self.connection.close()


class Ledger(LedgerReader):
    """The ledger, open for writing; the file is made when it is not there.

    Parameters
    ----------
    path
        The file. One of an older schema version is brought up to date.
    ledger_id
        The id of a ledger that is made; a random one if None.

    Raises
    ------
    LedgerError
        It cannot be used.
    LedgerDamaged
        It is damaged.
    """

    campaigns: Campaigns
    raw_files: RawFiles
    dags: Dags
    payloads: Payloads
    requests: Requests
    destinations: Destinations

    def __init__(self, path: Path, ledger_id: str | None = None) -> None:
        self._compose(open_for_writing(path, ledger_id, beside=archives(path).values()))

    def _compose(self, db: Connection) -> None:
        super()._compose(db)
        reconstructions = Reconstructions(db)
        self.reconstructions = reconstructions
        self.campaigns = Campaigns(db, reconstructions)
        self.raw_files = RawFiles(db, self.campaigns, reconstructions)
        self.payloads = Payloads(db, self.campaigns)
        self.retries = Retries(db)
        self.dags = Dags(db, self.retries, self.payloads)
        self.requests = Requests(db)
        self.destinations = Destinations(db)
        self.luminosity = Luminosity(db)
        self.notifications = Notifications(db)
        self.archive = Archive(db)
        self.changes = Changes(db)


@contextmanager
def open_requests(path: Path) -> Iterator[Requests]:
    """Open a ledger for leaving a request, beside the submitter that has it open.

    Raises
    ------
    LedgerError
        It cannot be used.
    """
    with Connection(path, "rw") as db:
        yield Requests(db)
