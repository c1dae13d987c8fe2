"""All who write the DAG of a plan write the same nodes and edges."""

import re

import pytest

from benchmarks.dag_writers import WRITERS
from benchmarks.writing import Desk

RECOS = 14


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    return Desk(tmp_path_factory.mktemp("desk"), RECOS)


def graph(folder):
    """The nodes of the DAG description in a folder, those with a retry, and its edges."""
    [text] = [t for p in folder.iterdir() if p.is_file() and "\nJOB " in (t := p.read_text())]
    lines = [line.split() for line in text.splitlines() if line.strip()]
    nodes = {node(words[1]) for words in lines if words[0] == "JOB"}
    retried = {node(words[1]) for words in lines if words[0].upper() == "RETRY"}
    edges = set()
    for words in lines:
        if words[0] == "PARENT":
            cut = words.index("CHILD")
            edges |= {(node(p), node(c)) for p in words[1:cut] for c in words[cut + 1 :]}
    return nodes, retried, edges


def node(name):
    """A node's kind and number, however its name has them."""
    kind, number = re.fullmatch(r"([A-Z]+)(?:\D*(\d+))?", name).groups()
    return kind, int(number or 0)


@pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS)
def test_another_library_writes_the_same_nodes_retries_and_edges(desk, writer):
    plan = desk.plan()
    ours = graph(desk.directory())
    nodes, retried, edges = ours
    assert len(nodes) == len(plan.nodes) == RECOS + 4 + 2
    assert retried == nodes
    assert len(edges) == RECOS + 4 + 1
    assert graph(desk.with_writer(writer, plan)) == ours


def test_a_dag_is_as_many_files_whatever_its_size(desk, tmp_path):
    small = Desk(tmp_path, 1)
    names = {re.sub("dag...", "dag", p.name) for p in small.directory().iterdir()}
    assert len(names) == 8
    assert names == {re.sub("dag...", "dag", p.name) for p in desk.directory().iterdir()}
