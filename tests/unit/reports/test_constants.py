"""What the constants of runs are like: summed up once, and kept beside the payload."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.errors import CondorloopError
from condorloop.model.constants import Constants, IovConstants
from condorloop.model.enums import CampaignState, UploadOutcome
from condorloop.model.lumis import Lumis
from condorloop.reports import csv_tables
from condorloop.reports.constants import ConstantsRecord, gather, summary
from condorloop.reports.report import CampaignReport, DestinationReport, QuantityReport, Report
from condorloop.reports.tables import tables
from condorloop.rundir.layout import CONSTANTS_RECORD, HARVEST_RECORD, run_dir
from condorloop.rundir.records.harvest import HarvestResult, Iov
from tests.unit.examples import START

RUN = 398600
ECAL = Constants(
    "Ecal",
    (IovConstants(RUN, "h", {"mean": {"1": 199.0, "2": 201.0}}, {"dead": frozenset({"3", "4"})}),),
    units={"mean": "ADC counts"},
)


def test_values_are_summed_up_over_channels_numbers_over_iovs_and_sets_by_their_size():
    spots = [IovConstants(ls, "h", numbers={"x": 0.1 * ls}) for ls in (1, 3)]
    assert list(summary(ECAL)) == [
        QuantityReport(name="mean", unit="ADC counts", count=2, mean=200.0, spread=1.0),
        QuantityReport(name="dead", unit="", count=1, mean=2.0, spread=0.0),
    ]
    [x] = summary(Constants("Spot", tuple(spots)), "Spot: ")
    assert (x.name, x.count) == ("Spot: x", 2)
    assert math.isclose(x.mean, 0.2)
    assert math.isclose(x.spread, 0.1)


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=20))
def test_the_mean_lies_among_the_values_and_the_spread_is_none_of_equal_ones(values):
    channels = {"q": {str(n): v for n, v in enumerate(values)}}
    [q] = summary(Constants("T", (IovConstants(1, "h", channels),)))
    assert min(values) - 1e-6 <= q.mean <= max(values) + 1e-6
    assert 0 <= q.spread <= max(values) - min(values) + 1e-6


def in_tag(tag, harvest):
    return DestinationReport(database="prod", tag=tag, harvest=harvest, lumis=5)


ONE = (in_tag("hlt", "harvestJob001"),)


def campaign(run=RUN, destinations=ONE):
    return CampaignReport(
        calibration="Ecal",
        run=run,
        fill=None,
        state=CampaignState.COMPLETE,
        run_start=START,
        run_end=START + 9,
        window_ends=START + 99,
        in_window=True,
        lumis_good=1,
        lumis_in_payload=1,
        lumis_in_window=1,
        payloads={UploadOutcome.UPLOADED: 1},
        last_upload_at=START,
        after_run_start=1.0,
        after_run_end=1.0,
        after_ls_end=None,
        parts={},
        jobs=0,
        retries=0,
        failed=0,
        cpu_hours=0.0,
        wall_hours=0.0,
        destinations=destinations,
    )


@pytest.fixture
def work_dir(tmp_path):
    """Three harvests that made payloads."""
    for number in range(3):
        folder = run_dir(tmp_path, "Ecal", RUN) / f"harvestJob{number:03d}"
        folder.mkdir(parents=True)
        HarvestResult(
            dag_id="x",
            inputs=(),
            left_out={},
            overlaps=(),
            lumis=Lumis.span(1, 5),
            events=1,
            iovs=(Iov("Ecal", RUN, f"{number:040x}"),),
            time=START,
        ).write(folder / HARVEST_RECORD)
    return tmp_path


def report(*campaigns):
    return Report(site="s", time=START, campaigns=campaigns)


class Reader:
    """A payload reader that counts how often it is asked."""

    def __init__(self, error=None):
        self.asked = []
        self.error = error

    def __call__(self, calibration, file, tag):
        self.asked.append((calibration, file.parent.name, tag))
        if self.error:
            raise self.error
        return ECAL


def test_the_payload_that_was_uploaded_last_is_read_once(work_dir):
    read = Reader()
    [found] = gather(report(campaign()), work_dir, read)
    assert (found.harvest, found.unread) == ("harvestJob001", "")
    assert [q.name for q in found.quantities] == ["mean", "dead"]
    assert gather(report(campaign()), work_dir, read) == (found,)
    assert read.asked == [("Ecal", "harvestJob001", "Ecal")]


def test_what_was_found_of_another_payload_is_not_believed(work_dir):
    folder = run_dir(work_dir, "Ecal", RUN) / "harvestJob001"
    ConstantsRecord(("of another",), ()).write(folder / CONSTANTS_RECORD)
    read = Reader()
    [found] = gather(report(campaign()), work_dir, read)
    assert len(found.quantities) == 2
    (folder / CONSTANTS_RECORD).write_text("{")
    assert gather(report(campaign()), work_dir, read) == (found,)
    assert len(read.asked) == 2


def test_what_cannot_be_read_is_told_with_its_reason_and_hides_nothing_else(work_dir):
    read = Reader(CondorloopError("no dictionary"))
    gone, found = gather(report(campaign(RUN - 1), campaign()), work_dir, read)
    assert gone.unread == "its run directory is gone"
    assert found.unread == "no dictionary"
    assert gather(report(campaign(destinations=(in_tag("hlt", ""),))), work_dir, read) == ()


def test_destinations_with_other_payloads_are_told_apart(work_dir):
    both = (in_tag("hlt", "harvestJob001"), in_tag("trial", "harvestJob000"))
    plain = report(campaign(destinations=both))
    constants = gather(plain, work_dir, Reader())
    assert [(c.harvest, c.tags) for c in constants] == [
        ("harvestJob001", ("hlt",)),
        ("harvestJob000", ("trial",)),
    ]
    titles = {table.title: table for table in tables(report_with(plain, constants))}
    rows = titles["Destinations of a run that do not have the same payload"].rows
    assert rows == (
        (str(RUN), "Ecal", "hlt", "harvestJob001", "5"),
        (str(RUN), "Ecal", "trial", "harvestJob000", "5"),
    )
    told = titles["Constants of the last payload of each run"].rows
    assert [row[0] for row in told] == ["Ecal in hlt"] * 2 + ["Ecal in trial"] * 2
    in_force = csv_tables.tables(plain)["in_force"].splitlines()
    assert in_force[2] == f"Ecal,{RUN},prod,trial,harvestJob000,5"


def test_the_report_has_them_in_a_table_only_where_they_were_asked_for(work_dir):
    plain = report(campaign())
    titles = {table.title for table in tables(plain)}
    constants = gather(plain, work_dir, Reader())
    [table] = [t for t in tables(report_with(plain, constants)) if t.title not in titles]
    assert table.rows[0] == ("Ecal", str(RUN), "mean [ADC counts]", "2", "200", "1")


def report_with(plain, constants):
    return Report(site=plain.site, time=plain.time, campaigns=plain.campaigns, constants=constants)
