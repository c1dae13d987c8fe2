"""The benchmarks that need a pool, at their smallest size: they work, and what they judge holds."""

from importlib import import_module

import pytest

from benchmarks import suite
from benchmarks.frame import Ask, Scale


@pytest.mark.parametrize("name", suite.ON_A_POOL)
def test_a_benchmark_runs_on_a_pool_and_misses_no_goal_that_it_can_tell(name, stack, tmp_path):
    ask = Ask(Scale.SMOKE, tmp_path)
    result = import_module(f"benchmarks.{name}").measure_on(stack, ask)
    assert result.name == name
    assert [g for g in result.goals if g.met is False] == []
    assert all(len(row) == len(table.columns) for table in result.tables for row in table.rows)
