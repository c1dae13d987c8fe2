"""The whole loop on tags of several synchronisations: the database serves each LS as it must."""

import pytest

from condorloop.testbed.truth import Truth
from condorloop.testbed.verify import assay


def of_run(run, start):
    late = [{"stream": "ExpressPhysics", "ls": 5, "late": 6}]
    return {
        "run": run,
        "calibrations": ["BeamSpot"],
        "start_offset": start,
        "lumisections": {"count": 12, "every": 0.2},
        "end_after": 0.5,
        "files": late,
    }


@pytest.mark.parametrize(
    ("older", "synchronisation"),
    [(398830, "any"), (398832, "hlt"), (398834, "pcl"), (398836, "offline")],
)
def test_two_runs_are_served_as_the_tags_synchronisation_allows(loop, older, synchronisation):
    tag = f"BeamSpot_{synchronisation}"
    spec = {"time_type": "Lumi", "object_type": "BeamSpotObjects"}
    metadata = {"destinationTags": None, "synchronisation": synchronisation}
    loop.edit("BeamSpot", {"step_4_config": {"upload_metadata": metadata}})
    told = {"destinationTags": {tag: {}}}
    loop.edit("BeamSpot", {"step_4_config": {"upload_metadata": told}})
    runs = (older, older + 1)
    play = loop.play(
        {
            "seed": older,
            "runs": [of_run(run, 3 * i) for i, run in enumerate(runs)],
            "conditions": {"tags": {tag: {"synchronisation": synchronisation, **spec}}},
        }
    )
    loop.run_until_closed(2)
    truth = Truth(play.scenario.seed)
    calibration = loop.config().calibrations["BeamSpot"]
    found = [assay(loop.stack.folder, calibration, run, truth, loop.work_dir) for run in runs]
    assert [verdict.faults for verdict in found] == [(), ()]
    # where it might be moved up, what is late of the older run is not sent after the younger one
    whole = found[1:] if synchronisation == "hlt" else found
    assert {str(verdict.in_payload) for verdict in whole} == {"1-12"}
