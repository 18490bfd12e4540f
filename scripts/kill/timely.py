"""Connections whose answers are whole in time, or are none.

Knows that a client's own patience begins anew with every drop that comes: a host that lets its answer drip would hold a thread for ever.
"""

from __future__ import annotations

from http.client import HTTPResponse
from io import BufferedReader, RawIOBase
from socket import socket
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from bot.domain.clock import elapsed_s

__all__ = ["Timely"]


class _Reading(RawIOBase):
    """One answer's bytes: each read has the time that is left of the first one's. Raises TimeoutError."""

    def __init__(self, sock: socket) -> None:
        self._sock, self._bytes = sock, sock.makefile("rb", buffering=0)
        self._until_s = elapsed_s() + (sock.gettimeout() or 0.0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if (left_s := self._until_s - elapsed_s()) <= 0:
            raise TimeoutError("an answer that did not end in time")
        self._sock.settimeout(left_s)
        return self._bytes.readinto(buffer)

    def close(self) -> None:
        self._bytes.close()
        super().close()


class _Answer(HTTPResponse):
    """What one request is answered, read by the reading above and not by the socket's own."""

    def __init__(self, sock: socket, *more: Any, **options: Any) -> None:
        super().__init__(sock, *more, **options)
        self.fp.close()
        self.fp = BufferedReader(_Reading(sock))


class _Connection(HTTPConnection):
    response_class = _Answer


class _SecureConnection(HTTPSConnection):
    response_class = _Answer


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class Timely(HTTPAdapter):
    """For `requests`. From `address`, if that is told: then only hosts of its kind (IPv4 or IPv6) can be reached."""

    def __init__(self, address: str = "") -> None:
        self._address = address
        super().__init__()

    def init_poolmanager(self, *sizes: Any, **options: Any) -> None:
        where = {"source_address": (self._address, 0)} if self._address else {}
        super().init_poolmanager(*sizes, **options | where)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
