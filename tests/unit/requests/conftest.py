"""The place where requests are carried out."""

import pytest

from tests.unit.requests.place import Place


@pytest.fixture
def place(tmp_path):
    place = Place(tmp_path)
    yield place
    place.ledger.close()
