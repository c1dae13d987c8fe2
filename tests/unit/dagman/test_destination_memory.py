"""A work_dir remembers where its payloads go; they go elsewhere only on a person's word."""

import logging
import shutil
import sqlite3
from dataclasses import replace

import pytest

from condorloop.config.destinations import (
    DestinationChanged,
    DestinationsUnreadable,
    Remembered,
    configured,
)
from condorloop.cycle.reload import ConfigReload
from condorloop.dagman import destination_memory
from condorloop.dagman.render import Renderer
from condorloop.ledger.migrations import to_5
from condorloop.ledger.migrations.oldest import OLDEST_SCHEMA
from condorloop.ledger.schema import SCHEMA_VERSION
from condorloop.ledger.store import Ledger, LedgerReader
from condorloop.model.campaign import Batch, CampaignKey
from condorloop.recovery.rebuild import open_ledger
from condorloop.rundir.durable import read_json, write_json
from condorloop.rundir.layout import LEDGER, MANIFEST, dag_dir
from tests.unit.dag_plans import RECONSTRUCTION, own_batch, own_harvest
from tests.unit.examples import KEY, RUN, START, TOP, calibration, config, raw_file

OTHER = "BeamSpot"


def with_tag(loaded, tag, name=KEY.calibration):
    """The same configuration, with another tag of a calibration."""
    before = loaded.calibrations[name]
    upload = before.harvest.upload.model_copy(update={"tags": {tag: {}}})
    harvest = before.harvest.model_copy(update={"upload": upload})
    changed = before.model_copy(update={"harvest": harvest})
    return replace(loaded, calibrations={**loaded.calibrations, name: changed})


def only(loaded, name):
    return replace(loaded, calibrations={name: loaded.calibrations[name]})


def at(loaded, options):
    """The same configuration, with other options of uploadConditions.py."""
    conditions = loaded.site.conditions.model_copy(update={"options": options})
    return replace(loaded, site=loaded.site.model_copy(update={"conditions": conditions}))


@pytest.fixture
def trial(tmp_path):
    """A configuration with a tag of its own."""
    loaded = config(tmp_path)
    loaded.site.work_dir.mkdir()
    return with_tag(loaded, "Ped_trial")


@pytest.fixture
def real(trial):
    return with_tag(trial, "Ped_prompt")


@pytest.fixture
def ledger(trial):
    with Ledger(trial.site.work_dir / LEDGER, "ledger") as ledger:
        yield ledger


def tags(ledger):
    return {name: set(each.destination.tags) for name, each in ledger.destinations.all().items()}


def write_dags(loaded, *runs):
    """Leave the DAGs of runs, each with a batch and a harvest."""
    renderer = Renderer(loaded, loaded.site.work_dir, "ledger")
    for run in runs:
        key = CampaignKey(KEY.calibration, run)
        renderer.begin_run(key, START)
        renderer.write(own_batch(key, calibration(), Batch(0, (raw_file(run, 1, 4),)), 0, 0))
        renderer.write(own_harvest(key, 1))
    return renderer


def manifests(loaded, run):
    runs = Renderer(loaded, loaded.site.work_dir, "ledger").run_dir(
        CampaignKey(KEY.calibration, run)
    )
    return sorted(runs.glob(f"dag*/{MANIFEST}"))


def test_the_first_destination_is_remembered(ledger, trial):
    destination_memory.take_up(ledger, trial, START)
    assert tags(ledger)[KEY.calibration] == {"Ped_trial"}
    assert ledger.destinations.all().keys() == trial.calibrations.keys()
    with LedgerReader(ledger.path) as view:
        assert view.destinations.all()[KEY.calibration].source == str(TOP / "calibrationYAML")


def test_another_tag_is_refused_and_the_first_one_stays(ledger, trial, real):
    destination_memory.take_up(ledger, trial, START)
    for _ in range(2):
        with pytest.raises(DestinationChanged, match=r"Ped_trial in .* Ped_prompt in"):
            destination_memory.take_up(ledger, real, START)
    assert tags(ledger)[KEY.calibration] == {"Ped_trial"}
    destination_memory.take_up(ledger, trial, START)


def test_another_service_is_refused(ledger, trial):
    destination_memory.take_up(ledger, trial, START)
    with pytest.raises(DestinationChanged, match="-u https://elsewhere"):
        destination_memory.take_up(ledger, at(trial, ("-u", "https://elsewhere/%s/")), START)


def test_what_a_person_accepts_is_remembered_and_logged_with_both(ledger, trial, real, caplog):
    destination_memory.take_up(ledger, trial, START)
    caplog.set_level(logging.WARNING)
    destination_memory.take_up(ledger, real, START, lambda name: name == KEY.calibration)
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert "Ped_trial" in record.getMessage()
    assert "Ped_prompt" in record.getMessage()
    assert tags(ledger)[KEY.calibration] == {"Ped_prompt"}
    with pytest.raises(DestinationChanged):
        destination_memory.take_up(ledger, trial, START)


def test_what_is_accepted_of_one_calibration_is_not_of_another(ledger, trial, real):
    destination_memory.take_up(ledger, trial, START)
    both = with_tag(real, "Spot_prompt", OTHER)
    with pytest.raises(DestinationChanged) as refused:
        destination_memory.take_up(ledger, both, START, lambda name: name == KEY.calibration)
    assert [change.calibration for change in refused.value.changes] == [OTHER]
    assert tags(ledger)[KEY.calibration] == {"Ped_trial"}


def test_another_folder_with_the_same_destinations_is_taken_over_and_logged(ledger, trial, caplog):
    destination_memory.take_up(ledger, trial, START)
    caplog.set_level(logging.INFO)
    destination_memory.take_up(ledger, replace(trial, folder=TOP / "moved"), START)
    assert ledger.destinations.all()[KEY.calibration].source == str(TOP / "moved")
    assert any("moved" in record.getMessage() for record in caplog.records)
    assert tags(ledger)[KEY.calibration] == {"Ped_trial"}


def test_a_calibration_that_is_switched_off_and_on_is_not_forgotten(ledger, trial, real):
    destination_memory.take_up(ledger, trial, START)
    destination_memory.take_up(ledger, only(trial, OTHER), START)
    assert tags(ledger)[KEY.calibration] == {"Ped_trial"}
    with pytest.raises(DestinationChanged):
        destination_memory.take_up(ledger, real, START)


def test_a_choice_of_calibrations_is_compared_alone(ledger, trial, real):
    destination_memory.take_up(ledger, trial, START)
    destination_memory.take_up(ledger, only(real, OTHER), START)
    with pytest.raises(DestinationChanged):
        destination_memory.take_up(ledger, only(real, KEY.calibration), START)


def test_a_ledger_of_the_version_before_takes_them_from_the_newest_manifest(trial, real):
    path = trial.site.work_dir / LEDGER
    older_ledger(path)
    write_dags(real, RUN.number - 1)
    write_dags(trial, RUN.number)
    with open_ledger(path, real, START) as ledger:
        assert ledger.destinations.all() == {}
        with pytest.raises(DestinationChanged, match="Ped_trial") as refused:
            destination_memory.take_up(ledger, real, START)
        assert str(manifests(trial, RUN.number)[-1]) in str(refused.value)
        destination_memory.take_up(ledger, trial, START)
        assert tags(ledger)[KEY.calibration] == {"Ped_trial"}


def older_ledger(path):
    """Make a ledger of schema version 4, with a campaign and a request that waits."""
    db = sqlite3.connect(path)
    for script in (OLDEST_SCHEMA, *(to_5.SCRIPTS[version] for version in (1, 2, 3))):
        db.executescript(script)
    db.execute("INSERT INTO meta VALUES ('schema_version', '4'), ('ledger_id', 'ledger')")
    db.execute(
        "INSERT INTO campaign (calibration, run, stream, state, reason, run_start, latched_at,"
        " state_since, last_new_at) VALUES (?, ?, '/eos', 'active', 'running', 1, 1, 1, 1)",
        (KEY.calibration, KEY.run),
    )
    db.execute("INSERT INTO request (kind, run, made_by, made_at) VALUES ('resubmit', 1, 'me', 1)")
    db.commit()
    db.close()


def test_a_ledger_of_the_version_before_is_brought_up_to_date(trial):
    path = trial.site.work_dir / LEDGER
    older_ledger(path)
    with Ledger(path) as ledger:
        assert ledger.connection.meta("schema_version") == str(SCHEMA_VERSION)
        assert ledger.destinations.all() == {}
        [request] = ledger.requests.waiting()
        assert not request.accept_destination
        assert ledger.campaigns.has(KEY)


@pytest.mark.parametrize("lost", ["gone", "damaged"])
def test_a_ledger_that_is_rebuilt_takes_them_from_the_newest_manifest(trial, real, lost):
    path = trial.site.work_dir / LEDGER
    with Ledger(path, "ledger") as ledger:
        destination_memory.take_up(ledger, trial, START)
    write_dags(trial, RUN.number)
    if lost == "gone":
        path.unlink()
    else:
        path.write_text("no ledger any more" * 100)
    with open_ledger(path, real, START) as ledger:
        with pytest.raises(DestinationChanged, match="Ped_trial"):
            destination_memory.take_up(ledger, real, START)
        destination_memory.take_up(ledger, trial, START)


def test_a_damaged_manifest_is_passed_over_for_the_one_before(ledger, trial, real):
    write_dags(trial, RUN.number)
    manifests(trial, RUN.number)[-1].write_text("{")
    with pytest.raises(DestinationChanged, match="Ped_trial"):
        destination_memory.take_up(ledger, real, START)


def test_where_all_manifests_are_damaged_nothing_is_guessed(ledger, trial):
    write_dags(trial, RUN.number)
    for manifest in manifests(trial, RUN.number):
        manifest.write_text("{")
    found = destination_memory.remembered(ledger, trial.site.work_dir, trial.calibrations)
    assert found == {
        KEY.calibration: DestinationsUnreadable(str(trial.site.work_dir / KEY.calibration))
    }
    with pytest.raises(DestinationChanged):
        destination_memory.take_up(ledger, trial, START)
    destination_memory.take_up(ledger, trial, START, lambda _: True)
    assert tags(ledger)[KEY.calibration] == {"Ped_trial"}


def test_what_the_ledger_remembers_goes_before_manifests(ledger, trial, real):
    write_dags(trial, RUN.number)
    destination_memory.take_up(ledger, real, START, lambda _: True)
    destination_memory.take_up(ledger, real, START)
    assert not destination_memory.changed(real)
    assert [c.calibration for c in destination_memory.changed(trial)] == [KEY.calibration]


def test_who_only_looks_is_told_of_a_work_dir_without_a_ledger(trial, real):
    shutil.rmtree(trial.site.work_dir)
    assert not destination_memory.changed(trial)
    write_dags(trial, RUN.number)
    assert destination_memory.changed(real)


def test_a_reload_with_another_destination_is_refused_and_says_what_to_type(
    ledger, trial, real, caplog
):
    destination_memory.take_up(ledger, trial, START)
    reloading = ConfigReload()

    def take_up(read):
        reloading.wish(lambda: read)
        return reloading.take_up(
            trial, START, lambda config: destination_memory.take_up(ledger, config, START)
        )

    assert take_up(real) is None
    why, since = reloading.refused
    for part in ("Ped_trial", "Ped_prompt", "EcalPedestals.yaml", "run --once --accept"):
        assert part in why
    assert since == START
    assert tags(ledger)[KEY.calibration] == {"Ped_trial"}
    assert take_up(trial) is trial
    assert reloading.refused[0] == ""


def test_a_calibration_that_a_reload_brings_is_remembered(ledger, trial):
    destination_memory.take_up(ledger, only(trial, OTHER), START)
    destination_memory.take_up(ledger, trial, START)
    assert ledger.destinations.all()[KEY.calibration] == Remembered(
        configured(trial)[KEY.calibration].destination, str(trial.folder)
    )


def test_a_manifest_is_read_as_it_was_written(trial):
    renderer = write_dags(at(trial, ("-u", "https://here/%s/")), RUN.number)
    file = dag_dir(renderer.run_dir(RECONSTRUCTION), 0) / MANIFEST
    told = read_json(file)
    assert told["conditions"]["command"][1:] == ["-u", "https://here/%s/"]
    write_json(file, told)
    assert destination_memory.changed(trial)
