"""Tags are read in the background, one at a time, and a reader that fails is no end of it."""

from __future__ import annotations

from threading import Event

from condorloop.model.enums import TimeType
from condorloop.model.tag_content import TagContent
from condorloop.services.tag_reader import TagUnreadable
from condorloop.services.tag_readings import TagReadings

CONTENT = TagContent.of("T", TimeType.RUN, None, [])


class Reader:
    """Answers when it may, with a content or an error."""

    def __init__(self, answer):
        self.answer = answer
        self.may = Event()

    def read(self, database, tag):
        assert self.may.wait(10)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def read(readings):
    """What was read, once it was."""
    for _ in range(1000):
        if found := readings.taken():
            return found
        Event().wait(0.01)
    raise AssertionError("nothing was read")


def test_one_is_read_at_a_time():
    reader = Reader(CONTENT)
    readings = TagReadings(lambda _: reader)
    assert readings.start("d", "T", None)
    assert not readings.start("d", "U", None)
    assert readings.taken() == []
    reader.may.set()
    [reading] = read(readings)
    assert (reading.tag, reading.content, reading.error) == ("T", CONTENT, "")
    assert readings.start("d", "U", None)
    read(readings)


def test_what_goes_wrong_is_told_and_the_next_one_is_read():
    for error in (TagUnreadable("no answer"), ValueError("a mistake")):
        reader = Reader(error)
        reader.may.set()
        readings = TagReadings(lambda _, reader=reader: reader)
        assert readings.start("d", "T", None)
        [reading] = read(readings)
        assert reading.content is None
        assert str(error) in reading.error
        assert readings.start("d", "T", None)
        read(readings)


def test_without_a_reader_nothing_is_known():
    readings = TagReadings(lambda _: None)
    assert readings.start("d", "T", None)
    assert read(readings)[0].content is None


def test_nothing_is_begun_after_the_end():
    readings = TagReadings(lambda _: None)
    readings.close()
    assert not readings.start("d", "T", None)
