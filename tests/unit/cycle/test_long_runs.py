"""A run longer than the buffer: OMS is asked for it, and its files are taken, to its end."""

import pytest

from tests.unit.cycle.test_luminosity import Place
from tests.unit.examples import RUN, START

HOUR = 3600.0
END = {"end_time": "2026-09-22T03:13:20Z", "last_lumisection_number": 2007}
"""13 h after the run's start."""


class LongRun(Place):
    """A run that is looked at some hours after its start."""

    def at(self, hours):
        """Make two cycles: the first probes what storage lists, the second knows what it holds."""
        self.submitter.clock = lambda: START + hours * HOUR
        self.poll(2)
        return self.ledger.campaigns.of_run(RUN.number, None)[0]


@pytest.fixture
def place(tmp_path, request):
    place = LongRun(tmp_path, "", request.param)
    place.runs[0] |= {"end_time": None, "last_lumisection_number": 10, "stable_beam": True}
    place.at(0.2)
    yield place
    place.close()


@pytest.mark.parametrize("place", ["BeamSpot"], indirect=True)
def test_by_lumisection_the_last_hours_of_a_run_are_taken(place):
    place.runs[0] |= {"last_lumisection_number": 1200}
    place.at(7.9)
    place.see(1300, 1320)
    place.runs[0] |= {"last_lumisection_number": 1840}
    campaign = place.at(12)
    assert (campaign.last_ls, campaign.seen.last) == (1840, 1320)
    place.runs[0] |= END
    place.see(1990, 2000)
    campaign = place.at(13.1)
    assert (campaign.run_end, campaign.seen.last) == (START + 13 * HOUR, 2000)
    assert not place.oms_error
    place.see(2001, 2007)
    assert place.at(20.9).seen.last == 2007
    status = place.submitter.publisher.status.campaigns[0]
    assert status.window_ends == START + 21 * HOUR
    place.see(1, 5)
    assert place.at(21.1).seen.first == 1300


@pytest.mark.parametrize("place", ["EcalPedestals"], indirect=True)
def test_by_run_nothing_is_taken_once_its_start_has_left_the_buffer(place):
    place.see(1, 5)
    assert place.at(7.9).seen.last == 5
    place.see(1300, 1320)
    assert place.at(8.1).seen.last == 5


@pytest.mark.parametrize("place", ["BeamSpot"], indirect=True)
def test_what_is_known_of_a_long_run_stands_while_oms_gives_no_answer(place):
    place.runs[0] |= {"last_lumisection_number": 1600}
    place.at(7.9)
    place.server.stop()
    place.see(1590, 1600)
    campaign = place.at(12)
    assert place.oms_error
    assert campaign.seen.last == 1600


@pytest.mark.parametrize("place", ["BeamSpot", "EcalPedestals"], indirect=True)
def test_a_submitter_that_was_away_when_the_window_ended_learns_how_long_the_run_was(place):
    place.runs[0] |= END
    campaign = place.at(30)
    assert not campaign.state.open
    assert (campaign.run_end, campaign.last_ls) == (START + 13 * HOUR, 2007)
