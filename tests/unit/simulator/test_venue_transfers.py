"""Coin between Funding and the unified account, and what may leave."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.simulator.params import Refusal
from bot.simulator.venue import VenueRules
from tests.unit.simulator.pit import Pit

D = Decimal
TRANSFER = "/v5/asset/transfer/inter-transfer"


def move(
    transfer_id: str, amount: str, source: str = "FUND", target: str = "UNIFIED", coin: str = "USDT"
) -> dict[str, object]:
    return {
        "transferId": transfer_id, "coin": coin, "amount": amount, "fromAccountType": source, "toAccountType": target,
    }  # fmt: skip


def test_there_and_back():
    """What leaves one account arrives in the other, with a line in both logs."""
    pit = Pit(funding_coins={"USDT": D(500)})

    pit.done("POST", TRANSFER, **move("t-1", "300"))
    pit.done("POST", TRANSFER, **move("t-2", "100", "UNIFIED", "FUND"))

    assert ("200", D(300)) == (pit.coin("USDT")["walletBalance"], pit.account.fund["USDT"])
    assert [("TRANSFER_IN", "300"), ("TRANSFER_OUT", "-100")] == [(row["type"], row["change"]) for row in pit.log()]
    log = pit.done("GET", "/v5/asset/fundinghistory")["list"]
    assert [("I", "100", "300"), ("O", "300", "200")] == [(r["ioDirection"], r["txnAmt"], r["afterAmt"]) for r in log]


REFUSALS = [
    ("the same id twice", 131214, move("t-1", "1")),
    ("more than there is", 131212, move("t-2", "1000")),
    ("to itself", 131210, move("t-2", "1", "FUND", "FUND")),
    ("to an account of the past", 131002, move("t-2", "1", "FUND", "CONTRACT")),
    ("unknown coin", 131002, move("t-2", "1", coin="DOGE")),
    ("nothing", 10001, move("t-2", "0")),
    ("too many decimals", 131203, move("t-2", "0.000000001")),
]


@pytest.mark.parametrize(("code", "params"), [c[1:] for c in REFUSALS], ids=[c[0] for c in REFUSALS])
def test_refusals(code: int, params: dict[str, object]):
    """Each obstacle has its code; a transferId is used once."""
    pit = Pit(funding_coins={"USDT": D(500)})
    pit.done("POST", TRANSFER, **move("t-1", "10"))

    assert code == pit.refused("POST", TRANSFER, **params)
    assert D(490) == pit.account.fund["USDT"]


def test_a_transfer_may_be_pending():
    """On its way the coin is in neither account; the list says so until it lands."""
    pit = Pit(rules=VenueRules(transfer_delay_ms=60_000), funding_coins={"USDT": D(500)})
    result = pit.done("POST", TRANSFER, **move("t-1", "300"))

    def state() -> tuple[str, str, str]:
        (row,) = pit.done("GET", "/v5/asset/transfer/query-inter-transfer-list", transferId="t-1")["list"]
        return row["status"], str(int(pit.account.fund["USDT"])), pit.coin("USDT")["walletBalance"]

    assert "PENDING" == result["status"]
    assert ("PENDING", "200", "0") == state()
    pit.wait(seconds=59)
    assert "PENDING" == state()[0]
    pit.tick("116000", after_ms=1000)
    assert ("SUCCESS", "200", "300") == state()


def test_margin_holds_coin_back():
    """What positions need cannot leave; all the rest can, to the grain."""
    pit = Pit(coins={"USDT": D(5_000)}, legs={1: (D("0.2"), None)}, leverage=D(25))
    free = pit.done("GET", "/v5/account/withdrawal", coinName="USDT,BTC")["availableWithdrawalMap"]["USDT"]
    need = D(pit.wallet()["totalInitialMargin"])

    assert 131212 == pit.refused("POST", TRANSFER, **move("t-1", str(D(free) + D("0.00000001")), "UNIFIED", "FUND"))
    pit.done("POST", TRANSFER, **move("t-2", free, "UNIFIED", "FUND"))

    assert D(5_000) - D(free) == need
    assert D(pit.wallet()["totalAvailableBalance"]) < D("0.0000001")


def test_an_open_loss_holds_coin_back():
    """wallet + min(UPL, 0): a loss that is only open has already spent the coin."""
    pit = Pit(coins={"USDT": D(50_000)}, legs={1: (D("0.2"), None)}, leverage=D(25))

    pit.tick("111000", after_ms=1000)

    free = D(pit.done("GET", "/v5/account/withdrawal", coinName="USDT")["availableWithdrawal"])
    assert free <= D(49_000) - D(pit.wallet()["totalInitialMargin"])


def test_pledged_bitcoin_leaves_only_as_far_as_the_debt_allows():
    """Collateral of the unified account behind the seed's debt: some, not all."""
    pit = Pit()
    free = pit.done("GET", "/v5/account/withdrawal", coinName="BTC")["availableWithdrawal"]

    assert D("0.05") < D(free) < D("0.1")
    pit.done("POST", TRANSFER, **move("t-1", free, "UNIFIED", "FUND", "BTC"))
    assert D(pit.wallet()["totalAvailableBalance"]) >= 0


def test_a_hand_from_outside():
    """The owner may deposit and withdraw without the API; never more than is there."""
    pit = Pit(funding_coins={"USDT": D(500)})

    pit.venue.deposit("me", "USDT", D(100))
    pit.venue.deposit("me", "USDT", D(-600))
    pit.venue.deposit("me", "BTC", D("0.1"), "UNIFIED")

    assert (D(0), "0.1") == (pit.account.fund["USDT"], pit.coin("BTC")["walletBalance"])
    with pytest.raises(Refusal):
        pit.venue.deposit("me", "USDT", D(-1))
