"""Short days of the soak; longer ones by hand: see `tests.soak`."""

import pytest

from tests.soak.day import Day
from tests.soak.place import place
from tests.soak.story import Violation
from tests.soak.weather import ALL, BAD_FILES


def live(seed, hours, folder, kinds=ALL | BAD_FILES):
    """Live through a day; a broken promise is told with how it came to that."""
    day = Day(seed, hours, folder / f"{seed}", kinds)
    try:
        digest = day.run()
    except Violation as broken:
        story = "\n".join(day.agenda.story.last)
        pytest.fail(f"{story}\nseed {seed}, {hours:g} h: {broken}\n{day}", pytrace=False)
    return day, digest


@pytest.fixture
def folder(tmp_path):
    with place(tmp_path) as folder:
        yield folder


def test_a_day_without_faults_uploads_every_lumisection(folder):
    day, _ = live(1, 1.5, folder, frozenset())
    assert day.payloads
    assert not day.stands_told


def test_jobs_that_wait_their_turn_in_a_full_pool_are_no_problem(folder, monkeypatch):
    monkeypatch.setattr("tests.soak.pool.SLOTS", 2)
    day, _ = live(1, 1.5, folder, frozenset())
    assert not day.stands_told


STANDS = frozenset({"the pool is idle", "the schedd is down", "crash"})


def test_that_jobs_do_not_start_is_told_when_the_pool_gives_no_slots_and_only_then(folder):
    day, _ = live(4, 2.0, folder, STANDS)
    assert day.payloads
    assert day.stands_told


@pytest.mark.parametrize("seed", [3, 14, 15])
def test_all_promises_hold_on_a_day_of_faults(seed, folder):
    day, _ = live(seed, 2.0, folder)
    assert day.payloads
    assert day.faults


def test_a_seed_is_a_day_to_the_last_word(folder):
    first, second = (live(7, 1.0, folder / which)[1] for which in ("first", "second"))
    assert first == second
