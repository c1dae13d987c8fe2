"""The demo: two runs, six calibrations of a stream beside one of its own, a gate; checked.

Knows how the parts are put together and what is shown meanwhile; the parts know themselves.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress

from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from condorloop import config
from condorloop.cli import demo_gate
from condorloop.cli.demo_gate import Person
from condorloop.cli.views.status import status_view
from condorloop.cli.views.terminal import console
from condorloop.errors import CondorloopError
from condorloop.ledger.store import LedgerReader
from condorloop.model.status import Status
from condorloop.monitoring.status_file import StatusError, read
from condorloop.testbed import calibrations, daemons
from condorloop.testbed.scenario.scenario import Scenario
from condorloop.testbed.scenario.timeline import duration
from condorloop.testbed.services import Play
from condorloop.testbed.stack import Stack
from condorloop.testbed.truth import Truth
from condorloop.testbed.verify import Verdict, assay

SCENARIO = "demo.yaml"
SHARING = (
    "BeamSpotLegacy",
    "SiPixelAliHG",
    "SiPixelQuality",
    "SiStripGains",
    "SiStripHitEff",
    "SiStripQuality",
)
"""The calibrations that share the stream Express; EcalPedestals has a stream of its own."""

_HARVESTING = """
harvesting: # the testbed's own are for one or two of a stream
  growth: 0.5
  longest_wait: 1 min
"""

LIMIT = 300.0
REFRESH = 0.5


class DemoError(CondorloopError):
    """The demo cannot go on; the message says why and where to look."""


def run(stack: Stack, *, keep: bool, kill_submitter: bool, say: Callable[[str], None]) -> bool:
    """Run the demo in the folder of a stack.

    Parameters
    ----------
    keep
        Leave everything up at the end.
    kill_submitter
        Kill the submitter in the middle of the play, and start it again.
    say
        Gets a line for each step of the set-up.

    Returns
    -------
    bool
        Whether every payload is as it must be.

    Raises
    ------
    DemoError
        The submitter ended, or the campaigns did not close in time.
    """
    _empty(stack)
    submitter = _Submitter(stack)
    try:
        stack.up(say)
        shutil.rmtree(stack.calibrations)
        calibrations.write(stack.calibrations, (demo_gate.CALIBRATION, *SHARING), _HARVESTING)
        demo_gate.put_in(stack.calibrations)
        person = Person(stack)
        scenario = Scenario.load(config.shipped("scenarios") / SCENARIO)
        play = stack.play(config.shipped("scenarios") / SCENARIO, after=2.0)
        submitter.start()
        _watch(stack, scenario, play, submitter, person, kill_submitter)
        if not keep:
            submitter.stop()
        good = _report(stack, scenario, person)
    except BaseException:
        submitter.stop()
        stack.down()
        raise
    if keep:
        _say_how_to_look_around(stack, submitter)
    else:
        stack.down()
    return good


class _Submitter:
    """The real submitter, as a process of its own."""

    def __init__(self, stack: Stack) -> None:
        self.log = stack.folder / "submitter.log"
        self._stack = stack
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    def start(self) -> None:
        with self.log.open("a") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "condorloop", "run", "--site", str(self._stack.site)],
                env=os.environ | self._stack.environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._stack.submitter_pid.write_text(f"{self._process.pid}\n")

    def check(self) -> None:
        if self._process is None or self._process.poll() is not None:
            said = daemons.last_lines(self.log)
            raise DemoError(f"the submitter has ended; {self.log} says:\n{said}")

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.kill()


def _empty(stack: Stack) -> None:
    """Bring down what an earlier demo left up, and remove its files."""
    if stack.site.exists() or stack.pool.config.exists():
        stack.down()
        shutil.rmtree(stack.folder)
    elif stack.folder.exists() and any(stack.folder.iterdir()):
        raise DemoError(f"{stack.folder} holds files of others: choose another --folder")
    stack.folder.mkdir(parents=True, exist_ok=True)


def _watch(
    stack: Stack,
    scenario: Scenario,
    play: Play,
    submitter: _Submitter,
    person: Person,
    kill_submitter: bool,
) -> None:
    length = duration(scenario, play.speed)
    kill_at = length / 2 if kill_submitter else None
    terminal = console()
    with Live(console=terminal, refresh_per_second=4, transient=True) as live:
        while True:
            now = time.time()
            elapsed = now - play.started_at
            status = _status(stack)
            live.update(_view(status, elapsed, length, now))
            submitter.check()
            person.look(status, terminal)
            if kill_at is not None and elapsed >= kill_at:
                submitter.kill()
                terminal.print(
                    f"{elapsed:.0f} s: the submitter was killed (SIGKILL) and starts again"
                )
                submitter.start()
                kill_at = None
            if elapsed > length and _closed(status, scenario):
                return
            if elapsed > LIMIT:
                campaigns = status.campaigns if status else ()
                states = [f"{c.calibration} {c.run} {c.state}" for c in campaigns]
                raise DemoError(f"not closed after {LIMIT:.0f} s: {', '.join(states)}")
            time.sleep(REFRESH)


def _status(stack: Stack) -> Status | None:
    with suppress(StatusError):
        return read(stack.work_dir)
    return None


def _closed(status: Status | None, scenario: Scenario) -> bool:
    expected = sum(len(run.calibrations) for run in scenario.runs)
    states = [c.state for c in status.campaigns] if status else []
    return len(states) == expected and not any(s.open for s in states)


def _view(status: Status | None, elapsed: float, duration: float, now: float) -> RenderableType:
    bar = ProgressBar(total=duration, completed=max(0.0, min(elapsed, duration)), width=40)
    line = Table.grid(padding=(0, 1))
    what = "data taking" if elapsed < duration else "data taking is over, work goes on"
    line.add_row("demo", bar, f"{max(elapsed, 0):.0f} s, {what}")
    return Group(line, status_view(status, now) if status else Text("the submitter starts"))


def _report(stack: Stack, scenario: Scenario, person: Person) -> bool:
    """Print what the conditions database holds, against what must be in it."""
    truth = Truth(scenario.seed)
    known_ones, streams = config.shipped_known()
    verdicts = [
        assay(stack.folder, known, streams[known.stream_name], run.run, truth, stack.work_dir)
        for run in scenario.runs
        for known in (known_ones[name] for name in run.calibrations)
    ]
    status = read(stack.work_dir)
    terminal = console()
    terminal.print(status_view(status, time.time()))
    terminal.print()
    terminal.print(_verdict_table(verdicts))
    with LedgerReader(stack.work_dir / "condorloop.db") as ledger:
        probes = ledger.raw_files.probes()
        bad = {path for c in status.campaigns for path in c.bad_files}
    again = {path: n for path, n in probes.items() if n != 1}
    terminal.print(
        f"{len(probes)} RAW files, {len(probes) - len(again)} probed exactly once; "
        f"{len(again)} that could not be opened were tried again"
    )
    faults = [f"{v.calibration} {v.run}: {fault}" for v in verdicts for fault in v.faults]
    faults += [f"{path} was probed {n} times" for path, n in again.items() if path not in bad]
    if not person.approved:
        faults.append(f"the gate of {demo_gate.CALIBRATION} held no payload")
    for fault in faults:
        terminal.print(f"! {fault}", style="red", markup=False)
    if not faults:
        terminal.print(
            "every lumisection with good files is in its payload once, "
            "and the constants agree with the truth",
            style="green",
        )
    return not faults


def _verdict_table(verdicts: list[Verdict]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("run", "calibration", "LS with good files", "LS in payload", "uploads"):
        table.add_column(title)
    for title in ("to payload: median", "worst", "correct"):
        table.add_column(title)
    for v in verdicts:
        table.add_row(
            str(v.run),
            v.calibration,
            f"{len(v.good)} ({v.good})",
            f"{len(v.in_payload)}",
            str(v.uploads),
            "" if v.median is None else f"{v.median:.0f} s",
            "" if v.worst is None else f"{v.worst:.0f} s",
            "[red]no[/]" if v.faults else "[green]yes[/]",
        )
    return table


def _say_how_to_look_around(stack: Stack, submitter: _Submitter) -> None:
    folder = shlex.quote(str(stack.folder))
    database = shlex.quote(str(stack.folder / "conditions" / "conditions.db"))
    print(f"""
Everything is still up; the submitter has pid {submitter.pid}. Look around:
  eval "$(bin/condorloop testbed env --folder {folder})"
  condor_q; condor_status; condor_history -limit 10
  condorloop status
  ls {shlex.quote(str(stack.work_dir))}/EcalPedestals/run*
  sqlite3 {database} 'SELECT TAG_NAME, SINCE, PAYLOAD_HASH, INSERTION_TIME FROM IOV'
To end it:
  bin/condorloop testbed down --folder {folder}""")
