"""An address is one line; what is wrong with it is said without repeating it."""

from __future__ import annotations

import pytest

from bot.monitoring.alerts import urls

GOOD = [
    ("tgram://123456:AAH-token_x/-100200300", urls.Telegram(token="123456:AAH-token_x", chat="-100200300")),
    ("discord://987654321/tok-EN_x", urls.Discord(webhook="987654321", token="tok-EN_x")),
    ("slack://T0/B0/xyz", urls.Slack(path="T0/B0/xyz")),
    ("jsons://host.example:8443/hook?a=1", urls.Webhook(url="https://host.example:8443/hook?a=1")),
    ("json://127.0.0.1:9/", urls.Webhook(url="http://127.0.0.1:9/")),
    (
        "mailtos://me%40a.example:p%20w@mail.example/?from=me@a.example&to=you@b.example,they@c.example",
        urls.Mail(
            host="mail.example",
            port=465,
            user="me@a.example",
            password="p w",
            sender="me@a.example",
            receivers=("you@b.example", "they@c.example"),
            wrapped=True,
        ),
    ),
]


@pytest.mark.parametrize(("url", "wanted"), GOOD, ids=[url.split(":")[0] for url, _ in GOOD])
def test_every_spelling_is_read(url: str, wanted: urls.Address) -> None:
    """One line names a channel."""
    assert wanted == urls.parse(url)


BAD = [
    ("no scheme", "secret-thing"),
    ("an unknown one", "signal://secret-thing"),
    ("a token with a path in it", "tgram://123:secret-thing/../x/5"),
    ("a chat that is no number", "tgram://123:secret-thing/@me"),
    ("half a webhook", "discord://secret-thing"),
    ("a webhook in the clear", "json://secret-thing.example/hook"),
    ("mail to nobody", "mailtos://secret-thing@mail.example/?from=a@b.example"),
    ("a password to port 25", "mailto://a%40b.c:secret-thing@mail.example:25/?to=d@e.example"),
    ("a port that is none", "jsons://secret-thing.example:99999999/"),
]


@pytest.mark.parametrize(("name", "url"), BAD, ids=[name for name, _ in BAD])
def test_a_bad_address_is_refused_without_being_repeated(name: str, url: str) -> None:
    """An error is read aloud in logs and bug reports; a secret is not."""
    with pytest.raises(ValueError, match=r"is|begins|names|would") as caught:
        urls.parse(url)

    assert "secret-thing" not in str(caught.value)


def test_every_secret_part_is_known() -> None:
    """What the logs must hide is the whole and each part that opens something."""
    hidden = urls.secrets_of("mailtos://me:pass%20word@mail.example/?to=a@b.example")

    assert {"pass word", "pass%20word"} <= set(hidden)
    assert "123456:AAH-token_x" in urls.secrets_of("tgram://123456:AAH-token_x/5")
    assert "tok-EN_x" in urls.secrets_of("discord://987654321/tok-EN_x")
