r"""Quoting of values for the languages that a DAG is written in.

Knows the rules of the shell, of ClassAds, of a submit description's arguments and of DAGMan's
VARS (HTCondor manual: condor_submit, "arguments"; DAGMan, "VARS"; ClassAd language).
"""

from __future__ import annotations

import re
import shlex
import string

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PLAIN = f"{string.ascii_letters}{string.digits}_./:=,+@%-".encode()
_DOLLARS = re.compile(r"\$\$?")


def shell(value: object) -> str:
    """Quote as one word of a POSIX shell.

    >>> print(shell("$(here) it is"))
    '$(here) it is'
    """
    return shlex.quote(str(value))


def classad(value: object) -> str:
    r"""Write as a ClassAd literal: a number as it is, anything else as a string.

    >>> print(classad('say "yes"'), classad(3))
    "say \"yes\"" 3
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    text = _in_one_line(str(value)).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def submit(value: object) -> str:
    """Write as a value of a submit description, in which ``$`` starts nothing.

    Two of them begin a macro of the machine that a job is matched with. A value that has the very
    text ``$(DOLLAR)`` cannot be written.

    >>> submit("costs $(5)"), submit("$$(Memory)")
    ('costs $(DOLLAR)(5)', '$$(DOLLARDOLLAR)(Memory)')
    """
    return _DOLLARS.sub(_dollars, _in_one_line(str(value)))


def _dollars(found: re.Match[str]) -> str:
    return "$$(DOLLARDOLLAR)" if found[0] == "$$" else "$(DOLLAR)"


def arguments(values: object) -> str:
    """Join words to what stands between the double quotes of ``arguments`` or ``environment``.

    >>> arguments(["a b", "it's"])
    "'a b' 'it''s'"
    """
    words = values if isinstance(values, (list, tuple)) else [values]
    return " ".join([_argument(str(w)) for w in words])


def _argument(word: str) -> str:
    if _is_plain(word):
        return word
    return "'" + submit(word).replace("'", "''").replace('"', '""') + "'"


def dag_vars(value: object) -> str:
    r"""Write as the quoted value of a DAGMan VARS line.

    >>> print(dag_vars('say "yes"'))
    "say \"yes\""
    """
    text = _in_one_line(str(value)).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def vars_argument(word: str) -> str:
    r"""Write as the quoted value of a VARS line that is one word of ``arguments``.

    >>> print(vars_argument("a.root"), vars_argument('say "yes"'))
    "a.root" "'say \"\"yes\"\"'"
    """
    return f'"{word}"' if _is_plain(word) else dag_vars(arguments(word))


def _is_plain(word: str) -> bool:
    """Whether all of its characters mean nothing to anybody; twice as fast as by a pattern."""
    return word != "" and not word.encode(errors="replace").translate(None, _PLAIN)


def comment(value: object) -> str:
    """Write as part of a one-line comment."""
    return _in_one_line(str(value))


def _in_one_line(text: str) -> str:
    """Give the text without control characters; most have none, and are told so at once."""
    return text if text.isprintable() else _CONTROL.sub(" ", text)
