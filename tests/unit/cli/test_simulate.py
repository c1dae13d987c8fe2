"""`condorloop simulate` answers what would be, and says what a person has written wrongly."""

import json
import sys

import pytest
from click.testing import CliRunner

from condorloop.cli.main import cli
from condorloop.dagman.plan import plan_batch, planned_nodes
from condorloop.ledger.store import Ledger
from condorloop.model.campaign import Batch, CampaignKey, RawFile, ReconstructionKey
from condorloop.model.enums import NodeKind
from condorloop.model.jobs import JobRecord
from condorloop.model.lumis import Lumis
from condorloop.simulation.models.recorded_times import NodeJob, read, waits
from tests.unit.examples import RUN, START, config, site_file
from tests.unit.express import STREAM, express_config, express_site
from tests.unit.reports.test_report import campaign

ECAL = "EcalPedestals"
SCENARIO = """
runs:
  - {run: 398600, calibrations: [EcalPedestals], lumisections: {count: 60, every: 23.31}}
"""


@pytest.fixture
def simulate(tmp_path, monkeypatch):
    """Runs the command on a small scenario."""
    monkeypatch.chdir(tmp_path)
    site, scenario = site_file(tmp_path), tmp_path / "one-run.yaml"
    scenario.write_text(SCENARIO)

    def run(*arguments):
        given = ["simulate", "--site", str(site), "--runs", str(scenario), "-c", ECAL]
        return CliRunner().invoke(cli, [*given, *arguments])

    return run


@pytest.fixture
def work_dir(tmp_path):
    """The folder of a submitter that has had one campaign."""
    folder = tmp_path / "work"
    folder.mkdir()
    with Ledger(folder / "condorloop.db") as ledger:
        campaign(ledger)
    return folder


def test_the_terminal_shows_latencies_jobs_and_the_pool(simulate):
    done = simulate()
    assert done.exit_code == 0
    for title in ("From LS end to payload", "Jobs", "The pool"):
        assert title in done.stdout


def rows(done):
    return json.loads(done.stdout)["rows"]


def test_json_is_all_that_is_printed(simulate):
    [row] = rows(simulate("--json"))
    assert row["changed"] == {}
    assert [c["calibration"] for c in row["outcome"]["calibrations"]] == [ECAL]
    assert row["outcome"]["calibrations"][0]["lumis"] == 60


def test_each_value_is_a_row_and_several_keys_are_combined(simulate):
    done = simulate("--vary", "slots=8,64", "--vary", "batching.batch_window=10 s,5 min", "--json")
    changed = [tuple(row["changed"].values()) for row in rows(done)]
    assert changed == [("8", "10 s"), ("8", "5 min"), ("64", "10 s"), ("64", "5 min")]
    assert [row["outcome"]["slots"] for row in rows(done)] == [8, 8, 64, 64]
    table = simulate("--vary", "slots=8,64").stdout.splitlines()
    assert [line.split()[0] for line in table if line.startswith(("slots", "8", "64"))] == [
        "slots",
        "8",
        "64",
    ]


def test_outages_and_more_data_are_told_in_the_title(simulate):
    done = simulate("--outage", "eos:10min@5min", "--data", "3")
    assert done.stdout.startswith("one-run, 3 times the data, eos away for 10 min after 5 min\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--vary", "slots"], "KEY=V1,V2"),
        (["--vary", "slots=0"], "a whole number greater than 0"),
        (["--vary", "data=few"], "a number greater than 0"),
        (["--vary", "batching.window=1"], "batching has max_files_per_job"),
        (["--vary", "window=1"], "SECTION.KEY"),
        (["--vary", "batching.batch_window=soon"], "a duration such as"),
        (["--outage", "eos:2h"], "eos:2h@3d"),
        (["--pool", "none.yaml"], "does not exist"),
        (["--days", "0"], "days"),
    ],
)
def test_what_cannot_be_simulated_is_wrong_usage_and_names_what_is_expected(
    simulate, arguments, said
):
    done = simulate(*arguments)
    assert done.exit_code == 2
    assert said in " ".join(done.stderr.split())


def test_plots_are_written_where_they_are_wanted(simulate, tmp_path):
    done = simulate("--vary", "slots=8,64", "--plots", str(tmp_path / "plots"))
    assert done.exit_code == 0
    names = ("latency-and-cost", "latencies", "latency-in-time")
    written = {f"{name}.{form}" for name in names for form in ("png", "pdf")}
    assert {p.name for p in (tmp_path / "plots").iterdir()} == written
    assert all(p.stat().st_size > 1000 for p in (tmp_path / "plots").iterdir())
    assert {line.rpartition("/")[2] for line in done.stderr.splitlines()} == written


def test_matplotlib_is_not_loaded_before_a_plot_is_wanted(simulate, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert simulate().exit_code == 0


def test_calibrations_that_share_a_stream_have_its_jobs_in_a_row_of_their_own(tmp_path):
    names = ("SiPixelLA", "SiStripQuality")
    scenario = tmp_path / "one-run.yaml"
    scenario.write_text(SCENARIO)
    site = express_site(tmp_path, names)
    given = ["simulate", "--site", str(site), "--runs", str(scenario)]
    table = CliRunner().invoke(cli, given)
    assert table.exit_code == 0
    jobs = table.stdout.partition("Jobs\n")[2].splitlines()
    of_whom = [line.split()[:2] for line in jobs if line.startswith((STREAM, *names))]
    harvested = [[name, kind] for name in names for kind in ("HARVEST", "UPLOAD")]
    assert of_whom == [[STREAM, "RECO"], [STREAM, "ALCA"], *harvested]
    [row] = rows(CliRunner().invoke(cli, [*given, "--json"]))
    [stream] = row["outcome"]["streams"]
    calibrations = row["outcome"]["calibrations"]
    assert (stream["stream"], stream["files"]) == (STREAM, 12)
    assert [(c["calibration"], c["lumis"], c["files"]) for c in calibrations] == [
        (name, 60, 0) for name in names
    ]


def test_what_varies_is_the_batching_of_a_shared_stream_too(tmp_path):
    scenario = tmp_path / "one-run.yaml"
    scenario.write_text(SCENARIO)
    site = express_site(tmp_path, ["SiPixelLA", "SiStripQuality"])
    given = ["simulate", "--site", str(site), "--runs", str(scenario), "--json"]
    done = CliRunner().invoke(cli, [*given, "--vary", "batching.max_files_per_job=1,100"])
    one, many = (row["outcome"]["streams"][0]["kinds"]["RECO"]["jobs"] for row in rows(done))
    assert one >= 12 > many


def test_past_times_are_what_is_drawn(simulate, work_dir):
    [row] = rows(simulate("--from", str(work_dir), "--json"))
    [calibration] = row["outcome"]["calibrations"]
    ran = {kind: of_kind["ran"] for kind, of_kind in calibration["kinds"].items()}
    assert ran["ALCA"] == pytest.approx(5)
    assert ran["UPLOAD"] == pytest.approx(8)


def test_times_of_jobs_and_of_what_lies_between_come_from_the_ledger(tmp_path, work_dir):
    found = read(work_dir, config(tmp_path))
    assert found.jobs[ECAL, NodeKind.RECO].values == [20]
    delays = {name: list(sample.values) for name, sample in found.delays.items()}
    assert delays["probe"] == [1]
    assert delays["between"] == [1, 2, 1]
    assert delays["upload_start"] == [2]
    assert "match" in delays


def test_jobs_that_calibrations_share_are_the_stream_s_and_counted_once(tmp_path):
    names = ["SiPixelLA", "SiStripQuality"]
    shared = express_config(names, tmp_path)
    shared.site.work_dir.mkdir()
    key = ReconstructionKey(STREAM, RUN.number)
    with Ledger(shared.site.work_dir / "condorloop.db") as ledger:
        for name in names:
            own = CampaignKey(name, RUN.number)
            ledger.campaigns.latch(own, "/eos/express", RUN, "running", START, stream=STREAM)
        [of] = ledger.campaigns.reconstructions({})
        batch = Batch(0, (RawFile("/eos/express/f.root", 1, Lumis.span(1, 1), 1),))
        both = {"made_for": names, "harvested_for": names}
        nodes = planned_nodes(plan_batch(key, shared.stream_of(names[0]), batch, 0, 0, **both))
        dag = ledger.dags.plan(of.id, 0, 0, nodes, "files", START, made_for=names)
        ledger.dags.submitted(dag, 7, START)
        begins = {"RECO_0000": 10, "ALCA_0000": 40}
        begins |= {"HARVEST_SiPixelLA": 60, "HARVEST_SiStripQuality": 60}
        begins |= {"UPLOAD_SiPixelLA": 70, "UPLOAD_SiStripQuality": 200}
        takes = {"RECO_0000": 29, "ALCA_0000": 17, "HARVEST_SiPixelLA": 7}
        ledger.dags.record_jobs(
            dag, [past_job(node, at, takes.get(node, 130)) for node, at in begins.items()]
        )
    found = read(shared.site.work_dir, shared)
    assert {key: list(sample.values) for key, sample in found.jobs.items()} == {
        (STREAM, NodeKind.RECO): [29],
        (STREAM, NodeKind.ALCA): [17],
        ("SiPixelLA", NodeKind.HARVEST): [7],
        ("SiStripQuality", NodeKind.HARVEST): [130],
        ("SiPixelLA", NodeKind.UPLOAD): [130],
        ("SiStripQuality", NodeKind.UPLOAD): [130],
    }
    # From RECO to ALCA, from ALCA to two HARVESTs, from each of these to its own UPLOAD.
    assert sorted(found.delays["between"].values) == [1, 3, 3, 3, 10]


def past_job(node, at, takes):
    """A job that was submitted so many seconds into the run, and ran at once."""
    began = START + at
    return JobRecord(
        node, f"{node}.0", began, started_at=began, ended_at=began + takes, exit_code=0, starts=1
    )


def test_a_folder_without_a_ledger_is_told(simulate, tmp_path):
    done = simulate("--from", str(tmp_path))
    assert done.exit_code == 1
    assert "condorloop.db" in str(done.exception)


def node_job(submitted, started, ended):
    record = JobRecord(node="RECO_0000", job_id=f"{submitted}.0", submitted_at=submitted)
    return NodeJob(ECAL, NodeKind.HARVEST, 1, "", record, started, ended)


def test_a_wait_for_another_job_s_end_is_no_match(tmp_path):
    """Two cores were used at once: who was third waited for cores, which the twin does itself."""
    jobs = [node_job(0, 3, 50), node_job(10, 14, 60), node_job(20, 55, 90), node_job(95, 97, 99)]
    assert list(waits(jobs, config(tmp_path))) == [3, 4, 2]
