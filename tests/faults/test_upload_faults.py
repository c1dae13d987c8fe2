"""The conditions service and what leads to it fail; each payload gets in once, the best one last.

What one UPLOAD job does is tested on the access point's side alone; then come campaigns of the
whole loop.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from condorloop.model.enums import CampaignState, UploadOutcome
from condorloop.model.problem import ProblemKind
from condorloop.node.dag_context import DagContext
from condorloop.node.post_script import finish
from condorloop.node.uploads.upload import upload
from condorloop.rundir.durable import read_json
from condorloop.rundir.layout import PAYLOAD_DB, PERMANENT, UPLOAD_RECORD, destination_file
from condorloop.testbed.conditions import sqlite_file
from condorloop.testbed.conditions.service import ConditionsMode, ConditionsService, TagSpec
from tests.faults.outside import problems, running
from tests.faults.scenarios import job_fault, run_of
from tests.loop import Loop
from tests.processes.test_uploading import harvested, iovs_in, one_more, record, wait_until
from tests.unit.examples import TOP
from tests.unit.node_examples import (
    choose_inputs,
    leave_harvest,
    make_dag,
    rewritten,
    run_alca,
    with_tool,
)

TAG = "EcalPedestals_NGTDemonstrator"
PROD = "oracle://cms_orcon_prod/CMS_CONDITIONS"


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    tags = {TAG: TagSpec("any", "Run", "EcalPedestals")}
    folder = tmp_path_factory.mktemp("conditions")
    service = ConditionsService(folder, {"me": "right"}, lambda: 1, tags, hang=30)
    service.start()
    yield service
    service.stop()


@pytest.fixture
def dag(tmp_path, service, request):
    """A DAG with a payload to be uploaded, whose tool does not wait before its one retry."""
    made = harvested(tmp_path / "dag", service, request.node.name)
    env, *rest = made.settings.conditions.command
    yield with_tool(made, command=(env, "CONDORLOOP_TESTBED_RETRY_WAIT=0", *rest))
    service.faults.clear()


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"mode": "unavailable", "times": 2}, "HTTP Error code 503"),
        ({"mode": "http_error", "status": 502, "times": 2}, "HTTP Error code 502"),
        ({"mode": "http_error", "status": 504, "times": 2}, "HTTP Error code 504"),
        ({"mode": "cut"}, "Error from uploading"),
        ({"mode": "lost_answer"}, "Error from uploading"),
        ({"mode": "cut_answer"}, "Error from uploading"),
    ],
    ids=["503", "502", "504", "cut", "answer lost", "answer cut"],
)
def test_an_upload_without_an_answer_is_asked_again_and_goes_in_once(dag, service, fault, words):
    known = iovs_in(service)
    service.faults.inject(**fault)
    assert upload(dag) == 1
    told = record(dag)
    assert told["outcome"] == "no answer"
    assert words in told["answer"] or "Error trying to connect to the server" in told["answer"]
    assert upload(dag) == 0
    assert record(dag)["outcome"] == "uploaded"
    assert iovs_in(service) == one_more(known)


def test_a_service_that_hangs_costs_its_time_limit_and_the_payload_goes_in_once(dag, service):
    known = iovs_in(service)
    service.faults.inject(ConditionsMode.HANG)
    assert upload(with_tool(dag, timeout=2)) == 1
    assert "took more than 2 s" in record(dag)["answer"]
    assert upload(with_tool(dag, timeout=30)) == 0
    assert iovs_in(service) == one_more(known)


def test_a_service_that_is_not_there_is_asked_again(dag, service):
    known = iovs_in(service)
    service.stop()
    try:
        assert upload(dag) == 1
        assert record(dag)["outcome"] == "no answer"
    finally:
        service.start()
    assert upload(dag) == 0
    assert iovs_in(service) == one_more(known)


@pytest.mark.parametrize(
    ("mode", "words"), [("too_late", "too late"), ("skipped", "holds already")]
)
def test_what_the_service_refuses_is_final_and_not_asked_again(dag, service, mode, words):
    known = len(sqlite_file.iovs(service.store.path, TAG, hidden=True))
    service.faults.inject(mode)
    assert [upload(dag), upload(dag)] == [PERMANENT, PERMANENT]
    told = record(dag)
    assert told["outcome"] == "refused"
    assert words in told["answer"]
    assert len(sqlite_file.iovs(service.store.path, TAG, hidden=True)) == known


def test_a_damaged_payload_file_is_named_and_nothing_of_it_is_sent(dag, service):
    known = iovs_in(service)
    harvest = dag.run_dir / "harvestJob000"
    files = [harvest / name for name in (PAYLOAD_DB, dag.settings.upload.final_db_name)]
    whole = files[0].read_bytes()
    for file in files:
        file.write_bytes(b"no database" + whole[11:])
    assert upload(dag) == 1
    told = record(dag)
    assert told["outcome"] == "failed"
    assert "not a database" in told["answer"]
    assert iovs_in(service) == known
    files[0].write_bytes(whole)  # what is sent is made of it
    assert upload(dag) == 0
    assert iovs_in(service) == one_more(known)


def start(dag, **more) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "condorloop.node.main", "upload"]
    environment = os.environ | {"PYTHONPATH": str(TOP)}
    return subprocess.Popen(
        command, cwd=dag.directory, env=environment, stdout=subprocess.DEVNULL, **more
    )


def test_a_tool_that_asks_a_question_is_not_answered_even_if_somebody_could(dag):
    asking = 'read answer && echo "answered: $answer"; exit 254'
    dag = with_tool(dag, command=("sh", "-c", asking))
    process = start(dag, stdin=subprocess.PIPE)
    process.communicate(b"yes\n", timeout=30)
    assert process.returncode == 1
    assert "answered" not in (dag.run_dir / "harvestJob000" / "upload.log").read_text()


def second_harvest(first: DagContext, service: ConditionsService, content: str) -> DagContext:
    """A DAG of the same campaign whose HARVEST reads one ALCARECO more."""
    dag = make_dag(first.run_dir.parents[2], number=1, first_job=1)
    dag = rewritten(dag, conditions=first.settings.conditions, cmssw=first.manifest.cmssw)
    run_alca(dag, "6-10")
    choose_inputs(dag)
    database = first.directory / "second.db"
    sqlite_file.write(database, TAG, "Run", "EcalPedestals", "any", [(398600, content.encode())])
    leave_harvest(dag, data=database.read_bytes())
    finish(dag, "HARVEST", 0)
    return dag


def holds_open(process: subprocess.Popen[bytes], path: Path) -> bool:
    links = Path(f"/proc/{process.pid}/fd").iterdir()
    return any(os.path.realpath(link) == str(path) for link in links)


def in_database(service: ConditionsService) -> bytes:
    [last] = [i for i in sqlite_file.iovs(service.store.path, TAG) if i.since == 398600]
    return sqlite_file.payload(service.store.path, last.payload_hash)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["worse first", "better first"])
def test_of_two_uploads_at_the_same_instant_the_better_payload_stays(dag, service, order, request):
    better = f"better {request.node.name}"
    dags = [dag, second_harvest(dag, service, better)]
    lock = destination_file(dag.run_dir.parent.parent, PROD, TAG, ".lock")
    lock.parent.mkdir()
    with ExitStack() as stack:
        barrier = stack.enter_context(lock.open("a"))
        fcntl.flock(barrier, fcntl.LOCK_EX)
        processes = [start(dags[i]) for i in order]
        wait_until(lambda: all(holds_open(p, lock.resolve()) for p in processes))
    assert [p.wait(60) for p in processes] == [0, 0]
    assert in_database(service) == better.encode()
    outcomes = [
        read_json(dag.run_dir / f"harvestJob00{i}" / UPLOAD_RECORD)["outcome"] for i in (0, 1)
    ]
    assert outcomes in (["uploaded", "uploaded"], ["superseded", "uploaded"])


def test_a_worse_payload_whose_harvest_ends_later_does_not_replace_a_better_one(dag, service):
    better = second_harvest(dag, service, "the better one")
    assert [upload(better), upload(dag)] == [0, 0]
    assert in_database(service) == b"the better one"
    assert record(dag)["outcome"] == "superseded"


@pytest.fixture
def patient(stack, tmp_path, request):
    """A site whose waits are short, and whose tool does not wait before its one retry."""
    tool = tmp_path / "upload"
    tool.write_text('#!/bin/sh\nCONDORLOOP_TESTBED_RETRY_WAIT=0 exec uploadConditions.py "$@"\n')
    tool.chmod(0o755)
    settings = {
        "conditions": {"upload_conditions": str(tool), "timeout": 5},
        "defaults": {
            "uploads": {"wait": 0.5, "longest_wait": 1},
            "nodes": {"UPLOAD": {"retries": 0}},
        },
    }
    loop = Loop(stack, tmp_path, request.node.name[:40], settings)
    yield loop
    loop.close()


@pytest.fixture
def netrc(stack):
    """The netrc file of the testbed's uploads; it is afterwards what it was."""
    file = stack.folder / "auth" / ".netrc"
    before = file.read_text()
    yield file
    file.write_text(before)
    file.chmod(0o600)


def ask(loop: Loop, method: str, **fault: object) -> list[object]:
    """Give the conditions service a fault, or take all of them away."""
    port = read_json(loop.stack.folder / "services.json")["conditions_port"]
    url = f"http://127.0.0.1:{port}/_testbed/faults"
    waiting: list[object] = requests.request(method, url, json=fault, timeout=10).json()
    return waiting


def test_credentials_and_service_fail_for_long_and_the_upload_goes_on_by_itself(patient, netrc):
    """The netrc is missing, then wrong, then the service is down, then it loses an answer."""
    run, loop = 399240, patient
    right = netrc.read_text()
    netrc.unlink()
    spoilt = job_fault("truncated_output", run, "step4")
    play = loop.play(run_of(run, ["EcalPedestals"], spoilt, lumisections=8))
    with running(loop):
        loop.wait(lambda: "auth/.netrc: No such file" in problems(loop))
        netrc.write_text(right.replace("password ", "password not-"))
        netrc.chmod(0o600)
        loop.wait(lambda: "wrong user or password in the netrc file" in problems(loop))
        ask(loop, "POST", mode="http_error", status=503, times=None)
        netrc.write_text(right)
        loop.wait(
            lambda: loop.wrong(ProblemKind.UPLOAD, "exit 255", outcome=UploadOutcome.NO_ANSWER)
        )
        assert loop.states()["EcalPedestals"].open
        ask(loop, "DELETE")
        ask(loop, "POST", mode="lost_answer")
        loop.wait(lambda: loop.closed() == 1)
    assert ask(loop, "GET") == []
    assert play.assay("EcalPedestals", run).faults == ()
    assert loop.states() == {"EcalPedestals": CampaignState.COMPLETE}
    assert not loop.wrong(ProblemKind.UPLOAD)
    loop.assert_nothing_was_done_twice(run)
    harvests = loop.history(f'CondorloopRun == {run} && CondorloopKind == "HARVEST"')
    good = [ad["CondorloopId"] for ad in harvests if ad.get("ExitCode") == 0]
    assert len(good) - len(set(good)) <= 1, "only what was cut is harvested again"


def test_a_payload_that_comes_too_late_is_refused_once_and_named(patient):
    run, loop = 399241, patient
    late = {"target": "conditions", "mode": "too_late", "at": 0, "times": 1}
    loop.play(run_of(run, ["EcalPedestals"], late, lumisections=4))
    with running(loop):
        loop.wait(lambda: loop.closed() == 1)
    assert loop.states() == {"EcalPedestals": CampaignState.INCOMPLETE}
    assert loop.wrong(ProblemKind.UPLOAD, "too late", outcome=UploadOutcome.REFUSED)
    assert "UPLOAD failed" in loop.campaigns()[0]["reason"]
    uploads = loop.history(f'CondorloopRun == {run} && CondorloopKind == "UPLOAD"')
    assert len(uploads) == 1, "a refusal is not asked again"
    assert loop.payload_sizes("EcalPedestals", run) == []
