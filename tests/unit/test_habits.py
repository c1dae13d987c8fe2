"""What holds for every file: examples in docstrings run, and no test file is empty."""

import ast
import doctest
import re
from importlib import import_module
from pathlib import Path

import pytest

import condorloop

TESTS = Path(__file__).resolve().parents[1]
PACKAGE = Path(condorloop.__file__).parent
MODULES = sorted(
    ".".join(("condorloop", *file.relative_to(PACKAGE).with_suffix("").parts))
    for file in PACKAGE.glob("**/*.py")
    if ">>> " in file.read_text()
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_are_true(name):
    result = doctest.testmod(import_module(name))
    assert result.attempted
    assert not result.failed


@pytest.mark.parametrize("file", sorted(TESTS.glob("**/test_*.py")), ids=lambda f: f.stem)
def test_no_test_file_is_empty(file):
    functions = (n for n in ast.walk(ast.parse(file.read_text())) if isinstance(n, ast.FunctionDef))
    assert any(function.name.startswith("test_") for function in functions)


@pytest.mark.parametrize("folder", ["benchmarks", "condorloop", "tests", "tools"])
def test_no_parameter_list_is_hidden_in_a_splatted_tuple(folder):
    found = [
        f"{file}:{node.lineno}"
        for file in sorted((TESTS.parent / folder).glob("**/*.py"))
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Starred) and isinstance(node.value, ast.Tuple) and node.value.elts
    ]
    assert found == []


def test_no_two_files_of_tests_on_a_pool_play_the_same_run():
    """They share storage and OMS, where one would find the files and the runs of the other."""
    files: dict[str, set[str]] = {}
    for folder in ("faults", "pool"):
        for file in (TESTS / folder).glob("test_*.py"):
            for run in re.findall(r"\b39[0-9]{4}\b", file.read_text()):
                files.setdefault(run, set()).add(file.name)
    twice = {run: names for run, names in files.items() if len(names) > 1}
    assert twice.keys() <= ONLY_NAMED


ONLY_NAMED = {"398600", "399999"}
"""Runs that no test plays in full: they stand in made-up DAGs, or are none."""
