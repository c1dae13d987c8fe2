"""A report counts what RECO and ALCA of a shared stream cost once, and latencies by calibration."""

from __future__ import annotations

import pytest

from condorloop.ledger.store import Ledger
from condorloop.model.enums import NodeKind
from condorloop.reports import csv_tables
from condorloop.reports.collect import gather
from condorloop.reports.period import Period
from condorloop.reports.tables import tables
from condorloop.reports.time_breakdown import Part
from condorloop.rundir.layout import LEDGER
from tests.unit.examples import START, config
from tests.unit.shared_story_example import ALL, ECAL, EXPRESS, SPOT, STRIP, fill


@pytest.fixture
def report(tmp_path):
    site = config(tmp_path)
    site.site.work_dir.mkdir()
    with Ledger(site.site.work_dir / LEDGER) as ledger:
        fill(ledger)
    return gather(site, (), Period(), START + 1000)


def jobs(nodes):
    return {each.kind: each.jobs for each in nodes}


def test_jobs_of_reco_and_alca_are_counted_once(report):
    [stream] = report.streams
    assert (stream.stream, stream.reconstructions) == (EXPRESS, 1)
    assert stream.calibrations == tuple(key.calibration for key in ALL)
    assert jobs(stream.nodes) == {NodeKind.RECO: 4, NodeKind.ALCA: 1}
    own = {each.calibration: jobs(each.nodes) for each in report.calibrations}
    assert own == {
        SPOT.calibration: {NodeKind.HARVEST: 2, NodeKind.UPLOAD: 1},
        ECAL.calibration: {NodeKind.HARVEST: 1, NodeKind.UPLOAD: 1},
        STRIP.calibration: {},
    }


def test_hours_of_all_sum_to_what_was_used(report):
    parts = [*report.streams, *report.calibrations]
    assert sum(kind.cpu_hours for part in parts for kind in part.nodes) == pytest.approx(0.1)
    assert sum(c.cpu_hours for c in report.campaigns) == pytest.approx(0.05)


def test_each_calibration_has_latencies_with_the_time_in_reco(report):
    parts = {c.calibration: c.parts for c in report.campaigns}
    assert parts[ECAL.calibration][Part.RECO] == parts[SPOT.calibration][Part.RECO] > 0
    assert parts[STRIP.calibration] == {}


def test_the_table_of_jobs_names_stream_and_calibrations(report):
    [table] = [t for t in tables(report) if t.title == "Jobs"]
    names = [row[:2] for row in table.rows]
    assert names[:2] == [(EXPRESS, "RECO"), (EXPRESS, "ALCA")]
    assert "Express: for BeamSpot, EcalPedestals, SiStripBad." in table.note


def test_csv_has_a_column_for_streams_where_there_are_any(report):
    head, *rows = csv_tables.tables(report)["nodes"].splitlines()
    assert "stream" in head.split(",")
    assert sum(f",{EXPRESS}" in row or f"{EXPRESS}," in row for row in rows) == 2
