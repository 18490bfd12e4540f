"""The accounts a simulator opens with: their keys, and the book each starts with.

Knows amounts and how one is said on a command line; does not know the venue, so that whoever needs only the paper account's key
(the daemon in paper mode) does not load one.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from typing import Any, Self

__all__ = ["PAPER_ACCOUNT", "AccountOptions", "OptionsError"]


class OptionsError(ValueError):
    """Options that cannot be served; the message says which and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountOptions:
    """One account: its keys and the book it starts with. Amounts in coin; legs are entered at the tape's first price.

    `loan_usdt` is borrowed inside the unified account and spent: USDT balance = `cash_usdt`, liability = `loan_usdt`.
    The owner's key is for foreign hands: same account, same powers, another name.
    """

    name: str = "paper"
    api_key: str = "hedgelock-paper"
    api_secret: str = field(default="hedgelock-paper-secret", repr=False)
    owner_key: str = "hedgelock-owner"
    owner_secret: str = field(default="hedgelock-owner-secret", repr=False)
    rsa_public_key: str = ""
    btc: Decimal = Decimal("0.27")
    cash_usdt: Decimal = Decimal(0)
    loan_usdt: Decimal = Decimal(16200)
    funding_usdt: Decimal = Decimal(0)
    funding_btc: Decimal = Decimal(0)
    long_btc: Decimal = Decimal("0.213")
    short_btc: Decimal = Decimal("0.213")
    hedge_mode: bool = True
    leverage: Decimal = Decimal(25)

    def parse(self, text: str) -> Self:
        """An account written on a command line, like this one but for what it says: NAME or NAME:key=value,key=value.

        Its keys are hedgelock-NAME and hedgelock-NAME-owner, their secrets the same with -secret behind, unless it says otherwise.
        Raises OptionsError.
        """
        name, _, rest = text.partition(":")
        if not name.isidentifier():
            raise OptionsError(f"{text!r}: an account's name is letters, digits and _, and does not begin with a digit")
        said: dict[str, Any] = dict(part.partition("=")[::2] for part in rest.split(",") if part)
        unknown = sorted(set(said) - set(_SAYABLE))
        if unknown:
            raise OptionsError(f"{text!r}: no {', '.join(unknown)}; there are: {', '.join(_SAYABLE)}")
        for key, value in said.items():
            said[key] = _said(text, key, value)
        keys = {} if name == self.name else _keys_of(name)
        return replace(self, name=name, **{**keys, **said})


_AMOUNTS = ("btc", "cash_usdt", "loan_usdt", "funding_usdt", "funding_btc", "long_btc", "short_btc", "leverage")
_SAYABLE = (*_AMOUNTS, "hedge_mode", "api_key", "api_secret", "owner_key", "owner_secret")


def _keys_of(name: str) -> dict[str, str]:
    trader, owner = f"hedgelock-{name}", f"hedgelock-{name}-owner"
    secrets = {"api_secret": f"{trader}-secret", "owner_secret": f"{owner}-secret"}
    return {"api_key": trader, "owner_key": owner, **secrets}


def _said(text: str, key: str, value: str) -> Decimal | bool | str:
    if key == "hedge_mode":
        if value not in ("true", "false"):
            raise OptionsError(f"{text!r}: hedge_mode is true or false, not {value!r}")
        return value == "true"
    if key not in _AMOUNTS:
        return value
    try:
        number = Decimal(value)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or number < (1 if key == "leverage" else 0) or number > 10**9:
        raise OptionsError(f"{text!r}: {key} is an amount, not {value!r}")
    return number


PAPER_ACCOUNT = AccountOptions()
