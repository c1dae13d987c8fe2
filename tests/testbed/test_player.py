"""RAW files appear whole, at their time, once, whatever happens to the player."""

import json
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
import uproot

from condorloop.model.lumis import Lumis
from condorloop.testbed import daemons
from condorloop.testbed.cmssw.io.root_header import State, state
from condorloop.testbed.scenario.events import FileAppears
from condorloop.testbed.scenario.paths import shipped_paths
from condorloop.testbed.scenario.player import Player, raw_path
from condorloop.testbed.scenario.scenario import Scenario
from condorloop.testbed.scenario.timeline import timeline
from condorloop.testbed.verify import appeared

SCENARIO = Scenario.of(
    {
        "runs": [
            {
                "calibrations": ["EcalPedestals", "SiStripBad", "BeamSpot"],
                "run": 398700 + i,
                "start_offset": 5 * i,
                "lumisections": {"count": 4, "every": 1},
                "files": [{"stream": "ExpressPhysics", "ls": 2, "part": 1, "fault": "empty"}],
            }
            for i in range(2)
        ],
        "layout": {
            "TestEnablesEcalHcal": {"ls_per_file": 3},
            "ExpressPhysics": {"files_per_ls": 2},
        },
    }
)
FILES = [event for event in timeline(SCENARIO) if isinstance(event, FileAppears)]
LONG_AGO = 1000.0


def played(
    folder: Path,
    started_at: float | None = None,
    speed: float = 1.0,
    scenario: Scenario = SCENARIO,
) -> Player:
    started_at = time.time() - LONG_AGO if started_at is None else started_at
    player = Player(scenario, folder / "eos", shipped_paths(), started_at, speed, events_per_ls=4)
    player.start()
    try:
        assert player.done.wait(20)
    finally:
        player.stop()
    return player


def shown(folder: Path) -> list[str]:
    return sorted(f"/{p.relative_to(folder / 'eos')}" for p in folder.glob("eos/eos/**/*.root"))


def records(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "appeared.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("play")
    played(folder)
    return folder


def test_a_player_that_starts_late_makes_up_for_it(folder: Path) -> None:
    assert shown(folder) == sorted(str(raw_path(f, SCENARIO.seed)) for f in FILES)
    assert len(FILES) == 2 * (2 + 8)


def test_files_hold_their_lumisections_and_the_parts_share_the_events(folder: Path) -> None:
    seen: set[tuple[Any, ...]] = set()
    for event in FILES:
        path = folder / "eos" / str(raw_path(event, SCENARIO.seed))[1:]
        if event.fault:
            assert path.stat().st_size == 0
            continue
        with uproot.open(path) as file:
            events = file["Events"].arrays(["run", "luminosityBlock", "event"], library="np")
        assert set(events["run"]) == {event.run}
        assert Lumis.of(int(ls) for ls in events["luminosityBlock"]) == event.lumis
        keys = set(
            zip(*(events[name].tolist() for name in events), [event.stream] * 99, strict=False)
        )
        assert not keys & seen
        seen |= keys


def test_names_say_nothing_about_lumisections_and_folders_say_the_run(folder: Path) -> None:
    bases = {path.rsplit("/", 2)[0] for path in shown(folder)}
    assert {base.rpartition("/000/")[2] for base in bases} == {"398/700", "398/701"}
    assert {path.rsplit("/", 2)[1] for path in shown(folder)} == {"00000"}
    assert all(uuid.UUID(path.rsplit("/", 1)[1].removesuffix(".root")) for path in shown(folder))


def test_each_appearance_is_on_record(folder: Path) -> None:
    lines = records(folder)
    assert sorted(line["path"] for line in lines) == shown(folder)
    assert {(line["stream"], line["ls"]) for line in lines} >= {
        ("TestEnablesEcalHcal", "1-3"),
        ("TestEnablesEcalHcal", "4"),
        ("ExpressPhysics", "4"),
    }
    assert [line["ls"] for line in lines if line["fault"] == "empty"] == ["2", "2"]
    assert lines[0].keys() == {"time", "path", "run", "stream", "ls", "fault", "good"}
    assert {line["good"] for line in lines if not line["fault"]} == {True}


def test_a_player_that_starts_again_changes_nothing(tmp_path: Path) -> None:
    played(tmp_path)
    before = [(path, (tmp_path / "eos" / path[1:]).stat().st_mtime_ns) for path in shown(tmp_path)]
    (tmp_path / "appeared.jsonl").write_text(
        "".join(json.dumps(line) + "\n" for line in records(tmp_path)[:-1]) + '{"cut'
    )
    played(tmp_path)
    assert before == [
        (path, (tmp_path / "eos" / path[1:]).stat().st_mtime_ns) for path in shown(tmp_path)
    ]


def test_no_file_appears_before_its_time(tmp_path: Path) -> None:
    started_at, speed = time.time() + 0.3, 10.0
    played(tmp_path, started_at, speed=speed)
    times = {line["path"]: line["time"] - started_at for line in records(tmp_path)}
    for event in timeline(SCENARIO, speed):
        if isinstance(event, FileAppears):
            delay = times[str(raw_path(event, SCENARIO.seed))] - event.at
            assert 0 <= delay < 10


def test_a_file_that_cannot_be_written_stops_no_other(tmp_path: Path) -> None:
    folder = tmp_path / "eos" / raw_path(FILES[0], SCENARIO.seed).parents[1].relative_to("/")
    folder.parent.mkdir(parents=True)
    folder.write_text("in the way")
    player = played(tmp_path)
    assert 0 < len(player.failed) < len(FILES)
    assert len(records(tmp_path)) == len(FILES) - len(player.failed) == len(shown(tmp_path))


def test_a_player_that_is_stopped_shows_no_more(tmp_path: Path) -> None:
    paths = shipped_paths()
    player = Player(SCENARIO, tmp_path / "eos", paths, time.time() + 3600, events_per_ls=1)
    player.start()
    player.stop()
    assert not player.done.is_set()
    assert not shown(tmp_path)


def special(**keys: Any) -> Scenario:
    """A scenario of one run with one file, which is as the keys say."""
    file = {"stream": "ExpressPhysics", "ls": 1, **keys}
    run = {"calibrations": ["BeamSpot"], "run": 398700, "lumisections": [{"ls": 1}]}
    return Scenario.of({"runs": [{**run, "files": [file]}]})


def path_of(scenario: Scenario, folder: Path) -> Path:
    [file] = [event for event in timeline(scenario) if isinstance(event, FileAppears)]
    return folder / "eos" / str(raw_path(file, scenario.seed))[1:]


def events_in(path: Path) -> list[tuple[int, int, int]]:
    with uproot.open({path: None}) as file:
        events = file["Events"].arrays(["run", "luminosityBlock", "event"], library="np")
    return list(zip(*(events[name].tolist() for name in sorted(events)), strict=True))


@pytest.mark.parametrize(
    ("fault", "delay", "good"),
    [
        ("growing", "seconds", False),
        ("unreadable", "seconds", False),
        ("vanishes", "after", True),
        ("replaced", "after", True),
    ],
)
def test_a_file_that_will_change_is_at_first_as_its_fault_says(
    tmp_path: Path, fault: str, delay: str, good: bool
) -> None:
    scenario = special(fault=fault, **{delay: 3600.0})
    player = Player(scenario, tmp_path / "eos", shipped_paths(), time.time() - 1, events_per_ls=4)
    player.start()
    try:
        record = tmp_path / "appeared.jsonl"
        assert daemons.wait_until(lambda: bool(appeared(record)), 10)
    finally:
        player.stop()
    [file] = appeared(record)
    assert (file.good, file.maybe) == (good, False)
    path = path_of(scenario, tmp_path)
    if fault == "growing":
        assert state(path.read_bytes()) is State.UNREADABLE
    else:
        assert bool(path.stat().st_mode & 0o444) is (fault != "unreadable")
    if fault == "replaced":
        assert len(events_in(path)) == 2


@pytest.mark.parametrize(
    ("keys", "events", "good", "maybe"),
    [
        ({"fault": "growing", "seconds": 2}, 4, True, False),
        ({"fault": "unreadable", "seconds": 2}, 4, True, False),
        ({"fault": "vanishes", "after": 2}, None, False, True),
        ({"fault": "replaced", "after": 2}, 4, True, False),
        ({"fault": "replaced", "after": 2, "same_events": True}, 4, True, False),
    ],
)
def test_a_file_that_has_changed_is_on_record_as_it_is(
    tmp_path: Path, keys: dict[str, Any], events: int | None, good: bool, maybe: bool
) -> None:
    scenario = special(**keys)
    played(tmp_path, scenario=scenario)
    path = path_of(scenario, tmp_path)
    assert (len(events_in(path)) if path.exists() else None) == events
    [file] = appeared(tmp_path / "appeared.jsonl")
    assert (file.good, file.maybe) == (good, maybe)
    before = records(tmp_path)
    played(tmp_path, scenario=scenario)
    assert records(tmp_path) == before
    assert path.exists() is (events is not None)


def test_a_file_is_replaced_by_one_of_another_size_even_with_the_same_events(
    tmp_path: Path,
) -> None:
    plain = special(late=1.0)
    played(tmp_path / "plain", scenario=plain)
    same = special(fault="replaced", after=1.0, same_events=True)
    played(tmp_path / "same", scenario=same)
    one, other = path_of(plain, tmp_path / "plain"), path_of(same, tmp_path / "same")
    assert events_in(one) == events_in(other)
    assert one.stat().st_size != other.stat().st_size


@pytest.mark.parametrize(
    ("keys", "runs", "good"),
    [
        ({"fault": "other_run"}, {398699}, False),
        ({"fault": "also_other_run", "run": 398500}, {398700, 398500}, True),
    ],
)
def test_a_file_may_hold_another_run(
    tmp_path: Path, keys: dict[str, Any], runs: set[int], good: bool
) -> None:
    scenario = special(**keys)
    played(tmp_path, scenario=scenario)
    assert {run for _, _, run in events_in(path_of(scenario, tmp_path))} == runs
    assert [file.good for file in appeared(tmp_path / "appeared.jsonl")] == [good]


def test_a_file_may_have_any_name_and_be_in_another_block(tmp_path: Path) -> None:
    name = 'it\'s "$(id)", 100 %\n\u00e9.root'
    scenario = special(name=name, block=1)
    played(tmp_path, scenario=scenario)
    path = path_of(scenario, tmp_path)
    assert (path.name, path.parent.name) == (name, "00001")
    assert [file.path for file in appeared(tmp_path / "appeared.jsonl")] == [
        f"/{path.relative_to(tmp_path / 'eos')}"
    ]


def test_a_thousand_small_files_share_out_the_events_of_their_lumisections(tmp_path: Path) -> None:
    layout = {"files_per_ls": 100, "events_per_ls": 100}
    run = {"calibrations": ["EcalPedestals"], "run": 398700}
    run["lumisections"] = {"count": 10, "every": 0.1}
    scenario = Scenario.of({"runs": [run], "layout": {"TestEnablesEcalHcal": layout}})
    played(tmp_path, scenario=scenario)
    files = appeared(tmp_path / "appeared.jsonl")
    assert len(files) == len(shown(tmp_path)) == 1000
    some = [tmp_path / "eos" / file.path[1:] for file in files[::250]]
    assert len({event for path in some for event in events_in(path)}) == len(some)


def test_a_record_line_that_was_cut_is_left_out(tmp_path: Path) -> None:
    played(tmp_path, scenario=special(late=1.0))
    with (tmp_path / "appeared.jsonl").open("a") as record:
        record.write('{"path": "/eos/x", "ru')
    assert len(appeared(tmp_path / "appeared.jsonl")) == 1
