"""The settings of the event stream, both ways.

Knows names, units, defaults and ranges. Does not know the protocol. A new key is one line here.
"""

from __future__ import annotations

from pydantic import field_validator

from bot.settings.sections import Section, key

__all__ = ["KafkaSettings"]


class KafkaSettings(Section):
    """The event stream: told by `hedgelock publish`, a process of its own; the daemon hears `context_topic`. Needs the extra `kafka`."""

    bootstrap_servers: str = key("", "brokers, host:port, comma-separated", room="stream")
    topic_prefix: str = key("", "stands before every topic's name, say hedgelock.", room="stream")
    properties: str = key("", "file of librdkafka settings (TLS, SASL), one name=value a line", room="stream")
    metrics_host: str = key("127.0.0.1", "address of its own /metrics", room="stream")
    metrics_port: int = key(9097, "port of its own /metrics; 0 = none", room="stream", ge=0, le=65535)

    context_topic: str = key(
        "", "topic of another system's funding_context that may hold the engine back; empty = none", room="stream"
    )
    context_stale_s: int = key(
        32_400, "how long its last word counts", unit="s market", room="engine", ge=60, le=172_800
    )

    @field_validator("bootstrap_servers")
    @classmethod
    def _host_and_port(cls, value: str) -> str:
        for server in filter(None, (part.strip() for part in value.split(","))):
            host, colon, port = server.rpartition(":")
            if not (host and colon and port.isdigit() and 0 < int(port) < 65536):
                raise ValueError(f"{server} is not host:port")
        return value

    @field_validator("topic_prefix", "context_topic")
    @classmethod
    def _legal(cls, value: str) -> str:
        if not all(sign.isascii() and (sign.isalnum() or sign in "._-") for sign in value) or len(value) > 100:
            raise ValueError("may hold letters, digits, dots, underscores and dashes only")
        return value
