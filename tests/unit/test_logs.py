"""Log lines go where people of the earlier loops look for them."""

import logging
import os
import shutil
import subprocess
import sys

import pytest

from condorloop import logs
from condorloop.model import CampaignKey
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
    logging.getLogger("condorloop.services").warning("OMS gives no answer")
    assert len(lines(folder, "EcalPedestals")) == len(lines(folder, "BeamSpot")) == 1


def test_each_level_has_its_file(folder):
    key = CampaignKey("BeamSpot", 398600)
    for level in (logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
        logs.say(key, "told", level)
    assert len(lines(folder, "BeamSpot")) == 4
    for name in ("INFO", "WARNING", "ERROR", "CRITICAL"):
        [line] = lines(folder, "BeamSpot", name)
        assert name in line


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
from condorloop import logs
from condorloop.model import CampaignKey

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
