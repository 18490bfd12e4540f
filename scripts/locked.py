"""What a lock file names: packages, versions, hashes, and the licence each one states in its own metadata.

Knows the lock's lines and how packages spell licences. Asks nobody: the metadata is that of the environment, made from the same lock.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import NamedTuple

__all__ = ["PERMITTED", "Package", "licence", "packages"]

PERMITTED = {
    *("MIT", "ISC", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "PSF-2.0", "Unlicense"),
    "MPL-2.0",  # binds changes to its own files; we change none
}
"""SPDX names under which a private or an open program may be built and run as it is."""

_PLAIN = {  # how packages without an SPDX expression spell it
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "ISC License": "ISC",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
}
_PIN = re.compile(r"(?P<name>[\w.-]+)(?:\[[^\]]*\])?==(?P<version>[^\s;\\]+)(?:\s*;\s*(?P<marker>[^\\]+))?")


class Package(NamedTuple):
    """One pinned package; `marker` is where it applies ("" = everywhere), `hashes` are SHA-256 of its files, hex."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]


def packages(lock: Path) -> Iterator[Package]:
    """The packages of a lock file, in its order."""
    for part in re.split(r"\n(?=\w)", lock.read_text(encoding="utf-8")):
        if found := _PIN.match(part):
            hashes = tuple(re.findall(r"--hash=sha256:([0-9a-f]{64})", part))
            yield Package(found["name"], found["version"], (found["marker"] or "").strip(), hashes)


def licence(name: str) -> str | None:
    """The SPDX expression of an installed package; None where it is not installed or says nothing that can be read."""
    try:
        facts = metadata(name)
    except PackageNotFoundError:
        return None
    if expressions := facts.get_all("License-Expression"):
        return str(expressions[0])
    words = [*(facts.get_all("License") or [])]
    words += [
        line.rpartition("::")[2].strip() for line in facts.get_all("Classifier") or [] if line.startswith("License")
    ]
    spelled = [_PLAIN.get(word, word) for word in words]
    return next((word for word in spelled if word in PERMITTED), None)
