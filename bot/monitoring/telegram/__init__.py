"""Remote control by Telegram: it tells allow-listed chats how the bot stands, and takes verbs that are confirmed by a one-time code.

Knows Telegram's Bot API and the view; it acts only through `Hands`, and never speaks to a chat that is not listed.
Begin at `control.Control`, the task; `answers` writes what is said, `codes` guards the verbs, `wire` talks to Telegram.
"""
