"""What the pages name is there, and what is there is on the pages."""

import ast
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from condorloop.cli import json_schemas
from condorloop.cli.main import cli
from condorloop.model.problem import ProblemKind
from condorloop.model.transitions import LIVES
from tools import mkdocs_reference as reference
from tools.state_diagrams import diagram, file_of

TOP = Path(__file__).resolve().parents[2]
RELIABILITY = (TOP / "docs" / "reliability.md").read_text()
NAMED = sorted(set(re.findall(r"`([\w/]+/test_\w+\.py)(?:::(test_\w+))?`", RELIABILITY)))


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


PAGES = ["README.md", *sorted(f"docs/{p.name}" for p in TOP.glob("docs/*.md"))]
TYPED = re.compile(r"^\$? ?(?:bin/|~/condorloop/bin/)?condorloop (.*)$")


def typed(page):
    """What a page says to type, word by word, without the name of the program."""
    text = (TOP / page).read_text()
    blocks = re.findall(r"^ *```.*?\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    lines += re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text)
    for line in lines:
        if found := TYPED.match(line):
            words = shlex.shlex(found[1], posix=True, punctuation_chars=True)
            words.whitespace_split = True
            yield list(words)


@pytest.mark.parametrize("page", PAGES)
def test_every_command_that_a_page_says_to_type_is_there_with_its_options(page):
    for words in typed(page):
        command, others = cli, words
        while isinstance(command, click.Group):
            name, *others = others
            command = command.get_command(click.Context(command), name)
            assert command, words
        options = {o for p in command.params if isinstance(p, click.Option) for o in p.opts}
        options |= {o for p in command.params for o in p.secondary_opts} | {"-h", "--help"}
        until = next((i for i, w in enumerate(others) if w in {"|", ">", ";", "&&"}), len(others))
        unknown = [w for w in others[:until] if w.startswith("-") and w not in options]
        assert not unknown, words


@pytest.mark.parametrize("kind", ProblemKind)
def test_every_kind_of_problem_is_on_the_page_of_symptoms(kind):
    page = (TOP / "docs" / "troubleshooting.md").read_text()
    assert f"{{ #{kind.replace(' ', '-')} }}" in page


@pytest.mark.parametrize("name", ["calibration", "site", "parameters"])
def test_every_key_of_configuration_is_described(name):
    whole = json_schemas.schema(name)
    for section in (whole, *whole.get("$defs", {}).values()):
        for key, value in section.get("properties", {}).items():
            assert value.get("description") or "$ref" in value, f"{section['title']}.{key}"


def test_the_reference_of_configuration_says_what_editors_are_told():
    said = reference.configuration()
    assert "| `minLsToProcess` | whole number | `50` |" in said
    assert "| `buffer` | time | `8 h` |" in said
    assert "| `work_dir` | path | required |" in said
    assert "| `login` | `none` or `oidc` or `krb` | `none` |" in said


def test_the_pages_build_and_load_nothing_from_other_hosts(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path / "site"],
        cwd=TOP,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    pages = sorted((tmp_path / "site").glob("**/*.html"))
    assert {p.name for p in pages} >= {"index.html", "configuration.html", "commands.html"}
    for page in pages:
        loads = re.findall(
            r"<(?:script|img|iframe|source)[^>]* src=[\"']?([^\"' >]+)", page.read_text()
        )
        loads += re.findall(r"<link[^>]* rel=\"?stylesheet\"?[^>]*>", page.read_text())
        assert not [x for x in loads if "//" in x], page.name


@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.what)
def test_the_diagrams_of_states_are_drawn_from_the_tables(life):
    assert file_of(life).read_text() == diagram(life), "type: python -m tools.state_diagrams"


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page):
    text = (TOP / page).read_text()
    for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        assert ((TOP / page).parent / link).exists(), link


ARCHITECTURE = (TOP / "docs" / "architecture.md").read_text()
ANSWERS = re.findall(r"^\| [^|]+\? \| (.+) \|$", ARCHITECTURE, re.MULTILINE)


def test_what_the_architecture_page_says_where_to_find_is_there():
    paths = [path for answer in ANSWERS for path in re.findall(r"`([^`]+)`", answer)]
    assert len(ANSWERS) >= 20
    assert [path for path in paths if not (TOP / path).is_file()] == []


def test_every_folder_of_the_package_is_on_the_architecture_page():
    folders = {p.parent.name for p in TOP.glob("condorloop/*/__init__.py")}
    assert {f for f in folders if f"| `{f}/` |" not in ARCHITECTURE} == set()
