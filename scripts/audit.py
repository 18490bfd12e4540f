#!/usr/bin/env python
"""Hold every locked version against a clone of the PyPA advisory database: `python -m scripts.audit FOLDER`.

Needs no network beyond the clone (https://github.com/pypa/advisory-database), so it works where pip-audit's services cannot be reached.
Prints the advisories that apply, and exits 1 if there is one. Source of the shape: ossf.github.io/osv-schema, "affected[].ranges".
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

try:
    import yaml
    from packaging.utils import canonicalize_name
    from packaging.version import Version
except ImportError as error:
    sys.exit(
        f"this needs {error.name}, which the environment of scripts/test has: call that once (scripts/test --fast)"
    )

from scripts.locked import packages

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("requirements.lock", "requirements-backtest.lock", "requirements-dev.lock")


class Finding(NamedTuple):
    """An advisory that applies to a pinned package."""

    lock: str
    name: str
    version: str
    advisory: str


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("folder", type=Path, help="a clone of the PyPA advisory database")
    folder = asked.parse_args().folder / "vulns"
    if not folder.is_dir():
        asked.error(f"{folder} is not there: name a clone of the PyPA advisory database")
    pins = {(package.name, package.version) for lock in LOCKS for package in packages(ROOT / lock)}
    read = sum(1 for name, _ in pins for _ in _advisories(folder, name))
    findings = [finding for lock in LOCKS for finding in audit(ROOT / lock, folder)]
    for finding in findings:
        print(*finding)
    print(f"{len(pins)} packages, {read} advisories about them, {len(findings)} that apply")
    return 1 if findings else 0


def audit(lock: Path, folder: Path) -> Iterator[Finding]:
    """The advisories below `folder` that apply to what `lock` pins."""
    for package in packages(lock):
        for advisory in _advisories(folder, package.name):
            if not advisory.get("withdrawn") and any(
                applies(affected, package.version) for affected in advisory["affected"]
            ):
                yield Finding(lock.name, package.name, package.version, advisory["id"])


def applies(affected: Mapping[str, Any], version: str) -> bool:
    """Does an OSV `affected` entry hold this version, by its list or by one of its ranges?"""
    if version in affected.get("versions", ()):
        return True
    return any(
        _within(spread["events"], Version(version))
        for spread in affected.get("ranges", ())
        if spread["type"] == "ECOSYSTEM"
    )


def _within(events: list[dict[str, str]], version: Version) -> bool:
    """The events of one range, oldest first: introduced opens it, fixed (exclusive) or last_affected (inclusive) closes it."""
    inside = False
    for event in events:
        match event:
            case {"introduced": since}:
                inside = inside or since == "0" or version >= Version(since)
            case {"fixed": until}:
                inside = inside and version < Version(until)
            case {"last_affected": last}:
                inside = inside and version <= Version(last)
            case _:
                pass
    return inside


def _advisories(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    for file in sorted((folder / canonicalize_name(name)).glob("*.yaml")):
        yield yaml.safe_load(file.read_text(encoding="utf-8"))


if __name__ == "__main__":
    sys.exit(main())
