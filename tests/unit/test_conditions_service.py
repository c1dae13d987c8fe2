"""The conditions service takes what uploadConditions.py sends, by the rules of each tag."""

import base64
import json
import os
import subprocess
import sys

import pytest
import requests

from condorloop.conditions import judge
from condorloop.model import UploadOutcome
from condorloop.testbed import conddb
from condorloop.testbed.conddb import lumi_since
from condorloop.testbed.conditions_service import (
    NETRC_MACHINE,
    ConditionsFault,
    ConditionsService,
    TagSpec,
)

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
            conddb.create(database)
        if iovs:
            conddb.write(database, "In", time_type, what, "any", iovs)
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
        command = [sys.executable, "-m", "condorloop.testbed.upload_conditions"]
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


def outcome(done):
    return judge(done.returncode, done.stdout)[0]


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
    done = upload("Express", change.pop("iovs", [(1, b"y")]), SAFE, **change)
    assert done.returncode == code
    assert outcome(done) is UploadOutcome.FAILED


def test_constants_of_another_kind_are_refused(service, upload):
    done = upload("ByLumi", [(SAFE, b"by run")])
    assert outcome(done) is UploadOutcome.REFUSED
    assert SAFE not in history(service, "ByLumi")


def test_a_service_that_is_down_for_a_moment_is_asked_again(service, upload):
    service.inject(ConditionsFault.UNAVAILABLE)
    assert upload("Express", [(1, b"retried")], since=SAFE + 30).returncode == 0


@pytest.mark.parametrize("fault", [ConditionsFault.CUT, ConditionsFault.LOST_ANSWER])
def test_an_upload_without_an_answer_is_not_final(service, upload, fault):
    service.inject(fault)
    done = upload("Express", [(1, fault.encode())], since=SAFE + 40)
    assert done.returncode == 1
    assert outcome(done) is UploadOutcome.FAILED


def test_every_upload_is_remembered(service, upload):
    upload("Express", [(1, b"remembered")], since=SAFE + 50)
    rows = requests.get(f"{service.url}/uploads", timeout=5).json()
    assert rows[-1]["user"] == "me"
    assert rows[-1]["accepted"] == {"Express": [SAFE + 50]}
