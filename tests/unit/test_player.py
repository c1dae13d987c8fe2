"""RAW files appear whole, at their time, once, whatever happens to the player."""

import json
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
import uproot

from condorloop.lumis import Lumis
from condorloop.testbed.player import Player, raw_path
from condorloop.testbed.scenario import Scenario
from condorloop.testbed.timeline import PATHS, FileAppears

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
FILES = [event for event in SCENARIO.timeline() if isinstance(event, FileAppears)]
LONG_AGO = 1000.0


def played(folder: Path, started_at: float | None = None, **keys: Any) -> Player:
    started_at = time.time() - LONG_AGO if started_at is None else started_at
    player = Player(
        SCENARIO, folder / "eos", PATHS, started_at, keys.pop("speed", 1.0), events_per_ls=4
    )
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
        *(("TestEnablesEcalHcal", "1-3"), ("TestEnablesEcalHcal", "4"), ("ExpressPhysics", "4"))
    }
    assert [line["ls"] for line in lines if line["fault"] == "empty"] == ["2", "2"]
    assert lines[0].keys() == {"time", "path", "run", "stream", "ls", "fault"}


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
    for event in SCENARIO.timeline(speed):
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
    player = Player(SCENARIO, tmp_path / "eos", PATHS, time.time() + 3600, events_per_ls=1)
    player.start()
    player.stop()
    assert not player.done.is_set()
    assert not shown(tmp_path)
