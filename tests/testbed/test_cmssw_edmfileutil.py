import json
from pathlib import Path

import pytest

from condorloop.model.lumis import Lumis
from condorloop.testbed.cmssw.tools.edmfileutil import main
from condorloop.testbed.scenario.raw_files import (
    BadFile,
    Stream,
    write_bad_raw_file,
    write_raw_file,
)
from condorloop.testbed.truth import Truth

RUN = 398348


@pytest.fixture
def raw(tmp_path):
    path = tmp_path / "good.root"
    write_raw_file(path, Stream.ECAL, RUN, Lumis.of([187, 188]), Truth())
    return path


def bad(folder: Path, kind: BadFile) -> Path:
    path = folder / f"{kind}.root"
    write_bad_raw_file(path, kind, Stream.ECAL, RUN, Lumis.of([1]), Truth())
    return path


@pytest.mark.parametrize("option", ["--eventsInLumis", "--eventsInLumi", "--eventsI"])
def test_the_events_of_each_lumisection_are_listed_in_columns_of_15(raw, capsys, option):
    assert main([option, f"file:{raw}"]) == 0
    size = raw.stat().st_size
    assert capsys.readouterr().out.splitlines() == [
        f"file:{raw}",
        f"file:{raw} (1 runs, 2 lumis, 80 events, {size} bytes)",
        "",
        "            Run           Lumi       # Events",
        "         398348            187             40",
        "         398348            188             40",
        "",
    ]


@pytest.mark.parametrize("kind", [BadFile.UNREADABLE_EVENT, BadFile.CRASHES])
def test_a_file_whose_events_are_damaged_looks_fine(tmp_path, capsys, kind):
    assert main(["--eventsInLumis", str(bad(tmp_path, kind))]) == 0
    assert "         398348              1             40" in capsys.readouterr().out


def test_json_gives_totals_only(raw, capsys):
    assert main(["-j", "--eventsInLumis", str(raw), f"file:{raw}"]) == 0
    totals = {"runs": 1, "lumis": 2, "events": 80, "bytes": raw.stat().st_size}
    assert json.loads(capsys.readouterr().out) == [
        {"file": name, **totals} for name in (str(raw), f"file:{raw}")
    ]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (BadFile.TRUNCATED, "ERR Could not open file {}\n"),
        (BadFile.EMPTY, "ERR Could not open file {}\n"),
        (
            BadFile.NOT_CLOSED,
            "{} appears not to have been closed correctly and has been autorecovered \n"
            "Stopping. Use --allowRecovery to try ignoring this\n",
        ),
        (
            BadFile.NO_EVENTS,
            "Tree Events appears to be missing. Not a valid collection\nExiting\n",
        ),
    ],
)
def test_it_stops_at_the_first_bad_file_and_says_what_is_wrong(raw, tmp_path, capsys, kind, words):
    broken = bad(tmp_path, kind)
    assert main([str(raw), str(broken), str(raw)]) == 1
    out = capsys.readouterr().out
    assert out.endswith(f"{broken}\n{words.format(broken)}")
    assert out.count("2 lumis") == 1


def test_a_file_that_is_not_there_is_a_cms_exception(tmp_path, capsys):
    assert main([f"file:{tmp_path}/none.root"]) == 1
    out = capsys.readouterr().out
    assert "cms::Exception caught in EdmFileUtil" in out
    assert "No such file or directory" in out


def test_no_file_is_a_usage_error_on_stdout(capsys):
    assert main(["--eventsInLumis"]) == 1
    assert capsys.readouterr().out.startswith("Data file(s) not set.\n")


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--nonsense", "a"], "unrecognised option '--nonsense'"),
        (["--e", "a"], "option '--e' is ambiguous and matches '--events' and '--eventsInLumis'"),
        (["-f"], "the required argument for option '--file' is missing"),
    ],
)
def test_a_wrong_option_is_told_on_stderr(capsys, argv, words):
    assert main(argv) == 1
    assert capsys.readouterr().err.startswith(f"Option parsing failure:\n{words}\n")
