"""The faults that a test wants a cmsRun job to have: asked for, and carried out.

Knows `condorloop.testbed.faults` and what a job reads and writes; knows no exit codes.
"""

from __future__ import annotations

import os
import resource
import signal
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from condorloop.testbed.cmssw.framework import message_logger
from condorloop.testbed.cmssw.framework.job_plan import Plan

if TYPE_CHECKING:
    from condorloop.testbed.faults import Fault

FAULTS = "CONDORLOOP_TESTBED_FAULTS"
"""The environment variable that names the folder of `condorloop.testbed.faults`."""
MEMORY_HELD = 20.0
"""Seconds for which a job holds too much memory, unless told."""

_WORDS: Mapping[signal.Signals, str] = {
    signal.SIGABRT: "abort signal",
    signal.SIGBUS: "bus error",
    signal.SIGFPE: "floating point exception",
    signal.SIGILL: "illegal instruction",
    signal.SIGSEGV: "segmentation violation",
    signal.SIGTERM: "external termination request",
}
"""What cmsRun says of a signal (FWCore/Services/plugins/InitRootHandlers.cc of CMSSW)."""


class InjectedFault(Exception):
    """A test wants the job to fail.

    Parameters
    ----------
    code
        The exit code, full or as a shell sees it.
    message
        What to say.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Mishaps:
    """The faults of one job.

    Parameters
    ----------
    plan
        What the job does; one that makes no calibration's step has no faults.
    folder
        Where faults are armed; empty for nowhere.
    """

    def __init__(self, plan: Plan, folder: str = "") -> None:
        self._plan = plan
        self._folder = folder
        self._reading = False
        self._had: list[Fault] = []

    def watch(self, run: int, lumis: Collection[int]) -> frozenset[int]:
        """Let a fault hit, if one is due now that a file is read; give the LS to overlook.

        Raises
        ------
        InjectedFault
            The job is to end with an exit code.
        """
        fault = self._due(run, lumis)
        self._reading = True
        if fault:
            self._had.append(fault)
            if fault.mode in _AT_ONCE:
                _AT_ONCE[fault.mode](fault)
        lost = (f.ls for f in self._had if f.mode == "lost_lumi" and f.ls is not None)
        return frozenset(lost) & frozenset(lumis)

    def spoil_outputs(self) -> None:
        """Damage what the job wrote, if a fault wants that."""
        for name in self._outputs():
            file = Path(name)
            if self._has("no_output"):
                file.unlink(missing_ok=True)
            elif self._has("truncated_output") and file.exists():
                cut(file)

    @property
    def vetoed(self) -> bool:
        """Whether the harvesters are to find what they made out of bounds."""
        return self._has("veto")

    @property
    def report_is_cut(self) -> bool:
        """Whether only half of the job report is to be there."""
        return self._has("cut_report")

    def _outputs(self) -> list[str]:
        outputs = [output.file for output in self._plan.outputs]
        return outputs or [self._plan.database] * bool(self._plan.sinks)

    def _has(self, mode: str) -> bool:
        return any(fault.mode == mode for fault in self._had)

    def _due(self, run: int, lumis: Collection[int]) -> Fault | None:
        if not self._folder or self._plan.step is None:
            return None
        from condorloop.testbed.faults import Faults

        faults = Faults(self._folder)
        for workflow in self._plan.workflows:
            scope = (workflow.calibration, run, self._plan.step.value)
            found = faults.of_job(*scope, lumis=lumis, first=not self._reading)
            if found is not None:
                return found
        return None


def die(number: signal.Signals, message: str = "") -> NoReturn:
    """End as a program does that a signal kills: with no report, and here with no core file."""
    if number in _WORDS:
        words = f"A fatal system signal has occurred: {_WORDS[number]}"
        message_logger.log(
            f"{message}\n\n{words}\nThe following is the call stack containing the origin"
        )
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    if number not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    raise SystemExit(128 + number)


def cut(file: Path) -> None:
    """Leave the first half of a file."""
    os.truncate(file, file.stat().st_size // 2)


def _exit(fault: Fault) -> None:
    code = 1 if fault.exit_code is None else fault.exit_code
    raise InjectedFault(code, fault.message or f"A fault of exit code {code}")


def _signal(fault: Fault) -> None:
    die(signal.Signals(fault.signal or signal.SIGKILL), fault.message or "")


def _hang(fault: Fault) -> None:
    """Wait; SIGTERM ends the process at once, as for any program that does not handle it."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if fault.seconds is None:
        while True:
            signal.pause()
    time.sleep(fault.seconds)


def _memory(fault: Fault) -> None:
    block = bytearray(b"\1") * ((fault.memory_mb or 0) << 20)
    time.sleep(MEMORY_HELD if fault.seconds is None else fault.seconds)
    del block


_AT_ONCE: Mapping[str, Callable[[Fault], None]] = {
    "exit_code": _exit,
    "signal": _signal,
    "hang": _hang,
    "memory": _memory,
}
