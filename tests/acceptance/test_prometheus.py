"""A real Prometheus, with the configuration that is shipped, beside a real daemon: what an operator sees on the board and on the phone."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.processes import ROOT, a_daemon, a_free_port, wait_for

PROMETHEUS = shutil.which("prometheus")
BOARD = json.loads((ROOT / "config" / "grafana" / "hedgelock.json").read_text())

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(PROMETHEUS is None, reason="no prometheus here (Debian: apt-get install prometheus)"),
]


class Prometheus:
    """Its API at `url`."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, path: str, **params: str) -> Any:
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(params)}", timeout=5) as answer:
            return json.load(answer)["data"]

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=1):
                return True
        except OSError:
            return False

    def targets(self) -> dict[str, str]:
        """Account -> health of its last scrape."""
        return {target["labels"]["account"]: target["health"] for target in self.ask("targets")["activeTargets"]}

    def firing(self) -> set[str]:
        return {alert["labels"]["alertname"] for alert in self.ask("alerts")["alerts"] if alert["state"] == "firing"}


@contextmanager
def a_prometheus(folder: Path, metrics_port: int) -> Iterator[Prometheus]:
    """The shipped files; only the target's port, the pace (1 s for 10 s) and the patience of half a minute (2 s) are made shorter."""
    shipped = ROOT / "config" / "prometheus"
    config = (shipped / "prometheus.yml").read_text()
    (folder / "prometheus.yml").write_text(
        config.replace("127.0.0.1:9096", f"127.0.0.1:{metrics_port}").replace("interval: 10s", "interval: 1s")
    )
    (folder / "alerts.yml").write_text((shipped / "alerts.yml").read_text().replace("for: 30s", "for: 2s"))
    address = f"127.0.0.1:{a_free_port()}"
    command = [
        str(PROMETHEUS),
        *(f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}"),
        f"--web.listen-address={address}",
    ]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            prometheus = Prometheus(f"http://{address}")
            wait_for(prometheus.ready, seconds=30, what="Prometheus to be ready")
            yield prometheus
        finally:
            process.kill()
            process.wait(10)


def shown(prometheus: Prometheus) -> dict[str, int]:
    """Expression of the board -> how many series it draws, for all accounts as the board asks on loading."""
    found = {}
    for panel in BOARD["panels"]:
        for target in panel["targets"]:
            query = target["expr"].replace("$account", ".*")
            found[target["expr"]] = len(prometheus.ask("query", query=query)["result"])
    return found


def test_the_board_draws_and_a_dead_daemon_is_told(tmp_path: Path) -> None:
    """Target up, rules loaded, every panel has data and nothing fires; then SIGKILL, and the right alert, alone, fires."""
    port = a_free_port()
    with (
        a_daemon(tmp_path, WEB__METRICS_PORT=str(port)) as daemon,
        a_prometheus(tmp_path, port) as prometheus,
    ):
        wait_for(lambda: daemon.said("hedge ended"), seconds=60, what="the first hedge")
        wait_for(lambda: prometheus.targets() == {"main": "up"}, seconds=30, what="the target to be up")
        wait_for(lambda: all(shown(prometheus).values()), seconds=30, what=f"data in {shown(prometheus)}")
        groups = prometheus.ask("rules")["groups"]
        assert {"ok"} == {rule["health"] for group in groups for rule in group["rules"]}
        assert len(groups[0]["rules"]) > 10
        assert set() == prometheus.firing()

        daemon.kill()

        wait_for(lambda: prometheus.firing() == {"HedgeLockGone"}, seconds=30, what="HedgeLockGone")
