#!/usr/bin/env python
"""Print a bill of materials of a lock file: CycloneDX 1.5, JSON. `python -m scripts.sbom [requirements-backtest.lock] > sbom.json`.

The same lock gives the same bytes: no time, no serial number. Source of the shape: CycloneDX v1.5 JSON reference.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from bot import __version__
from scripts.locked import Package, licence, packages

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("lock", type=Path, nargs="?", default=ROOT / "requirements.lock", help="a lock file")
    lock = asked.parse_args().lock
    if not lock.is_file():
        asked.error(f"{lock} is no lock file")
    print(json.dumps(bill(lock), indent=2))


def bill(lock: Path) -> dict[str, Any]:
    """The document, with one component for each package of the lock."""
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {"type": "application", "name": "hedgelock", "version": __version__}},
        "components": [_component(each) for each in packages(lock)],
    }


def _component(package: Package) -> dict[str, Any]:
    purl = f"pkg:pypi/{package.name.lower().replace('_', '-')}@{package.version}"
    spdx = licence(package.name)
    return {
        "type": "library",
        "bom-ref": purl,
        "name": package.name,
        "version": package.version,
        "purl": purl,
        **({"licenses": [{"expression": spdx}]} if spdx else {}),
        "properties": [{"name": "hedgelock:sha256", "value": value} for value in package.hashes],
    }


if __name__ == "__main__":
    main()
