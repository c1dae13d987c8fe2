"""What the loop makes of an OMS that fails, contradicts itself or has another clock."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from condorloop.model.enums import CampaignState
from condorloop.model.problem import ProblemKind
from condorloop.rundir.durable import read_json
from condorloop.testbed.scenario.oms_attributes import RUNS
from tests.faults.outside import problems, running
from tests.faults.scenarios import run_of
from tests.loop import Loop

ECAL = ["EcalPedestals"]
COMPLETE = CampaignState.COMPLETE

MODES: Mapping[str, tuple[dict[str, object], str]] = {
    "connection_error": ({}, "without response"),
    "timeout": ({}, "no answer in 1 s"),
    "http_error": ({"status": 503}, "HTTP 503"),
    "malformed_json": ({}, "Invalid JSON"),
    "redirect": ({}, "sent to http"),
    "unauthorized": ({}, "HTTP 401"),
    "html": ({}, "Invalid JSON"),
    "wrong_shape": ({}, "not a valid array"),
    "nulls": ({}, "rows can be read"),
    "empty": ({}, "it does not show run 399210, which it has shown"),
    "cut": ({}, "read"),
}
"""The ways in which OMS fails, and what status then says of it."""


def ask(loop: Loop, method: str, **fault: object) -> None:
    """Give OMS a fault, or take all of them away."""
    port = read_json(loop.stack.folder / "services.json")["oms_port"]
    requests.request(method, f"http://127.0.0.1:{port}/_testbed/faults", json=fault, timeout=10)


def known(loop: Loop) -> dict[str, object]:
    """What the loop believes of its one run."""
    [campaign] = loop.campaigns()
    return {name: campaign[name] for name in ("state", "run_end", "last_ls", "fill", "run_start")}


@dataclass
class Taken:
    """A run, and what was said and believed while OMS failed in each way."""

    problems: dict[str, str]
    believed: dict[str, dict[str, object]]
    before: dict[str, object]
    faults: tuple[str, ...]
    state: CampaignState
    left: str


def oms_problem(loop: Loop) -> str:
    return next((p["text"] for p in loop.wrong(ProblemKind.SERVICE, service="OMS")), "")


@pytest.fixture(scope="module")
def taken(stack, tmp_path_factory):
    run = 399210
    settings = {"oms": {"timeout": 1}}
    loop = Loop(stack, tmp_path_factory.mktemp("oms"), "oms-modes", settings)
    loop.play(run_of(run, ECAL, lumisections=8, every=0.1, end_after="never"))
    said: dict[str, str] = {}
    believed: dict[str, dict[str, object]] = {}
    try:
        with running(loop):
            loop.wait(lambda: loop.campaigns() and loop.campaigns()[0]["last_ls"] == 8)
            before = known(loop)
            for mode, (more, _) in MODES.items():
                ask(loop, "POST", mode=mode, times=None, resource="runs", **more)
                loop.wait(lambda: bool(oms_problem(loop)))
                said[mode], believed[mode] = oms_problem(loop), known(loop)
                ask(loop, "DELETE")
                loop.wait(lambda: not oms_problem(loop))
            play = loop.play(run_of(run, ECAL, lumisections=8, every=0.1))
            loop.wait(lambda: loop.closed() == 1)
        verdict = play.assay("EcalPedestals", run)
        state = loop.states()["EcalPedestals"]
        loop.assert_nothing_was_done_twice(run)
        yield Taken(said, believed, before, verdict.faults, state, problems(loop))
    finally:
        ask(loop, "DELETE")
        loop.close()


@pytest.mark.parametrize("mode", MODES)
def test_while_oms_fails_the_last_known_state_stands_and_status_says_so(taken, mode):
    _, words = MODES[mode]
    assert words in taken.problems[mode]
    assert taken.believed[mode] == taken.before


def test_a_run_during_which_oms_failed_in_every_way_ends_as_any_other(taken):
    assert taken.faults == ()
    assert taken.state is COMPLETE
    assert "OMS" not in taken.left


TAKEN_BACK, GROWN, SHRUNK = 399211, 399212, 399213


def in_sequence(every: float = 0.1, **oms: Mapping[int, object]) -> dict[str, Any]:
    """Three runs one after the other, beside more runs of the past than a page of OMS holds."""
    runs = []
    for i, number in enumerate((TAKEN_BACK, GROWN, SHRUNK)):
        given = {name: of[number] for name, of in oms.items() if number in of}
        begin = 10 * every * i
        runs += run_of(number, ECAL, lumisections=4, every=every, start_offset=begin, oms=given)[
            "runs"
        ]
        runs[-1]["end_after"] = 2 * every
    return run_of(GROWN, ECAL) | {"runs": runs, "past_runs": {"count": 250, "every": 60.0}}


def all_over(**oms: Mapping[int, object]) -> dict[str, Any]:
    """The same runs, which are over as soon as OMS shows them."""
    return in_sequence(0.001, **oms)


@dataclass
class Revised:
    """Three runs of which OMS said something else after their campaigns had been closed."""

    first: dict[int, dict[str, Any]]
    last: dict[int, dict[str, Any]]
    faults: dict[int, tuple[str, ...]]
    went_on: str
    log: str


def by_run(loop: Loop) -> dict[int, dict[str, Any]]:
    return {c["run"]: c for c in loop.campaigns()}


@pytest.fixture(scope="module")
def revised(stack, tmp_path_factory):
    loop = Loop(stack, tmp_path_factory.mktemp("revised"), "oms-revised")
    play = loop.play(in_sequence())
    try:
        with running(loop):
            loop.wait(lambda: sum(c["state"] == COMPLETE for c in loop.campaigns()) == 3)
            first = by_run(loop)
            lasts = {GROWN: 6, SHRUNK: 3}
            loop.play(all_over(last_lumisection_number=lasts, end_time={TAKEN_BACK: None}))
            loop.wait(lambda: "(5-6)" in by_run(loop)[GROWN]["reason"])
            loop.wait(lambda: by_run(loop)[TAKEN_BACK]["state"] == CampaignState.ACTIVE)
            loop.wait(lambda: by_run(loop)[SHRUNK]["last_ls"] == 3)
            went_on = by_run(loop)[TAKEN_BACK]["reason"]
            loop.play(all_over(last_lumisection_number=lasts))
            loop.wait(lambda: not any(CampaignState(c["state"]).open for c in loop.campaigns()))
        last = by_run(loop)
        faults = {run: play.assay("EcalPedestals", run).faults for run in last}
        for run in last:
            loop.assert_nothing_was_done_twice(run)
        yield Revised(first, last, faults, went_on, loop.log("EcalPedestals"))
    finally:
        loop.close()


def test_among_more_runs_than_a_page_of_oms_holds_each_is_found(revised):
    assert set(revised.first) == {TAKEN_BACK, GROWN, SHRUNK}
    assert all(c["state"] == COMPLETE for c in revised.first.values())


def test_whatever_oms_revises_the_payloads_are_those_of_all_good_files(revised):
    assert set(revised.faults.values()) == {()}


def test_a_run_that_ended_and_then_did_not_is_reopened_until_it_ends_again(revised):
    assert "the run goes on" in revised.went_on
    assert revised.last[TAKEN_BACK]["state"] == COMPLETE
    assert revised.last[TAKEN_BACK]["run_end"] is not None


def test_a_last_ls_that_grows_after_closing_is_judged_anew_and_the_hole_is_named(revised):
    assert f"run{GROWN}: active: OMS says after closing: its last LS is 6" in revised.log
    assert revised.last[GROWN]["state"] == CampaignState.INCOMPLETE
    assert "2 of 6 LS missing (5-6)" in revised.last[GROWN]["reason"]


def test_a_last_ls_that_shrinks_after_closing_takes_nothing_away(revised):
    assert f"run{SHRUNK}: active: OMS says after closing: its last LS is 3" in revised.log
    assert revised.last[SHRUNK]["state"] == COMPLETE
    assert revised.last[SHRUNK]["lumis"]["in_payload"] == "1-4"


ENDLESS, FAST, UNKNOWN = 399214, 399215, 399216
ALL_NULL = dict.fromkeys(RUNS)
NULLS = {name: None for name in RUNS if name not in ("run_number", "start_time")}


class Clock:
    """The submitter's clock, which a test puts forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        """Seconds since the epoch."""
        return time.time() + self.ahead


@dataclass
class Clocks:
    """Runs of an OMS with another clock, and one that never gets an end."""

    faults: dict[int, tuple[str, ...]]
    with_nulls: dict[str, object]
    before_nulls: dict[str, object]
    log: str


@pytest.fixture(scope="module")
def clocks(stack, tmp_path_factory):
    loop = Loop(stack, tmp_path_factory.mktemp("clocks"), "oms-clocks")
    clock = Clock()
    faults: dict[int, tuple[str, ...]] = {}

    def whole(play, run: int) -> bool:
        faults[run] = play.assay("EcalPedestals", run).faults
        return not faults[run] and str(by_run(loop)[run]["lumis"]["in_payload"]) == "1-4"

    def of(run: int, offset: float = 0.0, **more: Any) -> dict[str, Any]:
        return run_of(run, ECAL, lumisections=4, every=0.1, **more) | {"clock_offset": offset}

    def of_endless() -> dict[str, object]:
        campaign = by_run(loop)[ENDLESS]
        return {n: campaign[n] for n in ("state", "run_end", "last_ls", "fill", "run_start")}

    try:
        play = loop.play(of(ENDLESS, -300.0, end_after="never"))
        with running(loop, clock=clock):
            loop.wait(lambda: ENDLESS in by_run(loop) and whole(play, ENDLESS))
            before = of_endless()
            nulls = of(ENDLESS, -300.0, end_after="never", attributes=NULLS)
            more = of(UNKNOWN, start_offset=1.0, attributes=NULLS)
            loop.play(nulls | {"runs": nulls["runs"] + more["runs"]})
            loop.wait(lambda: f"run{UNKNOWN}: not latched" in loop.log("EcalPedestals"))
            with_nulls = of_endless()
            loop.play(of(ENDLESS, -300.0, end_after="never", attributes=ALL_NULL))
            loop.wait(lambda: "rows can be read" in oms_problem(loop))
            play = loop.play(of(FAST, 300.0))
            loop.wait(lambda: FAST in by_run(loop) and whole(play, FAST))
            clock.ahead = 310.0
            loop.wait(lambda: f"run{FAST}: complete" in loop.log("EcalPedestals"))
            clock.ahead = 8 * 3600.0 + 310.0
            loop.wait(lambda: f"run{ENDLESS}: complete" in loop.log("EcalPedestals"))
        for run in (ENDLESS, FAST):
            loop.assert_nothing_was_done_twice(run)
        log = loop.log("EcalPedestals")
        yield Clocks(faults, with_nulls, before, log)
    finally:
        loop.close()


@pytest.mark.parametrize("run", [ENDLESS, FAST], ids=["behind", "ahead"])
def test_a_clock_of_oms_that_is_five_minutes_off_costs_no_lumisection(clocks, run):
    assert clocks.faults[run] == ()
    assert f"EcalPedestals run{run}: complete: 0 of 4 LS missing" in clocks.log


def test_a_run_that_never_gets_an_end_is_closed_by_its_window(clocks):
    assert clocks.faults[ENDLESS] == ()
    assert f"run{ENDLESS}: closing: the window of 8 h is over" in clocks.log
    assert f"run{ENDLESS}: complete: 0 of 4 LS missing" in clocks.log
    assert clocks.with_nulls["run_end"] is None


def test_nulls_in_every_attribute_change_nothing_of_what_is_known(clocks):
    assert clocks.with_nulls == clocks.before_nulls
    assert "none of 1 rows can be read" in clocks.log


def test_a_run_of_which_oms_says_nothing_but_nulls_is_not_latched_and_told(clocks):
    assert f"run{UNKNOWN}: latched" not in clocks.log
    assert f"run{UNKNOWN}: not latched: fill type None, not PROTONS" in clocks.log
