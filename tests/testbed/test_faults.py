"""A fault hits whom it is meant for, from its time on, and as often as it was asked for."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from condorloop.testbed.faults import Fault, Faults, OmsMode
from condorloop.testbed.scenario.scenario import Scenario
from condorloop.testbed.service_faults import ConditionsFaults, OmsFaults

CRASH = Fault("cmsrun", "exit_code", exit_code=139, calibration="EcalPedestals", at=10)


def ecal(faults: Faults, now: float, **scope: Any) -> Fault | None:
    return faults.due("cmsrun", now, calibration="EcalPedestals", **scope)


def test_a_fault_hits_once_and_not_before_its_time(tmp_path: Path) -> None:
    faults = Faults(tmp_path / "faults")
    faults.arm([CRASH], started_at=1000.0)
    assert ecal(faults, 1009.9) is None
    assert ecal(faults, 1010.0) == CRASH
    assert ecal(faults, 1011.0) is None


def test_a_play_at_twice_the_speed_has_its_faults_in_half_the_time(tmp_path: Path) -> None:
    faults = Faults(tmp_path)
    faults.arm([CRASH], started_at=1000.0, speed=2.0)
    assert ecal(faults, 1004.9) is None
    assert ecal(faults, 1005.0) == CRASH


def test_without_a_folder_there_are_no_faults(tmp_path: Path) -> None:
    assert ecal(Faults(tmp_path / "none"), 0.0) is None
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("narrowed", "call", "hit"),
    [
        ({}, {"run": 1, "step": "step2"}, True),
        ({"run": 1}, {"run": 1, "step": "step3"}, True),
        ({"run": 1}, {"run": 2}, False),
        ({"run": 1}, {}, False),
        ({"step": "step2"}, {"run": 2, "step": "step2"}, True),
        ({"step": "step2"}, {"run": 2, "step": "step4"}, False),
    ],
)
def test_run_and_step_narrow_a_fault(
    tmp_path: Path, narrowed: dict[str, Any], call: dict[str, Any], hit: bool
) -> None:
    faults = Faults(tmp_path)
    faults.arm(
        [Fault("cmsrun", "exit_code", exit_code=1, calibration="EcalPedestals", **narrowed)], 0
    )
    assert (ecal(faults, 1.0, **call) is not None) is hit


def test_a_fault_of_one_calibration_or_target_leaves_the_others_alone(tmp_path: Path) -> None:
    faults = Faults(tmp_path)
    faults.arm([CRASH], 0)
    assert faults.due("cmsrun", 99, calibration="BeamSpot") is None
    assert faults.due("upload_conditions", 99, calibration="EcalPedestals") is None
    faults.clear()
    assert ecal(faults, 99) is None


def test_a_fault_without_limit_never_ends(tmp_path: Path) -> None:
    faults = Faults(tmp_path)
    faults.arm([Fault("cmsrun", "exit_code", times=None, exit_code=1)], 0)
    assert all(ecal(faults, 1.0) for _ in range(10))


ASK = """
import sys
from condorloop.testbed.faults import Faults
print(sum(Faults(sys.argv[1]).due("cmsrun", 1.0) is not None for _ in range(30)))
assert "pydantic" not in sys.modules and "numpy" not in sys.modules
"""


def test_jobs_that_fail_at_the_same_time_share_the_count(tmp_path: Path) -> None:
    Faults(tmp_path).arm([Fault("cmsrun", "exit_code", times=50, exit_code=1)], 0)
    command = [sys.executable, "-c", ASK, str(tmp_path)]
    jobs = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert sum(int(job.communicate(timeout=20)[0]) for job in jobs) == 50


def test_threads_share_the_count_too(tmp_path: Path) -> None:
    Faults(tmp_path).arm([Fault("cmsrun", "exit_code", times=20, exit_code=1)], 0)
    with ThreadPoolExecutor(8) as pool:
        hits = pool.map(lambda _: Faults(tmp_path).due("cmsrun", 1.0) is not None, range(60))
    assert sum(hits) == 20


def test_the_faults_of_a_scenario_go_where_they_belong(tmp_path: Path) -> None:
    scenario = Scenario.of(
        {
            "faults": [
                {"target": "oms", "mode": "connection_error", "at": 5, "times": 2},
                {
                    **{"target": "upload_conditions", "mode": "exit_code", "exit_code": 1},
                    **{"calibration": "BeamSpot", "times": "unlimited", "message": "no"},
                },
            ]
        }
    )
    now = 1000.0
    oms, jobs = OmsFaults(clock=lambda: now), Faults(tmp_path)
    oms.schedule(scenario.faults, started_at=1000.0)
    jobs.arm(scenario.faults, started_at=1000.0)
    assert oms.take("runs") is None
    now = 1005.0
    hits = [oms.take("runs") for _ in range(3)]
    assert [hit and hit.mode for hit in hits] == [OmsMode.CONNECTION_ERROR] * 2 + [None]
    upload = jobs.due("upload_conditions", now, calibration="BeamSpot", run=7)
    assert upload
    assert (upload.exit_code, upload.message, upload.times) == (1, "no", None)
    assert jobs.due("oms", now) is None


def test_a_mode_or_a_count_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="no_such"):
        OmsFaults().inject("no_such")
    with pytest.raises(ValueError, match="positive"):
        OmsFaults().inject("html", times=0)


def test_an_outage_hits_every_call_until_it_is_over(tmp_path: Path) -> None:
    outage = {"target": "conditions", "mode": "unavailable", "at": 10, "lasts": 20}
    scenario = Scenario.of({"faults": [outage]})
    now = 0.0
    faults = ConditionsFaults(clock=lambda: now)
    faults.schedule(scenario.faults, started_at=1000.0, speed=2.0)
    hits = {}
    for now in (1004.9, 1005.0, 1010.0, 1014.9, 1015.0):
        hits[now] = faults.take("token") is not None
    assert list(hits.values()) == [False, True, True, True, False]


def test_services_that_start_again_do_not_repeat_the_faults_that_are_past(tmp_path: Path) -> None:
    past, coming = Fault("oms", "html", at=5), Fault("oms", "empty", at=50)
    always = Fault("oms", "nulls", at=0, times=None)
    faults = OmsFaults(clock=lambda: 1010.0)
    faults.schedule([past, coming, always], started_at=1000.0, resumed=True)
    assert [armed.fault for armed in faults.armed] == [coming, always]


def test_the_next_play_drops_the_last_one_s_faults_and_not_those_that_were_asked_for() -> None:
    faults = OmsFaults()
    faults.inject("html")
    faults.schedule([Fault("oms", "empty")], started_at=0.0)
    faults.schedule([], started_at=0.0)
    assert [armed.fault.mode for armed in faults.armed] == ["html"]


def test_a_fault_at_a_lumisection_waits_for_the_file_that_has_it(tmp_path: Path) -> None:
    faults = Faults(tmp_path)
    anywhere = Fault("cmsrun", "no_output", calibration="BeamSpot")
    faults.arm([Fault("cmsrun", "hang", calibration="BeamSpot", ls=7), anywhere], 0)
    job = ("BeamSpot", 398600, "step2")
    assert faults.of_job(*job, lumis={1, 2}, first=False) is None
    found = [faults.of_job(*job, lumis=lumis, first=True) for lumis in ({1}, {6, 7}, {7})]
    assert [fault and fault.mode for fault in found] == ["no_output", "hang", None]
