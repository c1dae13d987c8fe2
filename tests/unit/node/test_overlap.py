"""No RAW file is harvested twice, and a payload that counts one twice gives way to any other."""

import json

import pytest

from condorloop.model.enums import UploadOutcome
from condorloop.model.lumis import Lumis
from condorloop.node.dag_context import NodeError
from condorloop.node.holdings import Holdings, Unusable
from condorloop.node.post_script import finish
from condorloop.node.pre_script import choose_inputs
from condorloop.node.uploads.upload import upload
from condorloop.rundir.durable import read_json, write_json, write_lines
from condorloop.rundir.layout import HARVEST_RECORD, INPUTS, LEFT_OUT, MANIFEST, UPLOAD_RECORD
from condorloop.rundir.records.witness import Witness
from condorloop.services.conditions import UploadAnswer
from tests.unit.node_examples import (
    ROOT,
    leave_harvest,
    leave_reco,
    make_dag,
    payload,
    rewritten,
    run_alca,
    run_harvest,
)


@pytest.fixture
def dag(tmp_path):
    """Let a DAG's RECO and ALCA nodes go well; its RAW files are those of the DAG `like`."""

    def run(number, like=None, lumis="1-5", files=1, parts=()):
        context = make_dag(tmp_path, number, number, files, like, parts)
        leave_reco(context, lumis)
        assert finish(context, "RECO_0000", 0) == 0
        run_alca(context, lumis)
        return context

    return run


def record_of(context):
    return read_json(context.run_dir / context.node("HARVEST").output / HARVEST_RECORD)


def test_a_raw_file_that_was_processed_twice_is_harvested_once(dag, capsys):
    dag(0)
    again = dag(1, like=0)
    assert choose_inputs(again) == [f"apJob001/{ROOT}"]
    reason = "RAW file f0000.root (LS 1-5) is in apJob001, used instead"
    assert f"left out: apJob000: {reason}" in capsys.readouterr().out
    assert sorted(p.name for p in (again.directory / "inputs").iterdir()) == ["apJob001"]


def test_the_record_of_a_harvest_tells_what_was_left_out_for_overlap_and_why(dag):
    dag(0)
    again = dag(1, like=0)
    run_harvest(again)
    record = record_of(again)
    assert (record["inputs"], record["events"], record["lumis"]) == (["apJob001"], 100, "1-5")
    assert record["overlaps"] == ["apJob000"]
    assert record["left_out"] == {
        "apJob000": "RAW file f0000.root (LS 1-5) is in apJob001, used instead"
    }


def test_a_part_of_the_raw_files_in_another_one_is_an_overlap(dag):
    dag(0, files=2)
    again = dag(1, like=0)
    choose_inputs(again)
    told = read_json(again.directory / LEFT_OUT)
    assert told["overlaps"] == {
        "apJob001": "RAW file f0000.root (LS 1-5) is in apJob000, used instead"
    }


def test_two_raw_files_with_the_same_lumisections_are_both_harvested(dag):
    dag(0)
    other = dag(1, lumis="1-5")
    assert len(choose_inputs(other)) == 2


def test_parts_of_one_raw_file_are_both_harvested(dag):
    dag(0, parts=["1-3"], lumis="1-3")
    other = dag(1, like=0, parts=["4-5"], lumis="4-5")
    assert len(choose_inputs(other)) == 2
    assert read_json(other.directory / LEFT_OUT)["overlaps"] == {}


@pytest.mark.parametrize("part", ["3-5", ""])
def test_what_has_a_lumisection_of_a_part_once_more_is_an_overlap(dag, part):
    dag(0, parts=["1-3"], lumis="1-3")
    again = dag(1, like=0, parts=[part] if part else [], lumis=part or "1-5")
    assert choose_inputs(again) == [f"apJob001/{ROOT}"]
    shared = f"LS {'1-3' if not part else '3'}"
    reason = f"RAW file f0000.root ({shared}) is in apJob001, used instead"
    assert read_json(again.directory / LEFT_OUT)["overlaps"] == {"apJob000": reason}


@pytest.mark.parametrize("parts", [["1-3", "4-5"], ["1-3", "3-5"]])
def test_one_alcareco_has_parts_of_a_raw_file_but_no_lumisection_of_it_twice(tmp_path, parts):
    context = make_dag(tmp_path, parts=parts)
    recos = [n.output for n in context.manifest.nodes.values() if n.kind == "RECO"]
    told = Witness("ALCA_0000", context.id, Lumis.span(1, 5), 100, tuple(recos))
    holdings = Holdings(context.run_dir)
    if parts[1] == "3-5":
        with pytest.raises(Unusable, match="is in it twice"):
            holdings.source("apJob000", told)
    else:
        read = holdings.source("apJob000", told).raw_files
        assert [str(lumis) for lumis in read.values()] == ["1-5"]


def test_a_part_lacks_what_of_it_was_not_read_and_nothing_else_of_its_file(dag):
    context = dag(0, parts=["1-3"], lumis="1-2")
    reco = context.node("RECO_0000")
    assert str(Witness.read(context.run_dir / reco.witness).lacking) == "3"


def test_one_that_cannot_be_used_takes_the_place_of_no_other(dag):
    dag(0)
    again = dag(1, like=0)
    (again.run_dir / "apJob001" / ROOT).unlink()
    assert choose_inputs(again) == [f"apJob000/{ROOT}"]
    told = read_json(again.directory / LEFT_OUT)
    assert (list(told["left_out"]), told["overlaps"]) == (["apJob001"], {})


def reco_witness(context):
    return context.run_dir / context.node("RECO_0000").witness


@pytest.mark.parametrize("damage", ["gone", "cut", "of another DAG"])
def test_where_the_witness_of_a_reco_is_no_good_the_manifest_of_its_dag_tells(dag, damage):
    first, again = dag(0), dag(1, like=0)
    witness = reco_witness(first)
    told = witness.read_text()
    witness.unlink()
    if damage != "gone":
        cut = told[:40] if damage == "cut" else told.replace(first.id, "ledger/X/1/7")
        witness.write_text(cut)
    assert choose_inputs(again) == [f"apJob001/{ROOT}"]


@pytest.mark.parametrize("manifest", [None, "other"])
def test_one_of_which_nothing_tells_the_raw_files_is_left_out_by_name(dag, manifest):
    first, other = dag(0), dag(1)
    reco_witness(first).unlink()
    (first.directory / MANIFEST).unlink()
    if manifest:
        rewritten(first, id="ledger/X/1/7")
    assert choose_inputs(other) == [f"apJob001/{ROOT}"]
    [reason] = read_json(other.directory / LEFT_OUT)["left_out"].values()
    output = first.node("RECO_0000").output
    assert reason == f"which RAW files {output} was made from is not told"


def test_one_with_the_same_raw_file_in_two_of_its_recos_is_left_out_by_name(dag):
    first, other = dag(0), dag(1)
    output = first.node("RECO_0000").output
    twin = output.replace("_0000", "_0001")
    read = Witness.read(reco_witness(first))
    read.write(first.run_dir / reco_witness(first).name.replace(output, twin))
    made = Witness.read(first.run_dir / first.node("ALCA_0000").witness)
    both = Witness(made.node, made.dag_id, made.lumis, made.events, (output, twin))
    both.write(first.run_dir / first.node("ALCA_0000").witness)
    assert choose_inputs(other) == [f"apJob001/{ROOT}"]
    told = read_json(other.directory / LEFT_OUT)["left_out"]
    assert told == {"apJob000": "RAW file f0000.root is in it twice"}


def test_inputs_that_were_chosen_without_looking_for_overlap_are_chosen_again(dag):
    context = dag(0)
    choose_inputs(context)
    (context.directory / LEFT_OUT).unlink()
    leave_harvest(context)
    with pytest.raises(NodeError, match="does not tell whether the inputs overlap"):
        finish(context, "HARVEST", 0)
    assert run_harvest(context) == 0


@pytest.fixture
def uploaded(monkeypatch):
    """Take the place of uploadConditions.py; give the list of what it was run on."""
    ran = []

    def run(database, **_):
        ran.append(database.parent.name)
        return UploadAnswer(UploadOutcome.UPLOADED, "tag X successfully uploaded")

    monkeypatch.setattr("condorloop.services.conditions.upload", run)
    monkeypatch.setattr("condorloop.services.cmssw.Cmssw.environment", lambda self: {})
    monkeypatch.setattr(
        "condorloop.services.conditions.missing_credentials", lambda auth_path: None
    )
    return ran


def count_twice(context, *names):
    """Make a harvest's record what it was before anybody looked for overlap."""
    harvest = context.run_dir / context.node("HARVEST").output
    write_lines(context.directory / INPUTS, [f"{name}/{ROOT}" for name in names])
    record = record_of(context)
    del record["overlaps"]
    witness = context.settings.alca_witness
    made = [Witness.read(context.run_dir / name / witness) for name in names]
    record |= {"inputs": list(names), "left_out": [], "events": sum(w.events for w in made)}
    record["lumis"] = str(Lumis.union(w.lumis for w in made))
    write_json(harvest / HARVEST_RECORD, record)


@pytest.fixture
def in_force(dag, uploaded):
    """A payload in the database that has a RAW file twice, and a DAG that has its files once."""
    dag(0)
    twice = dag(1, like=0)
    run_harvest(twice)
    count_twice(twice, "apJob000", "apJob001")
    assert record_of(twice)["events"] == 200
    write_json(
        twice.run_dir / "harvestJob001" / UPLOAD_RECORD,
        {"outcome": "uploaded", "answer": "", "unanswered": False, "time": 1.0},
    )
    return twice


def outcome_of(context):
    return read_json(context.run_dir / context.node("UPLOAD").output / UPLOAD_RECORD)["outcome"]


def test_a_payload_that_counts_a_raw_file_twice_is_replaced_by_one_that_does_not(
    dag, in_force, uploaded
):
    right = dag(2, like=0)
    run_harvest(right)
    assert upload(right) == 0
    assert (outcome_of(right), uploaded) == ("uploaded", ["harvestJob002"])


def test_it_is_so_too_where_the_ledger_has_told_the_dag_what_is_in_force(dag, in_force, uploaded):
    right = dag(2, like=0)
    run_harvest(right)
    assert upload(rewritten(right, uploaded=(Lumis.span(1, 5), 200))) == 0
    assert uploaded == ["harvestJob002"]


def test_a_payload_that_is_known_to_be_right_is_not_replaced_by_an_equal_one(dag, uploaded):
    first, again = dag(0), dag(1, like=0)
    run_harvest(first)
    run_harvest(again)
    assert [upload(first), upload(again)] == [0, 0]
    assert (outcome_of(first), outcome_of(again)) == ("uploaded", "superseded")


def test_one_whose_raw_files_nothing_tells_any_more_counts_as_right(dag, in_force, uploaded):
    for path in in_force.run_dir.glob("run*_job.txt"):
        path.unlink()
    for path in in_force.run_dir.glob("dag00[01]/manifest.json"):
        path.unlink()
    right = dag(2, like=0)
    run_harvest(right)
    assert upload(right) == 0
    assert (outcome_of(right), uploaded) == ("superseded", [])


def test_a_payload_that_counts_a_raw_file_twice_is_not_uploaded(dag, in_force, uploaded):
    (in_force.run_dir / "harvestJob001" / UPLOAD_RECORD).unlink()
    (in_force.run_dir / "harvestJob001" / "NGTCalibEcalPedestals.db").write_bytes(payload())
    assert upload(in_force) == 1
    told = json.loads((in_force.run_dir / "harvestJob001" / UPLOAD_RECORD).read_text())
    assert (told["outcome"], uploaded) == ("failed", [])
    assert "RAW file f0000.root (LS 1-5) is in apJob001" in told["answer"]
