"""Commands of requests take the names of campaigns, configured or not any more."""

import shutil

import pytest
from click.testing import CliRunner

from condorloop.cli.main import cli
from condorloop.ledger.store import Ledger
from condorloop.model.campaign import CampaignKey
from tests.unit.examples import RUN, START, TOP, site_file


@pytest.fixture
def forgotten(tmp_path):
    """A work_dir with a campaign of BeamSpot, whose YAML file is gone."""
    folder = tmp_path / "calibrationYAML"
    folder.mkdir()
    shutil.copy(TOP / "calibrationYAML" / "EcalPedestals.yaml", folder)
    shutil.copy(TOP / "ngtParameters.jsn", tmp_path)
    site = site_file(tmp_path)
    (tmp_path / "work").mkdir()
    with Ledger(tmp_path / "work" / "condorloop.db") as ledger:
        ledger.campaigns.latch(CampaignKey("BeamSpot", RUN.number), "/eos", RUN, "running", START)
    return ["--site", str(site), "--calibrations", str(folder)]


def asked(*words):
    done = CliRunner().invoke(cli, [*words, "--dry-run"])
    return done.exit_code, done.output


def test_a_campaign_whose_calibration_is_not_configured_can_be_abandoned(forgotten):
    code, said = asked("abandon", str(RUN.number), "-c", "BeamSpot", *forgotten)
    assert (code, said) == (0, f"would: BeamSpot run{RUN.number}: give it up\n")


def test_a_name_that_nobody_knows_is_answered_by_those_that_there_are(forgotten):
    code, said = asked("resubmit", str(RUN.number), "-c", "BeamSport", *forgotten)
    assert (code, said) == (1, f"run {RUN.number}: no campaign of BeamSport; there are BeamSpot\n")
