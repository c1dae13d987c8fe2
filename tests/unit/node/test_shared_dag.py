"""PRE and POST scripts and UPLOAD jobs of a stream that calibrations share."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from condorloop.dagman.plan import plan_harvest, plan_upload
from condorloop.dagman.rerender import renew
from condorloop.model.enums import UploadOutcome
from condorloop.node.dag_context import NodeError
from condorloop.node.job_output import diagnosis
from condorloop.node.main import main
from condorloop.node.post_script import finish
from condorloop.node.pre_script import choose_inputs
from condorloop.rundir.durable import read_json
from condorloop.rundir.layout import (
    AGAIN,
    HARVEST_RECORD,
    INPUTS,
    LEFT_OUT,
    UPLOAD_RECORD,
    UPLOADS_HELD,
    harvest_inputs,
)
from condorloop.rundir.records import attempts
from condorloop.rundir.records.attempts import Attempt
from condorloop.rundir.records.decisions import UploadsHeld
from condorloop.rundir.records.harvest import HarvestResult
from condorloop.rundir.records.manifest import Product
from condorloop.rundir.records.witness import Witness
from condorloop.services.conditions import UploadAnswer
from condorloop.testbed.cmssw.steps.workflows import WORKFLOWS
from condorloop.testbed.conditions import sqlite_file
from tests.unit.node_examples import leave, root_bytes
from tests.unit.rundir.story_of_a_run import UPLOADED, answering
from tests.unit.shared_examples import (
    ALI,
    COMBINED,
    EXPRESS,
    GAINS,
    ROOTS,
    SHARING,
    reread,
    shared_alca,
    shared_batch,
    shared_dag,
    shared_renderer,
)

TAGS = {ALI: "SiPixelAliHG_pcl", GAINS: "SiStripApvGain_pcl"}
WITNESS = "ExpressStep3_job.txt"


def inputs_of(dag, calibration):
    return (harvest_inputs(dag.directory, f"HARVEST_{calibration}") / INPUTS).read_text().split()


def left_out(dag, calibration):
    return read_json(harvest_inputs(dag.directory, f"HARVEST_{calibration}") / LEFT_OUT)


def runs_of(dag, calibration):
    return dag.run_dir.parent.parent / calibration / dag.run_dir.name


def leave_payload(dag, calibration):
    file = dag.directory / f"{calibration}.db"
    rows = [(398600, calibration.encode())]
    sqlite_file.write(file, TAGS[calibration], "Run", "Object", "any", rows)
    files = {"promptCalibConditions.db": file.read_bytes()}
    file.unlink()
    leave(dag, f"HARVEST_{calibration}", files, "", 0)


def harvest(dag, calibration):
    """Let the HARVEST of a calibration go well."""
    choose_inputs(dag, f"HARVEST_{calibration}")
    leave_payload(dag, calibration)
    return finish(dag, f"HARVEST_{calibration}", 0)


@pytest.fixture
def script(monkeypatch):
    def run(dag, *arguments, answer=UPLOADED):
        monkeypatch.chdir(dag.directory)
        with answering(answer):
            return main(list(arguments))

    return run


def test_an_alcareco_says_for_whom_and_by_what_it_was_made(tmp_path):
    dag = shared_dag(tmp_path)
    assert shared_alca(dag) == 0
    manifest = dag.manifest
    for file in (f"apJob000/{WITNESS}", manifest.nodes["RECO_0000"].witness):
        told = Witness.read(dag.run_dir / file)
        assert told.made_for == SHARING
        assert told.recipe == manifest.recipe
        assert (told.release, told.global_tag) == (manifest.release, manifest.global_tag)
    assert {f.name for f in (dag.run_dir / "apJob000").glob("*.root")} == set(ROOTS.values())


def test_an_alca_that_made_nothing_for_one_calibration_names_it(tmp_path):
    dag = shared_dag(tmp_path)
    with pytest.raises(NodeError, match=rf"^{COMBINED}: {ROOTS[COMBINED]}: .* did not make it$"):
        shared_alca(dag, COMBINED)
    assert not (dag.run_dir / "apJob000").exists()
    [attempt] = attempts.read(dag.directory, "ALCA_0000")
    assert attempt.calibrations == (COMBINED,)


def test_two_calibrations_of_one_dag_harvest_at_the_same_time(tmp_path):
    dag = shared_dag(tmp_path)
    shared_alca(dag)
    names = [f"HARVEST_{calibration}" for calibration in (ALI, GAINS)]
    with ThreadPoolExecutor(2) as pool:
        chosen = list(pool.map(lambda name: choose_inputs(dag, name), names))
    assert chosen == [[f"apJob000/{ROOTS[ALI]}"], [f"apJob000/{ROOTS[GAINS]}"]]
    for calibration in (ALI, GAINS):
        folder = harvest_inputs(dag.directory, f"HARVEST_{calibration}") / "inputs" / "apJob000"
        assert (folder / ROOTS[calibration]).read_bytes() == root_bytes(ROOTS[calibration])
        leave_payload(dag, calibration)
    assert finish(dag, f"HARVEST_{GAINS}", 0) == 0
    assert inputs_of(dag, ALI) == [f"apJob000/{ROOTS[ALI]}"]
    assert finish(dag, f"HARVEST_{ALI}", 0) == 0
    for calibration in (ALI, GAINS):
        made = runs_of(dag, calibration) / "harvestJob000"
        record = HarvestResult.read(made / HARVEST_RECORD)
        assert (record.dag_id, record.inputs) == (dag.id, ("apJob000",))
        assert [iov.tag for iov in record.iovs] == [TAGS[calibration]]
        assert (made / f"NGTCalib{calibration}.txt").exists()
        assert not (harvest_inputs(dag.directory, f"HARVEST_{calibration}") / "inputs").exists()
    assert not list(dag.run_dir.glob("harvestJob*"))


def test_the_end_of_one_harvest_that_is_repeated_finds_its_own(tmp_path):
    dag = shared_dag(tmp_path)
    shared_alca(dag)
    assert harvest(dag, ALI) == 0
    assert finish(dag, f"HARVEST_{ALI}", 0) == 0
    with pytest.raises(NodeError, match="no job report"):
        finish(dag, f"HARVEST_{GAINS}", 0)


def test_an_alcareco_that_was_not_made_for_a_calibration_is_no_word_to_its_harvest(tmp_path):
    first = shared_dag(tmp_path, number=0, made_for=(ALI,))
    second = shared_dag(tmp_path, number=1, made_for=(ALI, GAINS))
    shared_alca(first)
    shared_alca(second)
    assert choose_inputs(second, f"HARVEST_{GAINS}") == [f"apJob001/{ROOTS[GAINS]}"]
    assert left_out(second, GAINS)["left_out"] == {}
    assert len(choose_inputs(second, f"HARVEST_{ALI}")) == 2


@pytest.mark.parametrize("name", ["release", "global_tag"])
def test_an_alcareco_of_another_release_or_global_tag_is_left_out_and_named(tmp_path, name):
    first, second = shared_dag(tmp_path, number=0), shared_dag(tmp_path, number=1)
    shared_alca(replace(first, manifest=replace(first.manifest, **{name: "other"})))
    shared_alca(second)
    assert choose_inputs(second, f"HARVEST_{ALI}") == [f"apJob001/{ROOTS[ALI]}"]
    assert list(left_out(second, ALI)["left_out"]) == ["apJob000"]
    assert "other" in left_out(second, ALI)["left_out"]["apJob000"]


def test_alcareco_of_two_recipes_that_have_its_producer_are_harvested_together(tmp_path):
    first, second = shared_dag(tmp_path, number=0), shared_dag(tmp_path, number=1)
    shared_alca(first)
    renew(shared_renderer(tmp_path), EXPRESS, 1, {}, without=[COMBINED])
    second = reread(second)
    shared_alca(second)
    assert len(choose_inputs(second, f"HARVEST_{ALI}")) == 2


def test_one_that_does_not_say_for_whom_it_was_made_is_left_out_and_named(tmp_path):
    first, second = shared_dag(tmp_path, number=0), shared_dag(tmp_path, number=1)
    shared_alca(first)
    shared_alca(second)
    told = first.run_dir / "apJob000" / WITNESS
    replace(Witness.read(told), made_for=()).write(told)
    assert choose_inputs(second, f"HARVEST_{ALI}") == [f"apJob001/{ROOTS[ALI]}"]
    assert "which calibrations" in left_out(second, ALI)["left_out"]["apJob000"]


def test_what_one_harvest_blames_the_other_goes_on_with(tmp_path):
    first, second = shared_dag(tmp_path, number=0), shared_dag(tmp_path, number=1)
    shared_alca(first)
    shared_alca(second)
    for time in (1.0, 2.0):
        failed = Attempt(84, "cut", ("apJob000",), time)
        attempts.add(second.directory, f"HARVEST_{ALI}", failed)
    assert choose_inputs(second, f"HARVEST_{ALI}") == [f"apJob001/{ROOTS[ALI]}"]
    assert len(choose_inputs(second, f"HARVEST_{GAINS}")) == 2


def test_the_scripts_take_the_name_of_their_node(tmp_path, script):
    dag = shared_dag(tmp_path)
    shared_alca(dag)
    assert script(dag, "inputs", f"HARVEST_{ALI}") == 0
    leave_payload(dag, ALI)
    assert script(dag, "finish", f"HARVEST_{ALI}", "0") == 0
    assert script(dag, "upload", f"UPLOAD_{ALI}") == 0
    assert script(dag, "finish", f"UPLOAD_{ALI}", "0") == 0
    record = read_json(runs_of(dag, ALI) / "harvestJob000" / UPLOAD_RECORD)
    assert record["outcome"] == UploadOutcome.UPLOADED
    assert list(record["tags"]) == ["SiPixelAliHG_NGTTrial"]
    assert not (runs_of(dag, GAINS) / "harvestJob000").exists()


def test_a_harvest_that_finds_nothing_is_told_under_its_own_name(tmp_path, script):
    dag = shared_dag(tmp_path)
    assert script(dag, "inputs", f"HARVEST_{ALI}") == AGAIN
    assert len(attempts.read(dag.directory, f"HARVEST_{ALI}")) == 1
    assert not attempts.read(dag.directory, f"HARVEST_{GAINS}")


def test_a_node_without_a_name_is_nobodys_where_several_share_a_dag(tmp_path, script):
    dag = shared_dag(tmp_path)
    shared_alca(dag)
    assert script(dag, "inputs") == AGAIN
    assert script(dag, "upload") == 1


def test_a_hold_of_one_calibration_keeps_its_uploads_alone(tmp_path, script):
    dag = shared_dag(tmp_path)
    shared_alca(dag)
    harvest(dag, ALI)
    harvest(dag, GAINS)
    UploadsHeld("bob@node", "words", 1.0).write(runs_of(dag, ALI).parent / UPLOADS_HELD)
    for calibration in (ALI, GAINS):
        script(dag, "upload", f"UPLOAD_{calibration}")
    outcomes = [
        read_json(runs_of(dag, c) / "harvestJob000" / UPLOAD_RECORD)["outcome"]
        for c in (ALI, GAINS)
    ]
    assert outcomes == [UploadOutcome.HELD, UploadOutcome.UPLOADED]


def test_a_harvest_dag_of_one_calibration_reads_the_streams_alcareco(tmp_path):
    shared_alca(shared_dag(tmp_path))
    dag = shared_dag(tmp_path, plan_harvest(EXPRESS, GAINS, 1))
    assert harvest(dag, GAINS) == 0
    made = runs_of(dag, GAINS) / "harvestJob001"
    assert HarvestResult.read(made / HARVEST_RECORD).inputs == ("apJob000",)


def test_an_upload_dag_tells_what_came_of_it_beside_the_payloads_own_record(tmp_path, script):
    batch = shared_dag(tmp_path)
    shared_alca(batch)
    harvest(batch, ALI)
    dag = shared_dag(tmp_path, plan_upload(EXPRESS, ALI, 1, 0))
    assert script(dag, "upload", f"UPLOAD_{ALI}") == 0
    assert script(dag, "finish", f"UPLOAD_{ALI}", "0") == 0
    made = runs_of(dag, ALI) / "harvestJob000"
    assert read_json(made / "upload001.json") == read_json(made / UPLOAD_RECORD)


def test_a_refused_upload_is_told_of_its_node(tmp_path, script):
    dag = shared_dag(tmp_path)
    shared_alca(dag)
    harvest(dag, ALI)
    refused = UploadAnswer(UploadOutcome.REFUSED, "too late")
    code = script(dag, "upload", f"UPLOAD_{ALI}", answer=refused)
    script(dag, "finish", f"UPLOAD_{ALI}", str(code))
    [attempt] = attempts.read(dag.directory, f"UPLOAD_{ALI}")
    assert "too late" in attempt.words


CONTEXT = """\
An exception of category 'Configuration' occurred while
   [0] Processing  Event run: 398600 lumi: 1 event: 1 stream: 0
   [1] Running path '{path}'
   [2] Calling method for module {module}
Exception Message:
{words}
"""
NO_PATH = 'requested HLT path "pathALCARECO{}" does not exist'


def failure(path="reconstruction_step", module="X/'siStripDigis'", words="bad"):
    text = CONTEXT.format(path=path, module=module, words=words)
    return f"----- Begin Fatal Exception 30-Nov\n{text}----- End Fatal Exception ----\n"


def cause(text, made_for, code=65):
    return diagnosis.calibrations(code, None, text.splitlines(), made_for)


MADE_FOR = {
    ALI: Product(("TkAlMinBias",), "PromptCalibProdSiPixelAliHG", ""),
    COMBINED: Product(("TkAlMinBias", "TkAlZMuMu"), "PromptCalibProdSiPixelAliHGComb", ""),
    GAINS: Product(("SiStripCalMinBias",), "PromptCalibProdSiStripGains", ""),
    "SiPixelQuality": Product(("SiPixelCalZeroBias",), "PromptCalibProdSiPixel", ""),
    "SiPixelLA": Product(("SiPixelCalSingleMuon",), "PromptCalibProdSiPixelLA", ""),
}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (failure("pathALCARECOPromptCalibProdSiStripGains"), (GAINS,)),
        (failure("pathALCARECOPromptCalibProdSiPixelAliHGDiMu"), (COMBINED,)),
        (failure("pathALCARECOPromptCalibProdSiPixelAliHG"), (ALI, COMBINED)),
        (failure("pathALCARECOPromptCalibProdSiPixelLorentzAngle"), ("SiPixelLA",)),
        (failure("pathALCARECOTkAlZMuMu"), (COMBINED,)),
        (failure(words=NO_PATH.format("TkAlZMuMu")), (COMBINED,)),
        (
            failure(module="PoolOutputModule/'ALCARECOStreamSiPixelCalZeroBias'"),
            ("SiPixelQuality",),
        ),
        (
            failure(module="HLTHighLevel/'ALCARECOTkAlMinBiasFilterForSiPixelAliHG'"),
            (ALI, COMBINED),
        ),
        ("Exception: The following alcas could not be found ['TkAlZMuMu']", (COMBINED,)),
        (failure(), ()),
        ("nothing", ()),
    ],
)
def test_the_calibrations_whose_part_of_a_shared_job_failed_are_named(text, found):
    assert cause(text, MADE_FOR) == found


def test_a_file_that_cannot_be_read_is_no_calibrations_fault():
    text = failure("pathALCARECOPromptCalibProdSiStripGains")
    assert cause(text, MADE_FOR, code=84) == ()
    assert cause(text, {}) == ()


@pytest.mark.parametrize("workflow", [w for w in WORKFLOWS if w.filters], ids=lambda w: w.product)
def test_every_path_of_a_producer_is_known_as_its_own(workflow):
    made_for = {"X": Product((), workflow.product, "")}
    for path in workflow.paths:
        assert cause(failure(path), made_for) == ("X",)


def test_the_failure_of_a_job_tells_the_calibration(tmp_path):
    dag = shared_dag(tmp_path)
    (dag.directory / "ALCA_0000").mkdir()
    (dag.directory / "ALCA_0000.out").write_text(
        failure(
            "pathALCARECOPromptCalibProdSiStripGains", words=NO_PATH.format("SiStripCalMinBias")
        )
    )
    finish(dag, "ALCA_0000", 65)
    [attempt] = attempts.read(dag.directory, "ALCA_0000")
    assert attempt.calibrations == (GAINS,)


def test_a_harvest_that_fails_blames_no_calibration(tmp_path):
    dag = shared_dag(tmp_path)
    shared_alca(dag)
    choose_inputs(dag, f"HARVEST_{GAINS}")
    (dag.directory / f"HARVEST_{GAINS}").mkdir()
    (dag.directory / f"HARVEST_{GAINS}.out").write_text(failure("pathALCARECOTkAlZMuMu"))
    finish(dag, f"HARVEST_{GAINS}", 65)
    [attempt] = attempts.read(dag.directory, f"HARVEST_{GAINS}")
    assert attempt.calibrations == ()


def test_a_shared_batch_of_one_calibration_is_no_stream_of_its_own(tmp_path):
    config = shared_renderer(tmp_path).config
    dag = shared_dag(tmp_path, shared_batch(config, made_for=(ALI,)))
    shared_alca(dag)
    assert Witness.read(dag.run_dir / "apJob000" / WITNESS).made_for == (ALI,)
