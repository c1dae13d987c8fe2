"""Which kinds of runs a calibration asks for."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from condorloop.config.run_selection import RunSelection


def selection(**keys):
    return RunSelection.model_validate(
        {"filltype": "PROTONS", "l1hltmode": "collisions2026"} | keys
    )


def test_a_word_alone_asks_for_one_kind_of_runs():
    one = selection()
    assert one.matches("PROTONS", "collisions2026")
    assert not one.matches("PB", "collisions2026")
    assert not one.matches("PROTONS", "cosmics2026")
    assert not one.matches(None, "collisions2026")


def test_a_list_asks_for_several_and_null_for_runs_without_a_fill():
    several = selection(filltype=["COSMICS", None], l1hltmode=["cosmics2026", "collisions2026"])
    for fill_type in ("COSMICS", None):
        for mode in ("cosmics2026", "collisions2026"):
            assert several.matches(fill_type, mode)
    assert not several.matches("PROTONS", "cosmics2026")


@pytest.mark.parametrize("value", ["PROTONS", None, ["PROTONS", None], ["PROTONS", "PB"]])
def test_it_is_written_as_it_was_given(value):
    written = selection(filltype=value).model_dump(mode="json", by_alias=True)
    assert written["filltype"] == value
    assert RunSelection.model_validate(written) == selection(filltype=value)


@pytest.mark.parametrize("value", [[], ["two\nlines"], 3, True, [["PROTONS"]]])
def test_what_is_no_word_is_refused(value):
    with pytest.raises(ValidationError):
        selection(filltype=value)
