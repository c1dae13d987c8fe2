"""A run of a stream that calibrations share: reconstructed once, harvested and sent for each."""

import pytest

from condorloop.model.enums import CampaignState
from condorloop.rundir.layout import run_dir
from condorloop.testbed import calibrations
from tests.pool.test_loop import scenario

STREAM = "Express"
NAMES = ("SiPixelAliHG", "SiStripGains", "SiStripHitEff", "SiStripQuality")
RUN = 398720


@pytest.fixture
def shared(loop):
    """The session's testbed with calibrations of the express stream."""
    calibrations.write(loop.calibrations, NAMES)
    return loop


def jobs_of(loop, kind):
    """The jobs of a kind that have left the queue, by the calibration that they name."""
    ads = loop.history(f'CondorloopRun == {RUN} && CondorloopKind == "{kind}"')
    return [ad.get("CondorloopCalibration") for ad in ads]


def test_a_run_is_reconstructed_once_and_becomes_a_payload_of_each(shared):
    loop = shared
    play = loop.play(scenario(RUN, [*NAMES], lumisections=24))
    loop.run_until_closed(len(NAMES))
    assert loop.states() == dict.fromkeys(NAMES, CampaignState.COMPLETE)
    for name in NAMES:
        assert play.assay(name, RUN).faults == ()
        assert loop.campaign(name, RUN)["lumis"]["missing"] == ""
        own = run_dir(loop.work_dir, name, RUN)
        assert list(own.glob("harvestJob*/upload.json"))
        assert not list(own.glob("apJob*"))
    runs = run_dir(loop.work_dir, STREAM, RUN)
    read = [path for node in runs.glob("run*_job.txt") for path in node.read_text().splitlines()]
    assert len(set(loop.probes().values())) == 1
    assert read
    recos = len(list(runs.glob("run*Step2.root")))
    assert jobs_of(loop, "RECO") == [None] * recos
    assert set(jobs_of(loop, "HARVEST")) == set(NAMES)
    loop.assert_nothing_was_done_twice(RUN)
