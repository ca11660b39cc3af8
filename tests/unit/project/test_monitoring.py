"""Check the dashboard, the alert rules and their page against what a receiver serves."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import PROJECT
from tests.unit.receiver.every_metric import Metric, parse_metrics, render_every_metric

FOLDER = PROJECT / "docs/monitoring"
# Prometheus adds these, and docs/monitoring.md says how.
OF_THE_SCRAPE = {"job", "instance", "site"}
SELECTOR = re.compile(r"\b(banstitch_\w+)(?:\{([^}]*)\})?")
LABEL = re.compile(r"(\w+)\s*[=!]~?\s*\"")
LISTED = re.compile(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Metric]:
    """Return every metric of a receiver."""
    return parse_metrics(render_every_metric(tmp_path_factory.mktemp("receiver")))


def list_rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def load_tests() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load((FOLDER / "alerts_test.yml").read_text())["tests"]
    return found


def list_panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((FOLDER / "grafana.json").read_text())["panels"]
    return found


def list_texts() -> Iterator[tuple[str, str]]:
    """Yield each expression with the text that names labels of its result."""
    for rule in list_rules():
        yield rule["expr"], " ".join(rule["annotations"].values())
    for panel in list_panels():
        for target in panel["targets"]:
            yield target["expr"], target["legendFormat"]
    for variable in json.loads((FOLDER / "grafana.json").read_text())["templating"]["list"]:
        if found := re.fullmatch(r"label_values\((.*), (\w+)\)", variable.get("definition", "")):
            yield found[1], f"{{{{{found[2]}}}}}"
    for case in load_tests():
        for series in case["input_series"]:
            yield series["series"], ""


def test_dashboard_and_rules_use_metrics_and_labels_that_the_receiver_serves(
    served: dict[str, Metric],
) -> None:
    used = set()
    for expression, shown in list_texts():
        known = set(OF_THE_SCRAPE)
        for name, selector in SELECTOR.findall(expression):
            used.add(name)
            labels = OF_THE_SCRAPE | set(served[name].labels)
            assert set(LABEL.findall(selector)) <= labels, expression
            known |= labels
        named = re.findall(r"\w+", " ".join(LISTED.findall(expression)))
        named += re.findall(r"\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}", shown)
        assert set(named) <= known, expression
    assert used == set(served), "each metric is shown, or has a rule"


def test_each_alert_names_its_site_or_fortigate_and_has_a_severity() -> None:
    for rule in list_rules():
        summary = rule["annotations"]["summary"]
        assert "$labels" in summary or rule["alert"] == "BanstitchNotScraped"
        assert rule["labels"]["severity"] in {"critical", "warning"}


def test_each_alert_is_seen_to_fire_and_to_end() -> None:
    seen: dict[str, list[bool]] = {rule["alert"]: [] for rule in list_rules()}
    for case in load_tests():
        for look in case["alert_rule_test"]:
            seen[look["alertname"]].append(bool(look["exp_alerts"]))
    for name, fires in seen.items():
        assert (True, False) in pairwise(fires), name


def test_each_alert_is_explained_on_the_page() -> None:
    page = (PROJECT / "docs/monitoring.md").read_text()
    explained = re.findall(r"^\| `(Banstitch\w+)` \|", page, re.M)
    assert explained == [rule["alert"] for rule in list_rules()]


def test_each_reason_of_a_refusal_is_explained_on_the_page(tmp_path: Path) -> None:
    page = (PROJECT / "docs/monitoring.md").read_text().split("\n### Refused requests\n")[1]
    whys = re.findall(r'banstitch_refused_total\{why="(\w+)"\}', render_every_metric(tmp_path))
    assert re.findall(r"^\| `(\w+)` \|", page.split("\n## ")[0], re.M) == whys


def test_the_panels_of_the_dashboard_lie_side_by_side() -> None:
    fields = [
        (x, y)
        for place in (panel["gridPos"] for panel in list_panels())
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(fields) == len(set(fields))
    assert max(x for x, _ in fields) < 24
