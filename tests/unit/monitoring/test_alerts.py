"""Dashboard and alerts ask for what is exported, and the page says what each metric is."""

import json
import re
from collections import defaultdict

import pytest
import yaml
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from condorloop.model.enums import NodeKind
from condorloop.model.status import ReconstructionStatus
from condorloop.monitoring.metrics import Metrics
from tests.unit.examples import TOP
from tests.unit.monitoring.test_metrics import whole_status

NAME = re.compile(r"\bcondorloop_\w+")
MATCHER = re.compile(r"(\w+)(=~|!~|!=|=)\"([^\"]*)\"")
GROUPS = yaml.safe_load((TOP / "monitoring" / "alerts.yaml").read_text())["groups"]
RULES = [rule for group in GROUPS for rule in group["rules"]]
DASHBOARD = json.loads((TOP / "monitoring" / "grafana-dashboard.json").read_text())
TARGETS = [t for panel in DASHBOARD["panels"] for t in panel["targets"]]
VARIABLES = [v["query"]["query"] for v in DASHBOARD["templating"]["list"] if v["type"] == "query"]
EXPRESSIONS = [rule["expr"] for rule in RULES] + [t["expr"] for t in TARGETS] + VARIABLES

EXPRESS = ReconstructionStatus(stream="Express", run=398600, nodes={NodeKind.RECO: {"done": 1}})


def exported():
    """The values of each label, by the name of the sample; and the families' own names."""
    metrics = Metrics()
    metrics.take(whole_status(reconstructions=(EXPRESS,)))
    found, families = defaultdict(lambda: defaultdict(set)), {}
    for family in text_string_to_metric_families(generate_latest(metrics.registry).decode()):
        for sample in family.samples:
            families[sample.name] = family
            for label, value in sample.labels.items():
                found[sample.name][label].add(value)
    return found, families


SAMPLES, FAMILIES = exported()


@pytest.mark.parametrize("expression", sorted(set(EXPRESSIONS)))
def test_an_expression_asks_for_what_is_exported(expression):
    assert set(NAME.findall(expression)) <= FAMILIES.keys()
    assert expression.count("(") == expression.count(")")
    for name, matchers in re.findall(r"(condorloop_\w+)\{([^}]*)\}", expression):
        for label, _, values in MATCHER.findall(matchers):
            assert label in SAMPLES[name]
            if not values.startswith("$"):
                assert set(values.split("|")) <= SAMPLES[name][label]
    for label in re.findall(r"by \(([^)]*)\)", expression):
        names = NAME.findall(expression)
        assert set(label.split(", ")) <= set().union(*(SAMPLES[name] for name in names))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_says_what_is_wrong_and_what_to_type(rule):
    assert set(rule["annotations"]) == {"summary", "action"}
    assert rule["labels"]["severity"] in ("warning", "critical")
    labels = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
    assert labels <= set().union(*(SAMPLES[name] for name in NAME.findall(rule["expr"])))


def test_every_metric_is_on_the_page_and_no_other():
    page = (TOP / "docs" / "monitoring.md").read_text()
    rows = set(re.findall(r"^\| `(condorloop_\w+)`", page, re.MULTILINE))
    suffix = {"counter": "_total"}
    assert rows == {f.name + suffix.get(f.type, "") for f in FAMILIES.values()}
    for alert in RULES:
        assert f"`{alert['alert']}`" in page


def test_every_metric_is_on_the_dashboard():
    drawn = set(NAME.findall(" ".join(t["expr"] for t in TARGETS)))
    assert {FAMILIES[name].name for name in drawn} == {f.name for f in FAMILIES.values()}


def test_panels_lie_side_by_side():
    taken = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken
        assert all(x < 24 for x, _ in cells)
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
