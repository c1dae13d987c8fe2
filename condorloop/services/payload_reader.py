"""The command that reads a payload file: payload classes of CMSSW can be read by CMSSW alone.

Knows how the command is called and ends; `model.constants` knows what it prints. It runs in the
CMSSW environment, on the access point.

The contract: the command is a list of words. In each, ``{file}`` stands for the payload file,
``{tag}`` for a tag in it and ``{hash}`` for a payload, empty for all of the tag. Where no word has
``{file}``, file and tag are added at the end. It prints the JSON object of `Constants` on standard
output and ends with 0; what it says on standard error is shown when it does not.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from condorloop.errors import CondorloopError
from condorloop.model.constants import Constants, ConstantsError
from condorloop.runtime import subprocesses
from condorloop.services.log_lines import words_of
from condorloop.text import one_line

FILE, TAG, HASH = "{file}", "{tag}", "{hash}"


class PayloadUnreadable(CondorloopError):
    """A payload cannot be read; the text says why, and nothing is known of its constants."""


def words(command: Sequence[str], file: Path, tag: str, digest: str = "") -> list[str]:
    """Give the command for one payload file.

    >>> words(["read", "--payload={hash}"], Path("x.db"), "Ecal", "8fae")
    ['read', '--payload=8fae', 'x.db', 'Ecal']
    """
    given = {FILE: str(file), TAG: tag, HASH: digest}
    said = [_filled(word, given) for word in command]
    return said if any(FILE in word for word in command) else [*said, str(file), tag]


def _filled(word: str, given: Mapping[str, str]) -> str:
    for name, value in given.items():
        word = word.replace(name, value)
    return word


def read(
    command: Sequence[str],
    file: Path,
    tag: str,
    environment: Mapping[str, str],
    timeout: float,
    digest: str = "",
) -> Constants:
    """Read the constants of a tag in a payload file.

    Parameters
    ----------
    command
        As the calibration's YAML names it.
    environment
        That of CMSSW.
    timeout
        Seconds until it is ended.
    digest
        The hash of a payload, where only that is wanted.

    Raises
    ------
    PayloadUnreadable
        The command fails, or does not print constants of the tag.
    """
    what = f"{command[0]} on {file}"
    try:
        done = subprocesses.run(
            words(command, file, tag, digest), environment=environment, timeout=timeout
        )
    except subprocess.TimeoutExpired as error:
        raise PayloadUnreadable(f"{what}: it took more than {timeout:g} s") from error
    except OSError as error:
        raise PayloadUnreadable(f"{what}: {error.strerror}") from error
    except ValueError as error:
        raise PayloadUnreadable(f"{what}: {error}") from error
    if done.returncode:
        said = [words_of(line) for line in done.stderr.decode(errors="replace").splitlines()]
        last = next((line for line in reversed(said) if line), "no message")
        raise PayloadUnreadable(f"{what}: exit {done.returncode}: {one_line(last)}")
    try:
        found = Constants.from_text(done.stdout.decode(errors="replace"), what)
    except ConstantsError as error:
        raise PayloadUnreadable(str(error)) from error
    if found.tag != tag:
        raise PayloadUnreadable(f"{what}: it gives tag {one_line(found.tag)}, asked for {tag}")
    return found
