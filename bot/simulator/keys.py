"""What an API key says about itself: permissions, bound addresses, expiry (Bybit: user/apikey-info).

Knows no secret and checks no signature: the face does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bot.simulator.pages import DAY_MS

__all__ = ["ALL_PERMISSIONS", "KeyInfo", "key_row"]

ALL_PERMISSIONS: Mapping[str, tuple[str, ...]] = {
    "ContractTrade": ("Order", "Position"),
    "Spot": ("SpotTrade",),
    "Wallet": ("AccountTransfer",),
    "Derivatives": ("DerivativesTrade",),
    "Exchange": ("ExchangeHistory",),
}
"""What a trading key normally holds: no withdrawal."""

_GROUPS = (
    *("ContractTrade", "Spot", "Wallet", "Options", "Derivatives", "CopyTrading", "BlockTrade", "Exchange", "NFT"),
    *("Affiliate", "Earn", "FiatP2P", "FiatConvertBroker", "FiatGlobalPay", "FiatBitPay", "BitCard", "ByXPost"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyInfo:
    """One key's public facts. `ips` empty = not bound; `expires_ms` None = bound keys never expire (deadlineDay -2, 1970)."""

    api_key: str = "XXXXXXXX"
    note: str = "simulated"
    read_only: bool = False
    permissions: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: dict(ALL_PERMISSIONS))
    ips: tuple[str, ...] = ()
    created_ms: int = 0
    expires_ms: int | None = None
    rsa_public_key: str = ""

    def may(self, permission: str) -> bool:
        """Does the key hold `permission` ("Order", "SpotTrade", ...)? "any" is held by every key; a read-only key holds nothing else."""
        return permission == "any" or any(permission in held for held in self.permissions.values())


def key_row(key: KeyInfo, uid: int, now_ms: int) -> dict[str, Any]:
    """The result of /v5/user/query-api. `now_ms` is the clock the expiry is counted from."""
    expires = key.expires_ms
    return {
        "id": str(2_000_000 + uid % 1_000_000),
        "note": key.note,
        "apiKey": key.api_key,
        "readOnly": int(key.read_only),
        "secret": "",
        "permissions": {group: list(key.permissions.get(group, ())) for group in _GROUPS},
        "ips": list(key.ips) or ["*"],
        "type": 1,
        "deadlineDay": -2 if expires is None else max(0, (expires - now_ms) // DAY_MS),
        "expiredAt": _iso(expires or 0),
        "createdAt": _iso(key.created_ms or now_ms - DAY_MS),
        "unified": 0,
        "uta": 1,
        "userID": uid,
        "inviterID": 0,
        "vipLevel": "No VIP",
        "mktMakerLevel": "0",
        "affiliateID": 0,
        "rsaPublicKey": key.rsa_public_key,
        "isMaster": True,
        "parentUid": "0",
        "kycLevel": "LEVEL_1",
        "kycRegion": "",
        "userIDInt64": str(uid),
        "inviterIDInt64": "0",
        "affiliateIDInt64": "0",
    }


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
