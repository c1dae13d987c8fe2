"""A report sums up what the ledger knows of a period, and says the same in every format."""

import csv
import io
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import validate

from condorloop.cli.views.report import report_view
from condorloop.cli.views.terminal import as_text
from condorloop.ledger.queries.uploads import UploadQueries
from condorloop.ledger.store import Ledger
from condorloop.model.campaign import CampaignKey, Probe
from condorloop.model.enums import CampaignState, FileState, NodeKind, UploadOutcome
from condorloop.model.jobs import HarvestRecord, JobRecord, PlannedNode
from condorloop.model.lumis import Lumis
from condorloop.reports import csv_tables as report_csv
from condorloop.reports.campaign_data import LedgerReport
from condorloop.reports.collect import gather
from condorloop.reports.period import Period
from condorloop.reports.report import Spread, json_schema, to_json
from condorloop.reports.tables import heading, span, tables
from condorloop.reports.time_breakdown import Part
from tests.unit.examples import RUN, START, config

STREAM = "/eos/cms/RAW"
ECAL, BEAM = "EcalPedestals", "BeamSpot"
DAY = 86400.0


@pytest.fixture
def ours(tmp_path):
    """A small site."""
    loaded = config(tmp_path)
    loaded.site.work_dir.mkdir()
    return loaded


@pytest.fixture
def ledger(ours):
    with Ledger(ours.site.work_dir / "condorloop.db") as ledger:
        yield ledger


def job(node, at, runs, **more):
    """A job that starts two seconds after its submission, at a time after the run's start."""
    told = {"started_at": START + at + 2, "ended_at": START + at + 2 + runs, "exit_code": 0}
    told |= {"cpu_time": runs / 2, "memory_used": 1500, "memory_asked": 2000, "starts": 1}
    return JobRecord(node, f"{node}.{at:g}", START + at, **(told | more))


def campaign(ledger, calibration=ECAL, run=RUN, *, ended=True):
    """One DAG of one file of LS 1 to 10, each of 10 s; its payload is uploaded after 170 s."""
    key, stream = CampaignKey(calibration, run.number), f"{STREAM}/{calibration}"
    late = run.start - START
    ledger.campaigns.latch(key, stream, run, "running", run.start)
    mine = ledger.campaigns.of_run(run.number, calibration)[0].id
    path = f"{stream}/{run.number}.root"
    ledger.raw_files.add(stream, run.number, {path: 1000}, run.start + 104)
    probe = Probe(Lumis.span(1, 10), 100)
    ledger.raw_files.probed(path, FileState.GOOD, probe, run.start + 105)
    nodes = [
        PlannedNode("RECO_0000", NodeKind.RECO, "r", "r.txt", paths=(path,), child="ALCA_0000"),
        PlannedNode("ALCA_0000", NodeKind.ALCA, "apJob000", "w.txt", job=0),
        PlannedNode("HARVEST", NodeKind.HARVEST, "h", "h.json"),
        PlannedNode("UPLOAD", NodeKind.UPLOAD, "h", "u.json"),
    ]
    dag = ledger.dags.plan(mine, 0, 0, nodes, "new files", run.start + 109)
    ledger.dags.submitted(dag, 7, run.start + 110)
    ledger.dags.node_done(dag, "ALCA_0000", Lumis.span(1, 10), 100, run.start + 148)
    uploaded = {"harvested_at": run.start + 160, "outcome": UploadOutcome.UPLOADED}
    done = HarvestRecord(
        frozenset({0}), Lumis.span(1, 10), 100, answered_at=run.start + 170, **uploaded
    )
    ledger.payloads.record(dag, mine, done)
    failed = job("RECO_0000", late + 112, 3, exit_code=65)
    jobs = [failed, job("RECO_0000", late + 118, 20), job("ALCA_0000", late + 141, 5)]
    jobs += [job("HARVEST", late + 150, 8), job("UPLOAD", late + 161, 8, memory_used=None)]
    ledger.dags.record_jobs(dag, jobs)
    if ended:
        ledger.campaigns.update_runs([replace(run, end=run.start + 100, last_ls=10)])
        ledger.dags.ended(dag, None, run.start + 172)
        ledger.campaigns.set_state(mine, CampaignState.COMPLETE, "all is in", run.start + 300)
    return mine


def reported(ours, period=None, only=()):
    return gather(ours, only, period or Period(), START + 5 * DAY)


@given(st.lists(st.floats(0, 1e6), min_size=1))
def test_ninety_percent_of_all_values_are_at_most_the_90_percent(values):
    spread = Spread.of(values)
    assert sum(v <= spread.p90 for v in values) >= 0.9 * len(values)
    assert sum(v < spread.p90 for v in values) <= 0.9 * len(values)
    assert min(values) <= spread.median <= spread.p90 <= spread.worst == max(values)
    assert spread.count == len(values)


def test_latencies_count_from_the_ends_of_lumisections_and_run_and_from_its_start(ledger, ours):
    campaign(ledger)
    [found] = reported(ours).calibrations
    assert found.after_ls_end == Spread(10, 115.0, 115.0, 150.0, 160.0)
    assert found.after_run_end == Spread(1, 70.0, 70.0, 70.0, 70.0)
    assert found.after_run_start == Spread(1, 170.0, 170.0, 170.0, 170.0)
    assert (found.lumis_good, found.lumis_in_payload, found.lumis_in_window) == (10, 10, 10)


@pytest.mark.parametrize(
    ("by_lumi", "buffer", "lumis", "campaigns"),
    [
        (False, 170.0, 10, 1),
        (False, 169.0, 0, 0),
        (True, 170.0, 10, 1),
        (True, 169.0, 9, 0),
        (True, 80.0, 6, 0),
    ],
)
def test_in_time_is_counted_by_the_window_of_the_run_or_of_each_lumisection(
    ledger, ours, by_lumi, buffer, lumis, campaigns
):
    """The payload comes 170 s after the run's start; LS n is taken from (n - 1) * 23.31 s on."""
    mine = campaign(ledger)
    ledger.connection.execute("UPDATE campaign SET by_lumi = ? WHERE id = ?", (by_lumi, mine))
    closing = ours.calibrations[ECAL].closing.model_copy(update={"buffer": buffer})
    ecal = ours.calibrations[ECAL].model_copy(update={"closing": closing})
    [found] = reported(replace(ours, calibrations={ECAL: ecal})).calibrations
    assert (found.lumis_in_window, found.in_window) == (lumis, campaigns)


def test_the_mean_parts_sum_to_the_mean_latency(ledger, ours):
    campaign(ledger)
    [found] = reported(ours).calibrations
    assert sum(found.parts.values()) == pytest.approx(found.after_ls_end.mean)
    assert (found.parts[Part.RECO], found.parts[Part.RETRIES]) == (20, 6)


def test_jobs_retries_failures_and_memory_are_told_by_kind_of_node(ledger, ours):
    campaign(ledger)
    [found] = reported(ours).calibrations
    reco = found.nodes[0]
    assert (reco.kind, reco.nodes, reco.jobs) == (NodeKind.RECO, 1, 2)
    assert (reco.retries, reco.failed) == (1, 1)
    assert reco.efficiency == pytest.approx(0.5)
    assert reco.wall_hours * 3600 == pytest.approx(23)
    assert (reco.memory_used.worst, reco.memory_asked.worst) == (1500, 2000)
    assert found.nodes[-1].memory_used is None


def test_an_open_campaign_counts_with_its_lumisections_only(ledger, ours):
    campaign(ledger, ended=False)
    [found] = reported(ours).calibrations
    assert (found.campaigns, found.closed, found.after_run_end) == (1, 0, None)
    assert found.after_ls_end.count == 10


def test_the_jobs_of_a_dag_in_flight_are_read_from_its_log(ledger, ours):
    mine = campaign(ledger, ended=False)
    asked = []
    with LedgerReport(ledger.path) as view:
        [found] = view.reported(Period())
        log = [job("RECO_0000", 112, 3, exit_code=65), job("RECO_0000", 200, 9)]
        facts = view.facts(found, lambda number: asked.append(number) or log)
    assert (found.id, asked) == (mine, [0])
    assert [j.submitted_at - START for j in facts.jobs[1] if j.node == "RECO_0000"] == [
        112,
        118,
        200,
    ]


def test_a_payload_after_the_window_is_not_in_time(ledger, ours):
    campaign(ledger)
    ledger.connection.execute("UPDATE payload SET answered_at = ?", (START + 9 * 3600,))
    [found] = reported(ours).calibrations
    assert (found.closed, found.in_window, found.lumis_in_window) == (1, 0, 0)


def test_a_period_is_of_the_runs_that_started_in_it(ledger, ours):
    for days in range(3):
        campaign(ledger, run=replace(RUN, number=398600 + days, start=START + days * DAY))
    periods = [
        Period(since=START + DAY),
        Period(until=START + DAY),
        Period(since=START + 1, until=START + 2 * DAY),
        Period(first=398601, last=398601),
    ]
    runs = [[c.run for c in reported(ours, period).campaigns] for period in periods]
    assert runs == [[398601, 398602], [398600], [398601], [398601]]


def test_campaigns_before_the_period_are_not_read(ledger, ours):
    class Counting(UploadQueries):
        asked = 0

        def of(self, campaign_id):
            self.asked += 1
            return super().of(campaign_id)

    for days in range(3):
        campaign(ledger, run=replace(RUN, number=398600 + days, start=START + days * DAY))
    with LedgerReport(ledger.path) as view:
        view.uploads = Counting(view.connection)
        found = [view.facts(c, lambda number: ()) for c in view.reported(Period(START + DAY))]
        assert (len(found), view.uploads.asked) == (2, 2)


def test_calibrations_can_be_chosen(ledger, ours):
    campaign(ledger)
    campaign(ledger, BEAM)
    assert [c.calibration for c in reported(ours).calibrations] == [BEAM, ECAL]
    assert [c.calibration for c in reported(ours, only=[BEAM]).campaigns] == [BEAM]


def test_the_json_is_as_its_schema_says_and_holds_no_raw_delays(ledger, ours):
    campaign(ledger)
    data = json.loads(json.dumps(to_json(reported(ours))))
    validate(data, json_schema())
    assert data["schema"] == 1
    assert "delays" not in data["calibrations"][0]


def test_the_csv_has_the_numbers_of_the_json(ledger, ours):
    campaign(ledger)
    campaign(ledger, BEAM)
    made = reported(ours)
    found = {n: list(csv.DictReader(io.StringIO(t))) for n, t in report_csv.tables(made).items()}
    assert [len(rows) for rows in found.values()] == [2, 2, 8]
    row = found["campaigns"][0]
    assert (row["calibration"], float(row["after_ls_end.worst"])) == (BEAM, 160.0)
    assert float(row["parts.RECO"]) == 20


def test_the_tables_say_what_was_counted_beside_the_standard_loop(ledger, ours):
    campaign(ledger)
    shown = as_text(report_view(reported(ours)))
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert "EcalPedestals LS end 10 115 s 115 s 2.5 min 2.7 min" in lines
    assert "EcalPedestals run end 1 70 s 70 s 70 s 70 s 7.2 h" in lines
    assert "EcalPedestals 1 1 1 (100%) 10 10 10 (100%) 1 0 0 0" in lines


def test_every_row_of_a_table_has_a_cell_for_each_column(ledger, ours):
    campaign(ledger)
    campaign(ledger, BEAM, ended=False)
    for table in tables(reported(ours)):
        assert {len(row) for row in table.rows} == {len(table.columns)}


def test_of_nothing_a_report_says_so(ledger, ours):
    made = reported(ours)
    assert heading(made).startswith("example: no campaigns")
    assert tables(made) == ()
    assert set(report_csv.tables(made)) == {"campaigns", "calibrations", "nodes"}


@given(st.floats(-1e8, 1e8))
def test_a_duration_has_a_unit_and_few_digits(seconds):
    number, unit = span(seconds).split()
    size = {"s": 1, "min": 60, "h": 3600}[unit]
    assert float(number) * size == pytest.approx(
        seconds, abs=0.51 * (size if unit == "s" else size / 10)
    )
