"""What a DAG does on the access point: judge nodes, choose harvest inputs, upload."""

import json
import os
from pathlib import Path

import pytest

from condorloop.model.enums import UploadOutcome
from condorloop.model.lumis import Lumis
from condorloop.node.dag_context import NodeError
from condorloop.node.post_script import finish
from condorloop.node.pre_script import choose_inputs
from condorloop.node.uploads.upload import upload
from condorloop.rundir.durable import read_json
from condorloop.rundir.layout import (
    ASK_AGAIN,
    HARVEST_RECORD,
    INPUTS,
    JOB_REPORT,
    PERMANENT,
    UPLOAD_RECORD,
)
from condorloop.rundir.records import attempts
from condorloop.rundir.records.witness import Witness
from condorloop.services.conditions import UploadAnswer
from tests.unit.node_examples import (
    ROOT,
    leave,
    leave_alca,
    leave_harvest,
    leave_reco,
    make_dag,
    payload,
    rewritten,
    root_bytes,
    run_alca,
    run_harvest,
)


@pytest.fixture
def dag(tmp_path):
    """Write a DAG of one RECO and one ALCA node, with nothing run yet."""
    return lambda number=0, first_job=0, files=1: make_dag(tmp_path, number, first_job, files)


def test_reco_output_appears_with_a_witness_of_what_was_read(dag):
    context = dag()
    output = leave_reco(context)
    assert finish(context, "RECO_0000", 0) == 0
    witness = Witness.read(context.run_dir / f"{output}_job.txt")
    assert witness == Witness(
        "RECO_0000", context.id, Lumis.span(1, 5), 100, ("/eos/cms/f0000.root",)
    )
    assert (context.run_dir / f"{output}.root").read_bytes() == root_bytes()


def test_finishing_twice_is_finishing_once(dag):
    context = dag()
    leave_reco(context)
    assert [finish(context, "RECO_0000", 0) for _ in range(2)] == [0, 0]
    assert [run_alca(context), finish(context, "ALCA_0000", 0)] == [0, 0]
    assert [run_harvest(context), finish(context, "HARVEST", 0)] == [0, 0]


def test_a_finish_that_was_cut_short_is_taken_up(dag):
    context = dag()
    output = leave_reco(context)
    made = context.directory / "RECO_0000" / f"{output}.root"
    made.replace(context.run_dir / f"{output}.root")
    assert finish(context, "RECO_0000", 0) == 0
    assert Witness.read(context.run_dir / f"{output}_job.txt")


@pytest.mark.parametrize(
    ("exit_code", "told"),
    [
        (84, 84),
        (1, 1),
        (65, PERMANENT),
        (90, PERMANENT),
        (-9, 1),
        (-1002, 1),
        (137, 137),
        (127, 127),
    ],
)
def test_only_failures_that_may_pass_are_tried_again(dag, exit_code, told):
    assert finish(dag(), "RECO_0000", exit_code) == told


@pytest.mark.parametrize(
    ("spoilt", "words"),
    [
        (None, "did not make it"),
        (b"", "it is empty"),
        (root_bytes()[:-1], "it is cut"),
        (b"no ROOT file" * 9, "it is no ROOT file"),
    ],
)
@pytest.mark.parametrize("name", ["RECO_0000", "ALCA_0000"])
def test_exit_0_without_whole_output_is_no_success(dag, name, spoilt, words):
    context = dag()
    output = context.manifest.nodes["RECO_0000"].output
    file = f"{output}.root" if name == "RECO_0000" else ROOT
    leave(context, name, {} if spoilt is None else {file: spoilt})
    with pytest.raises(NodeError, match=words):
        finish(context, name, 0)
    assert not (context.run_dir / context.manifest.nodes[name].witness).exists()
    assert not (context.run_dir / file).exists()
    [told] = attempts.read(context.directory, name)
    assert (told.exit_code, told.blames) == (0, ())
    assert words in told.words


def test_a_file_that_came_back_in_part_is_no_success(dag):
    context = dag()
    made = leave(context, "ALCA_0000", {ROOT: root_bytes() + b"more"})
    (made / ROOT).write_bytes(root_bytes())
    with pytest.raises(NodeError, match="bytes came back"):
        finish(context, "ALCA_0000", 0)


def test_exit_0_without_a_job_report_is_no_success(dag):
    context = dag()
    leave_reco(context)
    (context.directory / "RECO_0000" / JOB_REPORT).write_text("<FrameworkJobReport>")
    with pytest.raises(NodeError, match="no job report"):
        finish(context, "RECO_0000", 0)


def test_what_a_failed_attempt_left_is_not_the_next_ones_output(dag):
    context = dag()
    leave(context, "ALCA_0000", {ROOT: root_bytes()}, listed=False)
    assert finish(context, "ALCA_0000", 84) == 84
    leave(context, "ALCA_0000", {})
    with pytest.raises(NodeError, match="did not make it"):
        finish(context, "ALCA_0000", 0)
    kept = sorted(p.name for p in context.directory.glob("ALCA_0000.failed*"))
    assert kept == ["ALCA_0000.failed0", "ALCA_0000.failed1"]


def test_another_dags_output_is_not_taken_for_ones_own(dag):
    context = dag()
    run_alca(context)
    stranger = rewritten(context, id="other/EcalPedestals/1/0")
    with pytest.raises(NodeError, match="is of another DAG"):
        finish(stranger, "ALCA_0000", 0)


def test_an_alcareco_whose_file_is_gone_stops_no_harvest(dag, capsys):
    first, second = dag(0, first_job=0), dag(1, first_job=1)
    run_alca(first)
    run_alca(second, "6-10")
    (first.run_dir / "apJob000" / ROOT).unlink()
    assert choose_inputs(second) == [f"apJob001/{ROOT}"]
    assert "left out: apJob000" in capsys.readouterr().out
    assert run_harvest(second) == 0
    record = read_json(second.run_dir / "harvestJob001" / HARVEST_RECORD)
    assert (record["inputs"], list(record["left_out"])) == (["apJob001"], ["apJob000"])
    assert "No such file" in record["left_out"]["apJob000"]


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
    chosen = [f"apJob000/{ROOT}", f"apJob001/{ROOT}"]
    assert (second.directory / INPUTS).read_text().splitlines() == chosen
    assert all((second.directory / "inputs" / c).read_bytes() == root_bytes() for c in chosen)
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


def harvested_without_payload(context, log):
    run_alca(context)
    choose_inputs(context)
    leave_harvest(context)
    (context.directory / "HARVEST" / "run398600_ecalPedsALCAHARVEST.log").write_text(log)
    assert finish(context, "HARVEST", 0) == 0
    assert upload(context) == 0
    made = context.run_dir / "harvestJob000"
    return read_json(made / HARVEST_RECORD), read_json(made / UPLOAD_RECORD)


def test_no_payload_is_an_outcome_of_its_own_in_the_words_of_the_harvester(dag):
    category = "Large Variations found wrt to old pedestals, no file created"
    header = f"%MSG-e {category}:  ECALpedestalPCLHarvester:ECALpedestalPCLHarvester@endJob"
    harvest, answer = harvested_without_payload(dag(), f"{header} 30-Nov-2026\n\n%MSG\n")
    assert harvest["no_payload"] == {"cause": "veto", "words": category}
    assert (answer["outcome"], answer["answer"]) == ("no payload", category)


def test_a_harvester_that_does_not_say_why_it_made_no_payload_is_told_so(dag):
    harvest, answer = harvested_without_payload(dag(), "")
    assert "no_payload" not in harvest
    assert answer["answer"] == "the log of HARVEST does not say why"


def can_be_asked(monkeypatch):
    monkeypatch.setattr("condorloop.services.cmssw.Cmssw.environment", lambda self: {})
    monkeypatch.setattr(
        "condorloop.services.conditions.missing_credentials", lambda auth_path: None
    )


@pytest.fixture
def uploading(monkeypatch):
    """Take the place of uploadConditions.py; give the list of what it was run on."""
    ran = []

    def run(database, **_):
        ran.append(database.parent.name)
        return UploadAnswer(UploadOutcome.UPLOADED, "tag X successfully uploaded")

    monkeypatch.setattr("condorloop.services.conditions.upload", run)
    can_be_asked(monkeypatch)
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

    monkeypatch.setattr("condorloop.services.conditions.upload", run)
    can_be_asked(monkeypatch)
    return given


KNOWN = UploadAnswer(
    UploadOutcome.NO_ANSWER, "Error from uploading: file abc was uploaded before", unanswered=True
)
CUT = UploadAnswer(
    UploadOutcome.NO_ANSWER, "Error from uploading: the connection was cut", unanswered=True
)


def outcome_of(context):
    return read_json(context.run_dir / context.manifest.nodes["UPLOAD"].output / UPLOAD_RECORD)[
        "outcome"
    ]


@pytest.mark.parametrize("first", [CUT, KeyboardInterrupt()])
def test_an_upload_whose_answer_was_lost_is_found_taken(dag, answers, first):
    context = dag()
    run_alca(context)
    run_harvest(context)
    answers += [first, KNOWN]
    try:
        assert upload(context) == 1
    except KeyboardInterrupt:
        assert outcome_of(context) == "no answer"
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
    monkeypatch.setattr("condorloop.services.cmssw.Cmssw.environment", lambda self: {})
    monkeypatch.setenv("HOME", str(tmp_path))
    context = dag()
    run_alca(context)
    run_harvest(context)
    assert upload(context) == 1
    record = read_json(context.run_dir / "harvestJob000" / UPLOAD_RECORD)
    assert record["outcome"] == "no answer"
    assert not record["unanswered"]
    assert ".netrc" in record["answer"]


REFUSED = UploadAnswer(UploadOutcome.REFUSED, "too late")
UPLOADED = UploadAnswer(UploadOutcome.UPLOADED, "tag X successfully uploaded")
FAILED = UploadAnswer(UploadOutcome.FAILED, "uploadConditions.py, exit 252: no metadata")


def harvested(context):
    run_alca(context)
    run_harvest(context)
    return context.run_dir / "harvestJob000"


def test_a_refusal_is_final_until_a_person_has_it_asked_again(dag, answers):
    context = dag()
    harvest = harvested(context)
    answers += [REFUSED]
    assert [upload(context), upload(context)] == [PERMANENT, PERMANENT]
    (harvest / ASK_AGAIN).touch()
    answers += [REFUSED, UPLOADED]
    assert [upload(context), upload(context)] == [PERMANENT, PERMANENT]
    (harvest / ASK_AGAIN).touch()
    assert upload(context) == 0
    assert outcome_of(context) == "uploaded"
    assert not (harvest / ASK_AGAIN).exists()


@pytest.fixture
def three_harvests(dag):
    """Three DAGs of a campaign whose harvests have made ever better payloads."""
    contexts = [dag(0, first_job=0), dag(1, first_job=1), dag(2, first_job=2)]
    for context, lumis in zip(contexts, ("1-5", "6-10", "11-15"), strict=True):
        run_alca(context, lumis)
        run_harvest(context)
    return contexts


def test_what_was_refused_for_good_is_not_asked_with_each_better_payload(three_harvests, answers):
    answers += [REFUSED]
    assert [upload(context) for context in three_harvests] == [PERMANENT] * 3
    record = read_json(three_harvests[2].run_dir / "harvestJob002" / UPLOAD_RECORD)
    assert record["answer"].startswith("as harvestJob00")
    assert record["answer"].endswith("too late")


def test_after_a_payload_was_taken_better_ones_are_asked_for_again(three_harvests, answers):
    first, second, third = three_harvests
    answers += [REFUSED, UPLOADED, UPLOADED]
    assert [upload(first), upload(second)] == [PERMANENT] * 2
    (first.run_dir / "harvestJob001" / ASK_AGAIN).touch()
    assert [upload(second), upload(third)] == [0, 0]
    assert not answers


def test_a_refusal_says_nothing_of_another_since(dag, answers):
    early, late = dag(0, first_job=0), dag(1, first_job=1)
    for context, lumis, since in ((early, "1-5", 398600), (late, "6-10", 398601)):
        run_alca(context, lumis)
        run_harvest(context, since=since)
    answers += [REFUSED, UPLOADED]
    assert [upload(early), upload(late)] == [PERMANENT, 0]


def test_a_wish_to_ask_again_outlives_an_outage(dag, answers):
    context = dag()
    harvest = harvested(context)
    answers += [REFUSED, CUT, FAILED]
    upload(context)
    (harvest / ASK_AGAIN).touch()
    assert [upload(context), upload(context)] == [1, 1]
    assert (harvest / ASK_AGAIN).exists()


@pytest.mark.parametrize("first", [CUT, FAILED])
def test_no_answer_and_a_failed_tool_are_asked_again(dag, answers, first):
    context = dag()
    harvested(context)
    answers += [first, UPLOADED]
    assert [upload(context), upload(context)] == [1, 0]


@pytest.mark.parametrize(
    ("uploaded", "asked"),
    [
        ((Lumis.span(1, 5), 100), False),
        ((Lumis.span(1, 6), 10), False),
        ((Lumis.span(1, 5), 99), True),
        ((Lumis.span(1, 4), 1000), True),
        ((Lumis(), 0), True),
    ],
)
def test_what_the_ledger_knows_in_the_database_is_not_replaced_by_a_worse_one(
    dag, uploading, uploaded, asked
):
    context = rewritten(dag(), uploaded=uploaded)
    harvested(context)
    assert upload(context) == 0
    assert bool(uploading) == asked
    assert outcome_of(context) == ("uploaded" if asked else "superseded")


@pytest.mark.parametrize("text", ["", "{", '{"iovs": 3}', "[]"])
def test_a_harvest_whose_record_is_damaged_is_not_uploaded(dag, uploading, text):
    context = dag()
    (harvested(context) / HARVEST_RECORD).write_text(text)
    assert upload(context) == 1
    assert (uploading, outcome_of(context)) == ([], "failed")


def test_an_upload_that_ended_without_an_outcome_is_no_success(dag, answers):
    context = dag()
    harvest = harvested(context)
    with pytest.raises(NodeError, match="not written"):
        finish(context, "UPLOAD", 0)
    answers += [CUT]
    assert upload(context) == 1
    with pytest.raises(NodeError, match="not written"):
        finish(context, "UPLOAD", 0)
    assert finish(context, "UPLOAD", 1) == 1
    assert attempts.read(context.directory, "UPLOAD")[-1].words == f"no answer: {CUT.words}"
    assert harvest.exists()


CRASH = "A fatal system signal has occurred: segmentation violation"


def failed_reco(context, log, exit_code, files=2):
    output = context.manifest.nodes["RECO_0000"].output
    made = leave(context, "RECO_0000", {f"{output}.log": log.encode()}, listed=False)
    (made / JOB_REPORT).unlink()
    finish(context, "RECO_0000", exit_code)
    return attempts.read(context.directory, "RECO_0000")[-1]


def test_a_crash_is_blamed_on_the_file_that_was_open(dag):
    context = dag(files=2)
    first, second = context.manifest.nodes["RECO_0000"].files
    log = (
        f"t  Successfully opened file root://eos/{first}\nt  Closed file root://eos/{first}\n"
        f"t  Initiating request to open file root://eos/{second}\n{CRASH}\nThe call stack\n"
    )
    told = failed_reco(context, log, 139)
    assert (told.exit_code, told.words, told.blames) == (139, CRASH, (second,))


@pytest.mark.parametrize(
    ("exit_code", "code", "words"),
    [(-9, 137, "killed by SIGKILL"), (-1002, -1002, "the job was removed")],
)
def test_a_job_that_was_ended_from_outside_blames_nothing(dag, exit_code, code, words):
    context = dag(files=2)
    first, _ = context.manifest.nodes["RECO_0000"].files
    told = failed_reco(context, f"t  Successfully opened file root://eos/{first}\n", exit_code)
    assert (told.exit_code, told.words, told.blames) == (code, words, ())


def failed_harvest(context, error):
    choose_inputs(context)
    made = leave(context, "HARVEST", {}, listed=False)
    text = f'<FrameworkJobReport><FrameworkError ExitStatus="8022">{error}</FrameworkError>'
    (made / JOB_REPORT).write_text(text)
    return finish(context, "HARVEST", 86)


def test_a_harvest_goes_on_without_the_alcareco_that_failed_it_twice(dag, capsys):
    first, second = dag(0, first_job=0), dag(1, first_job=1)
    run_alca(first)
    run_alca(second, "6-10")
    error = f"Fatal Root Error: file ../inputs/apJob000/{ROOT} is damaged"
    assert [failed_harvest(second, error) for _ in range(2)] == [1, 1]
    told = attempts.read(second.directory, "HARVEST")
    assert [a.blames for a in told] == [("apJob000",), ("apJob000",)]
    assert error in told[0].words
    assert choose_inputs(second) == [f"apJob001/{ROOT}"]
    assert "left out: apJob000: it was blamed for 2 failed attempts" in capsys.readouterr().out
    assert len(choose_inputs(first)) == 2, "another DAG judges by itself"


def test_a_harvest_that_blames_nothing_it_reads_is_not_repeated(dag):
    context = dag()
    run_alca(context)
    assert failed_harvest(context, "no such tag") == PERMANENT


def test_a_payload_file_that_is_cut_is_no_success(dag):
    context = dag()
    run_alca(context)
    choose_inputs(context)
    leave_harvest(context, data=payload()[:5000])
    with pytest.raises(NodeError, match=r"promptCalibConditions\.db"):
        finish(context, "HARVEST", 0)
    assert attempts.read(context.directory, "HARVEST")


def test_a_payload_of_an_earlier_attempt_is_not_taken_for_this_ones(dag):
    context = dag()
    run_alca(context)
    choose_inputs(context)
    leave_harvest(context, data=payload())
    leave_harvest(context)
    assert finish(context, "HARVEST", 0) == 0
    assert read_json(context.run_dir / "harvestJob000" / HARVEST_RECORD)["iovs"] == []


def test_a_harvest_begins_without_what_an_attempt_left_that_nobody_judged(dag):
    context = dag()
    run_alca(context)
    leave(context, "HARVEST", {"promptCalibConditions.db": payload()}, listed=False)
    choose_inputs(context)
    leave(context, "HARVEST", {}, listed=False)
    assert finish(context, "HARVEST", 0) == 0
    assert read_json(context.run_dir / "harvestJob000" / HARVEST_RECORD)["iovs"] == []


def test_a_job_report_that_lacks_ls_is_a_success_that_says_so(dag, capsys):
    context = dag()
    output = leave_reco(context, "1-3")
    assert finish(context, "RECO_0000", 0) == 0
    witness = Witness.read(context.run_dir / f"{output}_job.txt")
    assert (str(witness.lumis), str(witness.lacking)) == ("1-3", "4-5")
    assert "lacks LS 4-5" in capsys.readouterr().out
    run_alca(context, "2-3")
    witness = Witness.read(context.run_dir / "apJob000" / context.settings.alca_witness)
    assert (str(witness.lumis), str(witness.lacking)) == ("2-3", "1")
    assert run_harvest(context, lumis="3") == 0
    record = read_json(context.run_dir / "harvestJob000" / HARVEST_RECORD)
    assert (record["lumis"], record["lacking"]) == ("3", "2")


def test_a_failed_attempt_is_told_once_however_often_its_end_is_judged(dag):
    context = dag()
    leave_alca(context)
    assert [finish(context, "ALCA_0000", 84) for _ in range(2)] == [84, 84]
    assert len(attempts.read(context.directory, "ALCA_0000")) == 1
    leave_alca(context)
    finish(context, "ALCA_0000", 84)
    assert len(attempts.read(context.directory, "ALCA_0000")) == 2


def test_what_comes_into_the_run_directory_can_be_written_by_the_group(dag):
    context = dag()
    leave_alca(context)
    made = context.directory / "ALCA_0000"
    (made / ROOT).chmod(0o600)
    made.chmod(0o700)
    finish(context, "ALCA_0000", 0)
    final = context.run_dir / "apJob000"
    assert (final.stat().st_mode & 0o777, (final / ROOT).stat().st_mode & 0o777) == (0o770, 0o660)


def test_a_folder_that_nobody_finished_does_not_stand_in_the_way(dag):
    context = dag()
    (context.run_dir / "apJob000").mkdir()
    (context.run_dir / "apJob000" / "junk").touch()
    assert run_alca(context) == 0
    assert (context.directory / "apJob000.failed0" / "junk").exists()


def run_reco(context):
    leave_reco(context)
    return finish(context, "RECO_0000", 0)


@pytest.mark.parametrize(
    ("run", "made", "witness"),
    [
        (run_reco, "398600", "_job.txt"),
        (run_alca, "PromptCalibProdEcalPedestals.root", "Step3_job.txt"),
        (run_harvest, "promptCalibConditions.db", HARVEST_RECORD),
    ],
)
def test_what_a_witness_vouches_for_is_on_the_disk_before_it(dag, monkeypatch, run, made, witness):
    context, synced = dag(), []
    if run is run_harvest:
        run_alca(context)

    def sync(descriptor):
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))

    monkeypatch.setattr(os, "fsync", sync)
    run(context)
    last = max(i for i, path in enumerate(synced) if witness in path)
    assert any(made in path for path in synced[:last])
