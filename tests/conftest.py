"""What every folder of tests shares: no test sees the settings of the person who runs it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from bot import logs

# How quickly examples are made is the machine's business, not the property's.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")

ROOT = Path(__file__).resolve().parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of the seeded worlds; pytest only hears of them here, at the top."""
    parser.addoption("--worlds", type=int, default=300, metavar="N", help="live N seeded worlds (300)")
    parser.addoption("--seed", type=int, default=None, metavar="S", help="live this one world")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What a test wants a person to read (`user_properties` named "told") stands at the end, whichever process ran it."""
    for report in (*terminalreporter.stats.get("passed", ()), *terminalreporter.stats.get("failed", ())):
        for name, text in report.user_properties:
            if name == "told":
                terminalreporter.write_line(text)


@pytest.fixture(autouse=True, scope="session")
def _no_settings_from_outside() -> None:
    for name in [name for name in os.environ if name.upper().startswith("HEDGELOCK")]:
        del os.environ[name]


@pytest.fixture
def root() -> Path:
    """The top folder of the project."""
    return ROOT


@pytest.fixture
def open_logs() -> Iterator[None]:
    """For a test that configures logging: close the writer afterwards, whatever happened."""
    yield
    logs.close()
