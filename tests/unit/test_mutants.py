"""What `bin/mutate` lets pass: enough is killed, and whatever survives is known as equivalent."""

from dataclasses import replace

import pytest

from tools.mutants import (
    CHECKOUT,
    EQUIVALENTS,
    Change,
    Survivor,
    equivalents,
    judge,
    known,
    main,
    statuses_of,
    survivor_of,
)

SOURCE = '''\
"""A module."""


def close(now):
    if now > 8:
        return "over"
    return ""


class Hold:
    def __str__(self):
        return "hold"
'''
SHOWN = """\
# condorloop.policy.closure.x_close__mutmut_3: survived
--- condorloop/policy/closure.py
+++ condorloop/policy/closure.py
@@ -1,4 +1,4 @@
 def close(now):
-    if now > 8:
+    if now >= 8:
         return "over"
     return ""
"""
CHANGE = Change("condorloop/policy/closure.py", "close", ("if now > 8:",), ("if now >= 8:",))
SURVIVOR = Survivor(CHANGE, 5, "survived")
ENTRY = """\
condorloop/policy/closure.py close
- if now > 8:
+ if now >= 8:
why: nobody asks at 8
"""


def run_of(killed, *survivors, listed=()):
    """The outcome of a run that killed so many mutants and not these."""
    statuses = {f"a.x_f__mutmut_{i}": "killed" for i in range(killed)}
    statuses |= {f"a.x_g__mutmut_{i}": s.status for i, s in enumerate(survivors)}
    return judge(statuses, survivors, listed)


def test_a_survivor_is_shown_with_its_file_its_line_and_what_was_changed():
    name = "condorloop.policy.closure.x_close__mutmut_3"
    survivor = survivor_of(name, "survived", SHOWN, SOURCE)
    assert survivor == SURVIVOR
    assert str(survivor) == (
        "condorloop/policy/closure.py:5 close: survived\n- if now > 8:\n+ if now >= 8:"
    )


def test_a_survivor_in_a_method_is_found_in_its_class():
    shown = '@@ -1,2 +1,2 @@\n def __str__(self):\n-    return "hold"\n+    return "HOLD"\n'
    name = "condorloop.policy.closure.xǁHoldǁ__str____mutmut_2"
    survivor = survivor_of(name, "no tests", shown, SOURCE)
    assert (survivor.change.function, survivor.line) == ("Hold.__str__", 12)


@pytest.mark.parametrize("shown", ["", "# nothing"])
def test_what_is_no_change_is_refused(shown):
    with pytest.raises(ValueError, match="mutmut shows no change"):
        survivor_of("condorloop.policy.closure.x_close__mutmut_3", "survived", shown, SOURCE)


def test_the_words_of_mutmut_are_read_by_mutant():
    told = statuses_of("    a.x_f__mutmut_1: killed\n    a.xǁHǁg__mutmut_2: no tests\n")
    assert told == {"a.x_f__mutmut_1": "killed", "a.xǁHǁg__mutmut_2": "no tests"}


def test_a_survivor_that_is_not_listed_fails_the_run_however_many_were_killed():
    assert run_of(1000).passed
    outcome = run_of(1000, SURVIVOR)
    assert not outcome.passed
    assert "condorloop/policy/closure.py:5 close: survived" in str(outcome)
    assert "1000 of 1001 mutants killed (99.9 %" in str(outcome)


def test_a_survivor_that_is_listed_passes_and_each_entry_stands_for_one():
    assert run_of(1000, SURVIVOR, listed=[CHANGE]).passed
    twice = run_of(1000, SURVIVOR, replace(SURVIVOR, line=9), listed=[CHANGE])
    assert [s.line for s in twice.unknown] == [9]


def test_an_entry_that_no_survivor_is_like_fails_the_run():
    outcome = run_of(1000, listed=[CHANGE])
    assert not outcome.passed
    assert "no survivor is like this" in str(outcome)


@pytest.mark.parametrize(("killed", "passed"), [(92, True), (91, False), (0, False)])
def test_a_list_of_equivalent_mutants_does_not_make_up_for_missing_tests(killed, passed):
    survivors = [SURVIVOR] * (100 - killed)
    assert run_of(killed, *survivors, listed=[CHANGE] * len(survivors)).passed is passed


@pytest.mark.parametrize("word", ["timeout", "caught by type check"])
def test_a_mutant_that_hangs_or_has_wrong_types_counts_as_killed(word):
    assert judge({"a.x_f__mutmut_1": word}, [], []).passed


def test_a_run_without_any_mutant_fails():
    assert not judge({}, [], []).passed


def test_the_list_is_read_and_what_is_above_it_is_a_comment():
    assert equivalents(f"# About the list.\n\n{ENTRY}\n\n{ENTRY}") == [CHANGE, CHANGE]
    assert equivalents("# About the list.\n") == []


@pytest.mark.parametrize("lacking", ["closure.py close", "- if", "why: nobody asks at 8"])
def test_an_entry_needs_a_function_a_change_and_a_reason(lacking):
    text = "\n".join(line for line in ENTRY.splitlines() if lacking not in line)
    text = text.replace("+ if now >= 8:", "") if lacking == "- if" else text
    with pytest.raises(ValueError, match=f"{EQUIVALENTS}: expected"):
        equivalents(text)


def test_each_equivalent_mutant_changes_a_line_that_is_there():
    for entry in equivalents((CHECKOUT / EQUIVALENTS).read_text()):
        lines = {line.strip() for line in (CHECKOUT / entry.file).read_text().splitlines()}
        assert set(entry.before) <= lines, entry


def test_the_modules_are_those_that_decide():
    assert {"closure", "harvest", "planner", "plan", "replan", "dag_outcome"} <= {*known()}
    assert "render" not in known()


def test_a_module_that_is_not_changed_is_refused_with_those_that_are(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("CONDORLOOP_STATE", str(tmp_path))
    assert main(["closure", "render"]) == 1
    assert capsys.readouterr().err.startswith("bin/mutate: no module render; there are ")
    assert list(tmp_path.iterdir()) == []
