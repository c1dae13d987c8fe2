"""What failed, was removed or was refused runs again, and nothing else."""

from dataclasses import replace

import pytest

from condorloop.config.resources import Resources
from condorloop.model.enums import (
    Artifact,
    CampaignState,
    DagState,
    NodeKind,
    RequestKind,
)
from condorloop.model.jobs import FailedNode, HarvestRecord
from condorloop.model.lumis import EMPTY, Lumis
from condorloop.requests.resubmit import ResubmitCampaign
from condorloop.rundir.durable import read_json
from condorloop.rundir.layout import MANIFEST, RUN_END, dag_file
from tests.unit.examples import KEY, START, dag
from tests.unit.requests.subjects import DONE, FAILED, RUNS, labels, remark, step, subject


def test_what_failed_or_was_removed_runs_again_and_nothing_that_is_under_way():
    again = step(RequestKind.RESUBMIT)
    assert labels(again) == ["b002", "b003"]
    assert not again.files
    assert str(again) == (
        "EcalPedestals run398600: run again b002 (RECO_0001, HARVEST), b003 (removed by alice)"
    )


@pytest.mark.parametrize(
    ("node", "found"),
    [
        ("RECO_0001", ["b002"]),
        ("b002/RECO_0001", ["b002"]),
        ("b002", ["b002"]),
        ("b003", ["b003"]),
    ],
)
def test_a_name_narrows_to_the_dags_in_which_that_node_failed(node, found):
    assert labels(step(RequestKind.RESUBMIT, node)) == found


@pytest.mark.parametrize("node", ["RECO_0000", "b001", "b002/ALCA_0000"])
def test_what_did_not_fail_does_not_run_again(node):
    assert remark(RequestKind.RESUBMIT, node).endswith(f"{node} did not fail")


def test_files_that_were_given_up_are_touched_only_on_request():
    again = step(RequestKind.RESUBMIT, include_quarantined=True)
    assert again.files
    assert "give files that were given up another try" in str(again)


def test_resubmit_takes_an_abandoned_campaign_up_again_even_if_nothing_failed():
    abandoned = subject((DONE,), state=CampaignState.ABANDONED)
    assert isinstance(step(RequestKind.RESUBMIT, of=[abandoned]), ResubmitCampaign)
    assert "nothing of it failed" in remark(RequestKind.RESUBMIT, of=[subject((DONE,))])


def test_a_held_campaign_is_to_be_released_before_it_is_resubmitted():
    said = remark(RequestKind.RESUBMIT, of=[subject(held_by="bob@node")])
    assert "bob@node holds it; first condorloop release 398600 -c EcalPedestals" in said


@pytest.mark.parametrize("kept", [Artifact.ALCARECO, Artifact.DAGS, Artifact.RUNS])
def test_what_was_cleaned_up_cannot_run_again(kept):
    cleaned = subject(cleaned=frozenset([kept, Artifact.LOGS]))
    assert f"its {kept} were cleaned up" in remark(RequestKind.RESUBMIT, of=[cleaned])


def test_without_reco_and_logs_a_campaign_can_run_again():
    cleaned = subject(cleaned=frozenset([Artifact.RECO, Artifact.LOGS]))
    assert labels(step(RequestKind.RESUBMIT, of=[cleaned])) == ["b002", "b003"]


def test_a_resubmission_says_all_that_it_does():
    closed = subject((FAILED,), state=CampaignState.INCOMPLETE)
    assert str(step(RequestKind.RESUBMIT, of=[closed], include_quarantined=True)) == (
        "EcalPedestals run398600: run again b002 (RECO_0001, HARVEST);"
        " give files that were given up another try; reopen the campaign, which is incomplete"
    )
    abandoned = subject((DONE,), state=CampaignState.ABANDONED)
    assert str(step(RequestKind.RESUBMIT, of=[abandoned])) == (
        "EcalPedestals run398600: reopen the campaign, which is abandoned"
    )
    silent = subject((dag(5, DagState.FAILED),))
    assert str(step(RequestKind.RESUBMIT, of=[silent])) == (
        "EcalPedestals run398600: run again b005 (it ended without a result)"
    )


def test_where_nothing_failed_it_is_said():
    assert remark(RequestKind.RESUBMIT, of=[subject((RUNS,))]) == (
        "EcalPedestals run398600: nothing of it failed"
    )


def test_all_that_was_cleaned_up_and_is_needed_is_named():
    cleaned = subject(cleaned=frozenset([Artifact.DAGS, Artifact.ALCARECO]))
    assert remark(RequestKind.RESUBMIT, of=[cleaned]) == (
        "EcalPedestals run398600: it cannot be run again: its alcareco, dags were cleaned up"
    )


def with_other_calibrations(place, calibrations):
    """Let the submitter have read its configuration anew."""
    place.settings.replace(replace(place.config, calibrations=calibrations))


def test_a_dag_that_a_person_submits_again_gets_the_present_configuration(place):
    place.ledger.dags.ended(place.dag.id, [FailedNode("RECO_0000", 137)], START + 30)
    known = place.config.calibrations[KEY.calibration]
    nodes = {NodeKind.RECO: Resources(request_memory_mb=12345)}
    changed = known.model_copy(update={"nodes": nodes})
    with_other_calibrations(place, {KEY.calibration: changed})
    assert place.answered(RequestKind.RESUBMIT)[0]
    assert "request_memory = 12345M" in dag_file(place.run_dir, 0).read_text()
    assert place.pool.told == [("submit", f"{KEY} b000")]


def test_a_dag_of_a_calibration_that_is_not_configured_is_submitted_as_it_was_written(place):
    place.ledger.dags.ended(place.dag.id, [FailedNode("RECO_0000", 137)], START + 30)
    before = dag_file(place.run_dir, 0).read_text()
    others = {k: v for k, v in place.config.calibrations.items() if k != KEY.calibration}
    with_other_calibrations(place, others)
    assert place.answered(RequestKind.RESUBMIT)[0]
    assert dag_file(place.run_dir, 0).read_text() == before
    assert place.pool.told == [("submit", f"{KEY} b000")]


def upload_elsewhere(place, tag="Ped_prompt"):
    """Let the submitter have another tag configured."""
    known = place.config.calibrations[KEY.calibration]
    upload = known.harvest.upload.model_copy(update={"tags": {tag: {}}})
    harvest = known.harvest.model_copy(update={"upload": upload})
    changed = known.model_copy(update={"harvest": harvest})
    with_other_calibrations(place, {KEY.calibration: changed})


def tags_of(place):
    manifest = read_json(dag_file(place.run_dir, 0).with_name(MANIFEST))
    return set(manifest["upload"]["metadata"]["destinationTags"])


def test_a_dag_that_a_person_submits_again_keeps_its_destination_and_he_is_told(place):
    place.ledger.dags.ended(place.dag.id, [FailedNode("UPLOAD", 1)], START + 30)
    own = tags_of(place)
    upload_elsewhere(place)
    done, words = place.answered(RequestKind.RESUBMIT)
    assert done
    assert f"b000 keeps its destination {', '.join(own)} in" in words
    assert "(configured: Ped_prompt in" in words
    assert tags_of(place) == own


def test_a_rescue_keeps_the_destination(place):
    place.ledger.dags.ended(place.dag.id, [FailedNode("UPLOAD", 1)], START + 30)
    own = tags_of(place)
    upload_elsewhere(place)
    place.launcher.rescue(place.reconstruction, place.dag, "a test", {}, START + 60)
    assert tags_of(place) == own
    assert place.pool.told == [("submit", f"{KEY} b000")]


def test_on_a_persons_word_a_dag_takes_the_configured_destination(place, caplog):
    place.ledger.dags.ended(place.dag.id, [FailedNode("UPLOAD", 1)], START + 30)
    upload_elsewhere(place)
    done, words = place.answered(RequestKind.RESUBMIT, accept_destination=True)
    assert done
    assert "b000 takes the destination Ped_prompt in" in words
    assert tags_of(place) == {"Ped_prompt"}
    assert any(r.levelname == "WARNING" and "Ped_prompt" in r.getMessage() for r in caplog.records)


def test_a_word_that_a_silent_schedd_delays_is_kept(place):
    place.ledger.dags.ended(place.dag.id, [FailedNode("UPLOAD", 1)], START + 30)
    upload_elsewhere(place)
    place.pool.silent = True
    place.answered(RequestKind.RESUBMIT, accept_destination=True)
    place.pool.silent = False
    place.launcher.submit_planned(place.reconstruction, place.dag, START + 90)
    assert tags_of(place) == {"Ped_prompt"}
    assert place.pool.told == [("submit", f"{KEY} b000")]


def test_resubmit_of_an_abandoned_campaign_waits_until_its_dags_have_left_the_queue(place):
    place.answered(RequestKind.ABANDON)
    number = place.leave(RequestKind.RESUBMIT, "b000")
    place.ledger.dags.ended(place.dag.id, [], START + 70, "alice@node")
    place.handle()
    assert place.answer(number)[0]
    assert place.campaign.state is CampaignState.ACTIVE
    assert not (place.run_dir / RUN_END).exists()
    assert (place.dag.state, place.dag.removed_by) == (DagState.ACTIVE, "")


def test_what_leaves_the_queue_must_be_gone_before_it_is_resubmitted(place):
    place.answered(RequestKind.ABANDON)
    number = place.leave(RequestKind.RESUBMIT)
    place.handle()
    assert place.answer(number) is None
    assert place.campaign.state is CampaignState.ABANDONED


def test_an_alcareco_that_was_left_out_is_set_aside_and_what_it_held_waits_again(place):
    campaign, dag = place.campaign, place.dag
    for node in ("RECO_0000", "ALCA_0000"):
        place.ledger.dags.node_done(dag.id, node, Lumis.span(1, 3), 3, START)
    without = HarvestRecord(frozenset(), EMPTY, 0, START, left_out=frozenset([0]))
    place.ledger.payloads.record(dag.id, campaign.id, without)
    place.ledger.dags.ended(dag.id, None, START)
    (place.run_dir / "apJob000").mkdir()
    [reco] = place.ledger.retries.unused(campaign.id)[0].recos.values()
    witness = place.run_dir / f"{reco.output}_job.txt"
    witness.touch()
    done, words = place.answered(RequestKind.RESUBMIT, include_quarantined=True)
    assert done
    assert "another try for 3 files given up" in words
    assert not (place.run_dir / "apJob000").exists()
    assert (place.run_dir / "dag000" / "apJob000.failed0").is_dir()
    assert not witness.exists()
    nodes = read_json(place.run_dir / "dag000" / MANIFEST)["nodes"]
    assert (nodes["RECO_0000"]["files"], nodes["ALCA_0000"]["inputs"]) == ([], [])
    assert len(place.campaign.waiting) == 3


def test_the_window_is_open_again_for_what_a_person_asks_to_have_again(place):
    place.ledger.dags.ended(place.dag.id, [], START)
    place.leave(RequestKind.RESUBMIT)
    place.handle()
    assert place.campaign.asked_at == START + 60
