"""Processes that live for a moment: ``python -m condorloop.node.fast_exit MODULE ARGUMENT ...``.

Knows how Python begins and ends quickly. DAGMan starts one such process for each node, and most of
what that costs is the start: to collect garbage, during the imports and at the end, is a fifth.
"""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress
from importlib import import_module


def main() -> None:
    """Call the module's ``main`` with the arguments, and end with the exit code that it gives."""
    gc.disable()
    module, *arguments = sys.argv[1:]
    code = import_module(module).main(arguments)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # what it has to say is no part of what it has come to
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
