"""Text and values as nobody writes them, for tests of whatever reads what others wrote."""

from collections.abc import Callable
from typing import TypeVar

from hypothesis import strategies as st

T = TypeVar("T")

SPECIMENS = (
    "", " ", "'", '"', "a'b\"c", "$(touch hostile)", "`id`", "a\nb", "a\r\nCRITICAL forged", "\x00",
    "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "[bold]x[/bold]", "[link=file:///etc/passwd]x[/link]",
    "[/]", "é", "日本", "\u202egnp.exe", "\u2028", "\ud800", "\udcff", "x" * 100_000, "9" * 5000,
    str(10**30), "-1", "0", "1e400", "NaN", "true", "%s%n", "{{ 7 * 7 }}", "../../etc/passwd",
)  # fmt: skip

texts = st.sampled_from(SPECIMENS) | st.text(st.characters(codec=None), max_size=20)
numbers = st.integers() | st.sampled_from(
    (0, -1, 2**31, 2**32, 2**63 - 1, 2**63, -(2**63) - 1, 10**30, 10**4000)
)
scalars = st.none() | st.booleans() | numbers | st.floats() | texts
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


def is_one_clear_line(text: str, most: int = 1000) -> bool:
    """Whether a text can be shown on a terminal and written to a log as it is."""
    return bool(text) and text.isprintable() and len(text) <= most


def outcome(call: Callable[[], T], error: type[Exception]) -> tuple[T | None, str]:
    """What a call gives, or what its documented error says."""
    try:
        return call(), ""
    except error as raised:
        return None, str(raised)
