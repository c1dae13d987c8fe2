"""The configuration of a run is kept with it, whole and without secrets, and read back."""

from dataclasses import replace

import pytest
import yaml

from condorloop.config.calibration import OwnStreamCalibration
from condorloop.config.recipe import Recipe
from condorloop.dagman import run_configuration
from condorloop.dagman.run_configuration import RunConfigurationError
from condorloop.rundir.layout import CONFIGURATION
from tests.unit.examples import KEY, config

NAME = KEY.calibration


@pytest.fixture
def loaded(tmp_path):
    return config(tmp_path)


def keep(loaded, folder):
    return run_configuration.keep(folder, loaded, NAME, KEY.run, {"reco.sh": "abc"})


@pytest.mark.parametrize("name", ["BeamSpot", "EcalPedestals", "SiStripBad"])
def test_the_recipe_is_read_back_as_it_was_configured(loaded, tmp_path, name):
    run_configuration.keep(tmp_path, loaded, name, KEY.run, {})
    assert run_configuration.recipe_in(tmp_path) == Recipe.configured(loaded, name)


def test_the_file_is_whole_and_readable(loaded, tmp_path):
    assert keep(loaded, tmp_path)
    text = (tmp_path / CONFIGURATION).read_text()
    assert text.startswith(f"# The configuration of {NAME} run {KEY.run}")
    told = yaml.safe_load(text)
    assert told["parameters"]["GLOBAL_TAG"] == loaded.parameters.global_tag
    assert told["templates"] == {"reco.sh": "abc"}
    assert OwnStreamCalibration.model_validate(told["calibration"]) == loaded.calibrations[NAME]
    assert told["site"].keys() == {"name", "storage", "cmssw"}
    assert told["files"]["calibration"].endswith("EcalPedestals.yaml")


def test_no_login_of_the_site_is_in_it(loaded, tmp_path):
    oms = loaded.site.oms.model_copy(update={"url": "https://bob:hunter2@oms/"})
    conditions = loaded.site.conditions.model_copy(update={"auth_path": "/secret"})
    site = loaded.site.model_copy(update={"oms": oms, "conditions": conditions})
    keep(replace(loaded, site=site), tmp_path)
    text = (tmp_path / CONFIGURATION).read_text()
    assert "hunter2" not in text
    assert "/secret" not in text


def test_what_is_kept_stays_until_a_person_replaces_it(loaded, tmp_path):
    keep(loaded, tmp_path)
    parameters = loaded.parameters.model_copy(update={"global_tag": "other"})
    later = replace(loaded, parameters=parameters)
    assert not keep(later, tmp_path)
    first = run_configuration.recipe_in(tmp_path)
    assert first == Recipe.configured(loaded, NAME)
    for number in range(2):
        run_configuration.replace(tmp_path, later, NAME, KEY.run, {})
        assert run_configuration.recipe_in(tmp_path) == Recipe.configured(later, NAME)
        assert (tmp_path / f"configuration-{number}.yaml").exists()
    earlier = yaml.safe_load((tmp_path / "configuration-0.yaml").read_text())
    assert Recipe.of(earlier["parameters"], earlier["calibration"]) == first


def test_a_run_of_a_version_that_kept_none_has_none(tmp_path):
    assert run_configuration.recipe_in(tmp_path) is None


@pytest.mark.parametrize(
    "text",
    ["", "a: [", "7", "parameters: {}", "parameters: 3\ncalibration: 4\n", "\x00", "&a [*a]"],
)
def test_a_damaged_file_is_named_with_what_to_type(tmp_path, text):
    (tmp_path / CONFIGURATION).write_text(text)
    with pytest.raises(RunConfigurationError, match=r"configuration\.yaml: damaged.*--now"):
        run_configuration.recipe_in(tmp_path)


def test_a_file_that_is_no_text_is_damaged(tmp_path):
    (tmp_path / CONFIGURATION).write_bytes(b"\xff\xfe")
    with pytest.raises(RunConfigurationError):
        run_configuration.recipe_in(tmp_path)
