"""An older ledger that is put back, a directory that is away for a while: nothing counts twice."""

import shutil
import sqlite3
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace

import pytest

from condorloop.config.loader import load
from condorloop.cycle.ports import Ports
from condorloop.dagman.adoption import free_numbers
from condorloop.ledger.store import Ledger
from condorloop.model.campaign import CampaignKey
from condorloop.model.enums import DagState
from condorloop.model.jobs import FailedNode
from condorloop.model.lumis import Lumis
from condorloop.model.problem import ProblemKind
from condorloop.model.queue import Queued, QueuedDag
from condorloop.node.dag_context import DagContext
from condorloop.node.post_script import finish
from condorloop.node.pre_script import choose_inputs
from condorloop.recovery.rebuild import open_ledger
from condorloop.rundir.durable import read_json, write_json
from condorloop.rundir.layout import (
    HARVEST_RECORD,
    MANIFEST,
    UPLOAD_RECORD,
    dag_file,
    run_dir,
)
from condorloop.rundir.records.manifest import Manifest
from condorloop.submitter import build_submitter
from tests.unit import examples
from tests.unit.cycle.test_luminosity import Files
from tests.unit.examples import KEY, RUN, START, TOP
from tests.unit.node_examples import leave_reco, make_dag, run_alca, run_harvest


class Queue:
    """A schedd in which DAGs stay until a test takes them out."""

    def __init__(self):
        self.there = {}
        self.submitted = []

    def queued(self):
        return Queued(dags=self.there)

    def submit(self, dag_file, batch_name):
        manifest = read_json(dag_file.parent / MANIFEST)
        cluster = 100 + len(self.submitted)
        key = CampaignKey(manifest["calibration"], manifest["run"])
        dag_id = manifest["id"]
        self.there[dag_id] = QueuedDag(dag_id, key, manifest["dag"], cluster, None, {})
        self.submitted.append(dag_file.parent.name)
        log = dag_file.with_name(f"{dag_file.name}.dagman.log")
        log.write_text(f"000 ({cluster}.000.000) 2026-09-21 14:13:20 Job submitted\n...\n")
        return cluster

    def remove(self, cluster, why):
        self.there = {i: d for i, d in self.there.items() if d.cluster != cluster}

    def history(self, cluster, since):
        return None

    def close(self):
        pass


class Site:
    """A work_dir, its storage and its schedd; a submitter that a test lets cycle."""

    def __init__(self, folder):
        self.config = load(examples.site_file(folder), TOP / "calibrationYAML", [KEY.calibration])
        self.config.site.work_dir.mkdir()
        self.ledger_file = self.config.site.work_dir / "condorloop.db"
        self.kept = folder / "kept.db"
        self.runs = run_dir(self.config.site.work_dir, KEY.calibration, KEY.run)
        self.files, self.pool = Files(), Queue()
        self.now = START + 60
        self.status = None

    def appear(self, *numbers):
        """Let RAW files appear, of a lumisection each."""
        for number in numbers:
            path = f"{self.stream}/000/398/600/00000/f{number}.root"
            self.files.there |= {path: (KEY.run, [number])}

    @property
    def stream(self):
        return self.config.stream_of(KEY.calibration).raw_path

    @contextmanager
    def ledger(self, opened=open_ledger):
        if opened is Ledger:
            with Ledger(self.ledger_file) as ledger:
                yield ledger
        else:
            with opened(self.ledger_file, self.config, self.now) as ledger:
                yield ledger

    def cycle(self, times=2, opened=open_ledger, end=None, before=lambda submitter: None):
        """Start a submitter, and let it cycle; `before` is done with it first."""
        with self.ledger(opened) as ledger:
            run = replace(RUN, end=end)
            world = Ports(SimpleNamespace(runs=lambda since: [run]), self.files, self.pool)
            submitter = build_submitter(self.config, ledger, lambda: self.now, world)
            try:
                before(submitter)
                for _ in range(times):
                    self.now += 100
                    submitter.once()
                self.status = submitter.publisher.status
            finally:
                submitter.close()

    @property
    def campaign(self):
        with Ledger(self.ledger_file) as ledger:
            [campaign] = ledger.campaigns.of_run(KEY.run, KEY.calibration)
            return campaign

    def copy_ledger(self):
        """Keep a copy of the ledger as it is."""
        with sqlite3.connect(self.ledger_file) as db, sqlite3.connect(self.kept) as kept:
            db.backup(kept)
        db.close()
        kept.close()

    def put_back(self):
        """Put the copy in the ledger's place."""
        for part in ("-wal", "-shm"):
            self.ledger_file.with_name(self.ledger_file.name + part).unlink(missing_ok=True)
        shutil.copy(self.kept, self.ledger_file)

    def dag(self, number):
        folder = self.runs / f"dag{number:03d}"
        return DagContext(folder, Manifest.read(folder / MANIFEST))

    def make(self, number):
        """Let the RECO and ALCA nodes of a DAG go well."""
        dag = self.dag(number)
        lumis = str(dag.manifest.lumis)
        leave_reco(dag, lumis)
        assert finish(dag, "RECO_0000", 0) == 0
        assert run_alca(dag, lumis) == 0

    def raw_files(self):
        """The RAW files of each DAG that has a directory."""
        manifests = [read_json(p) for p in sorted(self.runs.glob(f"dag*/{MANIFEST}"))]
        return {m["dag"]: sorted(f["path"][-7:-5] for f in m["files"]) for m in manifests}


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


def test_numbers_that_nothing_on_the_disk_has_are_given(tmp_path):
    runs = tmp_path / "run398600"
    assert free_numbers(runs, 1, 1, 1) == (1, 1, 1)
    for name in ("dag000", "apJob000", "odd"):
        (runs / name).mkdir(parents=True)
    assert free_numbers(runs, 1, 1, 1) == (1, 1, 1)
    for name in ("dag004", "harvestJob006", "apJob009", "apJob010.old"):
        (runs / name).mkdir()
    (runs / "run398600_LS0001To0005_b007_0000_step2.root").touch()
    assert free_numbers(runs, 1, 1, 1) == (7, 8, 11)


def test_the_number_of_a_harvest_in_the_directory_of_a_calibration_is_not_given_again(tmp_path):
    """The DAG that made it is gone from the directory of the stream that calibrations share."""
    runs, made_in = tmp_path / "Express" / "run398600", tmp_path / "SiPixelLA" / "run398600"
    (made_in / "harvestJob004").mkdir(parents=True)
    assert free_numbers(runs, 1, 1, 1, [made_in]) == (5, 1, 1)
    (runs / "dag002").mkdir(parents=True)
    assert free_numbers(runs, 1, 1, 1, [made_in]) == (5, 1, 1)


def test_numbers_that_an_unknown_dag_is_going_to_use_are_not_given(tmp_path):
    dag = make_dag(tmp_path, number=4, first_job=12)
    assert free_numbers(dag.run_dir, 1, 1, 1) == (5, 5, 13)
    write_json(dag.directory / MANIFEST, {"nodes": 7})
    assert free_numbers(dag.run_dir, 1, 1, 1) == (5, 1, 1)


@pytest.fixture
def older(site):
    """A ledger put back that knows of the first of two DAGs; the other one is in the queue."""
    site.appear(1, 2)
    site.cycle()
    site.copy_ledger()
    site.appear(3)
    site.cycle()
    assert site.raw_files() == {0: ["f1", "f2"], 1: ["f3"]}
    site.put_back()
    return site


def test_an_older_ledger_takes_up_the_dags_that_it_does_not_know(older):
    older.appear(4)
    older.cycle()
    dags = {d.number: (d.state, d.cluster) for d in older.campaign.dags}
    assert dags[1] == (DagState.ACTIVE, 101)
    assert older.raw_files() == {0: ["f1", "f2"], 1: ["f3"], 2: ["f4"]}
    assert older.campaign.seen == Lumis.span(1, 4)
    assert older.campaign.waiting == ()


def test_an_older_ledger_takes_up_a_campaign_that_it_does_not_know(site):
    with site.ledger():
        pass
    site.copy_ledger()
    site.appear(1, 2)
    site.cycle()
    site.put_back()
    site.cycle()
    assert site.pool.submitted == ["dag000"]
    [dag] = site.campaign.dags
    assert (dag.state, dag.cluster) == (DagState.ACTIVE, 100)


@pytest.mark.parametrize("failed", [True, False])
def test_an_older_ledger_takes_up_a_rescue_that_it_does_not_know(site, failed):
    site.appear(1, 2)
    site.cycle()
    site.pool.there.clear()
    with Ledger(site.ledger_file) as ledger:
        [dag] = site.campaign.dags
        if failed:
            ledger.dags.ended(dag.id, [FailedNode("RECO_0000")], site.now)
    site.copy_ledger()
    site.pool.submit(dag_file(site.runs, 0), "rescued")
    site.put_back()
    site.now += 1000
    site.cycle()
    assert site.pool.submitted == ["dag000", "dag000"]
    [dag] = site.campaign.dags
    assert (dag.state, dag.cluster) == (DagState.ACTIVE, 101)


def test_a_dag_in_the_queue_of_the_same_number_is_not_adopted_if_it_has_other_files(older):
    """Should the ledger have given the number again before anybody looked."""
    older.appear(4)
    with Ledger(older.ledger_file) as ledger:
        [campaign] = ledger.campaigns.of_run(KEY.run, KEY.calibration)
        ledger.dags.plan(campaign.id, 1, 1, [], "given again", older.now)
    older.cycle(opened=Ledger)
    assert older.raw_files() == {0: ["f1", "f2"], 1: ["f3"], 2: ["f3", "f4"]}
    [problem] = [p for p in older.status.problems if p.kind is ProblemKind.OVERLAP]
    assert problem.directory == "dag001"
    assert {d.number: d.cluster for d in older.campaign.dags} == {0: 100, 2: 102}


def test_a_number_that_is_in_the_queue_is_not_given_again(older):
    shutil.rmtree(older.runs / "dag001")
    older.cycle(opened=Ledger)
    assert older.pool.submitted == ["dag000", "dag001", "dag002"]
    assert older.raw_files() == {0: ["f1", "f2"], 2: ["f3"]}


def test_what_both_have_is_harvested_once_and_named(older):
    older.appear(4)
    older.cycle(opened=Ledger)
    for number in (0, 1, 2):
        older.make(number)
    last = older.dag(2)
    run_harvest(last)
    record = read_json(older.runs / "harvestJob002" / HARVEST_RECORD)
    assert (record["lumis"], record["events"]) == ("1-4", 200)
    assert record["overlaps"] == ["apJob001"]
    older.cycle(opened=Ledger)
    overlaps = [p for p in older.status.problems if p.kind is ProblemKind.OVERLAP]
    [told] = [p.text for p in overlaps if p.directory == "apJob001"]
    assert "RAW file f3.root (LS 3)" in told


def test_a_directory_that_overlaps_with_the_ledgers_dags_stays_named_until_it_is_gone(older):
    older.appear(4)
    older.cycle(opened=Ledger)
    older.cycle()
    assert [p.kind for p in older.status.problems].count(ProblemKind.OVERLAP) == 1
    shutil.rmtree(older.runs / "dag001")
    older.cycle()
    assert ProblemKind.OVERLAP not in {p.kind for p in older.status.problems}


def test_a_run_directory_that_is_back_after_its_files_were_processed_again(site, tmp_path):
    site.appear(1, 2)
    site.cycle()
    site.make(0)
    site.runs.replace(tmp_path / "away")
    site.cycle(3)
    assert site.campaign.dag_count == 2
    for path in (tmp_path / "away").iterdir():
        if not (site.runs / path.name).exists():
            path.replace(site.runs / path.name)
    site.make(1)
    assert site.raw_files() == {0: ["f1", "f2"], 1: ["f1", "f2"]}
    assert [c.partition("/")[0] for c in choose_inputs(site.dag(1))] == ["apJob001"]


def test_a_rebuilt_ledger_has_each_raw_file_in_one_dag_and_names_the_others(older, caplog):
    older.appear(4)
    older.cycle(opened=Ledger)
    older.ledger_file.unlink()
    older.cycle(times=1)
    with older.ledger() as ledger:
        [campaign] = ledger.campaigns.of_run(KEY.run, KEY.calibration)
        held = {d.number: sorted(p[-7:-5] for p in _paths(ledger, d)) for d in campaign.dags}
        assert held == {0: ["f1", "f2"], 2: ["f3", "f4"]}
        assert campaign.waiting == ()
    assert "dag001: ALCA_0000 is not adopted: RAW file f3.root (LS 3) is in" in caplog.text


def _paths(ledger, dag):
    return [path for paths in ledger.dags.inputs(dag.id).values() for path in paths]


def test_a_directory_that_is_a_copy_of_another_ones_is_no_dag_of_its_own(site):
    site.appear(1, 2)
    site.cycle()
    shutil.copytree(site.runs / "dag000", site.runs / "dag000.kept")
    shutil.copytree(site.runs / "dag000", site.runs / "dag007")
    site.ledger_file.unlink()
    with site.ledger() as ledger:
        [campaign] = ledger.campaigns.of_run(KEY.run, KEY.calibration)
        assert [d.number for d in campaign.dags] == [0]


def test_a_payload_of_before_that_counts_twice_has_its_campaign_harvested_again(site):
    """Its record does not tell of overlap, for the version of then did not look."""
    site.appear(1, 2)
    site.cycle()
    site.make(0)
    dag = site.dag(0)
    run_harvest(dag)
    made = site.runs / "harvestJob000"
    write_json(
        made / UPLOAD_RECORD,
        {"outcome": "uploaded", "answer": "", "unanswered": False, "time": START + 70},
    )
    site.cycle(1)
    assert site.campaign.unharvested == {}
    twin = site.runs / "apJob005"
    shutil.copytree(site.runs / "apJob000", twin)
    record = read_json(made / HARVEST_RECORD)
    del record["overlaps"]
    write_json(made / HARVEST_RECORD, {**record, "inputs": ["apJob000", "apJob005"]})
    with site.ledger() as ledger:
        [campaign] = ledger.campaigns.of_run(KEY.run, KEY.calibration)
        assert list(campaign.unharvested) == [0]
