"""A hook of mkdocs: brings the pages that live beside the code into the site, and mends links that leave docs/.

Knows which file of the repository is which page. A link to any other file becomes its name:
the site holds no code.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
BESIDE = {
    "README.md": "index.md",
    "config/README.md": "settings.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "tests/README.md": "tests.md",
}
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages of BESIDE."""
    for source, page in BESIDE.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Point every link at what the site has. Runs for each page, before it is rendered."""
    home = {page_name: source for source, page_name in BESIDE.items()}.get(page.file.src_uri)
    at = (ROOT / home if home else ROOT / "docs" / page.file.src_uri).parent

    def mended(found: re.Match[str]) -> str:
        bang, text, link = found.groups()
        name, hash_, heading = link.partition("#")
        if not name or re.match(r"[a-z]+:", link):
            return found.group()
        target = (at / name).resolve()
        if not target.is_relative_to(ROOT):
            return found.group()
        place = target.relative_to(ROOT).as_posix()
        up = "../" * page.file.src_uri.count("/")
        if place in BESIDE:
            return f"{bang}[{text}]({up}{BESIDE[place]}{hash_}{heading})"
        if place.startswith("docs/") and target.is_file():
            return f"{bang}[{text}]({up}{place.removeprefix('docs/')}{hash_}{heading})"
        return found.group() if place.startswith("docs/") else text

    return _LINK.sub(mended, markdown)
