"""What the account holds at the simulated venue, in both loan structures: opened as the book says, weighed whenever somebody looks.

Knows the venue's books. In a unified account spot, debt and perps lie together; beside a Crypto Loan the spot is pledged, the perps carry
the cash, and the reserve waits in the Funding wallet.
"""

from __future__ import annotations

from decimal import Decimal

from bot.backtest import book as b
from bot.backtest.balance import Balance
from bot.simulator.margin import Margin
from bot.simulator.venue import Venue, VenueRules

__all__ = ["ACCOUNT", "Custody", "venue_rules"]

ACCOUNT = "bot"


def venue_rules(rules: b.Rules) -> VenueRules:
    """The costs and thresholds of a run as the venue's own."""
    hourly = (_decimal(rules.loan_apr) / 8760).quantize(Decimal("1e-18"))
    return VenueRules(
        linear_taker_rate=_decimal(rules.taker_fee),
        linear_maker_rate=_decimal(rules.maker_fee),
        hourly_borrow_rate_usdt=hourly,
        loan_hourly_rate_usdt=hourly,
        loan_liquidation_ltv=_decimal(rules.liquidation_ltv),
        loan_delayed_ltv=_decimal(rules.delayed_ltv),
        loan_delay_ms=rules.delay_ms,
        loan_liquidation_fee=_decimal(rules.liquidation_fee),
    )


class Custody:
    """One account. Opening it needs a venue that has a price."""

    def __init__(self, venue: Venue, opening: b.Opening, rules: b.Rules) -> None:
        self.venue, self.structure = venue, rules.structure
        self._spot, self._debt = _decimal(opening.spot_btc), _decimal(opening.debt_usdt)
        step, cash = _decimal(rules.step_btc), _decimal(opening.cash_usdt)
        legs = {1: (opening.long_steps * step, None), 2: (opening.short_steps * step, None)}
        leverage = _decimal(rules.leverage)
        if rules.structure == b.LOAN:
            self._account = venue.open_account(
                ACCOUNT,
                coins={"USDT": cash},
                legs=legs,
                leverage=leverage,
                funding_coins={"USDT": _decimal(rules.reserve_usdt)},
                pledged={"BTC": self._spot},
                owed={"USDT": self._debt},
            )
        else:
            coins = {"BTC": self._spot, "USDT": cash}
            self._account = venue.open_account(
                ACCOUNT, coins=coins, borrowed={"USDT": self._debt}, legs=legs, leverage=leverage
            )
        self._read = self._seen = 0
        self._paid = self._repaid = self._added = Decimal(0)
        self._held = (-1, (0.0, 0.0, 0.0, 0.0, 0.0))
        """The venue's revision, and what is held since."""

    @property
    def is_liquidated(self) -> bool:
        """Only a liquidation touches the spot."""
        held = self._account.loans.collateral if self.structure == b.LOAN else None
        return (self._account.purses["BTC"].balance if held is None else held["BTC"]) < self._spot

    def balance(self, at_ms: int, margin: Margin | None = None, price: Decimal | None = None) -> Balance:
        """Everything held and owed now, or were this the price. `margin` where the caller has it already."""
        unrealised = (margin or self.venue.margin(ACCOUNT, price)).usdt.upl
        mark = self.venue.state.market.mark if price is None else price
        return Balance(at_ms, float(mark), *self.held, float(unrealised), self.structure)

    @property
    def held(self) -> tuple[float, float, float, float, float]:
        """Coin, long leg, short leg, cash and debt: what no price changes."""
        if self._held[0] != self.venue.revision:
            self._held = self.venue.revision, self._holding()
        return self._held[1]

    def _holding(self) -> tuple[float, float, float, float, float]:
        account = self._account
        legs, usdt, loan = account.legs, account.purses["USDT"], account.loans
        spot = account.purses["BTC"].balance + account.fund["BTC"] + loan.collateral["BTC"]
        cash, debt = usdt.balance + account.fund["USDT"], usdt.spot_borrow + loan.debts["USDT"].total
        return float(spot), float(legs[1].size), float(legs[2].size), float(cash), float(debt)

    def interest(self) -> Decimal:
        """USDT charged since the account was opened: paid from the unified account, or added to the loan."""
        account = self._account
        while self._read < len(account.interest):
            self._paid += account.interest[self._read].cost
            self._read += 1
        if self.structure == b.LOAN and not self.is_liquidated:
            repayments, debt = account.loans.repayments, account.loans.debts["USDT"].total
            while self._seen < len(repayments):
                self._repaid += repayments[self._seen].amount
                self._seen += 1
            self._added = debt + self._repaid - self._debt
        return self._paid + self._added


def _decimal(value: float) -> Decimal:
    return Decimal(repr(value))
