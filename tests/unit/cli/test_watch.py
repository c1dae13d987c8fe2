"""A whole screen of status: what matters most fits, and a key ends it."""

import io
import os
import pty
import select
import signal
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from condorloop.cli.views.table import Column, FittingTable
from condorloop.cli.views.terminal import text
from condorloop.cli.views.watch import ScreenSize, WatchView, room
from condorloop.model.enums import CampaignState
from condorloop.model.lumi_fates import LumiState
from condorloop.model.lumis import Lumis
from condorloop.model.problem import Problem, ProblemKind, by_urgency
from condorloop.model.status import CampaignStatus, Decision, LumiSets, Status
from condorloop.monitoring.status_file import write
from tests.unit.examples import START, TOP, site_file

NOW = START + 100
LINES = st.integers(0, 60)


def campaign(run, state=CampaignState.COMPLETE):
    seen = Lumis.span(1, 40)
    return CampaignStatus(
        calibration="EcalPedestals",
        run=run,
        fill=10900,
        state=state,
        reason="because",
        state_since=START,
        latched_at=START,
        run_start=START,
        run_end=None,
        last_ls=40,
        lumis=LumiSets(seen=seen, in_payload=seen),
        fates={LumiState.IN_PAYLOAD: seen},
        files={"good": 8},
        bad_files={},
        dags={"active": 1},
        jobs={"running": 3, "idle": 12, "held": 1},
    )


def status(problems=0, campaigns=0, decisions=0):
    wrong = [Problem(ProblemKind.BAD_FILE, f"bad file {i}", "", "Cal", i) for i in range(problems)]
    return Status(
        site="here",
        time=NOW,
        pid=1,
        poll_interval=10,
        problems=tuple(wrong),
        campaigns=tuple(campaign(i) for i in range(campaigns)),
        decisions=tuple(Decision(NOW, "info", f"line {i}") for i in range(decisions)),
    )


def screen(shown, width=80, height=24):
    console = Console(file=io.StringIO(), width=width, height=height, highlight=False)
    console.print(WatchView(shown, NOW, "somebody"), height=height)
    return console.file.getvalue().splitlines()


@given(LINES, LINES, LINES, LINES)
def test_lines_are_shared_out_and_none_is_given_twice(lines, problems, campaigns, decisions):
    wanted = ScreenSize(problems, campaigns, decisions)
    got = room(lines, wanted)
    assert 0 <= got.problems <= problems
    assert 0 <= got.campaigns <= campaigns
    assert 0 <= got.decisions <= decisions
    assert got.problems + got.campaigns + got.decisions <= lines
    if problems + campaigns + decisions <= lines:
        assert got == wanted


@pytest.mark.parametrize("height", [4, 6, 12, 24, 50])
@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_screen_is_full_and_not_fuller(width, height):
    for shown in (status(), status(30, 40, 40), status(1, 2, 3), "there is no state yet"):
        lines = screen(shown, width, height)
        assert len(lines) == height
        assert max(map(len, lines)) <= width
        assert "ends" in lines[-1]


def test_what_does_not_fit_is_counted():
    lines = "\n".join(screen(status(30, 40, 40)))
    assert "30 problems in all: condorloop status" in lines
    shown = sum(" complete " in line for line in lines.splitlines())
    assert 0 < shown < 40
    assert f"{40 - shown} more campaigns, 0 of them open" in lines
    assert "line 39" in lines


def test_open_campaigns_and_urgent_problems_come_first():
    urgent = Problem(ProblemKind.SERVICE, "OMS does not answer", "condorloop doctor")
    many = status(30, 40)
    shown = Status(
        site="here",
        time=NOW,
        pid=1,
        poll_interval=10,
        problems=by_urgency([*many.problems, urgent]),
        campaigns=(campaign(3, CampaignState.ACTIVE), *many.campaigns),
    )
    lines = screen(shown)
    assert lines[1:3] == ["! OMS does not answer", "    condorloop doctor"]
    first = lines.index(next(x for x in lines if x.startswith("run "))) + 1
    assert " active " in lines[first]


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 9)), min_size=1), st.integers(10, 200))
def test_a_table_leaves_out_columns_until_it_fits_and_names_them(sizes, width):
    columns = [
        Column(f"c{i}", lambda w: text("x" * w[0]), rank) for i, (_, rank) in enumerate(sizes)
    ]
    kept, left_out = FittingTable([(size, 0) for size, _ in sizes], columns).fitting(width)
    assert sorted(kept + left_out) == sorted(c.title for c in columns)
    assert {c.title for c in columns if not c.rank} <= set(kept)
    widest = max(size for size, _ in sizes)
    total = sum(max(widest, len(title)) + 2 for title in kept) - 2
    assert total <= width or all(c.rank == 0 for c in columns if c.title in kept)


def started(folder, *, terminal=True):
    """`condorloop watch` on a terminal of its own: the process, and our end of the terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "condorloop", "watch", "--site", str(site_file(folder))],
        env=os.environ | {"PYTHONPATH": str(TOP), "TERM": "xterm"},
        stdin=theirs,
        stdout=theirs if terminal else subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    os.close(theirs)
    return process, ours


def read_until(process, terminal, wanted):
    deadline, said = time.monotonic() + 60, b""
    while wanted not in said:
        assert time.monotonic() < deadline, said
        ready, _, _ = select.select([terminal], [], [], 0.1)
        if ready:
            said += os.read(terminal, 1 << 16)
        assert ready or process.poll() is None, said
    return said


def press_q(process, terminal):
    os.write(terminal, b"q")


def interrupt(process, terminal):
    process.send_signal(signal.SIGINT)


@pytest.mark.parametrize("end", [press_q, interrupt])
def test_it_shows_the_state_until_it_is_ended_and_leaves_the_screen_as_it_was(tmp_path, end):
    (tmp_path / "work").mkdir()
    write(tmp_path / "work", status(campaigns=1))
    process, terminal = started(tmp_path)
    try:
        said = read_until(process, terminal, b"EcalPedestals")
        assert b"\x1b[?1049h" in said
        write(tmp_path / "work", status(decisions=1))
        read_until(process, terminal, b"line 0")
        end(process, terminal)
        read_until(process, terminal, b"\x1b[?1049l")
        assert process.wait(60) == 0
        assert process.stderr.read() == b""
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
        os.close(terminal)


def test_without_a_terminal_it_says_what_to_type(tmp_path):
    process, terminal = started(tmp_path, terminal=False)
    output, error = process.communicate(timeout=60)
    os.close(terminal)
    assert (process.returncode, output) == (1, b"")
    assert error == b"condorloop: watch needs a terminal; without one: condorloop status\n"
