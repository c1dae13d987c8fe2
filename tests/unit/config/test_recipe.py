"""What makes constants stays as a campaign was latched with it; all else counts at once."""

from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.config.recipe import KEYS, Recipe, RecipeError, dumped
from tests.unit.examples import config

LOADED = config(Path(mkdtemp()))
NAMES = sorted(LOADED.calibrations)


def with_section(loaded, name, **sections):
    """The configuration with other sections of a calibration."""
    changed = loaded.calibrations[name].model_copy(update=sections)
    return replace(loaded, calibrations={**loaded.calibrations, name: changed})


def with_harvest(loaded, name, **changes):
    harvest = loaded.calibrations[name].harvest
    return with_section(loaded, name, harvest=harvest.model_copy(update=changes))


def with_global_tag(loaded, tag):
    return replace(loaded, parameters=loaded.parameters.model_copy(update={"global_tag": tag}))


@pytest.mark.parametrize("name", NAMES)
def test_each_key_of_the_recipe_is_a_key_of_the_file(name):
    written = Recipe.configured(LOADED, name).values
    for key in KEYS:
        assert any(k == key or k.startswith(f"{key}.") for k in written), key
    assert {"SCRAM_ARCH", "CMSSW_VERSION", "GLOBAL_TAG"} <= written.keys()


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_over_its_own_configuration_changes_nothing(name):
    recipe = Recipe.configured(LOADED, name)
    assert recipe.changes(recipe) == {}
    applied = recipe.applied(LOADED, name)
    assert applied.calibrations == LOADED.calibrations
    assert applied.parameters == LOADED.parameters


words = st.text("abcXYZ019_", min_size=1, max_size=12)


@given(st.sampled_from(NAMES), words, words, st.integers(1, 99))
def test_the_recipe_is_kept_and_all_else_is_as_it_is_configured(name, tag, step, most):
    recipe = Recipe.configured(LOADED, name)
    known = LOADED.calibrations[name]
    now = with_global_tag(LOADED, f"GT_{tag}")
    reco = known.reco.model_copy(update={"step": f"RAW2DIGI:{step}", "threads": most})
    batching = known.batching.model_copy(update={"max_files_per_job": most})
    now = with_section(now, name, reco=reco, batching=batching)
    upload = known.harvest.upload.model_copy(update={"tags": {"Trial": {}}, "user_text": tag})
    now = with_harvest(now, name, upload=upload)
    assert recipe.changes(Recipe.configured(now, name)).keys() == {
        "GLOBAL_TAG",
        "step_2_config.step",
    }
    held = recipe.applied(now, name)
    assert held.parameters == LOADED.parameters
    calibration = held.calibrations[name]
    assert (calibration.reco.step, calibration.reco.threads) == (known.reco.step, most)
    assert calibration.batching.max_files_per_job == most
    assert calibration.harvest.upload.tags == {"Trial": {}}
    assert calibration.harvest.upload.user_text == tag
    assert Recipe.configured(held, name) == recipe
    others = [each for each in NAMES if each != name]
    assert all(held.calibrations[each] == LOADED.calibrations[each] for each in others)


def test_the_tag_in_the_payload_s_file_goes_with_the_lines_that_write_it():
    name = "EcalPedestals"
    recipe = Recipe.configured(LOADED, name)
    known = LOADED.calibrations[name].harvest
    mods = tuple(mod.replace("EcalPedestals", "Other") for mod in known.cms_driver.config_mods)
    driver = known.cms_driver.model_copy(update={"config_mods": mods})
    upload = known.upload.model_copy(update={"input_tag": "Other_tag", "tags": {"Prod": {}}})
    held = recipe.applied(with_harvest(LOADED, name, cms_driver=driver, upload=upload), name)
    kept = held.calibrations[name].harvest
    assert (kept.cms_driver, kept.upload.input_tag) == (known.cms_driver, known.upload.input_tag)
    assert kept.upload.tags == {"Prod": {}}


def test_an_input_tag_that_is_corrected_counts_at_once():
    """The payload is made as before, and only what is said of it was wrong."""
    name = "SiStripBad"
    known = LOADED.calibrations[name].harvest
    driver = known.cms_driver.model_copy(update={"config_mods": ()})
    recipe = Recipe.configured(with_harvest(LOADED, name, cms_driver=driver), name)
    upload = known.upload.model_copy(update={"input_tag": "Mended"})
    now = with_harvest(LOADED, name, upload=upload, cms_driver=driver)
    assert recipe.changes(Recipe.configured(now, name)) == {}
    assert recipe.applied(now, name).calibrations[name].harvest.upload.input_tag == "Mended"


def test_the_tags_of_several_records_go_with_the_lines_that_write_them():
    name = "BeamSpot"
    known = LOADED.calibrations[name].harvest
    first, second = "BeamSpotObjectHP_ByRun", "BeamSpotObjectHP_ByLumi"

    def several(*tags, step=known.cms_driver.step):
        records = tuple(
            known.upload.model_copy(update={"input_tag": tag, "tags": {f"{tag}_NGT": {}}})
            for tag in tags
        )
        driver = known.cms_driver.model_copy(update={"step": step, "config_mods": ()})
        return with_harvest(LOADED, name, upload=records, cms_driver=driver)

    recipe = Recipe.configured(several(first, second), name)
    mended = recipe.applied(several(first, "Mended"), name).calibrations[name].harvest
    assert [record.input_tag for record in mended.records] == [first, "Mended"]
    planned = several("A", "B", step="ALCAHARVEST:Other")
    kept = recipe.applied(planned, name).calibrations[name].harvest
    assert [record.input_tag for record in kept.records] == [first, second]


def test_a_key_that_one_version_does_not_know_says_nothing():
    name = "BeamSpot"
    recipe = Recipe.configured(LOADED, name)
    older = Recipe({k: v for k, v in recipe.values.items() if k != "step_2_config.era"})
    younger = Recipe({**recipe.values, "step_3_config.unheard_of": 7})
    for one in (older, younger):
        assert one.changes(recipe) == recipe.changes(one) == {}
        assert one.applied(LOADED, name).calibrations == LOADED.calibrations


def test_what_does_not_go_together_is_named():
    recipe = Recipe({"step_4_config.step_3_witness_suffix": "other.txt"})
    with pytest.raises(RecipeError, match="step_3_witness_suffix"):
        recipe.applied(LOADED, "BeamSpot")


def test_the_files_are_read_with_their_defaults():
    data = dumped(LOADED.calibrations["BeamSpot"])
    assert Recipe.of(dumped(LOADED.parameters), data) == Recipe.configured(LOADED, "BeamSpot")
