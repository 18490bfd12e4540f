"""How far behind the stream is, as metrics of its own: the daemon's know nothing of it."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server

from bot.domain.errors import SetUp

__all__ = ["REGISTRY", "count", "serve", "show"]

REGISTRY = CollectorRegistry()
_LAG = Gauge("hedgelock_stream_lag_records", "Journal records not yet confirmed by the broker", registry=REGISTRY)
_SENT = Counter("hedgelock_stream_messages", "Messages confirmed by the broker, by topic", ["topic"], registry=REGISTRY)


def serve(host: str, port: int) -> None:
    """Answer /metrics on this address for as long as the process lives. Raises SetUp where the port is taken."""
    try:
        start_http_server(port, addr=host, registry=REGISTRY)
    except OSError as error:
        raise SetUp(f"{host}:{port} cannot be listened on: {error}", "Set HEDGELOCK__KAFKA__METRICS_PORT") from error


def show(records: int) -> None:
    """The present lag."""
    _LAG.set(records)


def count(topics: Iterable[str]) -> None:
    """Messages that were just confirmed."""
    for topic in topics:
        _SENT.labels(topic).inc()
