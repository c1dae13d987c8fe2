"""The tool that lets a step die, or find the disk full, before each of its effects."""

import sqlite3
import time

import pytest

from condorloop.rundir.durable import write_lines
from tests import boundaries


def two_files(folder):
    (folder / "a").write_text("a")
    (folder / "a").rename(folder / "b")
    (folder / "c").mkdir()
    return 3


def test_effects_are_told_in_their_order_and_reading_is_none(tmp_path):
    ended = boundaries.run(lambda: two_files(tmp_path))
    assert [e.site.event for e in ended.effects] == ["open", "os.rename", "os.mkdir"]
    assert ended.effects[0].target == str(tmp_path / "a")
    assert ended.exit_code == 3
    assert boundaries.run((tmp_path / "b").read_text).effects == ()


def test_a_step_dies_before_each_effect_and_makes_those_before_it(tmp_path):
    def step(number):
        (tmp_path / str(number)).mkdir()
        return lambda: two_files(tmp_path / str(number))

    assert len(list(boundaries.deaths(step))) == 3
    left = [sorted(p.name for p in (tmp_path / str(n)).iterdir()) for n in (1, 2, 3, 4)]
    assert left == [[], ["a"], ["b"], ["b", "c"]]


def test_a_full_disk_is_an_error_that_the_step_can_answer(tmp_path):
    def answering():
        try:
            return two_files(tmp_path)
        except OSError as error:
            print(error)
            return 1

    ended = boundaries.run(answering, fail_before=2)
    assert (ended.exit_code, [p.name for p in tmp_path.iterdir()]) == (1, ["a"])
    assert "No space left on device" in ended.output


def test_effects_at_one_place_of_the_program_are_one_site(tmp_path):
    def step():
        for _ in range(3):
            write_lines(tmp_path / "x", [])

    ended = boundaries.run(step)
    sites = boundaries.one_of_each_site(ended.effects)
    assert list(sites.values()) == [1, 2]
    [opened, renamed] = sites
    assert (opened.event, renamed.event) == ("open", "os.rename")
    assert "condorloop.rundir.durable.write_to_disk" in opened.stack[-1]


def test_what_raises_no_audit_event_can_tell_of_itself(tmp_path):
    def step():
        db = sqlite3.connect(tmp_path / "db")
        db.execute("CREATE TABLE T (X)")
        boundaries.here("commit")
        db.execute("INSERT INTO T VALUES (1)")
        boundaries.here("commit")
        db.commit()

    assert boundaries.run(step, die_before=2).died
    assert sqlite3.connect(tmp_path / "db").execute("SELECT * FROM T").fetchall() == []
    boundaries.here("commit")


def test_a_step_that_does_not_end_and_one_that_breaks_are_failures_of_the_test():
    with pytest.raises(AssertionError, match="does not end"):
        boundaries.run(lambda: time.sleep(60), timeout=0.2)
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        boundaries.run(lambda: 1 / 0)
