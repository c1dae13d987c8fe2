"""`verify` shows each LS of each good RAW file in one input, and names whatever is otherwise."""

import io
import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace

import jsonschema
import pytest
from click.testing import CliRunner
from rich.console import Console

from condorloop.cli.main import cli
from condorloop.cli.views.verify import verification_view
from condorloop.history import evidence, reader, verification, verified
from condorloop.history.verified import FindingKind, Verifications
from condorloop.model.enums import Artifact, CampaignState, TagOutcome, UploadOutcome
from condorloop.model.jobs import DestinationRecord
from condorloop.model.lumis import Lumis
from condorloop.rundir.durable import read_json, write_json
from condorloop.rundir.layout import HARVEST_RECORD, LEDGER, MANIFEST, RESTORED
from condorloop.rundir.records.decisions import Restored
from tests.unit.examples import KEY, RUN, START
from tests.unit.run_example import RunExample


@pytest.fixture
def run(tmp_path):
    return RunExample(tmp_path)


def whole(run):
    """Let two batches be harvested, and the campaign close."""
    run.batch()
    run.batch()
    run.harvest()
    run.close()


def told(run):
    [story] = reader.tell(run.site, KEY.run, [KEY.calibration])
    return verification.verify(story, evidence.gather(story))


def found(run):
    return {(f.kind, str(f.lumis), f.files, f.alcareco): f.wrong for f in told(run).findings}


def path(number):
    return f"/eos/cms/f{number:04d}.root"


def test_a_run_whose_files_are_all_in_one_input_each_is_fine(run):
    whole(run)
    shown = told(run)
    assert (shown.is_wrong, shown.findings, shown.by_ledger) == (False, (), False)
    assert (str(shown.good), str(shown.shown)) == ("1-10", "1-10")
    assert (shown.files, shown.files_shown, shown.payloads) == (2, 2, ("harvestJob001",))


def test_a_lumisection_that_came_after_the_piece_behind_it_is_missing(run):
    whole(run)
    with run.ledger() as ledger:
        [campaign] = ledger.campaigns.of_run(KEY.run, KEY.calibration)
        made_by = ledger.dags.numbered(campaign.id, 1)
        sent = ((Lumis.parse("1-4"), 1.0), (Lumis.parse("6-10"), 2.0))
        record = replace(ledger.payloads.made_by(made_by, 1), pieces=sent)
        ledger.payloads.record(made_by, campaign.id, record)
    [missing] = told(run).findings
    assert (missing.kind, str(missing.lumis), missing.wrong) == (FindingKind.MISSING, "5", True)
    assert missing.text.endswith("; no piece went up with them)")
    assert (str(told(run).shown), told(run).payloads) == ("1-4,6-10", ("harvestJob001",))


def test_what_a_payload_lacks_that_a_person_put_back_is_no_fault(run):
    whole(run)
    run.file(path(7), "36-40")
    Restored("harvestJob001", "alice@node", "noise", 1.0).write(run.run_dir / RESTORED)
    [finding] = told(run).findings
    assert (finding.kind, finding.wrong) == (FindingKind.GIVEN_UP, False)
    assert "harvestJob001 was put back by alice@node: noise" in finding.text


def test_a_good_file_that_no_input_has_is_named_with_its_lumisections(run):
    whole(run)
    run.file(path(7), "36-40")
    assert found(run) == {(FindingKind.MISSING, "36-40", (path(7),), ()): True}
    assert "f0007.root: LS 36-40 are in no input (good; in no DAG)" in told(run).findings[0].text


def test_while_a_campaign_is_open_what_is_not_in_its_payload_waits(run):
    run.batch()
    run.harvest()
    run.file(path(7), "36-40")
    assert found(run) == {(FindingKind.WAITING, "36-40", (path(7),), ()): False}


def test_lumisections_that_a_job_did_not_read_are_in_no_input(run):
    run.batch(read="1-3")
    run.harvest()
    run.close()
    assert found(run) == {(FindingKind.MISSING, "4-5", (path(0),), ("apJob000",)): True}
    assert str(told(run).shown) == "1-3"


def test_a_file_in_two_inputs_is_named_with_both(run):
    run.batch()
    run.batch()
    run.batch(like=0)
    run.harvest()
    run.close()
    record = run.harvest_dir / HARVEST_RECORD
    data = read_json(record)
    assert data["inputs"] == ["apJob001", "apJob002"]
    write_json(record, {**data, "inputs": ["apJob000", "apJob001", "apJob002"]})
    kinds = found(run)
    assert kinds[FindingKind.TWICE, "1-5", (path(0),), ("apJob000", "apJob002")]
    assert kinds[FindingKind.RECORD, "", (), ("apJob000",)]
    assert str(told(run).shown) == "6-10"
    assert (told(run).files, told(run).files_shown) == (2, 1)


def test_an_input_whose_witness_is_gone_is_wrong_if_nobody_removed_it(run):
    whole(run)
    (run.run_dir / "apJob000" / run.dags[0].settings.alca_witness).unlink()
    kinds = found(run)
    assert kinds[FindingKind.WITNESS_GONE, "", (), ("apJob000",)]
    assert kinds[FindingKind.MISSING, "1-5", (path(0),), ()]


def test_a_damaged_witness_and_a_lost_origin_are_named(run):
    whole(run)
    (run.run_dir / "apJob000" / run.dags[0].settings.alca_witness).write_text("{")
    (run.run_dir / run.dags[1].node("RECO_0000").witness).unlink()
    (run.dags[1].directory / MANIFEST).unlink()
    texts = {f.alcareco: f.text for f in told(run).findings if f.alcareco}
    assert texts["apJob000",].startswith("apJob000: its witness is damaged")
    assert texts["apJob001",].startswith("apJob001: which RAW files")


def test_a_run_directory_that_is_gone_is_wrong_and_one_that_was_cleaned_up_is_not(run):
    whole(run)
    shutil.rmtree(run.run_dir)
    shown = told(run)
    assert shown.is_wrong
    assert {f.kind for f in shown.findings if f.wrong} >= {
        FindingKind.WITNESS_GONE,
        FindingKind.RECORD,
    }
    with run.ledger() as ledger:
        [campaign] = ledger.campaigns.of_run(RUN.number, KEY.calibration)
        ledger.campaigns.set_cleaned(campaign.id, Artifact.RUNS)
    shown = told(run)
    assert (shown.is_wrong, shown.by_ledger, str(shown.shown)) == (False, True, "1-10")
    [finding] = shown.findings
    assert finding.kind is FindingKind.NOT_SHOWN
    assert "the ledger alone tells what was in apJob000, apJob001" in finding.text


def test_reco_that_retention_removed_is_known_by_the_manifests(run):
    whole(run)
    for dag in run.dags:
        (run.run_dir / dag.node("RECO_0000").witness).unlink()
    assert told(run).findings == ()


def test_a_raw_file_of_another_run_in_an_input_is_named(run):
    whole(run)
    with closing(sqlite3.connect(run.site.site.work_dir / LEDGER)) as ledger, ledger:
        ledger.execute("UPDATE raw_file SET run = run + 1 WHERE path = ?", (path(0),))
    kinds = found(run)
    assert kinds[FindingKind.FOREIGN, "1-5", (path(0),), ("apJob000",)]


def test_copies_are_wrong_only_if_both_are_in_the_payload(run):
    for _ in range(3):
        run.batch()
    run.harvest()
    run.close()
    run.file(path(8), "41-45")
    run.file(path(7), "1-5")
    kinds = found(run)
    assert kinds[FindingKind.POSSIBLE_COPIES, "1-5", (path(0), path(7)), ()] is False
    run.file(path(1), "1-5")
    kinds = found(run)
    assert kinds[FindingKind.COPIES, "1-5", (path(0), path(1), path(7)), ()] is True


PROD, TRIAL = "EcalPedestals_hlt", "EcalPedestals_trial"


def in_tag(tag, outcome, at, answer=""):
    return DestinationRecord(
        "oracle://cms_orcon_prod", tag, outcome, answer, answered_at=START + at
    )


def two_destinations(run, in_trial):
    """Two harvests: the first is in both tags, the second in one, and has an outcome in trial."""
    up = TagOutcome.UPLOADED
    run.batch()
    run.harvest([in_tag(PROD, up, 90), in_tag(TRIAL, up, 90)])
    run.batch()
    there = in_tag(TRIAL, in_trial, 91, "since is before the first safe run")
    whole = UploadOutcome.UPLOADED if in_trial is up else UploadOutcome.REFUSED
    run.harvest([in_tag(PROD, up, 91), there], whole)
    run.close()


def test_each_destination_is_judged_by_the_payload_in_force_there(run):
    two_destinations(run, TagOutcome.FAILED)
    shown = told(run)
    assert (shown.is_wrong, str(shown.shown), shown.files_shown) == (True, "1-5", 1)
    assert shown.payloads == ("harvestJob001", "harvestJob000")
    assert [(d.tag, d.payload, str(d.shown), d.files_shown) for d in shown.destinations] == [
        (PROD, "harvestJob001", "1-10", 2),
        (TRIAL, "harvestJob000", "1-5", 1),
    ]
    [finding] = shown.findings
    assert (finding.kind, str(finding.lumis), finding.tags) == (
        FindingKind.MISSING,
        "6-10",
        (TRIAL,),
    )
    assert "harvestJob001 is refused there: since is before the first safe run" in finding.text
    console = Console(file=io.StringIO(), width=200, highlight=False)
    console.print(verification_view(shown))
    assert f"{TRIAL}: harvestJob000 in force; so shown: 1 of 2 files, LS 1-5" in (
        console.file.getvalue()
    )


def test_show_names_the_payload_of_each_destination_where_they_differ(run, tmp_path):
    two_destinations(run, TagOutcome.FAILED)
    site = ["--site", str(tmp_path / "site.yaml")]
    shown = " ".join(CliRunner().invoke(cli, ["show", str(KEY.run), *site]).stdout.split())
    assert f"in force in {PROD}: abc of harvestJob001, LS 1-10 (10 LS)" in shown
    assert f"in force in {TRIAL}: abc of harvestJob000, LS 1-5 (5 LS)" in shown
    assert "; harvestJob001 is refused there: since is before the first safe run" in shown


def test_show_says_that_the_service_has_moved_a_since_up(run, tmp_path):
    run.batch()
    late = replace(in_tag(PROD, TagOutcome.UPLOADED, 90), since=RUN.number + 2)
    run.harvest([late])
    site = ["--site", str(tmp_path / "site.yaml")]
    moved = f"since {RUN.number + 2} (moved up from {RUN.number})"
    for more in ([], ["--provenance"]):
        shown = CliRunner().invoke(cli, ["show", str(KEY.run), *more, *site]).stdout
        assert moved in " ".join(shown.replace("│", " ").split())


def test_destinations_that_have_the_same_payload_are_judged_as_one(run):
    two_destinations(run, TagOutcome.UPLOADED)
    run.file(path(7), "36-40")
    shown = told(run)
    assert (shown.payloads, shown.differ) == (("harvestJob001",), False)
    [finding] = shown.findings
    assert (finding.kind, finding.tags) == (FindingKind.MISSING, ())


def test_a_destination_that_has_no_payload_is_named(run):
    run.batch()
    run.harvest(
        [in_tag(PROD, TagOutcome.UPLOADED, 90), in_tag(TRIAL, TagOutcome.SKIPPED, 90, "why")],
        UploadOutcome.REFUSED,
    )
    run.close()
    [finding] = told(run).findings
    assert (finding.kind, finding.wrong, finding.tags) == (FindingKind.NO_PAYLOAD, True, (TRIAL,))
    assert "harvestJob000 is refused there: why" in finding.text
    assert [d.payload for d in told(run).destinations] == ["harvestJob000", ""]


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        (CampaignState.NO_PAYLOAD, FindingKind.GIVEN_UP),
        (CampaignState.ABANDONED, FindingKind.GIVEN_UP),
        (CampaignState.INCOMPLETE, FindingKind.NO_PAYLOAD),
        (CampaignState.EXPIRED, FindingKind.NO_PAYLOAD),
        (None, FindingKind.WAITING),
    ],
)
def test_without_a_payload_the_state_says_whether_there_should_be_one(run, state, kind):
    run.batch()
    if state:
        run.close(state, "why")
    [finding] = told(run).findings
    assert (finding.kind, finding.wrong) == (kind, kind is FindingKind.NO_PAYLOAD)
    assert str(finding.lumis) == "1-5"


def test_the_command_exits_1_and_names_what_is_wrong(run, tmp_path):
    whole(run)
    arguments = ["verify", str(KEY.run), "--site", str(tmp_path / "site.yaml")]
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 0, done.output
    assert "fine" in done.stdout
    run.file(path(7), "36-40")
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 1
    assert "EcalPedestals: something is wrong" in done.stderr
    as_json = json.loads(CliRunner().invoke(cli, [*arguments, "--json"]).stdout)
    jsonschema.validate(as_json, verified.json_schema())
    [campaign] = as_json["campaigns"]
    assert [f["lumis"] for f in campaign["findings"]] == ["36-40"]


def test_a_long_list_of_findings_is_cut_on_the_terminal_and_not_in_json(run):
    whole(run)
    for number in range(10, 40):
        run.file(path(number), str(5 * number))
    shown = told(run)
    printed = {}
    for all_of_them in (False, True):
        console = Console(file=io.StringIO(), width=200, highlight=False)
        console.print(verification_view(shown, whole=all_of_them))
        printed[all_of_them] = console.file.getvalue()
    assert printed[False].count("missing: ") == 20
    assert "and 10 more" in printed[False]
    assert printed[True].count("missing: ") == 30
    told_whole = verified.to_json(Verifications(run=KEY.run, campaigns=(shown,)))
    assert len(told_whole["campaigns"][0]["findings"]) == 30
