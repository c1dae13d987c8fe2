"""Configuration that is read anew while the loop runs.

Knows which configuration can be taken up, and remembers why one could not; knows nothing of who
uses it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from condorloop.config.destinations import ACCEPT, DestinationChanged
from condorloop.config.loader import Config, ConfigError
from condorloop.config.site import Site
from condorloop.ledger.connection import LedgerError

_REMEDY = (
    f"; if that is meant, end the submitter, type condorloop run --once {ACCEPT}, and start it"
    " again"
)

log = logging.getLogger(__name__)


class ConfigReload:
    """A wish to read the configuration anew, and what became of the last one.

    `refused` says why the last one was not taken up and since when, in seconds since the epoch; it
    is empty if it was.
    """

    def __init__(self) -> None:
        self.refused: tuple[str, float | None] = ("", None)
        self._read: Callable[[], Config] | None = None

    @property
    def wished(self) -> bool:
        """Whether there is something to read."""
        return self._read is not None

    def wish(self, read: Callable[[], Config]) -> None:
        """Have the configuration read by this, soon; safe in a signal handler."""
        self._read = read

    def take_up(
        self, present: Config, now: float, remember: Callable[[Config], None] = lambda _: None
    ) -> Config | None:
        """Read what was wished for; None if nothing was, or if it cannot be used.

        One of another site cannot: that takes a new start. Neither can one whose payloads would go
        elsewhere, which `remember` refuses.
        """
        read, self._read = self._read, None
        if read is None:
            return None
        try:
            config = read()
        except ConfigError as error:
            self._refuse(list(map(str, error.mistakes)), now)
            return None
        if _apart_from_defaults(config.site) != _apart_from_defaults(present.site):
            self._refuse(["another site file needs a new start"], now)
            return None
        try:
            remember(config)
        except DestinationChanged as error:
            self._refuse([*map(str, error.changes)], now, _REMEDY)
            return None
        except (LedgerError, OSError) as error:
            self._refuse([f"where payloads go cannot be compared: {error}"], now)
            return None
        self.refused = "", None
        log.info("configuration reloaded, in use for new DAGs: %s", ", ".join(config.calibrations))
        return config

    def _refuse(self, mistakes: list[str], now: float, remedy: str = "") -> None:
        for mistake in mistakes:
            log.error("new configuration rejected, the old one stays in use: %s%s", mistake, remedy)
        first, *others = mistakes
        more = f", and {len(others)} more" if others else ""
        self.refused = f"{first}{more}{remedy}", now


def _apart_from_defaults(site: Site) -> Site:
    return site.model_copy(update={"defaults": None})
