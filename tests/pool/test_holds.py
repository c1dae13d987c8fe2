"""What HTCondor does to the jobs of a DAG: holds, too little memory, machines that go, odd names.

One DAG of the templates' own has a RECO node for each case; only the scripts are the test's.
"""

import signal
from dataclasses import dataclass
from pathlib import Path

import pytest

from condorloop.dagman.logs.dag_outcome import how_ended
from condorloop.model.queue import HELD_BY_PERSON, HeldJob
from condorloop.testbed import daemons
from tests.pool.dags import Site, Submitted, small_pool, tool, wait

RELEASES = 2

CASES = {
    "grows": "grow 90 3",
    "outgrows": "grow 400 60",
    "leaves nothing": "rm -r $1",
    "hangs": "sleep 300",
    "held by a person": "sleep 300",
    "evicted": "echo $1 >>{attempts}; while [ ! -e {go} ]; do sleep 0.2; done",
    "fails": 'echo $1 >>{attempts}; exit "$(grep -c $1 {attempts} | grep -cvx 2)"',
}
"""What RECO_0000, RECO_0001 … do."""

RECO = """\
mkdir "$1"
grow() { python3 -c 'import sys, time
held = bytearray(b"x") * (int(sys.argv[1]) * 1000000)
time.sleep(int(sys.argv[2]))' "$@"; }
"""


def node(case):
    """The node of a case."""
    return f"RECO_{list(CASES).index(case):04d}"


@pytest.fixture(scope="module")
def pool(prefix, tmp_path_factory):
    """A pool that holds jobs that use more memory than they asked for."""
    settings = {"use POLICY": "HOLD_IF_MEMORY_EXCEEDED", "PERIODIC_EXPR_INTERVAL": "1"}
    folder = tmp_path_factory.mktemp("holds")
    with small_pool(folder, prefix, settings) as pool:
        yield pool


@dataclass(frozen=True)
class Case:
    """The DAG of all cases, and where its jobs note their attempts."""

    dag: Submitted
    folder: Path

    def attempts(self, case):
        file = self.folder / "attempts"
        return file.read_text().split().count(node(case)) if file.exists() else 0

    def held(self, case) -> HeldJob | None:
        self.dag.site.answer()
        found = [j for j in self.dag.site.schedd.queued().held_jobs if j.node == node(case)]
        return found[0] if found else None

    def holds(self, case):
        """How often its job was put on hold and released."""
        log = self.dag.file.with_name(f"{self.dag.file.name}.nodes.log").read_text()
        [job] = {
            event.split("(")[1].split(")")[0]
            for event in log.split("...\n")
            if event.startswith("000") and f'DAGNodeName = "{node(case)}"' in event
        }
        return log.count(f"012 ({job})"), log.count(f"013 ({job})")

    def attribute(self, case, name):
        return self.dag.ads(name).get(node(case), {}).get(name)


@pytest.fixture(scope="module")
def cases(pool, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cases")
    site = Site(
        folder,
        pool,
        holds={"releases": RELEASES, "wait": 1},
        batching={"max_files_per_job": 1, "reco_per_alca": 20},
        nodes={
            "RECO": {
                "request_cpus": 1,
                "request_memory_mb": 64,
                "max_memory_mb": 200,
                "request_disk_mb": 1,
                "time_limit": 20,
            }
        },
    )
    places = {"attempts": folder / "attempts", "go": folder / "go"}
    script = RECO + "case $1 in\n"
    for case, commands in CASES.items():
        script += f"{node(case)}) {commands.format(**places)} ;;\n"
    dag = site.batch([f"/eos/{i}" for i in range(len(CASES))], reco=script + "esac\n")
    # at once, before it has run for too long
    wait(lambda: node("held by a person") in dag.ads("ClusterId"))
    tool("condor_hold", dag.ads("ClusterId")[node("held by a person")]["ClusterId"])
    yield Case(dag, folder)
    site.close()


def test_a_job_whose_starter_is_killed_runs_again_by_itself(cases):
    wait(lambda: cases.attempts("evicted") == 1)
    job = next(
        p for p in daemons.everything() if node("evicted") in daemons.command_line(p.pid)[2:3]
    )
    starter = next(p for p in daemons.everything() if p.pid == job.parent)
    starter.signal(signal.SIGKILL)
    wait(lambda: cases.attempts("evicted") == 2)
    (cases.folder / "go").touch()
    wait(lambda: node("evicted") in cases.dag.done())


def test_a_job_that_a_person_holds_is_seen_as_that_and_left_alone(cases):
    wait(lambda: cases.held("held by a person"))
    held = cases.held("held by a person")
    assert (held.code, held.by_person, held.dag_id) == (HELD_BY_PERSON, True, cases.dag.id)
    assert held.job_id == f"{cases.attribute('held by a person', 'ClusterId')}.0"


def test_a_job_out_of_memory_gets_more_and_succeeds(cases):
    wait(lambda: node("grows") in cases.dag.done())
    assert cases.holds("grows") == (0, 0)


def test_a_job_that_fails_is_tried_again(cases):
    wait(lambda: node("fails") in cases.dag.done())
    assert cases.attempts("fails") == 2


def test_a_job_that_all_its_memory_does_not_help_stays_held_and_is_shown(cases):
    wait(lambda: cases.held("outgrows"))
    held = cases.held("outgrows")
    assert (held.code, held.subcode) == (21, 102)
    assert cases.attribute("outgrows", "RequestMemory") == "200"


def test_a_job_that_hangs_is_held_and_shown(cases):
    wait(lambda: cases.held("hangs"))
    assert (cases.held("hangs").code, cases.held("hangs").subcode) == (47, 0)


def test_another_hold_is_released_so_many_times_and_then_shown(cases):
    wait(lambda: cases.holds("leaves nothing")[0] == RELEASES + 1)
    assert cases.held("leaves nothing").code == 12
    wait(lambda: cases.dag.queued().counts.get("JobsHeld") == 4)
    for case, releases in {
        "leaves nothing": RELEASES,
        "hangs": 0,
        "outgrows": 0,
        "held by a person": 0,
    }.items():
        assert cases.holds(case)[1] == releases


def test_an_upload_that_hangs_is_held_and_a_person_can_release_it(tmp_path, pool):
    site = Site(
        tmp_path,
        pool,
        holds={"releases": RELEASES, "wait": 0},
        nodes={"UPLOAD": {"time_limit": 1}, "HARVEST": {"request_memory_mb": 64}},
    )
    try:
        hang = f'case $1 in upload) [ -e {tmp_path}/go ] || sleep 300 ;; finish) exit "$3" ;; esac'
        inputs = "[ $1 != inputs ] || { mkdir inputs; touch inputs.txt; }\n"
        dag = site.harvest(harvest='mkdir "$1"', node=inputs + hang)
        wait(lambda: site.answer() and site.schedd.queued().held_jobs)
        [held] = site.schedd.queued().held_jobs
        assert (held.node, held.code, held.subcode) == ("UPLOAD", 3, 47)
        assert held.reason == "The job ran longer than 1 s"
        (tmp_path / "go").touch()
        tool("condor_release", held.job_id)
        wait(lambda: dag.queued() is None)
        assert how_ended(dag.file, dag.cluster).success
    finally:
        site.close()


HOSTILE = [
    "two  blanks",
    " at the ends ",
    "it's 'quoted'",
    'said "twice" and ""',
    "$(touch gone) $HOME ${x} $$(y) $$$z `id`",
    'back\\slash \\n \\\\ \\" end\\',
    "100% %s %20",
    "ünïcödé 日本 🙂",
    "semi;colon & | < > * ? [a] {b} ~ ! #",
    "-n --filein=x",
    "a=b:c@d+e",
    "'",
    '"',
    "\\",
    "$",
]


def test_a_file_name_reaches_its_jobs_byte_by_byte(tmp_path, pool):
    site = Site(
        tmp_path,
        pool,
        batching={"max_files_per_job": 1, "reco_per_alca": len(HOSTILE)},
        nodes={k: {"request_cpus": 1, "request_memory_mb": 64} for k in ("RECO", "ALCA")}
        | {"HARVEST": {"request_memory_mb": 64}},
    )
    try:
        said = tmp_path / "said"
        said.mkdir()
        script = f'mkdir "$1"; printf "%s\\0" "$@" >{said}/$1'
        paths = [f"/eos/{name}.root" for name in HOSTILE]
        dag = site.batch(paths, reco=script, alca=script, harvest='mkdir "$1"')
        wait(lambda: dag.queued() is None)
        assert how_ended(dag.file, dag.cluster).success
        words = [
            (said / f"RECO_{i:04d}").read_bytes().decode().split("\0")[2:-1]
            for i in range(len(HOSTILE))
        ]
        assert words == [[f"root://127.0.0.1:2/{path}"] for path in paths]
        assert (said / "ALCA_0000").read_bytes().count(b"file:../") == len(HOSTILE)
    finally:
        site.close()
