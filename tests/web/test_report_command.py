"""`condorloop report` writes what was asked for where it was asked for, or says why not."""

import json
import sys

import pytest
from click.testing import CliRunner

from condorloop.cli.main import cli
from condorloop.ledger.store import Ledger
from tests.unit.examples import site_file
from tests.unit.reports.test_report import campaign


@pytest.fixture
def condorloop(tmp_path, monkeypatch):
    """Runs the command in a folder, at a site with one campaign."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "/usr/bin")
    site = site_file(tmp_path)
    (tmp_path / "work").mkdir()
    with Ledger(tmp_path / "work" / "condorloop.db") as ledger:
        campaign(ledger)

    def run(*arguments):
        return CliRunner().invoke(cli, ["report", "--site", str(site), *arguments])

    return run


def test_the_terminal_shows_tables(condorloop):
    done = condorloop()
    assert done.exit_code == 0
    assert "Where the time goes, from LS end to upload" in done.stdout


@pytest.mark.parametrize("arguments", [["--json"], ["--format", "json"]])
def test_json_is_all_that_is_printed(condorloop, arguments):
    done = condorloop(*arguments)
    [found] = json.loads(done.stdout)["campaigns"]
    assert (found["run"], found["after_run_end"]) == (398600, 70.0)


def test_csv_on_the_terminal_is_of_the_campaigns(condorloop):
    head, row = condorloop("--format", "csv").stdout.splitlines()
    assert head.startswith("calibration,run,fill,state,")
    assert row.startswith("EcalPedestals,398600,10900,complete,")


def test_csv_in_a_folder_has_every_table(condorloop, tmp_path):
    done = condorloop("--format", "csv", "--output", "tables")
    assert done.exit_code == 0
    assert sorted(f.name for f in (tmp_path / "tables").iterdir()) == [
        "calibrations.csv",
        "campaigns.csv",
        "nodes.csv",
    ]


def test_a_file_gets_the_page_and_a_folder_the_plots(condorloop, tmp_path):
    done = condorloop("--format", "html", "--output", "r.html", "--plots", "plots")
    assert done.exit_code == 0
    page = (tmp_path / "r.html").read_text()
    assert page.count("<img ") == 4
    assert "<script" not in page
    assert len(list((tmp_path / "plots").glob("*.png"))) == 4
    assert done.stdout == ""


def test_a_page_without_what_draws_plots_is_refused_and_nothing_is_written(
    condorloop, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "mplhep", None)
    done = condorloop("--format", "html", "--output", "r.html")
    assert "pip install 'condorloop[report]'" in str(done.exception)
    assert not (tmp_path / "r.html").exists()


def test_tables_do_without_what_draws_plots(condorloop, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert condorloop().exit_code == 0


def test_a_period_that_nobody_understands_is_wrong_usage(condorloop):
    done = condorloop("--since", "yesterday")
    assert done.exit_code == 2
    assert "'yesterday' is not a date such as 2026-11-24" in done.output


def test_a_period_without_runs_is_told_in_a_line(condorloop):
    done = condorloop("--since", "398601")
    assert done.exit_code == 0
    assert done.stdout.startswith("example: no campaigns")
