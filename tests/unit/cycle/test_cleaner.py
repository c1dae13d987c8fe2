"""Cleaning up as the submitter and the command do it: on a ledger and a real run directory."""

import json
from dataclasses import replace

import pytest
import yaml
from click.testing import CliRunner

from condorloop.cli.main import cli
from condorloop.config.destinations import configured
from condorloop.config.loader import load
from condorloop.cycle.cleaner import EVERY, Cleaner, going, inventories
from condorloop.ledger.store import Ledger
from condorloop.model.enums import Artifact, CampaignState, NodeKind, RequestKind, UploadOutcome
from condorloop.model.jobs import HarvestRecord
from condorloop.model.jobs import PlannedNode as Node
from condorloop.model.lumis import Lumis
from condorloop.rundir.disk_usage import Size
from condorloop.rundir.layout import LEDGER, RUN_START, run_dir
from tests.unit.examples import KEY, RUN, START, TOP, site_file
from tests.unit.requests.subjects import asked, subject
from tests.unit.rundir.test_disk_usage import ALL, KINDS, RECO, UNCOVERED, files_of, grown

DAY = 86400.0
LATER = START + 30 * DAY
AGES = {"reco": "1 d", "alcareco": "7 d", "logs": "20 d"}


class Place:
    """A closed campaign with a run directory, whose payload has one of its two RECO files."""

    def __init__(self, folder, retention):
        self.site = site_file(folder)
        site = yaml.safe_load(self.site.read_text()) | {"defaults": {"retention": retention}}
        self.site.write_text(yaml.safe_dump(site))
        self.config = load(self.site, TOP / "calibrationYAML")
        self.work_dir = self.config.site.work_dir
        self.run_dir = grown(run_dir(self.work_dir, KEY.calibration, KEY.run))
        self.ledger = Ledger(self.work_dir / LEDGER, "ledger")
        self.ledger.campaigns.latch(KEY, "/stream", RUN, "running", START)
        nodes = [
            node
            for i, name in enumerate([*RECO, UNCOVERED])
            for node in (
                Node(
                    f"RECO_{i:04d}",
                    NodeKind.RECO,
                    name.removesuffix(".root"),
                    "witness",
                    child=f"ALCA_{i:04d}",
                ),
                Node(f"ALCA_{i:04d}", NodeKind.ALCA, f"apJob{i:03d}", "witness", job=i),
            )
        ]
        self.dag = self.ledger.dags.plan(self.campaign.id, 0, 0, nodes, "a test", START)
        self.ledger.dags.submitted(self.dag, 1, START)
        for name in ("RECO_0000", "RECO_0001", "ALCA_0000"):
            self.ledger.dags.node_done(self.dag, name, Lumis.parse("1-4"), 10, START)
        covered = HarvestRecord(
            frozenset([0]), Lumis.parse("1-4"), 10, START, outcome=UploadOutcome.UPLOADED
        )
        self.ledger.payloads.record(self.dag, self.campaign.id, covered)
        self.ledger.destinations.remember(configured(self.config), START)

    @property
    def campaign(self):
        [campaign] = self.ledger.campaigns.of_run(KEY.run, None)
        return campaign

    def close(self, state=CampaignState.COMPLETE):
        self.ledger.dags.ended(self.dag, None, START + 60)
        self.ledger.campaigns.set_state(self.campaign.id, state, "a test", START + 60)

    def clean(self, now=LATER, most=1000):
        return Cleaner(self.ledger).clean(self.config, now, most)

    def gone(self):
        return set(ALL) - files_of(self.run_dir)


@pytest.fixture
def place(tmp_path):
    place = Place(tmp_path, AGES)
    yield place
    place.ledger.close()


def test_what_is_due_goes_and_the_ledger_remembers_it(place):
    place.close()
    place.clean(START + 8 * DAY)
    assert place.gone() == {*KINDS[Artifact.RECO], *KINDS[Artifact.ALCARECO]}
    assert place.campaign.cleaned == {Artifact.RECO, Artifact.ALCARECO}


def test_reco_that_went_into_no_uploaded_payload_stays_even_if_its_ls_are_in_one(place):
    """A stream may have several files of a lumisection: the rescue of one's ALCA needs its RECO."""
    place.close()
    place.clean()
    assert UNCOVERED not in place.gone()
    assert set(RECO) <= place.gone()


@pytest.mark.parametrize("state", [CampaignState.ACTIVE, CampaignState.CLOSING])
def test_nothing_goes_of_an_open_campaign(place, state):
    place.ledger.campaigns.set_state(place.campaign.id, state, "a test", START)
    assert place.clean() == (Size(), True)


def test_nothing_goes_while_a_dag_is_in_flight(place):
    place.ledger.campaigns.set_state(place.campaign.id, CampaignState.INCOMPLETE, "a test", START)
    assert place.clean() == (Size(), True)


def test_nothing_goes_of_a_calibration_that_is_not_configured(place):
    place.close()
    others = {n: c for n, c in place.config.calibrations.items() if n != KEY.calibration}
    config = replace(place.config, calibrations=others)
    assert Cleaner(place.ledger).clean(config, LATER, 1000) == (Size(), True)


def test_what_was_cut_short_is_gone_on_with(place):
    place.close()
    _, finished = place.clean(most=3)
    assert not finished
    assert place.campaign.cleaned
    place.clean()
    assert place.gone() == {
        n for k in (Artifact.RECO, Artifact.ALCARECO, Artifact.LOGS) for n in KINDS[k]
    }


def test_what_was_cleaned_is_not_looked_at_again(place, tmp_path):
    place.close()
    place.clean()
    grown(place.run_dir)
    assert place.clean() == (Size(), True)


def test_a_campaign_that_is_reopened_is_cleaned_again_when_it_is_closed(place):
    place.close()
    place.clean(START + 2 * DAY)
    place.ledger.campaigns.set_state(
        place.campaign.id, CampaignState.ACTIVE, "resubmitted", START + 3 * DAY
    )
    assert place.campaign.cleaned == frozenset()


def test_a_removed_run_directory_is_never_looked_for_again(tmp_path):
    place = Place(tmp_path, {"runs": "10 d"})
    place.close(CampaignState.INCOMPLETE)
    place.clean()
    assert not place.run_dir.exists()
    assert place.campaign.cleaned == {Artifact.RUNS}
    assert place.ledger.retention.settled(also_open=True) == []
    place.ledger.close()


def test_what_cannot_be_removed_is_named_and_stops_no_other(place):
    place.close()
    kept = place.run_dir.rename(place.run_dir.with_name("elsewhere"))
    place.run_dir.symlink_to(kept)
    cleaner = Cleaner(place.ledger)
    cleaner.clean(place.config, LATER, 1000)
    assert "it is a link" in cleaner.errors[KEY]
    assert files_of(kept) == set(ALL)


def test_the_loop_removes_a_little_at_a_time_and_looks_once_a_minute(place, monkeypatch):
    monkeypatch.setattr("condorloop.cycle.cleaner.A_CYCLE", 1)
    place.close()
    cleaner = Cleaner(place.ledger)
    cleaner.tidy(place.config, LATER)
    assert len(place.gone()) == 1
    for _ in range(20):
        cleaner.tidy(place.config, LATER)
    assert len(place.gone()) == 10
    grown(place.run_dir)
    place.ledger.campaigns.set_state(place.campaign.id, CampaignState.ACTIVE, "again", START)
    place.close()
    cleaner.tidy(place.config, LATER + EVERY / 2)
    assert place.gone() == set()
    cleaner.tidy(place.config, LATER + EVERY)
    assert len(place.gone()) == 1


def test_an_inventory_says_what_there_is_what_goes_and_when(place):
    place.close()
    [found] = inventories(place.config, place.ledger, START + 2 * DAY)
    assert found.leavings[Artifact.RECO].goes_now
    assert not found.leavings[Artifact.ALCARECO].goes_now
    assert found.leavings[Artifact.ALCARECO].goes_at == START + 60 + 7 * DAY
    assert found.leavings[Artifact.DAGS].goes_at is None
    assert going([found]) == Size(1, 10)
    assert found.leavings[Artifact.RUNS].size == Size(len(ALL), 10 * len(ALL))


def run(place, *words):
    return CliRunner().invoke(cli, ["cleanup", "--site", str(place.site), *words])


def test_a_dry_run_shows_sizes_and_changes_nothing(place):
    place.close()
    done = run(place, "--dry-run")
    assert done.exit_code == 0
    assert "10 B now" in done.stdout
    assert "goes now: 10 files, 100 B" in done.stdout
    assert place.gone() == set()
    assert place.ledger.requests.waiting() == []
    assert place.campaign.cleaned == frozenset()


def test_a_dry_run_as_json_tells_the_same(place):
    place.close()
    told = json.loads(run(place, "--dry-run", "--json").stdout)
    assert (told["schema"], told["dry_run"]) == (1, True)
    assert told["going"] == {"files": 10, "bytes": 100}
    [campaign] = told["campaigns"]
    assert campaign["leavings"]["alcareco"]["goes_now"]
    assert campaign["leavings"]["runs"] == {
        "files": len(ALL), "bytes": 10 * len(ALL), "goes_at": None, "goes_now": False
    }  # fmt: skip


def test_other_runs_are_left_alone(place):
    place.close()
    assert "goes now: 0 files" in run(place, "398603").stdout
    assert place.gone() == set()


def test_where_nothing_is_configured_all_is_kept_and_that_is_said(tmp_path):
    place = Place(tmp_path, {})
    place.close()
    done = run(place)
    assert (done.exit_code, place.gone()) == (0, set())
    assert "No retention is configured, and all is kept" in done.stdout
    place.ledger.close()


def test_where_no_submitter_runs_the_command_does_it_itself(place):
    place.close()
    place.ledger.close()
    done = run(place)
    assert done.exit_code == 0, done.stderr
    assert "done: 10 files, 100 B removed" in done.stdout
    assert place.gone() == {
        n for k in (Artifact.RECO, Artifact.ALCARECO, Artifact.LOGS) for n in KINDS[k]
    }
    assert (place.run_dir / RUN_START).exists()
    with Ledger(place.work_dir / LEDGER) as ledger:
        [campaign] = ledger.campaigns.of_run(KEY.run, None)
        assert campaign.cleaned == {Artifact.RECO, Artifact.ALCARECO, Artifact.LOGS}


def test_what_was_cleaned_up_is_not_resubmitted(place):
    place.close(CampaignState.INCOMPLETE)
    place.clean(START + 8 * DAY)
    [remark] = asked(RequestKind.RESUBMIT, of=[subject(cleaned=place.campaign.cleaned)]).remarks
    assert "its alcareco were cleaned up" in remark
