#!/usr/bin/env python
"""Write docs/licences.md: what the daemon stands on, and under which licences.

Run it after a lock was changed, in the environment made from it: `.venv/bin/python -m scripts.licences`. A test compares the page.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from scripts.locked import licence, packages

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "licences.md"
LOCK = ROOT / "requirements.lock"

_HEAD = """\
# Licences

What a daemon runs with (`requirements.lock`), and the licence that each package states of itself. All of them permit private and
commercial use and leave our own code alone; MPL-2.0 binds changes to its own files, of which we make none. Extras and the tools of the
tests are in the other two lock files. Written by `.venv/bin/python -m scripts.licences`; `.venv/bin/python -m scripts.sbom` prints the
bill of materials.

| package | version | licence | applies |
|---|---|---|---|
"""


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()  # --help tells and writes nothing
    PAGE.write_text(page(), encoding="utf-8")


def page() -> str:
    """The whole page."""
    rows = [
        f"| {each.name} | {each.version} | {licence(each.name) or 'not installed here'} | {each.marker or 'everywhere'} |"
        for each in packages(LOCK)
    ]
    return _HEAD + "\n".join(rows) + "\n"


if __name__ == "__main__":
    main()
