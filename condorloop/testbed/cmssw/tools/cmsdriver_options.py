"""cmsDriver.py's command line.

Source: Configuration/Applications/python/Options.py and cmsDriverOptions.py of CMSSW. As there, an
option can be shortened to any unambiguous beginning.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence

from condorloop.testbed.cmssw.steps.workflows import ERAS, SCENARIOS

_VALUES: dict[str, str | None] = {
    "--conditions": None,
    "--eventcontent": "RECOSIM",
    "--filein": "",
    "--fileout": "",
    "--filetype": "EDM",
    "--datatier": "",
    "--dirin": "",
    "--dirout": "",
    "--era": None,
    "--procModifiers": None,
    "--geometry": "SimDB",
    "--magField": "",
    "--python_filename": "",
    "--secondfilein": "",
    "--processName": None,
    "--triggerResultsProcess": None,
    "--hltProcess": None,
    "--harvesting": "AtRunEnd",
    "--pileup": "NoPileUp",
    "--beamspot": None,
    "--filtername": "",
    "--prefix": "",
    "--suffix": "",
    "--relval": "",
    "--customise_commands": "",
    "--custom_conditions": "",
    "--inputCommands": None,
    "--outputCommands": None,
    "--output": "",
    "--number_out": None,
    "--profile": None,
    "--io": None,
    "--lumiToProcess": None,
    "--nThreads": "1",
    "--nStreams": "0",
    "--nConcurrentLumis": "0",
    "--nConcurrentIOVs": "0",
    "--accelerators": None,
    "--dasquery": "",
    "--evt_type": None,
}
_FLAGS = (
    "--mc",
    "--data",
    "--no_exec",
    "--fast",
    "--no_output",
    "--dump_python",
    "--lazy_download",
    "--repacked",
    "--inline_custom",
    "--inline_eventcontent",
    "--hideGen",
    "--runUnscheduled",
    "--useCondDBv1",
)


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Read the command line and fill in what CMSSW derives.

    Beside the options, the result has `arguments`, the command line as one text, and
    `steps`, the parts of ``--step`` as pairs of a name and the list of what follows its colon.

    Raises
    ------
    SystemExit
        With code 2 for a wrong option, 1 for a combination that CMSSW refuses.
    ValueError
        What CMSSW refuses by an exception.
    """
    options = _parser().parse_args(argv)
    options.arguments = shlex.join(argv)
    if options.triggerResultsProcess is None and "ALCAOUTPUT" in options.step:
        print(
            "ERROR: If ALCA splitting is requested, the name of the process in which the alca "
            "producers ran needs to be specified. E.g. via --triggerResultsProcess RECO"
        )
        sys.exit(1)
    if options.conditions is None:
        print("ERROR: No conditions given!\nPlease specify conditions. E.g. via --conditions auto")
        sys.exit(1)
    for era in filter(None, (options.era or "").split(",")):
        if era not in ERAS:
            valid = ", ".join(f"'{each}'" for each in ERAS)
            raise ValueError(
                f"'{era}' is not a valid option for '--era'. Valid options are {valid}."
            )
    options.steps = [
        (name, [each for each in what.split("+") if each])
        for name, _, what in (step.partition(":") for step in options.step.split(","))
    ]
    names = [name for name, _ in options.steps]
    stem = "_".join([options.type.split("/")[-1], *names])
    options.python_filename = options.python_filename or f"{stem}.py"
    if not options.fileout and "ALCAHARVEST" not in names:
        options.fileout = f"{stem}.root"
    options.processName = options.processName or ("RECO" if "RECO" in names else names[-1])
    if not ({"ALCAHARVEST", "ALCAOUTPUT", "ENDJOB"} & set(names)):
        options.steps.append(("ENDJOB", []))
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="cmsDriver.py", usage="%(prog)s <TYPE> [options].")
    parser.add_argument("type", metavar="TYPE", help="the fragment, or a name for the job")
    parser.add_argument("-s", "--step", default="ALL", help="the steps: RAW2DIGI,RECO,…")
    parser.add_argument("-n", "--number", type=int, default=1, help="events to process, -1: all")
    parser.add_argument("--scenario", default="pp", choices=SCENARIOS)
    parser.add_argument("--customise", action="append", default=[], dest="customisation_file")
    for name, default in _VALUES.items():
        parser.add_argument(name, default=default)
    for name in _FLAGS:
        parser.add_argument(name, action="store_true")
    return parser
