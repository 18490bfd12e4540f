"""The first thing to do about an alert, in a sentence that can be read and followed from a phone at night.

Kind -> sentence; what has none needs no hand at once. The whole of it is the chapter of the same name in docs/alerts.md.
"""

from __future__ import annotations

__all__ = ["FIRST", "first"]

FIRST = {
    "halted": "Read the reason, compare the legs with Bybit's own page, mend the cause; then resume, with a reason.",
    "emergency": "Wait for the message that says what is left. If it was nobody of yours, look at the legs on Bybit's own page.",
    "blind": "Wait two minutes: it mends itself when the stream is back. If it lasts, is Bybit in maintenance? hedgelock doctor",
    "reducing": "The reason says what is missing; a full disk is the usual one. Make room, it goes on by itself.",
    "observing": "The hedge is not kept up: hedgelock doctor names what stands against it; a pause ends with resume.",
    "not-started": "hedgelock doctor says what it waits for.",
    "order-unknown": "Wait: it is asked for by its id. Do not place it by hand.",
    "off-target": "Ask why (hedgelock explain --last, or /why); rehedge asks for a decision now.",
    "ltv": "Add collateral or repay before the next rung.",
    "margin": "Transfer USDT into the account before the next rung, or repay.",
    "loop-lag": "Look at what else this machine does: its CPU, its disk, whether it was suspended.",
    "breaker-tripped": "No leg grows: look at the figure and its limit. To reset all of them: resume, with a reason.",
    "emergency-done": "Look at what is left beside the loan. When it shall trade again: resume, with a reason.",
    "emergency-failed": "It is not done. Look at the legs on Bybit's own page, or: scripts/kill_switch.py --dry-run",
    "order-unresolved": "Look for the order on Bybit's own page. Not wanted there: scripts/kill_switch.py freeze --yes",
    "repayment-unresolved": "Look at Bybit's repayment history; do not pay it again. If the message says so, a resume ends it.",
    "liquidated": "Look at the loan before anything else: the coin may be unhedged. Then resume, with a reason.",
    "deleveraged": "Wait for the next decision, which restores the hedge if it may: hedgelock explain --last",
    "second-writer": "Find the other daemon of this account and stop it for good; then resume the one that stays.",
    "foreign-trade": "If it was not you: scripts/kill_switch.py freeze --yes, then revoke every API key at Bybit.",
    "books-broken": "Pack a bundle (hedgelock bundle), then resume: the books begin again from the venue's legs.",
    "journal-unwritable": "Make room on the disk, or look at it; the bot goes on by itself.",
    "operator": "If it was not you: pause, change the tokens, restart.",
    "stopping": "The hedge stays on. If nobody stopped it, look at the supervisor.",
}


def first(kind: str) -> str:
    """The sentence for a kind, "" where there is none."""
    return FIRST.get(kind, "")
