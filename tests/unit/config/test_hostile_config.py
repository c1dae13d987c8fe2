"""Whatever a configuration file holds, it is used as it reads or refused with what is wrong."""

import copy
import json
import re

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from condorloop.config.calibration import OwnStreamCalibration
from condorloop.config.loader import ConfigError, load
from tests.unit.examples import TOP, site_file
from tests.unit.hostile import is_one_clear_line, outcome, texts, values

SHIPPED = yaml.safe_load((TOP / "calibrationYAML" / "EcalPedestals.yaml").read_text())


@pytest.fixture
def folder(tmp_path):
    return a_folder(tmp_path)


def a_folder(folder):
    """A folder of one calibration YAML file, with its parameters beside it."""
    (folder / "calibrationYAML").mkdir()
    (folder / "calibrationYAML" / "x.yaml").write_text(yaml.safe_dump(SHIPPED))
    (folder / "ngtParameters.jsn").write_text((TOP / "ngtParameters.jsn").read_text())
    site_file(folder)
    return folder


def loaded(folder):
    return load(folder / "site.yaml", folder / "calibrationYAML")


def told_of(key, line):
    """Whether a line names a key of the file."""
    return re.search(rf"x\.yaml(:\d+)?: {re.escape(key)}:", line)


def mistakes(folder):
    """What is wrong; that every mistake is one clear line is checked each time."""
    with pytest.raises(ConfigError) as raised:
        loaded(folder)
    lines = [str(mistake) for mistake in raised.value.mistakes]
    assert lines
    assert all(is_one_clear_line(line) for line in lines)
    return lines


def calibration_says(folder, text):
    (folder / "calibrationYAML" / "x.yaml").write_bytes(
        text if isinstance(text, bytes) else text.encode()
    )
    return mistakes(folder)


def bomb(depth):
    """YAML of a few lines that means 9**depth values."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    for i in range(depth):
        lines.append(f"a{i + 1}: &a{i + 1} [{', '.join([f'*a{i}'] * 9)}]")
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (bomb(9), "more than 20000 values"),
        ("[" * 5000, "nested too deeply"),
        ("a: " + "{b: " * 60 + "c" + "}" * 60, "nested too deeply"),
        ("a: &a [*a]", "contains itself"),
        ("a: &a {b: *a}", "contains itself"),
        ("a:\n\t- b", "not well formed"),
        (b"a: \xff\xfe", "cannot be read"),
        (b"a: \x00", "not well formed"),
        ("a: 1\n---\nb: 2", "not well formed"),
        ("a: !!python/object/apply:os.system ['touch hostile']", "not well formed"),
        ("a: !!timestamp x", "not well formed"),
        ("a: !!int x", "not well formed"),
        ("a: " + "9" * 5000, "not well formed"),
        ("? [a, b]\n: 1", "not well formed"),
        ("x" * 1_100_000, "longer than"),
        ("", "a mapping"),
        ("just text", "a mapping"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_text_that_is_no_mapping_or_means_too_much_is_one_mistake(folder, text, wrong):
    [line] = calibration_says(folder, text)
    assert wrong in line
    assert "x.yaml" in line


@pytest.mark.parametrize(
    ("text", "key", "wrong"),
    [
        ("a: 1\nb: 2\na: 3", "a", "not in lines 1 and 3"),
        ("batching: {batch_window: 5, batch_window: 6}", "batching.batch_window", "given once"),
        ("on: 1", "on", "YAML reads this as bool"),
        ("5: 1", "5", "YAML reads this as int"),
        ("~: 1", "~", "YAML reads this as null"),
        ("batching: {max_files_per_job: 010}", "batching.max_files_per_job", "octal"),
        ("batching: {events_per_job: 0}", "batching.events_per_job", "greater than 0"),
        ("batching: {events_per_job: 4e2.5}", "batching.events_per_job", "valid integer"),
        ("batching: {time_per_job: 0 s}", "batching.time_per_job", "greater than 0"),
        ("batching: {time_per_job: long}", "batching.time_per_job", "a duration such as"),
        ("closing: {quiet_time: 1:30}", "closing.quiet_time", "sixties"),
        ("batching: {max_files_per_job: yes}", "batching.max_files_per_job", "no truth value"),
        ("closing: {quiet_time: on}", "closing.quiet_time", "no truth value"),
        ("closing: {quiet_time: .inf}", "closing.quiet_time", "1800000"),
        ("closing: {quiet_time: 501 h}", "closing.quiet_time", "1800000"),
        ("closing: {tolerance: .nan}", "closing.tolerance", ""),
        ("rescues: {max_rescues: 1000000000000}", "rescues.max_rescues", "at most 2147483647"),
        ("rescues: {max_rescues: '1000000000000'}", "rescues.max_rescues", "at most 2147483647"),
        ("calibration_name: no", "calibration_name", "needs quotes"),
        ("calibration_name: 123", "calibration_name", "needs quotes"),
        ("calibration_name: 2026-07-01", "calibration_name", "needs quotes"),
        ('calibration_name: "a\\0b"', "calibration_name", "control characters"),
        ('"a\\eb": 1', "a\\x1bb", "no such key"),
    ],
)
def test_what_does_not_mean_what_it_seems_to_is_named_by_its_key(folder, text, key, wrong):
    lines = calibration_says(folder, text)
    assert any(told_of(key, line) and wrong in line for line in lines)


def test_all_traps_of_a_file_come_at_once(folder):
    lines = calibration_says(folder, "on: 1\na: 1\na: 2\nclosing: {quiet_time: 1:30, b: 010}\n")
    for key in ("on", "a", "closing.quiet_time", "closing.b", "step_2_config", "step_4_config"):
        assert any(told_of(key, line) for line in lines)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ('{"SCRAM_ARCH": "a", "SCRAM_ARCH": "b"}', "given once"),
        ('{"SCRAM_ARCH": NaN}', "NaN is no number"),
        ('{"a": ' * 30_000, "nested too deeply"),
        ('{"SCRAM_ARCH": "\\ud800"}', "control characters"),
        ('{"SCRAM_ARCH": "a\\nb"}', "SCRAM_ARCH"),
        ("\ufeff{}", "not well formed"),
        ("NaN", "NaN is no number"),
    ],
)
def test_hostile_parameters_are_mistakes(folder, text, wrong):
    (folder / "ngtParameters.jsn").write_text(text)
    assert any("ngtParameters.jsn" in line and wrong in line for line in mistakes(folder))


def test_aliases_and_merges_of_ordinary_size_are_fine(folder):
    file = folder / "calibrationYAML" / "x.yaml"
    more = "\nnodes:\n  RECO: &n {request_cpus: 2}\n  ALCA: *n\n  HARVEST: {<<: *n, retries: 1}\n"
    file.write_text(file.read_text() + more)
    [calibration] = loaded(folder).calibrations.values()
    assert {r.request_cpus for r in calibration.nodes.values()} == {2}


def test_a_folder_in_place_of_a_file_is_a_mistake(folder):
    (folder / "calibrationYAML" / "y.yaml").mkdir()
    assert any("y.yaml" in line and "cannot be read" in line for line in mistakes(folder))


def places(data, above=()):
    """The way to every value of nested mappings and lists."""
    inner = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in inner:
        yield (*above, key)
        if isinstance(value, dict | list):
            yield from places(value, (*above, key))


def put(data, place, value):
    changed = copy.deepcopy(data)
    at = changed
    for key in place[:-1]:
        at = at[key]
    at[place[-1]] = value
    return changed


@given(st.sampled_from(sorted(places(SHIPPED), key=str)), values)
def test_any_value_in_any_place_of_a_calibration_is_taken_or_refused(place, value):
    made, error = outcome(
        lambda: OwnStreamCalibration.model_validate(put(SHIPPED, place, value)), ValueError
    )
    assert made is not None or error


@pytest.fixture(scope="module")
def one_folder(tmp_path_factory):
    return a_folder(tmp_path_factory.mktemp("hostile"))


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(sorted(places(SHIPPED), key=str)), values, st.sampled_from([json, yaml]), texts
)
def test_any_value_in_any_file_gives_a_configuration_or_clear_lines(
    one_folder, place, value, form, text
):
    data = put(SHIPPED, place, value) | {"extra": text}
    written = json.dumps(data) if form is json else yaml.safe_dump(data)
    file = one_folder / "calibrationYAML" / "x.yaml"
    file.write_bytes(written.encode(errors="surrogatepass"))
    mistakes(one_folder)
    file.write_bytes(text.encode(errors="surrogatepass"))
    mistakes(one_folder)
