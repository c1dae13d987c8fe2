"""What a DAG does on the access point: judge nodes, choose harvest inputs, upload."""

import json
import sqlite3

import pytest

from condorloop import node
from condorloop.dagman.plan import plan_batch
from condorloop.dagman.render import Renderer
from condorloop.lumis import Lumis
from condorloop.model import Batch, CampaignKey, UploadOutcome
from condorloop.node import DagContext, NodeError, choose_inputs, finish, upload
from condorloop.rundir import (
    HARVEST_RECORD,
    INPUTS,
    JOB_REPORT,
    PERMANENT,
    UPLOAD_RECORD,
    Witness,
    read_json,
)
from tests.unit.examples import config, raw_file

REPORT = """<FrameworkJobReport>
<InputFile><PFN>root://eos/f.root</PFN><EventsRead>{events}</EventsRead>
<Runs><Run ID="398600">{lumis}</Run><Run ID="1"><LumiSection ID="77"/></Run></Runs></InputFile>
</FrameworkJobReport>
"""


def report(lumis, events):
    rows = "".join(f'<LumiSection ID="{n}"/>' for n in Lumis.parse(lumis))
    return REPORT.format(events=events, lumis=rows)


@pytest.fixture
def dag(tmp_path):
    """A DAG of one RECO and one ALCA node, in its directory, with nothing run yet."""
    loaded = config(tmp_path)

    def write(number=0, first_job=0):
        key = CampaignKey("EcalPedestals", 398600)
        batch = Batch(number, (raw_file(number, 1, 5),))
        calibration = loaded.calibrations["EcalPedestals"]
        plan = plan_batch(key, calibration, batch, number, first_job)
        folder = Renderer(loaded, loaded.site.work_dir, "ledger").write(plan).parent
        return DagContext(folder, read_json(folder / "manifest.json"))

    return write


def leave(dag, name, files, lumis="1-5", events=100):
    """Leave what a job's file transfer leaves."""
    made = dag.directory / name
    made.mkdir(exist_ok=True)
    for file, text in files.items():
        (made / file).write_text(text)
    (made / JOB_REPORT).write_text(report(lumis, events))
    for stream in ("out", "err"):
        (dag.directory / f"{name}.{stream}").write_text(stream)


def run_reco(dag):
    output = dag.manifest["nodes"]["RECO_0000"]["output"]
    leave(dag, "RECO_0000", {f"{output}.{ending}": ending for ending in ("root", "py", "log")})
    return output


def run_alca(dag, lumis="1-5", events=100):
    leave(dag, "ALCA_0000", {"PromptCalibProdEcalPedestals.root": "sums"}, lumis, events)
    return finish(dag, "ALCA_0000", 0)


def run_harvest(dag, since=398600):
    choose_inputs(dag)
    leave(dag, "HARVEST", {})
    if since is not None:
        db = sqlite3.connect(dag.directory / "HARVEST" / "promptCalibConditions.db")
        db.execute("CREATE TABLE IOV (TAG_NAME, SINCE, PAYLOAD_HASH, INSERTION_TIME)")
        db.execute("INSERT INTO IOV VALUES ('EcalPedestals_NGTDemonstrator', ?, 'abc', 0)", [since])
        db.commit()
        db.close()
    return finish(dag, "HARVEST", 0)


def test_reco_output_appears_with_a_witness_of_what_was_read(dag):
    context = dag()
    output = run_reco(context)
    assert finish(context, "RECO_0000", 0) == 0
    witness = Witness.read(context.run_dir / f"{output}_job.txt")
    assert witness == Witness(
        "RECO_0000", context.id, Lumis.span(1, 5), 100, ("/eos/cms/f0000.root",)
    )
    assert (context.run_dir / f"{output}.root").read_text() == "root"


def test_finishing_twice_is_finishing_once(dag):
    context = dag()
    run_reco(context)
    assert [finish(context, "RECO_0000", 0) for _ in range(2)] == [0, 0]
    assert [run_alca(context), finish(context, "ALCA_0000", 0)] == [0, 0]
    assert [run_harvest(context), finish(context, "HARVEST", 0)] == [0, 0]


def test_a_finish_that_was_cut_short_is_taken_up(dag):
    context = dag()
    output = run_reco(context)
    made = context.directory / "RECO_0000" / f"{output}.root"
    made.replace(context.run_dir / f"{output}.root")
    assert finish(context, "RECO_0000", 0) == 0
    assert Witness.read(context.run_dir / f"{output}_job.txt")


@pytest.mark.parametrize(
    ("exit_code", "told"), [(84, 84), (1, 1), (65, PERMANENT), (90, PERMANENT), (-9, 1), (137, 137)]
)
def test_only_failures_that_may_pass_are_tried_again(dag, exit_code, told):
    assert finish(dag(), "RECO_0000", exit_code) == told


def test_exit_0_without_output_is_no_success(dag):
    context = dag()
    run_reco(context)
    output = context.manifest["nodes"]["RECO_0000"]["output"]
    (context.directory / "RECO_0000" / f"{output}.root").write_text("")
    with pytest.raises(NodeError, match="did not make it"):
        finish(context, "RECO_0000", 0)
    assert not (context.run_dir / f"{output}_job.txt").exists()


def test_exit_0_without_a_job_report_is_no_success(dag):
    context = dag()
    run_reco(context)
    (context.directory / "RECO_0000" / JOB_REPORT).write_text("<FrameworkJobReport>")
    with pytest.raises(NodeError, match="no job report"):
        finish(context, "RECO_0000", 0)


def test_what_a_failed_attempt_left_is_not_the_next_ones_output(dag):
    context = dag()
    leave(context, "ALCA_0000", {"PromptCalibProdEcalPedestals.root": "half"})
    assert finish(context, "ALCA_0000", 84) == 84
    leave(context, "ALCA_0000", {})
    with pytest.raises(NodeError, match="did not make it"):
        finish(context, "ALCA_0000", 0)
    kept = sorted(p.name for p in context.directory.glob("ALCA_0000.failed*"))
    assert kept == ["ALCA_0000.failed0", "ALCA_0000.failed1"]


def test_another_dags_output_is_not_taken_for_ones_own(dag):
    context = dag()
    run_alca(context)
    stranger = DagContext(context.directory, {**context.manifest, "id": "other/EcalPedestals/1/0"})
    with pytest.raises(NodeError, match="is of another DAG"):
        finish(stranger, "ALCA_0000", 0)


def test_an_alcareco_whose_file_is_gone_stops_no_harvest(dag, capsys):
    first, second = dag(0, first_job=0), dag(1, first_job=1)
    run_alca(first)
    run_alca(second, "6-10")
    (first.run_dir / "apJob000" / "PromptCalibProdEcalPedestals.root").unlink()
    assert choose_inputs(second) == ["apJob001/PromptCalibProdEcalPedestals.root"]
    assert "left out: apJob000" in capsys.readouterr().out
    assert run_harvest(second) == 0
    record = read_json(second.run_dir / "harvestJob001" / HARVEST_RECORD)
    assert (record["inputs"], record["left_out"]) == (["apJob001"], ["apJob000"])


def test_a_node_that_was_whole_stays_so_whatever_a_later_attempt_does(dag):
    context = dag()
    run_alca(context)
    assert finish(context, "ALCA_0000", 84) == 0


def test_a_harvest_reads_all_complete_alcareco_of_the_campaign(dag):
    first, second = dag(0, first_job=0), dag(1, first_job=1)
    run_alca(first)
    run_alca(second, "6-10")
    (second.run_dir / "apJob002").mkdir()
    choose_inputs(second)
    root = "PromptCalibProdEcalPedestals.root"
    chosen = [f"apJob000/{root}", f"apJob001/{root}"]
    assert (second.directory / INPUTS).read_text().splitlines() == chosen
    assert all((second.directory / "inputs" / c).read_text() == "sums" for c in chosen)
    assert run_harvest(second) == 0
    record = read_json(second.run_dir / "harvestJob001" / HARVEST_RECORD)
    assert (record["lumis"], record["events"]) == ("1-10", 200)


def test_metadata_stand_beside_the_payload(dag):
    context = dag()
    run_alca(context)
    run_harvest(context)
    made = context.run_dir / "harvestJob000"
    metadata = json.loads((made / "NGTCalibEcalPedestals.txt").read_text())
    assert metadata["since"] == 398600
    assert metadata["destinationTags"] == {"EcalPedestals_NGTDemonstrator": {}}
    assert (made / "NGTCalibEcalPedestals.db").exists()


def test_too_few_events_for_a_payload_is_a_normal_outcome(dag):
    context = dag()
    run_alca(context)
    assert run_harvest(context, since=None) == 0
    assert upload(context) == 0
    assert read_json(context.run_dir / "harvestJob000" / UPLOAD_RECORD)["outcome"] == "no payload"


@pytest.fixture
def uploading(monkeypatch):
    """Take the place of uploadConditions.py; give the list of what it was run on."""
    ran = []

    def run(database, **_):
        ran.append(database.parent.name)
        return UploadOutcome.UPLOADED, "tag X successfully uploaded"

    monkeypatch.setattr(node.conditions, "upload", run)
    monkeypatch.setattr(node.Cmssw, "environment", lambda self: {})
    return ran


def test_a_payload_of_fewer_lumisections_never_replaces_one_of_more(dag, uploading):
    early, late = dag(0, first_job=0), dag(1, first_job=1)
    run_alca(early)
    run_harvest(early)
    run_alca(late, "6-10")
    run_harvest(late)
    assert [upload(late), upload(early)] == [0, 0]
    assert uploading == ["harvestJob001"]
    assert read_json(early.run_dir / "harvestJob000" / UPLOAD_RECORD)["outcome"] == "superseded"


@pytest.fixture
def answers(monkeypatch):
    """Take the place of uploadConditions.py, with these outcomes one after the other."""
    given = []

    def run(**_):
        answer = given.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    monkeypatch.setattr("condorloop.conditions.upload", run)
    monkeypatch.setattr("condorloop.cmssw.Cmssw.environment", lambda self: {})
    return given


KNOWN = (UploadOutcome.FAILED, "Error from uploading: file abc was uploaded before")
CUT = (UploadOutcome.FAILED, "Error from uploading: the connection was cut")


def outcome_of(context):
    return read_json(
        context.run_dir / context.manifest["nodes"]["UPLOAD"]["output"] / UPLOAD_RECORD
    )["outcome"]


@pytest.mark.parametrize("first", [CUT, KeyboardInterrupt()])
def test_an_upload_whose_answer_was_lost_is_found_taken(dag, answers, first):
    context = dag()
    run_alca(context)
    run_harvest(context)
    answers += [first, KNOWN]
    try:
        assert upload(context) == 1
    except KeyboardInterrupt:
        assert outcome_of(context) == "failed"
    assert upload(context) == 0
    assert outcome_of(context) == "uploaded"


def test_a_file_that_is_known_without_having_been_sent_from_here_is_no_success(dag, answers):
    context = dag()
    run_alca(context)
    run_harvest(context)
    answers += [KNOWN]
    assert upload(context) == 1


def test_a_payload_that_may_be_in_the_database_is_not_replaced_by_a_worse_one(dag, answers):
    early, late = dag(0, first_job=0), dag(1, first_job=1)
    run_alca(early)
    run_harvest(early)
    run_alca(late, "6-10")
    run_harvest(late)
    answers += [CUT]
    assert [upload(late), upload(early)] == [1, 0]
    assert outcome_of(early) == "superseded"


def test_a_payload_is_uploaded_once(dag, uploading):
    context = dag()
    run_alca(context)
    run_harvest(context)
    assert [upload(context), upload(context)] == [0, 0]
    assert uploading == ["harvestJob000"]


def test_without_a_netrc_nothing_is_asked_and_the_reason_is_written_down(
    dag, monkeypatch, tmp_path
):
    monkeypatch.setattr(node.Cmssw, "environment", lambda self: {})
    monkeypatch.setenv("HOME", str(tmp_path))
    context = dag()
    run_alca(context)
    run_harvest(context)
    assert upload(context) == 1
    record = read_json(context.run_dir / "harvestJob000" / UPLOAD_RECORD)
    assert record["outcome"] == "failed"
    assert ".netrc" in record["answer"]
