"""What nodes have left is looked for only where the event log says that there is something."""

from pathlib import Path

import pytest

from condorloop.cycle.node_progress import Observed, follow_dag
from condorloop.dagman.logs.job_events import nodes_log
from condorloop.dagman.logs.nodes_log import NodesLog
from condorloop.dagman.plan import planned_nodes
from condorloop.ledger.store import Ledger
from condorloop.model.campaign import Batch, Probe
from condorloop.model.enums import FileState, TagOutcome, UploadOutcome
from condorloop.model.jobs import DestinationRecord
from condorloop.model.lumis import Lumis
from condorloop.rundir.layout import (
    HARVEST_RECORD,
    INPUTS,
    UPLOAD_RECORD,
    dag_dir,
    dag_file,
    run_dir,
)
from condorloop.rundir.records.harvest import HarvestResult, Iov
from condorloop.rundir.records.upload import DestinationResult, UploadResult
from condorloop.rundir.records.witness import Witness
from tests.unit.dag_plans import own_batch
from tests.unit.dagman.test_nodes_log import POST
from tests.unit.examples import KEY, RUN, START, calibration, raw_file

DAG_ID = "ledger/EcalPedestals/398600/0"
FILES = tuple(raw_file(i, i + 1, i + 1) for i in range(100))
ALWAYS = ["HARVEST", "HARVEST", "UPLOAD"]
"""What is opened at each look: the records of both, and the inputs of HARVEST."""


class Followed:
    """A DAG of 20 RECO nodes in the queue, its ledger, and what is opened below its run."""

    def __init__(self, folder, monkeypatch):
        self.ledger = Ledger(folder / "condorloop.db")
        self.ledger.campaigns.latch(KEY, "/eos", RUN, "", START)
        self.ledger.raw_files.add("/eos", RUN.number, {f.path: f.size for f in FILES}, START)
        for file in FILES:
            probe = Probe(file.lumis, file.events)
            self.ledger.raw_files.probed(file.path, FileState.GOOD, probe, START)
        self.plan = own_batch(KEY, calibration(), Batch(0, FILES), 0, 0)
        [campaign] = self.ledger.campaigns.with_work({})
        self.ledger.dags.plan(campaign.id, 0, 0, planned_nodes(self.plan), "", START)
        [campaign] = self.ledger.campaigns.with_work({})
        self.runs = run_dir(folder, KEY.calibration, KEY.run)
        dag_dir(self.runs, 0).mkdir(parents=True)
        self.observed = Observed(
            DAG_ID,
            self.runs,
            {KEY.calibration: campaign.id},
            campaign.reconstruction_id,
            campaign.dags[0],
        )
        self.log = NodesLog(dag_file(self.runs, 0))
        self.opened = []
        real = Path.read_text

        def read_text(path, *told, **named):
            self.opened.append(path)
            return real(path, *told, **named)

        monkeypatch.setattr(Path, "read_text", read_text)

    def look(self):
        """Look once; give how many files were opened."""
        self.opened.clear()
        follow_dag(self.ledger, self.observed, self.log)
        return len(self.opened)

    def says(self, name):
        """Let the event log say that a node has succeeded."""
        with nodes_log(dag_file(self.runs, 0)).open("a") as file:
            file.write(POST.format(name, 0) if name else "")

    def leaves(self, name):
        """Let a node leave its output."""
        [node] = [n for n in self.plan.nodes if n.name == name]
        path = self.runs / node.witness
        path.parent.mkdir(exist_ok=True)
        Witness(name, DAG_ID, node.lumis, 100, ()).write(path)

    def left(self):
        """The nodes that are not known to be done."""
        return {n.name for n in self.ledger.dags.unfinished_nodes(self.observed.dag.id)}


@pytest.fixture
def followed(tmp_path, monkeypatch):
    followed = Followed(tmp_path, monkeypatch)
    yield followed
    followed.ledger.close()


def test_where_nothing_has_happened_only_the_last_two_nodes_are_looked_at(followed):
    followed.says("")
    assert followed.look() > 20
    assert followed.look() == followed.look() == len(ALWAYS)


def test_a_node_that_has_succeeded_is_looked_at_and_no_other(followed):
    followed.says("")
    followed.look()
    before = followed.left()
    followed.leaves("RECO_0003")
    followed.says("RECO_0003")
    assert followed.look() == len(ALWAYS) + 1
    assert before - followed.left() == {"RECO_0003"}
    assert followed.look() == len(ALWAYS)


def test_a_node_whose_output_is_late_is_looked_at_until_it_is_there(followed):
    followed.says("RECO_0003")
    followed.look()
    assert followed.look() == len(ALWAYS) + 1
    followed.leaves("RECO_0003")
    followed.look()
    assert "RECO_0003" not in followed.left()
    assert followed.look() == len(ALWAYS)


def test_a_manager_that_begins_looks_at_all_nodes_whatever_the_log_says(followed):
    followed.says("")
    followed.leaves("RECO_0003")
    followed.look()
    assert "RECO_0003" not in followed.left()


def test_without_an_event_log_all_nodes_are_looked_at_each_time(followed):
    followed.look()
    followed.leaves("RECO_0003")
    followed.look()
    assert "RECO_0003" not in followed.left()


def test_what_a_harvest_has_begun_with_is_seen_although_no_event_tells(followed):
    followed.says("")
    followed.look()
    (dag_dir(followed.runs, 0) / INPUTS).write_text("inputs/apJob003/a.root\n")
    followed.look()
    [campaign] = followed.ledger.campaigns.with_work({})
    assert campaign.dags[0].harvest_inputs == {3}
    assert Lumis() == campaign.harvested


def harvested(followed, unnamed=()):
    """Let HARVEST leave a payload, and give its directory."""
    folder = followed.runs / "harvestJob000"
    folder.mkdir()
    HarvestResult(
        dag_id=DAG_ID,
        inputs=("apJob000",),
        left_out={},
        overlaps=(),
        lumis=Lumis.span(1, 5),
        events=500,
        iovs=(Iov("T", KEY.run, "abc", "Run"),),
        time=START,
        unnamed=unnamed,
    ).write(folder / HARVEST_RECORD)
    followed.look()
    return folder


def came_to(folder, outcome, *destinations):
    """Let UPLOAD write down what became of a payload."""
    told = UploadResult(outcome=outcome, answer="", time=START, destinations=destinations)
    told.write(folder / UPLOAD_RECORD)


def test_what_became_of_a_payload_in_each_destination_is_in_the_ledger(followed):
    folder = harvested(followed, unnamed=("Other",))
    in_a = DestinationResult(
        database="prod", tag="A", outcome=TagOutcome.UPLOADED, answer="in", time=START, since=7
    )
    in_b = DestinationResult(
        database="prod", tag="B", outcome=TagOutcome.PENDING, answer="waits", time=START
    )
    came_to(folder, UploadOutcome.PENDING, in_b, in_a)
    followed.look()
    dag_id = followed.observed.dag.id
    made = followed.ledger.payloads.made_by(dag_id, 1)
    assert made.unnamed == ("Other",)
    assert made.destinations == (
        DestinationRecord("prod", "A", TagOutcome.UPLOADED, "in", 7, START),
        DestinationRecord("prod", "B", TagOutcome.PENDING, "waits", None, START),
    )
    assert "UPLOAD" not in followed.left(), "what waits for its turn holds up no DAG"


def test_a_record_of_the_version_before_tells_of_its_destinations(followed):
    folder = harvested(followed)
    UploadResult(
        outcome=UploadOutcome.REFUSED,
        answer="late",
        time=START,
        database="prod",
        tags={"A": TagOutcome.FAILED},
    ).write(folder / UPLOAD_RECORD)
    followed.look()
    [told] = followed.ledger.payloads.made_by(followed.observed.dag.id, 1).destinations
    assert told == DestinationRecord("prod", "A", TagOutcome.FAILED, "late", None, START)
