"""A mail server of a few words (RFC 5321), on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Letter:
    receivers: list[str] = field(default_factory=list)
    text: str = ""


@dataclass
class PostBox:
    port: int = 0
    letters: list[Letter] = field(default_factory=list)


@asynccontextmanager
async def a_mail_server(*, refuse_data: int = 0, unknown: str = "") -> AsyncIterator[PostBox]:
    """Takes letters, but for the receiver who is `unknown` here; with `refuse_data` it answers every text with that code."""
    box = PostBox()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        letter = Letter()

        async def say(text: str) -> None:
            writer.write(text.encode() + b"\r\n")
            await writer.drain()

        await say("220 postbox")
        while line := (await reader.readline()).decode().strip():
            word = line[:4].upper()
            if word == "RCPT":
                receiver = line.partition("<")[2].partition(">")[0]
                if receiver == unknown:
                    await say("550 nobody of that name")
                    continue
                letter.receivers.append(receiver)
            if word == "DATA":
                await say("354 go on")
                letter.text = (await reader.readuntil(b"\r\n.\r\n")).decode()
                if not refuse_data:
                    box.letters.append(letter)
                await say(f"{refuse_data} no" if refuse_data else "250 taken")
            elif word == "QUIT":
                await say("221 bye")
                break
            else:
                await say("250 ok")
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    box.port = server.sockets[0].getsockname()[1]
    async with server:
        yield box
