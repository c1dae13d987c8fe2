"""The database behind the conditions service: takes an upload whole, remembers every one.

It is a conditions file (`condorloop.testbed.conditions.sqlite_file`) with two more tables: UPLOAD,
and FIRST_SAFE_RUN with the runs against which a tag held what came late.
"""

from __future__ import annotations

import bz2
import hashlib
import io
import json
import sqlite3
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr

from condorloop.model.enums import Synchronisation, TimeType
from condorloop.testbed.conditions import sqlite_file
from condorloop.testbed.conditions.sqlite_file import ConditionsFileError, Tag
from condorloop.testbed.conditions.synchronisation import RefusedError, starting_at, synchronise

_SAFE_TABLE = """
CREATE TABLE IF NOT EXISTS FIRST_SAFE_RUN (
    TAG_NAME TEXT NOT NULL,
    RUN BIGINT NOT NULL,
    CONSTRAINT FIRST_SAFE_RUN_PK PRIMARY KEY (TAG_NAME, RUN)
)
"""
_UPLOAD_TABLE = """
CREATE TABLE IF NOT EXISTS UPLOAD (
    FILE_HASH CHAR(40) NOT NULL,
    TIME TEXT NOT NULL,
    USER_NAME TEXT NOT NULL,
    FILE_NAME TEXT NOT NULL,
    BACKEND TEXT NOT NULL,
    DESTINATION_DATABASE TEXT NOT NULL,
    SINCE_ASKED BIGINT,
    SINCES_ACCEPTED TEXT NOT NULL,
    USER_TEXT TEXT NOT NULL,
    ANSWER TEXT NOT NULL,
    CONSTRAINT UPLOAD_PK PRIMARY KEY (FILE_HASH)
)
"""


class BadUploadError(Exception):
    """What was sent is no upload at all, or was sent before; the service answers 400."""


@dataclass(frozen=True, slots=True)
class TagSpec:
    """A tag that the service knows.

    Attributes
    ----------
    synchronization
        One of `condorloop.testbed.conditions.synchronisation.Synchronization`'s values.
    time_type
        One of `condorloop.testbed.conditions.sqlite_file.TimeType`'s values.
    object_type
        The C++ class of the tag's payloads, such as ``EcalPedestals``.
    first_safe_run
        The first run that no consumer of this tag has begun to process; the service's if absent.
    """

    synchronization: str
    time_type: str
    object_type: str
    first_safe_run: int | None = None


class _Metadata(BaseModel):
    """``metadata.txt`` of an upload, with the keys of the true one."""

    model_config = ConfigDict(extra="ignore")

    database: StrictStr = Field(alias="destinationDatabase")
    tags: dict[str, Any] = Field(alias="destinationTags")
    input_tag: StrictStr = Field(alias="inputTag")
    since: StrictInt | None
    user_text: StrictStr = Field(alias="userText")


@dataclass(frozen=True, slots=True)
class _Source:
    """The input tag of an uploaded file, and its IOVs with their data."""

    tag: Tag
    iovs: list[tuple[int, bytes]]


@dataclass(frozen=True, slots=True)
class Upload:
    """One upload as the service remembers it; `accepted` are the sinces that each tag took."""

    file_hash: str
    time: str
    user: str
    since: int | None
    accepted: Mapping[str, Sequence[int]]
    user_text: str
    answer: Mapping[str, Mapping[str, str]]


class ConditionsStore:
    """The database of the conditions service.

    Parameters
    ----------
    path
        The SQLite file; it is made if it is not there.
    tags
        The tags that uploads may fill.
    first_safe_run
        Gives the first run that no consumer has begun to process.
    """

    def __init__(
        self, path: Path, tags: Mapping[str, TagSpec], first_safe_run: Callable[[], int]
    ) -> None:
        self.path = path
        self._first_safe_run = first_safe_run
        self._tags: Mapping[str, TagSpec] = {}
        sqlite_file.create(path)
        with sqlite_file.transaction(path) as connection:
            connection.execute(_UPLOAD_TABLE)
            connection.execute(_SAFE_TABLE)
        self.define(tags)

    def define(self, tags: Mapping[str, TagSpec]) -> None:
        """Let tags be as these say; what is in them stays, and so do other tags."""
        with sqlite_file.transaction(self.path) as connection:
            for name, spec in tags.items():
                tag = Tag(name, TimeType(spec.time_type), spec.object_type, spec.synchronization)
                sqlite_file.add_tag(connection, tag)
                connection.execute(
                    "UPDATE TAG SET SYNCHRONIZATION = ? WHERE NAME = ?",
                    (spec.synchronization, name),
                )
        self._tags = {**self._tags, **tags}

    def first_safe_run(self, tag: str) -> int:
        """Give the first run that no consumer of a tag has begun to process."""
        spec = self._tags.get(tag)
        own = spec.first_safe_run if spec else None
        return self._first_safe_run() if own is None else own

    def take(
        self,
        archive: bytes,
        digest: str,
        name: str,
        user: str,
        backend: str,
        verdict: Mapping[str, str] | None = None,
    ) -> dict[str, dict[str, str]]:
        """Take an upload into every destination tag that lets it in, in one transaction.

        Parameters
        ----------
        archive
            A bz2 tar of ``data.db`` and ``metadata.txt``.
        digest
            The SHA-1 that the client named the archive by.
        name, user, backend
            As the client sent them.
        verdict
            What every tag answers, none of them filled; each decides for itself if absent.

        Returns
        -------
        dict
            ``status`` (``ok``, ``skip`` or ``fail``) and ``info`` of each destination tag.

        Raises
        ------
        BadUploadError
            The archive is no upload, did not arrive whole, or was uploaded before.
        """
        file_hash = hashlib.sha1(archive).hexdigest()
        if digest != file_hash:
            raise BadUploadError(f"file {digest} has the hash {file_hash}")
        with _unpacked(archive) as (data, metadata):
            source = _source(data, metadata.input_tag)
            with sqlite_file.transaction(self.path) as connection:
                known = connection.execute(
                    "SELECT TIME FROM UPLOAD WHERE FILE_HASH = ?", (file_hash,)
                ).fetchone()
                if known:
                    raise BadUploadError(f"file {file_hash} was uploaded before, at {known[0]}")
                answer, accepted = {}, {}
                for tag in metadata.tags:
                    if verdict is not None:
                        answer[tag] = dict(verdict)
                        continue
                    try:
                        accepted[tag] = self._fill(connection, tag, metadata.since, source)
                        first = accepted[tag][0]
                        answer[tag] = {
                            "status": "ok",
                            "info": f"{len(accepted[tag])} IOVs from {first}",
                        }
                    except RefusedError as error:
                        answer[tag] = {"status": "fail", "info": str(error)}
                connection.execute(
                    "INSERT INTO UPLOAD VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        file_hash,
                        sqlite_file.timestamp(),
                        user,
                        name,
                        backend,
                        metadata.database,
                        metadata.since,
                        json.dumps(accepted),
                        metadata.user_text,
                        json.dumps(answer),
                    ),
                )
        return answer

    def uploads(self) -> list[Upload]:
        """All uploads, the oldest first."""
        with closing(sqlite3.connect(self.path)) as connection:
            rows = connection.execute(
                "SELECT FILE_HASH, TIME, USER_NAME, SINCE_ASKED, SINCES_ACCEPTED, USER_TEXT, ANSWER"
                " FROM UPLOAD ORDER BY TIME"
            ).fetchall()
        return [
            Upload(h, time, user, since, json.loads(accepted), text, json.loads(answer))
            for h, time, user, since, accepted, text, answer in rows
        ]

    def _fill(
        self,
        connection: sqlite3.Connection,
        name: str,
        since: int | None,
        source: _Source,
    ) -> list[int]:
        row = connection.execute(
            "SELECT TIME_TYPE, OBJECT_TYPE, SYNCHRONIZATION,"
            " (SELECT MAX(SINCE) FROM IOV WHERE TAG_NAME = NAME) FROM TAG WHERE NAME = ?",
            (name,),
        ).fetchone()
        if row is None:
            raise RefusedError(f"there is no tag {name}")
        time_type, object_type, synchronization, last = row
        given, wanted = (source.tag.time_type, source.tag.object_type), (time_type, object_type)
        if given != wanted:
            raise RefusedError(
                f"tag {name} holds {wanted[1]} by {wanted[0]}, not {given[1]} by {given[0]}"
            )
        safe = self.first_safe_run(name)
        entering = synchronise(
            Synchronisation(synchronization),
            TimeType(time_type),
            starting_at(source.iovs, since),
            last=last,
            first_safe_run=safe,
        )
        connection.execute("INSERT OR IGNORE INTO FIRST_SAFE_RUN VALUES (?, ?)", (name, safe))
        now = sqlite_file.timestamp()
        for at, payload in entering:
            key = sqlite_file.add_payload(connection, object_type, payload, now)
            sqlite_file.add_iov(connection, name, at, key, now)
        return [at for at, _ in entering]


def _source(data: Path, tag: str) -> _Source:
    try:
        known = sqlite_file.tags(data)
        if tag not in known:
            raise BadUploadError(f"data.db has no tag {tag}")
        found = [
            (iov.since, sqlite_file.payload(data, iov.payload_hash))
            for iov in sqlite_file.iovs(data, tag)
        ]
    except ConditionsFileError as error:
        raise BadUploadError(str(error)) from error
    if not found:
        raise BadUploadError(f"data.db has no IOV of tag {tag}")
    return _Source(known[tag], found)


@contextmanager
def _unpacked(archive: bytes) -> Iterator[tuple[Path, _Metadata]]:
    with TemporaryDirectory() as folder:
        try:
            with tarfile.open(fileobj=io.BytesIO(bz2.decompress(archive))) as tar:
                members = {m.name: tar.extractfile(m) for m in tar.getmembers()}
                data, text = members["data.db"], members["metadata.txt"]
                if data is None or text is None:
                    raise BadUploadError("data.db and metadata.txt must be files")
                (Path(folder) / "data.db").write_bytes(data.read())
                metadata = _Metadata.model_validate_json(text.read())
        except (OSError, ValueError, EOFError, tarfile.TarError, KeyError) as error:
            raise BadUploadError(f"no upload: {' '.join(str(error).split())}") from error
        yield Path(folder) / "data.db", metadata
