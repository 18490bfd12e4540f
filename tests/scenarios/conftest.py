"""Every diary carries the numbers of the known faults that it tells: `@pytest.mark.fault(46, 11)`."""

from __future__ import annotations

import pytest

from tests.scenarios.desk import Desk


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "fault(*numbers): the rows of the list of known faults that this diary tells")


@pytest.fixture
def desk() -> Desk:
    return Desk()
