"""After an upload by lumisection each LS of its run is served by that upload, wherever borders lie.

The tag is modelled as the conditions database has it: the IOV with the last since up to an LS
holds, and of those at one since the one that was inserted last.
"""

from hypothesis import given
from hypothesis import strategies as st

from condorloop.policy.restating import restated

RUN = 398600 << 32
LAST = 40

borders = st.sets(st.integers(1, LAST), min_size=1, max_size=12)


def made(number, sinces):
    """The IOVs of an upload; each payload is named by its upload and its border."""
    return [(RUN | ls, f"{number}@{ls}") for ls in sorted(sinces)]


def put_in(tag, iovs):
    for since, payload in iovs:
        tag[since] = payload


def in_force(iovs, since):
    """The payload that holds at a since; None before the first."""
    before = [s for s in iovs if s <= since]
    return iovs[max(before)] if before else None


@given(st.lists(borders, min_size=1, max_size=6))
def test_no_payload_of_an_earlier_upload_stays_in_force(uploads):
    tag, sent = {}, set()
    for number, sinces in enumerate(uploads):
        own = made(number, sinces)
        more = restated(own, sent)
        put_in(tag, [*own, *more])
        sent |= {since for since, _ in (*own, *more)}
    last = dict(made(len(uploads) - 1, uploads[-1]))
    for ls in range(1, LAST + 1):
        holds = in_force(tag, RUN | ls)
        wanted = in_force(last, RUN | ls)
        first = last[min(last)]
        assert holds == (wanted or (None if holds is None else first)), ls


@given(borders, st.sets(st.integers(1, LAST)))
def test_what_is_added_says_nothing_new(sinces, earlier):
    own = made(0, sinces)
    added = restated(own, {RUN | ls for ls in earlier})
    assert {since for since, _ in added} == {RUN | ls for ls in earlier - sinces}
    for since, payload in added:
        assert payload == (in_force(dict(own), since) or own[0][1])


def test_a_model_of_lumisections_that_are_joined_otherwise_each_time():
    """Without the added IOVs, nearly half of the LS are served by the first of two uploads."""
    joined = [made(0, range(1, 81, 2)), made(1, range(2, 81, 4))]
    without, whole = {}, {}
    for iovs in joined:
        put_in(without, iovs)
    put_in(whole, joined[0])
    put_in(whole, [*joined[1], *restated(joined[1], {since for since, _ in joined[0]})])

    def obsolete(tag):
        return [ls for ls in range(2, 81) if in_force(tag, RUN | ls).startswith("0@")]

    assert len(obsolete(without)) > 30
    assert obsolete(whole) == []


def test_sinces_of_another_run_or_time_type_are_left_alone():
    own = [(RUN | 5, "a")]
    assert restated(own, {398600, (398599 << 32) | 7, RUN | 7}) == [(RUN | 7, "a")]
    assert restated([(398600, "a")], {398600, RUN | 7}) == []
    assert restated([], {RUN | 7}) == []


def test_of_two_iovs_at_one_since_the_last_holds():
    assert restated([(RUN | 1, "old"), (RUN | 1, "new")], {RUN | 2}) == [(RUN | 2, "new")]
