"""Which credentials each part of the loop works with, and that no secret gets into a job's ad."""

import os
import sys

import pytest
import yaml

from condorloop.cli.options import CommonOptions
from condorloop.config import credentials
from condorloop.config.loader import ConfigError, load
from condorloop.dagman.render import Renderer
from condorloop.model.campaign import CampaignKey
from condorloop.rundir.durable import read_json
from condorloop.services.cmssw import Cmssw
from condorloop.testbed.cmssw.install import install
from tests.unit.dag_plans import own_harvest
from tests.unit.examples import TOP, site_file

EOS, CONDITIONS = "FILE:/run/condorloop/eos.cc", "FILE:/run/condorloop/conditions.cc"
ECAL = "EcalPedestals"


@pytest.fixture
def site(tmp_path):
    """Write a site file with more in it; give its path."""

    def write(**more):
        path = site_file(tmp_path)
        path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | more))
        return path

    return write


@pytest.fixture
def configured(site):
    """Read the shipped EcalPedestals at a site whose nodes have this environment."""

    def read(nodes, **more):
        defaults = {"nodes": {kind: {"environment": e} for kind, e in nodes.items()}}
        return load(site(defaults=defaults, **more), TOP / "calibrationYAML", [ECAL])

    return read


def test_two_accounts_are_two_caches_each_with_who_works_with_it(configured):
    nodes = {
        "RECO": {credentials.CACHE: EOS},
        "UPLOAD": {credentials.CACHE: CONDITIONS, "MORE": "x"},
    }
    found = credentials.caches(configured(nodes, environment={credentials.CACHE: EOS}))
    assert found == {EOS: ("submitter", f"{ECAL} RECO"), CONDITIONS: (f"{ECAL} UPLOAD",)}


def test_without_named_caches_there_is_nothing_to_look_at(configured):
    assert credentials.caches(configured({})) == {}


def test_a_calibration_changes_one_variable_of_the_sites_and_keeps_the_rest(site, tmp_path):
    folder = tmp_path / "calibrations"
    folder.mkdir()
    own = yaml.safe_load((TOP / "calibrationYAML" / f"{ECAL}.yaml").read_text())
    own["nodes"] = {"RECO": {"environment": {credentials.CACHE: EOS}}}
    (folder / "own.yaml").write_text(yaml.safe_dump(own))
    (folder / "ngtParameters.jsn").write_text((TOP / "ngtParameters.jsn").read_text())
    usual = {"RECO": {"environment": {credentials.CACHE: CONDITIONS, "MORE": "x"}}}
    loaded = load(site(defaults={"nodes": usual}), folder)
    assert loaded.calibrations[ECAL].nodes["RECO"].environment == {
        credentials.CACHE: EOS,
        "MORE": "x",
    }


def uploads_with(loaded):
    """The folder of the netrc that UPLOAD will use, as its DAG says."""
    plan = own_harvest(CampaignKey(ECAL, 398600), 0)
    dag = Renderer(loaded, loaded.site.work_dir, "ledger").write(plan)
    return read_json(dag.with_name("manifest.json"))["conditions"]["auth_path"]


def test_the_netrc_is_the_sites_unless_the_upload_nodes_have_their_own(configured, tmp_path):
    conditions = {"auth_path": "/the/sites"}
    loaded = configured({"RECO": {credentials.NETRC_FOLDER: "/unheard"}}, conditions=conditions)
    assert uploads_with(loaded) == "/the/sites"
    loaded = configured(
        {"UPLOAD": {credentials.NETRC_FOLDER: "/an/own"}},
        conditions=conditions,
        work_dir=str(tmp_path / "other"),
    )
    assert uploads_with(loaded) == "/an/own"


def test_condorloop_and_its_tools_get_the_sites_environment(site, monkeypatch):
    monkeypatch.setenv(credentials.CACHE, "FILE:/of/the/shell")
    before = dict(os.environ)
    monkeypatch.setattr(os, "environ", dict(before))
    monkeypatch.setattr(os, "umask", lambda mask: 0)
    CommonOptions(site(environment={credentials.CACHE: EOS}), None, (ECAL,)).load()
    assert os.environ[credentials.CACHE] == EOS
    assert {k: v for k, v in os.environ.items() if k not in (credentials.CACHE, "PATH")} == {
        k: v for k, v in before.items() if k not in (credentials.CACHE, "PATH")
    }


def test_probes_and_uploads_have_their_account_inside_cmssw_too(tmp_path, monkeypatch):
    install(tmp_path / "cvmfs", sys.executable, tmp_path / "faults")
    setup = tmp_path / "cvmfs" / "cmsset_default.sh"
    cmssw = Cmssw(setup, "el8_amd64_gcc13", "CMSSW_16_0_7_patch1", tmp_path / "work")
    monkeypatch.setenv(credentials.CACHE, EOS)
    assert cmssw.environment()[credentials.CACHE] == EOS


def mistakes(site, resources):
    """What is wrong with the resources of UPLOAD, a line for each mistake."""
    with pytest.raises(ConfigError) as caught:
        load(site(defaults={"nodes": {"UPLOAD": resources}}), TOP / "calibrationYAML", [ECAL])
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    "name", ["DB_PASSWORD", "oms_client_secret", "BEARER_TOKEN", "API_KEY", "PGPASSWD"]
)
@pytest.mark.parametrize("value", ["hunter2", "hunter/2", 2, ""])
def test_a_secret_is_refused_and_not_shown(site, name, value):
    lines = mistakes(site, {"environment": {"FINE": "x", name: value}})
    assert all(name in line and "the path of a file" in line for line in lines)
    assert not any("hunter" in line for line in lines)


@pytest.mark.parametrize("value", ["/run/x/token", "FILE:/run/x", "DIR:/run/x"])
def test_the_path_of_a_secret_is_fine(configured, value):
    loaded = configured({"UPLOAD": {"BEARER_TOKEN_FILE": value}})
    assert loaded.calibrations[ECAL].nodes["UPLOAD"].environment["BEARER_TOKEN_FILE"] == value


@pytest.mark.parametrize(
    ("environment", "key", "expected"),
    [
        ({"A B": "x"}, "environment.A B", "match"),
        ({"A": "two\nlines"}, "environment.A", "without line ends"),
        ({"A": "a\ttab"}, "environment.A", "without line ends, tabs"),
        ({"A": "costs $(dollar)5"}, "environment.A", "$(DOLLAR)"),
        ({"A": 1}, "environment.A", "needs quotes"),
        ("A=x", "environment", "dictionary"),
    ],
)
def test_what_a_job_cannot_be_given_is_named(site, environment, key, expected):
    for line in mistakes(site, {"environment": environment}):
        assert f"nodes.UPLOAD.{key}" in line
        assert expected in line


@pytest.mark.parametrize("line", ['environment = "A=1"', "Env = A=1"])
def test_an_environment_is_not_given_in_two_places(site, line):
    for told in mistakes(site, {"environment": {"A": "x"}, "submit": [line]}):
        assert "environment is given twice" in told
