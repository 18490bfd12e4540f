"""A host has many addresses, of two kinds: one of them may be dead, and a key may be bound to the other kind. Real sockets; only the names'
book is ours."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from websockets.asyncio.server import serve

from bot.domain.errors import Refused
from bot.domain.events import ChannelChanged
from bot.exchange.budget import Budget
from bot.exchange.hosts import Credentials, Hosts
from bot.exchange.rest import NEVER_LEFT, Rest, Tell
from bot.exchange.socket import drive
from tests.unit.exchange.scripted import KEY, SECRET, Box, a_room, body
from tests.unit.exchange.scripted import QUICK as REST_PATIENCE
from tests.unit.exchange.test_socket import QUICK, Side, a_market, port_of

SILENT, ALIVE, OTHER_KIND = "127.0.0.9", "127.0.0.1", "::1"


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the name venue.test stands for, in the order in which the resolver gives it."""
    addresses: list[str] = []
    asked = socket.getaddrinfo

    def look_up(host: Any, port: Any, family: int = 0, *rest: Any, **named: Any) -> list[Any]:
        if host != "venue.test":
            return asked(host, port, family, *rest, **named)
        kinds = {address: socket.AF_INET6 if ":" in address else socket.AF_INET for address in addresses}
        return [
            row
            for address, kind in kinds.items()
            if family in (0, kind)
            for row in asked(address, port, kind, *rest, **named)
        ]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return addresses


@contextmanager
def a_silent_address(port: int) -> Iterator[None]:
    """Nobody answers there, not even with a refusal: a queue of connections that is full lets every further one wait."""
    with socket.socket() as listening:
        listening.bind((SILENT, port))
        listening.listen(0)
        waiting = [socket.socket() for _ in range(3)]
        try:
            for each in waiting:
                each.setblocking(False)
                each.connect_ex((SILENT, port))
            yield
        finally:
            for each in waiting:
                each.close()


async def test_a_stream_takes_the_next_address_of_a_host(names: list[str]) -> None:
    """One address of several swallows everything; the stream is up all the same, within one attempt."""

    async def behave(connection: Any) -> None:
        await Side(connection, 0).behave()

    names += [SILENT, ALIVE]
    box = Box()
    async with serve(behave, ALIVE, 0, compression=None) as server:
        port = port_of(server)
        with a_silent_address(port):
            patience = replace(QUICK, open_timeout_s=5.0)
            url = f"ws://venue.test:{port}/v5/public/linear"
            task = asyncio.create_task(drive(a_market(), url, box, rng=Random(1), patience=patience))
            first = await box.wait_for(ChannelChanged)
            task.cancel()
            await asyncio.wait({task})

    assert first.up


async def test_an_order_takes_the_next_address_of_a_host(names: list[str]) -> None:
    """So does a request."""
    names += [SILENT, ALIVE]
    async with a_room() as room:
        port = int(room.hosts.rest.rpartition(":")[2])
        with a_silent_address(port):
            async with a_rest(f"venue.test:{port}") as rest:
                room.venue.say("/v5/order/create", body(result={"orderId": "x", "orderLinkId": "y"}))
                await rest.tell(Tell.CREATE_ORDER, {"category": "linear"})

        assert 1 == room.venue.count("/v5/order/create")


@pytest.mark.parametrize(("ip_version", "arrives"), [("4", True), ("any", True), ("6", False)])
async def test_one_kind_of_address_is_kept_to_where_the_key_is_bound_to_it(
    ip_version: str, arrives: bool, names: list[str]
) -> None:
    """With "6" nothing goes to the venue's IPv4 address, whatever else there is; with "4" nothing but that."""
    names += [OTHER_KIND, ALIVE]
    async with a_room() as room:
        port = room.hosts.rest.rpartition(":")[2]
        async with a_rest(f"venue.test:{port}", ip_version) as rest:
            room.venue.say("/v5/order/create", body(result={"orderId": "x", "orderLinkId": "y"}))
            if arrives:
                await rest.tell(Tell.CREATE_ORDER, {"category": "linear"})
            else:
                with pytest.raises(Refused) as caught:
                    await rest.tell(Tell.CREATE_ORDER, {"category": "linear"})
                assert caught.value.code == NEVER_LEFT

        assert room.venue.count("/v5/order/create") == int(arrives)


def a_rest(host: str, ip_version: str = "any") -> Rest:
    hosts = Hosts(
        rest_url=f"http://{host}", public_ws_url=f"ws://{host}", private_ws_url=f"ws://{host}", ip_version=ip_version
    )
    keys = Credentials(api_key=KEY, api_secret=SECRET)
    return Rest(hosts, keys, budget=Budget(), patience=replace(REST_PATIENCE, request_timeout_s=3.0))
