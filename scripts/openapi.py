#!/usr/bin/env python
"""Write the API's description (OpenAPI 3.1) from the routes below and a sample of each document.

Run it after a route or a field changed: `.venv/bin/python -m scripts.openapi`. A test compares the file with it, and it with the routes.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

from bot.monitoring import present
from bot.monitoring.pulse import QueueDepth, Vitals
from bot.review.chronicle import COLUMNS

__all__ = ["FILE", "PATHS", "described"]

FILE = Path(__file__).resolve().parent.parent / "bot" / "monitoring" / "static" / "openapi.json"

# path -> (summary, query parameters, kind of answer)
PATHS: dict[str, tuple[str, tuple[str, ...], str]] = {
    "/api/v1/status": ("Everything the dashboard shows, at this moment", (), "status"),
    "/api/v1/stream": (
        "The same as server-sent events: `status` with the sections that changed, `beat` in silence",
        (),
        "stream",
    ),
    "/api/v1/trail": ("Delta of the last hour, a point a second, from memory", (), "json"),
    "/api/v1/what-if": ("The book at other prices, left alone and defended; at most five seconds old", (), "rows"),
    "/api/v1/history": (
        "Delta, legs, rates and profit over time, from the journal",
        ("from_ms", "to_ms", "points"),
        "history",
    ),
    "/api/v1/pnl": ("Profit since the journal began; the rows add up to total_usdt", ("by",), "pnl"),
    "/api/v1/decisions": ("The last decisions, newest first, refusals to act too", ("limit",), "json"),
    "/api/v1/decisions/{name}": (
        "One decision in full, by its number or an order of its, and what followed",
        ("name",),
        "json",
    ),
    "/api/v1/orders": ("Our last orders and what became of each, newest first", ("limit",), "json"),
    "/api/v1/fills": ("The last executions of any kind, newest first", ("limit",), "json"),
    "/api/v1/notes": ("What a person should know, newest first", ("limit",), "json"),
    "/api/v1/verbs": ("What may be asked of the daemon now, and what each would leave", (), "json"),
    "/health": (
        "Live and ready: what a container's check asks; `degraded` where it is well and does not hedge",
        (),
        "verdict",
    ),
    "/health/live": (
        "Does the engine's process turn? `seen_ago_s`: how long ago the window saw the engine, in seconds",
        (),
        "verdict",
    ),
    "/health/ready": ("Does the bot know its world?", (), "verdict"),
    "/health/trading": ("May and can it hedge now?", (), "verdict"),
    "/metrics": ("Prometheus", (), "text"),
}

_PARAMETERS: dict[str, dict[str, Any]] = {
    "from_ms": {"description": "market time, UTC milliseconds", "schema": {"type": "integer", "minimum": 0}},
    "to_ms": {"description": "market time, UTC milliseconds", "schema": {"type": "integer", "minimum": 0}},
    "points": {
        "description": "most rows",
        "schema": {"type": "integer", "minimum": 2, "maximum": 2000, "default": 600},
    },
    "limit": {"description": "most rows", "schema": {"type": "integer", "minimum": 1, "maximum": 500, "default": 100}},
    "by": {"schema": {"enum": ["day", "leg", "cause"], "default": "cause"}},
    "name": {"in": "path", "required": True, "schema": {"type": "string"}},
    "verb": {"in": "path", "required": True, "schema": {"type": "string"}},
}
_READERS: list[dict[str, list[str]]] = [{"read": []}, {"operate": []}]
_DECIMAL = {"type": ["string", "null"], "format": "decimal", "description": "a plain decimal; null: unavailable"}
_NUMBER = {"type": ["number", "null"], "description": "null: unavailable"}


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()  # --help tells and writes nothing
    FILE.write_text(text(), encoding="utf-8")


def text() -> str:
    return json.dumps(described(), indent=1) + "\n"


def described() -> dict[str, Any]:
    """The whole description."""
    paths = {path: {"get": _get(path, *about)} for path, about in PATHS.items()}
    paths["/api/v1/verbs/{verb}"] = {"post": _post()}
    about = (
        "Names carry their unit, unit last; a Decimal is a string; null is unavailable, never zero. A document only ever grows. "
        "Everything but the page, its files and /health asks for a token: reading for that of the scope read, a verb for that of the "
        "scope operate, which may read too. Where none is set, the daemon makes its own: web.token and verbs.token beside its journal."
    )
    return {
        "openapi": "3.1.0",
        "info": {"title": "HedgeLock", "version": "1", "description": about},
        "security": _READERS,
        "paths": paths,
        "components": {
            "securitySchemes": {
                "read": {"type": "http", "scheme": "bearer", "description": "HEDGELOCK__WEB__TOKEN, or web.token"},
                "operate": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "HEDGELOCK__WEB__OPERATE_TOKEN, or verbs.token",
                },
            },
            "schemas": {"Status": _status(), "Verdict": _VERDICT, "History": _history(), "Profit": _PROFIT},
        },
    }


def _get(path: str, summary: str, parameters: tuple[str, ...], kind: str) -> dict[str, Any]:
    answers: dict[str, Any] = {"200": {"description": "as asked", "content": _content(kind)}}
    if kind == "verdict":
        answers["503"] = {"description": "not well; the reasons are inside for who may read", "content": _content(kind)}
    else:
        answers |= {"401": {"description": "a token is needed"}, "429": {"description": "too many wrong tokens"}}
    if parameters:
        answers |= {
            "400": {"description": "a parameter is out of bounds"},
            "503": {"description": "the journal cannot be asked now"},
        }
    found: dict[str, Any] = {"summary": summary, "responses": answers}
    if kind == "verdict":
        found["security"] = [{}, *_READERS]
    if parameters:
        found["parameters"] = [{"name": name, "in": "query", **_PARAMETERS[name]} for name in parameters]
    return found


def _post() -> dict[str, Any]:
    fields = {
        "reason": {"type": "string", "maxLength": 200},
        "confirm": {"type": "string"},
        "amount_usdt": {"type": ["string", "null"]},
    }
    body = {"type": "object", "properties": fields, "additionalProperties": False}
    said = {
        "type": "object",
        "properties": {"verb": {"type": "string"}, "accepted": {"type": "boolean"}, "text": {"type": "string"}},
    }
    answers = {
        "202": {"description": "taken in", "content": {"application/json": {"schema": said}}},
        "409": {"description": "refused, and why", "content": {"application/json": {"schema": said}}},
    }
    refusals = {
        "400": "a malformed body",
        "401": "a token that may operate is needed",
        "403": "another origin, or a token that only reads",
        "404": "no such verb",
        "415": "not JSON",
        "429": "too many",
    }
    return {
        "summary": "Ask for a verb; `confirm` is the phrase that GET /api/v1/verbs names",
        "security": [{"operate": []}],
        "parameters": [{"name": "verb", **_PARAMETERS["verb"]}],
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": answers | {code: {"description": why} for code, why in refusals.items()},
    }


def _content(kind: str) -> dict[str, Any]:
    schemas = {"status": "Status", "verdict": "Verdict", "history": "History", "pnl": "Profit"}
    match kind:
        case "stream":
            return {"text/event-stream": {"schema": {"type": "string"}}}
        case "text":
            return {"text/plain": {"schema": {"type": "string"}}}
        case _ if kind in schemas:
            return {"application/json": {"schema": {"$ref": f"#/components/schemas/{schemas[kind]}"}}}
    return {"application/json": {"schema": {"type": "object"}}}


_VERDICT = {
    "type": "object",
    "properties": {
        "status": {"enum": ["ok", "degraded", "unwell"]},
        "reasons": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["status"],
}
_PROFIT = {
    "type": "object",
    "properties": {
        "by": {"enum": ["day", "leg", "cause"]},
        "rows": {"type": "array", "items": {"type": "object"}},
        "total_usdt": _DECIMAL,
    },
}


def _history() -> dict[str, Any]:
    names = (*COLUMNS, "delta_low_btc", "delta_high_btc")
    columns = {name: {"type": "array", "items": {"type": "integer"} if name == "at_ms" else _NUMBER} for name in names}
    ends = {name: {"type": ["integer", "null"]} for name in ("from_ms", "to_ms", "first_ms", "last_ms")}
    return {"type": "object", "properties": {**ends, "columns": {"type": "object", "properties": columns}}}


def _status() -> dict[str, Any]:
    from tests.build import a_view

    vitals = Vitals(up_s=1.0, loop_lag_ms=1.0, worst_loop_lag_ms=1.0, queues={"inbox": QueueDepth(depth=0, limit=1)})
    return _schema("", present.document(a_view(), vitals))


def _schema(name: str, value: Any) -> dict[str, Any]:
    """The schema of a sample: units tell the type where the sample is silent."""
    if isinstance(value, dict):
        return {"type": "object", "properties": {key: _schema(key, inner) for key, inner in value.items()}}
    if isinstance(value, list):
        return {"type": "array", "items": _schema(name, value[0]) if value else {}}
    if isinstance(value, bool):
        return {"type": "boolean"}
    if name.endswith("_usdt") or name.endswith("_btc") or (name.endswith("_ratio") and isinstance(value, str)):
        return _DECIMAL
    if isinstance(value, str):
        return {"type": "string"}
    if re.search(r"_ms$", name) or (isinstance(value, int) and not name.endswith("_ratio")):
        return {"type": ["integer", "null"]}
    return _NUMBER


if __name__ == "__main__":
    main()
