"""The checks of the preflight: each one small function from the facts to a finding, and the table that puts them in order.

To add one: a function, and its row in CHECKS with the class of its exit code; `stops` where no daemon should even run.
"""

from __future__ import annotations

from bot.domain import names
from bot.exit_codes import ExitCode
from bot.modes import Mode
from bot.preflight import debt
from bot.preflight.findings import Check, Facts, Finding, Grade, account_of, is_silent, not_said, passed

__all__ = ["CHECKS"]

LEAST_FREE_MB, EASY_FREE_MB = 50, 500
LATEST_CLOCK_MS = 1000
EXPIRY_WARNING_DAYS = 14
USUAL_FUNDING_MIN = 480
DEAR_TAKER_FEE = 0.001
LEAST_HEADROOM = 0.2


def _environment(facts: Facts) -> Finding:
    settings = facts.settings
    where = "a local Bybit, no money" if settings.mode is Mode.PAPER else settings.endpoints().rest_url
    return passed(f"{settings.mode.value}, {where}")


def _reach(facts: Facts) -> Finding:
    if facts.account is None:
        if not facts.silence:
            return Finding(Grade.UNKNOWN, "not asked before the journal's disk answers", "First the disk")
        return Finding(Grade.FAIL, facts.silence, "Is the network up, the host right, Bybit in maintenance?")
    if facts.account.banned_for_s:
        wait_s = facts.account.banned_for_s
        return Finding(
            Grade.FAIL, f"HTTP 403: silence for another {wait_s:.0f} s", "Wait; every request makes a ban longer"
        )
    if is_silent(facts.account):
        return Finding(Grade.FAIL, next(iter(facts.account.failed.values())), "Is the network up, the host right?")
    return passed("the exchange answers")


def _key(facts: Facts) -> Finding:
    account = account_of(facts)
    if account.refused:
        why = next(iter(account.failed.values()))
        return Finding(
            Grade.FAIL,
            why,
            "A key works in one world only, from its bound addresses only: check both, or make a new one",
        )
    return passed("the key is taken") if account.facts else not_said(facts, "account")


def _uid(facts: Facts) -> Finding:
    account, wanted = account_of(facts).facts, facts.settings.bybit.expected_uid
    if account is None:
        return not_said(facts, "account")
    if wanted and account.uid != wanted:
        return Finding(
            Grade.FAIL, f"the key is of account {account.uid}, not {wanted}", "Use the key of the account you mean"
        )
    if not wanted and facts.settings.mode is Mode.MAINNET:
        return Finding(
            Grade.WARN, f"account {account.uid}, not pinned", f"Set HEDGELOCK__BYBIT__EXPECTED_UID={account.uid}"
        )
    return passed(f"account {account.uid}")


def _withdraw(facts: Facts) -> Finding:
    account = account_of(facts)
    if account.facts is None:
        return not_said(facts, "account")
    if account.facts.can_withdraw:
        return Finding(
            Grade.FAIL, "the key may withdraw", "Make a key without that right: whoever steals it could take the coins"
        )
    return passed("the key may not withdraw")


def _rights(facts: Facts) -> Finding:
    account, loan = account_of(facts), facts.settings.loan
    if account.facts is None or not account.rights:
        return not_said(facts, "account", "key")
    if account.facts.read_only or not account.facts.can_trade:
        return Finding(
            Grade.FAIL, "the key may not trade: it can only observe", "Allow it contract orders and positions"
        )
    held = {right for rights in account.rights.values() for right in rights}
    wanted = {"SpotTrade": "repay the loan", "AccountTransfer": "move coins to the loan"} if loan.enabled else {}
    missing = [f"{right} (to {what})" for right, what in wanted.items() if right not in held]
    if missing:
        mend = "Allow it on the key, or set HEDGELOCK__LOAN__ENABLED=false"
        return Finding(Grade.WARN, f"the key lacks {', '.join(missing)}", mend)
    return passed("the key has the rights that the settings need")


def _addresses(facts: Facts) -> Finding:
    account = account_of(facts).facts
    if account is None:
        return not_said(facts, "account")
    if not account.ip_bound and facts.settings.mode is not Mode.PAPER:
        return Finding(
            Grade.WARN,
            "the key is bound to no address",
            "Bind it to this machine's: else it expires in 90 days, and serves thieves",
        )
    return passed("bound to addresses" if account.ip_bound else "not bound; this is paper")


def _expiry(facts: Facts) -> Finding:
    account = account_of(facts).facts
    if account is None:
        return not_said(facts, "account")
    days = account.expires_in_days
    if days is None:
        return passed("the key does not expire")
    if days <= EXPIRY_WARNING_DAYS:
        return Finding(
            Grade.WARN, f"the key expires in {days} days", "Renew it on Bybit's page, or bind it to an address"
        )
    return passed(f"the key lasts {days} days")


def _unified(facts: Facts) -> Finding:
    account = account_of(facts).facts
    if account is None:
        return not_said(facts, "account")
    return (
        passed("unified account")
        if account.unified
        else Finding(Grade.FAIL, "not a unified trading account", "Upgrade it on Bybit's page")
    )


def _position_mode(facts: Facts) -> Finding:
    account = account_of(facts)
    if account.facts is None or account.facts.hedge_mode is None:
        return not_said(facts, "account", "positions")
    if account.facts.hedge_mode:
        return passed("hedge mode")
    if account.flat:
        return Finding(
            Grade.FAIL, "one-way mode", "hedgelock doctor --fix switches it: there is neither position nor order"
        )
    return Finding(Grade.FAIL, "one-way mode, with a position or an order", "Close them, then hedgelock doctor --fix")


def _margin_mode(facts: Facts) -> Finding:
    account = account_of(facts).facts
    if account is None:
        return not_said(facts, "account")
    if account.margin_mode == "REGULAR_MARGIN":
        return passed("cross margin")
    return Finding(
        Grade.FAIL,
        f"margin mode {account.margin_mode}",
        "Set cross margin: in any other the BTC does not carry the legs",
    )


def _leverage(facts: Facts) -> Finding:
    found, wanted = account_of(facts).leverage, facts.settings.book.leverage
    if found is None:
        return not_said(facts, "positions")
    if all(value == wanted for value in found):
        return passed(f"{wanted}x both legs")
    line = f"{found[0]:f}x and {found[1]:f}x, the settings say {wanted}x"
    return Finding(Grade.WARN, line, "Set it on Bybit's page, or HEDGELOCK__BOOK__LEVERAGE")


def _collateral(facts: Facts) -> Finding:
    if facts.settings.book.spot_source == "fixed":
        return passed("the BTC lie elsewhere")
    if (found := account_of(facts).loan) is not None and found.pledged_btc:
        return passed("the BTC are pledged in the loan")
    match account_of(facts).btc_is_collateral:
        case None:
            return not_said(facts, "collateral")
        case True:
            return passed("BTC is collateral")
        case _:
            return Finding(
                Grade.FAIL,
                "BTC is not used as collateral",
                "Switch it on: without it every leg eats USDT that are borrowed",
            )


def _contract(facts: Facts) -> Finding:
    contract = account_of(facts).instrument
    if contract is None:
        said = not_said(facts, "contract")
        mend = f"The exchange lists only what trades now: does {facts.settings.book.symbol}? Nothing grows meanwhile"
        return said if is_silent(account_of(facts)) else said._replace(mend=mend)
    if contract.status != "Trading":
        return Finding(
            Grade.FAIL, f"{contract.symbol} is {contract.status}", "Wait until it trades; nothing grows meanwhile"
        )
    return passed(
        f"{contract.symbol}, step {contract.qty_step} BTC, tick {contract.tick_size} USDT, smallest {contract.min_qty} BTC"
    )


def _fees(facts: Facts) -> Finding:
    account = account_of(facts).facts
    if account is None:
        return not_said(facts, "account")
    if account.taker_fee is None or account.maker_fee is None:
        return passed("fee rates are not told here")
    line = f"taker {account.taker_fee:.4%}, maker {account.maker_fee:.4%}"
    return (
        Finding(Grade.WARN, line, "Dear: look at the account's tier")
        if account.taker_fee > DEAR_TAKER_FEE
        else passed(line)
    )


def _funding(facts: Facts) -> Finding:
    contract = account_of(facts).instrument
    if contract is None:
        return not_said(facts, "contract")
    line = f"funding every {contract.funding_interval_min} min"
    if contract.funding_interval_min == USUAL_FUNDING_MIN:
        return passed(line)
    return Finding(Grade.WARN, f"{line}, not {USUAL_FUNDING_MIN}", "Nothing to do: it is reckoned with; know it")


def _clock(facts: Facts) -> Finding:
    off_ms = account_of(facts).clock_off_ms
    if off_ms is None and is_silent(account_of(facts)):
        return not_said(facts)
    if off_ms is None:
        return Finding(Grade.WARN, "the venue's clock could not be read", "Is the network up?")
    if abs(off_ms) > LATEST_CLOCK_MS:
        return Finding(
            Grade.WARN,
            f"this machine's clock is off by {off_ms} ms",
            "Switch NTP on; requests go by the venue's clock meanwhile",
        )
    return passed(f"this machine's clock is off by {off_ms} ms")


def _disconnect(facts: Facts) -> Finding:
    has_cancel = account_of(facts).has_disconnect_cancel
    if has_cancel is None and is_silent(account_of(facts)):
        return not_said(facts)
    if has_cancel:
        return passed("Bybit cancels orders on disconnect")
    return passed("Bybit does not cancel on disconnect (it is for institutions): hedgelock watch stands in for it")


def _rate(facts: Facts) -> Finding:
    limits, left = facts.settings.limits, facts.account.headroom if facts.account else None
    line = f"at most {limits.max_orders_per_minute} orders a minute, {limits.max_orders_per_day} a day; a fifth is kept for cancels"
    if left is not None and left < LEAST_HEADROOM:
        mend = "Who else uses this account? Give this daemon a sub-account of its own"
        return Finding(Grade.WARN, f"{left:.0%} of the venue's rate was left while we looked; {line}", mend)
    return passed(line)


def _disk(facts: Facts) -> Finding:
    free_mb = facts.machine.free_mb
    if free_mb is None:
        return Finding(Grade.UNKNOWN, "the journal's disk cannot be looked at", "Let this user read its folder")
    if free_mb < LEAST_FREE_MB:
        return Finding(Grade.FAIL, f"{free_mb} MB are free", "Make room: what cannot be written down is not done")
    if free_mb < EASY_FREE_MB:
        return Finding(Grade.WARN, f"{free_mb} MB are free", "Make room soon")
    return passed(f"{free_mb} MB are free")


def _journal(facts: Facts) -> Finding:
    if facts.machine.journal_problem:
        mend = "Mend the file's rights, or move it aside" if facts.machine.free_mb is not None else "Look at that disk"
        return Finding(Grade.FAIL, facts.machine.journal_problem, mend)
    return passed(f"{facts.settings.journal_path} can be written")


def _writer(facts: Facts) -> Finding:
    here = facts.machine
    if here.rival:
        mend = "Stop it, or give one of the two an account of its own"
        return Finding(Grade.FAIL, f"process {here.rival} trades this account with another journal", mend)
    if here.writer:
        mend = "Right if that is your daemon; no second one will start"
        return Finding(Grade.WARN, f"process {here.writer} holds the journal", mend)
    return passed("nobody else holds the journal or the account")


def _host(facts: Facts) -> Finding:
    account = account_of(facts)
    order = account.newest_order
    if order is not None and names.is_strange(order.order_link_id, facts.issued):
        if names.is_of(order.order_link_id, facts.issued, facts.place):
            return Finding(
                Grade.WARN,
                f"order {order.order_link_id} is of a run of this journal, which has no record of it",
                "Right if its disk had failed",
            )
        return Finding(
            Grade.FAIL,
            f"order {order.order_link_id}, {account.newest_order_age_s / 60:.0f} min ago, is of another HedgeLock, or a copy of this one",
            "Stop it where it runs; start here; then hedgelock resume --reason '...'",
        )
    if odd := [link for link in account.unread_orders if names.is_strange(link, facts.issued)]:
        return Finding(
            Grade.UNKNOWN,
            f"order {odd[0]} is not of this journal, and its row cannot be read",
            "Look for it on Bybit's page",
        )
    if "order history" in account.failed:
        return not_said(facts, "order history")
    last = "the last order of a HedgeLock here is of this journal" if order else "no other HedgeLock has traded here"
    return passed(last)


def _latch(facts: Facts) -> Finding:
    if facts.machine.latch:
        return Finding(
            Grade.FAIL, f"closed: {facts.machine.latch}", "Look at the account; then hedgelock resume --reason '...'"
        )
    return passed("open")


def _alerts(facts: Facts) -> Finding:
    if not facts.settings.alerts.first_url.get_secret_value():
        return Finding(
            Grade.WARN, "no alert channel is set", "Set HEDGELOCK__ALERTS__FIRST_URL, then: hedgelock alerts test"
        )
    if facts.machine.deaf:
        mend = "Is the network up, the address right? Then: hedgelock alerts test"
        return Finding(Grade.WARN, "; ".join(facts.machine.deaf), mend)
    return passed("can be reached; whether a message arrives: hedgelock alerts test")


def _proxies(facts: Facts) -> Finding:
    if facts.machine.proxies:
        names = ", ".join(facts.machine.proxies)
        return Finding(
            Grade.WARN,
            f"{names} is set, and not used",
            "Nothing to do, unless this machine reaches the world by a proxy only",
        )
    return passed("no proxy in the environment")


_K, _A, _M = ExitCode.KEY, ExitCode.ACCOUNT, ExitCode.MACHINE
CHECKS: tuple[Check, ...] = (
    Check("environment", ExitCode.SETTINGS, _environment),
    Check("exchange", ExitCode.EXCHANGE, _reach),
    Check("key", _K, _key),
    Check("account", _K, _uid, stops=True),
    Check("withdrawal", _K, _withdraw, stops=True),
    Check("rights", _K, _rights),
    Check("addresses", _K, _addresses),
    Check("expiry", _K, _expiry),
    Check("unified", _A, _unified, stops=True),
    Check("position mode", _A, _position_mode),
    Check("margin mode", _A, _margin_mode),
    Check("leverage", _A, _leverage),
    Check("collateral", _A, _collateral),
    Check("auto repay", _A, debt.auto_repay),
    Check("loan", _A, debt.loan),
    Check("contract", _A, _contract),
    Check("fees", _A, _fees),
    Check("funding", _A, _funding),
    Check("clock", _A, _clock),
    Check("disconnect", _A, _disconnect),
    Check("order rate", ExitCode.SETTINGS, _rate),
    Check("disk", _M, _disk),
    Check("journal", _M, _journal),
    Check("second writer", ExitCode.OCCUPIED, _writer),
    Check("second host", ExitCode.OCCUPIED, _host, asks=True),
    Check("latch", _M, _latch),
    Check("alerts", _M, _alerts),
    Check("proxies", _M, _proxies),
)
