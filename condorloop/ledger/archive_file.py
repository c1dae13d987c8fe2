"""An archive, open for writing: a ledger by itself, of the runs of one year."""

from __future__ import annotations

from condorloop.ledger.store import Ledger


class Archive(Ledger):
    """An archive: to open it makes it, or brings it up to date."""

    def _check(self) -> None:
        """It only grows, and nothing is decided from it: it is not read through."""

    _check_contents = _check
