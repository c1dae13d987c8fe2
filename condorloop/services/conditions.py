"""The upload of a payload file to the conditions database.

Knows uploadConditions.py with its exit codes and messages; knows nothing of runs, DAGs or the
ledger. It runs on the access point, in the UPLOAD node.
"""

from __future__ import annotations

import netrc
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from condorloop.model.enums import TagOutcome, UploadOutcome
from condorloop.runtime import subprocesses
from condorloop.runtime.secret_files import NotPrivate, why_not_private
from condorloop.services.log_lines import words_of

NETRC_MACHINE = "ConditionUploader"
_LOST = "Error from uploading"
_SENDS = "Uploading file ("
_CONNECTION, _SIGN_IN = 255, 254
_GOOD = re.compile(r"tag (.+) successfully uploaded")
_BAD = re.compile(r"found tag (.+?) (to be skipped|failed to upload)\. reason:(.*)")
_REASON = "..."


@dataclass(frozen=True, slots=True)
class TagAnswer:
    """What became of a payload in one destination tag, in words.

    Attributes
    ----------
    overtaken_by
        The younger run that the tag holds, where that is why.
    unanswered
        Of a tag that was not named, whether the payload may have been sent all the same.
    failed
        Of a tag that was not named, whether that is no outage: the tool, or its input, is wrong.
    since
        From which since the tag has it, where that is known.
    """

    outcome: TagOutcome
    words: str
    overtaken_by: int | None = None
    unanswered: bool = False
    failed: bool = False
    since: int | None = None


@dataclass(frozen=True, slots=True)
class UploadAnswer:
    """What became of an upload, in the tool's own words.

    `unanswered` says that the file may have been sent, and it is not known whether the service took
    it. `tags` has what the tool said of each destination tag.
    """

    outcome: UploadOutcome
    words: str
    unanswered: bool = False
    tags: Mapping[str, TagAnswer] = field(default_factory=dict)


def missing_credentials(auth_path: Path | None) -> str | NotPrivate | None:
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
    tags: Sequence[str],
    command: Sequence[str],
    environment: Mapping[str, str],
    auth_path: Path | None,
    timeout: float,
    log: Path,
    holding: Sequence[int] = (),
) -> UploadAnswer:
    """Run uploadConditions.py on a payload file whose metadata ``.txt`` stands beside it.

    `missing_credentials` is to be asked before.

    Parameters
    ----------
    tags
        The destination tags that the metadata name.
    command
        The tool and its options; the file's name is added.
    environment
        The CMSSW environment.
    auth_path
        The folder of the netrc file; the home directory if None.
    timeout
        Seconds until the tool is ended.
    log
        Gets all that the tool prints, at its end.
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
        return UploadAnswer(UploadOutcome.NO_ANSWER, late, unanswered=True)
    except OSError as error:
        return UploadAnswer(UploadOutcome.FAILED, f"{command[0]}: {error.strerror}")
    output = done.stdout.decode(errors="replace")
    with log.open("a", encoding="utf-8") as file:
        file.write(output)
    return judge(done.returncode, output, tags)


def judge(exit_code: int, output: str, tags: Sequence[str]) -> UploadAnswer:
    """Tell from an exit code and a log of uploadConditions.py what became of the upload.

    An upload is good if the tool named each of `tags` as uploaded; its exit code does not say so,
    because it is 0 when one tag of several went well, and for tools that send nothing. A positive
    code below 251 says that no tag went well. With it, the tool reports a request that had no
    usable answer ("Error from uploading") as a failed tag too: only without that has the service
    answered, and its answer is final. From 251 on the service was not asked, or the tool could not
    sign out; from 254 on because the service, or the login, did not answer as it should. The tool
    says "Uploading file" before it sends.
    """
    lines = [words_of(line) for line in output.splitlines() if line.strip()]
    lost = next((line for line in lines if line.startswith(_LOST)), None)
    if lost is not None:
        return UploadAnswer(UploadOutcome.NO_ANSWER, lost, unanswered=True)
    named = _named(lines)
    told = {tag: named[tag] for tag in tags if tag in named}
    if 0 < exit_code < _NOT_ASKED and (reasons := _reasons(lines)):
        no_tag = TagAnswer(TagOutcome.FAILED, reasons)
        told = {t: told[t] if t in told and told[t].outcome.refused else no_tag for t in tags}
    if tags and len(told) == len(tags):
        refused = any(answer.outcome.refused for answer in told.values())
        outcome = UploadOutcome.REFUSED if refused else UploadOutcome.UPLOADED
        return UploadAnswer(outcome, in_words(told), tags=told)
    outcome, words = _unsaid(exit_code, lines)
    sent = any(_SENDS in line for line in lines)
    if sent and exit_code == 0:
        outcome = UploadOutcome.NO_ANSWER
    silent = TagAnswer(TagOutcome.NOT_NAMED, words)
    return UploadAnswer(outcome, words, sent, {tag: told.get(tag, silent) for tag in tags})


_NOT_ASKED = 251


def in_words(tags: Mapping[str, TagAnswer]) -> str:
    """Say what became of each tag, in a line: what did not go in first.

    >>> late = TagAnswer(TagOutcome.FAILED, "too late")
    >>> in_words({"A": TagAnswer(TagOutcome.UPLOADED, "successfully uploaded"), "B": late})
    'tag B: too late; tag A: successfully uploaded'
    """
    if len(tags) == 1:
        return next(answer.words for answer in tags.values())
    good = (TagOutcome.UPLOADED, TagOutcome.SUPERSEDED)
    last = sorted(tags, key=lambda tag: tags[tag].outcome in good)
    return "; ".join(f"tag {tag}: {tags[tag].words}" for tag in last)


def _named(lines: Sequence[str]) -> dict[str, TagAnswer]:
    """What the tool says of each tag; what did not go well is believed before what did."""
    named: dict[str, TagAnswer] = {}
    for number, line in enumerate(lines):
        if good := _GOOD.fullmatch(line):
            named.setdefault(good[1], TagAnswer(TagOutcome.UPLOADED, line))
        elif bad := _BAD.fullmatch(line):
            after = lines[number + 1 : number + 2]
            reason = _reasons(after) or bad[3].strip() or f"{bad[2]}, without a reason"
            skipped = bad[2] == "to be skipped"
            outcome = TagOutcome.SKIPPED if skipped else TagOutcome.FAILED
            named[bad[1]] = TagAnswer(outcome, reason)
    return named


def _reasons(lines: Iterable[str]) -> str:
    """The reasons that the service gave, each on a line that begins with dots."""
    told = (x.removeprefix(_REASON).strip() for x in lines if x.startswith(_REASON))
    return "; ".join(reason for reason in told if reason)


def _unsaid(exit_code: int, lines: Sequence[str]) -> tuple[UploadOutcome, str]:
    """What an upload has come to of which the tool does not name every tag."""
    last = next((x for x in reversed(lines) if "ended with code" not in x), "no message")
    if exit_code == _SIGN_IN and (denied := [x for x in lines if "nvalid credentials" in x]):
        last = f"wrong user or password in the netrc file: {denied[0]}"
    if exit_code == 0:
        last = f"not named as uploaded: {last}"
    no_answer = exit_code in (_CONNECTION, _SIGN_IN)
    outcome = UploadOutcome.NO_ANSWER if no_answer else UploadOutcome.FAILED
    return outcome, f"uploadConditions.py, exit {exit_code}: {last}"


def is_known_already(answer: UploadAnswer) -> bool:
    """Whether the service refuses a file because it has the very same one (HTTP 400)."""
    known = re.search(r"before|already|duplicate", answer.words, re.IGNORECASE)
    lost = answer.outcome is UploadOutcome.NO_ANSWER and answer.words.startswith(_LOST)
    return lost and known is not None
