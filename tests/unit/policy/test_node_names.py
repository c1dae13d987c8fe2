"""A name that means nothing is answered by what there is."""

from condorloop.model.campaign import DagOutline
from condorloop.model.enums import DagState
from condorloop.policy.node_names import unknown


def test_of_many_dags_and_nodes_the_first_and_the_last_are_named():
    nodes = tuple(f"RECO_{i:04d}" for i in range(8))
    three = {f"b{i:03d}": DagOutline(f"b{i:03d}", DagState.DONE, nodes) for i in range(3)}
    assert unknown("b009", three) == (
        "no b009; there are b000 … b002 done, with RECO_0000 … RECO_0007"
    )
    two = {label: three[label] for label in ("b000", "b001")}
    assert unknown("b009", two).startswith("no b009; there are b000, b001 done")
    four = three | {"b003": DagOutline("b003", DagState.DONE, nodes)}
    assert unknown("b009", four).startswith("no b009; there are b000 … b003 done")
