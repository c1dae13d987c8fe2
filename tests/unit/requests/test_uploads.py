"""What people say of uploads: sent again, held, released, approved, rejected."""

import shutil
from dataclasses import replace

import pytest

from condorloop.cycle.node_progress import Observed, observe_dag
from condorloop.dagman.plan import planned_nodes
from condorloop.ledger.store import Ledger
from condorloop.model.campaign import Statistics, Unsent
from condorloop.model.enums import (
    Artifact,
    CampaignState,
    DagState,
    HeldFor,
    RequestKind,
    UploadOutcome,
    Verdict,
)
from condorloop.model.jobs import FailedNode, HarvestRecord
from condorloop.model.lumis import EMPTY, Lumis
from condorloop.model.request import ALL_RUNS, Request
from condorloop.node.job_output.payload_db import iovs
from condorloop.policy.uploads import why_upload
from condorloop.requests.command import SenselessRequest, command_of
from condorloop.requests.payloads import HarvestAgain, SendAgain
from condorloop.requests.resubmit import ResubmitCampaign
from condorloop.rundir.layout import (
    DECISIONS,
    HARVEST_RECORD,
    MANIFEST,
    PAYLOAD_DB,
    RESTORED,
    UPLOADS_HELD,
    dag_dir,
)
from condorloop.rundir.records.decisions import Decisions, Restored, UploadsHeld
from condorloop.rundir.records.harvest import HarvestResult, Iov
from condorloop.rundir.records.manifest import Manifest
from condorloop.testbed.conditions import sqlite_file
from tests import boundaries
from tests.unit.dag_plans import own_harvest
from tests.unit.examples import KEY, START, dag
from tests.unit.requests.place import Place, latch_another
from tests.unit.requests.subjects import asked, remark, step, subject

RESUBMIT, HOLD, RELEASE = RequestKind.RESUBMIT, RequestKind.HOLD, RequestKind.RELEASE
MADE = HarvestRecord(frozenset([0]), Lumis.span(1, 3), 300, START + 10, hash="abc")
ECAL = {"calibration": KEY.calibration}
RESTORE = RequestKind.RESTORE
GATE = "1 of 3 channels changed"


PUT_BACK = Restored("harvestJob000", "alice@node", "why", START)


def made(lumis=3, **changes):
    return replace(MADE, lumis=Lumis.span(1, lumis), **changes)


def of(*dags, payloads=None, alcareco=1, held=None, **changes):
    """A campaign with these payloads, by the number of the DAG that made them."""
    known = {0: made(2), 1: made(3), 2: made(3)} if payloads is None else payloads
    it = subject(dags, **changes)
    return [replace(it, payloads=known, alcareco=alcareco, uploads_held=held)]


# Sending again, as it is decided.


def test_the_best_payload_is_sent_again_and_of_equal_ones_the_last():
    again = step(RESUBMIT, send_again="", of=of())
    assert isinstance(again, SendAgain)
    assert again.sent == 2
    assert again.continued == ()
    assert str(again) == (
        "EcalPedestals run398600: send harvestJob002 (LS 1-3) again by an upload DAG"
    )


def test_one_that_is_named_is_sent_again():
    assert step(RESUBMIT, send_again="harvestJob000", of=of()).sent == 0
    said = remark(RESUBMIT, send_again="harvestJob007", of=of())
    assert "no payload 'harvestJob007'; there are harvestJob000, harvestJob001" in said


def test_a_harvest_without_a_payload_has_nothing_to_send():
    assert "it has no payload" in remark(
        RESUBMIT, send_again="", of=of(payloads={0: made(hash="")})
    )


@pytest.mark.parametrize("state", [DagState.FAILED, DagState.REMOVED])
def test_the_dag_that_failed_to_send_it_runs_again(state):
    failed = replace(dag(2, state, failed=("UPLOAD",)), harvests=True)
    again = step(RESUBMIT, send_again="", of=of(failed))
    assert isinstance(again, ResubmitCampaign)
    assert [d.label for d in again.dags] == ["b002"]


def test_what_is_being_sent_is_not_sent_again():
    busy = replace(dag(5), batch=None, harvests=False, sends=2)
    said = remark(RESUBMIT, send_again="", of=of(busy))
    assert "harvestJob002 is being sent by upload005" in said


def test_nothing_is_sent_again_while_a_person_holds_uploads():
    said = remark(RESUBMIT, send_again="", of=of(uploads_held_by="bob@node"))
    assert "first condorloop release 398600 -c EcalPedestals --uploads" in said


def test_what_was_cleaned_up_is_neither_sent_nor_harvested_again():
    gone = of(cleaned=frozenset([Artifact.RUNS]))
    assert "cleaned up" in remark(RESUBMIT, send_again="", of=gone)
    gone = of(cleaned=frozenset([Artifact.ALCARECO]))
    assert "alcareco were cleaned up" in remark(RESUBMIT, harvest_again=True, of=gone)
    assert isinstance(step(RESUBMIT, send_again="", of=gone), SendAgain)


def test_all_alcareco_are_harvested_again():
    again = step(RESUBMIT, harvest_again=True, of=of(alcareco=7))
    assert isinstance(again, HarvestAgain)
    assert "all 7 ALCARECO again" in str(again)
    assert "no complete ALCARECO" in remark(RESUBMIT, harvest_again=True, of=of(alcareco=0))
    busy = replace(dag(5), batch=None)
    assert "harvest005 is in flight" in remark(RESUBMIT, harvest_again=True, of=of(busy))


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        (RESUBMIT, {"send_again": "", "harvest_again": True}, "exclude each other"),
        (RESUBMIT, {"send_again": "", "node": "b000"}, "exclude each other"),
        (RESUBMIT, {"harvest_again": True, "include_quarantined": True}, "exclude each other"),
        (RESUBMIT, {"send_again": "398600"}, "expected a payload, such as harvestJob003"),
        (HOLD, {"only_uploads": True, "running": True}, "takes no --node and no --running"),
        (HOLD, {"reason": "because"}, "--reason is for --uploads"),
        (HOLD, {"send_again": ""}, "hold takes no send_again"),
        (RELEASE, {"only_uploads": True, "node": "b000"}, "exclude each other"),
        (RELEASE, {"only_uploads": True, "restored": True}, "exclude each other"),
        (RequestKind.APPROVE, {"run": ALL_RUNS, "calibration": "BeamSpot"}, "which RUN and -c"),
        (RequestKind.APPROVE, {}, "which RUN and -c"),
        (RequestKind.REJECT, {"send_again": "x", **ECAL}, "expected a payload"),
        (RESTORE, {"send_again": "harvestJob000"}, "which RUN and -c"),
        (RESTORE, {"send_again": "398599", **ECAL}, "expected a payload of the run"),
        (RequestKind.ABANDON, {"only_uploads": True}, "abandon takes no only_uploads"),
    ],
)
def test_options_that_make_no_sense_are_refused(kind, options, words):
    request = Request(kind, **({"run": 398600} | options))
    with pytest.raises(SenselessRequest, match=words):
        command_of(kind).validate(request)


# What is decided of a payload that is held.


def held(harvest=2, held_for=HeldFor.GATE, decided=None):
    holds = Statistics(Lumis.span(1, 3), 300)
    return Unsent(harvest, UploadOutcome.HELD, holds, GATE, START, held_for, decided)


def with_held(*payloads, **changes):
    return of(unsent=payloads, **changes)


def test_what_the_gate_holds_is_approved_or_rejected():
    approve = step(RequestKind.APPROVE, of=with_held(held()))
    assert approve.sent == 2
    assert str(approve) == (f"EcalPedestals run398600: send harvestJob002 (LS 1-3), held: {GATE}")
    reject = step(RequestKind.REJECT, of=with_held(held()))
    assert (reject.sent, reject.continued) == (None, None)
    assert "do not send harvestJob002" in str(reject)


def test_what_was_rejected_can_be_approved_and_the_other_way():
    rejected = with_held(held(decided=Verdict.REJECTED))
    assert step(RequestKind.APPROVE, of=rejected).sent == 2
    assert "is rejected already" in remark(RequestKind.REJECT, of=rejected)
    approved = with_held(held(decided=Verdict.APPROVED))
    assert "is approved already" in remark(RequestKind.APPROVE, of=approved)
    assert step(RequestKind.REJECT, of=approved)


def test_a_decision_is_about_what_the_gate_holds_and_nothing_else():
    assert "no payload of it is held" in remark(RequestKind.APPROVE, of=with_held())
    said = remark(RequestKind.APPROVE, send_again="harvestJob000", of=with_held(held()))
    assert "harvestJob000 is not held" in said
    by_person = with_held(held(held_for=HeldFor.PERSON), uploads_held_by="bob@node")
    assert "bob@node holds uploads" in remark(RequestKind.APPROVE, of=by_person)


def test_approving_reopens_a_closed_campaign_and_says_so():
    closed = with_held(held(), state=CampaignState.INCOMPLETE)
    assert "reopen the campaign, which is incomplete" in str(step(RequestKind.APPROVE, of=closed))


def test_uploads_of_a_closed_campaign_are_not_held():
    closed = of(state=CampaignState.COMPLETE)
    assert "there is nothing to hold" in remark(HOLD, only_uploads=True, of=closed)


def test_uploads_are_held_once_and_released_by_the_command_that_fits():
    bob = UploadsHeld("bob@node", "why", START)
    assert "bob@node holds uploads: why already" in remark(HOLD, only_uploads=True, of=of(held=bob))
    assert "release its uploads (bob@node holds uploads: why)" in str(
        step(RELEASE, only_uploads=True, of=of(held=bob))
    )
    with_all = of(uploads_held_by="bob@node")
    said = remark(RELEASE, only_uploads=True, of=with_all)
    assert "condorloop release -c EcalPedestals --uploads" in said
    assert "nobody holds its uploads" in remark(RELEASE, only_uploads=True, of=of())


# What is done, in a ledger and on the disk.


class PlaceWithPayload(Place):
    """A ledger whose campaign has a payload that was harvested."""

    def __init__(self, folder):
        super().__init__(folder)
        for node in ("RECO_0000", "ALCA_0000", "HARVEST"):
            self.ledger.dags.node_done(self.dag.id, node, Lumis.span(1, 3), 300, START)
        self.first = self.dag.id
        self.record(outcome=UploadOutcome.UPLOADED, answered_at=START + 20)
        self.ledger.dags.ended(self.first, None, START + 20)
        harvest = self.run_dir / "harvestJob000"
        harvest.mkdir()
        HarvestResult(
            dag_id="ledger/EcalPedestals/398600/0",
            inputs=("apJob000",),
            left_out={},
            overlaps=(),
            lumis=Lumis.span(1, 3),
            events=300,
            iovs=(Iov("Ped", 398600, "abc"),),
            time=START + 10,
        ).write(harvest / HARVEST_RECORD)

    def record(self, **changes):
        self.ledger.payloads.record(self.first, self.campaign.id, replace(MADE, **changes))

    def is_held(self, held_for=HeldFor.GATE):
        self.record(
            outcome=UploadOutcome.HELD, held_for=held_for, answer=GATE, answered_at=START + 20
        )

    def manifest(self, number):
        return Manifest.read(dag_dir(self.run_dir, number) / MANIFEST)


@pytest.fixture
def place(tmp_path):
    made = PlaceWithPayload(tmp_path)
    yield made
    made.ledger.close()


def test_a_payload_is_sent_again_by_an_upload_dag(place):
    done, words = place.answered(RESUBMIT, send_again="")
    assert done, words
    assert "harvestJob000 is sent again" in words
    assert "upload001 sends it" in words
    assert place.pool.told == [("submit", f"{KEY} upload001")]
    assert (place.dag.label, place.dag.state) == ("upload001", DagState.ACTIVE)
    assert place.manifest(1).settings[KEY.calibration].again
    own = [place.manifest(number).settings[KEY.calibration].upload for number in (0, 1)]
    assert own[0].metadata == own[1].metadata


def test_a_payload_is_made_again_by_a_harvest_dag(place):
    done, words = place.answered(RESUBMIT, harvest_again=True)
    assert done, words
    assert place.pool.told == [("submit", f"{KEY} harvest001")]
    assert place.manifest(1).settings[KEY.calibration].again


def test_a_closed_campaign_is_open_again_for_it(place):
    place.ledger.campaigns.set_state(place.campaign.id, CampaignState.CLOSING, "", START)
    place.ledger.campaigns.set_state(place.campaign.id, CampaignState.INCOMPLETE, "", START)
    place.answered(RESUBMIT, send_again="harvestJob000")
    assert place.campaign.state is CampaignState.ACTIVE
    assert place.campaign.asked_at == START + 60


def test_a_refused_payload_is_asked_again_by_the_dag_that_was_refused(place):
    place.record(outcome=UploadOutcome.REFUSED, answered_at=START + 20)
    number = place.answered(RESUBMIT, send_again="")
    assert number[0]
    one = place.dag
    place.record(outcome=UploadOutcome.REFUSED, answered_at=START + 30)
    place.ledger.dags.ended(one.id, [FailedNode("UPLOAD", 66)], START + 30)
    done, words = place.answered(RESUBMIT)
    assert done, words
    assert place.pool.told[-1] == ("submit", f"{KEY} upload001")
    assert (place.run_dir / "harvestJob000" / "ask_again").exists()


def test_uploads_are_held_on_the_disk_and_in_the_ledger_until_they_are_released(place):
    done, words = place.answered(HOLD, only_uploads=True, reason="wrong tag")
    assert done, words
    file = place.run_dir / UPLOADS_HELD
    assert UploadsHeld.read(file) == UploadsHeld("alice@node", "wrong tag", START + 60)
    assert place.campaign.uploads_held_by == "alice@node"
    assert place.pool.told == []
    done, words = place.answered(RELEASE, only_uploads=True)
    assert done, words
    assert not file.exists()
    assert place.campaign.uploads_held_by == ""


def test_uploads_of_all_runs_are_held_together(place):
    asked_for = {"run": ALL_RUNS, "calibration": KEY.calibration, "only_uploads": True}
    done, words = place.answered(HOLD, **asked_for)
    assert (done, words) == (True, f"{KEY.calibration}: uploads of all runs are held by alice@node")
    assert (place.run_dir.parent / UPLOADS_HELD).exists()
    assert place.campaign.uploads_held_by == "alice@node"
    assert not place.answered(HOLD, **asked_for)[0]
    done, words = place.answered(RELEASE, **asked_for)
    assert done, words
    assert not (place.run_dir.parent / UPLOADS_HELD).exists()
    assert place.campaign.uploads_held_by == ""


def test_an_approved_payload_is_due_and_the_decision_is_kept(place):
    place.is_held()
    assert why_upload(START + 90, place.campaign) is None
    done, words = place.answered(RequestKind.APPROVE, **ECAL, reason="the laser was off")
    assert done, words
    assert words == f"{KEY}: harvestJob000 is approved by alice@node: the laser was off"
    sent, why = why_upload(START + 90, place.campaign)
    assert (sent.harvest, why) == (0, "harvestJob000: approved")
    [decision] = Decisions.read(place.run_dir / DECISIONS).all
    assert (decision.payload, decision.verdict, decision.who, decision.why) == (
        "abc",
        Verdict.APPROVED,
        "alice@node",
        "the laser was off",
    )
    assert place.ledger.payloads.decisions(place.campaign.id) == (decision,)


def test_the_last_word_counts(place):
    place.is_held()
    assert place.answered(RequestKind.APPROVE, **ECAL)[0]
    assert place.answered(RequestKind.REJECT, **ECAL, reason="no")[0]
    assert why_upload(START + 90, place.campaign) is None
    assert Decisions.read(place.run_dir / DECISIONS).of("abc").verdict is Verdict.REJECTED


def test_without_the_harvest_s_record_nothing_is_decided(place):
    place.is_held()
    (place.run_dir / "harvestJob000" / HARVEST_RECORD).unlink()
    done, words = place.answered(RequestKind.APPROVE, **ECAL)
    assert not done
    assert "harvestJob000 cannot be read" in words


def test_a_payload_is_put_back_and_stays_until_it_is_released(place):
    done, words = place.answered(
        RESTORE, send_again="harvestJob000", reason="the last one is empty", **ECAL
    )
    assert done, words
    assert "harvestJob000 was put back by alice@node: the last one is empty" in words
    assert place.pool.told == [("submit", f"{KEY} upload001")]
    assert place.manifest(1).settings[KEY.calibration].restores
    assert place.campaign.restored.startswith("harvestJob000 was put back by alice@node")
    assert Restored.read(place.run_dir / RESTORED).who == "alice@node"
    done, words = place.answered(RELEASE, restored=True)
    assert done, words
    assert place.campaign.restored == ""
    assert not (place.run_dir / RESTORED).exists()
    assert not place.answered(RELEASE, restored=True)[0]


OTHER_RUN = 398599


def of_other_run(place, time_type="Run", since=OTHER_RUN):
    """Let an older run have harvestJob000, whose payload is on the disk and in the ledger."""
    campaign = latch_another(place, OTHER_RUN)
    plan = own_harvest(campaign.key, 0)
    number = place.ledger.dags.plan(campaign.id, None, 0, planned_nodes(plan), "a test", START)
    told = replace(MADE, since=since, outcome=UploadOutcome.UPLOADED, answered_at=START + 20)
    place.ledger.payloads.record(number, campaign.id, told)
    place.ledger.dags.submitted(number, 7, START)
    place.ledger.dags.ended(number, None, START + 20)
    folder = place.renderer.run_dir(campaign.key) / "harvestJob000"
    folder.mkdir(parents=True)
    rows = [(since, b"constants")]
    sqlite_file.write(folder / PAYLOAD_DB, "Ped", time_type, "EcalPedestals", "any", rows)
    HarvestResult(
        dag_id=f"ledger/{campaign.key.calibration}/{OTHER_RUN}/0",
        inputs=("apJob000",),
        left_out={},
        overlaps=(),
        lumis=Lumis.span(1, 3),
        events=300,
        iovs=tuple(iovs(folder / PAYLOAD_DB)),
        time=START + 10,
    ).write(folder / HARVEST_RECORD)


NAMED = f"{OTHER_RUN}/harvestJob000"


def test_a_payload_of_another_run_is_put_back_with_the_since_of_this_one(place):
    of_other_run(place)
    done, words = place.answered(RESTORE, send_again=NAMED, reason="bad data", **ECAL)
    assert done, words
    assert f"harvestJob001 was put back by alice@node, taken from {NAMED}: bad data" in words
    assert place.pool.told == [("submit", f"{KEY} upload001")]
    assert place.manifest(1).settings[KEY.calibration].restores
    assert place.manifest(1).nodes["UPLOAD"].output == "harvestJob001"
    folder = place.run_dir / "harvestJob001"
    [iov] = iovs(folder / PAYLOAD_DB)
    made = HarvestResult.read(folder / HARVEST_RECORD)
    assert (iov.since, iov.tag, iov.time_type) == (KEY.run, "Ped", "Run")
    assert made.iovs == (iov,)
    assert (made.dag_id, made.origin) == (f"ledger/{KEY.calibration}/{KEY.run}/1", NAMED)
    assert made.lumis == EMPTY
    assert Restored.read(place.run_dir / RESTORED).origin == NAMED
    assert place.campaign.restored == str(Restored.read(place.run_dir / RESTORED))
    [sender] = place.campaign.dags
    observe_dag(
        place.ledger,
        Observed(
            made.dag_id,
            place.run_dir,
            {KEY.calibration: place.campaign.id},
            place.campaign.reconstruction_id,
            sender,
        ),
    )
    assert place.ledger.payloads.made_by(sender.id, 1).origin == NAMED
    assert place.answered(RESTORE, send_again=NAMED, reason="bad data", **ECAL) == (
        False,
        f"{KEY}: {NAMED} is being sent by upload001",
    )


def test_what_another_run_lacks_is_named(place):
    of_other_run(place)
    done, words = place.answered(RESTORE, send_again=f"{OTHER_RUN}/harvestJob007", **ECAL)
    assert not done
    assert f"run {OTHER_RUN} has no payload 'harvestJob007'; there are: harvestJob000" in words
    done, words = place.answered(RESTORE, send_again="398001/harvestJob000", **ECAL)
    assert not done
    assert f"no campaign of {KEY.calibration} of run 398001 is known here" in words
    (place.run_dir.with_name(f"run{OTHER_RUN}") / "harvestJob000" / PAYLOAD_DB).unlink()
    done, words = place.answered(RESTORE, send_again=NAMED, **ECAL)
    assert not done
    assert f"{NAMED} cannot be sent: " in words
    assert not (place.run_dir / RESTORED).exists()


@pytest.mark.parametrize("since", [OTHER_RUN << 32 | 1, OTHER_RUN])
def test_a_payload_by_lumisection_of_another_run_is_refused(place, since):
    of_other_run(place, "Lumi", since)
    done, words = place.answered(RESTORE, send_again=NAMED, **ECAL)
    assert not done
    assert "cannot be sent for another one" in words
    assert place.campaign.restored == ""
    assert place.pool.told == []


def test_a_payload_of_the_run_may_be_named_with_the_run(place):
    done, words = place.answered(RESTORE, send_again=f"{KEY.run}/harvestJob000", **ECAL)
    assert done, words
    assert Restored.read(place.run_dir / RESTORED).origin == ""


def test_what_gave_way_to_it_is_sent_when_it_is_released(place):
    place.is_held(HeldFor.RESTORED)
    place.ledger.payloads.restore(place.campaign.id, PUT_BACK)
    assert why_upload(START + 90, place.campaign) is None
    place.answered(RELEASE, restored=True)
    sent, why = why_upload(START + 90, place.campaign)
    assert (sent.harvest, why) == (
        0,
        "harvestJob000: the payload that was put back may be replaced",
    )


def test_a_payload_that_was_put_back_is_what_the_campaign_has(place):
    other = replace(MADE, lumis=Lumis.span(1, 2), outcome=UploadOutcome.UPLOADED)
    place.ledger.payloads.record(place.first, place.campaign.id, replace(other, restored=True))
    assert place.campaign.in_payload == Lumis.span(1, 2)


REQUESTS = {
    "send again": (RESUBMIT, {"send_again": ""}),
    "harvest again": (RESUBMIT, {"harvest_again": True}),
    "hold uploads": (HOLD, {"only_uploads": True, "reason": "why"}),
    "release uploads": (RELEASE, {"only_uploads": True}),
    "approve": (RequestKind.APPROVE, {"reason": "why", **ECAL}),
    "reject": (RequestKind.REJECT, {"reason": "why", **ECAL}),
    "restore": (RESTORE, {"send_again": "harvestJob000", "reason": "why", **ECAL}),
    "restore of another run": (RESTORE, {"send_again": NAMED, "reason": "why", **ECAL}),
    "release restored": (RELEASE, {"restored": True}),
}


def prepared(folder, what):
    place = PlaceWithPayload(folder)
    if what in ("approve", "reject"):
        place.is_held()
    if what == "restore of another run":
        of_other_run(place)
    if what == "release uploads":
        place.answered(HOLD, only_uploads=True)
    if what == "release restored":
        place.ledger.payloads.restore(place.campaign.id, PUT_BACK)
        PUT_BACK.write(place.run_dir / RESTORED)
    kind, options = REQUESTS[what]
    place.leave(kind, **options)
    return place


def state_of(place):
    """What is left of a request when all is done: on the disk, in the ledger, in the queue."""
    files = {
        file.relative_to(place.run_dir.parent): Manifest.read(file) if file.name == MANIFEST else ""
        for file in place.run_dir.parent.rglob("*")
        if file.is_file() and not file.name.startswith("condorloop_")
    }
    campaign = place.campaign
    dags = [(d.label, d.state) for d in campaign.dags]
    held = campaign.uploads_held_by, campaign.restored, campaign.unsent
    return files, dags, held, campaign.state


@pytest.mark.parametrize("what", REQUESTS)
def test_a_death_before_any_effect_leaves_a_request_that_is_carried_out_once(tmp_path, what):
    folder, kept = tmp_path / "work", tmp_path / "as it was"
    folder.mkdir()
    whole = prepared(folder, what)
    whole.ledger.close()
    shutil.copytree(folder, kept)
    _resume(whole, folder)
    whole.handle()
    expected = state_of(whole)
    whole.ledger.close()
    assert expected[1] or what not in ("send again", "harvest again", "restore")

    def cut(_):
        shutil.rmtree(folder)
        shutil.copytree(kept, folder)

        def act():
            place = object.__new__(PlaceWithPayload)
            _resume(place, folder)
            place.handle()

        return act

    deaths = 0
    for _ in boundaries.deaths(cut):
        deaths += 1
        place = object.__new__(PlaceWithPayload)
        _resume(place, folder)
        _carry_on(place)
        place.handle()
        assert place.ledger.requests.waiting() == []
        found = state_of(place)
        assert found[1:] == expected[1:]
        assert found[0].keys() == expected[0].keys()
        place.ledger.close()
    assert deaths >= 2


def _resume(place, folder):
    """Open the ledger of a folder again, as a submitter that starts."""
    from tests.unit.examples import config
    from tests.unit.requests.place import Requests

    settings = config(folder)
    Requests.__init__(place, settings, Ledger(settings.site.work_dir / "condorloop.db"))
    place.run_dir = place.renderer.run_dir(KEY)
    place.first = 1


def _carry_on(place):
    """What the tracker does of a DAG that was begun: it is submitted, or forgotten."""
    for one in place.campaign.dags:
        if one.state is not DagState.PLANNED:
            continue
        if (dag_dir(place.run_dir, one.number) / MANIFEST).exists():
            place.launcher.submit_planned(place.reconstruction, one, START + 90)
        else:
            place.ledger.dags.forget(one.id)


def test_what_is_asked_of_uploads_is_planned_alike_of_each_campaign():
    plan = asked(HOLD, only_uploads=True, of=[*of(), *of(state=CampaignState.COMPLETE)])
    assert len(plan.steps) == len(plan.remarks) == 1
