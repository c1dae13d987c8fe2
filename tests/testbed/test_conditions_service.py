"""The conditions service takes what uploadConditions.py sends, by the rules of each tag."""

import base64
import json
import os
import subprocess
import sys

import pytest
import requests

from condorloop.model.enums import UploadOutcome
from condorloop.services.conditions import judge
from condorloop.testbed.conditions import sqlite_file
from condorloop.testbed.conditions.service import (
    NETRC_MACHINE,
    ConditionsMode,
    ConditionsService,
    TagSpec,
)
from condorloop.testbed.conditions.sqlite_file import lumi_since

SAFE = 398600
TAGS = {
    "Express": TagSpec("express", "Run", "EcalPedestals"),
    "Pcl": TagSpec("pcl", "Run", "EcalPedestals"),
    "Offline": TagSpec("offline", "Run", "EcalPedestals"),
    "ByLumi": TagSpec("any", "Lumi", "BeamSpotObjects"),
}


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    service = ConditionsService(
        tmp_path_factory.mktemp("conditions"), {"me": "secret"}, lambda: SAFE, TAGS, hang=5
    )
    service.start()
    yield service
    service.stop()


@pytest.fixture
def upload(service, tmp_path):
    """Run uploadConditions.py as a job does, on a file of `iovs`, or on the last one."""

    def run(
        tag,
        iovs,
        since=None,
        *,
        by_lumi=False,
        password="secret",
        netrc=True,
        metadata=True,
        **more,
    ):
        time_type, what = ("Lumi", "BeamSpotObjects") if by_lumi else ("Run", "EcalPedestals")
        database = tmp_path / "Payload.db"
        if iovs is not None:
            database.unlink(missing_ok=True)
            sqlite_file.create(database)
        if iovs:
            sqlite_file.write(database, "In", time_type, what, "any", iovs)
        (tmp_path / "Payload.txt").unlink(missing_ok=True)
        if metadata:
            text = {
                "destinationDatabase": "oracle://cms_orcon_prod/CMS_CONDITIONS",
                "destinationTags": {tag: {}},
                "inputTag": "In",
                "since": since,
                "userText": "a test",
                **more,
            }
            (tmp_path / "Payload.txt").write_text(json.dumps(text))
        if netrc:
            line = f"machine {NETRC_MACHINE} login me password {password}\n"
            (tmp_path / ".netrc").write_text(line)
            (tmp_path / ".netrc").chmod(0o600)
        command = [sys.executable, "-m", "condorloop.testbed.conditions.upload_conditions"]
        command += ["-u", service.url_template, "Payload.db"]
        environment = {
            **os.environ,
            "COND_AUTH_PATH": str(tmp_path),
            "CONDORLOOP_TESTBED_RETRY_WAIT": "0",
            "NO_PROXY": "127.0.0.1",
        }
        return subprocess.run(
            command,
            cwd=tmp_path,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=30,
            check=False,
        )

    return run


def outcome(done, tags=TAGS):
    """What is made of the tool's words about the one tag, of these, that it was asked to fill."""
    told = [judge(done.returncode, done.stdout, [tag]).outcome for tag in tags]
    return next((o for o in told if o is UploadOutcome.UPLOADED), told[0])


def history(service, tag):
    rows = requests.get(f"{service.url}/history", params={"tag": tag}, timeout=5).json()
    return [row["since"] for row in rows]


def test_a_payload_is_taken_and_can_be_asked_for(service, upload):
    done = upload("Express", [(1, b"data")], since=SAFE + 10)
    assert done.returncode == 0
    assert "tag Express successfully uploaded" in done.stdout
    assert "upload ended with code: 0" in done.stdout
    asked = {"tag": "Express", "run": SAFE + 11}
    found = requests.get(f"{service.url}/payload", params=asked, timeout=5).json()
    assert base64.b64decode(found["data"]) == b"data"
    assert found["since"] == SAFE + 10


def test_a_since_before_the_first_safe_run_is_moved_up(service, upload):
    assert upload("Express", [(1, b"early")], since=SAFE - 5).returncode == 0
    assert SAFE in history(service, "Express")
    assert SAFE - 5 not in history(service, "Express")


def test_a_since_that_is_too_late_for_pcl_is_refused_for_good(service, upload):
    done = upload("Pcl", [(1, b"late")], since=SAFE - 1)
    assert done.returncode == 1
    assert outcome(done) is UploadOutcome.REFUSED
    assert history(service, "Pcl") == []


def test_without_a_since_each_iov_keeps_its_own(service, upload):
    iovs = [(lumi_since(SAFE, ls), str(ls).encode()) for ls in (1, 2, 3)]
    assert upload("ByLumi", iovs, by_lumi=True).returncode == 0
    assert history(service, "ByLumi") == [since for since, _ in iovs]


def test_the_same_file_is_not_taken_twice(service, upload):
    upload("Express", [(1, b"once")], since=SAFE + 20)
    again = upload("Express", None, since=SAFE + 20)
    assert again.returncode == 1
    assert "was uploaded before" in again.stdout
    assert history(service, "Express").count(SAFE + 20) == 1


def test_a_tag_that_is_not_there_is_refused(upload):
    assert outcome(upload("Nowhere", [(1, b"x")], since=SAFE)) is UploadOutcome.REFUSED


def without_iovs(change):
    return {name: value for name, value in change.items() if name != "iovs"}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"password": "wrong"}, 254),
        ({"netrc": False}, 1),
        ({"metadata": False}, 1),
        ({"iovs": []}, 252),
        ({"destinationDatabase": "sqlite:x"}, 1),
    ],
)
def test_what_is_missing_ends_the_tool_and_never_hangs_it(upload, change, code):
    done = upload("Express", change.get("iovs", [(1, b"y")]), SAFE, **without_iovs(change))
    assert done.returncode == code
    assert outcome(done) not in (UploadOutcome.UPLOADED, UploadOutcome.REFUSED)


def test_constants_of_another_kind_are_refused(service, upload):
    done = upload("ByLumi", [(SAFE, b"by run")])
    assert outcome(done) is UploadOutcome.REFUSED
    assert SAFE not in history(service, "ByLumi")


def test_a_service_that_is_down_for_a_moment_is_asked_again(service, upload):
    service.faults.inject(ConditionsMode.UNAVAILABLE)
    assert upload("Express", [(1, b"retried")], since=SAFE + 30).returncode == 0


def taken(service):
    """How many uploads the service took, as any process can ask it."""
    return len(requests.get(f"{service.url}/uploads", timeout=5).json())


@pytest.mark.parametrize(
    ("fault", "is_taken"),
    [
        (ConditionsMode.CUT, False),
        (ConditionsMode.LOST_ANSWER, True),
        (ConditionsMode.CUT_ANSWER, True),
    ],
)
def test_an_upload_without_a_whole_answer_may_have_been_taken(service, upload, fault, is_taken):
    service.faults.inject(fault)
    before = taken(service)
    done = upload("Express", [(1, fault.encode())], since=SAFE + 40)
    assert done.returncode == 1
    assert "Error from uploading" in done.stdout
    assert taken(service) - before == is_taken


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_service_that_is_down_for_longer_is_255(service, upload, status):
    service.faults.inject(ConditionsMode.HTTP_ERROR, times=2, status=status)
    done = upload("Express", [(1, b"gateway")], since=SAFE + 60)
    assert done.returncode == 255
    assert f"HTTP Error code {status}" in done.stdout
    assert not service.faults.armed


def test_a_service_that_goes_down_between_sign_in_and_upload_gives_no_answer(service, upload):
    service.faults.inject(ConditionsMode.HTTP_ERROR, status=502, resource="uploadFile")
    done = upload("Express", [(1, b"between")], since=SAFE + 70)
    assert done.returncode == 1
    assert "Error from uploading: Bad Gateway" in done.stdout


def test_a_password_that_is_wrong_by_request_is_254(service, upload):
    service.faults.inject(ConditionsMode.INVALID_CREDENTIALS)
    assert upload("Express", [(1, b"login")], since=SAFE + 80).returncode == 254


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (ConditionsMode.TOO_LATE, "tag Express failed to upload"),
        (ConditionsMode.SKIPPED, "found tag Express to be skipped"),
    ],
)
def test_an_upload_is_turned_down_by_request_and_no_tag_is_filled(service, upload, fault, said):
    service.faults.inject(fault)
    done = upload("Express", [(1, fault.encode())], since=SAFE + 90)
    assert done.returncode == 1
    assert said in done.stdout
    assert SAFE + 90 not in history(service, "Express")


def test_another_process_asks_for_an_outage_and_ends_it(service, upload):
    control = f"{service.url}/_testbed/faults"
    asked = {"mode": "http_error", "status": 504, "times": None}
    assert requests.post(control, json=asked, timeout=5).ok
    assert requests.post(control, json={"mode": "rain"}, timeout=5).status_code == 400
    assert upload("Express", [(1, b"outage")], since=SAFE + 100).returncode == 255
    assert len(requests.get(control, timeout=5).json()) == 1
    requests.delete(control, timeout=5)
    assert upload("Express", None, since=SAFE + 100).returncode == 0


def test_every_upload_is_remembered(service, upload):
    upload("Express", [(1, b"remembered")], since=SAFE + 50)
    rows = requests.get(f"{service.url}/uploads", timeout=5).json()
    assert rows[-1]["user"] == "me"
    assert rows[-1]["accepted"] == {"Express": [SAFE + 50]}
