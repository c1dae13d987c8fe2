"""Why an idle job does not run: told from its requirements and the machines that there are."""

import classad2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.dagman.schedd.idle_reasons import obstacle, why
from condorloop.dagman.schedd.match_analysis import clauses, explain
from condorloop.model.queue import Obstacle

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


def test_a_machine_without_a_core_left_is_full_though_the_job_does_not_require_one():
    one_core = job('(TARGET.Arch == "X86_64") && (TARGET.Memory >= RequestMemory)')
    assert words(one_core, slot(free=0)).startswith("the pool is full: 1 of 1 slots")


def test_a_slot_that_is_not_cut_to_sizes_is_full_when_it_has_a_job():
    taken, cut = slot(), slot()
    taken["State"] = cut["State"] = "Claimed"
    cut["PartitionableSlot"] = True
    assert words(job(), taken).startswith("the pool is full: 1 of 1 slots")
    assert words(job(), taken, cut).startswith("1 of 2 slots are free for it")


def test_a_free_machine_means_that_the_negotiator_has_not_come_yet():
    assert words(job(), slot(), slot(free=0)).startswith("1 of 2 slots are free for it")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"negotiated_ago": None}, "no negotiator runs"),
        ({"negotiated_ago": 1800}, "the negotiator has ended no cycle for 30 min"),
        (
            {"negotiated_ago": 20, "LastRejMatchReason": "insufficient priority"},
            "the negotiator says: insufficient priority",
        ),
    ],
)
def test_a_free_machine_that_nobody_gives_it_is_told_with_the_reason(more, said):
    told = explain(job(), [slot()]) | more
    assert why(told)[0] == f"1 of 1 slots are free for it: {said}"
    assert obstacle(told) is Obstacle.FREE


@pytest.mark.parametrize("reason", ["submitter limit exceeded", "concurrency limit eos reached"])
def test_a_share_of_the_pool_that_is_in_use_is_as_a_full_pool(reason):
    told = explain(job(), [slot()]) | {"LastRejMatchReason": reason}
    assert why(told)[0] == f"its share of the pool is in use: {reason}"
    assert obstacle(told) is Obstacle.FULL


def test_a_schedd_that_runs_as_many_jobs_as_it_may_is_told():
    told = explain(job(), [slot()]) | {"most_running": 2000}
    assert "MAX_JOBS_RUNNING is 2000" in why(told)[0]
    assert obstacle(told) is Obstacle.FULL


def test_a_job_that_machines_take_and_do_not_begin_is_told_with_the_last_of_them():
    tried = {"NumShadowStarts": 5, "LastRemoteHost": "slot1@node7"}
    told = explain(job(), [slot()]) | tried
    assert why(told)[0] == "5 times a machine took it and did not begin it, last slot1@node7"
    assert obstacle(told) is Obstacle.IN_VAIN
    assert obstacle(told | {"NumJobStarts": 4}) is Obstacle.FREE
    begun = {"JobCurrentStartDate": 7, "JobCurrentStartExecutingDate": 8}
    assert obstacle(told | begun) is Obstacle.FREE


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
