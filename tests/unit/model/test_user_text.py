"""The text in a tag's log names the payload, can be read back, and fits the database's column."""

from hypothesis import given
from hypothesis import strategies as st

from condorloop.model.lumis import LAST_LS, Lumis
from condorloop.model.user_text import UserText

COLUMN = 4000
ID = "3f2a60c1d5e9/EcalPedestals/398600/3"
AGAIN = " (asked again at 2026-05-01T10:00:00.000Z)"

ids = st.from_regex(
    r"[0-9a-f]{12}/[A-Za-z0-9][A-Za-z0-9_.+-]{0,99}/[0-9]{1,7}/[0-9]{1,6}", fullmatch=True
)
lumis = st.sets(st.integers(1, 400) | st.integers(1, LAST_LS), max_size=80).map(Lumis.of)
events = st.integers(0, 10**15)


@given(st.text(), ids, lumis, events)
def test_text_and_back(words, dag_id, held, read):
    told = UserText.of(words, dag_id, held, read)
    assert UserText.parse(str(told)) == told
    assert UserText.parse(f"{told}{AGAIN}{AGAIN}") == told


@given(st.text(), ids, lumis, events)
def test_it_names_the_payload(words, dag_id, held, read):
    told = UserText.of(words, dag_id, held, read)
    assert (told.words, told.dag_id, told.events, told.count) == (words, dag_id, read, len(held))
    assert (told.lumis.first, told.lumis.last) == (held.first, held.last)
    assert not told.lumis - held
    assert told.is_whole == (told.lumis == held)
    assert told.is_whole == ("..." not in str(told).removeprefix(words))


@given(st.text(), ids, lumis, events)
def test_words_that_look_like_a_text_of_this_form_are_words(words, dag_id, held, read):
    inner = str(UserText.of(words, ID, Lumis.span(1, 3), 7))
    told = UserText.of(inner, dag_id, held, read)
    assert UserText.parse(str(told)) == told
    assert told.words == inner


@given(st.text(), st.integers(0, 5000), ids, lumis, events)
def test_it_fits_the_column_however_often_it_is_asked_again(words, times, dag_id, held, read):
    text = str(UserText.of((words or "é") * times, dag_id, held, read))
    assert len((text + AGAIN * 2).encode()) <= COLUMN
    assert UserText.parse(text) is not None


@given(st.text() | st.text("[condorloop :LS19,.()-events] \n"))
def test_any_text_can_be_asked(text):
    told = UserText.parse(text)
    assert told is None or text.startswith(told.words)


def test_a_short_list_is_whole():
    text = str(UserText.of("Pedestals", ID, Lumis.parse("1-60,62"), 123456))
    assert text == f"Pedestals [condorloop {ID}: LS 1-60,62 (61), 123456 events]"


def test_a_long_list_keeps_its_first_ranges_and_its_last():
    odd = Lumis.of(range(1, 400, 2))
    told = UserText.of("", ID, odd, 5)
    assert str(told).startswith(f"[condorloop {ID}: LS 1,3,5,7,")
    assert str(told).endswith(",...,399 (200), 5 events]")
    assert len(str(told)) < 200
    assert not told.is_whole


def test_a_payload_without_a_known_ls_says_so():
    text = str(UserText.of("Pedestals", ID, Lumis(), 0))
    assert text == f"Pedestals [condorloop {ID}: LS none (0), 0 events]"


def test_backward_ranges_are_no_text_of_this_form():
    assert UserText.parse(f"[condorloop {ID}: LS 9-1 (2), 3 events]") is None
