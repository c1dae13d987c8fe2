"""Which streams could share a reconstruction, and what keeps them from it."""

from __future__ import annotations

from condorloop.config.sharing import reconstructed_twice
from tests.unit.examples import calibration

ECAL, STRIP, SPOT = map(calibration, ("EcalPedestals", "SiStripBad", "BeamSpot"))


def changed(stream, **reco):
    return stream.model_copy(update={"reco": stream.reco.model_copy(update=reco)})


def test_the_shipped_strips_and_the_beam_spot_reconstruct_the_same_files():
    [double] = reconstructed_twice([ECAL, STRIP, SPOT])
    assert double.streams == ("BeamSpot", "SiStripBad")
    assert double.differences == {
        "step": {"BeamSpot": "RAW2DIGI,RECO", "SiStripBad": "RAW2DIGI,RECO:trackerlocalreco"},
        "procModifier": {"BeamSpot": "trackingIters01", "SiStripBad": "nothing"},
    }


def test_another_era_or_scenario_is_another_reconstruction():
    for key, value in (("era", "Run3_2026"), ("scenario", "cosmics")):
        assert list(reconstructed_twice([changed(STRIP, **{key: value}), SPOT])) == []


def test_what_they_select_is_no_difference():
    reco = {"step": "RAW2DIGI,RECO,ALCAPRODUCER:SiStripCalMinBias", "proc_modifier": None}
    same = changed(SPOT, **reco)
    [double] = reconstructed_twice([changed(STRIP, step="RAW2DIGI,RECO"), same])
    assert double.differences == {}
