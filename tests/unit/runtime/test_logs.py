"""Log lines go where people of the earlier loops look for them."""

import json
import logging
import os
import re
import shutil
import subprocess
import sys

import pytest

from condorloop.model.campaign import CampaignKey
from condorloop.runtime import logs
from tests.unit.examples import TOP
from tests.unit.hostile import SPECIMENS


@pytest.fixture
def folder(tmp_path):
    logs.start(tmp_path, ["EcalPedestals", "BeamSpot"])
    yield tmp_path
    root = logging.getLogger("condorloop")
    for handler in root.handlers:
        handler.close()
    root.handlers = []
    root.propagate = True


def lines(folder, calibration, level="ALL"):
    return (folder / calibration / f"condorloop_{level}.log").read_text().splitlines()


def test_a_campaigns_lines_go_to_its_calibration_alone(folder):
    logs.say(CampaignKey("EcalPedestals", 398600), "latched")
    assert "EcalPedestals run398600: latched" in lines(folder, "EcalPedestals")[0]
    assert lines(folder, "BeamSpot") == []


def test_what_concerns_all_goes_to_all(folder):
    logging.getLogger("condorloop.model.service").warning("OMS gives no answer")
    assert len(lines(folder, "EcalPedestals")) == len(lines(folder, "BeamSpot")) == 1


def test_each_level_has_its_file(folder):
    key = CampaignKey("BeamSpot", 398600)
    for level in (logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
        logs.say(key, "told", level)
    assert len(lines(folder, "BeamSpot")) == 4
    for name in ("INFO", "WARNING", "ERROR", "CRITICAL"):
        [line] = lines(folder, "BeamSpot", name)
        assert name in line


def test_a_calibration_that_comes_later_has_its_files_too(folder):
    logs.say(CampaignKey("SiStripBad", 398600), "nobody writes this down")
    logs.follow(["BeamSpot", "SiStripBad"])
    logs.say(CampaignKey("SiStripBad", 398601), "latched")
    logs.say(CampaignKey("BeamSpot", 398601), "latched")
    [line] = lines(folder, "SiStripBad")
    assert "run398601: latched" in line
    assert len(lines(folder, "BeamSpot")) == 1


def test_an_odd_name_stays_on_its_line(folder):
    logs.say(CampaignKey("BeamSpot", 398600), "bad file a\nCRITICAL forged")
    [line] = lines(folder, "BeamSpot")
    assert "a\\nCRITICAL forged" in line


KEY = CampaignKey("BeamSpot", 398600)


@pytest.mark.parametrize("text", SPECIMENS)
def test_hostile_text_is_one_printable_line(folder, text, capsys):
    logs.say(KEY, f"file {text}")
    [line] = lines(folder, "BeamSpot")
    assert line.isprintable()
    assert "Traceback" not in capsys.readouterr().err


def test_a_file_that_was_deleted_is_made_anew(folder):
    logs.say(KEY, "before")
    (folder / "BeamSpot" / "condorloop_ALL.log").unlink()
    logs.say(KEY, "after")
    assert [line.split()[-1] for line in lines(folder, "BeamSpot")] == ["after"]


def test_a_file_that_was_moved_away_is_begun_anew(folder):
    logs.say(KEY, "before")
    file = folder / "BeamSpot" / "condorloop_ALL.log"
    file.rename(file.with_suffix(".1"))
    logs.say(KEY, "after")
    assert file.with_suffix(".1").read_text().count("\n") == 1
    assert [line.split()[-1] for line in lines(folder, "BeamSpot")] == ["after"]


def test_a_folder_that_was_deleted_is_made_anew(folder):
    logs.say(KEY, "before")
    shutil.rmtree(folder / "BeamSpot")
    logs.say(KEY, "after")
    assert [line.split()[-1] for line in lines(folder, "BeamSpot")] == ["after"]


def test_what_cannot_be_written_is_told_once_and_again_after_it_could(folder, capfd):
    def complaints():
        return [line for line in capfd.readouterr().err.splitlines() if "cannot be" in line]

    shutil.rmtree(folder / "BeamSpot")
    (folder / "BeamSpot").write_text("a file where the folder was")
    for _ in range(3):
        logs.say(KEY, "lost")
    told = complaints()
    assert len(told) == 1
    assert "log lines cannot be written" in told[0]
    (folder / "BeamSpot").unlink()
    logs.say(KEY, "written")
    assert "written" in lines(folder, "BeamSpot")[0]
    assert complaints() == []
    shutil.rmtree(folder / "BeamSpot")
    (folder / "BeamSpot").write_text("")
    logs.say(KEY, "lost")
    assert len(complaints()) == 1


def test_a_loop_can_start_where_no_log_file_can_be_made(folder, capfd):
    (folder / "file").write_text("")
    logs.start(folder / "file", ["BeamSpot"])
    logs.say(KEY, "latched")
    err = capfd.readouterr().err
    assert err.count("cannot be written") == 1
    assert "latched" in err


def test_a_full_disk_tears_no_later_line(folder, monkeypatch, capfd):
    write, room = os.write, [10]

    def full(descriptor, data):
        if room[0] <= 0:
            raise OSError(28, "No space left on device")
        room[0] -= len(data[: room[0]])
        return write(descriptor, data[: room[0] + 10])

    monkeypatch.setattr(os, "write", full)
    logs.say(KEY, "cut")
    assert "No space left on device" in capfd.readouterr().err
    monkeypatch.setattr(os, "write", write)
    logs.say(KEY, "whole")
    torn, whole = lines(folder, "BeamSpot")
    assert len(torn) == 10
    assert whole.endswith("run398600: whole")


LOGGING = """
import sys
from pathlib import Path
from condorloop.runtime import logs
from condorloop.model.campaign import CampaignKey

logs.start(Path(sys.argv[1]), ["BeamSpot"])
for i in range(3):
    logs.say(CampaignKey("BeamSpot", 398600), f"line {i}")
"""


def test_arguments_that_do_not_fit_lose_no_line(tmp_path):
    more = "import logging; logging.getLogger('condorloop.x').warning('%d files', 'seven')"
    command = [sys.executable, "-c", LOGGING + more, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    [line] = lines(tmp_path, "BeamSpot", "WARNING")
    assert "%d files" in line
    assert "seven" in line
    assert "Traceback" not in done.stderr


def test_a_terminal_that_is_gone_stops_no_line(tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-c", LOGGING, str(tmp_path)]
    done = subprocess.run(command, stderr=writing, stdout=subprocess.PIPE, check=False)
    os.close(writing)
    assert done.stdout == b""
    assert len(lines(tmp_path, "BeamSpot")) == 3


def test_a_disk_that_is_full_is_one_line_on_the_terminal(tmp_path):
    (tmp_path / "BeamSpot").mkdir()
    for level in ("ALL", "INFO"):
        (tmp_path / "BeamSpot" / f"condorloop_{level}.log").symlink_to("/dev/full")
    command = [sys.executable, "-c", LOGGING, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    said = [line for line in done.stderr.splitlines() if " line " not in line]
    assert len(said) == 1
    assert "No space left on device" in said[0]


def started(code, folder, *, journal=False, **more):
    """What a process of its own has written to its standard error, line by line."""
    file = folder / "stderr"
    with file.open("wb") as stderr:
        there = os.fstat(stderr.fileno())
        environment = {"JOURNAL_STREAM": f"{there.st_dev}:{there.st_ino}"} if journal else more
        subprocess.run(
            [sys.executable, "-c", f"{PREAMBLE}\n{code}", str(folder)],
            stderr=stderr,
            env=os.environ | environment,
            check=True,
        )
    return file.read_text().splitlines()


PREAMBLE = """
import logging, sys
from pathlib import Path
from condorloop.runtime import logs
from condorloop.model.campaign import CampaignKey

def start(form="plain"):
    logs.start(Path(sys.argv[1]), ["BeamSpot"], verbose=True, form=logs.Format(form))
"""

EVERY_LEVEL = """
for name in ("debug", "info", "warning", "error", "critical"):
    getattr(logging.getLogger("condorloop.x"), name)("a line of %s", name)
"""


def test_the_journal_gets_levels_and_no_time(tmp_path):
    assert started(f"start()\n{EVERY_LEVEL}", tmp_path, journal=True) == [
        "<7>a line of debug",
        "<6>a line of info",
        "<4>a line of warning",
        "<3>a line of error",
        "<2>a line of critical",
    ]
    assert lines(tmp_path, "BeamSpot", "INFO")[0].endswith("Z INFO     a line of info")


@pytest.mark.parametrize("stream", ["", "1:2", "nonsense"])
def test_a_terminal_whose_parent_writes_to_the_journal_is_a_terminal(tmp_path, stream):
    [line] = started('start()\nlogs.log.info("told")', tmp_path, JOURNAL_STREAM=stream)
    assert line.endswith("Z INFO     told")


JSON = """
start("json")
logs.say(CampaignKey("BeamSpot", 398600), "latched", logging.WARNING)
logging.getLogger("condorloop.x").info("OMS answers again")
"""


def test_json_lines_have_the_fields_that_are_documented(tmp_path):
    campaign, other = map(json.loads, started(JSON, tmp_path))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", campaign.pop("time"))
    assert campaign == {
        "level": "warning",
        "logger": "condorloop.campaign",
        "message": "BeamSpot run398600: latched",
        "calibration": "BeamSpot",
        "run": 398600,
    }
    assert other.keys() == {"time", "level", "logger", "message"}
    page = (TOP / "docs" / "service.md").read_text()
    assert all(f"| `{name}` |" in page for name in ["time", *campaign])


def test_json_lines_in_the_journal_have_levels(tmp_path):
    levels = [(line[:3], json.loads(line[3:])) for line in started(JSON, tmp_path, journal=True)]
    assert [level for level, _ in levels] == ["<4>", "<6>"]


HOSTILE = """
import json
start("json")
for text in json.loads(Path(sys.argv[1], "specimens").read_text()):
    logs.say(CampaignKey("BeamSpot", 398600), f"file {text}")
logging.getLogger("condorloop.x").warning("%d files", "seven\\n")
try:
    1 / 0
except ZeroDivisionError:
    logging.getLogger("condorloop.x").debug("why", exc_info=True)
"""


@pytest.mark.parametrize("journal", [False, True])
def test_hostile_text_is_one_object_on_one_line(tmp_path, journal):
    (tmp_path / "specimens").write_text(json.dumps(SPECIMENS))
    found = started(HOSTILE, tmp_path, journal=journal)
    objects = [json.loads(line.partition("{")[1] + line.partition("{")[2]) for line in found]
    assert len(objects) == len(SPECIMENS) + 2
    assert all(o["message"].isprintable() for o in objects)
    assert "%d files" in objects[-2]["message"]
    assert "seven" in objects[-2]["message"]
    assert "ZeroDivisionError" in objects[-1]["message"]


def test_what_cannot_be_written_is_an_object_too(tmp_path):
    (tmp_path / "BeamSpot").write_text("a file where the folder would be")
    [line] = started('start("json")', tmp_path)
    told = json.loads(line)
    assert told["level"] == "error"
    assert "log lines cannot be written" in told["message"]
