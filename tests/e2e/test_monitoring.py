"""The alert rules and the dashboard with Debian's Prometheus, which reads a deployed receiver."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from tests import PROJECT
from tests.e2e.labsite import LabSite
from tests.e2e.prometheus import run_promtool, start_prometheus, unpack_prometheus
from tests.e2e.site_helpers import ATTACKER, denied, tokens
from tests.lab.stopwatch import within
from tests.unit.receiver.every_metric import parse_metrics, render_every_metric

DASHBOARD = PROJECT / "docs/monitoring/grafana.json"
# what Grafana puts in, with everything selected
VARIABLES = {"$site": ".*", "$fortigate": ".*", "$__rate_interval": "1m"}
# expressions without a result at a quiet site, or after the first scrape
MAY_BE_EMPTY = ("rate(", " > 0", "banstitch_bans_refused", "banstitch_shared_")


@pytest.fixture(scope="module")
def programs() -> Path:
    """Return the folder of Debian's Prometheus, which is unpacked where it is missing."""
    return unpack_prometheus()


def test_promtool_accepts_the_rules(programs: Path) -> None:
    assert run_promtool(programs, "check", "rules", "alerts.yml") == ""


def test_each_alert_fires_and_ends_as_its_test_says(programs: Path) -> None:
    assert run_promtool(programs, "test", "rules", "alerts_test.yml") == ""


def test_promtool_accepts_what_the_receiver_serves(programs: Path, tmp_path: Path) -> None:
    assert run_promtool(programs, "check", "metrics", stdin=render_every_metric(tmp_path)) == ""


@pytest.mark.lab
def test_a_prometheus_that_is_set_up_as_documented_reads_a_receiver(
    programs: Path, tmp_path: Path, deployed: LabSite
) -> None:
    assert not denied(deployed, ATTACKER)  # the FortiGate fetches its feed
    configuration = write_configuration(tmp_path / "prometheus", deployed)
    with start_prometheus(programs, configuration) as prometheus:
        up = 'up{job="banstitch", site="bh1"}'
        assert within(60, lambda: [s["value"][1] for s in prometheus.query(up)] == ["1"]), (
            prometheus.ask("targets")
        )
        # of a site that shares no bans, and at which none was refused
        every = parse_metrics(render_every_metric(tmp_path))
        wanted = {each for each in every if "bans_refused" not in each and "_shared_" not in each}
        series = 'count by (__name__) ({__name__=~"banstitch_.*", site="bh1"})'
        assert {each["metric"]["__name__"] for each in prometheus.query(series)} == wanted

        for expression in list_expressions():
            is_empty = not prometheus.query(expression)
            assert not is_empty or any(each in expression for each in MAY_BE_EMPTY), expression
        assert within(60, lambda: rule_states(prometheus.ask("rules")) == {("ok", "inactive")}), (
            prometheus.ask("alerts")
        )


def write_configuration(folder: Path, site: LabSite) -> Path:
    """Write the configuration of docs/monitoring.md, and the files that it names."""
    secrets = folder / "banstitch"
    secrets.mkdir(parents=True)
    page = (PROJECT / "docs/monitoring.md").read_text()
    example = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)[0]
    text = example.replace("192.0.2.10", site.host.address).replace("interval: 30s", "interval: 1s")
    (folder / "prometheus.yml").write_text(f"global: {{evaluation_interval: 1s}}\n{text}")
    (secrets / "bh1.password").write_text(tokens(site)["status"] + "\n")
    show = ["openssl", "x509", "-in", "/etc/banstitch/tls/ca.pem"]
    (secrets / "bh1.ca.pem").write_text(site.host.console(show, check=True).stdout)
    shutil.copy(PROJECT / "docs/monitoring/alerts.yml", secrets)
    return folder / "prometheus.yml"


def list_expressions() -> list[str]:
    """Return each expression of a panel, as Grafana sends it."""
    found = []
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for expression in (target["expr"] for target in panel["targets"]):
            for name, value in VARIABLES.items():
                expression = expression.replace(name, value)
            found.append(expression)
    return found


def rule_states(found: dict[str, list[dict[str, list[dict[str, str]]]]]) -> set[tuple[str, str]]:
    """Return the distinct healths and states of all rules."""
    rules = [rule for group in found["groups"] for rule in group["rules"]]
    return {(rule["health"], rule["state"]) for rule in rules}
