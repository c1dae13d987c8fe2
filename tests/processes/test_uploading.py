"""The UPLOAD job against the conditions service: killed, terminated, hung, without room."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from condorloop.node import main
from condorloop.node.job_output.payload_db import iovs
from condorloop.node.post_script import finish
from condorloop.node.uploads.upload import upload
from condorloop.rundir.durable import read_json
from condorloop.rundir.layout import (
    ASK_AGAIN,
    HARVEST_RECORD,
    PAYLOAD_DB,
    PERMANENT,
    UPLOAD_RECORD,
    destination_file,
)
from condorloop.rundir.records.harvest import HarvestResult
from condorloop.rundir.records.manifest import UploadTool
from condorloop.testbed.conditions import sqlite_file
from condorloop.testbed.conditions.service import (
    NETRC_MACHINE,
    ConditionsMode,
    ConditionsService,
    TagSpec,
)
from tests import boundaries
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
BY_LUMI = "EcalPedestals_by_lumi"
PROD = "oracle://cms_orcon_prod/CMS_CONDITIONS"
SETUP = """\
scramv1() {
    case $1 in
    project) mkdir -p "$3/src" ;;
    runtime) echo "export CMSSW_VERSION=\\"$CONDORLOOP_RELEASE\\";" ;;
    esac
}
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    tags = {
        TAG: TagSpec("any", "Run", "EcalPedestals"),
        BY_LUMI: TagSpec("pcl", "Lumi", "EcalPedestals"),
    }
    folder = tmp_path_factory.mktemp("conditions")
    service = ConditionsService(folder, {"me": "right"}, lambda: 1, tags, hang=30)
    service.start()
    yield service
    service.stop()


def harvested(folder, service, content, timeout=30, lumis="1-5"):
    """A DAG whose HARVEST made a payload, at a site with this service."""
    folder.mkdir()
    dag = make_dag(folder)
    (folder / "setup.sh").write_text(SETUP)
    netrc = folder / ".netrc"
    netrc.write_text(f"machine {NETRC_MACHINE} login me password right\n")
    netrc.chmod(0o600)
    tool = [
        "env",
        f"PYTHONPATH={TOP}",
        sys.executable,
        "-m",
        "condorloop.testbed.conditions.upload_conditions",
    ]
    area = replace(dag.manifest.cmssw, setup=folder / "setup.sh", folder=folder)
    sent = UploadTool((*tool, "-u", service.url_template), folder, timeout)
    dag = rewritten(dag, conditions=sent, cmssw=area)
    run_alca(dag, lumis)
    choose_inputs(dag)
    database = folder / "payload.db"
    sqlite_file.write(database, TAG, "Run", "EcalPedestals", "any", [(398600, content.encode())])
    leave_harvest(dag, data=database.read_bytes())
    finish(dag, "HARVEST", 0)
    return dag


def step(dag):
    def take():
        os.chdir(dag.directory)
        return main.main(["upload"])

    return take


def record(dag):
    return read_json(dag.run_dir / "harvestJob000" / UPLOAD_RECORD)


def iovs_in(service):
    return len(service.store.uploads()), len(sqlite_file.iovs(service.store.path, TAG, hidden=True))


def one_more(known):
    return known[0] + 1, known[1] + 1


def test_an_upload_that_dies_anywhere_is_taken_up_and_goes_in_once(tmp_path, service):
    undisturbed = boundaries.run(step(harvested(tmp_path / "0", service, "0")))
    assert undisturbed.exit_code == 0, undisturbed.output
    assert "subprocess.Popen" in {e.site.event for e in undisturbed.effects}
    for site, number in boundaries.one_of_each_site(undisturbed.effects).items():
        dag = harvested(tmp_path / str(number), service, str(number))
        known = iovs_in(service)
        assert boundaries.run(step(dag), die_before=number).died, site
        again = boundaries.run(step(dag))
        assert (again.exit_code, record(dag)["outcome"]) == (0, "uploaded"), f"{site}: {again}"
        assert iovs_in(service) == one_more(known), site
        assert not list((dag.run_dir / "harvestJob000").glob(".*"))


def in_pieces(folder, service, content):
    """A DAG that is to send a piece of a payload of 45 lumisections."""
    dag = harvested(folder, service, content, lumis="1-45")
    told = dag.settings.upload
    metadata = replace(told.metadata, tags={BY_LUMI: {}}, since=None)
    upload = replace(told, metadata=metadata, synchronisation="pcl")
    database = dag.run_dir / "harvestJob000" / PAYLOAD_DB
    database.unlink()
    rows = [(398600 << 32 | ls, f"{content}@{ls}".encode()) for ls in (1, 21, 41)]
    sqlite_file.write(database, TAG, "Lumi", "EcalPedestals", "any", rows)
    made = HarvestResult.read(database.with_name(HARVEST_RECORD))
    replace(made, iovs=tuple(iovs(database))).write(database.with_name(HARVEST_RECORD))
    return rewritten(dag, upload=upload, piece=0)


def test_a_piece_whose_upload_dies_anywhere_goes_in_once(tmp_path, service):
    undisturbed = boundaries.run(step(in_pieces(tmp_path / "0", service, "0")))
    assert undisturbed.exit_code == 0, undisturbed.output
    for site, number in boundaries.one_of_each_site(undisturbed.effects).items():
        dag = in_pieces(tmp_path / str(number), service, str(number))
        before = len(service.store.uploads()), len(in_tag(service))
        assert boundaries.run(step(dag), die_before=number).died, site
        again = boundaries.run(step(dag))
        assert (again.exit_code, record(dag)["outcome"]) == (0, "pending"), f"{site}: {again}"
        assert len(in_tag(service)) == before[1] + 2, site
        rest = boundaries.run(step(rewritten(dag, piece=None, turn=True)))
        assert (rest.exit_code, record(dag)["outcome"]) == (0, "uploaded"), f"{site}: {rest}"
        assert len(service.store.uploads()) == before[0] + 2, site
        sent = sorted(since & 0xFFFF for since in in_tag(service)[before[1] :])
        assert sent == [1, 21, 41], site
        assert not list((dag.run_dir / "harvestJob000").glob(".*"))


def in_tag(service):
    """The sinces of all IOVs that the tag by lumisection was given, the earliest first."""
    rows = sqlite_file.iovs(service.store.path, BY_LUMI, hidden=True)
    return [row.since for row in sorted(rows, key=lambda row: row.insertion_time)]


@pytest.mark.parametrize("last", ["false", "set -eu", "echo A=b; echo $NOT_HERE"])
def test_whatever_the_set_up_script_does_a_payload_goes_in(tmp_path, service, last):
    dag = harvested(tmp_path / "0", service, last)
    (tmp_path / "0" / "setup.sh").write_text(f"{SETUP}{last}\n")
    ended = boundaries.run(step(dag))
    assert (ended.exit_code, record(dag)["outcome"]) == (0, "uploaded"), ended.output


def test_an_upload_whose_release_is_gone_is_told_in_scrams_words_and_tried_again(tmp_path, service):
    dag = harvested(tmp_path / "0", service, "gone")
    dag = with_tool(dag, command=("uploadConditions.py",))
    gone = SETUP.replace("runtime) ", "runtime) echo 'ERROR: Missing Release top' >&2; ")
    (tmp_path / "0" / "setup.sh").write_text(gone)
    ended = boundaries.run(step(dag))
    assert (ended.exit_code, record(dag)["outcome"]) == (1, "no answer")
    assert "Missing Release top uploadConditions.py is not in the environment" in ended.output


def test_an_upload_on_a_full_disk_fails_in_a_line_and_then_goes_in_once(tmp_path, service):
    undisturbed = boundaries.run(step(harvested(tmp_path / "0", service, "full 0")))
    for site, number in boundaries.one_of_each_site(undisturbed.effects).items():
        dag = harvested(tmp_path / str(number), service, f"full {number}")
        known = iovs_in(service)
        ended = boundaries.run(step(dag), fail_before=number)
        assert "Traceback" not in ended.output
        if ended.exit_code:
            assert "No space left on device" in ended.output.splitlines()[-1], site
        else:
            assert record(dag)["outcome"] == "uploaded", site
        again = boundaries.run(step(dag))
        assert (again.exit_code, record(dag)["outcome"]) == (0, "uploaded"), f"{site}: {again}"
        assert iovs_in(service) == one_more(known), site


def start(dag):
    command = [sys.executable, "-m", "condorloop.node.main", "upload"]
    environment = os.environ | {"PYTHONPATH": str(TOP)}
    return subprocess.Popen(command, cwd=dag.directory, env=environment, stdout=subprocess.PIPE)


def wait_until(condition, timeout=20.0):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.02)


def tools_of(dag):
    """The processes that work in a harvest's folder."""
    folder = dag.run_dir / "harvestJob000"
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            found += [int(process.name)] * ((process / "cwd").readlink() == folder)
    return found


def asking(dag, service):
    """Start an upload, and wait until the service was asked and hangs."""
    service.faults.inject(ConditionsMode.HANG)
    process = start(dag)
    wait_until(lambda: not service.faults.armed)
    return process


def test_an_upload_that_is_vacated_leaves_no_lie_and_no_tool(tmp_path, service):
    dag = harvested(tmp_path / "dag", service, "vacated")
    process = asking(dag, service)
    process.terminate()
    assert process.wait(20) == -signal.SIGTERM
    wait_until(lambda: not tools_of(dag))
    told = record(dag)
    assert (told["outcome"], told["unanswered"]) == ("no answer", True)
    known = iovs_in(service)
    assert upload(dag) == 0
    assert iovs_in(service) == one_more(known)


def test_a_tool_that_outlives_its_upload_keeps_others_from_asking(tmp_path, service):
    dag = harvested(tmp_path / "dag", service, "orphan", timeout=0.1)
    process = asking(harvested_with_time(dag), service)
    process.kill()
    process.wait()
    assert tools_of(dag), "the tool is still at work"
    assert upload(dag) == 1
    assert record(dag)["asking"]
    for tool in tools_of(dag):
        os.kill(tool, signal.SIGKILL)
    wait_until(lambda: not tools_of(dag))
    known = iovs_in(service)
    assert upload(harvested_with_time(dag)) == 0
    assert iovs_in(service) == one_more(known)


def harvested_with_time(dag):
    """The same DAG at a site whose tool has more time."""
    return with_tool(dag, timeout=30)


def test_a_tool_that_hangs_is_ended_with_all_that_it_started(tmp_path, service):
    dag = harvested(tmp_path / "dag", service, "hung", timeout=0.2)
    dag = with_tool(dag, command=("sh", "-c", "sleep 60 & sleep 60"))
    assert upload(dag) == 1
    assert not tools_of(dag)
    told = record(dag)
    assert told["outcome"] == "no answer"
    assert "took more than 0.2 s" in told["answer"]


def test_an_answer_that_was_lost_is_found_given(tmp_path, service):
    dag = harvested(tmp_path / "dag", service, "lost")
    known = iovs_in(service)
    service.faults.inject(ConditionsMode.LOST_ANSWER)
    assert [upload(dag), upload(dag)] == [1, 0]
    assert record(dag)["outcome"] == "uploaded"
    assert iovs_in(service) == one_more(known)


def test_a_wrong_password_is_told_as_such(tmp_path, service):
    dag = harvested(tmp_path / "dag", service, "wrong")
    netrc = tmp_path / "dag" / ".netrc"
    netrc.write_text(netrc.read_text().replace("right", "wrong"))
    assert upload(dag) == 1
    assert record(dag)["outcome"] == "no answer"
    assert "wrong user or password in the netrc file" in record(dag)["answer"]


def test_an_environment_that_cannot_be_entered_is_no_answer(tmp_path, service):
    dag = harvested(tmp_path / "dag", service, "nowhere")
    (tmp_path / "dag" / "setup.sh").unlink()
    assert upload(dag) == 1
    told = record(dag)
    assert (told["outcome"], told["unanswered"]) == ("no answer", False)
    lock = destination_file(dag.run_dir.parent.parent, PROD, TAG, ".lock")
    assert lock.exists()


def test_a_refused_payload_that_is_asked_for_again_gets_in(tmp_path, service):
    """The service has seen the file before, and would take the same one no more."""
    dag = harvested(tmp_path / "dag", service, "refused at first")
    known = len(sqlite_file.iovs(service.store.path, TAG, hidden=True))
    service.faults.inject("too_late")
    assert upload(dag) == PERMANENT
    (dag.run_dir / "harvestJob000" / ASK_AGAIN).touch()
    assert upload(dag) == 0
    assert record(dag)["outcome"] == "uploaded"
    assert len(sqlite_file.iovs(service.store.path, TAG, hidden=True)) == known + 1
