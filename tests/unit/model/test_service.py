"""The testbed's services take up a play: its faults go to those whom they are for."""

from pathlib import Path

import pytest
import yaml

from condorloop.testbed.faults import Faults
from condorloop.testbed.services import Play, Services

FAULTS = [
    {"target": "oms", "mode": "empty", "at": 5},
    {"target": "conditions", "mode": "unavailable", "at": 0, "lasts": 30},
    {"target": "cmsrun", "mode": "hang", "calibration": "BeamSpot", "at": 0},
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A testbed that is asked to play a scenario of faults that began a minute ago."""
    (tmp_path / "scenario.yaml").write_text(yaml.safe_dump({"faults": FAULTS}))
    Play(str(tmp_path / "scenario.yaml"), started_at=1000.0).write(tmp_path)
    return tmp_path


def taken_up(folder: Path) -> tuple[list[str], list[str]]:
    """Start services on a folder; give the modes that wait in OMS and conditions service."""
    services = Services(folder)
    services.follow()
    services.stop()
    oms, conditions = services.oms.faults.armed, services.conditions.faults.armed
    return [a.fault.mode for a in oms], [a.fault.mode for a in conditions]


def hang(folder: Path) -> bool:
    job = ("BeamSpot", 398600, "step2")
    return Faults(folder / "faults").of_job(*job, lumis=[1], first=True) is not None


def test_each_target_gets_its_faults(folder: Path) -> None:
    assert taken_up(folder) == (["empty"], ["unavailable"])
    assert hang(folder)


def test_services_that_start_again_do_not_repeat_what_is_past(folder: Path) -> None:
    taken_up(folder)
    assert hang(folder)
    assert taken_up(folder) == ([], ["unavailable"])
    assert not hang(folder)
