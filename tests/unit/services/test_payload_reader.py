"""The command that reads payloads: how it is called, and what of its answers is believed."""

import json
import os
import sys
from pathlib import Path

import pytest

from condorloop.services.payload_reader import PayloadUnreadable, read, words
from condorloop.testbed.conditions import sqlite_file

FILE = Path("/run/promptCalibConditions.db")
GOOD = {"schema": 1, "tag": "Ecal", "iovs": [{"since": 1, "hash": "ab"}]}


@pytest.mark.parametrize(
    ("command", "called"),
    [
        (["read"], ["read", str(FILE), "Ecal"]),
        (["read", "-t", "{tag}", "{file}"], ["read", "-t", "Ecal", str(FILE)]),
        (["read", "{file}:{hash}"], ["read", f"{FILE}:8fae"]),
        (["read", "{other}"], ["read", "{other}", str(FILE), "Ecal"]),
    ],
)
def test_the_command_is_told_file_tag_and_payload(command, called):
    assert words(command, FILE, "Ecal", "8fae") == called


def tool(tmp_path, script):
    path = tmp_path / "tool"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return [str(path)]


ENVIRONMENT = {"PATH": "/usr/bin:/bin"}


def test_what_it_prints_are_the_constants(tmp_path):
    command = tool(tmp_path, f"echo noise >&2; echo '{json.dumps(GOOD)}'")
    assert [iov.hash for iov in read(command, FILE, "Ecal", ENVIRONMENT, 20.0).iovs] == ["ab"]


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo first >&2; echo 'no dictionary' >&2; exit 3", "exit 3: no dictionary"),
        ("exit 1", "exit 1: no message"),
        ("echo nonsense", "not JSON: 'nonsense"),
        ("echo '{}'", "schema is missing"),
        (f"echo '{json.dumps(GOOD | {'tag': 'Other'})}'", "it gives tag Other, asked for Ecal"),
        ("exec sleep 60", "it took more than 0.3 s"),
    ],
)
def test_whatever_else_happens_is_one_error(tmp_path, script, said):
    with pytest.raises(PayloadUnreadable, match=said.replace("'", ".")):
        read(tool(tmp_path, script), FILE, "Ecal", ENVIRONMENT, 0.3)


def test_a_command_that_is_not_there_is_the_same_error():
    with pytest.raises(PayloadUnreadable, match="No such file"):
        read(["/nowhere/tool"], FILE, "Ecal", ENVIRONMENT, 1.0)


@pytest.fixture
def payload(tmp_path):
    """A payload file of the stand-ins, with one tag of each kind."""
    file = tmp_path / "promptCalibConditions.db"

    def add(tag, time_type, object_type, **iovs):
        rows = [
            (int(since.removeprefix("at")), json.dumps({"constants": c, "run": 7}).encode())
            for since, c in iovs.items()
        ]
        sqlite_file.write(file, tag, time_type, object_type, "any", rows)

    crystals = {
        "0": {"entries": 40, "mean": 200.5, "rms": 1.5},
        "100": {"entries": 39, "mean": 201, "rms": 2},
    }
    add("Ecal", "Run", "EcalPedestals", at7=crystals)
    add("Bad", "Run", "SiStripBadStrip", at7={"dead": [3, 95], "noisy": [], "events": 20000})
    add(
        "Spot",
        "Lumi",
        "BeamSpotObjects",
        at30064771073={"x": 0.1, "y": 0.2},
        at30064771077={"x": 1},
    )
    return file


def of_testbed(file, tag, digest=""):
    command = [sys.executable, "-m", "condorloop.testbed.conditions.read_payload"]
    return read([*command, "{file}", "{tag}", "{hash}"], file, tag, dict(os.environ), 20.0, digest)


def test_the_testbed_s_reader_gives_values_by_channel_with_their_place(payload):
    ecal = of_testbed(payload, "Ecal")
    [iov] = ecal.iovs
    assert iov.channels == {"mean": {"0": 200.5, "100": 201}, "rms": {"0": 1.5, "100": 2}}
    assert (ecal.places["0"].part, ecal.places["100"].part) == ("EB", "EE+")
    assert ecal.units["mean"] == "ADC counts"


def test_the_testbed_s_reader_gives_sets_and_places_of_all_modules(payload):
    bad = of_testbed(payload, "Bad")
    assert bad.iovs[0].sets == {"dead": frozenset({"3", "95"}), "noisy": frozenset()}
    assert bad.iovs[0].numbers == {"events": 20000}
    assert len({*bad.places.values()}) == 96


def test_the_testbed_s_reader_gives_numbers_by_iov_and_one_payload_if_asked(payload):
    spot = of_testbed(payload, "Spot")
    assert [iov.numbers["x"] for iov in spot.iovs] == [0.1, 1]
    assert [iov.since for iov in of_testbed(payload, "Spot", spot.iovs[1].hash).iovs] == [
        spot.iovs[1].since
    ]


def test_the_testbed_s_reader_ends_with_one_line_where_it_cannot_read(payload, tmp_path):
    with pytest.raises(PayloadUnreadable, match=r"exit 1: readPayload\.py: .*no tag Nobody"):
        of_testbed(payload, "Nobody")
    (tmp_path / "x.db").write_bytes(b"no database" * 30)
    with pytest.raises(PayloadUnreadable, match=r"exit 1: readPayload\.py: .*not a database"):
        of_testbed(tmp_path / "x.db", "Ecal")
