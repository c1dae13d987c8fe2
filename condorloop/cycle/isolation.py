"""Keeping what goes wrong with one campaign from the others.

Knows which errors are of one campaign and which of all.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from condorloop.ledger.connection import LedgerError
from condorloop.model.campaign import CampaignKey
from condorloop.runtime.logs import say
from condorloop.text import one_line

log = logging.getLogger(__name__)


class Isolation:
    """What has gone wrong with single campaigns since it was last forgotten."""

    def __init__(self) -> None:
        self.errors: dict[CampaignKey, str] = {}

    @contextmanager
    def one_campaign_only(self, key: CampaignKey) -> Iterator[None]:
        """Log what goes wrong with a campaign, and go on with the next one.

        Raises
        ------
        LedgerError
            The ledger cannot be used: that concerns all campaigns.
        """
        try:
            yield
        except LedgerError:
            raise
        except Exception as error:
            self.errors[key] = one_line(f"{type(error).__name__}: {error}")
            say(key, self.errors[key], logging.ERROR)
            log.debug("%s", key, exc_info=True)

    def forget(self) -> None:
        """Begin anew: what still goes wrong will show."""
        self.errors = {}
