"""Market time: as fast as asked, paused, stepped, and never backwards."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.simulator.history import History
from bot.simulator.player import MOST_TICKS_AT_ONCE, Pace, Player
from bot.simulator.tape import DEFAULT_START_MS, Tape, sample_bars, sample_rates
from bot.simulator.venue import Tick, Venue

BARS, RATES = sample_bars(), sample_rates()


class Watch:
    """Real time moved by hand."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def a_player(rate: float = 60.0, *, paused: bool = False) -> tuple[Player, Watch]:
    watch, tape = Watch(), Tape(BARS, RATES, start_ms=DEFAULT_START_MS)
    pace = Pace(origin_ms=tape.start_ms, rate=rate, paused=paused, elapsed=watch)
    return Player(Venue(seed=1, now_ms=tape.start_ms), tape, History(tape), pace), watch


def test_a_second_of_real_time_is_a_minute_of_the_market() -> None:
    """At speed 60, with every tick in between played."""
    player, watch = a_player()
    player.catch_up()
    watch.now_s += 1
    player.catch_up()

    assert player.venue.now_ms == DEFAULT_START_MS + 60_000
    assert player.ticks_played == 61


def test_time_between_ticks_passes_too() -> None:
    """A request meets the market of its own moment."""
    player, watch = a_player()
    watch.now_s += 0.01
    player.catch_up()

    assert player.venue.now_ms == DEFAULT_START_MS + 600


def test_a_paused_market_stands_still_and_can_be_stepped() -> None:
    """By milliseconds or by ticks; then it goes on from where it stands."""
    player, watch = a_player(paused=True)
    watch.now_s += 5
    player.catch_up()
    assert player.ticks_played == 0

    player.step_ms(2500)
    assert (player.venue.now_ms, player.ticks_played) == (DEFAULT_START_MS + 2500, 3)
    player.step_ticks(2)
    assert (player.venue.now_ms, player.ticks_played) == (DEFAULT_START_MS + 4000, 5)
    player.pace.resume()
    watch.now_s += 1
    player.catch_up()
    assert player.venue.now_ms == DEFAULT_START_MS + 64_000


def test_the_speed_can_change_on_the_way() -> None:
    """Without a jump."""
    player, watch = a_player()
    watch.now_s += 1
    player.pace.set(rate=600)
    watch.now_s += 1

    assert player.pace.now_ms() == DEFAULT_START_MS + 660_000
    with pytest.raises(ValueError, match="above 0"):
        player.pace.set(rate=0)


def test_a_machine_that_cannot_follow_lets_market_time_slip() -> None:
    """No request waits behind an hour of ticks."""
    player, watch = a_player(rate=100_000)
    for _ in range(2):
        watch.now_s += 1
        player.catch_up()

    assert player.ticks_played == 2 * MOST_TICKS_AT_ONCE
    assert player.pace.now_ms() == player.venue.now_ms


def test_a_market_that_was_stopped_catches_up() -> None:
    """A container paused for a minute: time had slipped, the daemon's watch had not, and every price was stale for it from then on."""
    player, watch = a_player(rate=240)
    watch.now_s += 60
    for _ in range(3):
        player.catch_up()
        watch.now_s += 0.3

    assert player.ticks_played > 2 * MOST_TICKS_AT_ONCE
    assert player.venue.now_ms == DEFAULT_START_MS + round(60.6 * 240_000)


def test_a_price_that_comes_late_counts_when_it_comes() -> None:
    """A live host is always a little behind; time never goes backwards for it."""
    player, _ = a_player()
    player.venue.advance(DEFAULT_START_MS + 900)
    price = Decimal("115000.0")
    player.bend = lambda tick: (Tick(at_ms=tick.at_ms - 500, last=price, mark=price, index=price),)

    player.step_ticks(1)

    assert player.venue.now_ms == DEFAULT_START_MS + 900
    assert player.venue.state.market.last == price
