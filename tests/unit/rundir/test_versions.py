"""What one version of condorloop has begun in a run directory, the next one ends, and back."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from condorloop.dagman.logs import dag_records
from condorloop.model.campaign import CampaignKey
from condorloop.model.enums import TagOutcome, UploadOutcome
from condorloop.model.lumis import EMPTY, Lumis
from condorloop.node.dag_context import DagContext
from condorloop.node.main import main
from condorloop.node.uploads.destinations import Destination, youngest_in
from condorloop.recovery.scan import remains_in
from condorloop.rundir.layout import (
    ASK_AGAIN,
    DEFERRED,
    HARVEST_RECORD,
    LEFT_OUT,
    MANIFEST,
    PAYLOAD_DB,
    PERMANENT,
    UPLOAD_RECORD,
    YOUNGEST_RECORD,
    dag_dir,
    dag_file,
)
from condorloop.rundir.records import attempts
from condorloop.rundir.records.harvest import HarvestResult, LeftOut
from condorloop.rundir.records.manifest import Manifest, UploadMetadata
from condorloop.rundir.records.upload import UploadResult, YoungestRuns
from condorloop.rundir.records.witness import Witness
from condorloop.services.conditions import UploadAnswer
from tests.unit.dag_plans import RECONSTRUCTION
from tests.unit.node_examples import ROOT, leave_harvest, payload, root_bytes
from tests.unit.rundir import story_of_a_run
from tests.unit.rundir.story_of_a_run import TAG, UPLOADED, answering

WRITTEN_BY = Path(__file__).with_name("written_by")
BEFORE = "2026-11-30"
"""The version in which run directories were not yet read into dataclasses."""
KEY = CampaignKey("EcalPedestals", 398600)
METADATA = "NGTCalibEcalPedestals.txt"
PROD = "oracle://cms_orcon_prod/CMS_CONDITIONS"

KINDS = {
    MANIFEST: Manifest,
    HARVEST_RECORD: HarvestResult,
    LEFT_OUT: LeftOut,
    UPLOAD_RECORD: UploadResult,
    YOUNGEST_RECORD: YoungestRuns,
    METADATA: UploadMetadata,
}


def kind_of(path):
    return KINDS.get(path.name, Witness if path.name.endswith("_job.txt") else None)


def records(version):
    found = sorted(path for path in (WRITTEN_BY / version).rglob("*") if kind_of(path))
    return pytest.mark.parametrize("path", found, ids=lambda p: f"{p.parent.name}/{p.name}")


@records("0.1.0")
def test_each_record_of_the_first_release_is_read(path):
    assert kind_of(path).read(path)


@records(BEFORE)
def test_each_record_of_the_version_before_is_written_again_byte_for_byte(path, tmp_path):
    kind_of(path).read(path).write(tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == path.read_bytes()


def test_the_attempts_of_the_version_before_are_written_again_byte_for_byte(tmp_path):
    folder = WRITTEN_BY / BEFORE / "EcalPedestals" / "run398600" / "dag000"
    for attempt in attempts.read(folder, "RECO_0000"):
        attempts.add(tmp_path, "RECO_0000", attempt)
    before = attempts.file_of(folder, "RECO_0000").read_bytes()
    assert attempts.file_of(tmp_path, "RECO_0000").read_bytes() == before


def test_what_this_version_writes_is_what_the_version_before_wrote(tmp_path):
    """So that one reads the other's directories, after an upgrade and after going back."""
    written = told_in(story_of_a_run.play(tmp_path).parent, tmp_path / "work")
    before = told_in(WRITTEN_BY / BEFORE / "EcalPedestals", Path("/data/ngt"))
    assert before.pop(YOUNGEST_RECORD), "without it the version before looks into younger runs"
    assert written == before


WHY_NO_PAYLOAD = ("too few events", "the log of HARVEST does not say why")


def told_in(folder, work_dir):
    """What all records below a folder say that the version before looks at.

    Without times, the versions of templates, and what a `userText` says of the payload. The
    version before called each payload that was not made one of too few events.
    """
    found = {}
    for path in folder.rglob("*"):
        if kind_of(path) or path.suffix == ".failures" or path.name == "inputs.txt":
            text = path.read_text().replace(str(work_dir), "WORK_DIR")
            text = re.sub(r'"time": [0-9.]+', '"time": 0', text)
            text = re.sub(r'"templates": {[^}]*}', '"templates": {}', text)
            text = re.sub(r',\n "destinations": \[\n  {.*?\n \]', "", text, flags=re.DOTALL)
            text = re.sub(r',\n "tag_reader": {.*?\n }', "", text, flags=re.DOTALL)
            text = re.sub(r" \[condorloop [^]]*\]", "", text)
            text = text.replace(*WHY_NO_PAYLOAD)
            found[str(path.relative_to(folder))] = text
    return found


@pytest.fixture
def runs(request, tmp_path):
    """A run directory that another version has written, with the data files of its jobs."""
    shutil.copytree(WRITTEN_BY / request.param, tmp_path, dirs_exist_ok=True)
    runs = tmp_path / KEY.calibration / f"run{KEY.run}"
    for witness in runs.glob("apJob*/*_job.txt"):
        witness.with_name(ROOT).write_bytes(root_bytes())
    for told in runs.glob(f"harvestJob*/{METADATA}"):
        for name in (PAYLOAD_DB, told.with_suffix(".db").name):
            told.with_name(name).write_bytes(payload())
    for manifest in runs.glob(f"dag*/{MANIFEST}"):
        dag_file(runs, int(manifest.parent.name[3:])).touch()
    return runs


@pytest.fixture
def script(runs, monkeypatch):
    """Run what DAGMan runs in the directory of a DAG; the conditions service answers so."""

    def run(number, *arguments, answer=UPLOADED):
        monkeypatch.chdir(dag_dir(runs, number))
        with answering(answer):
            return main(list(arguments))

    return run


def harvest(runs, script, number):
    """Let the HARVEST of a DAG go well that was in the queue."""
    assert script(number, "inputs") == 0
    leave_harvest(DagContext.here(), data=payload())
    assert script(number, "finish", "HARVEST", "0") == 0
    return HarvestResult.read(runs / f"harvestJob{number:03d}" / HARVEST_RECORD)


@pytest.mark.parametrize("runs", [BEFORE], indirect=True)
def test_a_dag_of_the_version_before_is_ended_by_this_one(runs, script):
    made = harvest(runs, script, 1)
    assert (made.inputs, made.overlaps) == (("apJob000", "apJob001", "apJob003"), ("apJob002",))
    assert made.lumis == Lumis.parse("1-10,16-20")
    assert script(1, "upload") == PERMANENT, "the payload of dag003 was refused for this since"
    told = UploadResult.read(runs / "harvestJob001" / UPLOAD_RECORD)
    assert told.tags == {TAG: TagOutcome.REFUSED_BEFORE}
    (runs / "harvestJob001" / ASK_AGAIN).touch()
    assert script(1, "upload") == 0
    assert script(1, "finish", "UPLOAD", "0") == 0
    assert youngest_in(runs, Destination(PROD, TAG)) == KEY.run


@pytest.mark.parametrize("runs", [BEFORE, "0.1.0"], indirect=True)
def test_what_was_done_by_a_version_before_is_not_done_again(runs, script):
    there = {path: path.read_bytes() for path in runs.parent.rglob("*.json")}
    for node in ("RECO_0000", "ALCA_0000", "HARVEST", "UPLOAD"):
        assert script(0, "finish", node, "0") == 0
    assert script(0, "upload", answer=None) == 0
    assert {path: path.read_bytes() for path in runs.parent.rglob("*.json")} == there


@pytest.mark.parametrize("runs", ["0.1.0"], indirect=True)
def test_a_dag_of_the_first_release_is_ended_by_this_one(runs, script):
    known = UploadAnswer(UploadOutcome.NO_ANSWER, "Error from uploading: was uploaded before", True)
    assert script(2, "upload", answer=known) == 0, "its answer was lost, and it is known"
    assert UploadResult.read(runs / "harvestJob002" / UPLOAD_RECORD).tags == {
        TAG: TagOutcome.UPLOADED
    }
    assert harvest(runs, script, 1).lumis == Lumis.span(1, 15)
    assert script(1, "upload") == 0
    assert script(1, "finish", "UPLOAD", "0") == 0


@pytest.mark.parametrize("runs", [BEFORE, "0.1.0"], indirect=True)
def test_a_lost_ledger_is_rebuilt_from_what_a_version_before_has_written(runs):
    found = remains_in(RECONSTRUCTION, runs, "ledger")
    numbers = [int(path.parent.name[3:]) for path in sorted(runs.glob(f"dag*/{MANIFEST}"))]
    assert [each.plan.number for each in found.dags] == numbers
    assert {file.path for file in found.files.values()} >= {"/eos/cms/f0000.root"}
    assert found.uploaded(KEY.calibration) == (EMPTY, 0)


@pytest.mark.parametrize("runs", [BEFORE, "0.1.0"], indirect=True)
def test_what_jobs_of_a_version_before_were_made_with_is_told(runs):
    told = dag_records.read(dag_file(runs, 0), jobs=False)
    assert (told.software.release, told.software.scram_arch) == (
        "CMSSW_16_0_7_patch1",
        "el8_amd64_gcc13",
    )
    assert told.tags == {KEY.calibration: (TAG,)}
    assert [a.exit_code for a in told.attempts["RECO_0000"]] == [84]


@pytest.mark.parametrize("runs", [BEFORE], indirect=True)
@pytest.mark.parametrize("damage", ["", "{", "[]", '{"run": 398600}'])
def test_a_script_whose_manifest_is_damaged_says_so_and_judges_nothing(
    runs, script, damage, capsys
):
    path = dag_dir(runs, 1) / MANIFEST
    path.write_text(damage)
    assert script(1, "finish", "ALCA_0000", "0") not in (0, DEFERRED, PERMANENT)
    assert str(path) in capsys.readouterr().err
