"""Prometheus gets what status shows: by HTTP, and as a file."""

import logging
import socket
import stat
from dataclasses import replace
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from condorloop.config.site import MetricsSite, Site
from condorloop.ledger.store import Ledger
from condorloop.model.enums import CampaignState, UploadOutcome
from condorloop.model.latency import BUCKETS, LatencyPoint, RunTimes, Upload, counted, latency_point
from condorloop.model.lumis import Lumis
from condorloop.model.problem import Problem, ProblemKind
from condorloop.model.service import Service
from condorloop.monitoring import status_file
from condorloop.monitoring.metrics import Latencies, Metrics
from condorloop.monitoring.metrics_export import Endpoint, Textfile
from condorloop.monitoring.notifications.announcer import Announcer
from tests.unit.examples import START, campaign_status, config, loop_status


def point(delays, run=398600):
    return LatencyPoint(
        calibration="EcalPedestals",
        run=run,
        run_start=START,
        uploaded_at=START + 100,
        lumis=len(delays),
        median=0.0,
        worst=max(delays, default=0.0),
        total=sum(delays),
        counts=counted(delays),
        after_start=100.0,
        after_end=None,
    )


def whole_status(**changes):
    """A status with something of everything."""
    up, down = Service("OMS"), Service("schedd")
    up.good(START)
    down.error, down.failing_since = "refused", START
    fields = {
        "services": (up, down),
        "problems": (Problem(ProblemKind.SERVICE, "schedd does not answer: refused"),),
        "latencies": (point([90.0, 7000.0, 30_000.0]),),
        "cycle_time": 0.5,
        "waiting": {"BeamSpot": START - 1400},
        "disk_free": 10**9,
        "ticket_ends": START + 3600,
        "confirm_within": 3600.0,
    }
    campaigns = (
        campaign_status(jobs={"idle": 2, "running": 3, "held": 1}),
        campaign_status(
            run=398601,
            state=CampaignState.INCOMPLETE,
            confirmed=2,
            contradictions={"harvestJob000 in A": "the tag lacks it"},
            unconfirmed={
                "harvestJob000 in A": START - 999,
                "harvestJob001 in B": START - 800,
                "harvestJob001 in C": START - 700,
            },
        ),
        campaign_status(calibration="BeamSpot", last_outcome=UploadOutcome.REFUSED),
    )
    return loop_status(*campaigns, **(fields | changes))


def samples(text):
    """Each sample of an exposition, by its name and labels."""
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def answering():
    opened = []

    def answer(metrics, address="127.0.0.1:0"):
        endpoint = Endpoint(address, metrics.registry)
        endpoint.open()
        opened.append(endpoint)
        return endpoint

    yield answer
    for endpoint in opened:
        endpoint.close()


def scraped(endpoint):
    with urlopen(f"http://127.0.0.1:{endpoint.port}/metrics", timeout=10) as answer:
        return samples(answer.read().decode())


def test_where_no_tag_is_read_back_nothing_is_said_of_confirmations(answering):
    metrics = Metrics()
    endpoint = answering(metrics)
    metrics.take(whole_status(confirm_within=None))
    names = {name for name, *_ in scraped(endpoint)}
    assert names.isdisjoint({"condorloop_confirmations", "condorloop_unconfirmed_seconds"})


def test_what_status_shows_is_scraped(answering):
    metrics = Metrics()
    endpoint = answering(metrics)
    metrics.take(whole_status())
    got = scraped(endpoint)
    assert got["condorloop_last_cycle_time_seconds",] == START + 100
    assert got["condorloop_service_up", "OMS"] == 1
    assert got["condorloop_service_up", "schedd"] == 0
    assert got["condorloop_service_last_answer_time_seconds", "OMS"] == START
    assert ("condorloop_service_last_answer_time_seconds", "schedd") not in got
    assert got["condorloop_campaigns", "EcalPedestals", "active"] == 1
    assert got["condorloop_campaigns", "EcalPedestals", "incomplete"] == 1
    assert got["condorloop_campaigns", "BeamSpot", "incomplete"] == 0
    assert got["condorloop_dags", "BeamSpot", "done"] == 2
    assert got["condorloop_jobs", "EcalPedestals", "running"] == 3
    assert got["condorloop_files", "BeamSpot", "good"] == 8
    assert got["condorloop_lumisections", "BeamSpot", "in payload"] == 20
    assert got["condorloop_last_uploads", "BeamSpot", "refused"] == 1
    assert got["condorloop_uploads_total", "EcalPedestals"] == 4
    assert got["condorloop_last_upload_time_seconds", "BeamSpot"] == START + 60
    assert got["condorloop_window_end_time_seconds", "BeamSpot"] == START + 8 * 3600
    assert got["condorloop_jobs_waiting_seconds", "BeamSpot"] == 1500
    assert got["condorloop_jobs_waiting_seconds", "EcalPedestals"] == 0
    assert [
        got["condorloop_confirmations", "EcalPedestals", state]
        for state in ("confirmed", "waiting", "contradicted")
    ] == [2, 2, 1]
    assert got["condorloop_unconfirmed_seconds", "EcalPedestals"] == 900
    assert got["condorloop_unconfirmed_seconds", "BeamSpot"] == 0
    assert got["condorloop_problems", "service"] == 1
    assert got["condorloop_problems", "disk"] == 0
    assert got["condorloop_disk_free_bytes",] == 10**9
    assert got["condorloop_ticket_end_time_seconds",] == START + 3600
    assert got["condorloop_cycle_duration_seconds_bucket", "0.3"] == 0
    assert got["condorloop_cycle_duration_seconds_bucket", "1.0"] == 1
    assert got["condorloop_upload_latency_seconds_bucket", "120.0", "EcalPedestals"] == 1
    assert got["condorloop_upload_latency_seconds_bucket", "28800.0", "EcalPedestals"] == 2
    assert got["condorloop_upload_latency_seconds_bucket", "+Inf", "EcalPedestals"] == 3
    assert got["condorloop_upload_latency_seconds_sum", "EcalPedestals"] == 37_090
    assert got["condorloop_upload_latency_seconds_count", "BeamSpot"] == 0


def test_what_is_gone_from_status_is_gone_from_the_metrics(answering):
    metrics = Metrics()
    endpoint = answering(metrics)
    metrics.take(whole_status())
    metrics.take(loop_status(disk_free=None))
    got = scraped(endpoint)
    assert not [name for name, *labels in got if name == "condorloop_campaigns"]
    assert ("condorloop_disk_free_bytes",) not in got
    assert got["condorloop_uploads_total", "EcalPedestals"] == 4


def test_labels_are_few_and_have_neither_runs_nor_files_nor_texts(answering):
    metrics = Metrics()
    endpoint = answering(metrics)
    path = "/eos/cms/hostile.root"
    many = [campaign_status(run=r, bad_files={path: "no"}, last_answer=path) for r in range(500)]
    metrics.take(whole_status(campaigns=tuple(many)))
    got = scraped(endpoint)
    assert len(got) < 150
    assert not [key for key in got if {"499", "398600"} & set(key) or "hostile" in str(key)]


def test_uploads_are_counted_once_and_those_of_an_earlier_process_not_again():
    metrics = Metrics(before=whole_status())
    for uploads in (2, 3, 3, 5):
        metrics.take(whole_status(campaigns=(campaign_status(uploads=uploads),)))
    found = {s.labels["calibration"]: s.value for f in metrics.collect() for s in f.samples
             if s.name == "condorloop_uploads_total"}  # fmt: skip
    assert found == {"EcalPedestals": 3}


DELAYS = st.lists(st.floats(0, 40_000), max_size=20)


@given(st.lists(DELAYS, max_size=6), st.lists(DELAYS, max_size=2))
def test_each_lumisection_is_counted_once(uploads, earlier):
    known = [d for delays in earlier for d in delays]
    latencies = Latencies([point(known)])
    told = list(known)
    for delays in uploads:
        told += delays
        for _ in range(2):
            latencies.add([point(told)])
    ours = told[len(known) :]
    if uploads:
        histogram = latencies.of["EcalPedestals"]
        assert histogram.counts == list(counted(ours))
        assert histogram.total == pytest.approx(sum(ours), abs=1e-6)
        assert histogram.buckets()[-1] == ("+Inf", len(ours))


def test_a_run_that_ends_counts_nothing_twice():
    uploads = [Upload(1, Lumis.span(1, 50), START + 2000)]
    latencies = Latencies()
    for end in (None, START + 1000, START + 600):
        times = RunTimes(START, end, 50 if end else None)
        latencies.add([latency_point("x", 1, times, uploads)])
    assert sum(latencies.of["x"].counts) == 50


def test_the_buckets_reach_the_window():
    assert BUCKETS[-1] == 8 * 3600


def test_other_paths_and_methods_are_refused_or_answered_the_same(answering):
    endpoint = answering(Metrics())
    with pytest.raises(HTTPError, match="501"):
        urlopen(f"http://127.0.0.1:{endpoint.port}/metrics", data=b"x", timeout=10)


def test_a_port_that_is_taken_is_one_line_and_is_tried_again(answering, caplog):
    metrics = Metrics()
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        endpoint = answering(metrics, f"127.0.0.1:{port}")
        endpoint.open()
        assert endpoint.port is None
    [line] = [r.getMessage() for r in caplog.records if "cannot serve metrics at" in r.getMessage()]
    assert line.endswith("Address already in use")
    endpoint.open()
    assert endpoint.port == port


def test_a_client_that_says_nothing_holds_up_neither_others_nor_the_end(answering):
    metrics = Metrics()
    endpoint = answering(metrics)
    metrics.take(whole_status())
    with socket.create_connection(("127.0.0.1", endpoint.port)):
        assert scraped(endpoint)
        endpoint.close()
    assert endpoint.port is None


def test_the_file_is_whole_and_can_be_read_by_others(tmp_path):
    metrics = Metrics()
    metrics.take(whole_status())
    file = tmp_path / "condorloop.prom"
    for _ in range(2):
        Textfile(file, metrics.registry).write()
    assert samples(file.read_text())["condorloop_service_up", "OMS"] == 1
    assert [p.name for p in tmp_path.iterdir()] == ["condorloop.prom"]
    assert file.stat().st_mode & stat.S_IROTH


def test_a_folder_that_is_not_there_is_one_line(tmp_path, caplog):
    textfile = Textfile(tmp_path / "no" / "condorloop.prom", Metrics().registry)
    for _ in range(3):
        textfile.write()
    assert caplog.messages == [f"cannot write {tmp_path / 'no'}: No such file or directory"]


@pytest.fixture
def ledger(tmp_path):
    with Ledger(tmp_path / "condorloop.db") as ledger:
        yield ledger


def site_with(tmp_path, **keys) -> Site:
    site = config(tmp_path).site
    site.work_dir.mkdir()
    return site.model_copy(update=keys)


def test_a_site_that_wants_nothing_is_told_nothing(tmp_path, ledger, caplog):
    caplog.set_level(logging.INFO)
    announcer = Announcer(site_with(tmp_path), ledger.notifications)
    announcer.tell(whole_status())
    announcer.close()
    assert caplog.messages == []


def test_what_an_earlier_process_counted_is_not_counted_again(tmp_path, ledger):
    file = tmp_path / "condorloop.prom"
    site = site_with(tmp_path, metrics=MetricsSite(textfile=file))
    status_file.write(site.work_dir, whole_status())
    announcer = Announcer(site, ledger.notifications)
    more = (point([90.0, 7000.0, 30_000.0, 100.0]),)
    announcer.tell(whole_status(latencies=more))
    got = samples(file.read_text())
    assert got["condorloop_upload_latency_seconds_count", "EcalPedestals"] == 1
    assert got["condorloop_uploads_total", "EcalPedestals"] == 0


def test_a_mistake_in_telling_stops_no_cycle(tmp_path, ledger, caplog):
    announcer = Announcer(site_with(tmp_path, metrics=MetricsSite(textfile="/x.prom")), ledger)
    odd = replace(whole_status(), cycle_time=None)
    announcer.tell(odd)
    announcer.tell(odd)
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("metrics and messages: TypeError")
