"""Which ALCARECO are harvested together: no lumisection of a RAW file is in two of them."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from condorloop.model.lumis import Lumis
from condorloop.policy.raw_overlap import Source, choose, youngest


def source(name, dag, *files, events=100):
    """An ALCARECO of RAW files whose numbers are those of their lumisections."""
    raw_files = {f"/eos/f{n:04d}.root": Lumis.of([n]) for n in files}
    return Source(name, dag, Lumis.of(files), events, raw_files)


def test_what_shares_nothing_is_harvested():
    sources = [source("apJob000", 0, 1, 2), source("apJob001", 1, 3)]
    assert choose(sources).chosen == ("apJob000", "apJob001")
    assert choose(sources).left_out == {}


def test_two_raw_files_of_one_lumisection_are_no_overlap():
    one = Source("apJob000", 0, Lumis.of([7]), 10, {"/eos/a.root": Lumis.of([7])})
    other = Source("apJob001", 0, Lumis.of([7]), 10, {"/eos/b.root": Lumis.of([7])})
    assert choose([one, other]).chosen == ("apJob000", "apJob001")


def of_part(name, dag, lumis):
    """An ALCARECO that was made from these lumisections of a RAW file."""
    lumis = Lumis.parse(lumis)
    return Source(name, dag, lumis, 10, {"/eos/f.root": lumis})


def test_parts_of_a_raw_file_are_harvested_together():
    sources = [of_part("apJob000", 0, "1-3"), of_part("apJob001", 0, "4-6")]
    for chosen in (choose, youngest):
        assert chosen(sources).chosen == ("apJob000", "apJob001")
        assert chosen(sources).left_out == {}


def test_parts_with_a_lumisection_in_common_are_not():
    sources = [of_part(f"apJob00{i}", i, ls) for i, ls in enumerate(("1-3", "3-6", "7-9"))]
    choice = choose(sources)
    assert choice.chosen == ("apJob001", "apJob002")
    told = {name: str(overlap) for name, overlap in choice.left_out.items()}
    assert told == {"apJob000": "RAW file f.root (LS 3) is in apJob001, used instead"}


def test_all_of_a_raw_file_gives_way_to_its_parts_when_all_of_them_are_there():
    whole = of_part("apJob000", 0, "1-6")
    first, last = of_part("apJob001", 1, "1-3"), of_part("apJob002", 1, "4-6")
    assert choose([whole, first]).chosen == ("apJob000",)
    choice = choose([whole, first, last])
    assert choice.chosen == ("apJob001", "apJob002")
    assert choice.left_out["apJob000"].used == ("apJob001", "apJob002")
    assert str(choice.left_out["apJob000"].raw_files["/eos/f.root"]) == "1-6"


def test_a_reading_of_which_no_lumisection_is_told_may_be_of_all():
    untold = Source("apJob000", 0, Lumis.span(1, 3), 10, {"/eos/f.root": Lumis()})
    assert choose([untold, of_part("apJob001", 1, "4-6")]).chosen == ("apJob001",)


def test_of_two_that_hold_the_same_that_of_the_younger_dag_is_harvested():
    choice = choose([source("apJob000", 0, 1, 2), source("apJob001", 1, 1, 2)])
    assert choice.chosen == ("apJob001",)


def test_files_that_were_processed_again_in_other_groups_are_harvested_as_they_were_last():
    lost = [source("apJob000", 0, 1, 2), source("apJob001", 0, 3, 4)]
    again = [source("apJob002", 1, 1, 2, 3), source("apJob003", 2, 4)]
    assert choose([*lost, *again]).chosen == ("apJob002", "apJob003")


def test_what_holds_more_is_harvested_until_its_files_are_all_processed_again():
    lost, again = source("apJob000", 0, 1, 2, 3, 4), source("apJob001", 1, 1, 2)
    assert choose([lost, again]).chosen == ("apJob000",)
    rest = source("apJob002", 2, 3, 4)
    assert choose([lost, again, rest]).chosen == ("apJob001", "apJob002")


def test_of_files_with_the_same_lumisections_the_more_are_harvested():
    both = {"/eos/a.root": Lumis.of([7]), "/eos/b.root": Lumis.of([7])}
    lost = Source("apJob000", 0, Lumis.of([7]), 20, both)
    again = Source("apJob001", 1, Lumis.of([7]), 10, {"/eos/a.root": Lumis.of([7])})
    assert choose([lost, again]).chosen == ("apJob000",)


def test_it_is_said_which_raw_file_is_where():
    left_out = choose([source("apJob000", 0, 5), source("apJob001", 1, 5)]).left_out
    told = {name: str(overlap) for name, overlap in left_out.items()}
    assert told == {"apJob000": "RAW file f0005.root (LS 5) is in apJob001, used instead"}


def test_of_many_raw_files_it_is_said_how_many_and_where():
    lost = source("apJob000", 0, 1, 2, 3, 9)
    again = [source("apJob001", 1, 1, 2), source("apJob002", 2, 3, 8)]
    assert str(choose([lost, *again]).left_out["apJob000"]) == (
        "3 of its 4 RAW files (LS 1-3; the first is f0001.root) are in apJob001 and apJob002,"
        " used instead"
    )


def test_of_a_raw_file_those_lumisections_are_named_that_are_in_both():
    half = {"/eos/f0001.root": Lumis.span(1, 5), "/eos/f0002.root": Lumis.span(7, 9)}
    most = {"/eos/f0001.root": Lumis.span(4, 9), "/eos/f0002.root": Lumis.span(7, 8)}
    lost = Source("apJob000", 0, Lumis.span(1, 4), 10, half)
    again = Source("apJob001", 1, Lumis.span(4, 9), 10, most)
    assert str(choose([lost, again]).left_out["apJob000"]) == (
        "2 of its 2 RAW files (LS 4-5,7-8; the first is f0001.root) are in apJob001, used instead"
    )


def test_a_rebuilt_ledger_gives_each_raw_file_to_the_youngest_dag_that_has_it():
    lost, again = source("dag000/apJob000", 0, 1, 2, 3, 4), source("dag001/apJob001", 1, 1, 2)
    assert youngest([lost, again]).chosen == ("dag001/apJob001",)


@st.composite
def many_sources(draw):
    sizes = draw(st.lists(st.sets(st.integers(1, 12), max_size=5), max_size=9))
    return [
        source(f"apJob{i:03d}", draw(st.integers(0, 4)), *files, events=draw(st.integers(0, 99)))
        for i, files in enumerate(sizes)
    ]


def held_by(sources, names):
    return [path for s in sources if s.name in names for path in s.raw_files]


@given(many_sources())
def test_no_raw_file_is_chosen_twice(sources):
    for way in (choose, youngest):
        chosen = held_by(sources, way(sources).chosen)
        assert len(chosen) == len(set(chosen))


@given(many_sources())
def test_whatever_is_left_out_has_a_raw_file_of_a_chosen_one(sources):
    for way in (choose, youngest):
        choice = way(sources)
        used = set(held_by(sources, choice.chosen))
        for name, overlap in choice.left_out.items():
            mine = set(held_by(sources, [name]))
            assert overlap.raw_files.keys() == mine & used != set()
            assert set(overlap.used) <= set(choice.chosen)
        assert {*choice.chosen, *choice.left_out} == {s.name for s in sources}
        assert len(choice.chosen) + len(choice.left_out) == len(sources)


@given(many_sources(), st.randoms(use_true_random=False))
def test_the_order_in_which_they_are_found_changes_nothing(sources, random):
    shuffled = sources.copy()
    random.shuffle(shuffled)
    assert choose(shuffled) == choose(sources)
    assert youngest(shuffled) == youngest(sources)
    assert list(choose(sources).chosen) == sorted(choose(sources).chosen)


@given(many_sources(), st.integers(0, 4))
def test_what_a_ledger_gave_away_again_is_chosen_once_all_of_it_is_there(sources, dag):
    """One ledger's ALCARECO that hold all the RAW files hold no fewer LS than the choice."""
    of_ledger, held = [], set()
    for each in reversed(sources):
        if held.isdisjoint(each.raw_files):
            of_ledger.append(Source(each.name, dag + 9, each.lumis, each.events, each.raw_files))
            held |= each.raw_files.keys()
    everything = {path for s in sources for path in s.raw_files}
    others = [s for s in sources if s.name not in {o.name for o in of_ledger}]
    if held == everything:
        chosen = set(choose([*others, *of_ledger]).chosen)
        assert {s.name for s in of_ledger if s.raw_files} <= chosen


def test_a_thousand_that_share_in_a_chain_take_no_time():
    chain = [source(f"apJob{i:04d}", i, i, i + 1) for i in range(1, 5000)]
    chosen = sorted(choose(chain).chosen)
    assert len(chosen) == 2500
    assert all(int(b[5:]) - int(a[5:]) == 2 for a, b in pairwise(chosen))
