"""The way of each lumisection into the database is split into parts that sum to the whole."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.model.enums import NodeKind
from condorloop.model.jobs import JobRecord
from condorloop.model.latency import RunTimes, Upload
from condorloop.model.lumis import Lumis
from condorloop.reports.time_breakdown import (
    CampaignFacts,
    FileFacts,
    NodeFacts,
    Part,
    marks_of,
    split,
    timelines,
)
from tests.unit.examples import START

TIMES = RunTimes(START, START + 100, 10)
SECONDS = st.floats(START - 50, START + 1000)
MARKS = st.lists(st.tuples(st.none() | SECONDS, st.sampled_from(Part)))


def job(node, at, start=None, end=None, exit_code=0, starts=1):
    """A job that was submitted, started and ended so many seconds after the run's start."""
    return JobRecord(
        node=node,
        job_id=f"{node}.{at}",
        submitted_at=START + at,
        started_at=None if start is None else START + start,
        ended_at=None if end is None else START + end,
        exit_code=exit_code,
        starts=starts,
    )


CHAIN = (
    job("RECO_0000", 130, 140, 170),
    job("ALCA_0000", 172, 175, 185),
    job("HARVEST", 187, 188, 198),
    job("UPLOAD", 200, 201, 212),
)


def node(name, *, dag=1, kind=None, child="", number=None, done_at=None):
    kind = kind or NodeKind(name.partition("_")[0])
    return NodeFacts(dag, name, kind, child, number, done_at)


NODES = (
    node("RECO_0000", child="ALCA_0000"),
    node("ALCA_0000", number=0, done_at=START + 186),
    node("HARVEST"),
    node("UPLOAD"),
)


def facts(**changes):
    """LS 10, whose file went through one DAG: 110 s from its end to the upload."""
    told = CampaignFacts(
        times=TIMES,
        files=(FileFacts(Lumis.of([10]), START + 105, 1, "RECO_0000"),),
        nodes=NODES,
        jobs={1: CHAIN},
        submitted={1: START + 125},
        inputs={1: frozenset({0})},
        uploads=(Upload(1, Lumis.of([10]), START + 210),),
    )
    return replace(told, **changes)


def parts(told):
    """The parts of the only way, without those that took no time."""
    [way] = timelines(told)
    assert sum(way.parts) == pytest.approx(way.delay)
    return {p: s for p, s in zip(Part, way.parts, strict=True) if s}


@given(SECONDS, st.floats(0, 500), MARKS)
def test_the_parts_sum_to_the_whole_and_none_is_negative(start, length, marks):
    told = split(start, start + length, marks)
    assert sum(told) == pytest.approx(start + length - start)
    assert min(told) >= 0


def test_each_part_is_what_lies_between_its_marks():
    assert parts(facts()) == {
        Part.FILE: 5,
        Part.BATCHING: 20,
        Part.START: 5,
        Part.QUEUE: 10 + 3 + 1 + 1,
        Part.RECO: 30,
        Part.ALCA: 10,
        Part.HARVEST: 10,
        Part.UPLOAD: 9,
        Part.BETWEEN: 2 + 2 + 2,
    }


def test_jobs_that_failed_and_the_wait_for_the_next_try_are_retries():
    failed = job("RECO_0000", 126, 127, 128, exit_code=65)
    told = parts(facts(jobs={1: (*CHAIN, failed)}))
    assert (told[Part.START], told[Part.RETRIES], told[Part.QUEUE]) == (1, 4, 15)


def test_what_a_job_did_before_its_last_start_is_a_retry():
    evicted = replace(CHAIN[0], starts=2)
    told = parts(facts(jobs={1: (evicted, *CHAIN[1:])}))
    assert (told[Part.RETRIES], told[Part.QUEUE]) == (10, 5)


def test_a_job_that_succeeded_counts_before_a_later_one_that_did_not():
    again = job("RECO_0000", 300, 310, 320, exit_code=1)
    assert marks_of(NodeKind.RECO, (CHAIN[0], again))[-1] == (START + 170, Part.RECO)


def test_of_several_files_the_one_that_was_last_in_an_alcareco_counts():
    late = FileFacts(Lumis.of([10]), START + 115, 1, "RECO_0001")
    nodes = (
        *NODES,
        node("RECO_0001", child="ALCA_0001"),
        node("ALCA_0001", number=1, done_at=START + 187),
    )
    told = facts(nodes=nodes, inputs={1: frozenset({0, 1})})
    both = replace(told, files=(*told.files, late))
    assert parts(both)[Part.FILE] == 15


def test_a_file_that_the_payload_was_made_without_does_not_count():
    late = FileFacts(Lumis.of([10]), START + 115, 2, "RECO_0000")
    others = (replace(NODES[0], dag_id=2), replace(NODES[1], dag_id=2, job=1))
    told = facts(nodes=(*NODES, *others))
    assert parts(replace(told, files=(*told.files, late)))[Part.FILE] == 5


def test_the_harvest_of_another_dag_is_waited_for_between_nodes():
    later = (job("HARVEST", 237, 238, 248), job("UPLOAD", 250, 251, 262))
    told = facts(
        nodes=(*NODES[:2], *(replace(n, dag_id=2) for n in NODES[2:])),
        jobs={1: CHAIN[:2], 2: later},
        inputs={2: frozenset({0})},
        uploads=(Upload(2, Lumis.of([10]), START + 260),),
    )
    assert parts(told)[Part.BETWEEN] == 2 + 52 + 2


def test_of_what_is_not_known_no_part_but_the_rest_is_told():
    assert parts(facts(jobs={})) == {Part.FILE: 5, Part.BATCHING: 20, Part.BETWEEN: 85}
    assert parts(facts(nodes=())) == {Part.FILE: 5, Part.BETWEEN: 105}
    assert parts(facts(files=())) == {Part.BETWEEN: 110}


@st.composite
def campaigns(draw):
    """Campaigns whose times contradict each other, as those of several clocks can."""
    files, nodes, jobs = [], [], {}
    for dag in range(1, draw(st.integers(1, 3)) + 1):
        names = ("RECO_0000", "ALCA_0000", "HARVEST", "UPLOAD")
        jobs[dag] = [
            job(
                draw(st.sampled_from(names)),
                draw(st.floats(-50, 900)),
                draw(st.none() | st.floats(-50, 900)),
                draw(st.none() | st.floats(-50, 900)),
                draw(st.sampled_from([0, 1, None])),
                draw(st.integers(0, 3)),
            )
            for _ in range(draw(st.integers(0, 5)))
        ]
        nodes += [replace(n, dag_id=dag, job=n.job if n.job is None else dag) for n in NODES]
        lumis = Lumis.of(draw(st.sets(st.integers(1, 10))))
        files.append(FileFacts(lumis, draw(SECONDS), dag, "RECO_0000"))
    uploads = [
        Upload(dag, Lumis.of(draw(st.sets(st.integers(1, 10)))), draw(SECONDS)) for dag in jobs
    ]
    return facts(
        files=tuple(files),
        nodes=tuple(nodes),
        jobs=jobs,
        submitted={dag: draw(st.none() | SECONDS) for dag in jobs},
        inputs={dag: frozenset(range(1, dag + 1)) for dag in jobs},
        uploads=tuple(uploads),
    )


@given(campaigns())
def test_every_lumisection_of_every_payload_has_one_way_that_adds_up(told):
    found = list(timelines(told))
    covered = Lumis.union(u.lumis for u in told.uploads)
    assert sorted(way.lumi for way in found) == list(covered)
    for way in found:
        assert sum(way.parts) == pytest.approx(way.delay, abs=1e-3)
        assert min(way.parts) >= 0
        assert way.delay == max(0.0, way.uploaded_at - told.times.end_of(way.lumi))
