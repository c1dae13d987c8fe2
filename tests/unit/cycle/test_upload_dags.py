"""What an upload DAG has come to is told of the payload that it sends, and of itself."""

from dataclasses import replace

import pytest

from condorloop.cycle.node_progress import Observed, observe_dag
from condorloop.dagman.plan import planned_nodes
from condorloop.ledger.store import Ledger
from condorloop.model.enums import DagState, HeldFor, TagOutcome, UploadOutcome, Verdict
from condorloop.model.jobs import FailedNode, HarvestRecord
from condorloop.model.lumis import Lumis
from condorloop.policy.rescue import can_rescue
from condorloop.rundir.layout import (
    DECISIONS,
    UPLOAD_RECORD,
    UPLOADS_HELD,
    harvest_name,
    run_dir,
    sent_record,
)
from condorloop.rundir.records.decisions import Decision, Decisions, UploadsHeld
from condorloop.rundir.records.upload import DestinationResult, SentPiece, UploadResult
from tests.unit.dag_plans import own_harvest, own_upload
from tests.unit.examples import KEY, RUN, START, calibration

MADE = HarvestRecord(frozenset([0]), Lumis.span(1, 40), 400, START + 10, hash="abc")


class Story:
    """A campaign with a payload that waits, and the DAG that is to send it."""

    def __init__(self, folder):
        self.ledger = Ledger(folder / "condorloop.db")
        self.ledger.campaigns.latch(KEY, "/eos", RUN, "", START)
        self.runs = run_dir(folder, KEY.calibration, KEY.run)
        self.harvest = self.plan(own_harvest(KEY, 3))
        self.ledger.dags.submitted(self.harvest, 16, START)
        self.ledger.dags.ended(self.harvest, None, START)
        self.ledger.payloads.record(self.harvest, self.campaign.id, MADE)
        self.leaves(UploadOutcome.PENDING, START + 20)
        self.upload = self.plan(own_upload(KEY, 5, 3))
        self.ledger.dags.submitted(self.upload, 17, START)

    @property
    def campaign(self):
        [campaign] = self.ledger.campaigns.of_run(KEY.run, KEY.calibration)
        return campaign

    def plan(self, plan):
        nodes = planned_nodes(plan)
        return self.ledger.dags.plan(self.campaign.id, None, plan.number, nodes, "", START)

    def leaves(self, outcome, at, **more):
        folder = self.runs / harvest_name(3)
        folder.mkdir(parents=True, exist_ok=True)
        told = UploadResult(outcome=outcome, answer="told", time=at, **more)
        told.write(folder / UPLOAD_RECORD)
        return told

    def ends(self, outcome, at, **more):
        """Let the UPLOAD node of the upload DAG end well."""
        record = self.leaves(outcome, at, **more)
        record.write(self.runs / harvest_name(3) / sent_record(5))

    def look(self):
        [dag] = self.campaign.dags
        mine = {KEY.calibration: self.campaign.id}
        observe_dag(
            self.ledger,
            Observed("x", self.runs, mine, self.campaign.reconstruction_id, dag),
        )

    def left(self):
        return [n.name for n in self.ledger.dags.unfinished_nodes(self.upload)]


@pytest.fixture
def story(tmp_path):
    made = Story(tmp_path)
    yield made
    made.ledger.close()


def test_the_ledger_has_it_by_its_label(story):
    [dag] = story.campaign.dags
    assert (dag.label, dag.sends, dag.harvest) == ("upload005", 3, 3)
    assert dag.harvest_inputs is None
    assert not dag.harvests


def test_an_earlier_answer_is_not_taken_for_its_own(story):
    story.look()
    assert story.left() == ["UPLOAD"]
    assert story.ledger.payloads.made_by(story.harvest, 1).outcome is UploadOutcome.PENDING


def test_what_it_was_answered_is_told_of_the_payload(story):
    story.look()
    [unsent] = story.campaign.unsent
    assert (unsent.harvest, unsent.outcome) == (3, UploadOutcome.PENDING)
    story.ends(UploadOutcome.UPLOADED, START + 60)
    story.look()
    record = story.ledger.payloads.made_by(story.harvest, 1)
    assert (record.outcome, record.answered_at) == (UploadOutcome.UPLOADED, START + 60)
    assert story.left() == []
    assert story.campaign.in_payload == Lumis.span(1, 40)
    assert story.campaign.unsent == ()
    assert story.ledger.payloads.made_by(story.upload, 1) is None


def test_what_keeps_it_is_told(story):
    story.ends(UploadOutcome.HELD, START + 60, held_for=HeldFor.GATE)
    story.look()
    assert story.left() == []
    [unsent] = story.campaign.unsent
    assert (unsent.held_for, unsent.answer) == (HeldFor.GATE, "told")
    assert story.campaign.in_payload == Lumis()


@pytest.mark.parametrize(
    ("outcome", "again"),
    [
        (UploadOutcome.REFUSED, False),
        (UploadOutcome.NO_ANSWER, True),
        (UploadOutcome.FAILED, True),
    ],
)
def test_one_that_failed_is_rescued_by_what_became_of_the_payload(story, outcome, again):
    story.leaves(outcome, START + 60)
    story.look()
    story.ledger.dags.ended(story.upload, [FailedNode("UPLOAD", 66)], START + 61)
    [failed] = story.campaign.dags
    assert (failed.state, failed.upload) == (DagState.FAILED, outcome)
    assert can_rescue(START + 62, story.campaign, failed, calibration()) is again


@pytest.mark.parametrize("outcome", [UploadOutcome.UPLOADED, UploadOutcome.SUPERSEDED])
def test_a_payload_that_was_made_later_and_answered_supersedes_it(story, outcome):
    """Where nothing of the later one is left to send, nothing of the lesser one is."""
    story.look()
    later = story.plan(own_harvest(KEY, 6))
    same = replace(MADE, outcome=outcome, answered_at=START + 90)
    story.ledger.payloads.record(later, story.campaign.id, same)
    assert story.campaign.unsent == ()


def test_a_payload_that_was_uploaded_before_does_not_supersede_one_made_again(story):
    story.look()
    earlier = story.plan(own_harvest(KEY, 2))
    same = replace(MADE, outcome=UploadOutcome.UPLOADED, answered_at=START + 90)
    story.ledger.payloads.record(earlier, story.campaign.id, same)
    assert [u.harvest for u in story.campaign.unsent] == [3]


def test_it_can_be_lost_and_its_payload_stays(story):
    story.look()
    story.ledger.dags.lost(story.upload, frozenset(), START + 60)
    assert story.campaign.dags == ()
    assert [u.harvest for u in story.campaign.unsent] == [3]


def test_a_hold_that_an_upload_found_on_the_disk_is_known(story):
    """So it is where a run directory was away while its uploads were released."""
    held = UploadsHeld("bob@node", "why", START)
    held.write(story.runs / UPLOADS_HELD)
    story.ends(UploadOutcome.HELD, START + 60, held_for=HeldFor.PERSON)
    story.look()
    assert story.campaign.uploads_held_by == "bob@node"


def test_a_decision_that_the_disk_does_not_have_is_written_again(story):
    said = Decision("abc", "harvestJob003", Verdict.APPROVED, "bob@node", "why", START)
    story.ledger.payloads.decide(story.campaign.id, said)
    story.ends(UploadOutcome.HELD, START + 60, held_for=HeldFor.GATE)
    story.look()
    assert Decisions.read(story.runs / DECISIONS).all == (said,)


def piece(lumis, at, **more):
    lumis = Lumis.parse(lumis)
    iovs = ((KEY.run << 32 | lumis.first, "abc"),)
    told = {"harvest": "harvestJob003", "user_text": "", "through": lumis.last, **more}
    return SentPiece(iovs=iovs, lumis=lumis, time=at, **told)


def in_tag(tag, outcome, at, *pieces):
    told = {"database": "oracle://pro", "tag": tag, "answer": "told", "time": at}
    return DestinationResult(outcome=outcome, pieces=pieces, **told)


def test_pieces_count_from_when_every_destination_has_them(story):
    first, second = piece("1-20", START + 30), piece("21-35", START + 50)
    asked = piece("36-40", START + 60, unanswered=True)
    told = (
        in_tag("Offline", TagOutcome.PENDING, START + 60, first, second, asked),
        in_tag("Any", TagOutcome.UPLOADED, START + 40),
    )
    story.ends(UploadOutcome.PENDING, START + 60, destinations=told, in_pieces=True)
    story.look()
    [unsent] = story.campaign.unsent
    assert unsent.in_pieces
    assert story.campaign.in_payload == Lumis.span(1, 35)
    assert story.campaign.state.open
    sent = story.ledger.uploads.of(story.campaign.id)
    assert [(str(u.lumis), u.time) for u in sent] == [("1-20", START + 40), ("21-35", START + 50)]
    [status] = story.ledger.status.summaries(START - 1)
    assert (status.uploads, status.last_upload_at) == (2, START + 50)
    assert status.lumis.in_payload == Lumis.span(1, 35)


def test_a_later_payload_s_pieces_add_to_those_of_earlier_ones(story):
    told = in_tag("Offline", TagOutcome.PENDING, START + 30, piece("1-20", START + 30))
    story.ends(UploadOutcome.PENDING, START + 30, destinations=(told,))
    story.look()
    later = story.plan(own_harvest(KEY, 6))
    made = replace(MADE, lumis=Lumis.span(1, 60), events=600)
    rest = ((Lumis.span(21, 58), START + 90),)
    done = replace(made, outcome=UploadOutcome.UPLOADED, answered_at=START + 90, pieces=rest)
    story.ledger.payloads.record(later, story.campaign.id, done)
    assert story.campaign.in_payload == Lumis.span(1, 58)
    assert story.ledger.campaigns.uploaded(story.campaign.id) == (Lumis.span(1, 58), 600)
    assert story.campaign.unsent == ()
    assert [str(u.lumis) for u in story.ledger.uploads.of(story.campaign.id)] == ["1-20", "21-58"]
