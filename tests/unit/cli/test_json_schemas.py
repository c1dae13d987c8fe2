"""Editors know what condorloop knows: the schemas of the files agree with the models."""

import copy
import json

import jsonschema
import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from condorloop.cli.commands.schema import schema as command
from condorloop.cli.json_schemas import NAMES, schema
from condorloop.config.calibration import OwnStreamCalibration
from condorloop.config.site import Site
from tests.unit.examples import TOP

MODELS = {"calibration": OwnStreamCalibration, "site": Site}
CHECKS = {name: jsonschema.Draft202012Validator(schema(name)) for name in NAMES}
SHIPPED = sorted(
    [("calibration", f) for f in TOP.glob("calibrationYAML/*.yaml")]
    + [("stream", f) for f in TOP.glob("calibrationYAML/streams/*.yaml")]
    + [("site", f) for f in TOP.glob("sites/*.yaml")]
)
CALIBRATION = yaml.safe_load((TOP / "calibrationYAML" / "EcalPedestals.yaml").read_text())
SITE = yaml.safe_load((TOP / "sites" / "calibration-node.yaml").read_text())
OURS = {
    "batching": {"max_files_per_job": 5, "batch_window": "90 s"},
    "closing": {"quiet_time": 60, "tolerance": 0.1},
    "nodes": {"RECO": {"request_cpus": 4, "time_limit": "2 h", "submit": ["+x = 1"]}},
}
EXAMPLES = {"calibration": CALIBRATION | OURS, "site": SITE | {"defaults": OURS}}


def places(data, above=()):
    """Each key of a file, with those above it."""
    for key, value in data.items():
        yield (*above, key)
        if isinstance(value, dict):
            yield from places(value, (*above, key))


PLACES = [(name, place) for name, data in EXAMPLES.items() for place in places(data)]


def at(data, place):
    for key in place:
        data = data[key]
    return data


def mistakes(data):
    """The kinds of mistakes that the model finds in a calibration's file."""
    try:
        OwnStreamCalibration.model_validate(data)
    except ValidationError as error:
        return {e["type"] for e in error.errors()}
    return set()


@pytest.mark.parametrize("name", NAMES)
def test_the_schemas_in_the_tree_are_those_of_the_models(name):
    file = TOP / "schemas" / f"{name}.schema.json"
    renew = f"bin/condorloop schema {name} > schemas/{file.name}"
    assert json.loads(file.read_text()) == schema(name), renew


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_one_and_is_printed(name):
    jsonschema.Draft202012Validator.check_schema(schema(name))
    done = CliRunner().invoke(command, [name])
    assert done.exit_code == 0
    assert json.loads(done.stdout) == schema(name)


@pytest.mark.parametrize(("name", "file"), SHIPPED, ids=[f.name for _, f in SHIPPED])
def test_what_ships_fits_its_schema(name, file):
    CHECKS[name].validate(yaml.safe_load(file.read_text()))


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_fit_schema_and_model(name):
    CHECKS[name].validate(EXAMPLES[name])
    MODELS[name].model_validate(EXAMPLES[name])


@given(st.sampled_from(PLACES))
def test_a_key_that_neither_knows_is_refused_by_both(which):
    name, place = which
    data = copy.deepcopy(EXAMPLES[name])
    holder = at(data, place[:-1])
    if any(key in ("destinationTags", "environment") for key in place[:-1]):
        return
    holder[f"{place[-1]}s_misspelt"] = holder.pop(place[-1])
    assert not CHECKS[name].is_valid(data)
    with pytest.raises(ValidationError):
        MODELS[name].model_validate(data)


@given(
    st.sampled_from([place for name, place in PLACES if name == "calibration"]),
    st.none()
    | st.booleans()
    | st.integers(-9, 99)
    | st.floats(-9, 99, allow_nan=False)
    | st.text("aZ0_ /:$", max_size=6)
    | st.sampled_from(["30 s", "2 min", "soon", "/eos/x/000/", "a\nb"])
    | st.lists(st.text("a ", max_size=3), max_size=2)
    | st.just({}),
)
def test_only_rules_between_keys_and_above_zero_are_beyond_the_schema(place, value):
    data = copy.deepcopy(EXAMPLES["calibration"])
    at(data, place[:-1])[place[-1]] = value
    if CHECKS["calibration"].is_valid(data):
        assert mistakes(data) <= {"value_error", "greater_than"}


def test_both_spellings_of_the_threads_are_known():
    data = copy.deepcopy(CALIBRATION)
    data["step_2_config"]["nThraeds"] = data["step_2_config"].pop("nThreads")
    CHECKS["calibration"].validate(data)


@pytest.mark.parametrize("value", ["${CORES}", "${CORES:-8}"])
def test_a_site_may_take_each_value_from_the_environment(value):
    data = copy.deepcopy(SITE)
    data["storage"]["probes_at_once"] = data["poll_interval"] = data["name"] = value
    data["oms"]["verify_certificates"] = data["oms"]["login"] = value
    CHECKS["site"].validate(data)


@pytest.mark.parametrize("value", ["many", "$CORES", 0, -1, 2.5])
def test_other_text_is_no_number(value):
    data = copy.deepcopy(SITE)
    data["storage"]["probes_at_once"] = value
    assert not CHECKS["site"].is_valid(data)
