"""A payload file of two records, of different time types: each reaches its own tag."""

from condorloop.model.lumis import Lumis
from condorloop.testbed.conditions import sqlite_file
from condorloop.testbed.truth import Truth
from condorloop.testbed.verify import assay

RUN = 398840
BY_RUN, BY_LUMI = "BeamSpot_by_run", "BeamSpot_by_lumi"
OBJECT_TYPE = "BeamSpotObjects"


def record(tag, destination):
    return {
        "inputTag": tag,
        "destinationDatabase": "oracle://cms_orcon_prod/CMS_CONDITIONS",
        "destinationTags": {destination: {}},
        "synchronisation": "any",
        "userText": "beam spot",
    }


def test_each_record_of_a_file_reaches_its_tag_with_the_sinces_of_its_time_type(loop):
    records = [
        record("BeamSpotObjectHP_ByRun", BY_RUN),
        record("BeamSpotObjectHP_ByLumi", BY_LUMI),
    ]
    driver = {"step": "ALCAHARVEST:BeamSpotHPByRun+BeamSpotHPByLumi", "python_config_mods": []}
    step = {"cms_driver": driver, "upload_metadata": records}
    loop.edit("BeamSpot", {"step_4_config": step})
    tags = {
        BY_RUN: {"time_type": "Run", "object_type": OBJECT_TYPE},
        BY_LUMI: {"time_type": "Lumi", "object_type": OBJECT_TYPE},
    }
    play = loop.play(
        {
            "seed": RUN,
            "runs": [
                {
                    "run": RUN,
                    "calibrations": ["BeamSpot"],
                    "start_offset": 0,
                    "lumisections": {"count": 24, "every": 0.1},
                    "end_after": 0.5,
                    "files": [{"stream": "ExpressPhysics", "ls": 5, "late": 6}],
                }
            ],
            "conditions": {"tags": tags},
        }
    )
    loop.run_until_closed(1)
    database = loop.stack.folder / "conditions" / "conditions.db"
    assert {iov.since for iov in sqlite_file.iovs(database, BY_RUN)} == {RUN}
    sinces = {sqlite_file.split_lumi_since(i.since) for i in sqlite_file.iovs(database, BY_LUMI)}
    assert {run for run, _ in sinces} == {RUN}
    assert (RUN, 1) in sinces
    assert len(sinces) > 1
    found = loop.config()
    spot, stream = found.calibrations["BeamSpot"], found.stream_of("BeamSpot")
    verdict = assay(loop.stack.folder, spot, stream, RUN, Truth(play.scenario.seed), loop.work_dir)
    assert verdict.faults == ()
    assert verdict.in_payload == Lumis.span(1, 24)
