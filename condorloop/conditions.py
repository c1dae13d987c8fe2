"""Payloads: what a harvest produced, and its upload.

Knows the conditions SQLite file (CondCore/CondDB/src/IOVSchema.h in cms-sw/cmssw) and
uploadConditions.py with its exit codes and messages; knows nothing of runs, DAGs or the ledger.
It runs on the access point, in the UPLOAD node.
"""

from __future__ import annotations

import netrc
import re
import sqlite3
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from condorloop.model import UploadOutcome

NETRC_MACHINE = "ConditionUploader"
_REASON = "..."
_LOST = "Error from uploading"
_TIMED_OUT = "uploadConditions.py took more than"
_LEVEL = re.compile(r"^\[[^\]]*\] (?:INFO|WARNING|ERROR|CRITICAL): ")


@dataclass(frozen=True, slots=True)
class Iov:
    """One interval of validity of a payload file."""

    tag: str
    since: int
    hash: str


class PayloadError(Exception):
    """The payload file is there, but is not a conditions database."""


def iovs(path: Path) -> list[Iov]:
    """Read the IOVs of a conditions SQLite file, the earliest first; none if it is not there.

    Raises
    ------
    PayloadError
        The file is damaged, or of another schema.
    """
    if not path.exists():
        return []
    try:
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            rows = db.execute("SELECT TAG_NAME, SINCE, PAYLOAD_HASH FROM IOV ORDER BY 2").fetchall()
        finally:
            db.close()
    except sqlite3.Error as error:
        raise PayloadError(f"{path}: {error}") from error
    return [Iov(str(tag), int(since), str(digest)) for tag, since, digest in rows]


def missing_credentials(auth_path: Path | None) -> str | None:
    """Say what is wrong with the netrc that uploadConditions.py will read; None if nothing is.

    Without it the tool asks on the terminal, which a job does not have.
    """
    file = (auth_path or Path.home()) / ".netrc"
    try:
        found = netrc.netrc(str(file)).authenticators(NETRC_MACHINE)
    except OSError as error:
        return f"{file}: {error.strerror}"
    except netrc.NetrcParseError as error:
        return f"{file}: not a netrc file: {error.msg}"
    return None if found else f"{file}: no entry for machine {NETRC_MACHINE}"


def upload(
    database: Path,
    command: Sequence[str],
    environment: Mapping[str, str],
    auth_path: Path | None,
    timeout: float,
    log: Path,
) -> tuple[UploadOutcome, str]:
    """Run uploadConditions.py on a payload file whose metadata ``.txt`` stands beside it.

    Parameters
    ----------
    command
        The tool and its options; the file's name is added.
    environment
        The CMSSW environment.
    auth_path
        The folder of the netrc file; the home directory if None.
    timeout
        Seconds until the tool is ended.
    log
        Gets all that the tool prints.

    Returns
    -------
    tuple of UploadOutcome and str
        The outcome, and the tool's own words for it.
    """
    if problem := missing_credentials(auth_path):
        return UploadOutcome.FAILED, problem
    environment = dict(environment)
    if auth_path:
        environment["COND_AUTH_PATH"] = str(auth_path)
    try:
        done = subprocess.run(
            [*command, database.name],
            cwd=database.parent,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return UploadOutcome.FAILED, f"{_TIMED_OUT} {timeout:g} s"
    except OSError as error:
        return UploadOutcome.FAILED, f"{command[0]}: {error.strerror}"
    output = done.stdout.decode(errors="replace")
    log.write_text(output, encoding="utf-8")
    return judge(done.returncode, output)


def judge(exit_code: int, output: str) -> tuple[UploadOutcome, str]:
    """Tell from an exit code and a log of uploadConditions.py what became of the upload.

    A positive code below 251 counts the files that have no tag that went well. With it, the tool
    reports a request that had no usable answer ("Error from uploading") as a failed tag too:
    only without that has the service answered, and its answer is final. From 251 on it was
    not asked.
    """
    lines = [_LEVEL.sub("", line).strip() for line in output.splitlines() if line.strip()]
    if exit_code == 0:
        said = next((x for x in reversed(lines) if "successfully uploaded" in x), "uploaded")
        return UploadOutcome.UPLOADED, said
    lost = [x for x in lines if x.startswith(_LOST)]
    told = [x for x in lines if x.startswith(_REASON)]
    if 0 < exit_code < 251 and told and not lost:
        return UploadOutcome.REFUSED, "; ".join(x.removeprefix(_REASON).strip() for x in told)
    if lost:
        return UploadOutcome.FAILED, lost[0]
    last = next((x for x in reversed(lines) if "ended with code" not in x), "no message")
    return UploadOutcome.FAILED, f"uploadConditions.py, exit {exit_code}: {last}"


def is_unanswered(outcome: UploadOutcome, answer: str) -> bool:
    """Whether the file was sent and it is not known whether the service took it."""
    return outcome is UploadOutcome.FAILED and answer.startswith((_LOST, _TIMED_OUT))


def is_known_already(outcome: UploadOutcome, answer: str) -> bool:
    """Whether the service refuses a file because it has the very same one (HTTP 400)."""
    known = re.search(r"before|already|duplicate", answer, re.IGNORECASE)
    return outcome is UploadOutcome.FAILED and answer.startswith(_LOST) and known is not None
