"""Prometheus and Grafana ask only for what /metrics tells, and their files have the shape that each reads."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import generate_latest

from bot.monitoring.metrics import Metrics
from bot.monitoring.pulse import QueueDepth, Vitals
from bot.stream import lag
from tests.build import LTV_LADDER, MARGIN_LADDER, a_view

CONFIG = Path(__file__).resolve().parents[3] / "config"
RULES = yaml.safe_load((CONFIG / "prometheus" / "alerts.yml").read_text())["groups"][0]["rules"]
BOARD = json.loads((CONFIG / "grafana" / "hedgelock.json").read_text())
WORDS = {"up", "abs", "and", "or", "increase", "changes", "rate", "job", "absent"}
PROMTOOL = shutil.which("promtool")

needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="no promtool on this machine (Debian: apt-get install prometheus)"
)


def promtool(*words: str | Path, stdin: bytes | None = None) -> tuple[int, str]:
    """Prometheus' own judge: its exit code and everything it said."""
    assert PROMTOOL is not None
    done = subprocess.run([PROMTOOL, *map(str, words)], input=stdin, capture_output=True, check=False)
    return done.returncode, (done.stdout + done.stderr).decode()


OPTIONS = {
    "stat": {
        *("reduceOptions", "orientation", "colorMode", "graphMode", "justifyMode", "textMode"),
        *("percentChangeColorMode", "showPercentChange", "wideLayout"),
    },
    "timeseries": {"legend", "tooltip"},
}


def scrape() -> str:
    """What a daemon with a full view, and a publisher beside it, answer to Prometheus."""
    view = a_view()
    loan = replace(view.loan, liquidation_down=Decimal(61_000), distance_down=0.4)
    vitals = Vitals(up_s=1.0, loop_lag_ms=1.0, worst_loop_lag_ms=2.0, queues={"inbox": QueueDepth(depth=1, limit=2)})
    metrics = Metrics(lambda: replace(view, loan=loan), lambda: vitals, lambda: 0)
    return metrics.page("text/plain")[0].decode() + generate_latest(lag.REGISTRY).decode()


def told() -> dict[str, set[str]]:
    """Name -> label values in that answer."""
    found: dict[str, set[str]] = {}
    for line in scrape().splitlines():
        name = re.match(r"(?:# TYPE )?(\w+)", line)
        if name and name[1] != "HELP":
            found.setdefault(name[1], set()).update(re.findall(r'"([^"]*)"', line))
    return found


def asked(expression: str) -> set[str]:
    """The metrics an expression names."""
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|ignoring \([^)]*\)", "", expression)
    return {word for word in re.findall(r"[a-z_]\w*", bare) if word not in WORDS}


EXPRESSIONS = [
    *(rule["expr"] for rule in RULES),
    *(target["expr"] for panel in BOARD["panels"] for target in panel["targets"]),
    *(note["target"]["expr"] for note in BOARD["annotations"]["list"]),
]


@needs_promtool
def test_prometheus_takes_the_files_and_the_scrape() -> None:
    """Its own parser, its own linter: no complaint about configuration, rules or names."""
    folder = CONFIG / "prometheus"

    assert promtool("check", "config", folder / "prometheus.yml")[0] == 0
    assert promtool("check", "rules", "--lint=all", "--lint-fatal", folder / "alerts.yml")[0] == 0
    assert promtool("check", "metrics", stdin=scrape().encode()) == (0, "")


@needs_promtool
def test_every_alert_fires_when_it_should_and_not_before() -> None:
    """The rules' own unit tests, judged by Prometheus; they name every rule."""
    tests = CONFIG / "prometheus" / "alerts_test.yml"

    assert promtool("test", "rules", tests)[0] == 0
    assert [] == [rule["alert"] for rule in RULES if rule["alert"] not in tests.read_text()]


def _blunted() -> Sequence[tuple[str, str, str]]:
    return [
        change
        for rule in RULES
        for change in (
            (f"{rule['alert']} without patience", f"for: {rule['for']}", "for: 0s"),
            (f"{rule['alert']} never", f"expr: {rule['expr']}", f"expr: ({rule['expr']}) and vector(0) > 1"),
        )
    ]


@needs_promtool
@pytest.mark.parametrize(("name", "before", "after"), _blunted(), ids=[change[0] for change in _blunted()])
def test_a_blunted_alert_is_noticed(name: str, before: str, after: str, tmp_path: Path) -> None:
    """Each rule in turn loses its patience, or never fires: the unit tests must object."""
    rules = (CONFIG / "prometheus" / "alerts.yml").read_text()
    at = rules.index(f"alert: {name.split()[0]}\n")
    assert before in rules[at:]
    (tmp_path / "alerts.yml").write_text(rules[:at] + rules[at:].replace(before, after, 1))
    shutil.copy(CONFIG / "prometheus" / "alerts_test.yml", tmp_path)

    assert promtool("test", "rules", tmp_path / "alerts_test.yml")[0] != 0


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_metric_that_is_asked_for_is_told(expression: str) -> None:
    """A rule over a name that nobody tells never fires, and nobody notices."""
    names = told()

    assert [] == [name for name in asked(expression) if name not in names]
    for name, label in re.findall(r'(hedgelock_\w+)\{\w+="([^"]+)"\}', expression):
        assert label in names[name]
    for name, labels in re.findall(r'(hedgelock_\w+)\{rung=~"([^"]+)"\}', expression):
        steps = {"hedgelock_loan_rung": LTV_LADDER, "hedgelock_margin_rung": MARGIN_LADDER}[name]
        assert set(labels.split("|")) <= {step.name for step in steps}


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
    """Grafana's dashboard JSON: ids once, panels on a grid of 24 without overlap, a data source that is chosen on loading.

    The keys are those that Grafana's own types (npm @grafana/schema 13.2.3, Dashboard and the options of each panel) hold necessary.
    """
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
        assert OPTIONS[panel["type"]] <= panel["options"].keys()
        taken |= cells

    assert len(panels) == len({panel["id"] for panel in panels})
    variables = BOARD["templating"]["list"]
    assert ["datasource", "account"] == [variable["name"] for variable in variables]
    assert all({"text", "value"} <= variable["current"].keys() for variable in variables)
    assert (None, "hedgelock") == (BOARD["id"], BOARD["uid"])
