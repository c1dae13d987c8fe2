"""A damaged or deleted ledger is kept aside, and rebuilt from the run directories."""

import shutil
import sqlite3
from dataclasses import replace

import pytest

from condorloop.dagman.plan import planned_nodes
from condorloop.dagman.render import Renderer
from condorloop.dagman.replan import plan_of
from condorloop.dagman.rerender import renew
from condorloop.ledger.store import Ledger, LedgerError
from condorloop.model.campaign import Batch, CampaignKey, Probe
from condorloop.model.enums import CampaignState, DagState, FileState, NodeKind
from condorloop.model.lumis import Lumis
from condorloop.recovery.rebuild import open_ledger
from condorloop.rundir.durable import write_json
from condorloop.rundir.layout import HARVEST_RECORD, RUN_END, UPLOAD_RECORD, iso_time
from condorloop.rundir.records.manifest import Manifest
from condorloop.rundir.records.witness import Witness
from tests import boundaries
from tests.unit.dag_plans import own_batch, own_harvest
from tests.unit.examples import KEY, RUN, START, config, raw_file

FILES = tuple(raw_file(i, i + 1, i + 1) for i in range(4))
LATER = START + 3600


@pytest.fixture
def site(tmp_path):
    return config(tmp_path)


@pytest.fixture
def path(site):
    site.site.work_dir.mkdir(exist_ok=True)
    return site.site.work_dir / "condorloop.db"


def reopened(site, path):
    return open_ledger(path, site, LATER)


def write_dag(site, ledger, plan, cluster):
    renderer = Renderer(site, site.site.work_dir, ledger.id)
    if not renderer.run_dir(plan.key).exists():
        renderer.begin_run(CampaignKey(plan.key.stream, plan.key.run), RUN.start)
    [campaign] = ledger.campaigns.of_run(plan.key.run, plan.key.stream)
    ledger.dags.plan(campaign.id, plan.batch, plan.number, planned_nodes(plan), "", START)
    uploaded = {plan.key.stream: ledger.campaigns.uploaded(campaign.id)}
    file = renderer.write(plan, uploaded)
    if cluster:
        log = file.with_name(f"{file.name}.dagman.log")
        log.write_text(f"000 ({cluster}.000.000) 2026-09-21 14:13:20 Job submitted\n...\n")


@pytest.fixture
def ledger_id(site, path):
    """A ledger with a submitted batch, a harvest that was never submitted, and another run."""
    calibration = site.calibrations[KEY.calibration]
    with Ledger(path) as ledger:
        for run in (RUN.number, RUN.number - 1):
            key = CampaignKey(KEY.calibration, run)
            ledger.campaigns.latch(key, calibration.raw_path, replace(RUN, number=run), "", START)
        stream, run = calibration.raw_path, RUN.number
        ledger.raw_files.add(stream, run, {f.path: f.size for f in FILES}, START)
        for file in FILES:
            probe = Probe(file.lumis, file.events)
            ledger.raw_files.probed(file.path, FileState.GOOD, probe, START)
        batch = own_batch(KEY, calibration, Batch(0, FILES[:3]), 0, 0)
        write_dag(site, ledger, batch, cluster=17)
        write_dag(site, ledger, own_harvest(KEY, 1), cluster=None)
        return ledger.id


def damage(path):
    path.write_bytes(b"\xff" * 5000)


def delete(path):
    path.unlink()


def empty(path):
    path.write_bytes(b"")


@pytest.mark.parametrize("lose", [damage, delete, empty])
def test_every_dag_and_file_is_found_again(site, path, ledger_id, lose):
    lose(path)
    with reopened(site, path) as ledger:
        assert ledger.id == ledger_id
        [campaign] = ledger.campaigns.of_run(KEY.run, KEY.calibration)
        assert (campaign.key, campaign.state) == (KEY, CampaignState.ACTIVE)
        assert campaign.run_start == RUN.start
        assert campaign.waiting == ()
        states = {d.label: (d.state, d.cluster) for d in campaign.dags}
        assert states == {"b000": (DagState.ACTIVE, 17), "harvest001": (DagState.PLANNED, None)}
        stream = site.stream_of(KEY.calibration).raw_path
        assert ledger.raw_files.of_run(stream, RUN.number) == {f.path: f.size for f in FILES[:3]}
        assert ledger.dags.next_numbers(campaign.id) == (2, 1, 1)


def campaign_of(ledger):
    [campaign] = ledger.campaigns.of_run(KEY.run, KEY.calibration)
    return campaign


def test_a_campaign_that_has_no_dag_yet_is_found_again(site, path, ledger_id):
    shutil.rmtree(site.site.work_dir / KEY.calibration / f"run{KEY.run}" / "dag000")
    shutil.rmtree(site.site.work_dir / KEY.calibration / f"run{KEY.run}" / "dag001")
    delete(path)
    with reopened(site, path) as ledger:
        assert campaign_of(ledger).run_start == RUN.start
        assert campaign_of(ledger).state is CampaignState.ACTIVE


def test_an_older_ledger_takes_up_a_campaign_that_has_no_dag_yet(site, path, ledger_id):
    key = CampaignKey(KEY.calibration, RUN.number + 1)
    Renderer(site, site.site.work_dir, ledger_id).begin_run(key, RUN.start)
    with reopened(site, path) as ledger:
        [campaign] = ledger.campaigns.of_run(key.run, key.calibration)
        assert (campaign.run_start, campaign.state) == (RUN.start, CampaignState.ACTIVE)


def test_what_is_known_to_be_in_the_database_is_not_forgotten(site, path, ledger_id):
    with Ledger(path) as ledger:
        ledger.campaigns.note_payload(campaign_of(ledger).id, Lumis.span(1, 40), 4000)
        write_dag(site, ledger, own_harvest(KEY, 2), cluster=19)
    delete(path)
    with reopened(site, path) as ledger:
        assert ledger.campaigns.uploaded(campaign_of(ledger).id) == (Lumis.span(1, 40), 4000)


def test_an_alcareco_whose_dag_was_deleted_is_not_made_again(site, path, ledger_id):
    runs = site.site.work_dir / KEY.calibration / f"run{KEY.run}"
    plan = plan_of(Manifest.read(runs / "dag000" / "manifest.json"))
    dag_id = f"{ledger_id}/{KEY.calibration}/{KEY.run}/0"
    for node in (*plan.of_kind(NodeKind.RECO), *plan.of_kind(NodeKind.ALCA)):
        (runs / node.witness).parent.mkdir(exist_ok=True)
        read = tuple(f.path for f in node.files) or node.inputs
        Witness(node.name, dag_id, node.lumis, 10, read).write(runs / node.witness)
    shutil.rmtree(runs / "dag000")
    delete(path)
    with reopened(site, path) as ledger:
        campaign = campaign_of(ledger)
        assert campaign.waiting == ()
        assert list(campaign.unharvested) == [0]
        assert campaign.seen == Lumis.span(1, 3)
        stream = site.stream_of(KEY.calibration).raw_path
        ledger.raw_files.add(stream, KEY.run, {f.path: f.size for f in FILES[:3]}, LATER)
        assert ledger.status.summaries(0)[0].bad_files == {}
        assert ledger.dags.next_numbers(campaign.id)[1:] == (1, 1)


def test_a_damaged_ledger_is_kept_aside(site, path, ledger_id):
    damage(path)
    reopened(site, path).close()
    [kept] = path.parent.glob("condorloop.db.damaged-*")
    assert kept.read_bytes() == b"\xff" * 5000


def test_a_whole_ledger_is_left_as_it_is(site, path, ledger_id):
    with reopened(site, path) as ledger:
        assert len(ledger.campaigns.with_work({})) == 2
    assert not list(path.parent.glob("*damaged*"))


def test_without_run_directories_a_new_ledger_is_made(site, path):
    damage(path)
    with reopened(site, path) as ledger:
        assert ledger.campaigns.with_work({}) == []


def test_a_rebuilding_that_was_interrupted_begins_again(site, path, ledger_id):
    delete(path)
    (path.parent / "condorloop.db.rebuilding").write_text("half of it")
    with reopened(site, path) as ledger:
        assert ledger.id == ledger_id


def test_a_directory_that_cannot_be_understood_does_not_keep_the_others_from_being_found(
    site, path, ledger_id
):
    odd = site.site.work_dir / "EcalPedestals" / f"run{RUN.number}" / "dag007"
    odd.mkdir()
    (odd / "manifest.json").write_text('{"nodes": [')
    delete(path)
    with reopened(site, path) as ledger:
        assert len(campaign_of(ledger).dags) == 2


def test_a_ledger_that_cannot_be_used_for_another_reason_is_not_thrown_away(site, path):
    Ledger(path).close()
    import sqlite3

    with sqlite3.connect(path) as db:
        db.execute("UPDATE meta SET value = '99' WHERE key = 'schema_version'")
    db.close()
    with pytest.raises(LedgerError, match="schema version 99"):
        reopened(site, path)
    assert path.exists()


def test_a_node_from_which_all_was_taken_is_not_waited_for(site, path, ledger_id):
    renderer = Renderer(site, site.site.work_dir, ledger_id)
    renew(renderer, KEY, 0, {"RECO_0000": frozenset(f.path for f in FILES)})
    delete(path)
    with reopened(site, path) as ledger:
        dag = campaign_of(ledger).dags[0]
        assert [n.name for n in ledger.dags.unfinished_nodes(dag.id)] == ["HARVEST", "UPLOAD"]


class Told(sqlite3.Connection):
    """A connection that tells before it commits."""

    def execute(self, sql, parameters=(), /):
        if sql == "COMMIT":
            boundaries.here("commit")
        return super().execute(sql, parameters)


def test_a_death_in_the_middle_of_rebuilding_costs_nothing(site, path, ledger_id, monkeypatch):
    connect = sqlite3.connect
    monkeypatch.setattr(
        "condorloop.ledger.connection.sqlite3.connect",
        lambda *args, **more: connect(*args, factory=Told, **more),
    )

    def step(number):
        for file in path.parent.glob(f"{path.name}*"):
            file.unlink()
        damage(path)
        return lambda: reopened(site, path).close()

    died_at = set()
    for death in boundaries.deaths(step):
        died_at.add(death.effects[-1].site.event)
        with reopened(site, path) as ledger:
            assert ledger.id == ledger_id
            states = {d.label: d.state for d in campaign_of(ledger).dags}
            assert states == {"b000": DagState.ACTIVE, "harvest001": DagState.PLANNED}
        kept = [f.read_bytes() for f in path.parent.glob(f"{path.name}.damaged-*")]
        assert b"\xff" * 5000 in kept
    assert {"commit", "os.rename", "open"} <= died_at


LONG_AFTER = START + 30 * 24 * 3600


def test_a_campaign_of_long_ago_is_taken_over_as_closed_and_nothing_is_begun(site, path, ledger_id):
    """Its DAG that ran is looked at once more; what was never submitted is not, either."""
    delete(path)
    with open_ledger(path, site, LONG_AFTER) as ledger:
        campaign = campaign_of(ledger)
        assert campaign.state is CampaignState.INCOMPLETE
        assert campaign.reason.endswith("OMS said of the run is not known: 3 of 3 LS missing (1-3)")
        since = LONG_AFTER - 8 * 3600
        assert ledger.raw_files.watched(since, since) == {}
        assert ledger.campaigns.open_runs(0.0) == []
        assert [s.run for s in ledger.status.summaries(since)] == []


@pytest.mark.parametrize(
    ("calibration", "state"),
    [("BeamSpot", CampaignState.ACTIVE), ("EcalPedestals", CampaignState.INCOMPLETE)],
)
def test_a_long_run_goes_on_by_lumisection_and_is_over_by_run(site, path, calibration, state):
    """12 h after its start, of which 9 h 43 min are in RAW files that a DAG has."""
    key, configured = CampaignKey(calibration, RUN.number), site.calibrations[calibration]
    last = raw_file(0, 1490, 1500)
    with Ledger(path) as ledger:
        stream = configured.raw_path
        ledger.campaigns.latch(key, stream, RUN, "", START, by_lumi=configured.by_lumi)
        ledger.raw_files.add(stream, RUN.number, {last.path: last.size}, START)
        good = Probe(last.lumis, last.events)
        ledger.raw_files.probed(last.path, FileState.GOOD, good, START)
        before = ledger.campaigns.windows()
        write_dag(site, ledger, own_batch(key, configured, Batch(0, (last,)), 0, 0), cluster=17)
    delete(path)
    with open_ledger(path, site, START + 12 * 3600) as ledger:
        [campaign] = ledger.campaigns.of_run(key.run, key.calibration)
        assert campaign.state is state
        assert ledger.campaigns.windows() == before


def test_what_a_campaign_of_long_ago_has_uploaded_is_known(site, path, ledger_id):
    with Ledger(path) as ledger:
        ledger.campaigns.note_payload(campaign_of(ledger).id, Lumis.span(1, 3), 300)
        write_dag(site, ledger, own_harvest(KEY, 2), cluster=19)
    runs = site.site.work_dir / KEY.calibration / f"run{KEY.run}"
    record = {
        "dag_id": f"{ledger_id}/{KEY.calibration}/{KEY.run}/2",
        **{"inputs": ["apJob000"], "left_out": [], "lumis": "1-3", "lacking": ""},
        **{"events": 300, "iovs": [], "time": START},
    }
    (runs / "harvestJob002").mkdir()
    write_json(runs / "harvestJob002" / HARVEST_RECORD, record)
    (runs / RUN_END).write_text(iso_time(START + 7200))
    delete(path)
    with open_ledger(path, site, LONG_AFTER) as ledger:
        campaign = campaign_of(ledger)
        assert campaign.state is CampaignState.COMPLETE
        [settled] = ledger.retention.settled(KEY.run)
        assert settled.closed_at == pytest.approx(START + 7200, abs=1)


def test_a_campaign_of_long_ago_without_a_payload_is_taken_over_as_such(site, path, ledger_id):
    with Ledger(path) as ledger:
        write_dag(site, ledger, own_harvest(KEY, 2), cluster=19)
    record = {
        "dag_id": f"{ledger_id}/{KEY.calibration}/{KEY.run}/2",
        **{"inputs": ["apJob000"], "left_out": [], "lumis": "1-3", "lacking": ""},
        **{"events": 300, "iovs": [], "time": START},
        "no_payload": {"cause": "veto", "words": "Large Variations"},
    }
    made = site.site.work_dir / KEY.calibration / f"run{KEY.run}" / "harvestJob002"
    made.mkdir()
    write_json(made / HARVEST_RECORD, record)
    answer = {"outcome": "no payload", "answer": "Large Variations", "time": START + 1}
    write_json(made / UPLOAD_RECORD, answer | {"unanswered": False})
    delete(path)
    with open_ledger(path, site, LONG_AFTER) as ledger:
        campaign = campaign_of(ledger)
        assert campaign.state is CampaignState.NO_PAYLOAD
        assert campaign.reason.endswith("all of them harvested; no payload: veto: Large Variations")


def test_a_dag_that_another_account_could_have_written_is_not_taken_up(site, path, ledger_id):
    folder = site.site.work_dir / KEY.calibration / f"run{KEY.run}" / "dag000"
    (folder / "manifest.json").chmod(0o666)
    path.unlink()
    with reopened(site, path) as ledger:
        [campaign] = ledger.campaigns.of_run(KEY.run, KEY.calibration)
        assert [d.number for d in campaign.dags] == [1]
