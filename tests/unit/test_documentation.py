"""What the pages name is there."""

import ast
import re
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
RELIABILITY = (TOP / "docs" / "reliability.md").read_text()
NAMED = sorted(
    set(re.findall(r"`((?:unit|pool|faults)/test_\w+\.py)(?:::(test_\w+))?`", RELIABILITY))
)


def functions_of(file):
    tree = ast.parse(file.read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize(("file", "name"), NAMED, ids=[f"{f}::{n}" for f, n in NAMED])
def test_a_test_that_the_reliability_page_names_is_there(file, name):
    path = TOP / "tests" / file
    assert path.exists()
    assert not name or name in functions_of(path)


@pytest.mark.parametrize(
    "file", sorted(p.name for p in (TOP / "tests" / "faults").glob("test_*.py"))
)
def test_every_file_of_fault_tests_is_on_the_reliability_page(file):
    pages = RELIABILITY + (TOP / "docs" / "security.md").read_text()
    assert f"faults/{file}" in pages


@pytest.mark.parametrize(
    "page", ["README.md", *sorted(f"docs/{p.name}" for p in TOP.glob("docs/*.md"))]
)
def test_every_link_leads_somewhere(page):
    text = (TOP / page).read_text()
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert ((TOP / page).parent / link).exists(), link
