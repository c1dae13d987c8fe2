"""The doctor on the work_dir, tried on real folders, and on what a pool tells."""

import os
import sqlite3
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.config.shipped_files import shipped
from condorloop.doctor import pool, work_dir
from condorloop.doctor.checks import Verdict
from condorloop.runtime.disk_space import DiskSpace
from condorloop.services.storage import StorageUnavailable
from tests.unit.examples import config

V25 = "$CondorVersion: 25.14.1 2026-09-24 BuildID: UW_Python_Wheel_Build $"
V24 = "$CondorVersion: 24.0.3 2025-01-06 BuildID: 776382 $"
V26 = "$CondorVersion: 26.0.1 2027-01-06 BuildID: 9 $"
V23 = "$CondorVersion: 23.9.6 2024-08-09 $"


def looked(folder, *calibrations, streams=()):
    """All that is found on a work_dir, by name; and it is as it was before."""
    before = sorted(folder.rglob("*"))
    looks = work_dir.examinations(config_at(folder, calibrations, streams))
    found = {check.name: check for e in looks if e.name != "space" for check in e.look()}
    assert sorted(folder.rglob("*")) == before
    return found


def config_at(folder, calibrations=(), streams=()):
    """A configuration with this work_dir."""
    site = SimpleNamespace(work_dir=folder)
    return SimpleNamespace(
        site=site,
        calibrations=dict.fromkeys(calibrations),
        shared_streams=dict.fromkeys(streams),
    )


def test_a_work_dir_that_can_do_all_is_fine(tmp_path):
    (tmp_path / "EcalPedestals").mkdir()
    found = looked(tmp_path, "EcalPedestals")
    assert {c.verdict for c in found.values()} == {Verdict.FINE}
    assert set(found) == {
        "rights",
        "owners",
        "files",
        "locks",
        "ledger",
        "scripts",
        "file system",
        "/tmp rule",
    }


def test_one_that_is_to_be_made_is_tried_where_it_will_be(tmp_path):
    found = looked(tmp_path / "not" / "yet")
    assert {c.verdict for c in found.values()} == {Verdict.FINE}
    assert "is made in" in found["rights"].words


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_one_that_may_not_be_written_would_stop_the_loop(tmp_path):
    tmp_path.chmod(0o500)
    try:
        for examination in work_dir.examinations(config_at(tmp_path)):
            if examination.name in ("rights", "files"):
                [check] = examination.look()
                assert check.verdict is Verdict.STOPS, examination.name
                assert check.remedy
    finally:
        tmp_path.chmod(0o700)


def test_another_accounts_ledger_is_named_with_what_its_owner_types(tmp_path, monkeypatch):
    (tmp_path / "condorloop.db").write_text("")
    writable = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode: "condorloop.db" not in str(path) and writable(path, mode)
    )
    check = looked(tmp_path)["rights"]
    assert check.verdict is Verdict.STOPS
    assert f"chmod -R g+w {tmp_path}/condorloop.db" in check.remedy


@pytest.mark.parametrize(
    ("name", "attempt", "fault"),
    [
        ("files", "_write", OSError(28, "No space left on device")),
        ("locks", "_lock", OSError(37, "No locks available")),
        ("ledger", "_database", sqlite3.OperationalError("disk I/O error")),
        ("scripts", "_script", PermissionError(13, "Permission denied")),
    ],
)
def test_what_a_file_system_cannot_do_is_named_and_the_rest_is_tried(
    tmp_path, monkeypatch, name, attempt, fault
):
    def fails(folder):
        raise fault

    monkeypatch.setattr(work_dir, attempt, fails)
    found = looked(tmp_path)
    assert found[name].verdict is Verdict.STOPS
    assert (getattr(fault, "strerror", None) or str(fault)) in found[name].words
    assert all(c.verdict is Verdict.FINE for n, c in found.items() if n != name)


def test_locks_that_lock_nobody_out_are_seen(tmp_path, monkeypatch):
    monkeypatch.setattr(work_dir.fcntl, "flock", lambda *_: None)
    check = looked(tmp_path)["locks"]
    assert check.verdict is Verdict.STOPS
    assert "flock: a second process gets a lock" in check.words


@pytest.mark.parametrize(
    ("free", "inodes", "verdict"),
    [
        (50, 50, Verdict.FINE),
        (5, 50, Verdict.WARNING),
        (50, 5, Verdict.WARNING),
        (1, 50, Verdict.STOPS),
        (50, None, Verdict.FINE),
    ],
)
def test_a_disk_that_gets_full_is_told_long_before_it_is(tmp_path, free, inodes, verdict):
    space = DiskSpace(tmp_path, free, 100, inodes, None if inodes is None else 100)
    assert work_dir.judge_space(space, tmp_path).verdict is verdict


MOUNTS = r"""
/dev/vda / ext4 rw,relatime 0 0
nas:/data /data nfs4 rw 0 0
/dev/sdb /data/ngt\040local xfs rw 0 0
/dev/sdc /database ext4 rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home", "ext4"),
        ("/data/ngt", "nfs4"),
        ("/data", "nfs4"),
        ("/data/ngt local/run1", "xfs"),
        ("/database/x", "ext4"),
    ],
)
def test_the_kind_of_file_system_is_that_of_the_nearest_mount(path, kind):
    assert work_dir.kind_of(Path(path), MOUNTS) == kind


def test_a_network_disk_and_a_calibration_elsewhere_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(work_dir, "kind_of", lambda *_: "nfs4")
    monkeypatch.setattr(work_dir, "_is_elsewhere", lambda path, device: path.name == "BeamSpot")
    found = looked(tmp_path, "BeamSpot", "SiStripBad")
    assert found["file system"].verdict is Verdict.WARNING
    assert found["one disk"].verdict is Verdict.WARNING
    assert found["one disk"].words.startswith("BeamSpot: on another disk")


def test_the_folder_of_a_stream_that_calibrations_share_is_looked_at_too(tmp_path, monkeypatch):
    monkeypatch.setattr(work_dir, "_is_elsewhere", lambda path, device: path.name == "Express")
    monkeypatch.setattr(work_dir, "_may_write", lambda path: path.name != "Express")
    found = looked(tmp_path, "SiPixelLA", streams=["Express"])
    assert found["one disk"].words.startswith("Express: on another disk")
    assert found["rights"].verdict is Verdict.STOPS
    assert found["rights"].words.startswith("Express: of ")


def test_below_tmp_the_dags_own_settings_let_dagman_write_its_logs():
    ours = (shipped("templates") / "dagman.config.j2").read_text()
    below = Path("/tmp/ngt")
    assert work_dir.judge_slash_tmp(below, ours).verdict is Verdict.FINE
    assert work_dir.judge_slash_tmp(below, "# nothing\n").verdict is Verdict.STOPS
    beside = Path("/tmpfiles/ngt")
    assert work_dir.judge_slash_tmp(beside, "# nothing\n").verdict is Verdict.FINE


@pytest.mark.parametrize(
    ("bindings", "schedd", "verdict"),
    [
        (V25, V25, Verdict.FINE),
        (V25, V26, Verdict.WARNING),
        (V24, V25, Verdict.WARNING),
        (V25, V24, Verdict.STOPS),
        (V23, V23, Verdict.STOPS),
        (V25, "", Verdict.NOT_CHECKED),
    ],
)
def test_bindings_and_schedd_must_be_of_one_series_and_new_enough(bindings, schedd, verdict):
    assert pool.judge_versions(bindings, schedd).verdict is verdict


@pytest.mark.parametrize(
    ("dagman", "verdict"),
    [(V25, Verdict.FINE), (V26, Verdict.WARNING), (V24, Verdict.STOPS), ("", Verdict.FINE)],
)
def test_dagman_must_be_of_the_schedds_series_and_new_enough(dagman, verdict):
    check = pool.judge_versions(V25, V25, dagman)
    assert check.verdict is verdict
    assert ("DAGMan" in check.words) is bool(dagman)
    assert ("condor_dagman" in check.remedy) is (verdict is not Verdict.FINE)


def test_bindings_of_the_schedds_series_are_what_to_type():
    assert pool.judge_versions(V25, V26).remedy == "pip install 'htcondor==26.*'"


@pytest.mark.parametrize(
    ("limit", "running", "idle", "verdict"),
    [
        (200, 3, 0, Verdict.FINE),
        (200, 170, 0, Verdict.WARNING),
        (200, 200, 5, Verdict.WARNING),
        (8, 0, 0, Verdict.WARNING),
        (0, 0, 0, Verdict.STOPS),
        (None, 3, 0, Verdict.NOT_CHECKED),
    ],
)
def test_the_limit_of_dagmans_is_compared_with_those_in_flight(limit, running, idle, verdict):
    user = {"NumSchedulerRunning": running, "NumSchedulerIdle": idle}
    assert pool.judge_dagmans(limit, user, 12).verdict is verdict


@pytest.mark.parametrize(
    ("limit", "count", "verdict"),
    [
        (2**31 - 1, 10**6, Verdict.FINE),
        (1000, 10, Verdict.FINE),
        (1000, 800, Verdict.WARNING),
        (1000, 1000, Verdict.STOPS),
        (None, 10, Verdict.NOT_CHECKED),
    ],
)
def test_a_full_queue_would_stop_the_loop(limit, count, verdict):
    assert pool.judge_jobs("jobs", limit, count).verdict is verdict


def test_a_schedd_that_starts_no_dagman_or_no_upload_would_stop_the_loop():
    told = {"StartSchedulerUniverse": False, "StartLocalUniverse": False}
    assert [c.verdict for c in pool.judge_starts(told)] == [Verdict.STOPS, Verdict.STOPS]
    assert list(pool.judge_starts(dict.fromkeys(told, True))) == []
    assert list(pool.judge_starts({})) == []


def test_a_user_whom_the_schedd_has_disabled_would_stop_the_loop():
    disabled = {"Enabled": False, "DisableReason": "too many jobs"}
    check = pool.judge_user("me@cern.ch", "schedd1", disabled)
    assert check.verdict is Verdict.STOPS
    assert "too many jobs" in check.words
    assert pool.judge_user("me@cern.ch", "schedd1", {"Enabled": 1}).verdict is Verdict.FINE
    assert pool.judge_user("me@cern.ch", "schedd1", {}).verdict is Verdict.FINE


GOOD_DAGMAN = {
    "DAGMAN_AUTO_RESCUE": True,
    "DAGMAN_MAX_RESCUE_NUM": 100,
    "DAGMAN_USE_STRICT": 1,
    "DAGMAN_DEFAULT_NODE_LOG": "@(DAG_DIR)/@(DAG_FILE).nodes.log",
}


def test_settings_of_dagman_that_the_dags_rely_on_are_told_if_they_differ():
    assert pool.judge_dagman_settings(GOOD_DAGMAN).verdict is Verdict.FINE
    assert pool.judge_dagman_settings({}).verdict is Verdict.FINE
    for name, value in (
        ("DAGMAN_AUTO_RESCUE", "False"),
        ("DAGMAN_MAX_RESCUE_NUM", 0),
        ("DAGMAN_USE_STRICT", 3),
        ("DAGMAN_DEFAULT_NODE_LOG", "/tmp/nodes.log"),
    ):
        check = pool.judge_dagman_settings(GOOD_DAGMAN | {name: value})
        assert check.verdict is Verdict.WARNING
        assert check.words.startswith(f"{name} = {value}: ")


INTERVAL = "DAGMAN_USER_LOG_SCAN_INTERVAL"
NO_LIMITS = {"DAGMAN_DISABLE_ADMIN_THROTTLE_LIMITING": True}


@pytest.mark.parametrize(
    ("version", "configured", "verdict"),
    [
        ("25.10.1", {INTERVAL: 5}, Verdict.WARNING),
        ("26.0.0", {INTERVAL: "5"}, Verdict.WARNING),
        ("25.10.1", {INTERVAL: 1}, Verdict.FINE),
        ("25.10.1", {INTERVAL: 5} | NO_LIMITS, Verdict.FINE),
        ("25.9.2", {INTERVAL: 5}, Verdict.FINE),
        ("25.10.1", {}, Verdict.NOT_CHECKED),
        ("", {INTERVAL: 5}, Verdict.NOT_CHECKED),
    ],
)
def test_an_access_point_where_dagman_reads_events_less_often_is_told(version, configured, verdict):
    said = f"$CondorVersion: {version} 2026-05-26 BuildID: 1 $" if version else ""
    check = pool.judge_interval(configured, said)
    assert check.verdict is verdict
    if verdict is Verdict.WARNING:
        assert "each 5 s" in check.words
        assert "12.5 s" in check.words
        assert INTERVAL in check.remedy


SLOT = {"Machine": "a", "TotalSlotCpus": 16, "TotalSlotMemory": 32000}


def test_each_kind_of_job_must_fit_into_some_slot(tmp_path):
    wanted = pool.asked(config(tmp_path))
    assert wanted["EcalPedestals RECO"] == (8, 16000)
    assert wanted["EcalPedestals HARVEST"] == (1, 2000)
    assert pool.judge_slots([SLOT], wanted).verdict is Verdict.FINE
    assert pool.judge_slots([], wanted).verdict is Verdict.WARNING
    small = [SLOT | {"TotalSlotCpus": 4}, SLOT | {"TotalSlotMemory": 2000}]
    check = pool.judge_slots(small, wanted)
    assert check.verdict is Verdict.STOPS
    assert "none has the 8 cores and 16000 MB" in check.words


ads = st.dictionaries(
    st.sampled_from([*pool._USER, *pool._SCHEDD, "Machine", "TotalSlotCpus", "TotalSlotMemory"]),
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
)


@given(ads, st.lists(ads), st.text(), st.none() | st.integers(0))
def test_whatever_a_schedd_tells_is_judged(ad, slots, version, limit):
    assert pool.judge_user("me", "schedd", ad).verdict
    assert pool.judge_dagmans(limit, ad, 12).verdict
    assert pool.judge_versions(version, str(ad.get("CondorVersion"))).verdict
    assert pool.judge_slots(slots, {"RECO": (8, 16000)}).verdict
    assert all(check.verdict is Verdict.STOPS for check in pool.judge_starts(ad))


class FakeStreams:
    """Storage whose folders are as told."""

    def __init__(self, answer):
        self.answer = answer

    def folders(self, path):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    ("answer", "name", "verdict"),
    [
        (("/eos/a b/000",), "EcalPedestals", Verdict.FINE),
        ((), "EcalPedestals", Verdict.WARNING),
        (None, "EcalPedestals", Verdict.WARNING),
        (StorageUnavailable("permission denied"), "EcalPedestals", Verdict.STOPS),
        (StorageUnavailable("connection refused", everywhere=True), "server", Verdict.STOPS),
    ],
)
def test_a_stream_must_be_there_and_the_server_must_answer(tmp_path, answer, name, verdict):
    from condorloop.doctor.storage import look_at_stream

    site = config(tmp_path).site.storage
    check = look_at_stream(FakeStreams(answer), site, "/eos/a b", ["EcalPedestals"])
    assert (check.name, check.verdict) == (name, verdict)
    assert (
        verdict is Verdict.FINE
        or "xrdfs root://127.0.0.1:2 ls '/eos/a b'" in check.remedy
        or ("xrdfs root://127.0.0.1:2 ls /eos " in check.remedy)
    )
