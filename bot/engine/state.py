"""Everything the engine knows, in one place; `Engine.fold` is its only writer."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal

from bot.domain.account import AccountFacts, Wallet
from bot.domain.commands import (
    Decided,
    HedgeEnded,
    LegsAdopted,
    Mode,
    ProfitCycle,
    ProfitRealised,
    RealiseWanted,
    Realising,
)
from bot.domain.events import Channel, OperatorAsked, Verb
from bot.domain.instrument import Instrument
from bot.domain.loan import Structure
from bot.domain.money import ZERO
from bot.domain.orders import OrderRow
from bot.engine.blotter import Blotter
from bot.engine.cashbook import CashBook
from bot.engine.config import EngineConfig
from bot.engine.figure import Figure
from bot.engine.holding import Holding
from bot.engine.ledger import Ledger
from bot.engine.loanbook import LoanBook
from bot.engine.market import MarketBook
from bot.engine.motion import MOST_HEDGES, Hedge, Tally, Tried
from bot.engine.outside import OutsideFunding
from bot.strategy.decision import Book, Decision, Memory, Operator
from bot.strategy.decision import Instrument as Lot
from bot.strategy.pipeline import FIRST_MEMORY, NO_OPERATOR, Wish

__all__ = [
    "MOST_HEDGES",
    "ChannelState",
    "Emergency",
    "Hedge",
    "Measures",
    "ProfitBook",
    "Readings",
    "State",
    "Tally",
    "Tried",
]

KEPT_DECISIONS = 100
KEPT_EXECUTED = 50


@dataclass(slots=True)
class ChannelState:
    up: bool = False
    since_ms: int = 0
    reason: str = "not connected yet"


@dataclass(slots=True)
class Readings:
    """The questions asked of the venue's books, and how the answers compared with ours."""

    asked_ms: int | None = None
    """When the unanswered question was asked; None: none is open."""
    answered_ms: int | None = None
    agreed_ms: int | None = None
    """When the venue's legs last equalled ours."""
    agreed_asked_ms: int = 0
    """When the question behind that answer was asked."""
    disagreements: int = 0
    """Readings in a row whose legs executions could not explain."""
    disagreed_asked_ms: int = 0
    """When the question behind the first of them was asked, or our books moved since."""
    failures: int = 0
    urgent: str = "start"
    """Why a reading is wanted before its time; empty: it is not."""
    urgent_ms: int = 0
    not_before_ms: int = 0
    """No question sooner than this: the one before failed, or settled nothing."""
    answered_asked_ms: int = 0
    """When the question that was answered last had been asked."""
    history_asked_ms: int | None = None
    deep_asked_ms: int | None = None
    """When executions were last asked for from far back."""

    def want(self, why: str, now_ms: int) -> None:
        """Ask for a reading before its time; only one asked for after this will do."""
        self.urgent, self.urgent_ms = why, now_ms

    def answered(self, asked_ms: int, now_ms: int) -> None:
        """A reading arrived, begun at `asked_ms`."""
        self.answered_asked_ms = asked_ms
        self.asked_ms, self.answered_ms, self.failures = None, now_ms, 0
        if asked_ms >= self.urgent_ms:
            self.urgent = ""

    def agreed(self, now_ms: int) -> None:
        """The reading that arrived last equals our books."""
        self.agreed_ms, self.agreed_asked_ms, self.disagreements = now_ms, self.answered_asked_ms, 0

    def disagreed(self) -> None:
        """The reading that arrived last has legs that no execution explains."""
        if not self.disagreements:
            self.disagreed_asked_ms = self.answered_asked_ms
        self.disagreements += 1

    def books_moved(self, now_ms: int) -> None:
        """Our books moved: what disagrees with them from here on is a new disagreement, and has to outlive every lag anew."""
        if self.disagreements:
            self.disagreements, self.disagreed_asked_ms = 1, now_ms


@dataclass(slots=True)
class Measures:
    """What the breakers measure by. Equity in USD, funding in USDT; baselines of zero: not known yet."""

    since_ms: int | None = None
    """When the baselines were first taken."""
    day: int = -1
    equity: Decimal | None = None
    """As of the last reading; None: not read yet."""
    loan: tuple[Decimal, Decimal] = (ZERO, ZERO)
    """(principal, pledged BTC) of the Crypto Loan that is in it."""
    told: dict[str, Decimal] = field(default_factory=dict)
    """Transfers that the log has told since the last reading, by coin."""
    moved: dict[str, Decimal] = field(default_factory=dict)
    """Transfers that are in the equity and not yet in the baselines, by coin."""
    loan_then: tuple[Decimal, Decimal] = (ZERO, ZERO)
    """The loan that is in the baselines."""
    equity_at_dawn: Decimal = ZERO
    equity_peak: Decimal = ZERO
    funding_at_dawn: Decimal = ZERO
    rejects: int = 0
    """Orders refused in a row, but for want."""
    wants: int = 0
    """Orders refused for want since one was accepted."""
    tripped_on: dict[str, int] = field(default_factory=dict)
    """The day on which a breaker tripped last, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Emergency:
    """An emergency verb that is being carried out."""

    verb: Verb
    why: str
    began_ms: int


@dataclass(slots=True)
class ProfitBook:
    """The cycle of perp profit, and what is being done about it. USDT."""

    cycle: ProfitCycle | None = None
    began_ms: int | None = None
    is_unsure: bool = False
    """Legs were adopted: what the perps earned since the cycle began is not known any more."""
    taking: Realising | None = None
    realised_before: Decimal = ZERO
    fees_before: Decimal = ZERO
    """Of the ledger, when the taking began."""
    tried_ms: int | None = None
    resting_until_ms: int = 0
    """The perps were closed: until then the bare spot is the target."""
    shared: Decimal = ZERO
    last: ProfitRealised | None = None
    last_ms: int | None = None


@dataclass(slots=True)
class State:
    config: EngineConfig
    ledger: Ledger
    blotter: Blotter
    market: MarketBook
    cash: CashBook
    instrument: Instrument | None = None
    instrument_ms: int | None = None
    """When its filters were read; None: they are wanted anew."""
    wallet: Wallet | None = None
    wallet_ms: int = 0
    wallet_legs: Decimal = ZERO
    """Size of both legs together that the wallet's margin is of."""
    wallet_mark: Decimal | None = None
    """The mark price when it arrived: its margin rates are of that price."""
    holding: Holding = field(default_factory=Holding)
    facts: AccountFacts | None = None
    channels: dict[Channel, ChannelState] = field(default_factory=lambda: {c: ChannelState() for c in Channel})
    readings: Readings = field(default_factory=Readings)

    mode: Mode = Mode.STARTING
    why: str = "not started"
    broken: str = ""
    """Our books contradicted themselves: halted until a person resumes."""
    latched: str = ""
    """The latch on disk is closed: halted until it is lifted."""
    emergency: Emergency | None = None
    lifted_ms: int | None = None
    """When the latch was last lifted: for a while after, another hand's trade closes it again."""
    unwritable: str = ""
    """The journal takes no records: nothing may leave but what takes risk away."""
    throttled: str = ""
    """We traded and traded and came no nearer: halted until a person resumes."""
    tripped: dict[str, str] = field(default_factory=dict)
    """Breakers that are tripped, by name, and why."""
    measures: Measures = field(default_factory=Measures)
    paused: str = ""
    held: str = ""
    """What the preflight found against trading; empty: nothing, or nobody ran it."""
    stopping: str = ""
    outside_funding: OutsideFunding = field(default_factory=OutsideFunding)

    run: str = ""
    version: str = ""
    settings_hash: str = ""
    world: str = ""
    started_ms: int | None = None
    orders_made: int = 0
    numbers: dict[str, int] = field(default_factory=dict)
    """The highest number of an order given out or heard of, by run: ours, and of any other HedgeLock."""
    stranger: str = ""
    """The order of another HedgeLock that the fact taken in last told of."""
    decisions_made: int = 0

    read_up_to_ms: int | None = None
    """When the last whole reading was begun: the executions before it are in the books. Outlives a restart."""
    foreign_orders: frozenset[str] = frozenset()
    """Open orders of another hand, by orderId, as the last reading showed them."""
    foreign_news: tuple[OrderRow, ...] = ()
    """Those that the reading before did not show."""
    unread: frozenset[str] = frozenset()
    """What the last reading left out because it cannot be read."""
    unread_news: tuple[str, ...] = ()
    """What of it the reading before did not leave out."""

    loan: LoanBook = field(default_factory=LoanBook)

    hedge: Hedge | None = None
    memory: Memory = FIRST_MEMORY
    last_decided: Decided | None = None
    last_decided_ms: int | None = None
    is_held_back: bool = False
    """The last decision wants only what the mode forbids: its hedge was not begun."""
    last_hedge_ms: int | None = None
    asked_to_rehedge: str = ""
    hand: Operator = NO_OPERATOR
    """What a person rules over the strategy; its `urgent_event` comes from `urgent`."""
    urgent: str = ""
    """What moved a leg without us, until a decision has answered it."""
    asked_to_repay: OperatorAsked | None = None
    profit: ProfitBook = field(default_factory=ProfitBook)
    realise_wanted: RealiseWanted | None = None
    """Somebody wants profit turned into cash."""
    realise_wanted_ms: int = 0
    """Since when: it lapses."""
    executed: deque[HedgeEnded] = field(default_factory=lambda: deque(maxlen=KEPT_EXECUTED))
    """The last hedges that traded, newest last."""
    hedges: deque[Tried] = field(default_factory=lambda: deque(maxlen=MOST_HEDGES))
    """The last hedges that traded."""
    given_up: int = 0
    """Hedges in a row that were given up without a fill."""
    given_up_ms: int = 0
    decisions: deque[tuple[int, Decided]] = field(default_factory=lambda: deque(maxlen=KEPT_DECISIONS))
    bad_inputs: Counter[str] = field(default_factory=Counter)
    records: int = 0

    book: Figure[Book] = field(default_factory=Figure, repr=False)
    lot: Figure[Lot] = field(default_factory=Figure, repr=False)
    wish: Figure[Wish] = field(default_factory=Figure, repr=False)
    """What the strategy reads of legs and contract, and what it wants before it knows a price: work remembered."""
    answer: Figure[Decision] = field(default_factory=Figure, repr=False)
    """The strategy's last answer."""
    calm: Figure[bool] = field(default_factory=Figure, repr=False)
    """No breaker is tripped, and none trips."""

    @classmethod
    def blank(cls, config: EngineConfig) -> State:
        return cls(
            config=config,
            ledger=Ledger(symbol=config.symbol),
            blotter=Blotter(),
            market=MarketBook(window=config.volatility, funding_normal_apr=config.funding_normal_apr),
            cash=CashBook(),
        )

    def see_wallet(self, wallet: Wallet, now_ms: int) -> None:
        """Take a wallet in. One without the coin says nothing of it."""
        self.wallet, self.wallet_ms, self.wallet_legs = wallet, now_ms, self.ledger.gross
        self.wallet_mark = self.market.ticker.mark if self.market.ticker else None
        if (coin := wallet.coin(self.config.coin)) is not None:
            least = self.instrument.qty_step if self.instrument else ZERO
            self.holding.see(coin.equity, now_ms, least=least, believed_after_ms=self.config.patience.lease_ms)

    def see_strangers(self, hands: dict[str, OrderRow], unread: tuple[str, ...]) -> None:
        """Take in what a reading shows that is not ours, or not readable: what the one before did not show is news."""
        self.foreign_news = tuple(row for name, row in hands.items() if name not in self.foreign_orders)
        self.foreign_orders = frozenset(hands)
        self.unread_news = tuple(row for row in unread if row not in self.unread)
        self.unread = frozenset(unread)

    @contextmanager
    def as_if(self, wallet: Wallet, now_ms: int) -> Iterator[None]:
        """What if: inside, this wallet has just come. Nothing is to be folded meanwhile."""
        known = self.wallet, self.wallet_ms, self.wallet_legs, self.wallet_mark
        self.wallet, self.wallet_ms, self.wallet_legs = wallet, now_ms, self.ledger.gross
        self.wallet_mark = self.market.ticker.mark if self.market.ticker else None
        try:
            yield
        finally:
            self.wallet, self.wallet_ms, self.wallet_legs, self.wallet_mark = known

    def adopt_legs(self, record: LegsAdopted) -> None:
        """The venue's legs are ours; the wallet of the same reading is of them."""
        self.ledger.adopt(record)
        self.wallet_legs = self.ledger.gross

    def explain_holding(self, change: Decimal, now_ms: int) -> None:
        """A spot trade of the coin was booked."""
        least = self.instrument.qty_step if self.instrument else ZERO
        self.holding.explain(change, now_ms, least=least, believed_after_ms=self.config.patience.lease_ms)

    @property
    def spot(self) -> Decimal | None:
        """The BTC to hedge: the wallet's, and what is pledged in a Crypto Loan; None while one of them has not said."""
        if self.config.fixed_spot is not None:
            return self.config.fixed_spot
        if not self.config.loan.may_hold_btc:
            return self.holding.qty
        if self.holding.qty is None or self.loan.pledged is None:
            return None
        if self.loan.structure is Structure.UTA and not self.holding.qty:
            return None  # a debt inside the account and nothing behind it: a reading that left the coin out
        return self.holding.qty + self.loan.pledged

    @property
    def is_on_a_round_trip(self) -> bool:
        """Whether a leg may stand elsewhere than where it will be brought back to in a moment."""
        return self.hedge is not None and self.hedge.returns

    @property
    def is_settled(self) -> bool:
        """Whether the legs are what they seem: nothing of ours in flight, no execution missing."""
        return self.blotter.is_settled and not self.ledger.is_waiting

    def spot_moved(self, hedge: Hedge) -> bool:
        """Whether the holding is another one than the hedge was decided for."""
        least = self.instrument.qty_step if self.instrument else ZERO
        return self.spot is not None and abs(hedge.spot - self.spot) > least

    @property
    def wants_attention(self) -> bool:
        """Something happened that a patient order must not make wait."""
        return bool(self.urgent or self.asked_to_rehedge or self.realise_wanted)

    @property
    def delta(self) -> Decimal | None:
        """Spot + long - short of the booked legs; None while the spot or the books are unknown."""
        if self.spot is None or not self.ledger.is_open:
            return None
        return self.spot + self.ledger.net
