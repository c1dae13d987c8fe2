"""The latencies that are shown while the loop runs are computed when something has changed."""

from dataclasses import replace

import pytest

from condorloop.ledger.queries.uploads import RecentLatencies, UploadQueries
from condorloop.ledger.store import Ledger
from condorloop.model.campaign import CampaignKey, Probe
from condorloop.model.enums import FileState, NodeKind, UploadOutcome
from condorloop.model.jobs import HarvestRecord, PlannedNode
from condorloop.model.lumis import Lumis
from tests.unit.examples import KEY, RUN, START

STREAM = "/eos/cms/RAW"


class Counting(UploadQueries):
    """Counts how often the uploads of a campaign are read."""

    asked = 0

    def of(self, campaign_id):
        self.asked += 1
        return super().of(campaign_id)


@pytest.fixture
def ledger(tmp_path):
    with Ledger(tmp_path / "condorloop.db") as ledger:
        ledger.uploads = Counting(ledger.connection)
        ledger.campaigns.latch(KEY, STREAM, RUN, "running", START)
        yield ledger


def campaign_id(ledger, key=KEY):
    [campaign] = ledger.campaigns.of_run(key.run, key.calibration)
    return campaign.id


def upload(ledger, number, lumis, at, key=KEY):
    mine = campaign_id(ledger, key)
    harvest = PlannedNode("HARVEST", NodeKind.HARVEST, "harvest", "harvest.json")
    dag = ledger.dags.plan(mine, number, number, [harvest], "new files", at - 60)
    uploaded = UploadOutcome.UPLOADED
    done = {"harvested_at": at - 5, "outcome": uploaded, "answered_at": at}
    ledger.payloads.record(dag, mine, HarvestRecord(frozenset({number}), lumis, 10, **done))


def see(ledger, path, lumis, at):
    ledger.raw_files.add(STREAM, RUN.number, {path: 1000}, at)
    ledger.raw_files.probed(path, FileState.GOOD, Probe(lumis, 100), at + 1)


def test_a_campaign_is_read_again_only_after_an_upload(ledger):
    recent = RecentLatencies()
    upload(ledger, 0, Lumis.span(1, 2), START + 100)
    first = recent.of(ledger.uploads, START)
    ledger.campaigns.update_runs([replace(RUN, last_ls=7)])
    assert recent.of(ledger.uploads, START) == first
    assert ledger.uploads.asked == 1
    upload(ledger, 1, Lumis.span(1, 4), START + 200)
    [second] = recent.of(ledger.uploads, START)
    assert (ledger.uploads.asked, second.lumis, second.uploaded_at) == (2, 4, START + 200)


def test_the_end_of_a_run_tells_when_its_lumisections_ended(ledger):
    recent = RecentLatencies()
    upload(ledger, 0, Lumis.span(1, 2), START + 100)
    recent.of(ledger.uploads, START)
    ledger.campaigns.update_runs([replace(RUN, end=START + 40, last_ls=2)])
    [point] = recent.of(ledger.uploads, START)
    assert (point.worst, point.after_end) == (80.0, 60.0)


def test_while_a_run_is_taken_no_lumisection_ends_after_its_file_was_seen(ledger):
    see(ledger, "/a.root", Lumis.of([1]), START + 3)
    see(ledger, "/b.root", Lumis.of([1]), START + 9)
    upload(ledger, 0, Lumis.of([1]), START + 10)
    [point] = RecentLatencies().of(ledger.uploads, START)
    assert point.worst == 7.0


def test_campaigns_of_older_runs_and_without_uploads_are_left_out(ledger):
    late = replace(RUN, number=RUN.number + 1, start=START + 500)
    key = CampaignKey(KEY.calibration, late.number)
    ledger.campaigns.latch(key, STREAM, late, "running", START + 500)
    upload(ledger, 0, Lumis.of([1]), START + 100)
    upload(ledger, 0, Lumis.of([1]), START + 600, key)
    ledger.campaigns.latch(
        CampaignKey("BeamSpot", late.number), STREAM, late, "running", START + 500
    )
    points = RecentLatencies().of(ledger.uploads, START + 400)
    assert [(p.calibration, p.run) for p in points] == [(key.calibration, key.run)]
