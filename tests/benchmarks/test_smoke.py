"""Each benchmark works, at its smallest sizes; how the numbers are told."""

import json

import pytest
from click.testing import CliRunner

from benchmarks import showing, suite
from benchmarks.__main__ import main
from benchmarks.frame import Goal, Result, Scale, Table


@pytest.mark.parametrize("name", sorted(set(suite.NAMES) - set(suite.ON_A_POOL)))
def test_a_benchmark_runs_and_misses_none_of_the_goals_that_it_can_tell(name):
    result = suite.run(name, Scale.SMOKE)
    assert result.name == name
    assert [g for g in result.goals if g.met is False] == []
    assert all(len(row) == len(table.columns) for table in result.tables for row in table.rows)
    json.dumps(result.as_json())


@pytest.mark.parametrize(("met", "code"), [(True, 0), (None, 0), (False, 1)])
def test_a_goal_that_is_not_met_ends_the_command_with_an_error(met, code, tmp_path, monkeypatch):
    found = Result("harvesting", [Goal("less than 3", "4", met)], [Table("Counts", ["n"], [["4"]])])
    monkeypatch.setattr(suite, "run", lambda name, scale: found)
    done = CliRunner().invoke(main, ["harvesting", "-o", str(tmp_path)])
    assert done.exit_code == code
    told = json.loads((tmp_path / "results.json").read_text())
    assert told["results"][0]["goals"] == [{"goal": "less than 3", "measured": "4", "met": met}]
    assert told["machine"]["cores"]
    assert "| harvesting | less than 3 | 4 |" in (tmp_path / "table.md").read_text()


def test_a_benchmark_that_breaks_is_a_goal_that_is_not_met_and_ends_no_other(tmp_path, monkeypatch):
    def run(name, scale):
        if name == "probing":
            raise OSError("no space left")
        return Result(name, [Goal("less than 3", "2", True)])

    monkeypatch.setattr(suite, "run", run)
    done = CliRunner().invoke(main, ["probing", "writing", "-o", str(tmp_path)])
    assert done.exit_code == 1
    goals = [r["goals"][0] for r in json.loads((tmp_path / "results.json").read_text())["results"]]
    assert [goal["met"] for goal in goals] == [False, True]
    assert "no space left" in goals[0]["measured"]


def test_a_page_gets_the_tables_of_what_was_run_and_keeps_all_else():
    page = "a\n<!-- x -->\nold\n<!-- end -->\nb\n<!-- y -->\nold y\n<!-- end -->\n"
    put = showing.put_into(page, {"x": "new | x"})
    assert put == "a\n<!-- x -->\n\nnew | x\n\n<!-- end -->\nb\n<!-- y -->\nold y\n<!-- end -->\n"
    assert showing.put_into(put, {"x": "new | x"}) == put
