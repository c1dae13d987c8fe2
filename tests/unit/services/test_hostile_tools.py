"""Whatever xrdfs, edmFileUtil and people write is understood, or said to be unknown."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from condorloop.config.fields import Seconds, Section
from condorloop.model.lumis import Lumis
from condorloop.model.service import Service
from condorloop.services.edm_file_util import parse_contents
from condorloop.services.storage import unusable_name
from condorloop.services.xrdfs import (
    StorageUnavailable,
    XrdfsAnswer,
    parse_listing,
    parse_names,
    parse_stat,
)
from condorloop.text import one_line, plain, shown
from tests.unit.hostile import SPECIMENS, is_one_clear_line, outcome, texts, values

TOKENS = ("-rw-r--r--", "drwxr-xr-x", "root", "5", "-5", "9" * 30, "2026-11-23", "17:44:13",
          "/eos/a.root", "/eos/../x.root", "?", "Path:", "Size:")  # fmt: skip
words = st.sampled_from(TOKENS)
lines = st.lists(words | texts, max_size=8).map(" ".join)
rows = st.lists(st.integers() | st.just(10**4000), min_size=3, max_size=3)
outputs = st.lists(lines | rows.map(lambda r: " ".join(map(str, r))), max_size=5).map(
    lambda found: "".join(f"{line}\n" for line in found)
)


@given(outputs | texts)
def test_a_listing_gives_files_that_can_be_kept_or_none(text):
    listing, error = outcome(lambda: parse_listing(text, "/eos"), StorageUnavailable)
    if listing is None:
        assert is_one_clear_line(error)
        return
    assert all(path in text and 0 <= size < 2**63 for path, size in listing.files.items())
    assert all(path.startswith("/eos/") and path.encode() for path in listing.files)
    assert all(line in text for line in listing.odd)


@given(outputs | texts, st.lists(texts, max_size=3))
def test_names_and_sizes_are_those_that_were_asked_for(text, asked):
    names, odd = parse_names(text, "/eos")
    assert sorted([*names, *odd]) == sorted(line for line in text.split("\n") if line)
    stat = parse_stat(text, asked)
    assert set(stat.files) <= set(asked)
    assert set(stat.odd) <= set(asked)


@given(st.integers(-64, 255), texts, texts)
@example(54, "", "[ERROR] Server responded with an error: [3010] \x1b[31mpermission denied")
def test_an_error_of_xrdfs_is_told_in_one_line(code, out, err):
    assert is_one_clear_line(str(XrdfsAnswer(code, out, err)))


@given(outputs | texts, st.integers(-64, 255))
def test_contents_are_numbers_that_can_be_kept_or_a_reason(text, code):
    contents = parse_contents(text, code)
    assert bool(contents.events) != bool(contents.error)
    assert not contents.error or is_one_clear_line(contents.error)
    for run, lumis in contents.events.items():
        assert 0 < run < 2**32
        assert all(0 < lumi < 2**32 and 0 <= count < 2**63 for lumi, count in lumis.items())


@given(texts)
def test_a_file_name_is_usable_or_a_reason_is_given(name):
    reason = unusable_name(name)
    assert reason is None or is_one_clear_line(reason)


@given(texts | st.from_regex(r"[0-9,\- _+]{1,12}", fullmatch=True))
@example("٣")
@example("1_000")
@example("+5")
@example("0")
@example("1-99999999999999999999")
def test_lumisections_are_positive_numbers_or_refused(text):
    lumis, error = outcome(lambda: Lumis.parse(text), ValueError)
    if lumis is None:
        assert is_one_clear_line(error)
        return
    assert set(text) <= set("0123456789-, ")
    assert not lumis.ranges or 0 < lumis.first <= lumis.last < 2**32
    assert Lumis.parse(str(lumis)) == lumis


class Wait(Section):
    time: Seconds


@given(values)
def test_a_duration_is_a_time_that_can_be_waited_for_or_refused(value):
    try:
        assert 0 <= Wait(time=value).time <= 500 * 3600
    except ValueError:
        assert not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 1_800_000


@pytest.mark.parametrize("text", ["٣ s", "1e3 s", "-1 s", "1 s\n2 s", "inf", "nan", "999999999 h"])
def test_a_duration_of_odd_digits_is_refused(text):
    with pytest.raises(ValueError, match=r"duration|less than or equal"):
        Wait(time=text)


@given(values)
def test_any_value_is_shown_in_one_line(value):
    assert len(shown(value)) <= 80
    assert is_one_clear_line(shown(value))


@pytest.mark.parametrize("value", [10**5000, [10**5000]], ids=["number", "list"])
def test_a_number_that_python_does_not_print_is_shown_in_one_line(value):
    assert is_one_clear_line(shown(value))


@given(texts)
def test_text_of_others_keeps_what_can_be_printed(text):
    assert plain(text).isprintable()
    assert text.isprintable() <= (plain(text) == text)
    assert len(one_line(text, 50)) <= 50


@pytest.mark.parametrize("text", SPECIMENS)
def test_what_a_service_says_is_one_line_of_bounded_length(text, caplog):
    service = Service("OMS")
    service.failed(text, 1.0)
    service.failed(text, 2.0)
    assert is_one_clear_line(service.error, 500)
    assert len(caplog.messages) == 1
    assert is_one_clear_line(caplog.messages[0])
