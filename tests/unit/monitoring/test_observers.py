"""Prometheus and Grafana ask only for what /metrics tells, and their files have the shape that each reads."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.monitoring.metrics import Metrics
from bot.monitoring.pulse import QueueDepth, Vitals
from tests.build import a_view

CONFIG = Path(__file__).resolve().parents[3] / "config"
RULES = yaml.safe_load((CONFIG / "prometheus" / "alerts.yml").read_text())["groups"][0]["rules"]
BOARD = json.loads((CONFIG / "grafana" / "hedgelock.json").read_text())
WORDS = {"up", "abs", "and", "or", "increase", "changes", "rate", "job"}


def told() -> dict[str, set[str]]:
    """Name -> label values that a scrape of a full view shows."""
    view = a_view()
    loan = replace(view.loan, liquidation_down=Decimal(61_000), distance_down=0.4)
    vitals = Vitals(up_s=1.0, loop_lag_ms=1.0, worst_loop_lag_ms=2.0, queues={"inbox": QueueDepth(depth=1, limit=2)})
    metrics = Metrics(lambda: replace(view, loan=loan), lambda: vitals, lambda: 0)
    page = metrics.page("text/plain")[0].decode()
    found: dict[str, set[str]] = {}
    for line in page.splitlines():
        name = re.match(r"(?:# TYPE )?(\w+)", line)
        if name and name[1] != "HELP":
            found.setdefault(name[1], set()).update(re.findall(r'"([^"]*)"', line))
    return found


def asked(expression: str) -> set[str]:
    """The metrics an expression names."""
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]", "", expression)
    return {word for word in re.findall(r"[a-z_]\w*", bare) if word not in WORDS}


EXPRESSIONS = [rule["expr"] for rule in RULES] + [t["expr"] for panel in BOARD["panels"] for t in panel["targets"]]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_metric_that_is_asked_for_is_told(expression: str) -> None:
    """A rule over a name that nobody tells never fires, and nobody notices."""
    names = told()

    assert [] == [name for name in asked(expression) if name not in names]
    for name, label in re.findall(r'(hedgelock_\w+)\{\w+="([^"]+)"\}', expression):
        assert label in names[name]


def test_every_rule_says_what_and_how_bad() -> None:
    """Prometheus: alerting rules. The runbook leads to a chapter that is there."""
    lines = (CONFIG.parent / "docs" / "alerts.md").read_text().splitlines()
    chapters = {f"docs/alerts.md#{line[4:].strip()}" for line in lines if line.startswith("### ")}
    for rule in RULES:
        assert {"alert", "expr", "for", "labels", "annotations"} == rule.keys()
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert {"summary", "description"} == rule["annotations"].keys()
        assert rule["labels"].get("runbook", next(iter(chapters))) in chapters
        assert re.fullmatch(r"\d+[smh]", rule["for"])


def test_the_board_loads_as_it_is() -> None:
    """Grafana's dashboard JSON: ids once, panels on a grid of 24 without overlap, a data source that is chosen on loading."""
    panels: list[dict[str, Any]] = BOARD["panels"]
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        grid = panel["gridPos"]
        cells = {
            (x, y) for x in range(grid["x"], grid["x"] + grid["w"]) for y in range(grid["y"], grid["y"] + grid["h"])
        }
        assert (panel["title"], set()) == (panel["title"], cells & taken)
        assert grid["x"] + grid["w"] <= 24
        assert panel["type"] in ("stat", "timeseries")
        assert {"type": "prometheus", "uid": "${datasource}"} == panel["datasource"]
        taken |= cells

    assert len(panels) == len({panel["id"] for panel in panels})
    assert "datasource" == BOARD["templating"]["list"][0]["name"]
    assert (None, "hedgelock") == (BOARD["id"], BOARD["uid"])
