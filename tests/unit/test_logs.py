"""Log lines go where people of the earlier loops look for them."""

import logging

import pytest

from condorloop import logs
from condorloop.model import CampaignKey


@pytest.fixture
def folder(tmp_path):
    logs.start(tmp_path, ["EcalPedestals", "BeamSpot"])
    yield tmp_path
    root = logging.getLogger("condorloop")
    for handler in root.handlers:
        handler.close()
    root.handlers = []
    root.propagate = True


def lines(folder, calibration, level="ALL"):
    return (folder / calibration / f"condorloop_{level}.log").read_text().splitlines()


def test_a_campaigns_lines_go_to_its_calibration_alone(folder):
    logs.say(CampaignKey("EcalPedestals", 398600), "latched")
    assert "EcalPedestals run398600: latched" in lines(folder, "EcalPedestals")[0]
    assert lines(folder, "BeamSpot") == []


def test_what_concerns_all_goes_to_all(folder):
    logging.getLogger("condorloop.services").warning("OMS gives no answer")
    assert len(lines(folder, "EcalPedestals")) == len(lines(folder, "BeamSpot")) == 1


def test_each_level_has_its_file(folder):
    key = CampaignKey("BeamSpot", 398600)
    for level in (logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
        logs.say(key, "told", level)
    assert len(lines(folder, "BeamSpot")) == 4
    for name in ("INFO", "WARNING", "ERROR", "CRITICAL"):
        [line] = lines(folder, "BeamSpot", name)
        assert name in line


def test_an_odd_name_stays_on_its_line(folder):
    logs.say(CampaignKey("BeamSpot", 398600), "bad file a\nCRITICAL forged")
    [line] = lines(folder, "BeamSpot")
    assert "a\\nCRITICAL forged" in line
