"""How a batch is spread over nodes."""

from hypothesis import given
from hypothesis import strategies as st

from condorloop.config.tuning import Batching
from condorloop.dagman.plan import DagPlan, Node, planned_nodes
from condorloop.model.campaign import Batch, RawFile
from condorloop.model.enums import NodeKind
from condorloop.model.jobs import PlannedNode
from condorloop.model.lumis import Lumis
from tests.unit.dag_plans import RECONSTRUCTION, own_batch, own_harvest
from tests.unit.examples import KEY, calibration, raw_file

files_of_a_batch = st.lists(
    st.tuples(st.integers(1, 300), st.integers(0, 20)), min_size=1, max_size=60
).map(
    lambda spans: tuple(
        RawFile(f"/eos/f{i}.root", 1, Lumis.span(a, a + n), 1) for i, (a, n) in enumerate(spans)
    )
)


def planned(files, most_files=5, most_recos=4, **numbers):
    batching = Batching(max_files_per_job=most_files, reco_per_alca=most_recos)
    the_calibration = calibration().model_copy(update={"batching": batching})
    numbers = {"number": 0, "first_job": 0} | numbers
    return own_batch(KEY, the_calibration, Batch(3, files), **numbers)


@given(files_of_a_batch, st.integers(1, 7), st.integers(1, 5))
def test_each_file_is_in_exactly_one_reco_node(files, most_files, most_recos):
    plan = planned(files, most_files, most_recos)
    read = [f for n in plan.of_kind(NodeKind.RECO) for f in n.files]
    assert sorted(read, key=lambda f: f.path) == sorted(files, key=lambda f: f.path)


@given(files_of_a_batch, st.integers(1, 7), st.integers(1, 5))
def test_no_node_takes_more_than_allowed(files, most_files, most_recos):
    plan = planned(files, most_files, most_recos)
    assert all(len(n.files) <= most_files for n in plan.of_kind(NodeKind.RECO))
    assert all(len(n.parents) <= most_recos for n in plan.of_kind(NodeKind.ALCA))


@given(files_of_a_batch)
def test_every_reco_feeds_one_alca_and_every_alca_the_harvest(files):
    plan = planned(files)
    recos = [n.name for n in plan.of_kind(NodeKind.RECO)]
    assert sorted(p for n in plan.of_kind(NodeKind.ALCA) for p in n.parents) == recos
    [harvest] = plan.of_kind(NodeKind.HARVEST)
    assert list(harvest.parents) == [n.name for n in plan.of_kind(NodeKind.ALCA)]


@given(files_of_a_batch)
def test_no_two_nodes_leave_the_same_output(files):
    plan = planned(files)
    made = [n.output for n in plan.nodes if n.kind is not NodeKind.UPLOAD]
    assert len(made) == len(set(made))


def test_files_go_in_the_order_of_their_lumisections():
    plan = planned((raw_file(0, 21, 30), raw_file(1, 1, 10), raw_file(2, 11, 20)), most_files=2)
    assert [str(n.lumis) for n in plan.of_kind(NodeKind.RECO)] == ["1-10", "11-30"]


def test_files_are_spread_evenly():
    plan = planned(tuple(raw_file(i, i + 1, i + 1) for i in range(6)))
    assert [len(n.files) for n in plan.of_kind(NodeKind.RECO)] == [3, 3]


def test_names_are_those_of_the_run_directory():
    plan = planned((raw_file(0, 1, 12),), number=4, first_job=7)
    reco, alca, harvest, upload = plan.nodes
    assert reco.name == "RECO_0000"
    assert reco.output == "run398600_LS0001To0012_b003_0000_ecalPedsStep2"
    assert reco.witness == "run398600_LS0001To0012_b003_0000_ecalPedsStep2_job.txt"
    assert alca.output == "apJob007"
    assert alca.witness == "apJob007/ecalPedsStep3_job.txt"
    assert (harvest.output, upload.output) == ("harvestJob004", "harvestJob004")
    assert plan.label == "b003"


def test_a_harvest_dag_has_harvest_and_upload_alone():
    plan = own_harvest(KEY, 5)
    assert [(n.name, n.parents) for n in plan.nodes] == [("HARVEST", ()), ("UPLOAD", ("HARVEST",))]
    assert plan.label == "harvest005"


RECOS = (
    "run398600_LS0001To0012_b003_0000_ecalPedsStep2",
    "run398600_LS0013To0020_b003_0001_ecalPedsStep2",
)


def two_of_everything(**more):
    """Two RAW files, each with a RECO and an ALCA of its own."""
    files = (raw_file(0, 1, 12), raw_file(1, 13, 20))
    return planned(files, 1, 1, number=4, first_job=7, **more)


def test_a_plan_tells_of_each_node_what_it_reads_makes_and_waits_for():
    first, second = raw_file(0, 1, 12), raw_file(1, 13, 20)
    reco = [
        Node(
            name=f"RECO_{i:04d}",
            kind=NodeKind.RECO,
            output=RECOS[i],
            witness=f"{RECOS[i]}_job.txt",
            lumis=file.lumis,
            files=(file,),
        )
        for i, file in enumerate((first, second))
    ]
    alca = [
        Node(
            name=f"ALCA_{i:04d}",
            kind=NodeKind.ALCA,
            parents=(f"RECO_{i:04d}",),
            output=f"apJob{7 + i:03d}",
            witness=f"apJob{7 + i:03d}/ecalPedsStep3_job.txt",
            lumis=file.lumis,
            inputs=(RECOS[i],),
            job=7 + i,
        )
        for i, file in enumerate((first, second))
    ]
    last = [
        Node(
            name="HARVEST",
            kind=NodeKind.HARVEST,
            parents=("ALCA_0000", "ALCA_0001"),
            output="harvestJob004",
            witness="harvestJob004/harvest.json",
            calibration=KEY.calibration,
        ),
        Node(
            name="UPLOAD",
            kind=NodeKind.UPLOAD,
            parents=("HARVEST",),
            output="harvestJob004",
            witness="harvestJob004/upload.json",
            calibration=KEY.calibration,
        ),
    ]
    assert two_of_everything() == DagPlan(
        RECONSTRUCTION, 4, 3, (*reco, *alca, *last), (KEY.calibration,)
    )


def test_a_batch_that_does_not_harvest_ends_with_its_alcareco():
    plan = two_of_everything(harvest=False)
    assert not plan.harvests
    assert [n.name for n in plan.nodes] == ["RECO_0000", "RECO_0001", "ALCA_0000", "ALCA_0001"]


def test_a_batch_without_files_has_nothing_to_process():
    assert planned((), harvest=False).nodes == ()


def test_a_harvest_dag_is_one_of_its_campaign_and_of_no_batch():
    plan = own_harvest(KEY, 5)
    assert (plan.key, plan.number, plan.batch) == (RECONSTRUCTION, 5, None)


def test_the_ledger_is_told_of_each_node_what_it_makes_from_what_and_for_whom():
    first, *_, alca, harvest, upload = planned_nodes(planned((raw_file(0, 1, 12),), first_job=7))
    assert first == PlannedNode(
        name="RECO_0000",
        kind=NodeKind.RECO,
        output=RECOS[0],
        witness=f"{RECOS[0]}_job.txt",
        job=None,
        paths=("/eos/cms/f0000.root",),
        child="ALCA_0000",
        empty=False,
    )
    assert (alca.job, alca.paths, alca.child) == (7, (), "")
    assert [n.kind for n in (alca, harvest, upload)] == [
        NodeKind.ALCA,
        NodeKind.HARVEST,
        NodeKind.UPLOAD,
    ]
