"""A finished run is made once more as a trial, and nothing of the loop is touched."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from condorloop.cli.main import cli
from condorloop.cli.redo import OneRun, RedoRefused, finished_run, outcome, redo, trial
from condorloop.cycle.ports import Ports
from condorloop.dagman import destination_memory
from condorloop.ledger.store import Ledger
from condorloop.model.enums import CampaignState
from condorloop.model.lumis import Lumis
from condorloop.rundir.layout import MANIFEST, run_dir
from condorloop.rundir.records.harvest import HarvestResult, Iov
from condorloop.rundir.records.manifest import Manifest
from condorloop.submitter import build_submitter
from tests.unit.dagman.test_adoption import Queue, Site
from tests.unit.examples import KEY, RUN, START

TAG = "EcalPedestals_Trial"
LATER = START + 30 * 86400


def with_tag(config, tag=TAG, **parameters):
    """The calibrations of a trial: another tag, and another release or global tag."""
    known = config.calibrations[KEY.calibration]
    upload = known.harvest.upload.model_copy(update={"tags": {tag: {}}})
    harvest = known.harvest.model_copy(update={"upload": upload})
    changed = known.model_copy(update={"harvest": harvest})
    return replace(
        config,
        calibrations={KEY.calibration: changed},
        parameters=config.parameters.model_copy(update=parameters),
    )


@pytest.fixture
def site(tmp_path):
    """A loop that had a run of two RAW files."""
    place = Site(tmp_path)
    place.appear(1, 2)
    place.cycle()
    place.cycle(end=START + 60)
    with Ledger(place.ledger_file) as ledger:
        destination_memory.take_up(ledger, place.config, START)
    return place


def test_a_run_that_the_loop_had_is_known(site):
    found = finished_run(site.config.site.work_dir, KEY.run)
    assert (found.number, found.fill, found.start, found.end, found.last_ls) == (
        KEY.run,
        RUN.fill,
        RUN.start,
        START + 60,
        RUN.last_ls,
    )
    with pytest.raises(RedoRefused, match="not known"):
        finished_run(site.config.site.work_dir, 7)


def test_a_run_that_is_not_over_is_refused(tmp_path):
    place = Site(tmp_path)
    place.cycle()
    with pytest.raises(RedoRefused, match="is not over"):
        finished_run(place.config.site.work_dir, KEY.run)


def test_a_trial_has_its_own_work_dir_and_tells_nobody(site, tmp_path):
    config = trial(with_tag(site.config), tmp_path / "trial", [TAG])
    assert config.site.work_dir == tmp_path / "trial"
    assert config.site.messages is None
    assert (config.site.metrics.listen, config.site.metrics.textfile) == (None, None)


def test_no_trial_goes_to_a_tag_of_the_loop(site, tmp_path):
    [tag] = site.config.calibrations[KEY.calibration].harvest.upload.tags
    with pytest.raises(RedoRefused, match=f"{tag} is the tag of {KEY.calibration}"):
        trial(site.config, tmp_path / "trial", [tag])


@pytest.mark.parametrize("into", [[], ["other"], [TAG, "other"]])
def test_each_tag_must_be_meant(site, tmp_path, into):
    with pytest.raises(RedoRefused, match=f"the tags of the calibrations are {TAG}"):
        trial(with_tag(site.config), tmp_path / "trial", into)


@pytest.mark.parametrize("folder", ["work", "work/trial", "."])
def test_a_trial_is_apart_from_the_work_dir_of_the_loop(site, tmp_path, folder):
    with pytest.raises(RedoRefused, match="apart from the work_dir"):
        trial(with_tag(site.config), tmp_path / folder, [TAG])


class Pool(Queue):
    """A schedd; after some questions the DAGs are taken as done, and the campaign as closed."""

    def __init__(self, finish, after):
        super().__init__()
        self.finish, self.left = finish, after

    def queued(self):
        self.left -= 1
        if self.left == 0:
            self.finish()
        return super().queued()


def play(site, tmp_path, finish, after=3):
    """Redo the run a month later, until `finish` closes it."""
    config = trial(with_tag(site.config, global_tag="trial_v1"), tmp_path / "trial", [TAG])
    config = replace(config, site=config.site.model_copy(update={"poll_interval": 0.01}))
    config.site.work_dir.mkdir()
    run = finished_run(site.config.site.work_dir, KEY.run)
    with Ledger(config.site.work_dir / "condorloop.db") as ledger:
        pool = Pool(lambda: finish(ledger), after)
        world = Ports(SimpleNamespace(), site.files, pool)
        submitter = build_submitter(config, ledger, lambda: LATER, world, runs=OneRun(run))
        submitter.intake.settle = lambda *_: None
        try:
            redo(submitter, run, "alice@node")
            return outcome(submitter, KEY.run), config
        finally:
            submitter.close()


def files_of(site):
    """What the loop has on the disk, but for its ledger's own files."""
    work_dir = site.config.site.work_dir
    return sorted(path for path in work_dir.rglob("*") if "condorloop.db" not in path.name)


def close(ledger, state=CampaignState.COMPLETE):
    [campaign] = ledger.campaigns.open_of(KEY.calibration)
    ledger.campaigns.set_state(campaign.id, state, "all of it", LATER)


def test_a_run_of_a_month_ago_is_made_again_with_the_trial_s_configuration(site, tmp_path):
    before = sorted(
        p for p in site.config.site.work_dir.rglob("*") if "condorloop.db" not in p.name
    )
    [found], config = play(site, tmp_path, close, after=4)
    assert (found.state, found.reason) == (CampaignState.COMPLETE, "all of it")
    folder = run_dir(config.site.work_dir, KEY.calibration, KEY.run)
    manifest = Manifest.read(folder / "dag000" / MANIFEST)
    assert manifest.global_tag == "trial_v1"
    assert list(manifest.settings[KEY.calibration].upload.metadata.tags) == [TAG]
    assert manifest.lumis == Lumis.parse("1-2")
    assert manifest.id.partition("/")[0] != Manifest.read(site.runs / "dag000" / MANIFEST).id
    assert files_of(site) == before


def test_the_payload_of_the_last_harvest_is_named(site, tmp_path):
    def leave(ledger):
        runs = tmp_path / "trial" / KEY.calibration / f"run{KEY.run}"
        for number in (0, 1):
            made = runs / f"harvestJob{number:03d}"
            made.mkdir()
            HarvestResult(
                dag_id="x/EcalPedestals/398600/0",
                inputs=(),
                left_out={},
                overlaps=(),
                lumis=Lumis.span(1, 2),
                events=40,
                iovs=(Iov("t", KEY.run, "abc"),),
                time=START + number,
            ).write(made / "harvest.json")
        close(ledger)

    [found], _ = play(site, tmp_path, leave)
    assert found.payload.parts[-2:] == ("harvestJob001", "promptCalibConditions.db")


def test_the_command_needs_tags_and_a_work_dir():
    done = CliRunner().invoke(cli, ["redo", "398600"])
    assert done.exit_code == 2
    assert "--work-dir" in done.output
