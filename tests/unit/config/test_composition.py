"""How RECO and ALCA of a stream are put together from what its calibrations need."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.config.composition import Additions, composed, with_names
from tests.unit.examples import calibration

STREAM = calibration("BeamSpot")
GAINS = Additions(("SiStripCalMinBias",), ("PromptCalibProdSiStripGains",))
QUALITY = Additions(("SiStripCalZeroBias", "SiStripPCLHistos"), ("PromptCalibProdSiStrip",))
HIT_EFFICIENCY = Additions(("SiStripCalMinBias",), ("PromptCalibProdSiStripHitEff",))
ALL = (GAINS, QUALITY, HIT_EFFICIENCY)

NAMES = st.lists(st.text("ABCabc", min_size=1, max_size=3), max_size=6)


def test_what_several_calibrations_need_is_asked_for_once_behind_the_base():
    made = composed(STREAM, ALL)
    assert made.reco.step == (
        "RAW2DIGI,RECO,ALCAPRODUCER:TkAlMinBias+PromptCalibProdBeamSpotHP"
        "+SiStripCalMinBias+SiStripCalZeroBias+SiStripPCLHistos"
    )
    assert made.alca.cms_driver.step == (
        "ALCAOUTPUT:TkAlMinBias+SiStripCalMinBias+SiStripCalZeroBias+SiStripPCLHistos,"
        "ALCA:PromptCalibProdBeamSpotHP"
        "+PromptCalibProdSiStrip+PromptCalibProdSiStripGains+PromptCalibProdSiStripHitEff"
    )


@pytest.mark.parametrize("order", list(permutations(ALL)))
def test_who_asks_first_makes_no_difference(order):
    assert composed(STREAM, order) == composed(STREAM, ALL)


def test_a_stream_of_one_calibration_alone_stays_as_it_is():
    assert composed(STREAM, [Additions()]) == STREAM


def test_functions_and_lines_follow_those_of_the_base_each_once():
    base = composed(STREAM, [Additions(reco_mods=("a",), alca_customise=("X.f",))])
    both = composed(
        base,
        [
            Additions(reco_mods=("b", "a"), alca_mods=("c",)),
            Additions(reco_mods=("b",), alca_customise=("Y.g", "X.f")),
        ],
    )
    assert both.reco.config_mods == ("a", "b")
    assert both.alca.cms_driver.config_mods == ("c",)
    assert both.alca.cms_driver.customise == ("X.f", "Y.g")


@given(st.lists(st.sampled_from(["RAW2DIGI", "RECO:x", "ALCA:p+q", "L1Reco"]), unique=True), NAMES)
def test_each_name_is_there_once_and_all_else_stays(base, names):
    steps = ",".join(base)
    made = with_names(steps, "ALCA", names)
    parts = dict(part.partition(":")[::2] for part in made.split(",") if part)
    asked = parts.pop("ALCA", "").split("+") if "ALCA" in parts else []
    before = ["p", "q"] if "ALCA:p+q" in base else []
    assert asked == before + sorted(set(names) - set(before))
    assert [p for p in made.split(",") if p and not p.startswith("ALCA:")] == [
        p for p in base if p != "ALCA:p+q"
    ]
    assert with_names(made, "ALCA", names) == made
