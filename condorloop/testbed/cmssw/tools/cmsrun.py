"""The stand-in for cmsRun: runs a configuration honestly, and fails when a test asks it to."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from condorloop.testbed.cmssw.framework import message_logger, run_config
from condorloop.testbed.cmssw.framework.errors import CODES, CmsError, category_of
from condorloop.testbed.cmssw.framework.job_plan import plan_of
from condorloop.testbed.cmssw.framework.job_report import JobReport
from condorloop.testbed.cmssw.steps.faults import FAULTS, InjectedFault, Mishaps, cut, die
from condorloop.testbed.cmssw.tools.program_options import Option, OptionError, described, parse

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


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tool; give its exit code as a shell sees it."""
    try:
        given, words = parse(sys.argv[1:] if argv is None else argv, _OPTIONS, True)
    except OptionError as error:
        message_logger.log(
            f"cmsRun: Error while trying to process command line arguments:\n{error}\n{_HELP_HINT}"
        )
        return CODES["CommandLineProcessing"] % 256
    if "help" in given:
        print(f"cmsRun [options] [--parameter-set] config_file\n{described(_OPTIONS)}")
        return 0
    words = [*given.get("parameter-set", []), *words]
    if not words:
        message_logger.log(f"cmsRun: No configuration file given.\n{_HELP_HINT}")
        return CODES["ConfigFileNotFound"] % 256
    report = JobReport()
    code, report_is_cut = _run(words[0], words[1:], report)
    wanted = given.get("jobreport") or (["FrameworkJobReport.xml"] * ("enablejobreport" in given))
    if wanted:
        report.write(Path(wanted[-1]))
        if report_is_cut:
            cut(Path(wanted[-1]))
    return code % 256


def _run(config: str, arguments: Sequence[str], report: JobReport) -> tuple[int, bool]:
    """Run the job; note in the report why it failed.

    Returns
    -------
    tuple of int and bool
        The full exit code, and whether a fault cuts the report.
    """
    mishaps: Mishaps | None = None
    try:
        plan = plan_of(run_config.run(config, arguments))
        # the reader of ROOT files takes a quarter of a second to import
        from condorloop.testbed.cmssw.steps.inputs import Crash
        from condorloop.testbed.cmssw.steps.steps import perform

        mishaps = Mishaps(plan, os.environ.get(FAULTS, ""))
        try:
            perform(plan, report, mishaps)
        except Crash:
            die(signal.SIGSEGV)
        mishaps.spoil_outputs()
        code = 0
    except InjectedFault as fault:
        code = _fail(fault, report)
    except CmsError as error:
        code = _fatal(error.code, str(error), report)
    except MemoryError:
        text = "std::bad_alloc exception was thrown.\nThe job has probably exhausted the memory."
        code = _fatal(CODES["BadAlloc"], text, report)
    except Exception as error:
        text = f"A std::exception was thrown.\n{type(error).__name__}: {error}"
        code = _fatal(CODES["StdException"], text, report)
    return code, mishaps is not None and mishaps.report_is_cut


def _fail(fault: InjectedFault, report: JobReport) -> int:
    if fault.code - 128 in _DEADLY:
        die(signal.Signals(fault.code - 128), str(fault))
    category = category_of(fault.code)
    if category is None:
        message_logger.log(str(fault))
        return fault.code
    return _fatal(CODES[category], str(CmsError(category, str(fault))), report)


def _fatal(code: int, text: str, report: JobReport) -> int:
    message_logger.fatal(text)
    report.error = (code, text)
    return code


if __name__ == "__main__":
    sys.exit(main())
