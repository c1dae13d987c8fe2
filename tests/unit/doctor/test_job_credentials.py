"""RECO jobs log in at EOS: the doctor stops where they have nothing, or nothing that they see."""

import os

import pytest
import yaml

from condorloop.config.loader import load
from condorloop.config.resources import Resources
from condorloop.config.shipped_files import shipped
from condorloop.dagman.schedd.worker import ScheddUnavailable
from condorloop.doctor import job_credentials
from condorloop.doctor.checks import Verdict
from condorloop.doctor.job_credentials import PoolCredentials
from condorloop.doctor.job_folders import private_folders
from condorloop.doctor.runner import examinations
from tests.unit.examples import TOP, config, site_file

ROOT = PoolCredentials(private_folders({"REAL_UID": "0"}))
EOS = "eoscms.cern.ch"


def judged(asked, pool=ROOT, submitter=None):
    """What the doctor finds where RECO jobs ask for this."""
    resources = Resources.model_validate(asked)
    return list(job_credentials.judge("RECO jobs", resources, pool, EOS, submitter or {}))


def with_cache(value, pool=ROOT):
    [check] = judged({"environment": {"KRB5CCNAME": value}}, pool)
    return check


@pytest.fixture
def cache(tmp_path):
    """A cache that jobs of a pool with a /tmp of its own do not see, and the pool."""
    folder = tmp_path / "krb5"
    folder.mkdir()
    (folder / "cc").write_text("a ticket")
    (folder / "cc").chmod(0o600)
    return folder / "cc"


@pytest.fixture
def pool(tmp_path):
    """A pool whose jobs have a folder of their own, which is not the tests' one."""
    (tmp_path / "private").mkdir()
    return PoolCredentials(frozenset({str(tmp_path / "private")}))


def test_reco_jobs_without_a_credential_stop_the_loop():
    [check] = judged({})
    assert check.verdict is Verdict.STOPS
    assert f"no credential for {EOS}" in check.words
    assert "nodes: {RECO: {environment: {KRB5CCNAME" in check.remedy


@pytest.mark.parametrize(
    "value",
    [
        "FILE:/tmp/krb5cc_sakura_static",
        "/tmp/krb5cc_sakura_static",
        "FILE:/var/tmp/cc",
        "FILE:/dev/shm/cc",
        "FILE:/data/../tmp/cc",
        "DIR:/tmp",
        "DIR:/tmp/krb5",
        "DIR::/tmp/krb5/tkt",
    ],
)
def test_a_cache_in_a_folder_of_the_jobs_own_stops_the_loop(value):
    check = with_cache(value)
    assert check.verdict is Verdict.STOPS
    assert f"KRB5CCNAME={value}: jobs do not see it" in check.words
    assert "HTCondor gives each its own /" in check.words
    assert check.remedy.startswith("kinit -c FILE:")


def test_that_it_is_htcondors_default_is_told_where_no_machine_could_be_asked():
    check = with_cache("FILE:/tmp/cc", PoolCredentials(private_folders({}), asked=False))
    assert check.words.endswith("HTCondor gives each its own /tmp by default (/tmp,/var/tmp)")


def test_a_link_into_a_folder_of_the_jobs_own_stops_the_loop(cache, tmp_path, pool):
    (tmp_path / "private" / "cc").symlink_to(cache)
    (tmp_path / "link").symlink_to("private/cc")
    check = with_cache(f"FILE:{tmp_path}/link", pool)
    assert check.verdict is Verdict.STOPS
    assert f"it leads to {tmp_path}/private/cc" in check.words


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("KEYRING:persistent:1000", "of type KEYRING"),
        ("KCM:", "of type KCM"),
        ("KCM:1000", "of type KCM"),
        ("MEMORY:x", "of type MEMORY"),
        ("API:x", "of type API"),
        ("file:/data/cc", "of type file"),
        ("", "it names nothing"),
        ("FILE:", "it names nothing"),
        ("FILE:krb5cc", "its own sandbox"),
        ("krb5cc", "its own sandbox"),
        ("DIR:krb5", "its own sandbox"),
        ("~/krb5cc", "write the whole path"),
        ("FILE:~sakura/krb5cc", "write the whole path"),
        ("FILE:$HOME/krb5cc", "write the whole path"),
        ("FILE:/home/$USER/krb5cc", "write the whole path"),
        ("FILE:/data/krb5cc_%{uid}", "write the whole path"),
    ],
)
def test_a_cache_that_jobs_cannot_find_stops_the_loop(value, why):
    check = with_cache(value)
    assert check.verdict is Verdict.STOPS
    assert why in check.words


@pytest.mark.parametrize("form", ["FILE:{}", "{}", "DIR::{}"])
def test_a_cache_that_jobs_see_is_fine(cache, pool, form):
    check = with_cache(form.format(cache), pool)
    assert check.verdict is Verdict.FINE, check.words


def test_a_folder_of_caches_that_jobs_see_is_fine(cache, pool):
    cache.parent.chmod(0o700)
    assert with_cache(f"DIR:{cache.parent}", pool).verdict is Verdict.FINE


def test_a_cache_below_tmp_is_fine_where_the_daemons_are_not_roots(cache):
    pool = PoolCredentials(
        private_folders({"REAL_UID": "1000", "MOUNT_UNDER_SCRATCH": '"/tmp,/var/tmp"'})
    )
    assert with_cache(f"FILE:{cache}", pool).verdict is Verdict.FINE


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("FILE:{folder}/gone", "No such file or directory"),
        ("FILE:{folder}/krb5/cc/x", "Not a directory"),
        ("FILE:{folder}/krb5", "a folder"),
        ("DIR:{folder}/krb5/cc", "no folder"),
    ],
)
def test_a_cache_that_is_not_there_stops_the_loop(cache, tmp_path, pool, value, why):
    check = with_cache(value.format(folder=tmp_path), pool)
    assert check.verdict is Verdict.STOPS
    assert check.words.endswith(f": {why}")


def test_a_cache_of_another_account_stops_the_loop(cache, pool, monkeypatch):
    account = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: account)
    monkeypatch.setattr(os, "getegid", lambda: 4242)
    monkeypatch.setattr(os, "getgroups", lambda: [])
    check = with_cache(f"FILE:{cache}", pool)
    assert check.verdict is Verdict.STOPS
    assert f"and this one ({account}) may not read it" in check.words


def test_a_cache_that_other_accounts_may_read_is_told(cache, pool):
    cache.chmod(0o644)
    check = with_cache(f"FILE:{cache}", pool)
    assert check.verdict is Verdict.WARNING
    assert check.remedy == f"chmod go= {cache}"


@pytest.mark.parametrize("variable", ["X509_USER_PROXY", "BEARER_TOKEN_FILE", "XrdSecSSSKT"])
def test_another_credential_is_one_too_if_jobs_see_it(cache, pool, variable):
    [check] = judged({"environment": {variable: str(cache)}}, pool)
    assert check.verdict is Verdict.FINE, check.words
    [check] = judged({"environment": {variable: "/tmp/x509up_u1000"}})
    assert check.verdict is Verdict.STOPS
    assert f"{variable}=/tmp/x509up_u1000: jobs do not see it" in check.words


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        ("MY.SendCredential = True", Verdict.FINE),
        ("+SendCredential = true", Verdict.FINE),
        ("MY.SendCredential = False", Verdict.STOPS),
        ("use_oauth_services = eos", Verdict.FINE),
        ("x509userproxy = /tmp/x509up_u1000", Verdict.FINE),
        ("use_x509userproxy = false", Verdict.STOPS),
        ('environment = "A=1 KRB5CCNAME=FILE:/tmp/cc"', Verdict.STOPS),
        ("env = KRB5CCNAME=FILE:{cache};A=1", Verdict.FINE),
        ("getenv = True", Verdict.FINE),
        ("getenv = PATH, KRB5*", Verdict.FINE),
        ("getenv = PATH", Verdict.STOPS),
        ("getenv = False", Verdict.STOPS),
        ("+WantEos = True", Verdict.STOPS),
    ],
)
def test_a_submit_line_may_bring_a_credential(cache, pool, line, verdict):
    pool = PoolCredentials(pool.private | {"/tmp/cc"}) if "/tmp/cc" in line else pool
    submitter = {"KRB5CCNAME": f"FILE:{cache}"}
    [check] = judged({"submit": [line.format(cache=cache)]}, pool, submitter)
    assert check.verdict is verdict, check.words


def test_what_a_getenv_line_takes_of_the_submitter_is_judged_like_any():
    [check] = judged({"submit": ["getenv = True"]}, ROOT, {"KRB5CCNAME": "FILE:/tmp/cc"})
    assert check.verdict is Verdict.STOPS
    [check] = judged({"submit": ["getenv = True"]}, ROOT, {})
    assert check.verdict is Verdict.STOPS


def test_where_htcondor_brings_each_submitters_ticket_nothing_is_to_be_named():
    pool = PoolCredentials(ROOT.private, brings=True)
    for asked in ({}, {"environment": {"KRB5CCNAME": "FILE:/tmp/cc"}}):
        assert [c.verdict for c in judged(asked, pool)] == [Verdict.FINE]


@pytest.mark.parametrize(
    ("methods", "verdict"),
    [("unix", Verdict.FINE), ("host, unix", Verdict.FINE), ("krb5,unix", Verdict.STOPS)],
)
def test_jobs_that_log_in_without_a_credential_need_none(methods, verdict):
    [check] = judged({"environment": {"XrdSecPROTOCOL": methods}})
    assert check.verdict is verdict


def at_eos(tmp_path, **defaults):
    """The shipped calibrations at a site whose RAW files are on EOS."""
    site = site_file(tmp_path)
    data = yaml.safe_load(site.read_text()) | {"defaults": defaults}
    data["storage"]["url"] = "root://eoscms.cern.ch/"
    site.write_text(yaml.safe_dump(data))
    return load(site, TOP / "calibrationYAML")


def found(loaded, monkeypatch, told=None, configured=None):
    """What the doctor finds, where a pool tells this; nothing if it cannot be asked."""

    def ask(_, about, name, **arguments):
        if told is None:
            raise ScheddUnavailable("it does not answer")
        return {"machine_settings": told, "configured": configured or {}}[name]

    monkeypatch.setattr(job_credentials.Worker, "ask", ask)
    return [c for e in job_credentials.examinations(loaded) for c in e.look()]


def test_where_storage_is_on_this_machine_jobs_need_nothing(tmp_path):
    assert job_credentials.examinations(config(tmp_path)) == []


def test_at_eos_the_doctor_looks_at_it(tmp_path):
    loaded = at_eos(tmp_path)
    looks = [e.look for e in examinations(loaded) if e.name == "RECO jobs"]
    assert len(looks) == 1


def test_calibrations_that_are_alike_are_one_check(tmp_path, monkeypatch):
    [check] = found(at_eos(tmp_path), monkeypatch)
    assert (check.name, check.verdict) == ("RECO jobs: BeamSpot + 2", Verdict.STOPS)


def test_without_an_answer_of_a_machine_the_daemons_are_taken_for_roots(tmp_path, monkeypatch):
    reco = {"environment": {"KRB5CCNAME": "FILE:/tmp/krb5cc_sakura_static"}}
    loaded = at_eos(tmp_path, nodes={"RECO": reco})
    for told in (None, []):
        [check] = found(loaded, monkeypatch, told)
        assert check.verdict is Verdict.STOPS
        assert "by default (/tmp,/var/tmp)" in check.words


def test_one_machine_that_gives_jobs_a_folder_of_their_own_is_enough(tmp_path, monkeypatch, cache):
    nodes = {"RECO": {"environment": {"KRB5CCNAME": f"FILE:{cache}"}}}
    loaded = at_eos(tmp_path, nodes=nodes)
    all_see = {"REAL_UID": "1000"}
    [check] = found(loaded, monkeypatch, [all_see])
    assert check.verdict is Verdict.FINE
    one = {"REAL_UID": "0", "MOUNT_UNDER_SCRATCH": f'"{cache.parent}"'}
    [check] = found(loaded, monkeypatch, [all_see, one])
    assert check.verdict is Verdict.STOPS


def test_a_producer_of_credentials_is_asked_for(tmp_path, monkeypatch):
    producer = {"SEC_CREDENTIAL_PRODUCER": "/usr/bin/batch_krb5_credential"}
    [check] = found(at_eos(tmp_path), monkeypatch, [], producer)
    assert check.verdict is Verdict.FINE


def test_the_shipped_site_names_one_cache_that_jobs_see_for_the_loop_and_for_reco():
    site = yaml.safe_load((shipped("sites") / "calibration-node.yaml").read_text())
    cache = site["environment"]["KRB5CCNAME"]
    assert site["defaults"]["nodes"]["RECO"]["environment"]["KRB5CCNAME"] == cache
    check = with_cache(cache)
    # the folder is the node's; nothing but the file itself is missing here
    assert check.words == f"KRB5CCNAME={cache}: No such file or directory"
