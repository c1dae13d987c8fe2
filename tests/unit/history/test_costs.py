"""What calibrations have cost, and who goes first, as `validate` tells it."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from condorloop.cli.commands.validate import validate
from condorloop.history.costs import Cost, StreamCosts, costs_of
from condorloop.ledger.store import Ledger
from condorloop.model.campaign import CampaignKey
from condorloop.model.enums import NodeKind
from condorloop.model.jobs import JobRecord, PlannedNode
from condorloop.model.lumis import Lumis
from condorloop.rundir.layout import LEDGER
from tests.unit.examples import RUN, START, TOP
from tests.unit.express import STREAM, express_config, express_site

FIRST, SECOND = "SiPixelLA", "SiStripQuality"
SHIPPED = TOP / "calibrationYAML" / "EcalPedestals.yaml"
CORES = {NodeKind.RECO: 8, NodeKind.ALCA: 8, NodeKind.HARVEST: 1}


@pytest.fixture
def config(tmp_path):
    config = express_config((FIRST, SECOND), tmp_path)
    config.site.work_dir.mkdir()
    return config


def job(node, seconds, number=0):
    return JobRecord(
        node=node,
        job_id=f"{number}.0",
        submitted_at=START,
        started_at=START + 5,
        ended_at=START + 5 + seconds,
        exit_code=0,
        starts=1,
    )


def past_runs(config):
    """Three batches of 100 events, and a harvest of the first calibration."""
    with Ledger(config.site.work_dir / LEDGER) as ledger:
        for name in (FIRST, SECOND):
            key = CampaignKey(name, RUN.number)
            ledger.campaigns.latch(key, "/eos/RAW", RUN, "running", START, stream=STREAM)
        [mine] = ledger.connection.rows("SELECT id FROM reconstruction")
        for number, seconds in enumerate((50, 100, 900)):
            nodes = [
                PlannedNode(f"{kind}_0000", kind, f"{kind}{number}", "w")
                for kind in (NodeKind.RECO, NodeKind.ALCA)
            ]
            dag = ledger.dags.plan(mine["id"], number, number, nodes, "files", START)
            jobs = [job("RECO_0000", seconds, number), job("ALCA_0000", 1, 10 + number)]
            ledger.dags.record_jobs(dag, jobs)
            events = 100 if number else 0
            ledger.dags.node_done(dag, "RECO_0000", Lumis.span(1, 5), 100, START)
            ledger.dags.node_done(dag, "ALCA_0000", Lumis.span(1, 5), events, START)
        harvest = PlannedNode("HARVEST", NodeKind.HARVEST, "h", "w", calibration=FIRST)
        dag = ledger.dags.plan(mine["id"], None, 3, [harvest], "grown", START)
        ledger.dags.record_jobs(dag, [job("HARVEST", 12)])


def told(tmp_path, *options):
    site, own = tmp_path / "site.yaml", tmp_path / "calibrations"
    given = ["--site", str(site), "--calibrations", str(own)]
    done = CliRunner().invoke(validate, [*given, *options])
    assert done.exit_code == 0
    return done.stdout


def test_a_median_of_core_seconds_by_event_and_by_harvest(config):
    past_runs(config)
    assert {kind: config.stream_of(FIRST).cores(kind) for kind in CORES} == CORES
    assert costs_of(config) == {
        STREAM: StreamCosts(
            per_event={
                NodeKind.RECO: Cost(100 * 8 / 100, 3),
                NodeKind.ALCA: Cost(1 * 8 / 100, 2),
            },
            harvest={FIRST: Cost(12.0, 1)},
        )
    }


def test_without_a_ledger_nothing_is_said_of_costs(config, tmp_path):
    assert costs_of(config) == {}
    text = told(tmp_path)
    assert "core seconds" not in text
    assert f"  {FIRST} has priority 0\n" in text
    streams = json.loads(told(tmp_path, "--json"))["streams"]
    assert streams[STREAM]["core_seconds_per_event"] == {}
    assert not (config.site.work_dir / LEDGER).exists()


def test_a_ledger_that_is_none_keeps_nobody_from_validating(config):
    (config.site.work_dir / LEDGER).write_text("no ledger")
    assert costs_of(config) == {}


def test_validate_shows_who_goes_first_and_what_each_has_cost(config, tmp_path):
    past_runs(config)
    file = tmp_path / "calibrations" / f"{SECOND}.yaml"
    file.write_text(file.read_text() + "\npriority: 30\n")
    text = told(tmp_path)
    for line in (
        "  RECO took 8 core seconds an event (median of 3 jobs)",
        "  ALCA took 0.08 core seconds an event (median of 2 jobs)",
        f"  {FIRST} has priority 0, HARVEST took 12 core seconds a job (median of 1 job)",
        f"  {SECOND} has priority 30",
    ):
        assert f"{line}\n" in text
    stream = json.loads(told(tmp_path, "--json"))["streams"][STREAM]
    assert stream["priority"] == 0
    assert stream["priorities"] == {FIRST: 0, SECOND: 30}
    assert stream["core_seconds_per_event"]["RECO"] == {"median": 8.0, "jobs": 3}
    assert stream["core_seconds_per_harvest"] == {FIRST: {"median": 12.0, "jobs": 1}}


def test_a_calibration_with_a_stream_of_its_own_has_its_costs_in_one_place(tmp_path):
    site = express_site(tmp_path, ())
    own = tmp_path / "calibrations" / "EcalPedestals.yaml"
    own.write_text(SHIPPED.read_text())
    (tmp_path / "work").mkdir()
    with Ledger(tmp_path / "work" / LEDGER) as ledger:
        key = CampaignKey("EcalPedestals", RUN.number)
        ledger.campaigns.latch(key, "/eos/RAW", RUN, "running", START)
        [mine] = ledger.connection.rows("SELECT id FROM reconstruction")
        nodes = [
            PlannedNode("RECO_0000", NodeKind.RECO, "r", "w"),
            PlannedNode("HARVEST", NodeKind.HARVEST, "h", "w"),
        ]
        dag = ledger.dags.plan(mine["id"], 0, 0, nodes, "files", START)
        ledger.dags.record_jobs(dag, [job("RECO_0000", 50), job("HARVEST", 3, 1)])
        ledger.dags.node_done(dag, "RECO_0000", Lumis.span(1, 5), 200, START)
    assert site.exists()
    text = told(tmp_path)
    assert "EcalPedestals: RECO took 2 core seconds an event (median of 1 job)\n" in text
    assert "EcalPedestals: HARVEST took 3 core seconds a job (median of 1 job)\n" in text
