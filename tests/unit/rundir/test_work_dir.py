"""Nobody but account and group can stop the loop or have it run what is theirs."""

import fcntl
import os
import stat

import pytest
from click.testing import CliRunner

from condorloop.cli.main import cli, main
from condorloop.doctor import work_dir as doctor
from condorloop.doctor.checks import Verdict
from condorloop.ledger.connection import LedgerError
from condorloop.ledger.store import Ledger, LedgerReader
from condorloop.monitoring.status_file import write
from condorloop.rundir.work_dir import check_dag, close_to_others, objections, prepare
from condorloop.runtime import ownership
from condorloop.runtime.lock import AlreadyRunning, running_submitter, sole_submitter
from condorloop.runtime.lock_file import open_lock
from condorloop.runtime.ownership import Untrusted
from condorloop.services.cmssw import Cmssw, CmsswError
from tests.unit.doctor.test_node import config_at
from tests.unit.examples import KEY, campaign_status, loop_status, site_file
from tests.unit.runtime.accounts_of_others import STRANGER, as_stranger, give, needs_root, open_way
from tests.unit.story_example import written


@pytest.fixture
def work(tmp_path):
    """A work_dir with a run directory and a DAG in it, as the loop makes them."""
    work = tmp_path / "work"
    before = os.umask(0o002)
    try:
        prepare(work)
        dag = work / "EcalPedestals" / "run398600" / "dag000"
        dag.mkdir(parents=True)
        for name in ("node.sh", "run398600_dag000.dag", "manifest.json", "dagman.config"):
            (dag / name).touch()
    finally:
        os.umask(before)
    return work


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def refused(work):
    """The one objection to a work_dir."""
    [objection] = objections(work)
    with pytest.raises(Untrusted) as raised:
        prepare(work)
    assert str(raised.value) == str(objection)
    return objection


def test_a_work_dir_is_made_for_the_group_and_let_be_looked_at(tmp_path):
    prepare(tmp_path / "a" / "work")
    assert mode_of(tmp_path / "a" / "work") == 0o2775


def test_what_the_loop_makes_itself_can_be_worked_in(work):
    assert list(objections(work)) == []
    check_dag(work, work / "EcalPedestals" / "run398600", 0)
    check_dag(work, work / "EcalPedestals" / "run398601", 7)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "EcalPedestals",
        "EcalPedestals/run398600",
        "EcalPedestals/run398600/dag000",
        "EcalPedestals/run398600/dag000/node.sh",
        "EcalPedestals/run398600/dag000/manifest.json",
    ],
)
def test_what_everybody_may_write_is_refused_with_its_mode_and_what_to_type(work, path):
    place = work / path
    place.chmod(place.stat().st_mode | 0o002)
    objection = refused(work)
    assert f"{place} (owner " in objection.words
    assert f"mode {mode_of(place):04o}" in objection.words
    assert objection.remedy.startswith(f"chmod o-w {place}")


def test_a_parent_that_everybody_may_write_is_refused_unless_it_is_sticky(work, tmp_path):
    tmp_path.chmod(0o777)
    try:
        assert refused(work).path == tmp_path
        assert refused(tmp_path / "not" / "yet").path == tmp_path
        assert not (tmp_path / "not").exists()
        tmp_path.chmod(0o1777)
        assert list(objections(work)) == []
    finally:
        tmp_path.chmod(0o700)


def test_a_calibration_on_another_disk_is_judged_where_it_is(work, tmp_path):
    elsewhere = tmp_path / "disk2" / "BeamSpot"
    elsewhere.mkdir(parents=True)
    (work / "BeamSpot").symlink_to(elsewhere)
    assert list(objections(work)) == []
    elsewhere.parent.chmod(0o777)
    assert refused(work).path == elsewhere.parent


def test_output_of_jobs_that_everybody_may_write_stops_nothing(work):
    made = work / "EcalPedestals" / "run398600" / "apJob000"
    made.mkdir()
    made.chmod(0o777)
    (made / "PromptCalibProd.root").touch()
    (made / "PromptCalibProd.root").chmod(0o666)
    assert list(objections(work)) == []


@needs_root
def test_a_work_dir_that_another_account_made_first_is_refused(tmp_path):
    work = tmp_path / "ngt"
    work.mkdir(mode=0o755)
    give(work)
    objection = refused(work)
    assert f"{work} (owner uid {STRANGER}, group gid {STRANGER}, mode 0755)" in objection.words
    assert "expected owner: root" in objection.words
    assert not list(work.iterdir())


@needs_root
@pytest.mark.parametrize(
    "path",
    [
        "..",
        "EcalPedestals",
        "EcalPedestals/run398600",
        "EcalPedestals/run398600/dag000",
        "EcalPedestals/run398600/dag000/node.sh",
        "EcalPedestals/run398600/dag000/run398600_dag000.dag",
    ],
)
def test_what_another_account_has_made_is_refused(work, path):
    give(work / path)
    assert refused(work).path == (work / path).resolve()
    if "run" in path:
        with pytest.raises(Untrusted, match="not-ours"):
            check_dag(work, work / "EcalPedestals" / "run398600", 0)


@needs_root
def test_a_colleague_of_the_group_goes_on_with_the_same_tree(work, monkeypatch):
    monkeypatch.setattr(ownership, "_groups", lambda uid: frozenset({os.getegid()}))
    with sole_submitter(work):
        pass
    for path in (work, *work.rglob("*")):
        give(path, gid=os.getegid())
    work.chmod(0o2775)
    assert list(objections(work)) == []
    with sole_submitter(work):
        check_dag(work, work / "EcalPedestals" / "run398600", 0)
    monkeypatch.setattr(ownership, "_groups", lambda uid: frozenset())
    assert refused(work).path == work


@needs_root
def test_a_link_that_another_account_made_is_not_followed(tmp_path):
    real = tmp_path / "real"
    real.mkdir()
    (tmp_path / "work").symlink_to(real)
    prepare(tmp_path / "work")
    give(tmp_path / "work")
    assert refused(tmp_path / "work").path == tmp_path / "work"


@pytest.mark.parametrize("name", ["condorloop.lock", "upload.lock"])
@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "second name"])
def test_what_is_no_lock_file_of_its_own_is_refused_at_once(tmp_path, name, kind):
    lock, other = tmp_path / name, tmp_path / "other"
    other.touch()
    match kind:
        case "link":
            lock.symlink_to(other)
        case "pipe":
            os.mkfifo(lock)
        case "folder":
            lock.mkdir()
        case "second name":
            lock.hardlink_to(other)
    with pytest.raises(Untrusted, match=f"{name} .* mv {lock}"):
        open_lock(lock)
    assert running_submitter(tmp_path) is None


@needs_root
def test_a_lock_file_of_another_account_is_refused(tmp_path):
    (tmp_path / "condorloop.lock").touch()
    give(tmp_path / "condorloop.lock")
    with (
        pytest.raises(Untrusted, match=f"owner uid {STRANGER}"),
        sole_submitter(tmp_path),
    ):
        pass


@pytest.mark.parametrize("umask", [0o000, 0o002, 0o022, 0o077])
def test_locks_and_ledger_are_for_account_and_group_from_their_first_moment(tmp_path, umask):
    before = os.umask(umask)
    try:
        with sole_submitter(tmp_path), Ledger(tmp_path / "condorloop.db") as ledger:
            ledger.campaigns.set_asked(1, 0.0)
            modes = {path.name: mode_of(path) for path in tmp_path.iterdir()}
    finally:
        os.umask(before)
    names = ("condorloop.lock", *(f"condorloop.db{part}" for part in ("", "-wal", "-shm")))
    assert modes == dict.fromkeys(names, 0o660)


def test_files_of_an_older_version_are_closed_to_others_and_that_is_said(tmp_path):
    names = ("condorloop.db", "condorloop-2026.db", "condorloop.db.damaged-x", ".CMSSW_1.lock")
    for name in (*names, "status.json"):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(0o664)
    said = list(close_to_others(tmp_path))
    assert len(said) == len(names)
    assert all("mode 0664" in line for line in said)
    assert {mode_of(tmp_path / name) for name in names} == {0o660}
    assert mode_of(tmp_path / "status.json") == 0o664
    assert list(close_to_others(tmp_path)) == []


def test_a_lock_of_an_older_version_is_closed_when_it_is_taken(tmp_path):
    (tmp_path / "condorloop.lock").touch()
    (tmp_path / "condorloop.lock").chmod(0o664)
    with sole_submitter(tmp_path):
        assert mode_of(tmp_path / "condorloop.lock") == 0o660


@needs_root
def test_a_ledger_that_a_colleague_left_open_is_named_with_what_its_owner_types(tmp_path):
    (tmp_path / "condorloop.db").touch()
    (tmp_path / "condorloop.db").chmod(0o664)
    give(tmp_path / "condorloop.db")
    [said] = close_to_others(tmp_path)
    assert f"chmod o= {tmp_path}/condorloop.db  # as uid {STRANGER}" in said
    assert mode_of(tmp_path / "condorloop.db") == 0o664


@needs_root
def test_another_account_can_neither_hold_the_lock_nor_lock_the_ledger(tmp_path):
    open_way(tmp_path)
    with sole_submitter(tmp_path), Ledger(tmp_path / "condorloop.db"):
        pass
    with Ledger(tmp_path / "condorloop.db"):
        for name in ("condorloop.lock", "condorloop.db", "condorloop.db-shm"):

            def step(path=tmp_path / name):
                with path.open() as file:
                    fcntl.flock(file, fcntl.LOCK_SH)
                print("locked")

            assert "Permission denied" in as_stranger(step)
    with sole_submitter(tmp_path):
        pass


@pytest.mark.parametrize("command", [["run"], ["run", "--once"]], ids=" ".join)
def test_a_submitter_does_not_start_where_others_could_change_what_it_runs(tmp_path, command):
    (tmp_path / "work").mkdir()
    (tmp_path / "work").chmod(0o777)
    done = CliRunner().invoke(cli, [*command, "--site", str(site_file(tmp_path))])
    assert isinstance(done.exception, Untrusted)
    assert "every account may write it" in str(done.exception)
    assert list((tmp_path / "work").iterdir()) == []


def test_the_doctor_names_each_path_and_tries_nothing_there(work):
    (work / "EcalPedestals").chmod(0o777)
    found = [c for e in doctor.examinations(config_at(work)) for c in e.look() if e.name != "space"]
    assert [c.verdict for c in found if c.name == "owners"] == [Verdict.STOPS]
    assert [c.verdict for c in found if c.name == "files"] == [Verdict.NOT_CHECKED]
    assert {p.name for p in work.iterdir()} == {"EcalPedestals"}


def test_the_doctor_warns_of_a_ledger_that_others_may_lock(work):
    (work / "condorloop.db").touch()
    (work / "condorloop.db").chmod(0o664)
    [check] = [
        c
        for e in doctor.examinations(config_at(work))
        if e.name == "owners"
        for c in e.look()
        if c.verdict is Verdict.WARNING
    ]
    assert check.remedy.startswith(f"chmod o= {work}/condorloop.db")


def test_a_release_area_that_others_may_write_is_not_entered(tmp_path):
    area = Cmssw(tmp_path / "setup.sh", "el8", "CMSSW_1_2_3", tmp_path / "work")
    area.area.mkdir(parents=True)
    area.area.chmod(0o777)
    with pytest.raises(CmsswError, match="chmod o-w"):
        area.environment()


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A site whose ledger is not for the account that looks: of another one, or without modes."""
    written(tmp_path)
    (tmp_path / "work").chmod(0o2775)
    site = tmp_path / "site.yaml"
    write(tmp_path / "work", loop_status(campaign_status()))
    monkeypatch.setenv("PATH", os.defpath)
    with sole_submitter(tmp_path / "work"):
        pass
    if os.geteuid():
        for path in (tmp_path / "work").glob("condorloop*"):
            path.chmod(0)
    else:
        open_way(tmp_path)
    return site


def said(site, *arguments):
    """What a command says to somebody who is not of the group, on both streams."""

    def step():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.argv", ["condorloop", *arguments, "--site", str(site)])
            main()

    done = CliRunner().invoke(cli, [*arguments, "--site", str(site)])
    if os.geteuid() == 0:  # all that the step imports is loaded: Python may not be for strangers
        return as_stranger(step)
    return f"{done.output}{done.exception or ''}"


@pytest.mark.parametrize(
    "arguments",
    [
        ["show", str(KEY.run)],
        ["find", str(KEY.run)],
        ["analyze", str(KEY.run)],
        ["report"],
        ["hold", str(KEY.run), "--dry-run"],
    ],
    ids=lambda a: a[0],
)
def test_who_is_not_of_the_group_is_told_for_whom_the_ledger_is(site, arguments):
    told = said(site, *arguments)
    assert "condorloop.db: the ledger is for account " in told
    assert "`condorloop status`" in told
    assert "status.html" in told


def test_who_is_not_of_the_group_sees_the_state_and_not_that_nobody_runs(site):
    told = said(site, "status")
    assert "EcalPedestals" in told
    assert "no submitter runs" not in told
    assert "no cycle in 5 min: does a submitter run?" in told


def test_a_ledger_that_is_not_for_this_account_is_an_error_and_not_damage(site, tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    with pytest.raises(LedgerError, match="the ledger is for account"):
        LedgerReader(tmp_path / "work" / "condorloop.db")


def test_a_second_submitter_is_refused_as_ever(work):
    with sole_submitter(work), pytest.raises(AlreadyRunning), sole_submitter(work):
        pass
