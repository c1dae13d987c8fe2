"""conddb's stand-in prints and ends as the true one, and the reader understands it."""

import os
import subprocess
import sys

import pytest

from condorloop.model.enums import Synchronisation, TimeType
from condorloop.rundir.records.manifest import TagReaderTool
from condorloop.services.cmssw import Cmssw
from condorloop.services.tag_reader import DATABASES, TagReader, TagUnreadable
from condorloop.testbed.cmssw.install import install
from condorloop.testbed.conditions import sqlite_file
from condorloop.testbed.faults import Fault, Faults

RELEASE, ARCH = "CMSSW_16_0_7_patch1", "el8_amd64_gcc13"
RUN = 398600
PRODUCTION = "oracle://cms_orcon_prod/CMS_CONDITIONS"


@pytest.fixture
def database(tmp_path):
    file = tmp_path / "conditions.db"
    sqlite_file.write(file, "Ecal", "Run", "EcalPedestals", "hlt", [(1, b"a"), (RUN, b"b")])
    sqlite_file.write(file, "Ecal", "Run", "EcalPedestals", "hlt", [(RUN, b"c")])
    sqlite_file.write(file, "Spot", "Lumi", "BeamSpotObjects", "any", [(RUN << 32 | 7, b"d")])
    sqlite_file.write(file, "Empty", "Run", "EcalPedestals", "pcl", [])
    return file


@pytest.fixture
def run(tmp_path, database):
    def run(*arguments):
        more = {
            "CONDORLOOP_TESTBED_CONDITIONS": str(database),
            "CONDORLOOP_TESTBED_FAULTS": str(tmp_path / "faults"),
        }
        return subprocess.run(
            [sys.executable, "-m", "condorloop.testbed.conditions.conddb", *arguments],
            env=os.environ | more,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    return run


@pytest.fixture
def faults(tmp_path):
    return Faults(tmp_path / "faults")


@pytest.fixture
def reader(tmp_path, database):
    """A reader as a site has it, whose tool is found in an area of the release."""
    install(tmp_path / "cvmfs", sys.executable, tmp_path / "faults", conditions=database)
    setup = tmp_path / "cvmfs" / "cmsset_default.sh"
    cmssw = Cmssw(setup, ARCH, RELEASE, tmp_path / "work", needs=("conddb",))
    return TagReader(TagReaderTool(("conddb",), DATABASES, 20.0), cmssw)


def test_a_tag_is_listed_as_the_true_tool_does_it(run, database):
    done = run("--db", "pro", "list", "Ecal")
    assert done.returncode == 0
    title, dashes, *rows, end, last = done.stdout.split("\n")
    titles = [
        "Since: Run ",
        "Insertion Time".ljust(26),
        "Payload".ljust(40),
        "Object Type".ljust(13),
    ]
    assert title == "  ".join(titles) + 3 * " "
    assert set(dashes) == {"-", " "}
    assert [row.split()[0] for row in rows] == ["1", str(RUN), str(RUN)]
    assert [row.split()[3] for row in rows] == [
        iov.payload_hash for iov in sqlite_file.iovs(database, "Ecal", hidden=True)
    ]
    assert (end, last) == (" ", "")
    assert "INFO: Listing with a limit of 500 IOVs" in done.stderr


def test_the_limit_keeps_the_highest_sinces(run):
    done = run("list", "--limit", "1", "Ecal")
    assert [row.split()[0] for row in done.stdout.split("\n")[2:-2]] == [str(RUN)]
    assert len(run("--noLimit", "list", "-L", "1", "Ecal").stdout.split("\n")) == 7


def test_a_since_of_a_lumi_tag_is_split_and_given_raw(run):
    done = run("--db", "dev", "list", "Spot")
    assert done.stdout.split("\n")[0].startswith("  Run  : Lumi  (rawSince)")
    assert done.stdout.split("\n")[2].startswith(f"{RUN} :     7 ({RUN << 32 | 7})  ")


def test_a_sqlite_file_is_a_database_too(run, database, faults):
    faults.arm([Fault("conddb", "outage", times=None)], 0.0)
    for name in (str(database), f"sqlite_file:{database}", f"sqlite:///{database}"):
        assert run("--db", name, "list", "Ecal").returncode == 0
    assert run("--db", "orapro", "list", "Ecal").returncode == 1


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (
            ["list", "Nobody"],
            1,
            "ERROR: There is no tag or global tag named Nobody in the database.",
        ),
        (
            ["--db", "/nowhere.db", "list", "Ecal"],
            1,
            "ERROR: No valid schema found in the database.",
        ),
        (["list"], 2, "usage: conddb"),
        (["--colours", "list", "Ecal"], 2, "usage: conddb"),
    ],
)
def test_it_ends_as_the_true_tool(run, arguments, code, said):
    done = run(*arguments)
    assert (done.returncode, said in done.stderr, done.stdout) == (code, True, ""), done.stderr


def test_all_tags_are_listed_with_their_synchronisation(run):
    rows = [row.split() for row in run("listTags").stdout.split("\n")[2:-2]]
    assert {row[0]: row[1:4] for row in rows} == {
        "Ecal": ["Run", "EcalPedestals", "hlt"],
        "Spot": ["Lumi", "BeamSpotObjects", "any"],
        "Empty": ["Run", "EcalPedestals", "pcl"],
    }


def test_a_tag_is_read_back_through_the_release(reader, database):
    ecal = reader.read(PRODUCTION, "Ecal")
    assert (ecal.time_type, ecal.synchronisation) == (TimeType.RUN, Synchronisation.HLT)
    assert [(iov.since, iov.hash) for iov in ecal.iovs] == [
        (iov.since, iov.payload_hash) for iov in sqlite_file.iovs(database, "Ecal", hidden=True)
    ]
    assert ecal.iovs[1].inserted < ecal.iovs[2].inserted
    spot = reader.read(str(database), "Spot")
    assert (spot.time_type, spot.iovs[0].since) == (TimeType.LUMI, RUN << 32 | 7)
    assert reader.read(PRODUCTION, "Empty").iovs == ()


def test_a_tag_that_is_not_there_and_a_database_that_does_not_answer_are_told_apart(reader, faults):
    with pytest.raises(TagUnreadable) as missing:
        reader.read(PRODUCTION, "Nobody")
    faults.arm([Fault("conddb", "outage")], 0.0)
    with pytest.raises(TagUnreadable, match="cannot connect") as outage:
        reader.read(PRODUCTION, "Nobody")
    assert (missing.value.missing, outage.value.missing) == (True, False)


def test_a_replica_that_lags_does_not_show_the_latest(reader, faults):
    faults.arm([Fault("conddb", "lag", seconds=3600.0)], 0.0)
    assert reader.read(PRODUCTION, "Ecal").iovs == ()
    assert len(reader.read(PRODUCTION, "Ecal").iovs) == 3


def test_what_holds_between_two_sinces_is_copied_into_a_file(reader, database, tmp_path):
    reader.copy(PRODUCTION, "Ecal", tmp_path / "x.db", RUN - 5, RUN)
    copied = sqlite_file.iovs(tmp_path / "x.db", "Ecal")
    first, last = sqlite_file.iovs(database, "Ecal")
    assert [(iov.since, iov.payload_hash) for iov in copied] == [
        (RUN - 5, first.payload_hash),
        (RUN, last.payload_hash),
    ]
    reader.copy(PRODUCTION, "Spot", tmp_path / "y.db", RUN << 32 | 9, RUN << 32 | 80)
    assert [iov.since for iov in sqlite_file.iovs(tmp_path / "y.db", "Spot")] == [RUN << 32 | 9]


def test_a_tag_that_is_not_there_cannot_be_copied(reader, tmp_path):
    with pytest.raises(TagUnreadable, match="payload named Nobody"):
        reader.copy(PRODUCTION, "Nobody", tmp_path / "x.db", 1, 2)
