"""One campaign's trouble is its own; the ledger's is everybody's."""

import logging

import pytest

from condorloop.isolation import one_campaign_only
from condorloop.ledger import LedgerError
from tests.unit.examples import KEY


@pytest.mark.parametrize("error", [OSError(28, "No space left"), KeyError("x"), ValueError("y")])
def test_what_goes_wrong_with_a_campaign_is_logged_with_its_name(error, caplog):
    with caplog.at_level(logging.ERROR), one_campaign_only(KEY):
        raise error
    assert str(KEY) in caplog.text
    assert type(error).__name__ in caplog.text


def test_a_ledger_that_cannot_be_used_is_no_campaigns_matter():
    with pytest.raises(LedgerError), one_campaign_only(KEY):
        raise LedgerError("disk full")
