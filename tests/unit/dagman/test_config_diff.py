"""What a changed configuration does to the next DAG is shown, and nothing else is."""

import doctest
import json
import os
import tempfile
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from condorloop.cli.commands.validate import validate as command
from condorloop.cli.views.comparison import comparison_lines
from condorloop.config.loader import load
from condorloop.dagman import config_diff
from condorloop.dagman.config_diff import compare, own_settings
from condorloop.dagman.render import Renderer
from condorloop.dagman.rerender import renew
from condorloop.model.campaign import Batch, CampaignKey
from condorloop.model.enums import NodeKind
from tests.unit.dag_plans import RECONSTRUCTION, own_batch, own_harvest
from tests.unit.examples import TOP, calibration, config, raw_file, site_file

NAME = "EcalPedestals"
KEY = CampaignKey(NAME, 398600)
FILES = tuple(raw_file(i, 2 * i + 1, 2 * i + 2) for i in range(23))
SECTIONS = {
    "batching": st.fixed_dictionaries(
        {}, optional={k: st.integers(1, 9) for k in ("max_files_per_job", "reco_per_alca")}
    ),
    "holds": st.fixed_dictionaries({}, optional={"releases": st.integers(0, 9)}),
    "nodes": st.dictionaries(
        st.sampled_from([k.value for k in NodeKind]),
        st.fixed_dictionaries(
            {}, optional={"request_memory_mb": st.integers(1, 9999), "retries": st.integers(0, 9)}
        ),
    ),
}


def changed(folder, **sections):
    """The configuration of a small site with other sections of a calibration's own."""
    yamls = folder / "calibrationYAML"
    yamls.mkdir(exist_ok=True)
    (folder / "ngtParameters.jsn").write_text((TOP / "ngtParameters.jsn").read_text())
    data = yaml.safe_load((TOP / "calibrationYAML" / f"{NAME}.yaml").read_text())
    (yamls / f"{NAME}.yaml").write_text(yaml.safe_dump(data | sections))
    return load(site_file(folder), yamls)


def write(loaded, *, number=0, batch=0, files=FILES, run=KEY.run):
    key = CampaignKey(NAME, run)
    plan = (
        own_harvest(key, number)
        if batch is None
        else own_batch(key, loaded.calibrations[NAME], Batch(batch, files), number, 7)
    )
    renderer = Renderer(loaded, loaded.site.work_dir, "0123456789ab")
    renderer.write(plan)
    return renderer


def one(loaded, run=None):
    [found] = compare(loaded, run)
    return found


@settings(max_examples=40)
@given(
    st.fixed_dictionaries({}, optional=SECTIONS),
    st.sets(st.sampled_from(FILES), min_size=1),
    st.none() | st.integers(0, 999),
)
def test_an_unchanged_configuration_changes_nothing(sections, files, batch):
    with tempfile.TemporaryDirectory() as folder:
        loaded = changed(Path(folder), **sections)
        write(loaded, batch=batch, files=tuple(files))
        found = one(loaded)
        assert found.dag
        assert found.changes == {}


@settings(max_examples=25)
@given(st.sampled_from(["RECO", "ALCA", "HARVEST"]), st.integers(2001, 15000))
def test_a_changed_memory_request_is_seen_in_the_dag_description_alone(kind, memory):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(changed(folder))
        nodes = {kind: {"request_memory_mb": memory, "max_memory_mb": 99999}}
        [(file, lines)] = one(changed(folder, nodes=nodes)).changes.items()
        assert file == "run398600_dag000.dag"
        gone, come = ([x for x in lines if x[0] == sign] for sign in "-+")
        assert [x.split(" = ")[0].strip("-+ ") for x in come] == [
            "request_memory",
            "retry_request_memory_max",
        ]
        assert len(gone) == len(come)
        assert f"request_memory = {memory}M" in come[0]


def test_a_changed_line_of_the_upload_is_seen_in_the_manifest(tmp_path):
    write(changed(tmp_path))
    data = yaml.safe_load((tmp_path / "calibrationYAML" / f"{NAME}.yaml").read_text())
    data["step_4_config"]["upload_metadata"]["userText"] = "another text"
    [(file, lines)] = one(changed(tmp_path, **data)).changes.items()
    assert file == "manifest.json"
    assert [x.split() for x in lines if x[0] == "+"] == [["+", '"userText":', '"another', 'text"']]


def test_other_batching_spreads_the_same_files_anew(tmp_path):
    write(changed(tmp_path))
    changes = one(changed(tmp_path, batching={"max_files_per_job": 23})).changes
    come = [x for x in changes["run398600_dag000.dag"] if x.startswith("+JOB RECO")]
    assert come == []
    assert any(x.startswith("-JOB RECO_0004") for x in changes["run398600_dag000.dag"])
    assert all(f.path in "\n".join(changes["run398600_dag000.dag"]) for f in FILES)


def test_without_a_dag_there_is_nothing_to_compare(tmp_path):
    found = list(compare(config(tmp_path)))
    assert {c.calibration for c in found} == {"EcalPedestals", "SiStripBad", "BeamSpot"}
    assert all(c.dag is None and not c.changes for c in found)
    assert "no DAG yet: nothing to compare" in next(t.plain for t in comparison_lines(found[0]))


def test_the_newest_dag_of_a_batch_is_looked_at(tmp_path):
    loaded = changed(tmp_path)
    for run, number, batch in ((99999, 5, 0), (398600, 9, 0), (398600, 10, 1), (398600, 11, None)):
        write(loaded, run=run, number=number, batch=batch)
    assert one(loaded).dag == loaded.site.work_dir / NAME / "run398600" / "dag010"
    assert one(loaded, 99999).dag == loaded.site.work_dir / NAME / "run99999" / "dag005"
    assert one(loaded, 1).dag is None


def test_a_dag_from_which_a_file_was_taken_is_not_taken_for_a_whole_one(tmp_path):
    loaded = changed(tmp_path)
    write(loaded, number=1)
    renderer = write(loaded, number=2)
    renew(renderer, RECONSTRUCTION, 2, {"RECO_0001": frozenset([FILES[6].path])})
    found = one(loaded)
    assert found.dag == loaded.site.work_dir / NAME / "run398600" / "dag001"
    assert found.changes == {}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"id": 1}', '{"nodes": {}}'])
def test_a_damaged_manifest_is_passed_over(tmp_path, text):
    loaded = changed(tmp_path)
    write(loaded, number=1)
    write(loaded, number=2)
    folder = loaded.site.work_dir / NAME / "run398600"
    (folder / "dag002" / "manifest.json").write_text(text)
    assert one(loaded).dag == folder / "dag001"


def test_a_file_that_is_gone_is_new(tmp_path):
    loaded = changed(tmp_path)
    write(loaded)
    (loaded.site.work_dir / NAME / "run398600" / "dag000" / "alca.sh").unlink()
    [(file, lines)] = one(loaded).changes.items()
    assert file == "alca.sh"
    assert any(x.startswith("+cmsDriver.py expressStep3") for x in lines)


def test_comparisons_are_json(tmp_path):
    loaded = changed(tmp_path)
    write(loaded)
    told = json.loads(json.dumps(config_diff.to_json(compare(loaded))))
    dag = str(loaded.site.work_dir / NAME / "run398600" / "dag000")
    assert told == {"schema": 1, "calibrations": {NAME: {"dag": dag, "changes": {}, "kept": {}}}}


def test_settings_that_are_not_the_default_are_named_by_their_key(tmp_path):
    assert own_settings(calibration()) == {}
    sections = {"closing": {"quiet_time": "2 min", "buffer": "8 h"}, "nodes": {"ALCA": {}}}
    assert own_settings(changed(tmp_path, **sections).calibrations[NAME]) == {
        "closing.quiet_time": 120.0
    }


@pytest.fixture
def validate(tmp_path, monkeypatch):
    """Run the command as in a process of its own: it sets umask and PATH for its children."""
    monkeypatch.setattr("os.umask", lambda mask: mask)
    monkeypatch.setenv("PATH", os.environ["PATH"])
    site, yamls = str(tmp_path / "site.yaml"), str(tmp_path / "calibrationYAML")

    def run(*arguments):
        return CliRunner().invoke(command, [*arguments, "--site", site, "--calibrations", yamls])

    return run


def test_the_command_shows_the_changes_and_ends_well(tmp_path, validate):
    write(changed(tmp_path))
    changed(tmp_path, nodes={"RECO": {"retries": 7}})
    done = validate("--diff")
    assert done.exit_code == 0
    assert "compared with run398600/dag000" in done.stdout
    assert "+RETRY RECO_0000 7 UNLESS-EXIT 66" in done.stdout
    assert "no DAG yet" in validate("--diff", "398601").stdout
    told = json.loads(validate("--diff", "--json").stdout)
    assert [*told["calibrations"][NAME]["changes"]] == ["run398600_dag000.dag"]


def test_a_run_without_diff_is_wrong_usage(tmp_path, validate):
    changed(tmp_path)
    assert validate("398600").exit_code == 2


def test_every_setting_can_be_had_as_json(tmp_path, validate):
    changed(tmp_path, closing={"quiet_time": "2 min"})
    told = json.loads(validate("--json").stdout)
    assert told["schema"] == 1
    assert told["calibrations"][NAME]["closing"]["quiet_time"] == 120.0
    assert told["calibrations"][NAME]["step_2_config"]["minLsToProcess"] == 50
    assert told["parameters"]["GLOBAL_TAG"] == "160X_dataRun3_ExpressNGT_v0"
    assert told["site"]["poll_interval"] == 10.0


def test_the_example_in_the_text_is_right():
    assert doctest.testmod(config_diff) == (0, 1)
