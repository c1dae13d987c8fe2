"""condor_q shows a real DAG's jobs by what they are for."""

import re

import pytest
from click.testing import CliRunner

from condorloop.cli.main import cli
from tests.pool.dags import Site, tool, wait

NODE = """\
case $1 in
inputs) mkdir -p inputs; touch inputs.txt ;;
upload) sleep 300 ;;
finish) exit "$3" ;;
esac
"""
WHY = "somebody looks at it"


@pytest.fixture(scope="module")
def site(pool, tmp_path_factory):
    """Two DAGs: a harvest that uploads, and a batch with a job that runs, one idle, one held."""
    whole_pool = {"RECO": {"request_cpus": 8, "request_memory_mb": 100}}
    folder = tmp_path_factory.mktemp("print-format")
    site = Site(folder, pool, batching={"max_files_per_job": 1}, nodes=whole_pool)
    try:
        harvest = site.harvest(1, node=NODE, harvest="mkdir HARVEST")
        wait(lambda: in_state(harvest, "2") == ["UPLOAD"])
        batch = site.batch(["/eos/a.root", "/eos/b.root", "/eos/c.root"], reco="sleep 300")
        wait(lambda: in_state(batch, "2") and len(in_state(batch, "1")) == 2)
        node = in_state(batch, "1")[-1]
        tool("condor_hold", "-reason", WHY, batch.ads("ClusterId")[node]["ClusterId"])
        wait(lambda: counts(batch) == ["1", "1", "1"])
        wait(lambda: counts(harvest) == ["0", "1", "0"])
        yield site
    finally:
        site.close()


def in_state(dag, number):
    return [node for node, ad in dag.ads("JobStatus").items() if ad["JobStatus"] == number]


def counts(dag):
    names = [f"DAG_Jobs{state}" for state in ("Idle", "Running", "Held")]
    return tool("condor_q", str(dag.cluster), "-af", *names).split()


def shown(site, what, columns):
    """What condor_q prints, row by row; the last column takes the rest of a line."""
    file = CliRunner().invoke(cli, ["print-format", what]).stdout.strip()
    name = site.config.site.name
    said = tool("condor_q", "-pr", file, "-constraint", f'CondorloopSite == "{name}"')
    heading, *lines = said[said.index("CALIBRATION") :].partition("\n\n")[0].splitlines()
    last = len(columns) - 1
    assert [word.strip() for word in heading.split(None, last)] == columns
    fields = ([word.strip() for word in line.split(None, last)] for line in lines)
    return [dict(zip(columns, row, strict=True)) for row in fields]


def jobs(site):
    columns = ["CALIBRATION", "RUN", "BATCH", "NODE", "LS", "STATE", "FOR", "JOB"]
    return shown(site, "jobs", [*columns, "HOST, OR WHY HELD"])


def test_each_job_is_shown_by_what_it_is_for(site):
    rows = jobs(site)
    assert {(row["CALIBRATION"], row["RUN"]) for row in rows} == {("EcalPedestals", "398600")}
    assert [(row["BATCH"], row["NODE"], row["LS"]) for row in rows] == [
        ("b000", "RECO_0000", "1"),
        ("b000", "RECO_0001", "2"),
        ("b000", "RECO_0002", "3"),
        ("harvest001", "UPLOAD", "-"),
    ]
    for row in rows:
        assert row["JOB"].isdigit()
        assert re.fullmatch(r"(\d+:)?\d+", row["FOR"])


def test_a_job_is_shown_with_its_state_and_where_it_runs_or_why_it_does_not(site):
    where = {
        (row["NODE"].partition("_")[0], row["STATE"]): row["HOST, OR WHY HELD"]
        for row in jobs(site)
    }
    assert where.pop(("RECO", "running")).startswith("slot")
    assert where.pop(("RECO", "held")).startswith(WHY)
    assert where == {("RECO", "idle"): "-", ("UPLOAD", "running"): "this one"}


def test_each_dag_is_shown_with_its_nodes_and_jobs_by_state(site):
    columns = [
        "CALIBRATION",
        "RUN",
        "BATCH",
        "STATE",
        "FOR",
        "NODES",
        "DONE",
        "FAILED",
        "IDLE",
        "RUNNING",
        "HELD",
        "JOB",
    ]
    batch, harvest = shown(site, "dags", [*columns, "WHY HELD"])
    told = columns[2:4] + columns[5:11]
    assert [batch[c] for c in told] == ["b000", "running", "6", "0", "0", "1", "1", "1"]
    assert [harvest[c] for c in told] == ["harvest001", "running", "2", "1", "0", "0", "1", "0"]
