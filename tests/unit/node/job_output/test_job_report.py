"""Whatever a job report holds, reading it ends: with what it tells, or a clear error."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from condorloop.node.job_output import job_report
from condorloop.node.job_output.job_report import ReportError, read_error, read_job_report
from tests.unit.node_examples import report

WHOLE = report("1-3,7", 40)
BOMB = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 12))


@pytest.fixture
def written(tmp_path):
    def write(content):
        path = tmp_path / "FrameworkJobReport.xml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_the_ls_of_the_run_and_the_events_are_read(written):
    found = read_job_report(written(WHOLE), 398600)
    assert (str(found.lumis), found.events) == ("1-3,7", 40)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "<FrameworkJobReport>",
        WHOLE[:-20],
        WHOLE.replace(">40<", ">forty<"),
        WHOLE.replace(">40<", ">-40<"),
        WHOLE.replace(">40<", f">{'9' * 5000}<"),
        WHOLE.replace('ID="7"', 'ID="-7"'),
        WHOLE.replace('ID="7"', 'ID="0"'),
        WHOLE.replace('ID="7"', 'ID="4294967296"'),
        WHOLE.replace('ID="7"', ""),
        WHOLE.replace("root://", "\0"),
        WHOLE.encode() + b"\xff",
        WHOLE.encode("utf-16"),
        f'<!DOCTYPE r [<!ENTITY a0 "ha">{BOMB}]><FrameworkJobReport>&a11;</FrameworkJobReport>',
        '<?xml version="1.0" encoding="odd"?>' + WHOLE,
        "<a>" * 100_000,
    ],
)
def test_a_report_that_is_damaged_is_a_clear_error(written, content):
    with pytest.raises(ReportError, match=r"FrameworkJobReport.xml: no job report"):
        read_job_report(written(content), 398600)
    assert read_error(written(content)) is None


def test_a_report_that_is_not_there_or_too_large_is_a_clear_error(written, tmp_path, monkeypatch):
    with pytest.raises(ReportError):
        read_job_report(tmp_path / "gone.xml", 398600)
    assert read_error(tmp_path / "gone.xml") is None
    monkeypatch.setattr(job_report, "LARGEST", 10)
    with pytest.raises(ReportError, match="larger"):
        read_job_report(written(WHOLE), 398600)


def test_why_a_job_failed_is_read_from_a_report_that_is_cut(written):
    failed = (
        "<FrameworkJobReport><InputFile/>"
        '<FrameworkError ExitStatus="8021" Type="Fatal Exception"><![CDATA[\nbad <file>\n]]>'
        "</FrameworkError>\n<Perfor"
    )
    found = read_error(written(failed))
    assert (found.code, found.text) == (8021, "bad <file>")
    assert read_error(written(failed.replace("8021", "many"))).code == 0


@settings(max_examples=200, deadline=None)
@given(at=st.integers(0, len(WHOLE)), junk=st.binary(max_size=12), cut=st.booleans())
def test_any_damage_is_told_or_harmless(tmp_path_factory, at, junk, cut):
    content = WHOLE.encode()
    path = tmp_path_factory.getbasetemp() / "FrameworkJobReport.xml"
    path.write_bytes(content[:at] + junk + (b"" if cut else content[at + len(junk) :]))
    read_error(path)
    try:
        found = read_job_report(path, 398600)
    except ReportError:
        return
    assert found.events >= 0
    assert found.lumis.first > 0 or not found.lumis
