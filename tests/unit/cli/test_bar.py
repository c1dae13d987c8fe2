"""The bar of lumisections shows what became of each, however many there are."""

import io
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from condorloop.cli.views.bar import ASCII, SYMBOLS, WRONG, LumiBar, bar, cells, legend, ruler
from condorloop.model.lumi_fates import LumiState
from condorloop.model.lumis import Lumis

STATES = st.lists(st.sampled_from(list(LumiState)), min_size=1, max_size=400)
WIDTHS = st.integers(1, 130)


def fates_of(states):
    found = {}
    for number, state in enumerate(states, 1):
        found.setdefault(state, []).append(number)
    return {state: Lumis.of(numbers) for state, numbers in found.items()}


def drawn(fates, width, encoding="utf-8", whole=False):
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    Console(file=file, width=width).print(LumiBar(fates, whole))
    file.seek(0)
    return file.read()


@given(STATES, WIDTHS)
def test_each_lumisection_is_in_one_cell_and_no_more_cells_than_fit(states, width):
    found = cells(fates_of(states), width)
    assert len(found) <= width
    assert [n for c in found for n in range(c.first, c.last + 1)] == [*range(1, len(states) + 1)]


@given(STATES, WIDTHS)
def test_a_cell_shows_what_most_of_it_is_and_marks_the_worst_that_is_wrong(states, width):
    for cell in cells(fates_of(states), width):
        counts = Counter(states[cell.first - 1 : cell.last])
        assert counts[cell.state] == max(counts.values())
        worst = next((s for s in WRONG if s in counts), None)
        assert (cell.mark or worst) == worst
        assert worst in (cell.state, cell.mark)


@given(STATES)
def test_where_there_is_room_each_lumisection_has_a_character(states):
    [line, *_] = bar(fates_of(states), 400)
    assert line.plain == "".join(SYMBOLS[s] for s in states)


@given(STATES, WIDTHS)
def test_no_line_is_wider_than_asked(states, width):
    assert all(line.cell_len <= width for line in bar(fates_of(states), width))


@given(STATES)
def test_the_legend_counts_every_state_and_names_every_lumisection(states):
    fates = fates_of(states)
    told = [line.plain for line in legend(fates, 80, whole=True)]
    assert len(told) == len(fates)
    for state, lumis in fates.items():
        [line] = [x for x in told if x[0] == SYMBOLS[state]]
        assert str(state) in line
        assert line.endswith(f" {len(lumis)} LS  {lumis}")


def test_every_state_has_a_character_of_its_own():
    assert len(set(SYMBOLS.values())) == len(set(ASCII.values())) == len(LumiState)
    assert set(SYMBOLS) == set(LumiState)
    assert all(symbol.isascii() for symbol in ASCII.values())


@given(st.integers(1, 5000), st.integers(20, 130))
def test_each_number_of_the_ruler_stands_below_its_lumisection(last, width):
    each = -(-last // width)
    line = ruler(last, each, width)
    assert len(line) <= width
    for number in set(line.split()):
        assert line[(int(number) - 1) // each :].startswith(number)


def test_a_run_of_3000_lumisections_fits_80_columns_and_loses_none():
    fates = {
        LumiState.IN_PAYLOAD: Lumis.parse("1-1499,1501-2500"),
        LumiState.FAILED: Lumis.parse("1500"),
        LumiState.IN_WORK: Lumis.parse("2501-3000"),
    }
    lines = drawn(fates, 80).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[1].strip() == "F"
    assert lines[0][lines[1].index("F")] == "█"
    assert any("failed" in line and line.endswith("1500") for line in lines)
    assert any(line.startswith("1  ") and "1000" in line for line in lines)


def test_a_terminal_of_ascii_gets_ascii():
    assert drawn(fates_of([LumiState.IN_PAYLOAD, LumiState.GOOD]), 80, "ascii").isascii()


def test_a_run_of_which_nothing_is_known_says_so():
    assert drawn({}, 80) == "no lumisection is known yet\n"
