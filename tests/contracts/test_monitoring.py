"""Dashboard and alert rules name only what the program shows, and the rules do what they say."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry

from deploy.telemetry.gauges import Gauges
from deploy.telemetry.metrics import Metrics
from shared.db import Database
from shared.words import Service

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "deploy" / "monitoring"
DASHBOARD = MONITORING / "grafana" / "dashboards" / "talentline.json"
OF_PROMETHEUS = {"up"}
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}


def shown(*registries: CollectorRegistry) -> set[str]:
    """The names of every series that some pages can show."""
    families = [family for registry in registries for family in registry.collect()]
    return {family.name + suffix for family in families for suffix in SUFFIXES.get(family.type, ())}


@pytest.fixture
def names(db: Database, tmp_path: Path) -> set[str]:
    web, worker = Metrics("web"), Metrics("worker", list(Service))
    web.registry.register(Gauges(db, tmp_path))
    return shown(web.registry, worker.registry)


def named(expression: str) -> set[str]:
    """The metrics that an expression names: words that are no function, keyword or label.

    >>> sorted(named('sum by (service) (rate(a_total{b="c"}[5m])) / on (x) b_sum > 0.5e3 or absent(up)'))
    ['a_total', 'b_sum', 'up']
    """
    bare = re.sub(r'"[^"]*"|\{[^}]*\}|\[[^\]]*\]', " ", expression)
    bare = re.sub(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ", bare)
    words = re.findall(r"(?<![\w.])([a-zA-Z_:][\w:]*)\b(?!\s*\()", bare)
    return set(words) - {"by", "or", "and", "unless", "bool"}


def rules() -> list[dict[str, object]]:
    groups = yaml.safe_load((MONITORING / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def expressions() -> Iterator[tuple[str, str]]:
    """Every expression of rules and dashboard, with where it stands."""
    for rule in rules():
        yield str(rule["alert"]), str(rule["expr"])
    for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]


def test_rules_and_dashboard_name_only_metrics_that_the_program_shows(names: set[str]) -> None:
    asked = {(place, name) for place, expression in expressions() for name in named(expression)}
    assert len(asked) > 40
    assert not {(place, name) for place, name in asked if name not in names | OF_PROMETHEUS}


def test_a_metric_that_nobody_shows_is_seen(names: set[str]) -> None:
    assert named("max(talentline_oldest_due_second)") - names == {"talentline_oldest_due_second"}


def test_every_metric_of_ours_is_on_the_dashboard(names: set[str]) -> None:
    drawn = {name for place, expression in expressions() for name in named(expression)}
    ours = {name for name in names if name.startswith("talentline_")}
    stems = {re.sub(r"_(bucket|sum|count)$", "", name) for name in ours}
    assert not {stem for stem in stems if not any(name.startswith(stem) for name in drawn)}


def test_every_alert_says_what_to_do() -> None:
    assert len(rules()) >= 9
    for rule in rules():
        notes = rule["annotations"]
        assert isinstance(notes, dict)
        assert len(notes["summary"]) > 10, rule["alert"]
        assert len(notes["runbook"]) > 40, rule["alert"]


def test_every_alert_is_tested() -> None:
    tests = yaml.safe_load((MONITORING / "alerts_test.yml").read_text(encoding="utf-8"))["tests"]
    fired = {each["alertname"] for test in tests for each in test["alert_rule_test"] if each.get("exp_alerts")}
    assert {rule["alert"] for rule in rules()} == fired


def test_the_rules_pass_their_own_tests() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (it comes with Prometheus): the rules' own tests did not run")
    for words in (["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]):
        done = subprocess.run([promtool, *words], cwd=MONITORING, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr


def test_what_grafana_is_given_fits_together() -> None:
    provisioning = MONITORING / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())["datasources"]
    dashboard = json.loads(DASHBOARD.read_text())
    assert {panel["datasource"]["uid"] for panel in dashboard["panels"] if "targets" in panel} == {source["uid"]}
    numbers = [panel["id"] for panel in dashboard["panels"]]
    assert len(numbers) == len(set(numbers))
