"""``cmsDriver.py --customise``: functions that change the process, found when it is written.

Source: ``addCustomise`` in Configuration/Applications/python/ConfigBuilder.py of CMSSW.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from importlib import import_module

from condorloop.testbed.cmssw.framework import run_config


def customisation(options: Sequence[str]) -> Iterator[str]:
    """Give the lines that import and call the functions.

    Parameters
    ----------
    options
        The values of the option: each is ``folder/module.function``, or several of these with
        commas between them. ``module`` alone is its function ``customise``, and ``+`` separates
        functions of one module.

    Raises
    ------
    ImportError
        There is no such module.
    ValueError
        The module has no such function, or one is named twice.
    """
    functions = _functions([each for option in options for each in option.split(",") if each])
    names = [name for of_module in functions.values() for name in of_module]
    for name in names:
        if names.count(name) != 1:
            raise ValueError(f"cannot specify twice {name} as a customisation method")
    if functions:
        yield "# customisation of the process."
    for file in sorted(functions):
        package = file.replace(".py", "").replace("/", ".")
        with run_config.environment(sys.argv):
            module = import_module(package)
        yield f"\n# Automatic addition of the customisation function from {package}"
        yield f"from {package} import {','.join(functions[file])} "
        for name in functions[file]:
            print("customising the process with", name, "from", file)
            if not hasattr(module, name):
                raise ValueError(f"config {file} has no function {name}")
            yield f"\n#call to customisation function {name} imported from {package}"
            yield f"process = {name}(process)"
    if functions:
        yield "\n# End of customisation functions"


def _functions(options: Sequence[str]) -> dict[str, list[str]]:
    """Give the functions of each module, or file."""
    functions: dict[str, list[str]] = {}
    for option in options:
        if option.count(".") > 1:
            raise ValueError(f"more than . in the specification:{option}")
        file, _, rest = option.partition(".")
        names = ["customise"] if rest in ("", "py") else rest.split("+")
        functions.setdefault(file, []).extend(names)
    return functions
