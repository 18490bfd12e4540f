"""Writes docs/schemas: the JSON schema of every message of the event stream. After a change: python -m scripts.stream_schemas

A shape only ever gains fields; a test refuses anything else without a new version.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import msgspec

from bot.stream.messages import MESSAGES, schema_name

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "schemas"


def schemas() -> dict[str, str]:
    """File name to text."""
    found = {}
    for shape in MESSAGES:
        schema = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": schema_name(shape),
            **msgspec.json.schema(shape),
        }
        found[f"{schema_name(shape)}.json"] = json.dumps(schema, indent=2) + "\n"
    return found


def main() -> None:
    """Write them."""
    argparse.ArgumentParser(description=__doc__).parse_args()  # --help tells and writes nothing
    FOLDER.mkdir(exist_ok=True)
    for name, text in schemas().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
