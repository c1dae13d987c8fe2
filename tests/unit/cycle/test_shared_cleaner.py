"""Cleaning up where calibrations share a stream: real run directories, and a ledger."""

from io import StringIO

import pytest
import yaml
from rich.console import Console

from condorloop.cli.views.cleanup import cleanup_view
from condorloop.config.destinations import configured
from condorloop.cycle.archiver import Archiver
from condorloop.cycle.cleaner import Cleaner, going, inventories, to_json
from condorloop.dagman.plan import planned_nodes
from condorloop.ledger.store import Ledger
from condorloop.model.campaign import CampaignKey, ReconstructionKey
from condorloop.model.enums import Artifact, CampaignState
from condorloop.model.jobs import FailedNode
from condorloop.model.lumis import Lumis
from condorloop.rundir.disk_usage import Size
from condorloop.rundir.layout import LEDGER, run_dir
from condorloop.runtime.disk_space import disk
from tests.unit.examples import RUN, START
from tests.unit.express import STREAM
from tests.unit.rundir.test_disk_usage import files_of
from tests.unit.shared_examples import (
    ALI,
    COMBINED,
    EXPRESS,
    GAINS,
    SHARING,
    shared_batch,
    shared_config,
)

DAY = 86400.0
CLOSED = START + 60
LATER = START + 30 * DAY
OF_CAMPAIGN = ["harvestJob000/stdout.log", "harvestJob000/harvest.json", "runStart.log"]
AGES = {"reco": "1 d", "alcareco": "7 d", "logs": "20 d"}


class Place:
    """Three closed campaigns of a stream, with the run directories of it and of theirs."""

    def __init__(self, folder, **retentions):
        self.site = folder / "site.yaml"
        self.config = shared_config(folder)
        for name in SHARING:
            self.keep(name, retentions.get(name, AGES))
        self.config = shared_config(folder)
        self.work_dir = self.config.site.work_dir
        self.work_dir.mkdir()
        self.ledger = Ledger(self.work_dir / LEDGER, "ledger")
        path = self.config.shared_streams[STREAM].raw_path
        for name in SHARING:
            key = CampaignKey(name, RUN.number)
            self.ledger.campaigns.latch(key, path, RUN, "", START, stream=STREAM)
            self.grow(name, OF_CAMPAIGN)
        self.dags = [self.batch(number) for number in (0, 1)]
        self.reco = [f"{n.output}.root" for n in map(self.reco_node, (0, 1))]
        self.of_stream = {
            Artifact.RECO: self.reco,
            Artifact.ALCARECO: [f"apJob00{i}/{name}.root" for i in (0, 1) for name in SHARING],
            Artifact.LOGS: ["apJob000/stdout.log", "dag000/RECO_0000.out"],
            Artifact.DAGS: ["dag000/reco.sh"],
        }
        witnesses = [self.alca_node(number).witness for number in (0, 1)]
        kinds = [name for names in self.of_stream.values() for name in names]
        self.grow(STREAM, [*kinds, *witnesses, "dag000/manifest.json", "runStart.log"])
        self.whole = len(kinds) + 4
        self.ledger.destinations.remember(configured(self.config), START)

    def keep(self, name, ages):
        file = self.config.files[name]
        told = yaml.safe_load(file.read_text()) | {"retention": ages}
        file.write_text(yaml.safe_dump(told))

    def reco_node(self, number):
        return shared_batch(self.config, number).nodes[0]

    def alca_node(self, number):
        return shared_batch(self.config, number).nodes[1]

    def batch(self, number):
        plan = shared_batch(self.config, number)
        mine = self.ledger.campaigns.of_run(RUN.number, ALI)[0].reconstruction_id
        dag = self.ledger.dags.plan(
            mine, number, number, planned_nodes(plan), "", START, made_for=SHARING
        )
        self.ledger.dags.submitted(dag, 7, START)
        for name in ("RECO_0000", "ALCA_0000"):
            self.ledger.dags.node_done(dag, name, Lumis.span(1, 5), 10, START)
        self.ledger.dags.ended(dag, [FailedNode(f"UPLOAD_{ALI}")], START)
        return dag

    def folder(self, name):
        return run_dir(self.work_dir, name, RUN.number)

    def grow(self, name, files):
        for file in files:
            path = self.folder(name) / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("0123456789")

    def close(self, *names, at=CLOSED):
        for name in names or SHARING:
            [campaign] = self.ledger.campaigns.of_run(RUN.number, name)
            self.ledger.campaigns.set_state(campaign.id, CampaignState.COMPLETE, "", at)

    def clean(self, now=LATER, most=1000, **of):
        return Cleaner(self.ledger).clean(self.config, now, most, **of)

    def left(self):
        """How many files there are in each run directory."""
        return {name: len(files_of(self.folder(name))) for name in (STREAM, *SHARING)}

    def gone(self, kept):
        return not any((self.folder(STREAM) / name).exists() for name in self.of_stream[kept])

    def cleaned(self, name):
        [campaign] = self.ledger.campaigns.of_run(RUN.number, name)
        return campaign.cleaned


@pytest.fixture
def place(tmp_path):
    made = Place(tmp_path)
    yield made
    made.ledger.close()


def test_reco_and_alcareco_go_once_for_all_that_share_them(place):
    place.close()
    assert place.clean(START + 8 * DAY) == (Size(8, 80), True)
    assert place.gone(Artifact.RECO)
    assert place.gone(Artifact.ALCARECO)
    assert [place.cleaned(name) for name in SHARING] == [{Artifact.RECO, Artifact.ALCARECO}] * 3
    assert place.clean(START + 8 * DAY) == (Size(), True)


def test_nothing_shared_goes_while_one_campaign_is_open(place):
    place.close(ALI, GAINS)
    before = place.left()[STREAM]
    place.clean()
    assert place.left()[STREAM] == before
    place.close(COMBINED, at=START + 40 * DAY)
    place.clean(START + 40.5 * DAY)
    assert place.left()[STREAM] == before
    place.clean(START + 42 * DAY)
    assert place.gone(Artifact.RECO)


def test_nothing_shared_goes_while_a_dag_of_one_is_in_the_queue(place):
    place.close()
    place.ledger.dags.plan_resubmission(place.dags[0])
    place.clean()
    assert place.left()[STREAM] == place.whole


def test_reco_stays_whose_alcareco_has_no_witness(place):
    place.close()
    (place.folder(STREAM) / place.alca_node(1).witness).unlink()
    place.clean(START + 2 * DAY)
    there = [(place.folder(STREAM) / name).exists() for name in place.reco]
    assert there == [False, True]


def test_reco_stays_whose_alcareco_was_not_made(place):
    place.ledger.dags.lost(place.dags[1], frozenset(), START)
    place.close()
    place.clean(START + 2 * DAY)
    there = [(place.folder(STREAM) / name).exists() for name in place.reco]
    assert there == [False, True]


def test_the_longest_time_of_those_that_share_counts(tmp_path):
    place = Place(tmp_path, **{GAINS: {"reco": "9 d"}, COMBINED: {}})
    place.close()
    place.clean(START + 8 * DAY)
    assert not place.gone(Artifact.RECO)
    place.clean(START + 10 * DAY)
    assert place.gone(Artifact.RECO)
    place.ledger.close()


def test_the_run_directory_of_a_campaign_goes_alone_and_that_of_the_stream_with_the_last(tmp_path):
    ages = {ALI: {"runs": "1 d"}, COMBINED: {"runs": "2 d"}, GAINS: {"runs": "3 d"}}
    place = Place(tmp_path, **ages)
    place.close()
    whole = place.left()
    place.clean(START + 1.5 * DAY)
    assert place.left() == whole | {ALI: 0}
    place.clean(START + 2.5 * DAY)
    assert place.left() == whole | {ALI: 0, COMBINED: 0}
    place.clean(START + 3.5 * DAY)
    assert place.left() == dict.fromkeys(whole, 0)
    assert place.ledger.retention.settled() == []
    assert not place.folder(STREAM).exists()
    place.ledger.close()


def test_what_is_cut_short_is_gone_on_with_until_all_of_it_is_gone(tmp_path):
    place = Place(tmp_path, **{name: {"runs": "1 d"} for name in SHARING})
    place.close()
    whole, gone, finished = sum(place.left().values()), Size(), False
    while not finished:
        part, finished = place.clean(most=1)
        assert part.files <= 1
        gone += part
    assert gone.files == whole
    assert set(place.left().values()) == {0}
    place.ledger.close()


def test_a_run_directory_that_cannot_be_removed_keeps_that_of_the_stream(tmp_path):
    place = Place(tmp_path, **{name: {"runs": "1 d"} for name in SHARING})
    place.close()
    kept = place.folder(ALI).rename(place.folder(ALI).with_name("elsewhere"))
    place.folder(ALI).symlink_to(kept)
    cleaner = Cleaner(place.ledger)
    cleaner.clean(place.config, LATER, 1000)
    assert "it is a link" in cleaner.errors[CampaignKey(ALI, RUN.number)]
    assert place.left()[STREAM] == place.whole
    place.ledger.close()


def test_of_one_calibration_goes_what_is_its_own(tmp_path):
    place = Place(tmp_path, **{name: {"runs": "1 d"} for name in SHARING})
    place.close()
    place.clean(calibration=COMBINED)
    assert [name for name, count in place.left().items() if not count] == [COMBINED]
    place.ledger.close()


def test_an_inventory_counts_once_what_is_shared(place):
    place.close()
    found = {each.key: each for each in inventories(place.config, place.ledger, START + 2 * DAY)}
    assert list(found) == [*(CampaignKey(name, RUN.number) for name in SHARING), EXPRESS]
    for name in SHARING:
        own = found[CampaignKey(name, RUN.number)]
        assert own.leavings.keys() == {Artifact.LOGS, Artifact.RUNS}
        assert own.leavings[Artifact.RUNS].size == Size(3, 30)
        assert own.leavings[Artifact.LOGS].goes_at == CLOSED + 20 * DAY
    stream = found[ReconstructionKey(STREAM, RUN.number)]
    assert stream.leavings[Artifact.RECO].goes_now
    assert stream.leavings[Artifact.ALCARECO].goes_at == CLOSED + 7 * DAY
    assert stream.leavings[Artifact.RUNS].size == Size(place.whole, 10 * place.whole)
    assert going(found.values()) == Size(2, 20)


def test_the_stream_is_shown_beside_its_calibrations(place):
    place.close()
    now, space = START + 2 * DAY, disk(place.work_dir)
    found = tuple(inventories(place.config, place.ledger, now))
    told = to_json(found, space, dry_run=True)
    assert [each["calibration"] for each in told["campaigns"]] == list(SHARING)
    [stream] = told["streams"]
    assert (stream["stream"], stream["run"]) == (STREAM, RUN.number)
    assert stream["leavings"]["reco"]["files"] == 2
    console = Console(file=StringIO(), width=120)
    console.print(cleanup_view(found, space, now, keeps_all=False))
    shown = console.file.getvalue()
    [line] = [line for line in shown.splitlines() if STREAM in line]
    assert "stream" in line
    assert "20 B now" in line


def test_a_run_stays_in_the_ledger_until_its_shared_reco_is_gone(tmp_path):
    place = Place(tmp_path, **{ALI: {"reco": "50 d"}, COMBINED: {}, GAINS: {}})
    place.close()
    archiver = Archiver(place.ledger)
    archiver.tidy(place.config, START + 400 * DAY)
    assert place.ledger.campaigns.has(CampaignKey(GAINS, RUN.number))
    place.clean(START + 400 * DAY)
    archiver.tidy(place.config, START + 401 * DAY)
    assert not place.ledger.campaigns.has(CampaignKey(GAINS, RUN.number))
    place.ledger.close()
