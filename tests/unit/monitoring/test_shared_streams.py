"""An operator with several calibrations of a stream is told of one cause once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from condorloop.ledger.store import Ledger
from condorloop.model.campaign import CampaignKey
from condorloop.model.enums import CampaignState, UploadOutcome
from condorloop.model.problem import Problem, ProblemKind
from condorloop.model.queue import HeldJob, Obstacle, QueuedDag, WaitingJob, WaitingScript
from condorloop.model.status import Decision, Status, jobs_in_queue
from condorloop.monitoring import status_file
from condorloop.monitoring.metrics import Metrics
from condorloop.monitoring.notifications.policy import Rules, due, noted
from condorloop.monitoring.problems.campaigns import of_campaigns, of_strangers
from condorloop.monitoring.problems.holds import of_holds
from condorloop.monitoring.problems.queue import of_late, of_queue, of_scripts, of_waiting
from tests.unit.examples import RUN, START, campaign_status, loop_status
from tests.unit.shared_story_example import ALL, ECAL, EXPRESS, SPOT, fill

STREAM = CampaignKey(EXPRESS, RUN.number)
"""How a DAG in the queue is called that works for all."""
BATCH = QueuedDag("x", STREAM, 2, 60, None, {"JobsIdle": 3}, batch=2, stream=EXPRESS)
HARVEST = QueuedDag("y", SPOT, 3, 70, None, {"JobsRunning": 1}, stream=EXPRESS)
THOSE = ", ".join(key.calibration for key in ALL)
HELD = "condorloop: held by alice@node (by user ngt)"


@pytest.fixture
def campaigns(tmp_path):
    with Ledger(tmp_path / "condorloop.db") as ledger:
        fill(ledger, answered=False)
        return tuple(ledger.status.summaries(0.0))


@pytest.fixture
def status(tmp_path):
    with Ledger(tmp_path / "condorloop.db") as ledger:
        fill(ledger)
        found = ledger.status.several(ledger.status.to_sum_up(0.0))
    own = campaign_status(calibration="Lone", jobs={"running": 2}, stream="Lone")
    shared = (
        replace(each, jobs=jobs_in_queue(each.key, [BATCH, HARVEST]))
        for each in found.reconstructions.values()
    )
    jobs = {c.key: jobs_in_queue(c.key, [BATCH, HARVEST]) for c in found.campaigns.values()}
    mine = (replace(c, jobs=jobs[c.key]) for c in found.campaigns.values())
    return loop_status(*mine, own, reconstructions=tuple(shared))


def failed(problems):
    return [(p.text, p.command) for p in problems if p.kind is ProblemKind.FAILED]


def test_a_failed_reco_is_one_line_and_a_failed_harvest_its_calibrations(campaigns):
    assert failed(of_campaigns(campaigns)) == [
        (
            "BeamSpot run398600: b000 HARVEST_BeamSpot failed: exit 84: no vertex",
            "condorloop analyze 398600 -c BeamSpot --node b000/HARVEST_BeamSpot",
        ),
        (
            f"Express run398600 ({THOSE}): b001 RECO_0000 failed: exit 84: "
            "FileReadError: broken basket",
            "condorloop analyze 398600 -c BeamSpot --node b001/RECO_0000",
        ),
    ]


def test_what_makes_a_shared_dag_again_is_asked_for_all_that_it_works_for(campaigns):
    removed = [replace(c, removed={"b001": "alice"}) for c in campaigns]
    [problem] = [p for p in of_campaigns(removed) if p.kind is ProblemKind.REMOVED]
    each = " ".join(f"-c {key.calibration}" for key in ALL)
    assert problem.command == f"condorloop resubmit 398600 {each} --node b001"


def test_campaigns_that_close_for_one_cause_are_one_line(campaigns):
    closed = [
        replace(c, state=CampaignState.INCOMPLETE, reason="b001 RECO_0000 failed", state_since=n)
        for n, c in enumerate(campaigns)
    ]
    [problem] = [p for p in of_campaigns(closed) if p.kind is ProblemKind.INCOMPLETE]
    assert problem.text.startswith(f"Express run398600 ({THOSE}): incomplete: b001")
    assert (problem.calibration, problem.stream, problem.since) == (None, EXPRESS, 0)


def test_an_abandoned_campaign_has_no_part_in_what_others_share(campaigns):
    left = [replace(campaigns[0], state=CampaignState.ABANDONED), *campaigns[1:]]
    [(text, _)] = failed(of_campaigns(left))
    assert text.startswith("Express run398600 (EcalPedestals, SiStripBad): b001")


def test_runs_and_streams_are_told_apart(campaigns):
    other = [replace(c, run=398601) for c in campaigns]
    lone = campaign_status(failed_nodes=("b001 RECO_0000",), calibration="Lone")
    texts = [text.partition(":")[0] for text, _ in failed(of_campaigns([*campaigns, *other, lone]))]
    assert texts == [
        "BeamSpot run398600",
        f"Express run398600 ({THOSE})",
        "BeamSpot run398601",
        f"Express run398601 ({THOSE})",
        "Lone run398600",
    ]


def test_a_calibration_that_broke_what_others_share_is_named(campaigns):
    with_strips = campaigns[2]
    broke = replace(with_strips, taken_out=("b000",))
    texts = [text for text, _ in failed(of_campaigns([broke])) if "it broke" in text]
    assert texts == [
        "SiStripBad run398600: b000 made nothing for it: it broke what others share; LS 1-8"
    ]


def test_a_held_job_of_reco_is_of_all_and_one_of_a_harvest_of_its_calibration(campaigns):
    reco = HeldJob("x", "RECO_0001", "61.0", 26, 0, "too big", START)
    harvest = HeldJob("x", "HARVEST_EcalPedestals", "62.0", 26, 0, "too big", START)
    first, second = of_queue([BATCH], [reco, harvest], 0, campaigns)
    assert first.text == f"Express run398600 ({THOSE}): b002 RECO_0001 (job 61.0) is held: too big"
    assert first.command == "condorloop analyze 398600 -c BeamSpot --node b002/RECO_0001"
    assert second.text.startswith("EcalPedestals run398600: b002 HARVEST_EcalPedestals")


def test_what_a_person_holds_of_one_calibration_is_no_problem(campaigns):
    job = HeldJob("x", "HARVEST_BeamSpot", "62.0", 1, 0, HELD, START)
    reco = replace(job, node="RECO_0001")
    one = [replace(c, held_by="alice" if c.key == SPOT else "") for c in campaigns]
    assert list(of_queue([BATCH], [job], 0, one)) == []
    assert len(list(of_queue([BATCH], [reco], 0, one))) == 1
    dag = replace(BATCH, hold_reason=HELD, hold_code=1)
    every = [replace(c, held_by="alice") for c in campaigns]
    assert list(of_queue([dag], [reco], 0, every)) == []
    assert len(list(of_queue([dag], [], 0, one))) == 1


def test_campaigns_that_a_person_holds_together_are_one_line(campaigns):
    held = [replace(c, held_by="alice", held_at=START + n) for n, c in enumerate(campaigns)]
    [problem] = of_holds(held, {})
    each = " ".join(f"-c {key.calibration}" for key in ALL)
    assert problem.text.startswith(f"Express run398600 ({THOSE}): held by alice since")
    assert (problem.command, problem.since) == (f"condorloop release 398600 {each}", START)
    others = [held[0], *(replace(c, held_by="bob") for c in held[1:])]
    assert [p.person for p in of_holds(others, {})] == ["alice", "bob"]
    named = [p.calibrations for p in of_holds(held, {SPOT.calibration: ("alice", START)})]
    assert named == [(SPOT.calibration,), tuple(key.calibration for key in ALL[1:])]


def test_a_dag_that_is_late_for_several_is_told_once(campaigns):
    ends = [replace(c, window_ends=START + n) for n, c in enumerate(campaigns)]
    [problem] = of_late(ends, [BATCH], START + 1)
    assert problem.text.startswith("Express run398600 (BeamSpot, EcalPedestals): window ended")
    [own] = of_late(ends, [HARVEST], START + 1)
    assert own.text.startswith("BeamSpot run398600: window ended")


def test_jobs_of_a_stream_that_wait_are_told_of_its_calibrations(campaigns):
    waits = WaitingJob("x", STREAM, "RECO_0001", "61.0", START, Obstacle.FULL, "no room")
    [problem] = of_waiting([waits], [BATCH], campaigns)
    assert problem.text == f"{THOSE}: RECO jobs do not start, 3 jobs wait: no room"


def test_a_script_that_waits_is_told_of_whom_its_node_works_for(campaigns):
    scripts = [
        WaitingScript(BATCH, node, "POST", START) for node in ("ALCA_0000", "UPLOAD_BeamSpot")
    ]
    names = [p.text.partition(": ")[0] for p in of_scripts(scripts, START + 600, campaigns)]
    assert names == [f"Express run398600 ({THOSE})", "BeamSpot run398600"]


def test_a_directory_that_is_not_adopted_is_told_of_all(campaigns):
    [problem] = of_strangers({SPOT: ("dag007",)}, campaigns)
    assert problem.text.startswith(f"Express run398600 ({THOSE}): dag007 is not adopted")
    [alone] = of_strangers({SPOT: ("dag007",)})
    assert alone.text.startswith("BeamSpot run398600: dag007 is not adopted")


def test_what_is_shared_is_one_message_until_it_is_over(campaigns):
    rules = Rules(after=0.0, reminder=3600.0, kinds=frozenset(ProblemKind))
    problems = tuple(p for p in of_campaigns(campaigns) if p.stream)
    wrong = loop_status(*campaigns, problems=problems)
    memory = noted({}, wrong, rules)
    message = due(memory, wrong, rules)
    [(topic, item)] = message.new.items()
    assert (str(topic), THOSE in item.text) == ("failed|Express|398600|", True)


def test_status_json_has_what_calibrations_share_once(status, tmp_path):
    status_file.write(tmp_path, status)
    assert status_file.read(tmp_path) == status
    data = status_file.to_json(status)
    [shared] = data["reconstructions"]
    assert (shared["stream"], shared["nodes"]["RECO"]) == (
        EXPRESS,
        {"done": 2, "failed": 1, "waiting": 1},
    )
    assert shared["jobs"] == {"idle": 3, "running": 0, "held": 0}


def test_of_one_calibration_what_it_shares_is_shown_too(status):
    shared = Decision(START, "info", "b002 submitted", EXPRESS, RUN.number)
    other = replace(shared, calibration="Lone")
    every = replace(status, decisions=(shared, other))
    shown = status_file.only(every, [ECAL.calibration])
    assert [c.key for c in shown.campaigns] == [ECAL]
    assert (shown.reconstructions, shown.decisions) == (status.reconstructions, (shared,))
    alone = status_file.only(every, ["Lone"])
    assert (alone.reconstructions, alone.decisions) == ((), (other,))


def samples(status: Status):
    metrics = Metrics()
    metrics.take(status)
    text = generate_latest(metrics.registry).decode()
    for family in text_string_to_metric_families(text):
        yield from family.samples


def numbers(status, name):
    """The values of a metric that are not 0, by labels."""
    found = (s for s in samples(status) if s.name == f"condorloop_{name}" and s.value)
    return {tuple(sorted(s.labels.items())): s.value for s in found}


def labels(**those):
    return tuple(sorted(those.items()))


def test_jobs_of_a_stream_are_counted_once(status):
    assert numbers(status, "jobs") == {
        labels(stream=EXPRESS, state="idle"): 3,
        labels(stream=EXPRESS, calibration=SPOT.calibration, state="running"): 1,
        labels(calibration="Lone", state="running"): 2,
    }


def test_files_and_dags_of_a_stream_are_counted_once(status):
    assert numbers(status, "files") == {
        labels(stream=EXPRESS, state="good"): 5,
        labels(stream=EXPRESS, state="bad"): 1,
        labels(calibration="Lone", state="good"): 8,
    }
    dags = numbers(status, "dags")
    assert dags[labels(stream=EXPRESS, state="failed")] == 1
    assert dags[labels(stream=EXPRESS, calibration=SPOT.calibration, state="done")] == 1
    assert labels(stream=EXPRESS, calibration=ECAL.calibration, state="failed") not in dags


def test_nodes_of_a_stream_are_counted_by_kind(status):
    nodes = numbers(status, "stream_nodes")
    assert nodes[labels(stream=EXPRESS, kind="RECO", state="done")] == 2
    assert nodes[labels(stream=EXPRESS, kind="ALCA", state="waiting")] == 2


def test_without_a_shared_stream_no_label_is_of_one():
    alone = loop_status(campaign_status(stream="EcalPedestals", last_outcome=UploadOutcome.REFUSED))
    found = list(samples(alone))
    assert found
    assert not [s for s in found if "stream" in s.labels or "stream" in s.name]


def test_problems_of_a_stream_are_shortened_together(campaigns):
    from condorloop.cli.views.problems import few_of_each

    names = tuple(key.calibration for key in ALL)
    many = [
        Problem.of_stream(ProblemKind.FAILED, EXPRESS, 398600, names, f"b001 RECO_{n:04d} failed")
        for n in range(9)
    ]
    assert list(few_of_each(many))[-1] == "… and 6 more like this of Express run 398600"
