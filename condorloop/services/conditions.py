"""The upload of a payload file to the conditions database.

Knows uploadConditions.py with its exit codes and messages; knows nothing of runs, DAGs or the
ledger. It runs on the access point, in the UPLOAD node.
"""

from __future__ import annotations

import netrc
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from condorloop.model.enums import UploadOutcome
from condorloop.runtime import subprocesses
from condorloop.runtime.secret_files import why_not_private

NETRC_MACHINE = "ConditionUploader"
_REASON = "..."
_LOST = "Error from uploading"
_SENDS = "Uploading file ("
_CONNECTION, _SIGN_IN = 255, 254
_LEVEL = re.compile(r"^\[[^\]]*\] (?:INFO|WARNING|ERROR|CRITICAL): ")


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of an upload, in the tool's own words.

    `unanswered` says that the file may have been sent, and it is not known whether the service took
    it.
    """

    outcome: UploadOutcome
    words: str
    unanswered: bool = False


def missing_credentials(auth_path: Path | None) -> str | None:
    """Say what is wrong with the netrc that uploadConditions.py will read; None if nothing is.

    Without it the tool asks on the terminal, which a job does not have. One that everybody may
    read is not used.
    """
    try:
        file = (auth_path or Path.home()) / ".netrc"
    except RuntimeError:
        return "no netrc file: there is no home directory"
    try:
        found = netrc.netrc(str(file)).authenticators(NETRC_MACHINE)
        open_to_all = why_not_private(file)
    except OSError as error:
        return f"{file}: {error.strerror}"
    except netrc.NetrcParseError as error:
        return f"{file}: not a netrc file: {error.msg}"
    except ValueError as error:
        return f"{file}: not a netrc file: {error}"
    return open_to_all if found else f"{file}: no entry for machine {NETRC_MACHINE}"


def upload(
    database: Path,
    command: Sequence[str],
    environment: Mapping[str, str],
    auth_path: Path | None,
    timeout: float,
    log: Path,
    holding: Sequence[int] = (),
) -> Answer:
    """Run uploadConditions.py on a payload file whose metadata ``.txt`` stands beside it.

    `missing_credentials` is to be asked before.

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
    holding
        As `processes.run` takes it.

    """
    environment = dict(environment)
    if auth_path:
        environment["COND_AUTH_PATH"] = str(auth_path)
    try:
        done = subprocesses.run(
            [*command, database.name],
            folder=database.parent,
            environment=environment,
            timeout=timeout,
            merged=True,
            holding=holding,
        )
    except subprocess.TimeoutExpired:
        late = f"uploadConditions.py took more than {timeout:g} s"
        return Answer(UploadOutcome.NO_ANSWER, late, unanswered=True)
    except OSError as error:
        return Answer(UploadOutcome.FAILED, f"{command[0]}: {error.strerror}")
    output = done.stdout.decode(errors="replace")
    log.write_text(output, encoding="utf-8")
    return judge(done.returncode, output)


def judge(exit_code: int, output: str) -> Answer:
    """Tell from an exit code and a log of uploadConditions.py what became of the upload.

    A positive code below 251 counts the files that have no tag that went well. With it, the tool
    reports a request that had no usable answer ("Error from uploading") as a failed tag too:
    only without that has the service answered, and its answer is final. From 251 on it was
    not asked, or could not be taken leave of: from 254 on because it, or the login, did not answer
    as it should. The tool says "Uploading file" before it sends.
    """
    outcome, words = _judge(exit_code, output)
    return Answer(outcome, words, outcome.open and (_SENDS in output or words.startswith(_LOST)))


def _judge(exit_code: int, output: str) -> tuple[UploadOutcome, str]:
    lines = [_LEVEL.sub("", line).strip() for line in output.splitlines() if line.strip()]
    if exit_code == 0:
        said = next((x for x in reversed(lines) if "successfully uploaded" in x), "uploaded")
        return UploadOutcome.UPLOADED, said
    lost = [x for x in lines if x.startswith(_LOST)]
    told = [x for x in lines if x.startswith(_REASON)]
    if 0 < exit_code < 251 and told and not lost:
        return UploadOutcome.REFUSED, "; ".join(x.removeprefix(_REASON).strip() for x in told)
    if lost:
        return UploadOutcome.NO_ANSWER, lost[0]
    last = next((x for x in reversed(lines) if "ended with code" not in x), "no message")
    if exit_code == _SIGN_IN and (denied := [x for x in lines if "nvalid credentials" in x]):
        last = f"wrong user or password in the netrc file: {denied[0]}"
    no_answer = exit_code in (_CONNECTION, _SIGN_IN)
    outcome = UploadOutcome.NO_ANSWER if no_answer else UploadOutcome.FAILED
    return outcome, f"uploadConditions.py, exit {exit_code}: {last}"


def is_known_already(answer: Answer) -> bool:
    """Whether the service refuses a file because it has the very same one (HTTP 400)."""
    known = re.search(r"before|already|duplicate", answer.words, re.IGNORECASE)
    lost = answer.outcome is UploadOutcome.NO_ANSWER and answer.words.startswith(_LOST)
    return lost and known is not None
