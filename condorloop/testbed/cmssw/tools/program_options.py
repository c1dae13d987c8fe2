"""Command lines as Boost.Program_options reads them, which CMSSW's C++ tools use.

A long option can be shortened to any unambiguous beginning; short options without a value can
be joined; the messages are Boost's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Option:
    """One option: its one-letter form, whether a value follows, and its help."""

    letter: str = ""
    value: bool = False
    help: str = ""


class OptionError(Exception):
    """The command line is wrong; the text is Boost's."""


def parse(
    argv: Sequence[str], options: Mapping[str, Option], stop_at_positional: bool = False
) -> tuple[dict[str, list[str]], list[str]]:
    """Read a command line.

    Parameters
    ----------
    argv
        Without the program's name.
    options
        By their long name.
    stop_at_positional
        Take what follows the first positional argument as positional too.

    Returns
    -------
    given : dict of str to list of str
        The values of each option that was given; empty strings for one without a value.
    positional : list of str

    Raises
    ------
    OptionError
        An option is unknown, ambiguous, or lacks its value.
    """
    letters = {option.letter: name for name, option in options.items() if option.letter}
    given: dict[str, list[str]] = {}
    positional: list[str] = []
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        if word == "--" or (positional and stop_at_positional):
            positional += [word, *rest] if word != "--" else rest
            break
        value: str | None
        if word.startswith("--"):
            text, equals, after = word[2:].partition("=")
            name, value = _whole(text, options), after if equals else None
        elif word.startswith("-") and len(word) > 1:
            if word[1] not in letters:
                raise OptionError(f"unrecognised option '{word}'")
            name, value = letters[word[1]], word[2:] or None
            if value is not None and not options[name].value:
                rest.insert(0, f"-{value}")
                value = None
        else:
            positional.append(word)
            continue
        if options[name].value and value is None:
            if not rest:
                raise OptionError(f"the required argument for option '--{name}' is missing")
            value = rest.pop(0)
        given.setdefault(name, []).append(value or "")
    return given, positional


def described(options: Mapping[str, Option]) -> str:
    """Give the help text."""
    lines = ["Allowed options:"]
    for name, option in options.items():
        short = f"-{option.letter} [ --{name} ]" if option.letter else f"--{name}"
        lines.append(f"  {short + (' arg' if option.value else ''):<28} {option.help}")
    return "\n".join(lines)


def _whole(text: str, options: Mapping[str, Option]) -> str:
    if text in options:
        return text
    matches = [name for name in options if name.startswith(text)]
    if not matches:
        raise OptionError(f"unrecognised option '--{text}'")
    if len(matches) > 1:
        listed = " and ".join(f"'--{name}'" for name in matches)
        raise OptionError(f"option '--{text}' is ambiguous and matches {listed}")
    return matches[0]
