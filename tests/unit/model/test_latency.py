"""How long lumisections take is told from what was written down, and adds up."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from condorloop.model.latency import BUCKETS, RunTimes, Upload, counted, firsts, latency_point
from condorloop.model.lumis import EMPTY, Lumis
from condorloop.monitoring.status_file import read, write
from tests.unit.examples import KEY, START, loop_status

ENDED = RunTimes(START, START + 400, 40)
LUMIS = st.sets(st.integers(1, 60), max_size=20).map(Lumis.of)
UPLOADS = st.lists(st.builds(Upload, st.integers(0, 9), LUMIS, st.floats(START, START + 1e5)))


def test_the_lumisections_of_a_run_that_has_ended_share_its_time_equally():
    assert [ENDED.end_of(n) for n in (1, 20, 40)] == [START + 10, START + 200, START + 400]


def test_a_lumisection_of_a_run_that_is_being_taken_lasts_as_long_as_all():
    assert RunTimes(START, None, 40).end_of(100) == START + 2331


def test_no_lumisection_ends_after_its_file_was_seen():
    assert RunTimes(START, seen={3: START + 5}).end_of(3) == START + 5


@given(UPLOADS)
def test_each_lumisection_counts_with_the_first_payload_that_contains_it(uploads):
    told = list(firsts(uploads))
    news = [new for _, new in told]
    assert Lumis.union(news) == Lumis.union(u.lumis for u in uploads)
    assert sum(map(len, news)) == len(Lumis.union(news))
    for upload, new in told:
        for lumi in new:
            assert upload.time == min(u.time for u in uploads if lumi in u.lumis)


def test_a_point_sums_up_what_the_uploads_of_a_campaign_came_to():
    uploads = [Upload(2, Lumis.span(1, 3), START + 460), Upload(1, Lumis.of([1]), START + 60)]
    point = latency_point("EcalPedestals", 398600, ENDED, uploads)
    assert (point.lumis, point.median, point.worst) == (3, 430.0, 440.0)
    assert point.total == 50 + 440 + 430
    assert (point.after_start, point.after_end) == (460.0, 60.0)
    assert sum(point.counts[: BUCKETS.index(60.0) + 1]) == 1


def test_nothing_is_said_after_the_end_of_a_run_that_is_being_taken():
    taken = RunTimes(START)
    point = latency_point("EcalPedestals", 398600, taken, [Upload(1, Lumis.of([1]), START + 60)])
    assert point.after_end is None


def test_a_campaign_whose_uploads_brought_nothing_has_no_point():
    assert latency_point("EcalPedestals", 398600, ENDED, [Upload(1, EMPTY, START)]) is None


@given(st.lists(st.floats(0, 1e6)))
def test_every_duration_is_in_one_bucket(delays):
    counts = counted(delays)
    assert len(counts) == len(BUCKETS) + 1
    for number, bound in enumerate(BUCKETS):
        assert sum(counts[: number + 1]) == sum(d <= bound for d in delays)
    assert sum(counts) == len(delays)


def test_the_status_keeps_latencies(tmp_path):
    point = latency_point(KEY.calibration, KEY.run, ENDED, [Upload(1, Lumis.of([1]), START + 60)])
    of_another = replace(point, calibration="BeamSpot")
    shown = loop_status(latencies=(point, of_another))
    write(tmp_path, shown)
    assert read(tmp_path) == shown
