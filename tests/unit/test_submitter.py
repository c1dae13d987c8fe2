"""The submitter goes on, whatever goes wrong in a cycle."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from condorloop.config.loader import load
from condorloop.cycle.ports import Ports
from condorloop.dagman import destination_memory
from condorloop.dagman.schedd.client import ScheddUnavailable
from condorloop.ledger.store import Ledger, open_requests
from condorloop.model.enums import RequestKind
from condorloop.model.queue import Queued
from condorloop.model.request import Request
from condorloop.monitoring.status_file import STATUS
from condorloop.policy import planner
from condorloop.requests import handler
from condorloop.rundir.durable import read_json
from condorloop.rundir.layout import MANIFEST
from condorloop.rundir.records.manifest import Manifest
from condorloop.runtime import logs
from condorloop.submitter import build_submitter
from tests.unit import examples
from tests.unit.cycle.test_luminosity import Files
from tests.unit.examples import KEY, RUN, START, TOP
from tests.unit.runtime.test_systemd import run_submitter
from tests.unit.shared_examples import EXPRESS, SHARING, shared_config


def own_error(config):
    services = read_json(config.site.work_dir / STATUS)["services"]
    [told] = [service["error"] for service in services if service["name"] == "condorloop"]
    return told


def test_a_mistake_of_the_loop_is_told_and_ends_neither_it_nor_later_cycles(tmp_path):
    told = []

    def stumble(submitter, config):
        raise KeyError("a mistake")

    def look(submitter, config):
        told.append(own_error(config))

    run_submitter(tmp_path, stumble, look, look, look)
    assert told[0] == "KeyError: 'a mistake'"
    assert told[-1] == ""


def test_a_cycle_that_a_mistake_cut_short_does_not_feed_the_watchdog(tmp_path, monkeypatch):
    fed = []
    monkeypatch.setattr(
        "condorloop.runtime.systemd.SystemdNotifier.cycled", lambda self, status: fed.append(1)
    )

    def stumble(submitter, config):
        raise ZeroDivisionError

    run_submitter(tmp_path, stumble, stumble, lambda submitter, config: None)
    assert len(fed) == 1


@pytest.fixture
def unanswerable(monkeypatch):
    """What people ask for of run 666 cannot even be understood."""
    planned = handler.planned

    def stumble(ledger, request):
        if request.run == 666:
            raise RuntimeError("no idea")
        return planned(ledger, request)

    monkeypatch.setattr(handler, "planned", stumble)


def test_a_request_that_nobody_can_carry_out_is_refused_and_keeps_no_other_from_it(
    tmp_path, unanswerable
):
    asked, answers = [], {}

    def ask(submitter, config):
        with open_requests(config.site.work_dir / "condorloop.db") as requests:
            for run in (666, 398600):
                asked.append(requests.add(Request(RequestKind.HOLD, run, made_by="alice")))

    def look(submitter, config):
        with open_requests(config.site.work_dir / "condorloop.db") as requests:
            answers.update({number: requests.answer_to(number) for number in asked})

    run_submitter(tmp_path, ask, look)
    first, second = (answers[number] for number in asked)
    assert first == (False, "cannot be done: RuntimeError: no idea")
    assert second is not None


def test_a_calibration_that_a_reload_brings_has_its_log_files(tmp_path, monkeypatch):
    followed = []
    monkeypatch.setattr(logs, "follow", lambda names: followed.append(sorted(names)))

    def reload(submitter, config):
        submitter.reload(lambda: config)

    run_submitter(tmp_path, reload)
    assert followed == [["BeamSpot", "EcalPedestals", "SiStripBad"]]


def test_a_reload_with_another_tag_leaves_the_old_configuration_in_use(tmp_path):
    def remember(submitter, config):
        destination_memory.take_up(submitter.ledger, config, START)

    def reload(submitter, config):
        known = config.calibrations["EcalPedestals"]
        upload = known.harvest.upload.model_copy(update={"tags": {"Ped_other": {}}})
        harvest = known.harvest.model_copy(update={"upload": upload})
        changed = known.model_copy(update={"harvest": harvest})
        other = replace(config, calibrations={**config.calibrations, "EcalPedestals": changed})
        submitter.reload(lambda: other)

    def look(submitter, config):
        assert submitter._config == config

    run_submitter(tmp_path, remember, reload, look)
    [told] = [
        p["text"]
        for p in read_json(tmp_path / "work" / "status.json")["problems"]
        if p["kind"] == "configuration"
    ]
    assert "Ped_other" in told
    assert "condorloop run --once --accept-destination" in told


def test_the_state_says_where_payloads_go(tmp_path):
    run_submitter(tmp_path, lambda submitter, config: None)
    told = read_json(tmp_path / "work" / "status.json")["destinations"]
    assert {d["calibration"]: d["tags"] for d in told}["EcalPedestals"] == [
        "EcalPedestals_NGTDemonstrator"
    ]
    assert {d["database"] for d in told} == {"oracle://cms_orcon_prod/CMS_CONDITIONS"}


class SlowPool:
    """A schedd that takes its time for each submission."""

    def __init__(self, seconds):
        self.now = START + 60
        self.submitted = []
        self._seconds = seconds

    def queued(self):
        return Queued()

    def submit(self, dag_file, batch_name):
        self.now += self._seconds
        self.submitted.append(dag_file.name)
        return len(self.submitted)

    def close(self):
        pass


@pytest.fixture
def slow(tmp_path):
    """Twenty runs with a RAW file each, at a schedd that takes a second for a DAG."""
    pool, files = SlowPool(1.0), Files()
    runs = [replace(RUN, number=RUN.number + i) for i in range(20)]
    files.there = {f"/eos/{run.number}.root": (run.number, range(1, 6)) for run in runs}
    config = load(examples.site_file(tmp_path), TOP / "calibrationYAML", [KEY.calibration])
    config.site.work_dir.mkdir()
    with Ledger(config.site.work_dir / "condorloop.db") as ledger:
        world = Ports(SimpleNamespace(runs=lambda since: runs), files, pool)
        submitter = build_submitter(config, ledger, lambda: pool.now, world)
        yield submitter, pool, config.site.poll_interval
        submitter.close()


def test_a_cycle_submits_until_the_next_poll_is_near(slow):
    submitter, pool, interval = slow
    submitter.cycle()
    polled_at = pool.now
    submitter.cycle()
    submitter.cycle(poll=False)
    assert polled_at + 0.8 * interval < pool.now < polled_at + interval


def test_near_the_next_poll_a_cycle_submits_one_dag_and_leaves_the_others_to_it(slow):
    submitter, pool, interval = slow
    submitter.cycle()
    submitter.cycle()
    pool.now += 0.9 * interval
    submitter.cycle(poll=False)
    assert len(pool.submitted) == 1


def test_a_mistake_in_deciding_about_one_campaign_costs_no_other(tmp_path, monkeypatch):
    decide, decided = planner.decide_reconstruction, []

    def stumble(now, reconstruction, calibrations):
        if reconstruction.key.run == 398600:
            raise ZeroDivisionError("about this one")
        decided.append(reconstruction.key.run)
        return decide(now, reconstruction, calibrations)

    def latch(submitter, config):
        with Ledger(config.site.work_dir / "condorloop.db") as ledger:
            for number in (398600, 398601):
                key, run = replace(KEY, run=number), replace(RUN, number=number)
                ledger.campaigns.latch(key, "/eos/here", run, "it qualifies", START)

    monkeypatch.setattr("condorloop.policy.planner.decide_reconstruction", stumble)
    run_submitter(tmp_path, latch, lambda submitter, config: None)
    assert 398601 in decided


class DeafPool(SlowPool):
    """A schedd that takes DAGs and tells nothing of its queue."""

    def queued(self):
        raise ScheddUnavailable("no answer")


@pytest.fixture
def sharing(tmp_path):
    """A run of a stream, reconstructed for two of three calibrations; then all are switched on."""
    everybody = shared_config(tmp_path)
    everybody.site.work_dir.mkdir(exist_ok=True)
    few = load(tmp_path / "site.yaml", tmp_path / "calibrations", SHARING[:2])
    pool, files = DeafPool(0.0), Files()
    files.there = {"/eos/f.root": (RUN.number, range(1, 6))}
    with Ledger(everybody.site.work_dir / "condorloop.db") as ledger:
        world = Ports(SimpleNamespace(runs=lambda since: [RUN]), files, pool)
        submitter = build_submitter(few, ledger, lambda: pool.now, world)
        for _ in range(3):
            submitter.cycle()
        submitter.reload(lambda: everybody)
        submitter.take_up_configuration()
        submitter.cycle()
        yield submitter, pool
        submitter.close()


def test_what_a_calibration_missed_becomes_a_batch_for_it_alone(sharing):
    submitter, pool = sharing
    assert pool.submitted == ["run398600_dag000.dag"]
    late = SHARING[2]
    request = Request(RequestKind.RESUBMIT, RUN.number, late, reprocess=True, made_by="alice")
    submitter.ledger.requests.add(request)
    for _ in range(2):
        submitter.cycle()
    assert pool.submitted[1:] == ["run398600_dag001.dag"]
    folder = submitter.settings.renderer.run_dir(EXPRESS) / "dag001"
    manifest = Manifest.read(folder / MANIFEST)
    assert (tuple(manifest.made_for), manifest.again_for) == ((late,), late)
    assert [file.path for file in manifest.files] == ["/eos/f.root"]
    assert list(manifest.settings) == [late]
