"""Running a configuration file: its Python, with the stand-ins in place of CMSSW's modules."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from condorloop.testbed.cmssw.framework import fwcore as cms
from condorloop.testbed.cmssw.framework.customs import CUSTOMS
from condorloop.testbed.cmssw.framework.errors import CmsError
from condorloop.testbed.cmssw.framework.lumi_list import LumiList
from condorloop.testbed.cmssw.framework.process import Process
from condorloop.testbed.cmssw.steps.workflows import ERAS, MODIFIERS


def run(path: str, arguments: Sequence[str] = ()) -> Process:
    """Execute a configuration file and give its ``process``.

    Parameters
    ----------
    path
        The file.
    arguments
        What the configuration sees in ``sys.argv`` after its own name.

    Raises
    ------
    CmsError
        ``ConfigFileReadError``: the file is missing, or its Python failed.
    """
    context = f"Processing the python configuration file named {path}"
    try:
        code = compile(Path(path).read_text(), path, "exec")
        with environment([path, *arguments]):
            names: dict[str, Any] = {"__name__": "__main__", "__file__": path}
            exec(code, names)
        process = names["process"]
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        places = [f"  {path}({f.lineno}): {f.name}" for f in frames if f.filename == path]
        where = "".join(f"\n\nAt:\n{place}\n" for place in places[-1:])
        words = f" unknown python problem occurred.\n{type(error).__name__}: {error}{where}"
        raise CmsError("ConfigFileReadError", words, [context]) from error
    if not isinstance(process, Process):
        raise CmsError("ConfigFileReadError", "'process' is not a Process", [context])
    return process


@contextmanager
def environment(argv: list[str]) -> Iterator[None]:
    """Let ``import FWCore…`` and ``from Configuration…`` find the stand-ins; set ``sys.argv``."""
    modules, kept = _modules(), sys.argv
    sys.modules.update(modules)
    sys.argv = argv
    try:
        yield
    finally:
        sys.argv = kept
        for name in modules:
            del sys.modules[name]


def _modules() -> dict[str, ModuleType]:
    content: dict[str, Mapping[str, Any]] = {
        "FWCore.ParameterSet.Config": {**cms.NAMES, "Process": Process},
        "FWCore.PythonUtilities.LumiList": {"LumiList": LumiList},
        "Configuration.AlCa.GlobalTag": {"GlobalTag": _global_tag},
        **CUSTOMS,
        **{f"Configuration.Eras.Era_{e}_cff": {e: cms.Modifier(e)} for e in ERAS},
        **{f"Configuration.ProcessModifiers.{m}_cff": {m: cms.Modifier(m)} for m in MODIFIERS},
    }
    modules: dict[str, ModuleType] = {}
    for name, names in content.items():
        parts = name.split(".")
        for depth in range(1, len(parts) + 1):
            dotted = ".".join(parts[:depth])
            modules.setdefault(dotted, ModuleType(dotted)).__path__ = []
            if depth > 1:
                setattr(modules[".".join(parts[: depth - 1])], parts[depth - 1], modules[dotted])
        vars(modules[name]).update(names)
    return modules


def _global_tag(module: cms.Module, tag: str, conditions: str = "") -> cms.Module:
    return module.clone(globaltag=cms.String(tag))
