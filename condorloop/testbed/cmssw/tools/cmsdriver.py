"""The stand-in for cmsDriver.py: writes a configuration, and runs it unless told not to."""

from __future__ import annotations

import os
import shlex
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from condorloop.testbed.cmssw.tools.cmsdriver_options import parse
from condorloop.testbed.cmssw.tools.config_builder import configuration


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tool; give its exit code."""
    try:
        options = parse(sys.argv[1:] if argv is None else argv)
        for name, what in options.steps:
            print(f"Step: {name} Spec: {what or ''}")
        text = "\n".join(configuration(options)) + "\n"
        Path(options.python_filename).write_text(text)
    except (ValueError, OSError, ImportError):
        traceback.print_exc()
        return 1
    if options.no_exec:
        print(f"Config file {options.python_filename} created")
        return 0
    command = [*shlex.split(f"{options.prefix} cmsRun {options.suffix}"), options.python_filename]
    print(f"Starting {shlex.join(command)}", flush=True)
    os.execvp(command[0], command)


if __name__ == "__main__":
    sys.exit(main())
