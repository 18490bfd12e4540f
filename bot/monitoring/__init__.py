"""The window: what the bot is and why, for people (a page), programs (a JSON API), health checks and Prometheus.

Knows only `BotView`, a picture of the engine, and the vitals of the process; it holds no keys, asks no venue, and cannot act.
Begin at `web.Web`, which binds and serves; `present` names every field that leaves, `health` says what well means.
"""
