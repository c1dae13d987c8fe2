"""A campaign's story is told from the ledger and its directories, and of what is left of them."""

import io
import json
import shutil

import jsonschema
import pytest
from rich.console import Console

from condorloop.cli.views.provenance import provenance_view
from condorloop.cli.views.show import run_view
from condorloop.history import campaign, provenance, reader
from condorloop.history.campaign import NodeStatus, node_state
from condorloop.ledger.connection import LedgerError
from condorloop.model.enums import DagState, NodeState
from condorloop.model.jobs import JobRecord
from condorloop.model.lumi_fates import LumiState
from tests.unit.examples import KEY, START, config
from tests.unit.story_example import BAD, HASH, path, written

NOW = START + 100
WAITING = NodeState.WAITING
JOB = JobRecord("RECO_0000", "1.0", START)


@pytest.fixture
def site(tmp_path):
    return written(tmp_path)


def told(site):
    [found] = reader.tell(site, KEY.run, [KEY.calibration])
    return found


def printed(view, width=80):
    console = Console(file=io.StringIO(), width=width, highlight=False)
    console.print(view)
    return console.file.getvalue()


def node(found, dag, name):
    return found.dag(dag).node(name)


@pytest.mark.parametrize(
    ("state", "dag", "job", "expected"),
    [
        (NodeState.DONE, DagState.ACTIVE, JOB, NodeStatus.DONE),
        (NodeState.FAILED, DagState.ACTIVE, JOB, NodeStatus.FAILED),
        (WAITING, DagState.FAILED, None, NodeStatus.NOT_RUN),
        (WAITING, DagState.ACTIVE, None, NodeStatus.WAITING),
        (WAITING, DagState.ACTIVE, JOB, NodeStatus.IDLE),
        (WAITING, DagState.ACTIVE, JobRecord("", "", 0, started_at=1), NodeStatus.RUNNING),
        (WAITING, DagState.ACTIVE, JobRecord("", "", 0, hold_reason="x"), NodeStatus.HELD),
        (WAITING, DagState.ACTIVE, JobRecord("", "", 0, ended_at=1, exit_code=0),
         NodeStatus.RUNNING),
        (WAITING, DagState.ACTIVE, JobRecord("", "", 0, ended_at=1, exit_code=84),
         NodeStatus.WAITING),
    ],
)  # fmt: skip
def test_a_node_is_in_one_state(state, dag, job, expected):
    assert node_state(state, dag, job) is expected


def test_each_file_has_its_fate(site):
    fates = {f.path: f.fate for f in told(site).files}
    assert fates == {
        path("a"): LumiState.IN_PAYLOAD,
        path("b"): LumiState.IN_PAYLOAD,
        path("c"): LumiState.FAILED,
        path("d"): LumiState.IN_WORK,
        path("e"): LumiState.GOOD,
        BAD: LumiState.BAD_FILE,
    }


def test_a_failed_node_is_told_with_its_jobs_and_attempts(site):
    failed = node(told(site), "b001", "RECO_0000")
    assert (failed.state, failed.exit_code) == (NodeStatus.FAILED, 84)
    assert [job.job_id for job in failed.jobs] == ["51.0", "52.0"]
    assert [attempt.exit_code for attempt in failed.attempts] == [84, 84]
    assert node(told(site), "b001", "HARVEST").state is NodeStatus.NOT_RUN


def test_a_dag_in_flight_is_told_from_its_event_log(site):
    running = node(told(site), "b002", "RECO_0000")
    assert (running.state, running.last_job.host) == (NodeStatus.RUNNING, "wn07")
    assert told(site).campaign.jobs == {"idle": 0, "running": 1, "held": 0}


def test_a_payload_is_followed_down_to_its_files_and_software(site):
    [found] = provenance.of_payload([told(site)], HASH[:6])
    assert found == provenance.of_payload([told(site)], "latest")[0]
    [source] = found.sources
    assert (source.name, source.dag) == ("apJob000", "b000")
    assert [[f.path for f in reco.files] for reco in source.recos] == [[path("a")], [path("b")]]
    assert [reco.node.last_job.job_id for reco in source.recos] == ["41.0", "42.0"]
    assert (found.software.release, found.software.global_tag) == (
        "CMSSW_16_0_7", "160X_dataRun3_v1",
    )  # fmt: skip
    assert (found.payload.in_force, found.payload.tags) == (True, ("EcalPedestals_hlt",))
    assert [iov.hash for iov in found.payload.iovs] == [HASH]


def test_a_payload_can_be_asked_for_by_its_harvest_and_a_wrong_hash_finds_none(site):
    [story_of] = [told(site)]
    for name in ("harvestJob000", "b000", HASH.upper()):
        assert [p.hash for p in provenance.chosen(story_of, name)] == [HASH]
    assert provenance.chosen(story_of, "0000") == provenance.chosen(story_of, "") == []


def test_what_retention_has_removed_is_told_from_the_ledger(site):
    before = told(site)
    shutil.rmtree(site.site.work_dir / KEY.calibration)
    after = told(site)
    assert [f.fate for f in after.files] == [f.fate for f in before.files]
    assert node(after, "b000", "RECO_0000").jobs == node(before, "b000", "RECO_0000").jobs
    assert not after.dag("b000").there
    [found] = provenance.of_payload([after], "latest")
    assert [f.name for s in found.sources for r in s.recos for f in r.files] == ["a.root", "b.root"]
    assert "the DAG's directory is gone" in " ".join(printed(provenance_view(found, NOW)).split())
    assert "directories that are gone: b000, b001, b002" in printed(run_view([after], NOW))


def test_damaged_directories_are_no_errors(site):
    for file in site.site.work_dir.glob("*/run*/*/*"):
        if file.is_file():
            file.write_bytes(b'{"release": 1, "cmssw": [], "upload": 7, "iovs": [1, {}]}\xff')
    assert printed(run_view([told(site)], NOW))


def test_all_calibrations_of_a_run_are_told_and_unknown_runs_name_the_known(site):
    assert [s.campaign.calibration for s in reader.tell(site, KEY.run)] == [
        "EcalPedestals", "SiStripBad",
    ]  # fmt: skip
    with pytest.raises(LedgerError, match=r"no campaign for run 1; the newest are 398600"):
        reader.tell(site, 1)


def test_before_any_submitter_it_says_what_to_type(tmp_path):
    with pytest.raises(LedgerError, match="no submitter has run here yet: condorloop run"):
        reader.tell(config(tmp_path), 1)


def test_the_json_holds_all_and_follows_its_schema(site):
    campaigns = reader.tell(site, KEY.run)
    data = json.loads(
        json.dumps(campaign.to_json(campaign.RunStory(run=KEY.run, campaigns=campaigns)))
    )
    jsonschema.validate(data, campaign.json_schema())
    assert data["schema"] == 1
    found = provenance.to_json(provenance.of_payload(campaigns, "latest"))
    jsonschema.validate(json.loads(json.dumps(found)), provenance.json_schema())
    assert BAD in json.dumps(data)
    assert path("a") in json.dumps(found)


@pytest.mark.parametrize("width", [60, 80, 140, 200])
@pytest.mark.parametrize("whole", [False, True])
def test_the_story_fits_the_terminal_and_tells_what_failed(site, width, whole):
    text = printed(run_view([told(site)], NOW, whole=whole), width)
    assert max(map(len, text.splitlines())) <= width
    joined = " ".join(text.split())
    for said in ("times are UTC", "FileReadError: broken basket", HASH, "████████FFFF▒▒▒▒░░░░"):
        assert said in joined
    assert f"condorloop analyze {KEY.run} -c {KEY.calibration} --node b001/RECO_0000" in joined
    assert "52.0 on wn01" in joined


def test_a_tree_of_many_files_counts_them_unless_all_are_wanted(site, monkeypatch):
    monkeypatch.setattr("condorloop.cli.views.provenance.ROOM", 3)
    [found] = provenance.of_payload([told(site)], "latest")
    short, whole = (printed(provenance_view(found, NOW, whole=w), 200) for w in (False, True))
    assert "a.root" not in short
    assert "1 RAW files: job 41.0 on wn01" in short
    assert "a.root LS 1-4, 100 events, 3.0 MB" in whole
