"""No command lets payloads go elsewhere by default, or without a person's word that names both."""

import fcntl
import shutil

import pytest
import yaml
from click.testing import CliRunner

from condorloop.cli.main import cli
from condorloop.config.destinations import ACCEPT, DestinationChanged
from condorloop.config.loader import load
from condorloop.dagman import destination_memory
from condorloop.dagman.plan import planned_nodes
from condorloop.dagman.render import Renderer
from condorloop.ledger.store import Ledger
from condorloop.model.campaign import Batch
from condorloop.model.jobs import FailedNode
from condorloop.rundir.durable import read_json
from condorloop.rundir.layout import LEDGER, MANIFEST, dag_dir
from condorloop.runtime.lock import LOCK
from tests.unit.dag_plans import own_batch
from tests.unit.examples import KEY, RUN, START, TOP, calibration, raw_file, site_file

ACTING = [["resubmit"], ["hold"], ["release"], ["abandon", "-y"]]
UPLOADING = [
    ["run"],
    ["run", "--once"],
    *([*words, str(RUN.number)] for words in ACTING),
    ["cleanup"],
    ["render", str(RUN.number)],
    ["validate"],
    ["doctor"],
    ["systemd", "--user"],
]
LOOKING = [["status"], ["show", str(RUN.number)], ["find", "x"], ["simulate", "--days", "0.01"]]


class Place:
    """A work_dir where a trial has left a DAG that failed; `real` is the folder of real tags."""

    def __init__(self, folder):
        self.folder = folder
        self.trial = self._calibrations("trial", "Ped_trial")
        self.real = self._calibrations("real", "Ped_prompt")
        self.site = site_file(folder)
        lines = self.site.read_text().splitlines(keepends=True)
        self.site.write_text("".join(x for x in lines if not x.startswith("calibrations:")))
        loaded = load(self.site, self.trial)
        self.work_dir = loaded.site.work_dir
        self.work_dir.mkdir()
        plan = own_batch(KEY, calibration(), Batch(0, (raw_file(1, 1, 4),)), 0, 0)
        with Ledger(self.work_dir / LEDGER, "ledger") as ledger:
            destination_memory.take_up(ledger, loaded, START)
            ledger.campaigns.latch(KEY, "/eos", RUN, "running", START)
            nodes = planned_nodes(plan)
            dag = ledger.dags.plan(1, plan.batch, plan.number, nodes, "a test", START)
            ledger.dags.submitted(dag, 1, START)
            ledger.dags.ended(dag, [FailedNode("UPLOAD", 1, "no answer")], START)
        renderer = Renderer(loaded, self.work_dir, "ledger")
        renderer.begin_run(KEY, START)
        renderer.write(plan)
        self.manifest = dag_dir(renderer.run_dir(KEY), 0) / MANIFEST

    def _calibrations(self, name, tag):
        folder = self.folder / name / "calibrationYAML"
        shutil.copytree(TOP / "calibrationYAML", folder)
        shutil.copy(TOP / "ngtParameters.jsn", folder.parent)
        file = folder / f"{KEY.calibration}.yaml"
        data = yaml.safe_load(file.read_text())
        data["step_4_config"]["upload_metadata"]["destinationTags"] = {tag: {}}
        file.write_text(yaml.safe_dump(data))
        return folder

    def condorloop(self, *words, **environment):
        given = {"CONDORLOOP_SITE": str(self.site), "CONDORLOOP_CALIBRATIONS": None, **environment}
        return CliRunner().invoke(cli, [*words], env=given)

    def name_in_site(self, folder):
        self.site.write_text(f"{self.site.read_text()}calibrations: {folder}\n")

    def requests(self):
        with Ledger(self.work_dir / LEDGER) as ledger:
            return ledger.requests.waiting()


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Place(tmp_path)


@pytest.fixture
def busy(place):
    """The same, while a submitter runs."""
    with (place.work_dir / LOCK).open("w") as lock:
        lock.write("host here, pid 1, since today\n")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield place


@pytest.mark.parametrize("words", UPLOADING, ids=lambda w: w[0])
def test_without_a_folder_of_calibrations_a_command_that_can_upload_says_what_to_set(place, words):
    done = place.condorloop(*words)
    assert done.exit_code == 2, done.output
    said = " ".join(done.stderr.split())
    for way in ("--calibrations DIR", "CONDORLOOP_CALIBRATIONS", f"{place.site}: calibrations:"):
        assert way in said
    assert not place.requests()


@pytest.mark.parametrize("words", UPLOADING, ids=lambda w: w[0])
def test_without_a_site_file_a_command_that_can_upload_says_what_to_set(place, words):
    done = place.condorloop(*words, "--calibrations", str(place.trial), CONDORLOOP_SITE=None)
    assert done.exit_code == 2, done.output
    assert "--site FILE" in done.stderr
    assert "CONDORLOOP_SITE" in done.stderr


@pytest.mark.parametrize("words", LOOKING, ids=lambda w: w[0])
def test_a_command_that_only_looks_needs_no_folder(place, words):
    assert place.condorloop(*words).exit_code in (0, 1)


def test_the_option_goes_before_the_environment_and_that_before_the_site_file(place):
    place.name_in_site("trial/calibrationYAML")
    shown = {
        "site": place.condorloop("validate"),
        "environment": place.condorloop("validate", CONDORLOOP_CALIBRATIONS=str(place.real)),
        "option": place.condorloop(
            "validate",
            "--calibrations",
            str(place.trial),
            CONDORLOOP_CALIBRATIONS=str(place.real),
        ),
    }
    named = {
        way: {tag for tag in ("Ped_trial", "Ped_prompt") if tag in done.stdout}
        for way, done in shown.items()
    }
    assert named == {
        "site": {"Ped_trial"},
        "environment": {"Ped_prompt"},
        "option": {"Ped_trial"},
    }


def refused(done):
    assert done.exit_code == 1
    assert isinstance(done.exception, DestinationChanged), done.output
    said = str(done.exception)
    for part in ("Ped_trial", "Ped_prompt", "EcalPedestals.yaml", "cms_orcon_prod", ACCEPT):
        assert part in said
    return said


@pytest.mark.parametrize("words", UPLOADING[:6], ids=lambda w: w[0])
def test_in_a_shell_with_another_folder_a_command_that_acts_is_refused(place, words):
    there = place.manifest.read_bytes()
    said = refused(place.condorloop(*words, CONDORLOOP_CALIBRATIONS=str(place.real)))
    assert str(place.trial) in said
    assert str(place.real) in said
    assert place.manifest.read_bytes() == there
    assert not place.requests()


def test_a_start_that_is_refused_leaves_a_ledger_that_is_gone_alone(place):
    (place.work_dir / LEDGER).unlink()
    refused(place.condorloop("run", "--once", "--calibrations", str(place.real)))
    assert not (place.work_dir / LEDGER).exists()


def test_validate_names_both_and_ends_with_1(place):
    refused(place.condorloop("validate", "--calibrations", str(place.real)))
    assert place.condorloop("validate", "--calibrations", str(place.trial)).exit_code == 0


def test_a_dry_run_says_where_payloads_go_and_which_dag_keeps_its_destination(place):
    asked = ("resubmit", str(RUN.number), "-c", KEY.calibration, "--dry-run")
    done = place.condorloop(*asked, "--calibrations", str(place.trial))
    assert f"would: {KEY}: payloads go to Ped_trial in oracle://" in done.stdout
    assert "keeps" not in done.stdout
    with Ledger(place.work_dir / LEDGER) as ledger:
        destination_memory.take_up(ledger, load(place.site, place.real), START, lambda _: True)
    done = place.condorloop(*asked, "--calibrations", str(place.real))
    database = "oracle://cms_orcon_prod/CMS_CONDITIONS"
    keeps = f"b000 keeps its destination Ped_trial in {database} (configured: Ped_prompt in"
    assert f"would: {KEY}: {keeps}" in done.stdout
    done = place.condorloop(*asked, "--calibrations", str(place.real), ACCEPT)
    takes = f"b000 takes the destination Ped_prompt in {database} (it had Ped_trial in"
    assert f"would: {KEY}: {takes}" in done.stdout


def test_what_is_released_says_where_its_payloads_go(place):
    with Ledger(place.work_dir / LEDGER) as ledger:
        ledger.dags.plan_resubmission(1)
        ledger.dags.submitted(1, 2, START)
        destination_memory.take_up(ledger, load(place.site, place.real), START, lambda _: True)
    asked = ("release", str(RUN.number), "-c", KEY.calibration, "--dry-run")
    done = place.condorloop(*asked, "--calibrations", str(place.real))
    assert f"would: {KEY}: payloads go to Ped_prompt in" in done.stdout
    assert f"would: {KEY}: b000 keeps its destination Ped_trial in" in done.stdout


@pytest.mark.parametrize("words", [["resubmit"], ["release"]], ids=lambda w: w[0])
@pytest.mark.parametrize("accept", [[], [ACCEPT]], ids=["", "accepted"])
def test_what_a_running_submitter_is_asked_for_is_not_asked_from_a_shell_with_another_folder(
    busy, words, accept
):
    asked = [*words, str(RUN.number), *accept, "--calibrations", str(busy.real)]
    said = refused(busy.condorloop(*asked))
    assert "a submitter runs here" in said
    assert not busy.requests()


@pytest.mark.parametrize("words", [["hold"], ["abandon", "-y"]], ids=lambda w: w[0])
def test_what_only_stops_something_is_asked_all_the_same_and_told(busy, words):
    asked = [*words, str(RUN.number), "--dry-run", "--calibrations", str(busy.real)]
    done = busy.condorloop(*asked)
    assert done.exit_code == 0, done.output
    assert "Ped_trial" in done.stderr
    assert "Ped_prompt" in done.stderr


def test_units_name_the_site_file_and_the_folder(place):
    place.name_in_site("trial/calibrationYAML")
    named = place.condorloop(
        "systemd", "--account", "nobody", "-o", str(place.folder / "a"), "--site", str(place.site)
    )
    assert named.exit_code == 0, named.output
    unit = (place.folder / "a" / "condorloop.service").read_text()
    assert f"--site {place.site}" in unit
    given = ["--calibrations", str(place.real), "-o", str(place.folder / "b")]
    place.condorloop("systemd", "--account", "nobody", *given)
    assert f"--calibrations {place.real}" in (place.folder / "b" / "condorloop.service").read_text()


def test_a_manifest_keeps_naming_the_trial(place):
    told = read_json(place.manifest)["upload"]["metadata"]["destinationTags"]
    assert told == {"Ped_trial": {}}
