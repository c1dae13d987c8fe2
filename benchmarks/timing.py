"""How long calls take, side by side, and how much memory one takes.

Knows clocks, and that what else the machine does must hit all alike; nothing of what is called.
"""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable, Mapping
from statistics import median
from time import perf_counter


def side_by_side(calls: Mapping[str, Callable[[], object]], times: int) -> dict[str, float]:
    """Give the median time of each call in seconds: all once, all again, and so on."""
    took: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(times):
        for name, call in calls.items():
            gc.collect()
            began = perf_counter()
            call()
            took[name].append(perf_counter() - began)
    return {name: median(all_of_it) for name, all_of_it in took.items()}


def peak_memory(call: Callable[[], object]) -> int:
    """Give how many bytes Python holds at most, during a call, above what it held before."""
    gc.collect()
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def told(seconds: float) -> str:
    """Say how long a time is, to three digits.

    >>> told(0.0000123), told(0.01234), told(1.234), told(123.4)
    ('0.0123 ms', '12.3 ms', '1.23 s', '123 s')
    """
    return f"{1e3 * seconds:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"
