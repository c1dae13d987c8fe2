"""How the records of a payload file are sent and read back: parts of a manifest, and metadata.

Knows the metadata that uploadConditions.py reads beside a payload, and the tools.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from condorloop.rundir.records.record import Members, Record

LONGEST_READ = 60.0
"""Seconds for which an upload waits for a tag to be read back, or for the gate to copy it."""


@dataclass(frozen=True, slots=True)
class UploadMetadata(Record):
    """What is told to the conditions service with a payload, in its own file beside it, too.

    Attributes
    ----------
    database
        The database of all `tags`.
    tags
        The tags that the payload goes to, each with its options.
    input_tag
        The tag that the payload has in its file.
    since
        The first run that it is for; None if each IOV keeps its own since.
    user_text
        Words for people.
    """

    database: str
    tags: Mapping[str, Mapping[str, Any]]
    input_tag: str
    since: int | None
    user_text: str

    @classmethod
    def from_members(cls, members: Members) -> Self:
        """Take it from its JSON object."""
        tags = members.object("destinationTags")
        found = {tag: tags.as_json(tag) for tag in tags}
        if not found:
            raise members.wrong("destinationTags", "at least one tag")
        return cls(
            database=members.text("destinationDatabase"),
            tags=found,
            input_tag=members.text("inputTag"),
            since=members.number_or_none("since"),
            user_text=members.text("userText"),
        )

    def to_json(self) -> dict[str, Any]:
        """Give its JSON object."""
        return {
            "destinationDatabase": self.database,
            "destinationTags": {tag: dict(options) for tag, options in self.tags.items()},
            "inputTag": self.input_tag,
            "since": self.since,
            "userText": self.user_text,
        }


@dataclass(frozen=True, slots=True)
class UploadSettings:
    """What one record of a DAG's payload file is called, and where it goes.

    `metadata_filename` and `final_db_name` are the names of the files beside each other that are
    sent; `synchronisation` is that of the destination tags, None where it is not known. `since` is
    ``run`` or ``iov`` where a person has said what it is, else None: then the time type of the
    payload file decides, and where that is not told, the metadata do.
    """

    metadata: UploadMetadata
    metadata_filename: str
    final_db_name: str
    synchronisation: str | None
    since: str | None = None

    @classmethod
    def from_members(cls, members: Members) -> Self:
        """Take it from a member of a manifest."""
        told = "synchronisation" in members
        return cls(
            metadata=UploadMetadata.from_members(members.object("metadata")),
            metadata_filename=members.text("metadata_filename"),
            final_db_name=members.text("final_db_name"),
            synchronisation=members.text_or_none("synchronisation") if told else None,
            since=members.text("since") if "since" in members else None,
        )

    def to_json(self) -> dict[str, Any]:
        """Give its JSON object."""
        return {
            "metadata": self.metadata.to_json(),
            "metadata_filename": self.metadata_filename,
            "final_db_name": self.final_db_name,
            "synchronisation": self.synchronisation,
            **({"since": self.since} if self.since else {}),
        }


@dataclass(frozen=True, slots=True)
class UploadTool:
    """The tool that sends payloads: its command, the folder of its login, its seconds."""

    command: tuple[str, ...]
    auth_path: Path | None
    timeout: float

    @classmethod
    def from_members(cls, members: Members) -> Self:
        """Take it from a member of a manifest."""
        auth_path = members.text_or_none("auth_path")
        command = members.texts("command")
        if not command:
            raise members.wrong("command", "a command")
        return cls(command, Path(auth_path) if auth_path else None, members.seconds("timeout"))

    def to_json(self) -> dict[str, Any]:
        """Give its JSON object."""
        return {
            "command": self.command,
            "auth_path": str(self.auth_path) if self.auth_path else None,
            "timeout": self.timeout,
        }


@dataclass(frozen=True, slots=True)
class TagReaderTool:
    """The tool that reads tags back.

    Attributes
    ----------
    command
        It, and its options.
    databases
        What it calls a database, by what uploadConditions.py calls it; others have one name.
    timeout
        Seconds that reading a tag may take.
    """

    command: tuple[str, ...]
    databases: Mapping[str, str]
    timeout: float

    @classmethod
    def from_members(cls, members: Members) -> Self:
        """Take it from a member of a manifest."""
        command = members.texts("command")
        if not command:
            raise members.wrong("command", "a command")
        return cls(command, members.texts_by_name("databases"), members.seconds("timeout"))

    def to_json(self) -> dict[str, Any]:
        """Give its JSON object."""
        return {
            "command": self.command,
            "databases": dict(self.databases),
            "timeout": self.timeout,
        }
