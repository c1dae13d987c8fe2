"""Beyond one machine: execute nodes that share no disk, several of them, and another schedd.

The access point of this file's testbed runs no jobs. Three other machines do: each has a user and
domains of its own, and sees no file of the access point, of which only CMSSW is installed there.
"""

from concurrent.futures import ThreadPoolExecutor

import pytest

from condorloop.model.campaign import CampaignKey
from condorloop.testbed.htcondor.execute_node import TAKES_MACHINES, Machine
from condorloop.testbed.stack import Stack
from tests.loop import Loop, up
from tests.pool.dags import KEY, Site, tool, wait
from tests.pool.test_loop import scenario

ON_MACHINES = ("RECO", "ALCA", "HARVEST")

SETTINGS = {
    **TAKES_MACHINES,
    "START": "False",
    # a machine that is gone is called again and again, with waits up to 5 min by default
    "RECONNECT_BACKOFF_CEILING": "2",
}

LOOK_AROUND = "id -un >user.txt; ls -d {work_dir} >seen.txt 2>&1 || :"

APPTAINER = """\
#!/bin/sh
# What a starter calls as it calls apptainer; the command is run in no container.
case $1 in
--version) echo "apptainer version 1.4.5"; exit ;;
esac
echo "$*" >>{calls}
while [ $# -gt 0 ]; do
    case $1 in
    test) exit ;; # it asks the same of an image
    --pwd) cd "$2"; shift 2 ;;
    -B | -S | -W | --home) shift 2 ;;
    -* | exec) shift ;;
    *) break ;;
    esac
done
shift
[ "$1" != /exit_37 ] || exit 37 # it asks whether containers work at all
exec "$@"
"""


@pytest.fixture(scope="module")
def farm(prefix, tmp_path_factory):
    """The testbed; the bindings of this process talk to its pool."""
    with up(Stack(tmp_path_factory.mktemp("farm"), prefix, settings=SETTINGS)) as stack:
        yield stack


def machine(farm, name, **more):
    """A machine of the farm."""
    return Machine(farm.folder / name, farm.pool, name, **more)


@pytest.fixture(scope="module")
def nodes(farm, tmp_path_factory):
    """The machines that run jobs, by their names."""
    apart = {
        "hidden": tmp_path_factory.getbasetemp(),
        # faults are no part of what is tested: jobs ask for them at both ends
        "seen": [farm.folder / "cvmfs", farm.folder / "faults"],
    }
    nodes = {name: machine(farm, name, **apart) for name in ("node1", "node2", "node3")}
    try:
        with ThreadPoolExecutor() as side_by_side:
            list(side_by_side.map(Machine.start, nodes.values()))
        yield nodes
    finally:
        for node in nodes.values():
            node.stop()


@pytest.fixture
def looped(farm, tmp_path, request):
    """Makes a site of the test's own, with settings."""
    loops = []

    def make(settings):
        loops.append(Loop(farm, tmp_path, request.node.name, settings))
        return loops[-1]

    yield make
    for loop in loops:
        loop.close()


def hosts(loop, run):
    """The machines on which jobs of a run ended, by node kind."""
    ads = loop.history(f"CondorloopRun == {run} && JobUniverse == 5")
    ran = [(str(ad["CondorloopKind"]), str(ad["LastRemoteHost"])) for ad in ads]
    return {kind: {host.split("@")[1] for k, host in ran if k == kind} for kind, _ in ran}


def test_jobs_need_nothing_of_the_access_points_disk(nodes, looped):
    loop = looped({})
    look = LOOK_AROUND.format(work_dir=loop.work_dir)
    loop.edit("EcalPedestals", {"step_3_config": {"cms_driver": {"cleanup_command": look}}})
    play = loop.play(scenario(399800, ["EcalPedestals"]))
    loop.run_until_closed(1)
    assert play.assay("EcalPedestals", 399800).faults == ()
    ran = hosts(loop, 399800)
    assert ran.keys() == set(ON_MACHINES)
    assert all(on <= nodes.keys() for on in ran.values())
    made = loop.work_dir / "EcalPedestals" / "run399800" / "apJob000"
    assert (made / "user.txt").read_text().strip() == nodes["node1"].user
    assert "No such file" in (made / "seen.txt").read_text()


@pytest.mark.long
def test_a_machine_that_dies_takes_nothing_with_it(nodes, looped):
    hang = {
        "target": "cmsrun",
        "mode": "hang",
        "seconds": 600,
        "calibration": "EcalPedestals",
        "run": 399809,
        "step": "step2",
        "at": 0,
    }
    short_lease = {"RECO": {"submit": ["job_lease_duration = 5"]}}
    loop = looped(
        {"defaults": {"nodes": short_lease, "batching": {"max_files_per_job": 1}}},
    )
    layout = {"TestEnablesEcalHcal": {"ls_per_file": 1}}
    play = loop.play(scenario(399809, ["EcalPedestals"], 24, layout=layout, faults=[hang]))
    submitter = loop.start()
    hangs = "CondorloopRun == 399809 && JobStatus == 2 && time() - JobCurrentStartDate > 8"

    def hanging():
        return tool("condor_q", "-constraint", f"{hangs} && JobUniverse == 5", "-af", "RemoteHost")

    loop.wait(lambda: bool(hanging()), lambda: submitter.poll() is None)
    dead = hanging().split("@")[1]
    nodes[dead].crash()
    try:
        loop.wait(lambda: loop.closed() == 1, lambda: submitter.poll() is None)
        verdict = play.assay("EcalPedestals", 399809)
        assert verdict.faults == ()
        assert str(verdict.in_payload) == "1-24"
        assert len(hosts(loop, 399809)["RECO"]) > 1
        assert loop.history("CondorloopRun == 399809 && NumShadowStarts > 1")
    finally:
        nodes[dead].start()


def test_dags_may_be_in_the_queue_of_another_access_point(farm, nodes, looped):
    other = machine(farm, "ap2", daemons=("SCHEDD",))
    other.start()
    try:
        [name] = tool("condor_status", "-schedd", "-af", "Name", "-constraint",
                      'substr(Name, 0, 4) == "ap2@"').split()  # fmt: skip
        loop = looped({"pool": {"schedd": name}})
        play = loop.play(scenario(399802, ["EcalPedestals"]))
        loop.run_until_closed(1)
        assert play.assay("EcalPedestals", 399802).faults == ()
        of_run = ("-constraint", "CondorloopRun == 399802", "-af", "CondorloopKind")
        there = set(tool("condor_history", "-name", name, *of_run).split())
        assert there == {"undefined", *ON_MACHINES, "UPLOAD"}
        assert loop.history("CondorloopRun == 399802") == []
    finally:
        other.stop()


def test_a_job_runs_in_the_container_that_its_node_kind_names(farm, nodes, looped, tmp_path):
    image, calls, apptainer = (tmp_path / name for name in ("image", "calls", "apptainer"))
    image.mkdir()
    apptainer.write_text(APPTAINER.format(calls=calls))
    apptainer.chmod(0o755)
    boxes = machine(farm, "boxes", settings={"SINGULARITY": str(apptainer)})
    boxes.start()
    try:
        contained = {"container_image": str(image), "submit": ["transfer_container = false"]}
        loop = looped({"defaults": {"nodes": {"RECO": contained, "HARVEST": contained}}})
        play = loop.play(scenario(399803, ["EcalPedestals"]))
        loop.run_until_closed(1)
        assert play.assay("EcalPedestals", 399803).faults == ()
        ran = hosts(loop, 399803)
        assert ran["RECO"] == ran["HARVEST"] == {"boxes"}
        commands = [line.split() for line in calls.read_text().splitlines()]
        inside = [words[words.index(str(image)) + 1 :] for words in commands if str(image) in words]
        assert {node for words in inside for node in words[1:2]} == {"RECO_0000", "HARVEST"}
    finally:
        boxes.stop()


ASKED = {
    "priority": 7,
    "requirements": 'OpSysMajorVer == 9 && Name == "none"',
    "concurrency_limits": ["eos:2", "cvmfs"],
    "container_image": "/cvmfs/unpacked.cern.ch/el8",
}


def test_the_schedd_has_what_a_node_kind_asks_for(farm, tmp_path):
    site = Site(tmp_path, farm.pool, nodes={"RECO": ASKED})
    try:
        dag = site.batch(["/eos/a.root"])
        names = ["JobPrio", "PostJobPrio1", "ConcurrencyLimits", "ContainerImage", "WantContainer"]
        wait(lambda: dag.ads("JobStatus"))
        assert list(dag.ads(*names).values()) == [
            dict(zip(names, ["7", "-398600", "cvmfs,eos:2", ASKED["container_image"], "true"],
                     strict=True))
        ]  # fmt: skip
        which = f"DAGManJobId == {dag.cluster}"
        asked = tool("condor_q", "-constraint", which, "-af:r", "Requirements")
        assert f"({ASKED['requirements']})" in asked
    finally:
        site.close()


def test_what_is_nearest_to_a_payload_starts_first_and_then_the_older_run(farm, tmp_path):
    asked = {"requirements": 'regexp("@late@", Name)', "request_cpus": 1, "request_memory_mb": 64}
    site = Site(tmp_path, farm.pool, nodes={"RECO": asked, "HARVEST": asked})
    younger = CampaignKey(KEY.calibration, KEY.run + 1)
    note = 'date +%s.%N; mkdir "$1"'
    late = machine(farm, "late", cpus=1)
    try:
        dags = [
            site.batch(["/eos/b.root"], younger, reco=note, alca="exit 66"),
            site.batch(["/eos/a.root"], reco=note, alca="exit 66"),
            site.harvest(1, younger, harvest=note),
        ]
        wait(lambda: all(dag.ads("JobStatus") for dag in dags))
        late.start()
        outputs = [dag.file.parent / f"{node}.out"
                   for dag, node in zip(dags, ("RECO_0000", "RECO_0000", "HARVEST"), strict=True)
                   ]  # fmt: skip
        wait(lambda: all(o.exists() and o.read_text() for o in outputs))
        started = [float(o.read_text()) for o in outputs]
        assert started[2] < started[1] < started[0]
    finally:
        site.close()
        late.stop()
