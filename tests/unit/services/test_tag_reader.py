"""What conddb prints of a tag is read as what it means; nothing else is taken for a tag."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.model.enums import Synchronisation, TimeType
from condorloop.model.tag_content import TagIov
from condorloop.rundir.records.manifest import TagReaderTool
from condorloop.services.cmssw import Cmssw
from condorloop.services.tag_reader import TagReader, TagUnreadable, content
from tests.unit.hostile import is_one_clear_line, texts

ONE, TWO = "8fae12cd" * 5, "0b" * 20

# Widths, blanks and the empty line at each end are those of CondCore/Utilities/scripts/conddb.
PROPERTIES = """\
Property             Value                                 \n\
-------------------  -----------------------------------   \n\
name                 Ecal                                  \n\
time_type            {time_type:37}\n\
object_type          EcalPedestals                         \n\
synchronization      {synchronization:37}\n\
description          pedestals -----  since May            \n\
last_validated_time  0                                     \n\
protection_code      0                                     \n \n\
"""
RUNS = f"""\
Since: Run   Insertion Time              Payload                                   Object Type     \n\
-----------  --------------------------  ----------------------------------------  -------------   \n\
1            2026-05-01 12:00:00         {TWO}  EcalPedestals   \n\
398600       2026-11-30 10:11:12.500000  {ONE}  EcalPedestals   \n \n\
"""  # noqa: E501
LUMIS = f"""\
  Run  : Lumi  (rawSince)           Insertion Time              Payload                                   Object Type       \n\
----------------------------------  --------------------------  ----------------------------------------  ---------------   \n\
398600 :     7 (1711973964185607)   2026-11-30 10:11:12.500000  {ONE}  BeamSpotObjects   \n \n\
"""  # noqa: E501
EMPTY = """\
Since: Run   Insertion Time  Payload  Object Type   \n\
-----------  --------------  -------  -----------   \n \n\
"""


def printed(iovs=RUNS, time_type="Run", synchronization="hlt"):
    return PROPERTIES.format(time_type=time_type, synchronization=synchronization) + iovs


def read(output):
    return content(output, "Ecal", "tag Ecal of pro")


def test_a_tag_has_its_properties_and_its_iovs():
    tag = read(printed())
    assert (tag.tag, tag.time_type) == ("Ecal", TimeType.RUN)
    assert tag.synchronisation is Synchronisation.HLT
    assert tag.iovs == (
        TagIov(since=1, inserted=1777636800.0, hash=TWO),
        TagIov(since=398600, inserted=1796033472.5, hash=ONE),
    )


def test_a_since_of_a_lumi_tag_is_the_raw_one():
    [iov] = read(printed(LUMIS, "Lumi")).iovs
    assert iov.since == 398600 << 32 | 7


def test_a_tag_may_be_empty():
    assert read(printed(EMPTY)).iovs == ()


def test_a_synchronisation_that_is_not_known_is_none():
    assert read(printed(synchronization="lunar")).synchronisation is None


@given(st.integers(0, len(printed()) - 1))
def test_an_output_that_was_cut_anywhere_is_no_answer(length):
    with pytest.raises(TagUnreadable) as caught:
        read(printed()[:length])
    assert not caught.value.missing


@given(texts)
def test_whatever_else_is_printed_is_no_answer_in_one_line(text):
    with pytest.raises(TagUnreadable) as caught:
        read(text)
    assert is_one_clear_line(str(caught.value))


@pytest.mark.parametrize(
    "output",
    [
        printed().replace("name                 Ecal ", "name                 Other"),
        printed().replace("Run    ", "Fill   "),
        printed().replace(ONE, ONE.replace("8", "x")),
        printed().replace("398600 ", "-39860 "),
        printed().replace("2026-05-01 12:00:00", "yesterday, 12:00:00"),
        RUNS,
        printed(""),
    ],
)
def test_what_is_no_tag_or_no_iov_is_no_answer(output):
    with pytest.raises(TagUnreadable):
        read(output)


def reader(tmp_path, script, timeout=20.0):
    """A reader whose tool is a shell script, in an environment that has been entered."""
    tool = tmp_path / "conddb"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    command = TagReaderTool((str(tool),), {"oracle://prod/X": "pro"}, timeout)
    cmssw = Cmssw(tmp_path / "set-up", "arch", "CMSSW_1_0_0", tmp_path)
    return TagReader(command, cmssw, environment={"PATH": "/usr/bin:/bin"})


NO_TAG = "There is no tag or global tag named Ecal in the database."
ERROR = "[2026-11-30 10:11:12,123] ERROR:"


def test_the_tool_is_told_the_database_by_its_own_name(tmp_path):
    (tmp_path / "out").write_text(printed())
    read = reader(tmp_path, f'echo "$*" >> {tmp_path}/asked; cat {tmp_path}/out').read
    assert len(read("oracle://prod/X", "Ecal").iovs) == 2
    read("file.db", "Ecal")
    assert (tmp_path / "asked").read_text().splitlines() == [
        "--db pro --nocolors --noLimit list --long Ecal",
        "--db file.db --nocolors --noLimit list --long Ecal",
    ]


def test_a_tag_that_is_not_there_is_missing(tmp_path):
    with pytest.raises(TagUnreadable, match="There is no tag") as caught:
        reader(tmp_path, f"echo '{ERROR} {NO_TAG}' >&2; exit 1").read("pro", "Ecal")
    assert caught.value.missing


def test_no_tag_is_believed_when_it_is_said_twice(tmp_path):
    """It is said, too, when the database stops answering after the tool has connected."""
    again = f"[ ! -e {tmp_path}/asked ] || {{ echo '{ERROR} no listener' >&2; exit 1; }}"
    script = f"{again}; touch {tmp_path}/asked; echo '{ERROR} {NO_TAG}' >&2; exit 1"
    with pytest.raises(TagUnreadable, match="no listener") as caught:
        reader(tmp_path, script).read("pro", "Ecal")
    assert not caught.value.missing


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (f"echo '{ERROR} cannot connect' >&2; exit 1", "conddb, exit 1: cannot connect"),
        ("exit 3", "conddb, exit 3: no message"),
        (f"echo '{ERROR} {NO_TAG}' >&2; exit 2", "exit 2"),
        (f"echo '{ERROR} {NO_TAG.replace('Ecal', 'Other')}' >&2; exit 1", "exit 1"),
        ("kill -9 $$", "exit -9"),
        ("exec sleep 60", "took more than 0.3 s"),
        ("exit 0", "not what conddb prints of a tag: nothing"),
    ],
)
def test_an_outage_is_no_answer(tmp_path, script, said):
    with pytest.raises(TagUnreadable, match=said) as caught:
        reader(tmp_path, script, 0.3).read("pro", "Ecal")
    assert not caught.value.missing


def test_a_tool_that_is_not_there_and_a_release_that_cannot_be_entered_are_no_answer(tmp_path):
    gone = reader(tmp_path, "exit 0")
    (tmp_path / "conddb").unlink()
    with pytest.raises(TagUnreadable, match="No such file"):
        gone.read("pro", "Ecal")
    not_entered = TagReader(
        TagReaderTool(("conddb",), {}, 1.0),
        Cmssw(tmp_path / "set-up", "arch", "CMSSW_1_0_0", tmp_path / "area"),
    )
    with pytest.raises(TagUnreadable, match="set-up script"):
        not_entered.read("pro", "Ecal")
