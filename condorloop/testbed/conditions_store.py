"""The database behind the conditions service: takes an upload whole, remembers every one.

It is a conditions file (`condorloop.testbed.conddb`) with one more table, UPLOAD.
"""

from __future__ import annotations

import bz2
import hashlib
import io
import json
import sqlite3
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import BaseModel, ConfigDict, StrictInt, StrictStr, ValidationError

from condorloop.testbed import conddb
from condorloop.testbed.conddb import ConditionsFileError, Tag, TimeType
from condorloop.testbed.synchronisation import (
    RefusedError,
    Synchronization,
    in_words,
    starting_at,
    synchronise,
)

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
        One of `condorloop.testbed.synchronisation.Synchronization`'s values.
    time_type
        One of `condorloop.testbed.conddb.TimeType`'s values.
    object_type
        The C++ class of the tag's payloads, such as ``EcalPedestals``.
    """

    synchronization: str
    time_type: str
    object_type: str


class Metadata(BaseModel):
    """``metadata.txt`` of an upload: the keys and types of the true one."""

    model_config = ConfigDict(extra="ignore")

    destinationDatabase: StrictStr  # noqa: N815
    destinationTags: dict[str, Any]  # noqa: N815
    inputTag: StrictStr  # noqa: N815
    since: StrictInt | None
    userText: StrictStr  # noqa: N815
