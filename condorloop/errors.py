"""What can go wrong for a reason outside the program: one tree, and its exit code and hint.

Each class below `CondorloopError` stands where it is raised. Its text says in one line what is
wrong; `condorloop` prints that, then the hint, and ends with the exit code. Whatever is no
`CondorloopError` and no `OSError` is a mistake of the program.
"""

from __future__ import annotations

from typing import ClassVar


class CondorloopError(Exception):
    """Raised in place of an expected error; the text is for an operator."""

    exit_code: ClassVar[int] = 1
    """How a command ends that cannot go on."""
    hint: ClassVar[str] = ""
    """What to type about it, where that does not depend on the case."""


class Unavailable(CondorloopError):
    """A service gives no usable answer: what is known of it stands."""

    hint = "condorloop doctor"
