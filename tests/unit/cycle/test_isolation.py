"""What goes wrong with one campaign is told, and stops no other."""

import pytest

from condorloop.cycle.isolation import Isolation
from condorloop.ledger.store import LedgerError
from condorloop.monitoring.problems.campaigns import of_errors
from tests.unit.examples import KEY


def test_an_error_of_one_campaign_is_told_in_status_as_long_as_it_lasts():
    isolation = Isolation()
    with isolation.one_campaign_only(KEY):
        raise PermissionError(13, "Permission denied", "/data/ngt/EcalPedestals")
    [problem] = of_errors(isolation.errors)
    assert problem.text.startswith(f"{KEY}: cannot go on: PermissionError: ")
    isolation.forget()
    assert isolation.errors == {}


def test_what_is_wrong_with_the_ledger_concerns_all():
    with pytest.raises(LedgerError), Isolation().one_campaign_only(KEY):
        raise LedgerError("disk full")
