"""Words of the command line of the version before: not shown, and still understood.

Each goes with the next release. Whoever types one is told the word that took its place.
"""

from __future__ import annotations

import click

TAKEN_OVER = {
    "once": "run --once",
    "resubmit --all": "resubmit --include-quarantined",
}
"""What to type in place of an old word."""


def tell(old: str) -> None:
    """Say on stderr what to type in place of an old word."""
    click.echo(f"condorloop {old} is old: type condorloop {TAKEN_OVER[old]}", err=True)
