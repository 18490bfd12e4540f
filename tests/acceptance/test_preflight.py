"""An account that somebody changed: the daemon looks before it trades, says what is wrong, and goes on when it is mended."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.processes import a_daemon, a_venue, wait_for

pytestmark = pytest.mark.acceptance

CHANGES = [
    # what somebody did, what is told of it, and what mends it
    pytest.param(
        "collateral-off",
        "BTC is not used as collateral",
        "set-collateral-switch",
        {"coin": "BTC", "collateralSwitch": "ON"},
    ),
    pytest.param("margin-mode", "margin mode ISOLATED_MARGIN", "set-margin-mode", {"setMarginMode": "REGULAR_MARGIN"}),
]


@pytest.mark.timeout(150)
@pytest.mark.parametrize(("fault", "told", "route", "mend"), CHANGES, ids=[change.values[0] for change in CHANGES])
def test_a_changed_account_is_not_traded_on(
    tmp_path: Path, fault: str, told: str, route: str, mend: dict[str, str]
) -> None:
    """The seed book cries for a hedge, and none leaves; a person mends the account, and it trades."""
    with a_venue(tmp_path) as venue:
        venue.ask("faults", fault=fault)
        with a_daemon(tmp_path, venue=venue) as daemon:
            wait_for(lambda: any(told in line["says"] for line in daemon.said("preflight")), seconds=60, what=told)
            wait_for(lambda: told in daemon.status()["mode"]["why"], seconds=30, what="the mode to name it")
            assert "TRADING" != daemon.status()["mode"]["name"]
            assert [] == [
                order for order in venue.orders() if order["orderLinkId"]
            ]  # the venue's own, without a name, are its defence

            venue.ask("owner", account="paper", path=f"/v5/account/{route}", params=mend)
            wait_for(lambda: daemon.status()["mode"]["name"] == "TRADING", seconds=60, what="trading", every_s=0.3)
            assert daemon.stop() == 0
