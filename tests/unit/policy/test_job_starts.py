"""Jobs that do not start are a problem; jobs that wait their turn are none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.cycle.start_watch import StartWatch
from condorloop.dagman.schedd.client import ScheddUnavailable
from condorloop.model.campaign import CampaignKey
from condorloop.model.queue import Obstacle, QueuedDag, WaitingJob, Waits
from condorloop.policy.job_starts import stuck, waiting_since
from condorloop.runtime.shutdown import Shutdown
from condorloop.runtime.wakeup import Wakeup
from tests.unit.examples import KEY, START

WITHIN = 1200.0
MINUTE, HOUR = 60.0, 3600.0


def job(obstacle, since=START, dag_id="x", key=KEY, node="RECO_0000"):
    return WaitingJob(dag_id, key, node, "17.0", since, obstacle, "in words")


def dag(dag_id="x", idle=8, running=0, since=None, key=KEY):
    counts = {"JobsIdle": idle, "JobsRunning": running}
    return QueuedDag(dag_id, key, 0, 16, None, counts, since=since)


def is_stuck(obstacle, after, *, running=0, started=False):
    waits = Waits((job(obstacle),), started)
    return bool(stuck(waits, [dag(running=running)], WITHIN, START + after))


@pytest.mark.parametrize("obstacle", [each for each in Obstacle if each is not Obstacle.FULL])
def test_where_nothing_runs_jobs_that_wait_are_told_when_their_time_is_over(obstacle):
    assert not is_stuck(obstacle, WITHIN - 1)
    assert is_stuck(obstacle, WITHIN)


def test_a_queue_that_moves_is_no_problem_however_long_it_is():
    for obstacle in (Obstacle.FULL, Obstacle.FREE, Obstacle.UNKNOWN):
        assert not is_stuck(obstacle, 8 * HOUR, running=24, started=True)


def test_a_pool_full_of_our_own_long_jobs_is_borne_longer_than_one_full_of_others():
    assert not is_stuck(Obstacle.FULL, 59 * MINUTE)
    assert is_stuck(Obstacle.FULL, HOUR)
    assert not is_stuck(Obstacle.FULL, 119 * MINUTE, running=8)
    assert is_stuck(Obstacle.FULL, 2 * HOUR, running=8)


def test_a_job_that_nothing_can_run_is_told_though_others_start():
    assert is_stuck(Obstacle.NO_MATCH, WITHIN, running=8)
    assert not is_stuck(Obstacle.NO_MATCH, 59 * MINUTE, running=8, started=True)
    assert is_stuck(Obstacle.NO_MATCH, HOUR, running=8, started=True)


def test_a_job_that_no_machine_begins_is_told_though_others_start():
    assert is_stuck(Obstacle.IN_VAIN, WITHIN, running=8, started=True)


@given(st.sampled_from(Obstacle), st.floats(0, WITHIN - 1), st.booleans(), st.integers(0, 9))
def test_nothing_is_told_before_its_time(obstacle, after, started, running):
    assert not is_stuck(obstacle, after, started=started, running=running)


def test_of_a_calibration_the_first_job_that_waits_counts():
    other = CampaignKey("BeamSpot", 398601)
    jobs = [
        job(Obstacle.FULL, START + 5),
        job(Obstacle.NO_MATCH, START),
        job(Obstacle.FULL, 3.0, key=other),
    ]
    assert waiting_since(jobs) == {"EcalPedestals": START, "BeamSpot": 3.0}


class Pool:
    """A schedd that is asked which jobs wait."""

    def __init__(self, *jobs):
        self.jobs, self.asked, self.answers = list(jobs), 0, True

    def waits(self, longer):
        self.asked += 1
        if not self.answers:
            raise ScheddUnavailable("no answer in 20 s")
        return Waits(tuple(self.jobs))


@pytest.fixture
def pool():
    return Pool(job(Obstacle.NO_MACHINE))


@pytest.fixture
def watch(pool):
    """A watch that has seen an empty queue before."""
    watch = StartWatch(pool, Shutdown(Wakeup()))
    watch.look({}, WITHIN, START - 10)
    return watch


def poll(watch, seconds, *dags, start=0.0):
    """Look at the same queue every ten seconds for so long."""
    now = START + start
    while now <= START + start + seconds:
        watch.look({d.id: d for d in dags}, WITHIN, now)
        now += 10


def test_nobody_is_asked_while_nothing_has_waited_for_long(watch, pool):
    poll(watch, WITHIN - 10, dag())
    assert (pool.asked, watch.stuck) == (0, ())
    poll(watch, HOUR, dag(idle=0, running=8), start=WITHIN)
    assert pool.asked == 0


def test_what_does_not_start_is_told_when_its_time_is_over_and_asked_now_and_then(watch, pool):
    poll(watch, WITHIN, dag())
    assert watch.stuck == (job(Obstacle.NO_MACHINE),)
    poll(watch, HOUR, dag(), start=WITHIN + 10)
    assert pool.asked <= 1 + HOUR / (WITHIN / 10)


def test_a_new_submitter_knows_it_at_its_first_look(pool):
    watch = StartWatch(pool, Shutdown(Wakeup()))
    watch.look({"x": dag(since=START)}, WITHIN, START + WITHIN)
    assert watch.stuck == (job(Obstacle.NO_MACHINE),)


def test_it_is_over_with_the_first_poll_in_which_nothing_of_the_dag_waits(watch):
    poll(watch, WITHIN, dag())
    poll(watch, 0, dag(idle=0, running=8), start=WITHIN + 10)
    assert watch.stuck == ()


def test_a_schedd_that_does_not_answer_changes_nothing(watch, pool):
    pool.answers = False
    poll(watch, 2 * WITHIN, dag())
    assert (pool.asked > 0, watch.stuck) == (True, ())
    pool.answers = True
    poll(watch, WITHIN, dag(), start=2 * WITHIN)
    pool.answers = False
    poll(watch, WITHIN, dag(), start=3 * WITHIN)
    assert watch.stuck == (job(Obstacle.NO_MACHINE),)


def test_jobs_of_another_loop_of_the_site_are_not_told(watch, pool):
    pool.jobs.append(job(Obstacle.NO_MACHINE, dag_id="another ledger's"))
    poll(watch, WITHIN, dag())
    assert [j.dag_id for j in watch.stuck] == ["x"]


def test_a_calibration_waits_since_the_first_of_its_jobs_in_whatever_order_they_are_told():
    beam_spot = CampaignKey("BeamSpot", 398600)
    early, late = job(Obstacle.FULL, START), job(Obstacle.FULL, START + MINUTE)
    other = job(Obstacle.FULL, START + HOUR, key=beam_spot)
    for told in ((early, late, other), (other, late, early)):
        assert waiting_since(told) == {KEY.calibration: START, "BeamSpot": START + HOUR}
