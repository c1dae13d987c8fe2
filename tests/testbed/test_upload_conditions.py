"""uploadConditions.py's stand-in finds files and credentials, packs and ends as the true one."""

import json
import os
import subprocess
import sys
import time

import pytest

from condorloop.testbed.conditions import sqlite_file
from condorloop.testbed.conditions.service import NETRC_MACHINE, ConditionsService, TagSpec
from condorloop.testbed.faults import Fault, Faults
from condorloop.testbed.scenario.scenario import Scenario

NAME = "NGTCalibEcalPedestals"
METADATA = {
    "destinationDatabase": "oracle://cms_orcon_prod/CMS_CONDITIONS",
    "destinationTags": {"Ecal": {}},
    "inputTag": "Ecal",
    "since": 398600,
    "userText": "a test",
}


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    folder = tmp_path_factory.mktemp("conditions")
    tags = {"Ecal": TagSpec("any", "Run", "EcalPedestals")}
    service = ConditionsService(folder, {"me": "right"}, lambda: 1, tags)
    service.start()
    yield service
    service.stop()


@pytest.fixture
def folder(tmp_path, request):
    """A folder as a harvest leaves it, with a payload of its own."""
    payload = request.node.name.encode()
    sqlite_file.write(
        tmp_path / f"{NAME}.db", "Ecal", "Run", "EcalPedestals", "any", [(398600, payload)]
    )
    (tmp_path / f"{NAME}.txt").write_text(json.dumps(METADATA))
    credentials(tmp_path)
    return tmp_path


def credentials(folder, password="right"):
    folder.mkdir(exist_ok=True)
    (folder / ".netrc").write_text(f"machine {NETRC_MACHINE} login me password {password}\n")
    (folder / ".netrc").chmod(0o600)


@pytest.fixture
def run(service, folder):
    def run(*arguments, stdin=subprocess.DEVNULL, **environment):
        more = {"HOME": str(folder), "NO_PROXY": "127.0.0.1"} | environment
        command = [sys.executable, "-m", "condorloop.testbed.conditions.upload_conditions"]
        return subprocess.run(
            [*command, "-u", service.url_template, *(arguments or (f"{NAME}.db",))],
            cwd=folder,
            env={k: v for k, v in os.environ.items() if k != "COND_AUTH_PATH"} | more,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=30,
            check=False,
        )

    return run


@pytest.mark.parametrize("file", [NAME, f"{NAME}.db", f"{NAME}.txt"])
def test_a_file_is_named_with_or_without_its_ending(run, file):
    done = run(file)
    assert done.returncode == 0, done.stdout
    assert "tag Ecal successfully uploaded" in done.stdout


def test_the_same_content_is_the_same_upload_however_old_its_files_are(run, folder, service):
    assert run().returncode == 0
    known = len(service.store.uploads())
    for file in folder.glob(f"{NAME}.*"):
        os.utime(file, (0, 0))
    (folder / f"{NAME}.txt").write_text(json.dumps(METADATA, indent=7, sort_keys=True))
    assert run().returncode == 1
    assert len(service.store.uploads()) == known


@pytest.mark.parametrize(
    ("spoil", "code", "said"),
    [
        (lambda f: f.unlink(), 253, "Impossible to open SQLite data file"),
        (lambda f: f.write_bytes(b"no database" * 20), 251, "Check on input SQLite data file"),
        (lambda f: f.write_bytes(b""), 251, "no such table: IOV"),
    ],
)
def test_a_data_file_that_is_none_is_found_before_anything_is_sent(run, folder, spoil, code, said):
    spoil(folder / f"{NAME}.db")
    done = run()
    assert (done.returncode, said in done.stdout) == (code, True), done.stdout
    assert f"upload ended with code: {code - 256}" in done.stdout


def test_a_service_that_is_not_there_is_255(run):
    done = run("-u", "http://127.0.0.1:9/%s/cmsDbUpload/", f"{NAME}.db")
    assert done.returncode == 255
    assert "Error trying to connect to the server. Aborting." in done.stdout


def test_as_many_files_as_failed_are_counted(run, folder):
    for name in ("One", "Two"):
        (folder / f"{name}.db").write_bytes((folder / f"{NAME}.db").read_bytes())
        metadata = METADATA | {"destinationTags": {name: {}}}
        (folder / f"{name}.txt").write_text(json.dumps(metadata))
    assert run(f"{NAME}.db", "One.db", "Two.db").returncode == 2


def test_the_netrc_of_the_command_line_goes_before_the_environment_s_and_home_s(run, folder):
    credentials(folder, "wrong")
    assert run().returncode == 254
    credentials(folder / "environment")
    assert run(COND_AUTH_PATH=str(folder / "environment")).returncode == 0
    credentials(folder / "line", "wrong")
    environment = {"COND_AUTH_PATH": str(folder / "environment")}
    assert run("-a", str(folder / "line"), f"{NAME}.db", **environment).returncode == 254


def test_no_wizard_is_wanted_for_metadata_that_are_missing(run, folder):
    (folder / f"{NAME}.txt").unlink()
    (folder / "answers").write_text("n\n")
    with (folder / "answers").open() as answers:
        done = run(stdin=answers)
    assert done.returncode == 251
    assert "does not exist" in done.stdout


def test_without_a_file_it_shows_its_options(run):
    done = run("-d")
    assert done.returncode == 254
    assert "--urlTemplate" in done.stdout


def test_a_scenario_s_fault_fails_the_upload_of_its_calibration(run, folder, service):
    path = folder / "scenario.yaml"
    path.write_text(
        "runs: [{run: 398600, calibrations: [EcalPedestals, SiStripBad],"
        " lumisections: [{ls: 1, after: 0}], end_after: 1}]\n"
        "faults:\n"
        "- {target: upload_conditions, mode: exit_code, exit_code: 3, calibration: SiStripBad,"
        " at: 0}\n"
        "- {target: upload_conditions, mode: exit_code, exit_code: 7, calibration: EcalPedestals,"
        " at: 0, message: the disk is full}\n"
    )
    Faults(folder / "faults").arm(Scenario.load(path).faults, time.time() - 1, 1.0)
    known = len(service.store.uploads())
    done = run(CONDORLOOP_TESTBED_FAULTS=str(folder / "faults"))
    assert (done.returncode, "the disk is full" in done.stdout) == (7, True), done.stdout
    assert len(service.store.uploads()) == known
    assert run(CONDORLOOP_TESTBED_FAULTS=str(folder / "faults")).returncode == 0


@pytest.mark.parametrize("since", [398600, None])
def test_a_fault_of_another_run_leaves_the_upload_alone(run, folder, since):
    (folder / f"{NAME}.txt").write_text(json.dumps(METADATA | {"since": since}))
    faults = Faults(folder / "faults")
    scope = {"exit_code": 9, "calibration": "EcalPedestals"}
    faults.arm([Fault("upload_conditions", "exit_code", run=398601, **scope)], 0.0)
    environment = {"CONDORLOOP_TESTBED_FAULTS": str(folder / "faults")}
    assert run(**environment).returncode == 0
    faults.arm([Fault("upload_conditions", "exit_code", run=398600, **scope)], 0.0)
    assert run(**environment).returncode == 9
