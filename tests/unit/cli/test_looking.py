"""The commands that only look show all that was done, whatever has become of the YAML files."""

import os
import shutil

import pytest
from click.testing import CliRunner

from condorloop.cli.main import cli
from condorloop.config.loader import ConfigError, look
from condorloop.model.campaign import CampaignKey
from condorloop.monitoring.status_file import write
from condorloop.policy.window import closing_rules
from tests.unit.examples import KEY, TOP, campaign_status, config, loop_status, site_file
from tests.unit.story_example import HASH, written

OTHER = "SiStripBad"
LOOKING = [
    ["status"],
    ["show", str(KEY.run)],
    ["find", HASH[:8]],
    ["analyze", str(KEY.run)],
    ["report"],
]


@pytest.fixture
def folder(tmp_path):
    """The calibrations of this shell: one file of two is broken, the third calibration is not."""
    folder = tmp_path / "mine"
    folder.mkdir()
    shutil.copy(TOP / "calibrationYAML" / "BeamSpot.yaml", folder)
    (folder / f"{KEY.calibration}.yaml").write_text("retention: [")
    return folder


@pytest.fixture
def condorloop(tmp_path, folder, monkeypatch):
    """Runs a command with these calibrations, at a site where all three have had campaigns."""
    written(tmp_path)
    both = (campaign_status(), campaign_status(calibration=OTHER))
    write(tmp_path / "work", loop_status(*both))
    monkeypatch.setenv("PATH", os.defpath)
    monkeypatch.setenv("CONDORLOOP_CALIBRATIONS", str(folder))
    umask = os.umask(0o022)

    def run(command, *arguments):
        site = ["--site", str(tmp_path / "site.yaml")]
        return CliRunner().invoke(cli, [command, *arguments, *site])

    yield run
    os.umask(umask)


@pytest.mark.parametrize("command", LOOKING, ids=lambda c: c[0])
def test_a_broken_file_hides_nothing_from_who_looks(condorloop, command):
    done = condorloop(*command)
    assert done.exit_code == 0, done.output
    assert KEY.calibration in done.stdout
    assert "well formed" not in done.output


def test_a_command_that_acts_needs_what_it_acts_by(condorloop):
    done = condorloop("resubmit", str(KEY.run))
    assert done.exit_code == 1
    assert isinstance(done.exception, ConfigError)


def test_campaigns_of_calibrations_that_this_shell_lacks_are_shown(condorloop):
    assert OTHER in condorloop("status").stdout
    only = condorloop("status", "-c", OTHER).stdout
    assert OTHER in only
    assert KEY.calibration not in only


@pytest.mark.parametrize("command", LOOKING, ids=lambda c: c[0])
def test_a_calibration_that_nobody_knows_is_refused_with_those_that_there_are(condorloop, command):
    done = condorloop(*command, "-c", "EcalPedestal")
    assert done.exit_code == 2
    assert "no calibration EcalPedestal" in done.stderr
    assert all(name in done.stderr for name in (KEY.calibration, OTHER, "BeamSpot"))


def test_a_calibration_that_is_configured_and_has_done_nothing_yet_is_no_mistake(condorloop):
    assert condorloop("status", "-c", "BeamSpot").exit_code == 0


def test_what_can_be_used_is_what_a_whole_configuration_has_of_it(tmp_path, folder):
    known = look(site_file(tmp_path), folder)
    assert known.site == config(tmp_path).site
    assert known.calibrations == {"BeamSpot": config(tmp_path).calibrations["BeamSpot"]}


def test_who_looks_needs_a_site(tmp_path, folder):
    site = site_file(tmp_path)
    site.write_text(site.read_text().replace("work_dir", "workdir"))
    with pytest.raises(ConfigError, match="work_dir: missing"):
        look(site, folder)


def test_a_calibration_that_is_not_configured_has_the_longest_window(tmp_path):
    known = config(tmp_path).calibrations
    longest = max(c.closing.buffer for c in known.values())
    assert closing_rules(CampaignKey("Unknown", 1), known).buffer == longest


@pytest.mark.parametrize(
    "arguments", [["hold"], ["release", "--node", "b001", "-c", "BeamSpot"], ["abandon", "-y"]]
)
def test_a_command_that_acts_without_a_run_needs_a_calibration_and_takes_no_node(
    condorloop, arguments
):
    done = condorloop(*arguments)
    assert done.exit_code == 2
    assert "which RUN?" in done.stderr
