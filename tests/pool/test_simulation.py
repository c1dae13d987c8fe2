"""What a simulation says of a scenario is what happens when the scenario is played."""

import json

import pytest
import yaml

from condorloop.model.enums import CampaignState
from condorloop.simulation.models.pool import default_model

RUN = 398780
SPREAD = 1.5
"""How far outside of what ten seeds give the one real run may lie."""

SCENARIO = {
    "seed": RUN,
    "layout": {"TestEnablesEcalHcal": {"ls_per_file": 3}},
    "runs": [
        {
            "run": RUN,
            "calibrations": ["EcalPedestals"],
            "start_offset": 0,
            "lumisections": {"count": 60, "every": 0.4},
            "end_after": 0.5,
        }
    ],
}


@pytest.fixture
def model(tmp_path):
    """The testbed: its cores, files that come at once, jobs that do not fail."""
    data = yaml.safe_load(default_model().read_text())
    data |= {"slots": 8, "failures": {}, "oms_delay": 0}
    data["streams"] = {"TestEnablesEcalHcal": {"lumis_per_file": 3, "delay": {"median": "0.1 s"}}}
    file = tmp_path / "model.yaml"
    file.write_text(yaml.safe_dump(data))
    return file


def test_real_and_simulated_latencies_agree(loop, model):
    loop.play(SCENARIO)
    loop.run_until_closed(1)
    assert loop.states() == {"EcalPedestals": CampaignState.COMPLETE}
    [reported] = json.loads(loop.condorloop("report", "--json").stdout)["calibrations"]
    real = reported["after_ls_end"]

    def simulated(seed):
        scenario = str(loop.folder / "scenario.yaml")
        given = ["--pool", str(model), "--runs", scenario, "--from", str(loop.work_dir)]
        given += ["-c", "EcalPedestals", "--seed", str(seed), "--json"]
        done = loop.condorloop("simulate", *given)
        [row] = json.loads(done.stdout)["rows"]
        [calibration] = row["outcome"]["calibrations"]
        return calibration["after_ls_end"]

    rows = [simulated(seed) for seed in range(1, 11)]
    print("real", real, "simulated", *rows, sep="\n")
    assert {row["count"] for row in rows} == {real["count"]}
    medians = [row["median"] for row in rows]
    assert min(medians) / SPREAD <= real["median"] <= max(medians) * SPREAD
