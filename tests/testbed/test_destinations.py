"""Uploads by the true tool's stand-in, judged by what the conditions database holds after them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from condorloop.node.dag_context import DagContext
from condorloop.node.post_script import finish
from condorloop.node.uploads.upload import upload
from condorloop.rundir.durable import read_json
from condorloop.rundir.layout import PERMANENT, UPLOAD_RECORD
from condorloop.testbed.conditions import sqlite_file
from condorloop.testbed.conditions.service import ConditionsMode, ConditionsService, TagSpec
from condorloop.testbed.conditions.sqlite_file import lumi_since
from tests.processes.test_uploading import harvested
from tests.unit.node_examples import (
    choose_inputs,
    leave_harvest,
    make_dag,
    rewritten,
    run_alca,
    with_tool,
)

RUN = 398600
SAFE = RUN + 5
LAST = 80
INPUT = "EcalPedestals_NGTDemonstrator"
TAGS = {
    "Hlt": TagSpec("hlt", "Run", "EcalPedestals"),
    "Any": TagSpec("any", "Run", "EcalPedestals"),
    "Pcl": TagSpec("pcl", "Run", "EcalPedestals"),
    "ByLumi": TagSpec("any", "Lumi", "EcalPedestals"),
}


@pytest.fixture
def service(tmp_path):
    service = ConditionsService(
        tmp_path / "conditions", {"me": "right"}, lambda: SAFE, TAGS, hang=5
    )
    service.start()
    yield service
    service.stop()


def sent_to(
    dag: DagContext, tags: list[str], synchronisation: str, since: int | None
) -> DagContext:
    """The same DAG with other destinations."""
    told = dag.settings.upload
    metadata = replace(told.metadata, tags={tag: {} for tag in tags}, since=since)
    env, *rest = dag.settings.conditions.command
    command = (env, "CONDORLOOP_TESTBED_RETRY_WAIT=0", *rest)
    harvest = dag.run_dir / dag.manifest.nodes["UPLOAD"].output
    metadata.write(harvest / told.metadata_filename)
    dag = rewritten(dag, upload=replace(told, metadata=metadata, synchronisation=synchronisation))
    return with_tool(dag, command=command)


def record(dag: DagContext):
    output = dag.manifest.nodes["UPLOAD"].output
    return read_json(dag.run_dir / output / UPLOAD_RECORD)


def run_beside(dag: DagContext, other: DagContext, run: int) -> DagContext:
    """The same DAG as that of another run of the other one's calibration."""
    runs = other.run_dir.with_name(f"run{run}")
    dag.run_dir.rename(runs)
    return DagContext(runs / dag.directory.name, dag.manifest)


@pytest.fixture
def two_runs(tmp_path, service):
    """An older and a younger run, both too late for the tags' first safe run."""
    older = harvested(tmp_path / "older", service, "older")
    younger = harvested(tmp_path / "younger", service, "younger")
    return older, run_beside(younger, older, RUN + 1)


def in_force(service, tag, at):
    return sqlite_file.payload_for(service.store.path, tag, at)


def test_an_older_run_s_late_upload_leaves_the_younger_one_in_force(two_runs, service):
    older, younger = two_runs
    older = sent_to(older, ["Hlt"], "hlt", RUN)
    younger = sent_to(younger, ["Hlt"], "hlt", RUN + 1)
    assert [upload(younger), upload(older)] == [0, 0]
    assert record(older)["answer"] == f"superseded by run {RUN + 1}"
    assert in_force(service, "Hlt", SAFE) == b"younger"
    assert len(service.store.uploads()) == 1


def test_a_tag_that_takes_each_since_as_it_is_gets_the_older_run_too(two_runs, service):
    older, younger = two_runs
    older = sent_to(older, ["Any"], "any", RUN)
    younger = sent_to(younger, ["Any"], "any", RUN + 1)
    assert [upload(younger), upload(older)] == [0, 0]
    assert in_force(service, "Any", RUN) == b"older"
    assert in_force(service, "Any", RUN + 1) == b"younger"


def test_of_two_tags_one_takes_the_payload_and_one_refuses_it(tmp_path, service):
    dag = harvested(tmp_path / "dag", service, "late for one")
    dag = sent_to(dag, ["Any", "Pcl"], "pcl", RUN)
    assert upload(dag) == PERMANENT
    told = record(dag)
    assert (told["outcome"], told["tags"]) == ("refused", {"Any": "uploaded", "Pcl": "failed"})
    assert told["answer"].startswith(f"tag Pcl: since {RUN} is before the first safe run {SAFE}")
    assert in_force(service, "Any", RUN) == b"late for one"
    assert in_force(service, "Pcl", RUN) is None
    log = (dag.run_dir / "harvestJob000" / "upload.log").read_text()
    assert "tag Any successfully uploaded" in log
    assert "found tag Pcl failed to upload. reason: " in log
    assert "tags sucessfully uploaded: ['Any']" in log
    assert "{'status': 0, 'files': {" in log
    assert "upload ended with code: 0" in log


def test_a_lost_answer_about_two_tags_is_not_taken_for_a_good_one(tmp_path, service):
    dag = harvested(tmp_path / "dag", service, "lost")
    dag = sent_to(dag, ["Any", "Pcl"], "pcl", RUN)
    service.faults.inject(ConditionsMode.LOST_ANSWER)
    assert [upload(dag), upload(dag)] == [1, PERMANENT]
    assert record(dag)["tags"] == {"Any": "uploaded", "Pcl": "failed"}
    assert in_force(service, "Any", RUN) == b"lost"


def by_lumi(first: DagContext, number: int, borders: range) -> DagContext:
    """The next DAG of a campaign, whose payload has its IOVs at these LS."""
    dag = make_dag(first.run_dir.parents[2], number=number, first_job=number)
    dag = rewritten(dag, conditions=first.settings.conditions, cmssw=first.manifest.cmssw)
    run_alca(dag, f"{5 * number + 1}-{5 * number + 5}")
    choose_inputs(dag)
    database = dag.directory / "made.db"
    rows = [(lumi_since(RUN, ls), f"{number}:{ls}".encode()) for ls in borders]
    sqlite_file.write(database, INPUT, "Lumi", "EcalPedestals", "any", rows)
    leave_harvest(dag, data=database.read_bytes())
    finish(dag, "HARVEST", 0)
    return sent_to(dag, ["ByLumi"], "any", None)


def test_no_obsolete_iov_of_a_payload_by_lumisection_stays_in_force(tmp_path, service):
    """CMSSW joins LS anew each time: the borders of three payloads lie between each other."""
    first = harvested(tmp_path / "dag", service, "by lumi")
    borders = (range(1, LAST + 1, 2), range(2, LAST + 1, 4), range(3, LAST + 1, 7))
    dags = [by_lumi(first, number, lumis) for number, lumis in enumerate(borders, 1)]
    assert [upload(dag) for dag in dags] == [0, 0, 0]
    serving = [in_force(service, "ByLumi", lumi_since(RUN, ls)) for ls in range(1, LAST + 1)]
    assert [payload for payload in serving if not payload.startswith(b"3:")] == []
    for ls, payload in enumerate(serving, 1):
        own = max([border for border in borders[2] if border <= ls], default=borders[2][0])
        assert payload == f"3:{own}".encode()
