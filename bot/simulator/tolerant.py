"""An HTTP server that forgives one thing: blanks in a request line.

ccxt's asynchronous client sends `?vipLevel=No VIP` as it stands. What Bybit makes of it is not documented; aiohttp's parser refuses it.
"""

from __future__ import annotations

from aiohttp import web

__all__ = ["TolerantRunner"]

_VERBS = (b"GET ", b"POST ")
_END = b" HTTP/1.1"


class _Handler(web.RequestHandler):
    __slots__ = ()

    def data_received(self, data: bytes) -> None:
        super().data_received(_mended(data) if data.startswith(_VERBS) else data)


def _mended(data: bytes) -> bytes:
    """`data` with the blanks of its request line's target percent-encoded."""
    line, separator, rest = data.partition(b"\r\n")
    if line.count(b" ") == 2 or not line.endswith(_END):
        return data
    verb, _, target = line.removesuffix(_END).partition(b" ")
    return verb + b" " + target.replace(b" ", b"%20") + _END + separator + rest


class _Server(web.Server):
    def __call__(self) -> web.RequestHandler:
        return _Handler(self, loop=self._loop, **self._kwargs)


class TolerantRunner(web.AppRunner):
    """An AppRunner whose connections forgive blanks."""

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        server.__class__ = _Server  # the application makes its own server and asks nobody which
        return server
