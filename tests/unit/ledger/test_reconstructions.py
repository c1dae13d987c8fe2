"""A reconstruction that three campaigns share: what each of them has of its files and DAGs."""

import pytest

from condorloop.dagman.plan import plan_batch, plan_harvest, planned_nodes
from condorloop.ledger.store import Ledger
from condorloop.model.campaign import Batch, CampaignKey, Probe, RawFile, ReconstructionKey
from condorloop.model.enums import CampaignState, DagState, FileState, UploadOutcome
from condorloop.model.jobs import FailedNode, HarvestRecord
from condorloop.model.lumis import Lumis
from tests.unit.examples import RUN, START
from tests.unit.express import STREAM, express_config

NAMES = ("SiPixelLA", "SiPixelQuality", "SiStripQuality")
PATH = "/eos/express"
KEY = ReconstructionKey(STREAM, RUN.number)
WHOLE = Lumis.span(1, 10)


class Shared:
    """A ledger with a reconstruction, and how its nodes come to their ends."""

    def __init__(self, ledger):
        self.ledger = ledger
        self.stream = express_config(NAMES).stream_of(NAMES[0])

    def latch(self, *names):
        for name in names:
            key = CampaignKey(name, RUN.number)
            self.ledger.campaigns.latch(key, PATH, RUN, "running", START, stream=STREAM)

    def file_comes(self, name="f"):
        path = f"{PATH}/{name}.root"
        self.ledger.raw_files.add(PATH, RUN.number, {path: 1000}, START)
        self.ledger.raw_files.probed(path, FileState.GOOD, Probe(WHOLE, 100), START)
        return RawFile(path, 1000, WHOLE, 100)

    def batch(self, file, made_for, harvested_for=None, again_for="", queued=True):
        of = self.now()
        number, batch, job = self.ledger.dags.next_numbers(of.id)
        plan = plan_batch(
            KEY,
            self.stream,
            Batch(batch, (file,)),
            number,
            job,
            made_for=made_for,
            harvested_for=made_for if harvested_for is None else harvested_for,
            again_for=again_for,
        )
        dags, nodes = self.ledger.dags, planned_nodes(plan)
        dag = dags.plan(
            of.id,
            batch,
            number,
            nodes,
            "files",
            START,
            made_for=plan.made_for,
            again_for=plan.again_for,
        )
        if queued:
            dags.submitted(dag, 7, START)
        return dag

    def harvest_dag(self, name):
        of = self.now()
        number, _, _ = self.ledger.dags.next_numbers(of.id)
        nodes = planned_nodes(plan_harvest(KEY, name, number))
        return self.ledger.dags.plan(of.id, None, number, nodes, "alone", START)

    def done(self, dag, *nodes):
        for node in nodes:
            self.ledger.dags.node_done(dag, node, WHOLE, 100, START + 9)

    def now(self):
        [found] = self.ledger.campaigns.reconstructions({})
        return found

    def campaign(self, name):
        [found] = [c for c in self.now().campaigns if c.key.calibration == name]
        return found

    def read_again(self, name):
        """Let what a calibration missed wait for it; give what waits for whom."""
        count = self.ledger.reconstructions.read_again(self.now().id, name)
        waits = {c.key.calibration: [w.file.path for w in c.again] for c in self.now().campaigns}
        return count, waits

    def missed(self, name):
        return self.ledger.campaigns.missed(self.campaign(name))

    def fates(self, name):
        summary = self.ledger.status.summary(self.campaign(name).id)
        return {str(state): str(lumis) for state, lumis in summary.fates.items()}

    def harvested(self, dag, name, outcome=UploadOutcome.UPLOADED):
        record = HarvestRecord(frozenset({0}), WHOLE, 100, harvested_at=START + 20, outcome=outcome)
        self.ledger.payloads.record(dag, self.campaign(name).id, record)


@pytest.fixture
def shared(tmp_path):
    with Ledger(tmp_path / "condorloop.db") as ledger:
        made = Shared(ledger)
        made.latch(*NAMES)
        yield made


def test_a_file_waits_once_and_all_its_campaigns_see_it(shared):
    shared.file_comes()
    of = shared.now()
    assert of.key == KEY
    assert [c.key.calibration for c in of.campaigns] == list(NAMES)
    assert [[w.file.path for w in c.waiting] for c in of.campaigns] == [[f"{PATH}/f.root"]] * 3
    shared.batch(of.campaigns[0].waiting[0].file, NAMES)
    assert [c.waiting for c in shared.now().campaigns] == [()] * 3


def test_an_alcareco_is_harvested_by_each_of_those_that_it_was_made_for(shared):
    dag = shared.batch(shared.file_comes(), NAMES[:2])
    shared.done(dag, "RECO_0000", "ALCA_0000")
    assert [len(shared.campaign(name).unharvested) for name in NAMES] == [1, 1, 0]
    shared.harvested(dag, NAMES[0])
    assert [len(shared.campaign(name).unharvested) for name in NAMES] == [0, 1, 0]


def test_what_one_missed_that_was_switched_on_later_is_told(shared):
    shared.batch(shared.file_comes(), NAMES[:2])
    assert [str(shared.campaign(name).not_made) for name in NAMES] == ["", "", "1-10"]


def test_a_campaign_that_is_latched_late_has_the_alcareco_that_were_made_for_it(tmp_path):
    with Ledger(tmp_path / "condorloop.db") as ledger:
        shared = Shared(ledger)
        shared.latch(*NAMES[:2])
        dag = shared.batch(shared.file_comes(), NAMES, harvested_for=NAMES[:2])
        shared.done(dag, "RECO_0000", "ALCA_0000")
        shared.latch(NAMES[2])
        assert list(shared.campaign(NAMES[2]).unharvested) == [0]
        assert not shared.campaign(NAMES[2]).not_made


def test_each_sees_its_own_harvest_in_a_dag_that_all_share(shared):
    dag = shared.batch(shared.file_comes(), NAMES)
    shared.done(dag, "RECO_0000", "ALCA_0000")
    first, second, third = (shared.campaign(name).dags for name in NAMES)
    assert [d.made for d in (*first, *second, *third)] == [True] * 3
    shared.done(dag, f"HARVEST_{NAMES[0]}", f"UPLOAD_{NAMES[0]}")
    shared.ledger.dags.nodes_failed(dag, [FailedNode(f"HARVEST_{NAMES[1]}")])
    assert shared.campaign(NAMES[0]).dags == ()
    [failed] = shared.campaign(NAMES[1]).dags
    assert (failed.state, failed.failed_nodes) == (DagState.FAILED, (f"HARVEST_{NAMES[1]}",))
    [waits] = shared.campaign(NAMES[2]).dags
    assert (waits.state, waits.failed_nodes) == (DagState.ACTIVE, ())


def test_a_harvest_dag_of_ones_own_takes_over_what_failed(shared):
    dag = shared.batch(shared.file_comes(), NAMES)
    shared.done(dag, "RECO_0000", "ALCA_0000")
    shared.ledger.dags.ended(dag, [FailedNode(f"HARVEST_{NAMES[1]}")], START + 30)
    own = shared.harvest_dag(NAMES[1])
    [mine] = shared.campaign(NAMES[1]).dags
    assert (mine.id, mine.calibration) == (own, NAMES[1])
    assert own not in {d.id for d in shared.campaign(NAMES[2]).dags}
    assert {d.id for d in shared.now().dags} == {dag, own}


def test_a_failed_harvest_is_over_when_others_have_read_all_that_it_was_to_read(shared):
    dag = shared.batch(shared.file_comes(), NAMES)
    shared.done(dag, "RECO_0000", "ALCA_0000")
    shared.ledger.dags.ended(dag, [FailedNode(f"HARVEST_{n}") for n in NAMES[1:]], START + 30)
    later = shared.batch(shared.file_comes("g"), NAMES)
    shared.harvested(later, NAMES[1])
    assert [d.id for d in shared.campaign(NAMES[1]).dags] == [later]
    assert [d.id for d in shared.campaign(NAMES[2]).dags] == [dag, later]


def test_a_calibration_that_is_taken_out_of_a_dag_keeps_what_was_made_for_it(shared):
    made = shared.batch(shared.file_comes(), NAMES)
    shared.done(made, "RECO_0000", "ALCA_0000")
    broken = shared.batch(shared.file_comes("g"), NAMES)
    shared.ledger.dags.take_out(broken, NAMES[0])
    shared.done(broken, "RECO_0000", "ALCA_0000")
    assert [len(shared.campaign(name).unharvested) for name in NAMES] == [1, 2, 2]
    assert str(shared.campaign(NAMES[0]).not_made) == "1-10"
    left = {node.name for node in shared.ledger.dags.unfinished_nodes(broken)}
    assert left == {f"{kind}_{name}" for kind in ("HARVEST", "UPLOAD") for name in NAMES[1:]}


def test_a_file_is_probed_once_whatever_streams_read_it(shared):
    key = CampaignKey("EcalPedestals", RUN.number)
    shared.ledger.campaigns.latch(key, PATH, RUN, "running", START)
    shared.file_comes()
    waiting = [
        c.waiting for of in shared.ledger.campaigns.reconstructions({}) for c in of.campaigns
    ]
    assert [len(files) for files in waiting] == [1] * 4
    assert shared.ledger.raw_files.of_run(PATH, RUN.number) == {f"{PATH}/f.root": 1000}


def test_a_run_is_archived_with_all_that_its_campaigns_share(shared, tmp_path):
    from condorloop.ledger.archive import archive_of, prepare_archive

    dag = shared.batch(shared.file_comes(), NAMES)
    shared.done(dag, "RECO_0000", "ALCA_0000")
    shared.harvested(dag, NAMES[0])
    shared.ledger.dags.ended(dag, None, START + 40)
    for campaign in shared.now().campaigns:
        for state in (CampaignState.CLOSING, CampaignState.COMPLETE):
            shared.ledger.campaigns.set_state(campaign.id, state, "over", START + 50)
    archive = archive_of(shared.ledger.path, 2026)
    prepare_archive(archive, shared.ledger.id)
    shared.ledger.archive.copy(RUN.number, archive)
    shared.ledger.archive.drop(RUN.number, 2026)
    with Ledger(archive) as copied:
        nodes = {n.calibration for n in copied.dags.unfinished_nodes(1)}
        assert nodes == set(NAMES)
        assert copied.dags.calibrations(1) == frozenset(NAMES)
