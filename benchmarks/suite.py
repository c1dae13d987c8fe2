"""Which benchmarks there are, in the order in which they are told; and how one is run.

Knows their names, and that each has a process and a folder of its own: none finds another's
memory, environment or files.
"""

from __future__ import annotations

import multiprocessing
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from pathlib import Path

from benchmarks.frame import Ask, Result, Scale

ON_A_POOL = ("reading", "overhead", "nodes", "pace", "load", "processes")
"""Those that bring up a pool, and offer ``measure_on(stack: Stack, ask: Ask)`` beside that."""

NAMES = (
    "polling",
    "probing",
    "listing",
    "writing",
    "reading",
    "harvesting",
    "sharing",
    "restarting",
    "remembering",
    "overhead",
    "nodes",
    "pace",
    "load",
    "processes",
)
"""The modules of this package that offer ``measure(ask: Ask) -> Result``."""


def run(name: str, scale: Scale) -> Result:
    """Run a benchmark to its end; what it raises is raised here."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=spawn) as process:
        return process.submit(_measure, name, scale).result()


def _measure(name: str, scale: Scale) -> Result:
    measure: Callable[[Ask], Result] = import_module(f"benchmarks.{name}").measure
    with tempfile.TemporaryDirectory(prefix=f"condorloop-{name}-") as folder:
        return measure(Ask(scale, Path(folder)))
