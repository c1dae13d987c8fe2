"""A changed release, global tag or YAML counts from the next run, and with --now at once."""

from dataclasses import replace

import pytest
from click.testing import CliRunner

from condorloop.cli.main import cli
from condorloop.cycle.settings import Settings
from condorloop.dagman.config_diff import compare
from condorloop.dagman.rerender import renew
from condorloop.dagman.run_configuration import RunConfigurationError
from condorloop.ledger.store import open_requests
from condorloop.model.campaign import CampaignKey
from condorloop.model.enums import RequestKind
from condorloop.model.request import Request
from condorloop.rundir.layout import CONFIGURATION, MANIFEST, run_dir
from condorloop.rundir.records.manifest import Manifest
from tests.unit.dagman.test_adoption import Site
from tests.unit.examples import KEY, RUN

NEW = "160X_dataRun3_new"
NEXT = CampaignKey(KEY.calibration, KEY.run + 1)


@pytest.fixture
def site(tmp_path):
    """A run whose first batch is in the queue."""
    place = Site(tmp_path)
    place.appear(1, 2)
    place.cycle()
    return place


def old(site):
    return Manifest.read(site.runs / "dag000" / MANIFEST).global_tag


def change(site, tag=NEW, step=None):
    """Configure another global tag, and another step of RECO and other batches."""
    config = site.config
    parameters = config.parameters.model_copy(update={"global_tag": tag})
    known = config.calibrations[KEY.calibration]
    reco = known.reco.model_copy(update={"step": "RAW2DIGI,OTHER"})
    batching = known.batching.model_copy(update={"max_files_per_job": 1})
    changed = known.model_copy(update={"reco": reco, "batching": batching})
    site.config = replace(config, parameters=parameters, calibrations={KEY.calibration: changed})


def dag_of(site, number, key=KEY):
    folder = run_dir(site.config.site.work_dir, key.calibration, key.run) / f"dag{number:03d}"
    return Manifest.read(folder / MANIFEST), (folder / "reco.sh").read_text()


def test_later_batches_of_an_open_run_keep_its_recipe_and_take_all_else(site):
    before = old(site)
    change(site)
    site.appear(3, 4)
    site.cycle()
    manifest, script = dag_of(site, 1)
    assert manifest.global_tag == before
    assert "OTHER" not in script
    assert sum(1 for node in manifest.nodes if node.startswith("RECO")) == 2


def test_a_reload_in_the_middle_of_a_run_is_as_a_restart(site):
    before = old(site)
    with site.ledger() as ledger:
        settings = Settings(site.config, ledger.id)
        change(site)
        settings.replace(site.config)
        assert settings.renderer.config.parameters.global_tag == NEW
        assert settings.renderer_of(KEY).config.parameters.global_tag == before
        assert settings.renderer_of(NEXT).config.parameters.global_tag == NEW
        assert settings.kept(KEY)["GLOBAL_TAG"] == f"'{before}' (configured: '{NEW}')"
        assert settings.kept(NEXT) == {}


def next_run(site, monkeypatch):
    """Let the next run be taken, with two RAW files."""
    monkeypatch.setattr("tests.unit.dagman.test_adoption.RUN", replace(RUN, number=NEXT.run))
    for number in (11, 12):
        path = f"{site.stream}/000/398/601/00000/f{number}.root"
        site.files.there |= {path: (NEXT.run, [number])}
    site.cycle()


def test_the_next_run_has_what_is_configured(site, monkeypatch):
    change(site)
    next_run(site, monkeypatch)
    manifest, script = dag_of(site, 0, NEXT)
    assert manifest.global_tag == NEW
    assert "OTHER" in script


def test_a_failed_dag_runs_again_with_the_recipe_of_its_run(site):
    before = old(site)
    change(site)
    with site.ledger() as ledger:
        renew(Settings(site.config, ledger.id).renderer_of(KEY), KEY, 0, {})
    assert old(site) == before


def test_status_and_validate_tell_what_is_planned(site):
    before = old(site)
    change(site)
    site.cycle()
    [told] = site.status.campaigns
    words = f"'{before}' (configured: '{NEW}')"
    assert told.kept_recipe["GLOBAL_TAG"] == words
    assert "step_2_config.step" in told.kept_recipe
    [compared] = compare(site.config)
    assert compared.kept[KEY.run]["GLOBAL_TAG"] == words


def ask(site, **options):
    with open_requests(site.ledger_file) as requests:
        made = Request(RequestKind.RESUBMIT, KEY.run, made_by="alice", **options)
        number = requests.add(made)
    site.cycle()
    with open_requests(site.ledger_file) as requests:
        return requests.answer_to(number)


def test_with_now_an_open_run_takes_what_is_configured(site):
    change(site)
    done, words = ask(site, present_recipe=True)
    assert done
    assert "GLOBAL_TAG as it is configured" in words
    site.appear(3, 4)
    site.cycle()
    manifest, script = dag_of(site, 1)
    assert manifest.global_tag == NEW
    assert "OTHER" in script
    assert site.status.campaigns[0].kept_recipe == {}
    assert (site.runs / "configuration-0.yaml").exists()


def test_without_now_nothing_of_a_run_that_goes_well_is_resubmitted(site):
    change(site)
    assert ask(site) == (False, f"{KEY}: nothing of it failed")


def test_a_rebuilt_ledger_keeps_the_recipe(site):
    before = old(site)
    change(site)
    site.ledger_file.unlink()
    for part in ("-wal", "-shm"):
        site.ledger_file.with_name(site.ledger_file.name + part).unlink(missing_ok=True)
    site.appear(3, 4)
    site.cycle(4)
    assert max(int(n.name[3:]) for n in site.runs.glob("dag*")) > 0
    assert {Manifest.read(f).global_tag for f in site.runs.glob(f"dag*/{MANIFEST}")} == {before}


def test_an_open_run_of_the_version_before_keeps_what_is_configured_from_its_next_batch_on(site):
    (site.runs / CONFIGURATION).unlink()
    site.appear(3, 4)
    site.cycle()
    before = old(site)
    change(site)
    site.appear(5, 6)
    site.cycle()
    assert dag_of(site, 2)[0].global_tag == before


def test_a_damaged_configuration_stops_its_run_alone_and_is_named(site):
    change(site)
    (site.runs / CONFIGURATION).write_text("parameters: [")
    site.appear(3, 4)
    site.cycle()
    assert not (site.runs / "dag001").exists()
    assert any("configuration.yaml: damaged" in p.text for p in site.status.problems)
    with site.ledger() as ledger, pytest.raises(RunConfigurationError):
        Settings(site.config, ledger.id).renderer_of(KEY)
    done, _ = ask(site, present_recipe=True)
    assert done
    site.cycle()
    assert dag_of(site, 1)[0].global_tag == NEW


def test_run_now_takes_what_is_configured_at_the_start(site):
    change(site)
    site.appear(3, 4)
    site.cycle(before=lambda submitter: submitter.force_configuration())
    assert dag_of(site, 1)[0].global_tag == NEW


def test_run_and_resubmit_have_the_option(tmp_path):
    for command in ("run", "resubmit"):
        assert "--now" in CliRunner().invoke(cli, [command, "--help"]).output
