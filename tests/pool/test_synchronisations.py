"""The whole loop on tags of several synchronisations: the database serves each LS as it must."""

from unittest.mock import patch

import pytest

from condorloop.ledger.store import LedgerReader
from condorloop.model.enums import Synchronisation
from condorloop.policy import piece_due
from condorloop.rundir.layout import LEDGER
from condorloop.testbed.in_force import TagHistory
from condorloop.testbed.truth import Truth
from condorloop.testbed.verify import assay

BESIDE = {"hlt": "express", "pcl": "prompt"}
"""The synchronisation of a tag by run that is filled in the same story."""

BY = {"BeamSpot": ("Lumi", "BeamSpotObjects"), "SiStripBad": ("Run", "SiStripBadStrip")}


def to_tag(loop, calibration, synchronisation):
    """Let payloads go to a tag of a synchronisation, and say what the service knows of it."""
    tag = f"{calibration}_{synchronisation}"
    metadata = {"destinationTags": None, "synchronisation": synchronisation}
    loop.edit(calibration, {"step_4_config": {"upload_metadata": metadata}})
    told = {"destinationTags": {tag: {}}}
    loop.edit(calibration, {"step_4_config": {"upload_metadata": told}})
    time_type, object_type = BY[calibration]
    spec = {"time_type": time_type, "object_type": object_type}
    return tag, {tag: {"synchronisation": synchronisation, **spec}}


def of_run(run, start, calibrations=("BeamSpot",)):
    late = [{"stream": "ExpressPhysics", "ls": 5, "late": 6}]
    return {
        "run": run,
        "calibrations": list(calibrations),
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
    rules = {"BeamSpot": synchronisation}
    if beside := BESIDE.get(synchronisation):
        rules["SiStripBad"] = beside
    tags = {}
    for name, rule in rules.items():
        tags |= to_tag(loop, name, rule)[1]
    runs = (older, older + 1)
    play = loop.play(
        {
            "seed": older,
            "runs": [of_run(run, 3 * i, rules) for i, run in enumerate(runs)],
            "conditions": {"tags": tags},
        }
    )
    loop.run_until_closed(2 * len(rules))
    truth = Truth(play.scenario.seed)
    loaded = loop.config()
    for name, rule in rules.items():
        of_this = loaded.calibrations[name], loaded.stream_of(name)
        found = [assay(loop.stack.folder, *of_this, run, truth, loop.work_dir) for run in runs]
        assert [verdict.faults for verdict in found] == [(), ()]
        # where it might be moved up, what is late of the older run is not sent after the younger
        whole = found[1:] if Synchronisation(rule).moves_up else found
        assert {str(verdict.in_payload) for verdict in whole} == {"1-12"}


def test_a_run_that_outlasts_the_buffer_goes_up_in_pieces(loop):
    """The buffer is as short as the run: the first lumisections go up while it is taken."""
    run = 398838
    tag, tags = to_tag(loop, "BeamSpot", "offline")
    loop.edit("BeamSpot", {"closing": {"buffer": 90}})
    lumisections = {"count": 44, "every": 0.3}
    told = {**of_run(run, 0), "lumisections": lumisections, "end_after": 80, "files": []}
    with patch.object(piece_due, "SHARE", 1):
        play = loop.play({"seed": run, "runs": [told], "conditions": {"tags": tags}})
        loop.run_until_closed(1)
    truth, loaded = Truth(play.scenario.seed), loop.config()
    of_this = loaded.calibrations["BeamSpot"], loaded.stream_of("BeamSpot")
    found = assay(loop.stack.folder, *of_this, run, truth, loop.work_dir)
    assert found.faults == ()
    assert str(found.in_payload) == "1-44"
    assert found.uploads >= 2
    history = TagHistory.read(loop.stack.folder / "conditions" / "conditions.db", tag)
    mine = [u for (of_run, _), u in history.uploads.items() if of_run == run]
    pieces = [[iov.since & 0xFFFF for iov in upload.insertions] for upload in mine]
    assert len(pieces) == found.uploads
    assert [ls for piece in pieces for ls in piece] == sorted({ls for p in pieces for ls in p})
    with LedgerReader(loop.work_dir / LEDGER) as ledger:
        [campaign] = ledger.campaigns.of_run(run, "BeamSpot")
        sent = ledger.uploads.of(campaign.id)
    assert str(campaign.in_payload) == "1-44"
    assert len(sent) == found.uploads
    assert min(upload.time for upload in sent) < campaign.run_end
