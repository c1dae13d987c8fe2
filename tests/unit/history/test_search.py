"""What became of something is found by whatever name one has of it."""

import io
import json
import shutil
import sqlite3
from unittest.mock import patch

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from condorloop.cli.views.find import found_view, not_found
from condorloop.cycle.node_progress import Observed, observe_dag
from condorloop.history import search as finding
from condorloop.history.ledger_reader import LedgerStories
from condorloop.history.search_terms import Kind, meanings
from condorloop.ledger.connection import Connection
from condorloop.ledger.store import Ledger
from condorloop.model.lumi_fates import LumiState
from condorloop.rundir.layout import run_dir
from tests.unit.examples import KEY, RUN, START
from tests.unit.story_example import FOLDER, HASH, STREAM, path, written

NOW = START + 100


@pytest.fixture
def site(tmp_path):
    return written(tmp_path)


def hits(site, what, *only):
    return finding.find(site, what, only).hits


def said(site, what, width=300):
    console = Console(file=io.StringIO(), width=width, highlight=False)
    console.print(found_view(finding.find(site, what), NOW))
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("what", "kinds"),
    [
        ("398600", [Kind.RUN, Kind.FILL, Kind.JOB, Kind.PAYLOAD]),
        ("run398600", [Kind.RUN]),
        ("12", [Kind.RUN, Kind.FILL, Kind.JOB]),
        ("12.0", [Kind.JOB]),
        ("398600:57", [Kind.LUMIS]),
        ("398600:57-60,70", [Kind.LUMIS]),
        ("b003", [Kind.DAG, Kind.PAYLOAD]),
        ("harvest005", [Kind.DAG]),
        ("398600:b003/RECO_0001", [Kind.DAG]),
        ("b003 RECO_0001", [Kind.DAG]),
        ("EcalPedestals run398600 b003", [Kind.DAG]),
        ("0d3a/EcalPedestals/398600/3", [Kind.DAG]),
        ("398600:apJob004", [Kind.ALCARECO]),
        ("8fae12cd", [Kind.PAYLOAD, Kind.FILE]),
        ("/eos/cms/a.root", [Kind.FILE]),
        ("no", []),
        ("", []),
    ],
)
def test_a_name_can_mean_several_things(what, kinds):
    assert [m.kind for m in meanings(what)] == kinds


@given(st.text(max_size=60))
def test_any_text_can_be_asked_for(what):
    assert all(m.kind in Kind for m in meanings(what))
    assert "find understands" in not_found(what)


@pytest.mark.parametrize("what", [path("a"), "a.root", "00000/a.ro"])
def test_a_file_is_found_by_its_path_its_name_and_a_part(site, what):
    found = {h.campaign.calibration: h for h in hits(site, what)}
    assert {h.name for h in found.values()} == {path("a")}
    ours = found["EcalPedestals"]
    assert (ours.dag.label, ours.node.name, ours.alca.output) == ("b000", "RECO_0000", "apJob000")
    assert (ours.file.fate, ours.payload.hash) == (LumiState.IN_PAYLOAD, HASH)
    assert found["SiStripBad"].file.fate is LumiState.GOOD


def test_a_files_way_is_told_in_a_paragraph(site):
    text = said(site, "a.root")
    assert (
        f"RAW file {path('a')} (run 398600 LS 1-4, 100 events, 3.0 MB, seen 14:13:21): good" in text
    )
    assert "EcalPedestals: in payload; b000/RECO_0000 done (job 41.0 on wn01 14:14:30)" in text
    assert "ALCA_0000 done → apJob000; in harvestJob000, payload 8fae12cd8fae uploaded" in text
    assert "SiStripBad: good" in text


def test_a_bad_file_is_told_with_its_error_and_what_to_type(site):
    text = said(site, "bad.root")
    assert "bad: exit 1: it is no file" in text
    assert "condorloop resubmit 398600 -c EcalPedestals --include-quarantined" in text


def test_a_lumisection_is_told_in_each_campaign(site):
    [ours] = hits(site, "398600:9", "EcalPedestals")
    assert ours.fates.keys() == {LumiState.FAILED}
    assert [f.path for f in ours.files] == [path("c")]
    text = said(site, "398600:4-13")
    assert "in payload 4-8; in work 13; failed 9-12" in text
    assert "no RAW file is known to have it; a bad file of the run may: bad.root" in said(
        site, "398600:99"
    )


@pytest.mark.parametrize(
    ("job", "dag", "name"),
    [
        ("52.0", "b001", "RECO_0000"),
        ("52", "b001", "RECO_0000"),
        ("70.0", "b002", "RECO_0000"),
        ("60", "b002", None),
    ],
)
def test_a_job_is_found_whether_it_has_ended_runs_or_is_a_dagman(site, job, dag, name):
    [hit] = hits(site, job)
    assert (hit.kind, hit.dag.label, hit.node and hit.node.name) == (Kind.JOB, dag, name)


def test_a_job_is_told_with_its_end_in_words(site):
    text = said(site, "52.0")
    assert "b001/RECO_0000 failed (job 52.0 on wn01): exit 84: FileReadError: broken basket" in text
    assert "ended 14:14:20: exit 84; one of 2 jobs of this node" in text


def test_an_earlier_dagman_of_a_rescued_dag_is_found(site):
    with Ledger(site.site.work_dir / "condorloop.db") as ledger:
        [campaign] = ledger.campaigns.of_run(RUN.number, KEY.calibration)
        failed = next(d for d in campaign.dags if d.label == "b001")
        ledger.dags.plan_rescue(failed.id, {})
        ledger.dags.submitted(failed.id, 55, START + 95)
    folder = site.site.work_dir / KEY.calibration / f"run{KEY.run}" / "dag001"
    log = "000 (050.000.000) 2026-09-21 14:13:26 Job submitted\n...\n"
    (folder / f"run{KEY.run}_dag001.dag.dagman.log").write_text(log)
    assert [h.dag.label for h in hits(site, "50")] == ["b001"]
    assert "before 55 the DAGMan of b001" in said(site, "50")


@pytest.mark.parametrize(
    "what",
    ["b001", "398600:b001", "EcalPedestals run398600 b001", "{ledger}/EcalPedestals/398600/1"],
)
def test_a_dag_is_found_by_each_of_its_names(site, what):
    with LedgerStories(site.site.work_dir / "condorloop.db") as ledger:
        [hit] = hits(site, what.format(ledger=ledger.id))
    assert (hit.kind, hit.dag.label) == (Kind.DAG, "b001")
    assert "RECO 1 failed; ALCA 1 not run" in said(site, "b001")


def test_a_dag_of_another_ledger_or_calibration_is_not_found(site):
    for what in ("other/EcalPedestals/398600/1", "SiStripBad run398600 b001", "398601:b001"):
        assert hits(site, what) == ()
    assert hits(site, "b001", "SiStripBad") == ()


def test_a_node_an_alcareco_and_a_payload_are_found(site):
    assert hits(site, "b001/RECO_0000")[0].node.exit_code == 84
    assert hits(site, "apJob000")[0].payload.hash == HASH
    [hit] = hits(site, HASH[:5].upper())
    assert (hit.name, hit.campaign.calibration) == (HASH, "EcalPedestals")
    assert "condorloop show 398600 -c EcalPedestals --payload 8fae12cd8fae" in said(site, "8fae1")


def test_a_run_and_its_fill_are_told_in_each_campaign(site):
    for what in (KEY.run, RUN.fill):
        text = said(site, str(what))
        assert "8 of ? LS in payload; 8fae12cd8fae of harvestJob000 uploaded 14:14:50" in text
        assert "condorloop show 398600" in text


def test_the_json_follows_its_schema(site):
    for what in ("a.root", "52.0", "none of it"):
        data = json.loads(json.dumps(finding.to_json(finding.find(site, what))))
        jsonschema.validate(data, finding.json_schema())
        assert data["schema"] == 1


def test_markup_and_escapes_in_names_have_no_effect(site):
    odd = f"{FOLDER}/[red]x\x1b[31m\n.root"
    with Ledger(site.site.work_dir / "condorloop.db") as ledger:
        ledger.raw_files.add(STREAM, RUN.number, {odd: 1}, START)
    assert "[red]x\\x1b[31m\\n.root" in said(site, "[red]x")


def test_more_than_a_screenful_says_so(site):
    many = {f"{FOLDER}/many{n}.root": 1 for n in range(finding.MOST)}
    with Ledger(site.site.work_dir / "condorloop.db") as ledger:
        ledger.raw_files.add(STREAM, RUN.number, many, START)
    found = finding.find(site, "many")
    assert (len(found.hits), found.more) == (finding.MOST, True)
    assert "… and more" in said(site, "many")


class Planned:
    """The rows of a connection, and how its queries are carried out."""

    def __init__(self, connection: Connection) -> None:
        self._rows = connection.rows
        self.plans: list[str] = []

    def __call__(self, sql: str, *values: object) -> list[sqlite3.Row]:
        plan = self._rows(f"EXPLAIN QUERY PLAN {sql}", *values)
        self.plans += [row["detail"] for row in plan]
        return self._rows(sql, *values)


@pytest.mark.parametrize(
    "search",
    [
        lambda ledger: ledger.search.files_named("a.root"),
        lambda ledger: ledger.search.files_named(path("a")),
        lambda ledger: ledger.search.campaigns_of_run(KEY.run),
        lambda ledger: ledger.search.campaigns_of_fill(RUN.fill),
        lambda ledger: ledger.search.campaigns_of_path(STREAM, KEY.run),
        lambda ledger: ledger.search.dags_of_cluster(40),
        lambda ledger: ledger.search.dags_of_job("41.0"),
        lambda ledger: ledger.search.dags_in_flight(),
        lambda ledger: ledger.search.dags_of_payload(HASH[:4], 1),
        lambda ledger: ledger.story(KEY),
    ],
)
def test_a_search_reads_no_table_from_its_beginning_to_its_end(site, search):
    with LedgerStories(site.site.work_dir / "condorloop.db") as ledger:
        planned = Planned(ledger.connection)
        with patch.object(ledger.connection, "rows", planned):
            assert search(ledger)
        scans = [p for p in planned.plans if p.startswith("SCAN") and "INDEX" not in p]
        assert scans == []


def test_a_file_is_found_in_whichever_folder_it_is(site):
    folders = [f"/eos/{a}/{b}" for a in ("x", "x0", "y") for b in range(3)]
    with Ledger(site.site.work_dir / "condorloop.db") as ledger:
        for number, folder in enumerate(folders):
            files = {f"{folder}/f{i}-{number}.root": 1 for i in range(3)}
            ledger.raw_files.add(f"/eos/{number}", 1, files, START)
        for number, folder in enumerate(folders):
            with LedgerStories(ledger.path) as search:
                name = f"f1-{number}.root"
                assert search.search.files_named(name) == [f"{folder}/{name}"]
                assert search.search.files_named("f1") == []


def test_a_payload_is_found_by_the_hash_of_any_of_its_iovs(tmp_path):
    """Also where its directory is gone: the ledger knows all of them."""
    site = written(tmp_path)
    runs = run_dir(site.site.work_dir, KEY.calibration, KEY.run)
    first, second = "ab" * 20, "cd" * 20
    with Ledger(site.site.work_dir / "condorloop.db") as ledger:
        [campaign] = ledger.campaigns.of_run(KEY.run, KEY.calibration)
        [dag] = [d for d in campaign.dags if d.label == "b002"]
        dag_id = f"{ledger.id}/{KEY.calibration}/{KEY.run}/{dag.number}"
        made = runs / "harvestJob002"
        made.mkdir()
        iovs = [{"tag": "T", "since": n, "hash": h} for n, h in enumerate((first, second, second))]
        record = {"dag_id": dag_id, "inputs": ["apJob002"], "left_out": [], "lumis": "13-16"}
        told = record | {"events": 100, "time": START + 50, "iovs": iovs}
        (made / "harvest.json").write_text(json.dumps(told))
        mine = {KEY.calibration: campaign.id}
        observe_dag(ledger, Observed(dag_id, runs, mine, campaign.reconstruction_id, dag))
    shutil.rmtree(made)
    for digest in (first, second):
        [hit] = finding.find(site, digest[:6]).hits
        assert (hit.kind, hit.name, hit.payload.harvest) == (Kind.PAYLOAD, digest, "harvestJob002")
    assert [h.kind for h in finding.find(site, "dcdc").hits if h.kind is Kind.PAYLOAD] == []
