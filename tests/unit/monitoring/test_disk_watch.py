"""A person is told that the disk gets full, long before it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.config.site import DiskSite
from condorloop.monitoring.disk_watch import EVERY, LEAST, DiskWatch, full_in, why_warn
from condorloop.runtime.disk_space import DiskSpace

GB = 10**9
HOUR = 3600.0


def space(free, total=1000 * GB, path="/data/ngt"):
    return DiskSpace(path, free, total, None, None)


def test_a_disk_that_fills_steadily_is_full_when_its_rate_says_so():
    seen = [(0.0, 500 * GB), (HOUR, 400 * GB)]
    assert full_in(seen) == pytest.approx(4 * HOUR)


def test_a_disk_that_was_just_looked_at_or_gets_emptier_is_full_never():
    assert full_in([]) is None
    assert full_in([(0.0, 500 * GB), (LEAST / 2, 1 * GB)]) is None
    assert full_in([(0.0, 400 * GB), (HOUR, 400 * GB)]) is None


@given(st.lists(st.tuples(st.floats(0, 1e6), st.integers(0, 10**13)), max_size=5))
def test_the_time_that_is_left_is_never_negative(seen):
    left = full_in(sorted(seen))
    assert left is None or left >= 0


@pytest.mark.parametrize(
    ("free", "left", "wanted", "words"),
    [
        (500 * GB, None, {}, ""),
        (90 * GB, None, {}, "the disk is nearly full: /data/ngt: 90 GB of 1.0 TB free"),
        (90 * GB, 4 * HOUR, {}, "as it fills now, it is full in 4 h"),
        (90 * GB, None, {"warn_below_percent": 5}, ""),
        (90 * GB, None, {"warn_below_percent": 0, "warn_below_gb": 100}, "nearly full"),
        (500 * GB, 5 * HOUR, {}, "the disk fills, and is full in 5 h: /data/ngt: 500 GB"),
        (500 * GB, 5 * HOUR, {"warn_before": "2 h"}, ""),
        (500 * GB, 30 * HOUR, {}, ""),
    ],
)
def test_what_is_little_is_told_with_how_much_there_is(free, left, wanted, words):
    told = why_warn(space(free), left, DiskSite(**wanted))
    assert words in told
    assert bool(told) == bool(words)


def test_the_disk_is_looked_at_once_a_minute(tmp_path, monkeypatch):
    looks = []

    def look(folder):
        looks.append(folder)
        return space((900 - 100 * len(looks)) * GB, path=folder)

    monkeypatch.setattr("condorloop.monitoring.disk_watch.disk", look)
    watch = DiskWatch(tmp_path, DiskSite())
    for second in range(0, int(EVERY), 10):
        watch.look(1000.0 + second)
    assert len(looks) == 1
    watch.look(1000.0 + HOUR)
    assert "is full in 7 h" in watch.warning


def test_a_disk_that_cannot_be_asked_is_named(tmp_path, monkeypatch):
    def fails(folder):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("condorloop.monitoring.disk_watch.disk", fails)
    watch = DiskWatch(tmp_path, DiskSite())
    watch.look(0.0)
    assert watch.warning == f"{tmp_path}: Input/output error"
