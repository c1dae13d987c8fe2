"""Pieces of a payload by lumisection: no later harvest contradicts what was sent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.model.lumis import EMPTY, LAST_LS, Lumis
from condorloop.policy.pieces import is_of_one_run, rest, settled
from condorloop.testbed.cmssw.steps import beam_spot
from condorloop.testbed.cmssw.steps.beam_spot import Spot

RUN = 398600
AWAY = 0.01
"""Centimetres: a move that ends an IOV."""


def at(ls):
    return RUN << 32 | ls


def own(*borders):
    return [(at(ls), f"from {ls}") for ls in borders]


def piece(borders, made_of, gone=0, through=0):
    found = settled(own(*borders), Lumis.parse(made_of), gone, through)
    return found and ([since & LAST_LS for since, _ in found.iovs], str(found.lumis), found.through)


@pytest.mark.parametrize(
    ("borders", "made_of", "gone", "through", "sent"),
    [
        ([1, 21, 41], "1-45", 0, 0, ([1, 21], "1-40", 40)),
        ([1, 21, 41], "1-42", 0, 0, ([1, 21], "1-40", 40)),
        # the last IOV ends where the data end, and the border before it may still vanish
        ([1, 21, 41], "1-41", 0, 0, ([1], "1-20", 20)),
        ([1], "1-20", 0, 0, None),
        # what is behind a lumisection that may still come moves with it
        ([1, 21, 41], "1-30,32-45", 0, 0, ([1], "1-20", 20)),
        ([1, 21, 41], "1-21,23-45", 0, 0, None),
        ([2, 22, 42], "2-45", 0, 0, None),
        # and stands when that is awaited no more
        ([1, 21, 41], "1-30,32-45", 31, 0, ([1, 21], "1-30,32-40", 40)),
        ([2, 22, 42], "2-45", 1, 0, ([2, 22], "2-41", 41)),
        # what was sent is not sent again, and what lacks in it keeps nothing back
        ([1, 21, 41], "1-45", 0, 20, ([21], "21-40", 40)),
        ([2, 22, 42], "2-45", 0, 21, ([22], "22-41", 41)),
        ([1, 21, 41], "1-45", 0, 40, None),
        # an IOV whose borders have moved begins right behind it
        ([1, 19, 39], "1-45", 0, 20, ([21], "21-38", 38)),
        # nothing of the IOV that was sent in part is left
        ([1, 31, 51], "1-20,31-60", 30, 20, ([31], "31-50", 50)),
        # what is awaited no more goes up though nothing follows it, as far as all is there
        ([1, 21, 41], "1-45", 43, 40, ([41], "41-45", 45)),
        ([1, 21, 41], "1-43,45-50", 42, 40, ([41], "41-43", 43)),
        ([1, 21], "1-30", 40, 0, ([1, 21], "1-30", 30)),
    ],
)
def test_a_piece_has_what_no_later_harvest_moves(borders, made_of, gone, through, sent):
    assert piece(borders, made_of, gone, through) == sent


def test_the_rest_has_all_that_is_behind_what_was_sent():
    made_of = Lumis.span(1, 45)
    whole = rest(own(1, 21, 41), made_of, 0)
    assert (whole.iovs, whole.lumis, whole.through) == (tuple(own(1, 21, 41)), made_of, 45)
    last = rest(own(1, 21, 41), made_of, 30)
    assert last.iovs == ((at(31), "from 21"), (at(41), "from 41"))
    assert (str(last.lumis), last.through) == ("31-45", 45)
    assert rest(own(1, 21, 41), made_of, 45) is None


def test_a_payload_of_several_runs_has_no_pieces():
    both = [(1 << 32 | 1, "a"), (2 << 32 | 1, "b")]
    assert not is_of_one_run(both)
    assert settled(both, Lumis.span(1, 60)) is None


def harvest(lumis, moves):
    """The IOVs of CMSSW's beam spot manager: since, and the lumisections that each is made of."""
    spots, x = [], 0.0
    for ls in lumis:
        x += AWAY * (ls in moves)
        spots.append(Spot(ls, 1000, (x, 0.0, 0.0), (0.0015, 0.0013, 3.6)))
    return {at(iov[0].ls): Lumis.of(each.ls for each in iov) for iov in beam_spot.joined(spots)}


class Tag:
    """A tag that can only be appended to, and the payloads that come to it in pieces."""

    def __init__(self):
        self.iovs = []
        self.through = 0
        self.sent = EMPTY

    def takes(self, made, found):
        if found is None:
            return
        for since, digest in found.iovs:
            assert not self.iovs or since > self.iovs[-1][0]
            assert since & LAST_LS > self.through
            self.iovs.append((since, digest))
        assert found.through > self.through
        assert not found.lumis & self.sent
        self.sent |= found.lumis
        self.through = found.through
        assert {digest for _, digest in found.iovs} <= set(made.values())

    def serving(self, ls):
        return next((made_of for since, made_of in reversed(self.iovs) if since <= at(ls)), EMPTY)


NUMBERS = st.integers(1, 120)


@given(st.permutations(range(1, 13)), st.sets(NUMBERS, max_size=12), st.integers(1, 4))
def test_where_nothing_is_given_up_each_piece_is_as_the_last_harvest_has_it(order, moves, every):
    """Batches of ten lumisections come in any order."""
    tag, there = Tag(), EMPTY
    for number, batch in enumerate(order, start=1):
        there |= Lumis.span(10 * batch - 9, 10 * batch)
        if number % every == 0:
            made = harvest(there, moves)
            tag.takes(made, settled([*made.items()], there, 0, tag.through))
    made = harvest(there, moves)
    tag.takes(made, rest([*made.items()], there, tag.through))
    assert tag.iovs == [*made.items()]
    assert tag.sent == there


@given(
    st.permutations(range(1, 121)),
    st.sets(NUMBERS, max_size=12),
    st.lists(st.tuples(st.integers(1, 120), st.integers(0, 130)), max_size=6),
)
def test_whatever_comes_late_no_piece_is_overlapped_and_sinces_grow(order, moves, harvests):
    """Harvests at any time, of which each gives up the lumisections up to one."""
    tag = Tag()
    for taken, gone in sorted(harvests):
        there = Lumis.of(order[:taken])
        made = harvest(there, moves)
        tag.takes(made, settled([*made.items()], there, gone, tag.through))
        assert not there & Lumis.span(tag.through + 1, gone)
    there, made = Lumis.of(order), harvest(range(1, 121), moves)
    late = there & Lumis.span(1, tag.through) - tag.sent
    tag.takes(made, rest([*made.items()], there, tag.through))
    assert tag.sent == there - late
    assert all(ls in tag.serving(ls) for ls in tag.sent)
