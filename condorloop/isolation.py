"""Keeping what goes wrong with one campaign from the others.

Knows which errors are of one campaign and which of all.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from condorloop.ledger_file import LedgerError
from condorloop.logs import say
from condorloop.model import CampaignKey

log = logging.getLogger(__name__)


@contextmanager
def one_campaign_only(key: CampaignKey) -> Iterator[None]:
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
        say(key, f"{type(error).__name__}: {error}", logging.ERROR)
        log.debug("%s", key, exc_info=True)
