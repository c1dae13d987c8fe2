"""What is removed of a run directory is what is meant, and nothing else, links and all."""

import pytest

from condorloop.model.enums import Artifact
from condorloop.rundir.disk_usage import Size, remove, size_of
from tests.boundaries import deaths

RECO = ["run398600_LS0001To0004_b000_0000_ecalPedsStep2.root"]
UNCOVERED = "run398600_LS0005To0008_b001_0000_ecalPedsStep2.root"
KINDS = {
    Artifact.RECO: RECO,
    Artifact.ALCARECO: ["apJob000/PromptCalibProdEcalPedestals.root"],
    Artifact.LOGS: [
        "run398600_LS0001To0004_b000_0000_ecalPedsStep2.log",
        "run398600_LS0001To0004_b000_0000_ecalPedsStep2.py",
        "apJob000/stdout.log",
        "apJob000/FrameworkJobReport.xml",
        "harvestJob000/stderr.log",
        "dag000/RECO_0000.out",
        "dag000/RECO_0000.err",
        "dag000/run398600_dag000.dag.dagman.out",
    ],
    Artifact.DAGS: [
        "dag000/reco.sh",
        "dag000/run398600_dag000.dag.rescue001",
        "dag000/RECO_0000.failed0/core.root",
        "dag000/RECO_0000.failed0/deeper/x.log",
    ],
}
STAYS = [
    UNCOVERED,
    "runStart.log",
    "runEnd.log",
    "allLSProcessed.log",
    "run398600_LS0001To0004_b000_0000_ecalPedsStep2_job.txt",
    "apJob000/ecalPedsStep3_job.txt",
    "harvestJob000/promptCalibConditions.db",
    "harvestJob000/NGTCalibEcalPedestals.txt",
    "harvestJob000/inputs.txt",
    "harvestJob000/upload.json",
    "harvestJob000/harvest.json",
    "dag000/manifest.json",
    "dag000/inputs.txt",
    "dag000/run398600_dag000.dag",
    "dag000/run398600_dag000.dag.metrics",
    "dag000/run398600_dag000.dag.dagman.log",
    "dag000/run398600_dag000.dag.nodes.log",
    "dag000/run398600_dag000.dag.status",
    "dag000/RECO_0000.failures",
]
ALL = [*STAYS, *(name for names in KINDS.values() for name in names)]


@pytest.fixture
def run_dir(tmp_path):
    return grown(tmp_path / "EcalPedestals" / "run398600")


def grown(run_dir):
    """A run directory in which each file has ten bytes."""
    for name in ALL:
        path = run_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("0123456789")
    return run_dir


def files_of(folder):
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if not p.is_dir()}


@pytest.mark.parametrize("kept", KINDS)
def test_each_kind_has_its_files_and_their_sizes(run_dir, kept):
    count = len(KINDS[kept])
    assert size_of(run_dir, kept, RECO) == Size(count, 10 * count)
    assert remove(run_dir, kept, RECO, most=1000) == (Size(count, 10 * count), True)
    assert files_of(run_dir) == set(ALL) - set(KINDS[kept])
    assert size_of(run_dir, kept, RECO) == Size()


def test_what_tells_of_payloads_stays_when_every_kind_is_gone(run_dir):
    for kept in KINDS:
        remove(run_dir, kept, RECO, most=1000)
    assert files_of(run_dir) == set(STAYS)
    assert not (run_dir / "dag000" / "RECO_0000.failed0").exists()


def test_a_run_directory_goes_whole_and_nothing_beside_it(run_dir):
    other = grown(run_dir.with_name("run398601"))
    assert size_of(run_dir, Artifact.RUNS, []) == Size(len(ALL), 10 * len(ALL))
    assert remove(run_dir, Artifact.RUNS, [], most=1000) == (Size(len(ALL), 10 * len(ALL)), True)
    assert [p.name for p in run_dir.parent.iterdir()] == [other.name]
    assert files_of(other) == set(ALL)


@pytest.mark.parametrize("kept", Artifact)
def test_it_is_done_in_parts_of_at_most_so_many_files(run_dir, kept):
    whole = size_of(run_dir, kept, RECO)
    gone, finished = Size(), False
    while not finished:
        part, finished = remove(run_dir, kept, RECO, most=1)
        assert part.files <= 1
        gone += part
    assert gone == whole


@pytest.mark.parametrize("kept", Artifact)
def test_links_are_not_followed(run_dir, kept, tmp_path):
    outside = grown(tmp_path / "elsewhere" / "run398600")
    (run_dir / "apJob001").symlink_to(outside / "apJob000")
    (run_dir / "dag001").symlink_to(outside / "dag000")
    (run_dir / "dag000" / "linked").symlink_to(outside / "dag000")
    (run_dir / RECO[0]).unlink()
    (run_dir / RECO[0]).symlink_to(outside / RECO[0])
    remove(run_dir, kept, RECO, most=1000)
    assert files_of(outside) == set(ALL)


@pytest.mark.parametrize("kept", Artifact)
def test_a_run_directory_that_is_a_link_is_left_alone(run_dir, kept):
    link = run_dir.with_name("run398602")
    link.symlink_to(run_dir)
    with pytest.raises(OSError, match="it is a link, and left alone"):
        remove(link, kept, RECO, most=1000)
    assert size_of(link, kept, RECO) == Size()
    assert files_of(run_dir) == set(ALL)


@pytest.mark.parametrize("kept", Artifact)
def test_what_is_not_there_is_no_error(tmp_path, kept):
    assert remove(tmp_path / "run1", kept, RECO, most=10) == (Size(), True)


def test_killed_anywhere_it_ends_as_if_it_had_not_been(tmp_path):
    numbers = iter(range(1000))

    def step(_):
        run_dir = grown(tmp_path / f"{next(numbers)}" / "run398600")
        return lambda: remove(run_dir, Artifact.RUNS, [], most=1000)

    killed = list(deaths(step))
    assert len(killed) > len(ALL)
    for number in range(len(killed) + 1):
        run_dir = tmp_path / f"{number}" / "run398600"
        found = list(run_dir.parent.glob("run*"))
        assert not found or files_of(run_dir) == set(ALL)  # whole, or not there for a rebuild
        remove(run_dir, Artifact.RUNS, [], most=1000)
        assert list(run_dir.parent.iterdir()) == []
