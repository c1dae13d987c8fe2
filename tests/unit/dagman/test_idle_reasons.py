"""Why an idle job does not run: told from its requirements and the machines that there are."""

import classad2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.dagman.schedd.idle_reasons import why
from condorloop.dagman.schedd.match_analysis import clauses, explain

NEEDS = (
    '(TARGET.Arch == "X86_64") && (TARGET.Cpus >= RequestCpus)'
    " && (TARGET.Memory >= RequestMemory) && (TARGET.Disk >= RequestDisk)"
)


def job(requirements=NEEDS, cpus=1, memory=2000, disk=1000):
    return classad2.ClassAd(
        f"[Requirements = {requirements};"
        f" RequestCpus = {cpus}; RequestMemory = {memory}; RequestDisk = {disk}]"
    )


def slot(cpus=8, free=8, memory=16000, start="true", arch="X86_64"):
    return classad2.ClassAd(
        f'[Arch = "{arch}"; Cpus = {free}; TotalSlotCpus = {cpus}; Memory = {memory};'
        f" TotalSlotMemory = {memory}; Disk = 10000; TotalSlotDisk = 10000; Start = {start}]"
    )


def words(a_job, *slots):
    return why(explain(a_job, slots))[0]


def test_a_pool_without_machines_is_told():
    assert words(job()) == "the pool has no machine that runs jobs"


def test_a_full_pool_is_told_from_one_that_cannot_run_it():
    full = "the pool is full: 2 of 3 slots could run it, and none has room"
    assert words(job(), slot(free=0), slot(free=0), slot(arch="aarch64")) == full


def test_a_free_machine_means_that_the_negotiator_has_not_come_yet():
    assert words(job(), slot(), slot(free=0)).startswith("1 of 2 slots are free for it")


def test_what_is_too_large_is_named_with_the_largest_that_there_is():
    told, advice = why(explain(job(memory=64000), [slot(), slot(memory=32000)]))
    assert told == (
        "nothing in the pool is large enough: it asks for 64000 MB memory, and the largest"
        " has 32000"
    )
    assert "request_memory_mb" in advice


def test_a_requirement_that_nothing_fulfils_is_named():
    odd = f'{NEEDS} && (TARGET.OpSys == "PLAN9")'
    assert words(job(odd), slot()) == 'nothing in the pool fulfils TARGET.OpSys == "PLAN9"'


def test_requirements_that_no_machine_fulfils_together_are_told():
    odd = "(TARGET.Cpus >= 16) && (TARGET.Memory >= 64000)"
    large, fast = slot(memory=64000), slot(cpus=16, free=16)
    assert words(job(odd), large, fast) == "no machine fulfils all of its requirements together"


def test_machines_that_refuse_it_are_told():
    refusing = slot(start="TARGET.RequestMemory < 100")
    assert words(job(), refusing) == "all machines refuse it by their own START rule"


@pytest.mark.parametrize(
    ("expression", "parts"),
    [
        ("A", ["A"]),
        ("(A) && (B)", ["A", "B"]),
        ("((A && B) && (C || D))", ["A", "B", "C || D"]),
        ("A || B && C", ["A || B && C"]),
        ('(X == "a && (b") && Y', ['X == "a && (b"', "Y"]),
        ("(A ? B : C) && D", ["A ? B : C", "D"]),
    ],
)
def test_requirements_are_taken_apart_where_each_part_counts_by_itself(expression, parts):
    assert clauses(expression) == parts


@given(st.lists(st.booleans(), min_size=1, max_size=6))
def test_the_parts_of_an_expression_mean_what_the_whole_means(values):
    whole = " && ".join(f"({str(value).lower()} || false)" for value in values)
    parts = [classad2.ExprTree(part).eval() for part in clauses(whole)]
    assert all(parts) == classad2.ExprTree(whole).eval()
    assert len(parts) == len(values)


@given(st.text(max_size=60))
def test_whatever_an_expression_is_its_parts_are_found(text):
    assert isinstance(clauses(text), list)
