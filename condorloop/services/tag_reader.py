"""Tags of the conditions database, read back with CMSSW's `conddb`.

Knows the command, its output and its errors (CondCore/Utilities/scripts/conddb and
python/conddblib.py in cms-sw/cmssw); knows nothing of runs, uploads or the ledger. It runs on the
access point: in UPLOAD nodes, in the submitter and in commands.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from condorloop.errors import CondorloopError
from condorloop.model.enums import Synchronisation, TimeType
from condorloop.model.tag_content import TagContent, TagIov
from condorloop.rundir.records.manifest import TagReaderTool
from condorloop.runtime import subprocesses
from condorloop.services.cmssw import Cmssw, CmsswError
from condorloop.services.log_lines import without_colours, words_of
from condorloop.text import one_line

if TYPE_CHECKING:  # node scripts import this module, and must start fast
    from condorloop.config.loader import Config

DATABASES: Mapping[str, str] = {
    "oracle://cms_orcon_prod/CMS_CONDITIONS": "pro",
    "oracle://cms_orcoff_prep/CMS_CONDITIONS": "dev",
}
"""What `conddb` calls the databases that uploadConditions.py names: their Frontier caches, which
need no password. `conddb help` lists others: ``orapro`` is Oracle's replica of production."""

_PROPERTIES = ("Property", "Value")
_IOVS = ("Insertion Time", "Payload", "Object Type")
_RULE = re.compile(r"(?: *-+)+ *")
_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})?")
_HASH = re.compile(r"[0-9a-f]{40}")
_SINCE = re.compile(r"(?:.*\((?P<raw>\d{1,20})\)|(?P<run>\d{1,20}))")
_NO_TAG = "There is no tag or global tag named"
_FAILED = 1


class TagUnreadable(CondorloopError):
    """A tag cannot be read; the text says why.

    `missing` says that the database was asked and has no such tag. Otherwise it could not be asked,
    or gave no usable answer, and nothing is known of the tag.
    """

    hint = "condorloop doctor"

    def __init__(self, words: str, *, missing: bool = False) -> None:
        super().__init__(words)
        self.missing = missing


class TagReader:
    """Reads tags of destination databases.

    Parameters
    ----------
    tool
        How `conddb` is called.
    cmssw
        The release in whose environment it runs.
    auth_path
        The folder of the netrc file; the home folder if None.
    environment
        That of the release, or what enters it. Otherwise this reader enters it when it first reads.
    """

    def __init__(
        self,
        tool: TagReaderTool,
        cmssw: Cmssw,
        auth_path: Path | None = None,
        environment: Mapping[str, str] | Callable[[], Mapping[str, str]] | None = None,
    ) -> None:
        self._tool = tool
        self._auth_path = auth_path
        self._environment = cmssw.environment if environment is None else environment

    @classmethod
    def from_config(cls, config: Config, auth_path: Path | None = None) -> TagReader | None:
        """Take the one of a configuration; None where none is configured."""
        tool = tool_of(config)
        if tool is None:
            return None
        return cls(tool, Cmssw.from_config(config, tool.command[0]), auth_path)

    def read(self, database: str, tag: str) -> TagContent:
        """Read a tag.

        The tool says that there is no tag, too, when the database stops answering in the middle:
        it is asked once more before that is believed.

        Parameters
        ----------
        database
            The destination database, as uploadConditions.py names it.

        Raises
        ------
        TagUnreadable
            There is no such tag, or it could not be asked.
        """
        name = self._tool.databases.get(database, database)
        try:
            return self._list(name, tag)
        except TagUnreadable as error:
            if not error.missing:
                raise
        return self._list(name, tag)

    def copy(
        self, database: str, tag: str, file: Path, first: int, last: int, name_there: str = ""
    ) -> None:
        """Copy what a tag holds between two sinces, both included, into a conditions SQLite file.

        What holds at the first since gets that since in the file.

        Parameters
        ----------
        name_there
            What the tag is called in the file; as in the database if empty.

        Raises
        ------
        TagUnreadable
            There is no such tag, or it could not be copied.
        """
        name = self._tool.databases.get(database, database)
        what = f"tag {tag} of {name}"
        options = ["--yes", "--db", name, "--nocolors"]
        between = ["--from", str(first), "--to", str(last)]
        names = [tag, name_there] if name_there else [tag]
        self._run(what, tag, [*options, "copy", *names, "--destdb", str(file), *between])
        if not file.exists():
            raise TagUnreadable(f"{what}: {self._tool.command[0]} has made no {file}")

    def _list(self, database: str, tag: str) -> TagContent:
        what = f"tag {tag} of {database}"
        options = ["--db", database, "--nocolors", "--noLimit"]
        return content(self._run(what, tag, [*options, "list", "--long", tag]), tag, what)

    def _run(self, what: str, tag: str, words: Sequence[str]) -> str:
        """Give what the tool prints.

        Raises
        ------
        TagUnreadable
            It does not end as it should.
        """
        command = [*self._tool.command, *words]
        try:
            done = subprocesses.run(
                command, environment=self._entered(), timeout=self._tool.timeout
            )
        except CmsswError as error:
            raise TagUnreadable(f"{what}: {error}") from error
        except subprocess.TimeoutExpired as error:
            late = f"{command[0]} took more than {self._tool.timeout:g} s"
            raise TagUnreadable(f"{what}: {late}") from error
        except OSError as error:
            raise TagUnreadable(f"{what}: {command[0]}: {error.strerror}") from error
        except ValueError as error:
            raise TagUnreadable(f"{what}: it cannot be given to a program: {error}") from error
        output, said = (text.decode(errors="replace") for text in (done.stdout, done.stderr))
        if done.returncode:
            raise _failed(what, done.returncode, said, tag)
        return output

    def _entered(self) -> Mapping[str, str]:
        if callable(self._environment):
            self._environment = self._environment()
        if self._auth_path is None:
            return self._environment
        return {**self._environment, "COND_AUTH_PATH": str(self._auth_path)}


def tool_of(config: Config) -> TagReaderTool | None:
    """Give how tags are read at a site; None where no reader is configured."""
    site = config.site.conditions
    if site.conddb is None:
        return None
    return TagReaderTool(
        command=(site.conddb, *site.conddb_options),
        databases={**DATABASES, **site.conddb_databases},
        timeout=site.conddb_timeout,
    )


def _failed(what: str, code: int, said: str, tag: str) -> TagUnreadable:
    """Why the tool has ended with an exit code that is not 0."""
    lines = [line for line in map(words_of, said.splitlines()) if line]
    last = lines[-1] if lines else "no message"
    missing = code == _FAILED and last.startswith(f"{_NO_TAG} {tag} ")
    words = last if missing else f"conddb, exit {code}: {last}"
    return TagUnreadable(f"{what}: {one_line(words)}", missing=missing)


def content(output: str, tag: str, what: str) -> TagContent:
    """Read what ``conddb list --long`` printed of a tag.

    It prints a table of the tag's properties and one of its IOVs. Each ends with an empty line: one
    that was cut short is no answer. Times of insertion are UTC.

    Raises
    ------
    TagUnreadable
        It is not whole, or not of this form.
    """
    tables = list(_tables(without_colours(output)))
    properties = next((rows for head, rows in tables if head == _PROPERTIES), ())
    iovs = next((rows for head, rows in tables if head[1:] == _IOVS), None)
    told = {row[0]: row[1] for row in properties}
    if iovs is None or told.get("name") != tag:
        found = one_line(output) or "nothing"
        raise TagUnreadable(f"{what}: not what conddb prints of a tag: {found}")
    time_type, synchronisation = told.get("time_type", ""), told.get("synchronization", "")
    if time_type not in tuple(TimeType):
        raise TagUnreadable(f"{what}: time type {time_type!r} is not known")
    return TagContent.of(
        tag,
        TimeType(time_type),
        Synchronisation(synchronisation) if synchronisation in tuple(Synchronisation) else None,
        (_iov(row, what) for row in iovs),
    )


_Row = tuple[str, ...]


def _tables(output: str) -> Iterator[tuple[_Row, list[_Row]]]:
    """The tables of an output that have an end: titles and rows.

    Columns are as wide as the dashes below their titles.
    """
    lines = output.split("\n")
    last = len(lines) - 1
    number = 0
    while number < last:
        number += 1
        if not (_RULE.fullmatch(lines[number]) and lines[number - 1].strip()):
            continue
        columns = [dashes.span() for dashes in re.finditer("-+", lines[number])]
        end = next((n for n in range(number + 1, last) if not lines[n].strip()), None)
        if end is None:
            return
        head, *rows = (
            tuple(line[a:b].strip() for a, b in columns)
            for line in (lines[number - 1], *lines[number + 1 : end])
        )
        yield head, rows
        number = end


def _iov(row: _Row, what: str) -> TagIov:
    since, inserted, digest, _ = row
    number = _SINCE.fullmatch(since)
    if not (number and _TIME.fullmatch(inserted) and _HASH.fullmatch(digest)):
        raise TagUnreadable(f"{what}: not an IOV: {one_line('  '.join(row))}")
    at = datetime.fromisoformat(inserted).replace(tzinfo=UTC).timestamp()
    return TagIov(since=int(number["raw"] or number["run"]), inserted=at, hash=digest)
