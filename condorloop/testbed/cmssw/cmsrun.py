"""The stand-in for cmsRun: runs a configuration honestly, and fails when a test asks it to."""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from condorloop.testbed.cmssw import configurations, messages
from condorloop.testbed.cmssw.errors import CODES, CmsError, category_of
from condorloop.testbed.cmssw.jobreport import JobReport
from condorloop.testbed.cmssw.plan import Plan, plan_of
from condorloop.testbed.cmssw.programoptions import Option, OptionError, described, parse

FAULTS = "CONDORLOOP_TESTBED_FAULTS"
"""The environment variable that names the folder of `condorloop.testbed.faults`."""

_OPTIONS: Mapping[str, Option] = {
    "help": Option("h", help="produce help message"),
    "parameter-set": Option("p", value=True, help="configuration file"),
    "jobreport": Option("j", value=True, help="file name to use for a job report file"),
    "enablejobreport": Option("e", help="enable job report files (if any) specified"),
    "mode": Option("m", value=True, help="Job Mode for MessageLogger defaults"),
    "numThreads": Option("n", value=True, help="Number of threads to use in job"),
    "sizeOfStackForThreadsInKB": Option("s", value=True, help="Size of stack for extra threads"),
    "strict": Option(help="strict parsing"),
    "command": Option("c", value=True, help="config passed in as string"),
}
_DEADLY = frozenset(
    getattr(signal, f"SIG{name}") for name in ("ABRT", "BUS", "FPE", "ILL", "KILL", "SEGV", "TERM")
)
"""Signals that a fault of exit code 128 + n stands for; CMS uses other codes above 128 itself."""
_HELP_HINT = "For usage and an options list, please do 'cmsRun --help'."


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


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tool; give its exit code as a shell sees it."""
    try:
        given, words = parse(sys.argv[1:] if argv is None else argv, _OPTIONS, True)
    except OptionError as error:
        messages.log(
            f"cmsRun: Error while trying to process command line arguments:\n{error}\n{_HELP_HINT}"
        )
        return CODES["CommandLineProcessing"] % 256
    if "help" in given:
        print(f"cmsRun [options] [--parameter-set] config_file\n{described(_OPTIONS)}")
        return 0
    words = [*given.get("parameter-set", []), *words]
    if not words:
        messages.log(f"cmsRun: No configuration file given.\n{_HELP_HINT}")
        return CODES["ConfigFileNotFound"] % 256
    report = JobReport()
    code = _run(words[0], words[1:], report)
    wanted = given.get("jobreport") or (["FrameworkJobReport.xml"] * ("enablejobreport" in given))
    if wanted:
        report.write(Path(wanted[-1]))
    return code % 256


def _run(config: str, arguments: Sequence[str], report: JobReport) -> int:
    """Run the job; note in the report why it failed, and give the full exit code."""
    try:
        plan = plan_of(configurations.run(config, arguments))
        # the reader of ROOT files takes a quarter of a second to import
        from condorloop.testbed.cmssw.steps import perform

        perform(plan, report, lambda run: _ask_for_fault(plan, run))
    except InjectedFault as fault:
        return _fail(fault, report)
    except CmsError as error:
        return _fatal(error.code, str(error), report)
    except MemoryError:
        text = "std::bad_alloc exception was thrown.\nThe job has probably exhausted the memory."
        return _fatal(CODES["BadAlloc"], text, report)
    except Exception as error:
        text = f"A std::exception was thrown.\n{type(error).__name__}: {error}"
        return _fatal(CODES["StdException"], text, report)
    return 0


def _ask_for_fault(plan: Plan, run: int) -> None:
    folder = os.environ.get(FAULTS)
    if not folder or plan.step is None:
        return
    from condorloop.testbed.faults import Faults

    for workflow in plan.workflows:
        fault = Faults(folder).due(
            "cmsrun", time.time(), calibration=workflow.calibration, run=run, step=plan.step.value
        )
        if fault is not None:
            code = 1 if fault.exit_code is None else fault.exit_code
            raise InjectedFault(code, fault.message or f"A fault of exit code {code}")


def _fail(fault: InjectedFault, report: JobReport) -> int:
    if fault.code - 128 in _DEADLY:
        _die(signal.Signals(fault.code - 128), str(fault))
    category = category_of(fault.code)
    if category is None:
        messages.log(str(fault))
        return fault.code
    return _fatal(CODES[category], str(CmsError(category, str(fault))), report)


def _die(number: signal.Signals, message: str) -> NoReturn:
    """End as a program does that a signal kills: with no report, and here with no core file."""
    messages.log(f"{message}\n\nA fatal system signal has occurred: {signal.strsignal(number)}")
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    if number is not signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    raise SystemExit(128 + number)


def _fatal(code: int, text: str, report: JobReport) -> int:
    messages.fatal(text)
    report.error = (code, text)
    return code


if __name__ == "__main__":
    sys.exit(main())
