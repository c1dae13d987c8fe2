"""A scenario says what happens when; OMS and EOS show just that."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from condorloop.config.loader import ConfigError
from condorloop.model.lumis import Lumis
from condorloop.testbed.conditions.store import TagSpec
from condorloop.testbed.oms.rows import OmsRows, oms_rows
from condorloop.testbed.scenario.events import (
    FileAppears,
    FileChanges,
    LumisectionEnds,
    RunEnds,
    RunStart,
)
from condorloop.testbed.scenario.paths import shipped_paths
from condorloop.testbed.scenario.scenario import Scenario
from condorloop.testbed.scenario.timeline import duration, timeline
from condorloop.testbed.services import tags

SCENARIOS = Path(__file__).parents[2] / "scenarios"
STARTED = datetime(2026, 7, 1, 12, tzinfo=UTC).timestamp()

THEIRS = """
runs:
  - calibrations: [EcalPedestals, SiStripBad]
    run: 398800
    start_offset: 0
    minutes_ago: 2
    lumisections:
      - {ls: 1, after: 0}
      - {ls: 2, after: 15}
    end_after: 20
faults:
  - {target: oms, mode: connection_error, run: 398800, at: 5, times: 2}
  - {target: oms, mode: http_error, status: 503, at: 30}
  - {target: cmsrun, mode: exit_code, exit_code: 139, calibration: EcalPedestals, run: 398800,
     step: step2, at: 45}
  - {target: upload_conditions, mode: exit_code, exit_code: 1, calibration: EcalPedestals, at: 150,
     times: 6, message: "no"}
"""


def run(number: int = 398600, **keys: Any) -> dict[str, Any]:
    plain = {"calibrations": ["SiStripBad"], "run": number}
    return {**plain, "lumisections": {"count": 4, "every": 10}, **keys}


def play(*runs: dict[str, Any], **keys: Any) -> Scenario:
    return Scenario.of({"runs": list(runs), **keys})


def files(scenario: Scenario, speed: float = 1.0) -> list[FileAppears]:
    return [event for event in timeline(scenario, speed) if isinstance(event, FileAppears)]


def test_a_file_of_the_loops_own_player_plays_unchanged() -> None:
    scenario = Scenario.of(yaml.safe_load(THEIRS))
    happened = [(e.at, type(e)) for e in timeline(scenario)]
    both = [LumisectionEnds, FileAppears, FileAppears]
    assert Counter(happened) == Counter(
        [(0, RunStart), *((at, kind) for at in (0, 15) for kind in both), (35, RunEnds)]
    )
    assert [f.times for f in scenario.faults] == [2, 1, 1, 6]
    assert [(f.at, f.target) for f in scenario.faults][2] == (45, "cmsrun")


@pytest.mark.parametrize("file", sorted(SCENARIOS.glob("*.yaml")), ids=lambda file: file.stem)
def test_the_scenarios_that_ship_are_sound(file: Path) -> None:
    assert duration(Scenario.load(file)) < 120


def test_a_stream_that_two_calibrations_read_gets_its_files_once() -> None:
    scenario = play(run(calibrations=["SiStripBad", "BeamSpot"]))
    assert [str(f.lumis) for f in files(scenario)] == ["1", "2", "3", "4"]


def test_large_files_appear_with_their_last_lumisection_or_at_the_runs_end() -> None:
    scenario = play(
        run(calibrations=["EcalPedestals"], lumisections={"count": 7, "every": 2}, end_after=3),
        layout={"TestEnablesEcalHcal": {"ls_per_file": 3}},
    )
    assert [(f.at, str(f.lumis)) for f in files(scenario)] == [(6, "1-3"), (12, "4-6"), (17, "7")]


def test_small_files_are_parts_of_their_lumisection() -> None:
    scenario = play(
        run(lumisections={"count": 3, "every": 1}),
        layout={"ExpressPhysics": {"files_per_ls": 2, "files_per_block": 4}},
    )
    shown = [(str(f.lumis), f.part, f.parts, f.block) for f in files(scenario)]
    assert shown == [
        ("1", 0, 2, 0),
        ("1", 1, 2, 0),
        ("2", 0, 2, 0),
        ("2", 1, 2, 0),
        ("3", 0, 2, 1),
        ("3", 1, 2, 1),
    ]


def test_a_file_can_be_broken_or_late_even_after_its_run() -> None:
    special = [
        {"stream": "ExpressPhysics", "ls": 2, "fault": "truncated"},
        {"stream": "ExpressPhysics", "ls": 4, "late": 30},
    ]
    scenario = play(run(files=special, end_after=5))
    assert [(f.at, f.fault) for f in files(scenario)] == [
        (10, None),
        (20, "truncated"),
        (30, None),
        (70, None),
    ]
    assert duration(scenario) == 70
    assert duration(scenario, speed=2) == 35


@given(
    count=st.integers(1, 30),
    ls_per_file=st.integers(1, 7),
    parts=st.integers(1, 3),
    speed=st.floats(0.1, 50),
)
def test_each_lumisection_is_in_each_stream_once_a_part(
    count: int, ls_per_file: int, parts: int, speed: float
) -> None:
    layout = {"ls_per_file": ls_per_file, "files_per_ls": parts}
    scenario = play(
        run(
            calibrations=["EcalPedestals", "SiStripBad", "BeamSpot"],
            lumisections={"count": count, "every": 1.0},
        ),
        layout={"TestEnablesEcalHcal": layout, "ExpressPhysics": layout},
    )
    events = timeline(scenario, speed)
    assert [e.at for e in events] == sorted(e.at for e in events)
    assert events[-1].at == pytest.approx(count / speed)
    found = Counter((f.stream, f.part, ls) for f in files(scenario, speed) for ls in f.lumis)
    assert set(found.values()) == {1}
    assert len(found) == 2 * parts * count
    ended = {e.ls: e.at for e in events if isinstance(e, LumisectionEnds)}
    assert all(f.at >= ended[f.lumis.last] for f in files(scenario, speed))


def mistakes(text: str) -> dict[str, tuple[object, str]]:
    with pytest.raises(ConfigError) as caught:
        Scenario.of(yaml.safe_load(text), "some.yaml")
    return {m.key: (m.value, m.expected) for m in caught.value.mistakes}


def test_runs_that_overlap_in_the_detector_are_refused() -> None:
    found = mistakes("""
runs:
  - {calibrations: [BeamSpot], run: 2, start_offset: 15, lumisections: {count: 2, every: 1}}
  - {calibrations: [BeamSpot], run: 1, lumisections: {count: 4, every: 5}, end_after: 2}
""")
    expected = "22 or later: run 1 is taken until then, and CMS takes one run at a time"
    assert found == {"runs.0.start_offset": (15, expected)}


def test_one_run_may_start_when_the_last_one_ends() -> None:
    assert play(run(1), run(2, start_offset=40))


def test_all_mistakes_are_told_at_once_with_key_value_and_expectation() -> None:
    found = mistakes("""
sead: 3
layout: {ExpressPhysics: {ls_per_file: 0}}
runs:
  - {calibrations: EcalPedestals, run: 1}
  - calibrations: [SiStripBad]
    run: 2
    lumisections: [{ls: 1, after: -3}]
  - calibrations: [SiStripBad]
    run: 3
    lumisections: [{ls: 1}, {ls: 1}]
    oms: {stable_beam: 'yes', no_such: 1}
    files:
      - {stream: ExpressPhysics, ls: 9, fault: truncated}
      - {stream: ExpressPhysics, ls: 1, part: 1, late: 4}
      - {stream: TestEnablesEcalHcal, ls: 1}
  - {calibrations: [SiStripBad], run: 3, start_offset: 10}
faults:
  - {target: oms, mode: http_error}
  - {target: oms, mode: no_such, times: 0}
  - {target: cmsrun, mode: exit_code, exit_code: 0}
  - {target: weather, mode: rain}
""")
    assert found.keys() == {
        "sead",
        "layout.ExpressPhysics.ls_per_file",
        "runs.0.calibrations",
        "runs.1.lumisections.0.after",
        "runs.2.lumisections.1.ls",
        "runs.2.oms.stable_beam",
        "runs.2.oms.no_such",
        "runs.2.files.0.ls",
        "runs.2.files.1.part",
        "runs.2.files.2.stream",
        "runs.2.files.2",
        "runs.3.run",
        "faults.0.status",
        "faults.1.mode",
        "faults.1.times",
        "faults.2.exit_code",
        "faults.2.calibration",
        "faults.3",
    }
    assert found["runs.2.files.1.part"] == (1, "below 1, the stream's files_per_ls")
    assert found["sead"] == (3, "no such key is known here")


@pytest.mark.parametrize("text", ["", "- 1", "runs: {", "runs: 7"])
def test_a_file_that_is_no_scenario_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "odd.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"odd\.yaml"):
        Scenario.load(file)


def test_a_scenario_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        Scenario.load(tmp_path / "none.yaml")


def test_a_calibration_without_a_path_is_refused() -> None:
    with pytest.raises(ValueError, match="SiStripBad"):
        timeline(play(run()), 1.0, {"BeamSpot": shipped_paths()["BeamSpot"]})


def seen_by_oms(scenario: Scenario, elapsed: float, speed: float = 1.0) -> OmsRows:
    return oms_rows(scenario, elapsed, STARTED, speed)


def test_oms_shows_a_run_as_it_is_taken() -> None:
    scenario = play(run(start_offset=5, end_after=3, stable_beam_after=12))
    keys = ("last_lumisection_number", "start_time", "end_time", "stable_beam")

    def shown(elapsed: float) -> list[tuple[object, ...]]:
        return [tuple(row[key] for key in keys) for row in seen_by_oms(scenario, elapsed).runs]

    start = "2026-07-01T12:00:05Z"
    assert shown(4.9) == []
    assert shown(5.0) == [(None, start, None, False)]
    assert shown(15.0) == [(1, start, None, False)]
    assert shown(44.9) == [(3, start, None, True)]
    assert shown(48.0) == [(4, start, "2026-07-01T12:00:48Z", True)]


def test_oms_says_that_a_run_began_minutes_ago_at_any_speed() -> None:
    scenario = play(run(minutes_ago=2))
    for speed in (1.0, 10.0):
        assert seen_by_oms(scenario, 0.0, speed).runs[0]["start_time"] == "2026-07-01T11:58:00Z"
    assert seen_by_oms(scenario, 4.0, speed=10.0).runs[0]["end_time"] == "2026-07-01T12:00:04Z"


def test_a_scenario_may_say_otherwise() -> None:
    scenario = play(run(fill=None, oms={"l1_hlt_mode": "cosmics2026", "b_field": 0}))
    row = seen_by_oms(scenario, 1.0).runs[0]
    assert (row["fill_number"], row["l1_hlt_mode"], row["b_field"]) == (None, "cosmics2026", 0)
    assert not seen_by_oms(scenario, 1.0).fills


def test_oms_shows_luminosity_of_each_lumisection_and_integrated_over_the_run() -> None:
    scenario = play(
        run(lumisections=[{"ls": n} for n in (1, 2, 4, 5)], luminosity=[0.4, None, 0.1])
    )
    shown = seen_by_oms(scenario, 1.0)
    each = [
        (row["lumisection_number"], row["recorded_lumi_per_lumisection"], row["recorded_lumi"])
        for row in shown.lumisections
    ]
    assert each == [(1, 0.4, 0.4), (2, None, 0.4), (4, 0.1, 0.5), (5, 0.1, 0.6)]
    assert shown.runs[0]["recorded_lumi"] == shown.fills[0]["recorded_lumi"] == 0.6


def test_a_fill_ends_with_its_last_run() -> None:
    scenario = play(run(1), run(2, start_offset=50), run(3, start_offset=100, fill=11301))
    fills = seen_by_oms(scenario, 60.0).fills
    assert [(f["fill_number"], f["end_time"]) for f in fills] == [(11300, None)]
    fills = seen_by_oms(scenario, 110.0).fills
    assert [(f["first_run_number"], f["last_run_number"]) for f in fills] == [(1, 2), (3, 3)]
    assert fills[0]["end_time"] == "2026-07-01T12:01:30Z"
    assert fills[0]["delivered_lumi"] == pytest.approx(8 * 0.4662)


@given(moments=st.lists(st.floats(0, 200), min_size=2), speed=st.floats(0.5, 5))
def test_what_oms_has_shown_it_goes_on_to_show(moments: list[float], speed: float) -> None:
    scenario = play(run(1, end_after=3), run(2, start_offset=60))
    before = seen_by_oms(scenario, 0.0, speed)
    for moment in sorted(moments):
        now = seen_by_oms(scenario, moment, speed)
        assert [r["run_number"] for r in now.runs[: len(before.runs)]] == [
            r["run_number"] for r in before.runs
        ]
        assert list(now.lumisections[: len(before.lumisections)]) == list(before.lumisections)
        for row in now.runs:
            mine = [r for r in now.lumisections if r["run_number"] == row["run_number"]]
            assert row["last_lumisection_number"] == (len(mine) or None)
        before = now


def last_and_end(scenario: Scenario, *elapsed: float) -> list[tuple[object, object]]:
    rows = [seen_by_oms(scenario, each).runs[-1] for each in elapsed]
    return [(row["last_lumisection_number"], row["end_time"]) for row in rows]


def test_a_run_may_never_get_an_end_though_another_follows() -> None:
    scenario = play(run(1, end_after="never"), run(2, start_offset=50))
    rows = seen_by_oms(scenario, 1000.0).runs
    assert [row["end_time"] is None for row in rows] == [True, False]
    assert [e.run for e in timeline(scenario) if isinstance(e, RunEnds)] == [2]


def test_oms_may_take_an_end_back_and_say_it_again() -> None:
    scenario = play(run(unends_after=5, ends_again_after=10))
    end = "2026-07-01T12:00:40Z"
    ends = [shown for _, shown in last_and_end(scenario, 40.0, 44.9, 45.0, 54.9, 55.0)]
    assert ends == [end, end, None, None, end]


@pytest.mark.parametrize("value", [2, 9])
def test_the_last_lumisection_may_grow_or_shrink_after_the_end(value: int) -> None:
    scenario = play(run(last_ls_after_end={"value": value, "after": 3}))
    assert [ls for ls, _ in last_and_end(scenario, 39.9, 42.9, 43.0)] == [3, 4, value]


def test_the_clock_of_oms_may_be_wrong_and_what_happens_is_not() -> None:
    right, wrong = (
        seen_by_oms(play(run(), clock_offset=offset), 25.0).runs[0] for offset in (0, 90)
    )
    assert (right["start_time"], wrong["start_time"]) == (
        "2026-07-01T12:00:00Z",
        "2026-07-01T12:01:30Z",
    )
    assert right["last_lumisection_number"] == wrong["last_lumisection_number"] == 2


def test_many_runs_were_over_before_the_play() -> None:
    past = {"count": 150, "every": 60, "oms": {"fill_type_runtime": "PB"}}
    rows = seen_by_oms(play(run(), past_runs=past), 1.0).runs
    assert [row["run_number"] for row in rows] == list(range(398450, 398601))
    assert rows[0]["start_time"] == "2026-07-01T09:30:00Z"
    assert rows[149]["end_time"] == "2026-07-01T12:00:00Z"
    assert {row["fill_type_runtime"] for row in rows[:150]} == {"PB"}


def test_a_file_can_change_later_be_elsewhere_or_have_any_name() -> None:
    odd = 'it\'s "$(a)", b\n\u00e9.root'
    special = [
        {"stream": "ExpressPhysics", "ls": 1, "fault": "growing", "seconds": 3},
        {"stream": "ExpressPhysics", "ls": 2, "fault": "vanishes", "after": 4, "late": 1},
        {"stream": "ExpressPhysics", "ls": 3, "fault": "unreadable"},
        {"stream": "ExpressPhysics", "ls": 4, "name": odd, "block": 1},
    ]
    events = timeline(play(run(files=special)), speed=2.0)
    changes = [(e.at, e.file.fault) for e in events if isinstance(e, FileChanges)]
    assert changes == [(6.5, "growing"), (12.5, "vanishes")]
    assert [(e.name, e.block) for e in events if isinstance(e, FileAppears)][3] == (odd, 1)


def test_what_does_not_go_together_in_a_fault_or_a_file_is_refused() -> None:
    found = mistakes("""
layout: {ExpressPhysics: {files_per_ls: 8, events_per_ls: 7}}
past_runs: {count: 1, oms: {energy: high}}
runs:
  - calibrations: [BeamSpot]
    run: 7
    lumisections: {count: 6, every: 1}
    ends_again_after: 2
    files:
      - {stream: ExpressPhysics, ls: 1, fault: empty, seconds: 3}
      - {stream: ExpressPhysics, ls: 2, fault: vanishes}
      - {stream: ExpressPhysics, ls: 3, name: a/b}
      - {stream: ExpressPhysics, ls: 4, block: 1, run: 8}
      - {stream: ExpressPhysics, ls: 5, block: 0}
faults:
  - {target: cmsrun, calibration: BeamSpot, mode: signal}
  - {target: cmsrun, calibration: BeamSpot, mode: hang, memory_mb: 5, ls: 3}
  - {target: cmsrun, calibration: BeamSpot, mode: no_output, seconds: 5}
  - {target: cmsrun, calibration: BeamSpot, mode: lost_lumi}
  - {target: cmsrun, calibration: BeamSpot, mode: veto}
  - {target: conditions, mode: http_error}
  - {target: conditions, mode: cut, status: 502}
""")
    assert found.keys() == {
        "layout.ExpressPhysics.events_per_ls",
        "past_runs.oms.energy",
        "runs.0.ends_again_after",
        "runs.0.files.0.seconds",
        "runs.0.files.1.after",
        "runs.0.files.2.name",
        "runs.0.files.3.run",
        "faults.0.signal",
        "faults.1.memory_mb",
        "faults.2.seconds",
        "faults.3.ls",
        "faults.4.step",
        "faults.5.status",
        "faults.6.status",
    }


def test_a_scenario_says_how_its_tags_are() -> None:
    scenario = Scenario.of(
        {
            "runs": [run(7)],
            "conditions": {
                "first_safe_run": 9,
                "tags": {
                    "BeamSpot_NGTDemonstrator": {"synchronisation": "hlt", "first_safe_run": 8},
                    "More": {"time_type": "Lumi", "object_type": "SiPixelQuality"},
                },
            },
        }
    )
    assert scenario.conditions.first_safe_run == 9
    found = tags(scenario)
    assert found["BeamSpot_NGTDemonstrator"] == TagSpec("hlt", "Lumi", "BeamSpotObjects", 8)
    assert found["More"] == TagSpec("any", "Lumi", "SiPixelQuality")
    assert found["EcalPedestals_NGTDemonstrator"] == TagSpec("any", "Run", "EcalPedestals")


def test_what_a_tag_cannot_be_is_refused() -> None:
    found = mistakes("""
conditions:
  first_safe_run: 0
  tags:
    BeamSpot: {synchronisation: fast, time_type: Week}
    Other: {sync: any}
""")
    assert found.keys() == {
        "conditions.first_safe_run",
        "conditions.tags.BeamSpot.synchronisation",
        "conditions.tags.BeamSpot.time_type",
        "conditions.tags.Other.sync",
    }


def test_the_demo_has_holes_of_a_bearable_size() -> None:
    scenario = Scenario.load(SCENARIOS / "demo.yaml")
    bad = [f for f in files(scenario) if f.fault]
    assert len(bad) == 4
    assert len({f.fault for f in bad}) == 4
    good = {
        (r.run, stream): Lumis.union(
            f.lumis for f in files(scenario) if (f.run, f.stream, f.fault) == (r.run, stream, None)
        )
        for r in scenario.runs
        for stream in ("ExpressPhysics", "TestEnablesEcalHcal")
    }
    holes = {
        key: str(Lumis.span(1, {398600: 40, 398601: 60}[key[0]]) - g) for key, g in good.items()
    }
    assert {key: hole for key, hole in holes.items() if hole} == {
        (398601, "TestEnablesEcalHcal"): "26-30"
    }
    late = [f for f in files(scenario) if f.late]
    ends = {e.run: e.at for e in timeline(scenario) if isinstance(e, RunEnds)}
    assert [f.at > ends[f.run] for f in late].count(True) == 1
    assert len(late) == 3
