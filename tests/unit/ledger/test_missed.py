"""What a calibration of a shared stream missed, read once more for it alone."""

import pytest

from condorloop.ledger.archive import archive_of, prepare_archive
from condorloop.ledger.store import Ledger
from condorloop.model.enums import CampaignState, DagState
from condorloop.model.jobs import FailedNode
from condorloop.model.lumis import EMPTY, Lumis
from tests.unit.examples import RUN, START
from tests.unit.ledger.test_reconstructions import NAMES, PATH, WHOLE, Shared

LATE = NAMES[2]
OTHERS = NAMES[:2]


@pytest.fixture
def shared(tmp_path):
    with Ledger(tmp_path / "condorloop.db") as ledger:
        made = Shared(ledger)
        made.latch(*NAMES)
        yield made


@pytest.fixture
def missed(shared):
    """A batch of one file that was made for two of three calibrations, and is done."""
    shared.first = shared.batch(shared.file_comes(), OTHERS)
    shared.done(shared.first, "RECO_0000", "ALCA_0000")
    return shared


def again(shared, **more):
    shared.read_again(LATE)
    [waiting] = shared.campaign(LATE).again
    return shared.batch(waiting.file, (LATE,), again_for=LATE, **more)


def close(shared, *names):
    for name in names:
        for state in (CampaignState.CLOSING, CampaignState.COMPLETE):
            campaign = shared.campaign(name)
            shared.ledger.campaigns.set_state(campaign.id, state, "over", START + 50)


def about_others(shared):
    return [
        (c, shared.fates(c.key.calibration))
        for c in shared.now().campaigns
        if c.key.calibration != LATE
    ]


def test_files_that_one_missed_wait_for_it_alone(missed):
    before = about_others(missed)
    assert [(m.file.path, m.reco, m.waits) for m in missed.missed(LATE)] == [
        (f"{PATH}/f.root", "b000/RECO_0000", False)
    ]
    assert missed.fates(LATE) == {"not made": "1-10"}
    count, waits = missed.read_again(LATE)
    assert (count, waits) == (1, {OTHERS[0]: [], OTHERS[1]: [], LATE: [f"{PATH}/f.root"]})
    assert missed.fates(LATE) == {"good": "1-10"}
    assert about_others(missed) == before


def test_nothing_waits_twice_and_nothing_waits_for_those_that_missed_nothing(missed):
    assert missed.read_again(LATE)[0] == 1
    assert missed.read_again(LATE)[0] == 0
    assert [m.waits for m in missed.missed(LATE)] == [True]
    assert missed.read_again(OTHERS[0])[0] == 0
    assert missed.missed(OTHERS[0]) == ()


def test_the_batch_of_what_one_missed_is_its_own_and_nobody_elses(missed):
    before = about_others(missed)
    dag = again(missed)
    mine = missed.campaign(LATE)
    assert (mine.again, mine.not_made) == ((), EMPTY)
    assert [(d.id, d.calibration, d.is_of_all) for d in mine.dags if d.id != missed.first] == [
        (dag, LATE, False)
    ]
    assert missed.fates(LATE) == {"in work": "1-10"}
    missed.done(dag, "RECO_0000", "ALCA_0000")
    assert list(missed.campaign(LATE).unharvested) == [1]
    assert [len(missed.campaign(name).unharvested) for name in OTHERS] == [1, 1]
    for (old, fates), (new, fates_now) in zip(before, about_others(missed), strict=True):
        assert (new.dags, new.waiting, new.not_made) == (old.dags, old.waiting, old.not_made)
        assert fates_now == fates


def test_it_does_not_take_files_from_the_batch_that_read_them_first(missed):
    dag = again(missed)
    read = [set().union(*missed.ledger.dags.inputs(d).values()) for d in (missed.first, dag)]
    assert read == [{f"{PATH}/f.root"}] * 2


def test_a_batch_of_ones_own_that_fails_is_its_failure_alone(missed):
    dag = again(missed)
    missed.ledger.dags.ended(dag, [FailedNode("RECO_0000")], START + 30)
    [failed] = missed.campaign(LATE).dags
    assert (failed.state, failed.failed_nodes) == (DagState.FAILED, ("RECO_0000",))
    assert missed.fates(LATE) == {"failed": "1-10"}
    of_others = [missed.ledger.status.summary(missed.campaign(n).id) for n in OTHERS]
    assert [c.failed_nodes for c in of_others] == [(), ()]
    assert dag not in {d.id for n in OTHERS for d in missed.campaign(n).dags}


def test_a_file_that_its_batch_goes_on_without_is_set_back_for_it_alone(missed):
    dag, path = again(missed), f"{PATH}/f.root"
    missed.ledger.dags.ended(dag, [FailedNode("RECO_0000")], START + 30)
    missed.ledger.dags.plan_rescue(dag, {"RECO_0000": [path]})
    assert missed.campaign(LATE).set_back == (path,)
    assert [missed.campaign(n).set_back for n in OTHERS] == [(), ()]


def test_what_its_batch_gave_up_is_quarantined_for_it_alone(missed):
    dag = again(missed)
    [output] = {o for (n, o) in missed.ledger.dags.inputs(dag) if n == "RECO_0000"}
    missed.ledger.retries.take_out(dag, "ALCA_0000", [output])
    assert output in missed.campaign(LATE).quarantined
    assert [missed.campaign(n).quarantined for n in OTHERS] == [(), ()]


def test_what_waits_again_after_a_lost_directory_waits_for_it_alone(missed):
    dag = again(missed)
    missed.ledger.dags.lost(dag, frozenset(), START + 30)
    assert [w.file.path for w in missed.campaign(LATE).again] == [f"{PATH}/f.root"]
    assert [missed.campaign(n).waiting for n in NAMES] == [()] * 3
    assert str(missed.campaign(LATE).not_made) == "1-10"


def test_a_plan_that_was_never_written_leaves_its_files_waiting(missed):
    missed.ledger.dags.forget(again(missed, queued=False))
    assert len(missed.campaign(LATE).again) == 1
    assert [missed.campaign(n).waiting for n in NAMES] == [()] * 3


def test_a_file_that_storage_has_lost_does_not_wait(missed):
    missed.ledger.raw_files.set_gone([f"{PATH}/f.root"], True)
    assert [m.gone for m in missed.missed(LATE)] == [True]
    assert missed.read_again(LATE)[0] == 0


def test_who_was_taken_out_has_missed_what_was_not_made_before(shared):
    made, broken = (shared.batch(shared.file_comes(name), NAMES) for name in "fg")
    shared.done(made, "RECO_0000", "ALCA_0000")
    for dag in (made, broken):
        shared.ledger.dags.take_out(dag, LATE)
    assert [m.file.path for m in shared.missed(LATE)] == [f"{PATH}/g.root"]
    again(shared)
    assert shared.missed(LATE) == ()


def test_a_part_of_a_file_is_read_again_as_a_part(shared):
    file = shared.file_comes()
    shared.batch(file.part(Lumis.span(4, 10)), OTHERS)
    shared.batch(shared.campaign(LATE).waiting[0].file, NAMES)
    shared.read_again(LATE)
    [waiting] = shared.campaign(LATE).again
    assert (str(waiting.file.lumis), waiting.file.is_part) == ("4-10", True)


def test_files_of_all_that_wait_are_not_read_for_one_alone(missed):
    later = missed.file_comes("g")
    missed.read_again(LATE)
    dag = missed.batch(later, NAMES)
    assert [w.file.path for w in missed.campaign(LATE).again] == [f"{PATH}/f.root"]
    assert dag in {d.id for d in missed.campaign(LATE).dags}
    assert missed.campaign(OTHERS[0]).waiting == ()


def test_a_closed_campaign_has_no_work_of_what_waits_for_another(missed):
    missed.read_again(LATE)
    missed.ledger.dags.ended(missed.first, None, START + 40)
    close(missed, *OTHERS)
    found = missed.ledger.campaigns.with_work({}, since=0.0)
    assert [c.key.calibration for c in found] == [LATE]


def test_what_was_read_again_is_archived_with_the_run(missed):
    dag = again(missed)
    missed.done(dag, "RECO_0000", "ALCA_0000")
    for each in (missed.first, dag):
        missed.ledger.dags.ended(each, None, START + 40)
    close(missed, *NAMES)
    archive = archive_of(missed.ledger.path, 2026)
    prepare_archive(archive, missed.ledger.id)
    missed.ledger.archive.copy(RUN.number, archive)
    missed.ledger.archive.drop(RUN.number, 2026)
    with Ledger(archive) as copied:
        [campaign] = copied.campaigns.of_run(RUN.number, LATE)
        assert campaign.not_made == EMPTY
        assert copied.raw_files.held(campaign.reconstruction_id) == {f"{PATH}/f.root": WHOLE}
