"""Of a payload file each record goes up by itself, with the since of its time type."""

from __future__ import annotations

from dataclasses import replace

import pytest

from condorloop.node.main import main
from condorloop.node.post_script import finish
from condorloop.node.uploads.upload import upload
from condorloop.rundir.durable import read_json
from condorloop.rundir.layout import HARVEST_RECORD, PERMANENT, UPLOAD_RECORD
from condorloop.rundir.records import attempts
from condorloop.rundir.records.harvest import HarvestResult
from condorloop.rundir.records.manifest import UploadMetadata, UploadSettings
from condorloop.testbed.conditions import sqlite_file
from condorloop.testbed.conditions.sqlite_file import lumi_since
from tests.unit.node_examples import choose_inputs, leave_harvest, make_dag, rewritten, run_alca
from tests.unit.upload_examples import PROD

RUN = 398600
BY_RUN, BY_LUMI = "BeamSpotHP_ByRun", "BeamSpotHP_ByLumi"


def settings(tag, since=None, explicit=None, synchronisation="any"):
    """A record that a manifest has; `since` is what it expects before there is a file."""
    name = "Beam" if tag == BY_RUN else f"Beam_{tag}"
    metadata = UploadMetadata(PROD, {f"{tag}_v1": {}}, tag, since, f"text of {tag}")
    return UploadSettings(metadata, f"{name}.txt", f"{name}.db", synchronisation, explicit)


def harvested(tmp_path, *records, by_run="Run", by_lumi="Lumi", more=()):
    """A DAG with these records, whose HARVEST job has left a file of two tags; not judged yet."""
    dag = make_dag(tmp_path)
    first, *others = records or (settings(BY_RUN), settings(BY_LUMI, RUN))
    dag = rewritten(dag, upload=first, more_uploads=tuple(others))
    run_alca(dag)
    choose_inputs(dag)
    file = tmp_path / "made.db"
    sinces = {"Run": [RUN], "Lumi": [lumi_since(RUN, 1), lumi_since(RUN, 3)]}
    for tag, time_type in ((BY_RUN, by_run), (BY_LUMI, by_lumi), *more):
        rows = [(since, f"{tag}@{since}".encode()) for since in sinces[time_type]]
        sqlite_file.write(file, tag, time_type, "BeamSpotObjects", "any", rows)
    leave_harvest(dag, data=file.read_bytes())
    return dag


def harvest_of(dag):
    return dag.run_dir / "harvestJob000"


def test_each_record_has_files_and_the_since_of_its_time_type(tmp_path, tool):
    """Not that of a name: the manifest expected it the other way round."""
    dag = harvested(tmp_path)
    assert finish(dag, "HARVEST", 0) == 0
    told = {n: read_json(harvest_of(dag) / f"{n}.txt") for n in ("Beam", f"Beam_{BY_LUMI}")}
    assert {n: (t["inputTag"], t["since"]) for n, t in told.items()} == {
        "Beam": (BY_RUN, RUN),
        f"Beam_{BY_LUMI}": (BY_LUMI, None),
    }
    record = HarvestResult.read(harvest_of(dag) / HARVEST_RECORD)
    assert {(iov.tag, iov.time_type) for iov in record.iovs} == {(BY_RUN, "Run"), (BY_LUMI, "Lumi")}
    assert upload(dag) == 0
    assert [tags for _, tags in tool.sent] == [(f"{BY_RUN}_v1",), (f"{BY_LUMI}_v1",)]
    each = {d["tag"]: d for d in read_json(harvest_of(dag) / UPLOAD_RECORD)["destinations"]}
    assert each[f"{BY_RUN}_v1"]["sinces"] == [RUN]
    assert each[f"{BY_LUMI}_v1"]["sinces"] == [lumi_since(RUN, 1), lumi_since(RUN, 3)]
    assert {d["outcome"] for d in each.values()} == {"uploaded"}
    assert {d["input_tag"]: d["hash"] for d in each.values()} == {
        tag: record.iovs_of(tag)[0].hash for tag in (BY_RUN, BY_LUMI)
    }


def test_a_record_without_time_types_has_the_since_that_the_manifest_says(tmp_path, tool):
    """As harvests of versions before left it."""
    dag = harvested(tmp_path, settings(BY_RUN, None), settings(BY_LUMI, RUN))
    finish(dag, "HARVEST", 0)
    path = harvest_of(dag) / HARVEST_RECORD
    record = HarvestResult.read(path)
    replace(record, iovs=tuple(replace(iov, time_type="") for iov in record.iovs)).write(path)
    assert upload(dag) == 0
    each = read_json(harvest_of(dag) / UPLOAD_RECORD)["destinations"]
    assert [d["sinces"] for d in each] == [[RUN], [RUN]], "each IOV's own, and the run"


def test_an_input_tag_that_the_file_does_not_have_is_named_with_those_that_it_has(
    tmp_path, capsys, monkeypatch
):
    dag = harvested(tmp_path, settings(BY_RUN), settings("Another"))
    monkeypatch.chdir(dag.directory)
    assert main(["finish", "HARVEST", "0"]) == PERMANENT, "another try is of no use"
    [attempt] = attempts.read(dag.directory, "HARVEST")
    assert "has no tag Another" in attempt.words
    assert f"it has {BY_LUMI}, {BY_RUN}" in attempt.words
    assert attempt.words in capsys.readouterr().out
    assert not harvest_of(dag).exists()


def test_a_tag_that_no_record_names_is_named_and_the_others_go_up(tmp_path, capsys, tool):
    dag = harvested(tmp_path, settings(BY_LUMI))
    assert finish(dag, "HARVEST", 0) == 0
    assert f"tag {BY_RUN} of the payload file goes nowhere" in capsys.readouterr().out
    assert HarvestResult.read(harvest_of(dag) / HARVEST_RECORD).unnamed == (BY_RUN,)
    assert upload(dag) == 0
    assert [tags for _, tags in tool.sent] == [(f"{BY_LUMI}_v1",)]


def test_a_since_that_does_not_fit_the_file_is_named_at_harvest(tmp_path):
    dag = harvested(tmp_path, settings(BY_RUN), settings(BY_LUMI, RUN, explicit="run"))
    assert finish(dag, "HARVEST", 0) == PERMANENT
    [attempt] = attempts.read(dag.directory, "HARVEST")
    assert f"says since: run, but tag {BY_LUMI} of the payload file has time type Lumi" in (
        attempt.words
    )


@pytest.mark.parametrize(("explicit", "since"), [(None, RUN), ("run", RUN), ("iov", None)])
def test_what_a_person_says_of_a_tag_by_run_is_kept(tmp_path, explicit, since):
    dag = harvested(tmp_path, settings(BY_RUN, explicit=explicit), settings(BY_LUMI))
    assert finish(dag, "HARVEST", 0) == 0
    assert read_json(harvest_of(dag) / "Beam.txt")["since"] == since


def test_a_record_that_is_named_after_the_harvest_goes_up_as_well(tmp_path, tool):
    dag = harvested(tmp_path, settings(BY_RUN))
    assert finish(dag, "HARVEST", 0) == 0
    assert upload(dag) == 0
    dag = rewritten(dag, more_uploads=(settings(BY_LUMI),))
    assert read_json(harvest_of(dag) / UPLOAD_RECORD)["outcome"] == "uploaded"
    assert upload(dag) == 0
    assert [tags for _, tags in tool.sent] == [(f"{BY_RUN}_v1",), (f"{BY_LUMI}_v1",)]
    assert (harvest_of(dag) / f"Beam_{BY_LUMI}.db").exists()
