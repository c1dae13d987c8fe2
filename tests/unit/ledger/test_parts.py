"""A RAW file that several jobs read in parts: each of its lumisections has one place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.dagman.plan import plan_batch, planned_nodes
from condorloop.ledger.store import Ledger
from condorloop.ledger.updates.retries import SET_BACK
from condorloop.model.campaign import Batch, Probe, RawFile
from condorloop.model.enums import FileState, NodeKind
from condorloop.model.jobs import FailedNode, PlannedNode
from condorloop.model.lumis import EMPTY, Lumis
from tests.unit.dag_plans import RECONSTRUCTION
from tests.unit.examples import KEY, RUN, START, calibration

PATH = "/eos/cms/RAW/f.root"
WHOLE = RawFile(PATH, 1000, Lumis.span(1, 9), 900)
OTHER = RawFile("/eos/cms/RAW/g.root", 1000, Lumis.span(10, 12), 100)


class Filled:
    """A ledger with a campaign and two good RAW files."""

    def __init__(self, ledger):
        self.ledger = ledger
        ledger.campaigns.latch(KEY, "/eos/cms/RAW", RUN, "running", START)
        for file in (WHOLE, OTHER):
            ledger.raw_files.add("/eos/cms/RAW", RUN.number, {file.path: file.size}, START)
            self.probed(file)
        batching = calibration().batching.model_copy(update={"events_per_job": 300})
        self.stream = calibration().model_copy(update={"batching": batching})

    def probed(self, file):
        probe = Probe(file.lumis, file.events)
        self.ledger.raw_files.probed(file.path, FileState.GOOD, probe, START + 1)

    def campaign(self):
        [found] = self.ledger.campaigns.of_run(KEY.run, KEY.calibration)
        return found

    def waiting(self):
        files = (waiting.file for waiting in self.campaign().waiting)
        return tuple(sorted(files, key=lambda f: (f.path, f.lumis.first)))

    def plan(self, submitted=True):
        """A DAG of what waits."""
        mine = self.campaign().reconstruction_id
        number, batch, job = self.ledger.dags.next_numbers(mine)
        of = [KEY.calibration]
        plan = plan_batch(
            RECONSTRUCTION,
            self.stream,
            Batch(batch, self.waiting()),
            number,
            job,
            made_for=of,
            harvested_for=of,
        )
        nodes = planned_nodes(plan)
        dag_id = self.ledger.dags.plan(mine, batch, number, nodes, "new", START, made_for=of)
        if submitted:
            self.ledger.dags.submitted(dag_id, number, START)
        return dag_id, plan

    def fail(self, dag_id, *names):
        failed = [FailedNode(name, 1, "broken", {PATH: 4}) for name in names]
        self.ledger.dags.ended(dag_id, failed, START + 50)


@pytest.fixture
def filled(tmp_path):
    with Ledger(tmp_path / "condorloop.db") as ledger:
        yield Filled(ledger)


def test_a_file_that_is_read_in_parts_waits_no_longer(filled):
    assert filled.waiting() == (WHOLE, OTHER)
    dag_id, plan = filled.plan()
    recos = plan.of_kind(NodeKind.RECO)
    assert [str(n.lumis) for n in recos] == ["1-3", "4-6", "7-9", "10-12"]
    assert filled.waiting() == ()
    read = {name: paths for (name, _), paths in filled.ledger.dags.inputs(dag_id).items() if paths}
    assert read == {n.name: frozenset(f.path for f in n.files) for n in recos}
    mine = filled.campaign().reconstruction_id
    held = {PATH: WHOLE.lumis, OTHER.path: OTHER.lumis}
    assert filled.ledger.raw_files.held(mine) == held


def test_a_dag_holds_the_file_once(filled):
    filled.plan()
    [dag] = filled.campaign().dags
    assert (str(dag.holds.lumis), dag.holds.events) == ("1-12", 1000)


def test_a_dag_that_is_forgotten_lets_the_parts_wait_and_another_reads_each_once(filled):
    dag_id, plan = filled.plan(submitted=False)
    filled.ledger.dags.forget(dag_id)
    parts = tuple(f for n in plan.of_kind(NodeKind.RECO) for f in n.files)
    assert filled.waiting() == parts
    _, again = filled.plan()
    assert tuple(f for n in again.of_kind(NodeKind.RECO) for f in n.files) == parts


def test_what_one_job_cannot_read_is_read_again_and_not_what_others_have_read(filled):
    dag_id, _ = filled.plan()
    filled.ledger.dags.node_done(dag_id, "RECO_0000", Lumis.span(1, 3), 300, START + 9)
    filled.fail(dag_id, "RECO_0001")
    filled.ledger.dags.plan_rescue(dag_id, {"RECO_0001": [PATH]})
    assert filled.waiting() == ()
    assert filled.campaign().set_back == (PATH,)
    filled.probed(WHOLE)
    assert filled.waiting() == (WHOLE.part(Lumis.span(4, 6)),)
    _, again = filled.plan()
    assert [str(n.lumis) for n in again.of_kind(NodeKind.RECO)] == ["4-6"]


def test_a_part_that_fails_too_often_is_given_up_and_waits_when_a_person_asks(filled):
    for _ in range(SET_BACK):
        dag_id, plan = filled.plan()
        name = next(n.name for n in plan.of_kind(NodeKind.RECO) if n.lumis == Lumis.span(4, 6))
        filled.fail(dag_id, name)
        filled.ledger.dags.plan_rescue(dag_id, {name: [PATH]})
        filled.probed(WHOLE)
    dag_id, plan = filled.plan()
    [reco] = plan.of_kind(NodeKind.RECO)
    filled.fail(dag_id, reco.name)
    filled.ledger.dags.plan_rescue(dag_id, {reco.name: [PATH]})
    assert (filled.waiting(), filled.campaign().quarantined) == ((), (PATH,))
    filled.ledger.retries.retry_files(filled.campaign().reconstruction_id)
    assert filled.waiting() == (WHOLE.part(Lumis.span(4, 6)),)


def test_of_a_lost_dag_the_parts_wait_whose_alcareco_is_gone(filled):
    stream = filled.stream
    batching = stream.batching.model_copy(update={"reco_per_alca": 1})
    filled.stream = stream.model_copy(update={"batching": batching})
    dag_id, _ = filled.plan()
    filled.ledger.dags.lost(dag_id, frozenset({"ALCA_0000", "ALCA_0003"}), START + 9)
    assert filled.waiting() == (WHOLE.part(Lumis.span(4, 6)), WHOLE.part(Lumis.span(7, 9)))


def test_names_of_files_are_listed_once(filled):
    filled.plan()
    processed = filled.ledger.campaigns.processed(filled.campaign().id)
    assert processed.raw_files == (PATH, OTHER.path)
    with_parts = filled.ledger.connection.number("SELECT COUNT(*) FROM reconstruction_file")
    assert with_parts == 4


def test_files_come_again_only_where_they_are_not_yet(filled):
    filled.plan()
    filled.probed(WHOLE)
    assert filled.waiting() == ()


parts = st.lists(
    st.sets(st.integers(1, 9), min_size=1).map(Lumis.of) | st.just(EMPTY), min_size=1, max_size=6
)


@given(parts)
def test_each_lumisection_has_one_place_whatever_is_planned(tmp_path_factory, parts):
    with Ledger(tmp_path_factory.mktemp("ledger") / "condorloop.db") as ledger:
        filled = Filled(ledger)
        mine = filled.campaign().reconstruction_id
        for number, part in enumerate(parts):
            node = PlannedNode("RECO", NodeKind.RECO, "o", "w", paths=(PATH,), part=part)
            ledger.dags.plan(mine, number, number, [node], "new", START)
        rows = ledger.connection.rows(
            "SELECT part, dag_id FROM reconstruction_file JOIN raw_file ON raw_file.id = file_id"
            " WHERE path = ?",
            PATH,
        )
    held = [Lumis.parse(row["part"]) or WHOLE.lumis for row in rows]
    assert Lumis.union(held) == WHOLE.lumis
    assert sum(map(len, held)) == len(WHOLE.lumis)
    last = parts[-1] or WHOLE.lumis
    assert max(rows, key=lambda row: row["dag_id"] or 0)["part"] == str(parts[-1])
    assert last in held
