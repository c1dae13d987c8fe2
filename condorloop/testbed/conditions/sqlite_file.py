"""Conditions files: SQLite databases of the schema of CMS conditions (TAG, IOV, PAYLOAD, TAG_LOG).

The schema, the payload's hash and the rule that the latest insertion wins at equal since are
those of CondCore/CondDB/src/IOVSchema of CMSSW. Times of insertion are UTC.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from condorloop.model.enums import TimeType

LOCK_WAIT = 30.0  # seconds that a reader or writer waits for another one's transaction

_SCHEMA = """
CREATE TABLE TAG (
    NAME TEXT NOT NULL,
    TIME_TYPE TEXT NOT NULL,
    OBJECT_TYPE TEXT NOT NULL,
    SYNCHRONIZATION TEXT NOT NULL,
    DESCRIPTION TEXT NOT NULL,
    LAST_VALIDATED_TIME BIGINT NOT NULL,
    END_OF_VALIDITY BIGINT NOT NULL,
    INSERTION_TIME TEXT NOT NULL,
    MODIFICATION_TIME TEXT NOT NULL,
    PROTECTION_CODE INTEGER NOT NULL DEFAULT 0,
    CONSTRAINT TAG_PK PRIMARY KEY (NAME)
);
CREATE TABLE PAYLOAD (
    HASH CHAR(40) NOT NULL,
    OBJECT_TYPE TEXT NOT NULL,
    DATA BLOB NOT NULL,
    STREAMER_INFO BLOB NOT NULL,
    VERSION TEXT NOT NULL,
    INSERTION_TIME TEXT NOT NULL,
    CONSTRAINT PAYLOAD_PK PRIMARY KEY (HASH)
);
CREATE TABLE IOV (
    TAG_NAME TEXT NOT NULL,
    SINCE BIGINT NOT NULL,
    PAYLOAD_HASH CHAR(40) NOT NULL,
    INSERTION_TIME TEXT NOT NULL,
    CONSTRAINT IOV_PK PRIMARY KEY (TAG_NAME, SINCE, INSERTION_TIME),
    CONSTRAINT TAG_NAME_FK FOREIGN KEY (TAG_NAME) REFERENCES TAG (NAME),
    CONSTRAINT PAYLOAD_HASH_FK FOREIGN KEY (PAYLOAD_HASH) REFERENCES PAYLOAD (HASH)
);
CREATE TABLE TAG_LOG (
    TAG_NAME TEXT NOT NULL,
    EVENT_TIME TEXT NOT NULL,
    USER_NAME TEXT NOT NULL,
    HOST_NAME TEXT NOT NULL,
    COMMAND TEXT NOT NULL,
    ACTION TEXT NOT NULL,
    USER_TEXT TEXT NOT NULL,
    CONSTRAINT TAG_LOG_PK PRIMARY KEY (TAG_NAME, EVENT_TIME, ACTION),
    CONSTRAINT TAG_NAME_FK FOREIGN KEY (TAG_NAME) REFERENCES TAG (NAME)
);
"""


class ConditionsFileError(Exception):
    """A conditions file is missing, damaged, or lacks what was asked of it."""


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag's row, without its IOVs."""

    name: str
    time_type: TimeType
    object_type: str
    synchronization: str


@dataclass(frozen=True, slots=True)
class Iov:
    """An interval of validity: from `since` (in the tag's time type) to the next IOV's since."""

    since: int
    payload_hash: str
    insertion_time: str


def lumi_since(run: int, lumisection: int) -> int:
    """Pack a run and a lumisection into the since of a tag of time type Lumi.

    >>> lumi_since(398600, 7)
    1711973964185607
    """
    return run << 32 | lumisection


def split_lumi_since(since: int) -> tuple[int, int]:
    """Take a since of time type Lumi apart into run and lumisection.

    >>> split_lumi_since(1711973964185607)
    (398600, 7)
    """
    return since >> 32, since & 0xFFFFFFFF


def payload_hash(object_type: str, data: bytes) -> str:
    """Give a payload's key: the SHA-1, in hex, of its object type followed by its data."""
    return hashlib.sha1(object_type.encode() + data).hexdigest()


def timestamp() -> str:
    """Give the time of now as the database writes it: UTC, to the microsecond."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def create(path: Path) -> None:
    """Make a file with the schema and nothing in it; the schema of an existing file stays.

    Raises
    ------
    ConditionsFileError
        The file exists and is not a database, or cannot be made.
    """
    with _connection(path, "rwc") as connection:
        if not _has_schema(connection):
            connection.executescript(_SCHEMA)


def write(
    path: Path,
    tag: str,
    time_type: str,
    object_type: str,
    synchronization: str,
    iovs: Sequence[tuple[int, bytes]],
) -> None:
    """Write a tag's IOVs into a file, which is made if it is not there.

    Parameters
    ----------
    path
        The file. It may hold other tags already, or earlier IOVs of this one.
    tag, time_type, object_type, synchronization
        The tag; the time type is one of `TimeType`'s values. A tag that is there stays as it is.
    iovs
        Pairs of since and payload data, none of them twice at one since.

    Raises
    ------
    ConditionsFileError
        The file is no conditions file, or a since comes twice.
    ValueError
        The time type does not exist.
    """
    create(path)
    with transaction(path) as connection:
        add_tag(connection, Tag(tag, TimeType(time_type), object_type, synchronization))
        now = timestamp()
        for since, data in iovs:
            add_iov(connection, tag, since, add_payload(connection, object_type, data, now), now)


@contextmanager
def transaction(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a file to change it: all that is done inside is kept, or, on an exception, none.

    Raises
    ------
    ConditionsFileError
        The file is missing or damaged, or a statement failed.
    """
    with _connection(path, "rw") as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.rollback()
            raise
        connection.commit()


def add_tag(connection: sqlite3.Connection, tag: Tag) -> None:
    """Insert a tag unless one of its name is there."""
    now = timestamp()
    connection.execute(
        "INSERT OR IGNORE INTO TAG (NAME, TIME_TYPE, OBJECT_TYPE, SYNCHRONIZATION, DESCRIPTION,"
        " LAST_VALIDATED_TIME, END_OF_VALIDITY, INSERTION_TIME, MODIFICATION_TIME)"
        " VALUES (?, ?, ?, ?, '', 0, 0, ?, ?)",
        (tag.name, tag.time_type.value, tag.object_type, tag.synchronization, now, now),
    )


def add_payload(
    connection: sqlite3.Connection, object_type: str, data: bytes, insertion_time: str
) -> str:
    """Insert a payload unless it is there, and give its hash."""
    key = payload_hash(object_type, data)
    connection.execute(
        "INSERT OR IGNORE INTO PAYLOAD VALUES (?, ?, ?, '{}', 'dummy', ?)",
        (key, object_type, data, insertion_time),
    )
    return key


def add_iov(
    connection: sqlite3.Connection, tag: str, since: int, payload_hash: str, insertion_time: str
) -> None:
    """Insert an IOV; one that is there at the same since stays, and is hidden by this one."""
    connection.execute(
        "INSERT INTO IOV VALUES (?, ?, ?, ?)", (tag, since, payload_hash, insertion_time)
    )
    connection.execute("UPDATE TAG SET MODIFICATION_TIME = ? WHERE NAME = ?", (insertion_time, tag))


def tags(path: Path) -> dict[str, Tag]:
    """Give the tags of a file by name.

    Raises
    ------
    ConditionsFileError
        The file is missing, damaged or no conditions file. So for the other readers.
    """
    rows = _rows(path, "SELECT NAME, TIME_TYPE, OBJECT_TYPE, SYNCHRONIZATION FROM TAG ORDER BY 1")
    try:
        return {row[0]: Tag(row[0], TimeType(row[1]), row[2], row[3]) for row in rows}
    except ValueError as error:
        raise ConditionsFileError(f"{path}: {error}") from error


def properties(path: Path, tag: str) -> dict[str, object]:
    """Give all that stands in a tag's row, by the names of its columns in small letters.

    Raises
    ------
    ConditionsFileError
        As for all readers, and when there is no such tag.
    """
    with _connection(path, "ro") as connection:
        cursor = connection.execute("SELECT * FROM TAG WHERE NAME = ?", (tag,))
        names = [column[0].lower() for column in cursor.description]
        row = cursor.fetchone()
    if row is None:
        raise ConditionsFileError(f"{path}: no tag {tag}")
    return dict(zip(names, row, strict=True))


def iovs(path: Path, tag: str, *, hidden: bool = False) -> list[Iov]:
    """Give a tag's IOVs by rising since: none for a tag that is not there.

    With `hidden`, also those that a later insertion at the same since replaced; within one
    since the earliest insertion comes first.
    """
    rows = _rows(
        path,
        "SELECT SINCE, PAYLOAD_HASH, INSERTION_TIME FROM IOV WHERE TAG_NAME = ?"
        " ORDER BY SINCE, INSERTION_TIME",
        tag,
    )
    everything = [Iov(*row) for row in rows]
    return everything if hidden else list({iov.since: iov for iov in everything}.values())


def payload(path: Path, payload_hash: str) -> bytes:
    """Give a payload's data.

    Raises
    ------
    ConditionsFileError
        As for all readers, and when there is no such payload.
    """
    rows = _rows(path, "SELECT DATA FROM PAYLOAD WHERE HASH = ?", payload_hash)
    if not rows:
        raise ConditionsFileError(f"{path}: no payload {payload_hash}")
    return bytes(rows[0][0])


def iov_for(path: Path, tag: str, time: int) -> Iov | None:
    """Give the IOV of a tag that holds at `time`, in the tag's time type; None before the first."""
    return next((iov for iov in reversed(iovs(path, tag)) if iov.since <= time), None)


def payload_for(path: Path, tag: str, time: int) -> bytes | None:
    """Give the data that hold at `time`, in the tag's time type; None before the first IOV."""
    iov = iov_for(path, tag, time)
    return None if iov is None else payload(path, iov.payload_hash)


def first_safe_runs(path: Path, tag: str) -> frozenset[int]:
    """Give the first safe runs against which a service held the uploads to a tag.

    Empty for a file that no service wrote (`condorloop.testbed.conditions.store`).
    """
    named = _rows(path, "SELECT 1 FROM sqlite_master WHERE name = 'FIRST_SAFE_RUN'")
    query = "SELECT RUN FROM FIRST_SAFE_RUN WHERE TAG_NAME = ?"
    return frozenset(row[0] for row in _rows(path, query, tag)) if named else frozenset()


@contextmanager
def _connection(path: Path, mode: str) -> Iterator[sqlite3.Connection]:
    uri = f"file:{quote(str(path.absolute()))}?mode={mode}"
    try:
        connection = sqlite3.connect(uri, uri=True, timeout=LOCK_WAIT, isolation_level=None)
    except sqlite3.Error as error:
        raise ConditionsFileError(f"{path}: {error}") from error
    try:
        yield connection
    except sqlite3.Error as error:
        raise ConditionsFileError(f"{path}: {error}") from error
    finally:
        connection.close()


def _has_schema(connection: sqlite3.Connection) -> bool:
    tables = connection.execute("SELECT COUNT(*) FROM sqlite_master WHERE name = 'IOV'")
    return bool(tables.fetchone()[0])


def _rows(path: Path, query: str, *values: str) -> list[tuple[Any, ...]]:
    with _connection(path, "ro") as connection:
        return connection.execute(query, values).fetchall()
