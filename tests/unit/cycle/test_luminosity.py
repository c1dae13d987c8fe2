"""OMS is asked for luminosity only where it counts, once a poll, and only for what is missing."""

from types import SimpleNamespace

import pytest

from condorloop.config.loader import load
from condorloop.cycle.luminosity import LuminosityReader
from condorloop.cycle.ports import Ports
from condorloop.ledger.store import Ledger
from condorloop.model.campaign import CampaignKey, Probe
from condorloop.model.enums import CampaignState, FileState
from condorloop.model.lumis import Lumis
from condorloop.model.queue import Queued
from condorloop.runtime.shutdown import Shutdown
from condorloop.runtime.wakeup import Wakeup
from condorloop.services.edm_file_util import Contents
from condorloop.services.oms import Oms
from condorloop.submitter import build_submitter
from condorloop.testbed.faults import OmsMode
from condorloop.testbed.oms.rows import OmsRows
from condorloop.testbed.oms.server import OmsServer
from condorloop.testbed.scenario.oms_attributes import LUMISECTIONS, RUNS, usual
from tests.unit import examples
from tests.unit.examples import KEY, RUN, START, TOP

OTHER = CampaignKey("SiStripBad", KEY.run)
COUNTING = "defaults: {harvesting: {statistic: luminosity}}\n"


def run_row(number: int = RUN.number, start: str = "2026-09-21T14:13:20Z"):
    return usual(RUNS) | {"run_number": number, "fill_number": 10900, "start_time": start}


def luminosity_rows(*lumis: int, run: int = RUN.number):
    numbers = ({"run_number": run, "lumisection_number": ls} for ls in lumis)
    return [usual(LUMISECTIONS) | these for these in numbers]


class Files:
    """Storage that lists what a test puts there, and probes it at once; all of it is good."""

    def __init__(self):
        self.there = {}
        self._probed = {}
        self.probing = 0

    def list_run(self, stream, run):
        return {path: 1000 for path, (of, _) in self.there.items() if of == run}

    def odd_lines(self, stream, run):
        return ()

    def start_probe(self, path):
        run, lumis = self.there[path]
        self._probed[path] = Contents({run: dict.fromkeys(lumis, 20)})

    def probed(self):
        return dict(self._probed)

    def forget(self, path):
        del self._probed[path]

    def close(self):
        pass


class Place:
    """A real submitter and ledger, an OMS that answers over HTTP, files, and no pool."""

    def __init__(self, folder, settings, calibration=KEY.calibration):
        self.runs, self.lumisections = [run_row()], []
        self.server = OmsServer(lambda: OmsRows(self.runs[:], self.lumisections[:]))
        self.server.start()
        site = examples.site_file(folder)
        site.write_text(site.read_text() + settings)
        config = load(site, TOP / "calibrationYAML", [calibration])
        config.site.work_dir.mkdir()
        self.files = Files()
        self.ledger = Ledger(config.site.work_dir / "condorloop.db")
        oms = Oms(config.site.oms.model_copy(update={"url": self.server.url, "timeout": 5.0}))
        pool = SimpleNamespace(queued=Queued, close=lambda: None)
        world = Ports(oms, self.files, pool)
        self.submitter = build_submitter(config, self.ledger, lambda: START + 600, world)

    def close(self):
        self.submitter.close()
        self.ledger.close()
        self.server.stop()

    def poll(self, times=1):
        """Make so many cycles; campaigns are held from their first, so that no DAG is made."""
        for _ in range(times):
            self.submitter.cycle()
            for campaign in self.ledger.campaigns.with_work({}):
                self.ledger.campaigns.set_held_by(campaign.id, "a test")

    def see(self, first, last, run=RUN.number):
        """Let a file appear; the first poll probes it, the second one knows what it holds."""
        self.files.there[f"/eos/run{run}_{last}.root"] = run, range(first, last + 1)

    @property
    def asked(self):
        """How often rows were asked for, by kind."""
        return {kind: n for kind, n in self.server.requests.items() if "meta" not in kind}

    @property
    def oms_error(self):
        """What the loop says is wrong with OMS."""
        return self.submitter.latcher.service.error

    @property
    def known(self):
        """The lumisections of the run whose luminosity is known."""
        return sorted(self.ledger.luminosity.of_run(RUN.number))


@pytest.fixture
def place(tmp_path, request):
    """Where luminosity counts, unless a test gives other settings of the site."""
    place = Place(tmp_path, getattr(request, "param", COUNTING))
    yield place
    place.close()


@pytest.mark.parametrize(
    "place",
    ["", "defaults: {harvesting: {statistic: events}}\n"],
    indirect=True,
    ids=["lumisections", "events"],
)
def test_where_nobody_counts_luminosity_a_poll_is_one_request(place):
    place.lumisections += luminosity_rows(*range(1, 11))
    place.see(1, 5)
    place.poll(5)
    assert str(place.ledger.campaigns.with_work({})[0].seen) == "1-5"
    assert place.asked == {"runs": 5}


def test_it_is_asked_for_once_lumisections_are_seen(place):
    place.lumisections += luminosity_rows(*range(1, 11))
    place.poll(3)
    assert place.asked == {"runs": 3}
    place.see(1, 5)
    place.poll(2)
    assert place.asked == {"runs": 5, "lumisections": 1}
    assert place.ledger.luminosity.of_run(RUN.number) == dict.fromkeys(range(1, 11), 0.4476)


def test_what_is_known_is_not_asked_for_again(place):
    place.lumisections += luminosity_rows(*range(1, 11))
    place.see(1, 5)
    place.poll(4)
    place.see(6, 10)
    place.poll(4)
    assert place.asked["lumisections"] == 1
    place.see(11, 15)
    place.lumisections += luminosity_rows(*range(11, 16))
    place.poll(4)
    assert place.asked["lumisections"] == 2
    assert place.known == list(range(1, 16))


def test_what_oms_does_not_know_yet_is_asked_for_once_a_poll(place):
    place.lumisections += luminosity_rows(1, 2, 3)
    place.see(1, 5)
    place.poll(3)
    before = place.asked
    place.poll(4)
    assert place.asked == {kind: n + 4 for kind, n in before.items()}
    assert place.known == [1, 2, 3]


@pytest.mark.parametrize(
    "mode", [OmsMode.HTTP_ERROR, OmsMode.HTML, OmsMode.NULLS, OmsMode.CONNECTION_ERROR]
)
def test_an_outage_is_told_and_changes_nothing(place, mode):
    place.lumisections += luminosity_rows(1, 2)
    place.see(1, 5)
    place.poll(3)
    place.lumisections += luminosity_rows(3, 4, 5)
    place.runs[0]["last_lumisection_number"] = 7
    place.server.faults.inject(mode, resource="lumisections", times=2)
    place.poll(2)
    assert "/v1/lumisections: " in place.oms_error
    assert place.known == [1, 2]
    assert place.ledger.campaigns.with_work({})[0].last_ls == 7
    place.poll()
    assert not place.oms_error
    assert place.known == [1, 2, 3, 4, 5]


def test_an_outage_in_one_question_saves_the_others_until_the_next_poll(place):
    place.runs.append(run_row(RUN.number + 1))
    for run in (RUN.number, RUN.number + 1):
        place.see(1, 5, run)
    place.server.faults.inject(OmsMode.HTTP_ERROR, resource="lumisections")
    place.poll(3)
    assert place.asked["lumisections"] == 1
    place.poll()
    assert place.asked["lumisections"] == 3


def test_runs_whose_campaigns_are_given_up_are_left_alone(place):
    place.see(1, 5)
    place.poll(3)
    before = place.asked["lumisections"]
    [campaign] = place.ledger.campaigns.with_work({})
    place.ledger.campaigns.set_state(campaign.id, CampaignState.ABANDONED, "by a test", START)
    place.poll(2)
    assert place.asked["lumisections"] == before == 1


@pytest.fixture
def ledger(tmp_path):
    with Ledger(tmp_path / "condorloop.db") as ledger:
        yield ledger


def test_luminosity_survives_a_restart(ledger):
    ledger.luminosity.add(RUN.number, {1: 0.4, 2: 0.0})
    ledger.luminosity.add(RUN.number, {3: 0.25})
    ledger.luminosity.add(RUN.number + 1, {1: 0.1})
    with Ledger(ledger.path) as again:
        assert again.luminosity.of_run(RUN.number) == {1: 0.4, 2: 0.0, 3: 0.25}


def test_only_campaigns_that_count_it_and_have_what_to_harvest_get_it(ledger):
    told = examples.calibration().model_dump(by_alias=True)
    counting = type(examples.calibration()).model_validate(
        told | {"harvesting": {"statistic": "luminosity"}}
    )
    calibrations = {KEY.calibration: counting, "SiStripBad": examples.calibration("SiStripBad")}
    luminosity = LuminosityReader(SimpleNamespace(), ledger, Shutdown(Wakeup()))

    def given():
        found = luminosity.given_to(ledger.campaigns.reconstructions({}), calibrations)
        return {c.key: c.luminosity for of in found for c in of.campaigns}

    for key in (KEY, OTHER):
        ledger.campaigns.latch(key, f"/eos/{key.calibration}", RUN, "running", START)
    ledger.luminosity.add(RUN.number, {1: 0.4})
    assert given() == {KEY: {}, OTHER: {}}
    for key in (KEY, OTHER):
        file = f"/eos/{key.calibration}/1.root"
        ledger.raw_files.add(f"/eos/{key.calibration}", RUN.number, {file: 1000}, START)
        ledger.raw_files.probed(file, FileState.GOOD, Probe(Lumis.span(1, 1), 100), START)
    assert given() == {KEY: {1: 0.4}, OTHER: {}}
