"""A venue must prove its name, on both roads."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random

import pytest
from aiohttp import web
from websockets.asyncio.server import serve

from bot.domain.clock import wall_ms
from bot.domain.errors import Refused
from bot.domain.events import ChannelChanged
from bot.exchange.budget import Budget
from bot.exchange.hosts import Credentials, Hosts
from bot.exchange.rest import NEVER_LEFT, Rest, Tell
from bot.exchange.socket import drive
from bot.simulator.tls import server_context
from tests.unit.exchange.scripted import KEY, SECRET, Box
from tests.unit.exchange.scripted import QUICK as REST_QUICK
from tests.unit.exchange.test_socket import QUICK, Side, a_market, port_of


async def ordered_at(tls: object) -> tuple[list[str], BaseException | None]:
    """(paths the venue saw, how the order ended) at a venue behind this certificate."""
    seen: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.path)
        return web.json_response({"retCode": 0, "result": {"orderId": "o1"}})

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()  # type: ignore[arg-type]
    here = f"127.0.0.1:{runner.addresses[0][1]}"
    hosts = Hosts(rest_url=f"https://{here}", public_ws_url=f"wss://{here}", private_ws_url=f"wss://{here}")
    try:
        async with Rest(
            hosts, Credentials(api_key=KEY, api_secret=SECRET), budget=Budget(), patience=REST_QUICK
        ) as rest:
            await rest.tell(Tell.CREATE_ORDER, {"symbol": "BTCUSDT"})
    except Refused as error:
        return seen, error
    finally:
        await runner.cleanup()
    return seen, None


async def test_an_order_does_not_leave_for_a_host_nobody_vouches_for(tmp_path: Path) -> None:
    """The handshake fails before a byte of the order: it is refused, not unknown, and the reason names the usual suspects."""
    seen, error = await ordered_at(server_context(tmp_path / "cert.pem", wall_ms()))

    assert isinstance(error, Refused)
    assert ([], NEVER_LEFT) == (seen, error.code)
    assert "interceptor" in error.reason


async def test_a_certificate_the_system_trusts_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator's own issuer in SSL_CERT_FILE counts."""
    tls = server_context(tmp_path / "cert.pem", wall_ms())
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))

    seen, error = await ordered_at(tls)

    assert (True, None) == ("/v5/order/create" in seen, error)


@pytest.mark.parametrize("vouched", [False, True])
async def test_a_stream_listens_only_to_a_host_somebody_vouches_for(
    vouched: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = server_context(tmp_path / "cert.pem", wall_ms())
    if vouched:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))

    async def handle(connection: object) -> None:
        await Side(connection, 0).behave()  # type: ignore[arg-type]

    box = Box()
    async with serve(handle, "127.0.0.1", 0, ssl=tls) as server:
        url = f"wss://127.0.0.1:{port_of(server)}"
        task = asyncio.create_task(drive(a_market(), url, box, rng=Random(1), patience=QUICK))
        news = await box.wait_for(ChannelChanged)
        task.cancel()
        await asyncio.wait({task})

    assert vouched == news.up
    assert vouched or "certificate verify failed" in news.reason.lower()
