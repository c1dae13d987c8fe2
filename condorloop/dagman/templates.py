"""The templates of a DAG's files, and their filters.

Knows where they are and how a value is quoted in them; knows nothing of what they are filled with.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from functools import cache

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from condorloop.config.shipped_files import shipped
from condorloop.dagman import quoting


def template(name: str) -> Template:
    """Give the template of a file, compiled once, and anew when the template has changed."""
    return _environment().get_template(f"{name}.j2")


def template_versions(names: Iterable[str]) -> Mapping[str, str]:
    """Give the versions of templates: the first 12 digits of each one's SHA-1."""
    folder = shipped("templates")
    return {n: hashlib.sha1((folder / f"{n}.j2").read_bytes()).hexdigest()[:12] for n in names}


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(shipped("templates")),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "sh": quoting.shell,
        "classad": quoting.classad,
        "submit": quoting.submit,
        "vars": quoting.dag_vars,
        "vars_argument": quoting.vars_argument,
        "comment": quoting.comment,
        "urls": lambda files, storage: ",".join([f"{storage}/{file.path}" for file in files]),
        "sandboxed": lambda names: ",".join([f"file:../{name}.root" for name in names]),
        "reco_files": lambda names, runs: ", ".join([f"{runs}/{name}.root" for name in names]),
    }
    return environment
