"""How the help of a command is laid out."""

from __future__ import annotations


def examples(*lines: str) -> str:
    """Write the examples at the end of a command's help; each is shown as it is."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
