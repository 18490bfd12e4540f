"""The description of the API is the API: same routes, same fields, and it is served."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bot.monitoring.doors import WebOptions
from bot.monitoring.past import Past
from bot.monitoring.verbs import Verbs
from bot.monitoring.web import Web
from scripts import openapi
from tests.unit.monitoring.conftest import TOKEN, Open

OPERATE = "an-operate-token-of-22-characters"


def test_the_file_is_what_the_code_says() -> None:
    """A field that changed without its description is a surprise for a stranger."""
    assert openapi.text() == openapi.FILE.read_text(encoding="utf-8"), "run: .venv/bin/python -m scripts.openapi"


def test_every_route_is_described_and_no_other() -> None:
    """The router's own tables are the list."""
    web = Web(WebOptions(token=TOKEN), None, view=lambda: None, vitals=lambda: None)  # type: ignore[arg-type, return-value]
    gets = {**web._api(), **web._checks(), **Past(None).gets(), **Verbs(None, None).gets()}  # type: ignore[arg-type]

    assert set(gets) == set(openapi.PATHS)
    assert ["/api/v1/verbs/{verb}"] == list(Verbs(None, None).posts())  # type: ignore[arg-type]


def test_every_reference_leads_somewhere() -> None:
    """OpenAPI 3.1: $ref names a component that is there; every path parameter is described."""
    described = openapi.described()
    schemas = described["components"]["schemas"]

    assert [] == [ref for ref in _refs(described) if ref.rpartition("/")[2] not in schemas]
    for path, operations in described["paths"].items():
        named = {
            p["name"] for operation in operations.values() for p in operation.get("parameters", []) if p["in"] == "path"
        }
        assert (path, {part[1:-1] for part in path.split("/") if part.startswith("{")}) == (path, named)


def _refs(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [inner for key, item in value.items() for inner in ([item] if key == "$ref" else _refs(item))]
    return [inner for item in value for inner in _refs(item)] if isinstance(value, list) else []


async def test_it_is_served(open_desk: Open) -> None:
    """From the daemon itself, offline."""
    desk = await open_desk()
    status, text = await desk.get("/static/openapi.json")

    assert (200, "3.1.0") == (status, json.loads(text)["openapi"])


SCOPES = [
    ("nothing reads nothing", None, "/api/v1/status", 401),
    ("read reads", TOKEN, "/api/v1/status", 200),
    ("operate reads too", OPERATE, "/api/v1/status", 200),
    ("nonsense reads nothing", "nonsense", "/api/v1/status", 401),
]


@pytest.mark.parametrize(("name", "token", "path", "wanted"), SCOPES, ids=[case[0] for case in SCOPES])
async def test_scopes(open_desk: Open, name: str, token: str | None, path: str, wanted: int) -> None:
    """Who may operate may read; who may read may not operate."""
    desk = await open_desk(verb_token=OPERATE)

    assert wanted == (await desk.get(path, Authorization=f"Bearer {token}" if token else ""))[0]
