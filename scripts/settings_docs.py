#!/usr/bin/env python
"""Write what the settings model says into .env.example and config/README.md.

Run it after adding or changing a key: `.venv/bin/python -m scripts.settings_docs`. A test compares both files with it.
"""

from __future__ import annotations

import argparse
import inspect
from pathlib import Path

from bot.exit_codes import ExitCode
from bot.settings import Settings
from bot.settings.keys import Key, describe

ROOT = Path(__file__).resolve().parent.parent
ENV_EXAMPLE = ROOT / ".env.example"
README = ROOT / "config" / "README.md"

_ENV_HEAD = """\
# Every setting of HedgeLock with its default. Copy to .env, take the # off the lines you change, and: chmod 600 .env
# Without any of this, `hedgelock` runs in paper mode. The environment wins over this file, the command line over both.
# Written by scripts/settings_docs.py; config/README.md explains.
"""


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()  # --help tells and writes nothing
    ENV_EXAMPLE.write_text(env_example(), encoding="utf-8")
    README.write_text(readme(README.read_text(encoding="utf-8")), encoding="utf-8")


def env_example() -> str:
    """The whole of .env.example: every key, commented out, under a line saying what it is."""
    lines = [_ENV_HEAD]
    for title, about, keys in _sections():
        lines.append(f"\n# --- {title}: {about}\n")
        for key in keys:
            lines.append(f"# {key.hint}")
            lines.append(f"#{key.name}={key.default}")
            if key.is_secret:
                lines.append(f"#{key.name}_FILE=   # or the path of a file (mode 0600) that holds it")
    return "\n".join(lines) + "\n"


def readme(text: str) -> str:
    """`text` with its generated parts written anew: the tables of keys and of exit codes."""
    keys = []
    for title, about, rows in _sections():
        keys += [f"\n### {title}\n", f"{about}\n"]
        keys += ["| key | default | allowed | unit | read by | what it is |", "|---|---|---|---|---|---|"]
        keys += [_row(key) for key in rows]
    codes = ["| code | meaning |", "|---|---|", *(f"| {code:d} | {code.meaning} |" for code in ExitCode)]
    return between(between(text, "keys", "\n".join(keys)), "exit codes", "\n".join(codes))


def _sections() -> list[tuple[str, str, list[Key]]]:
    """(title, what the section is, its keys) in the order of the model; the keys without a section come first."""
    groups: dict[str, list[Key]] = {}
    for key in describe(Settings):
        groups.setdefault(key.path[0] if len(key.path) > 1 else "world", []).append(key)
    about = {"world": "The world traded in."}
    for name in groups.keys() - {"world"}:
        about[name] = inspect.getdoc(Settings.model_fields[name].annotation) or ""
    return [(name, about[name], keys) for name, keys in groups.items()]


def _row(key: Key) -> str:
    default = f"`{key.default}`" if key.default else "(empty)"
    return f"| `{key.name}` | {default} | {key.allowed} | {key.unit} | {key.room} | {key.what} |"


def between(text: str, mark: str, inner: str) -> str:
    """`text` with `inner` between the two comments that carry `mark`."""
    begin, end = f"<!-- {mark}: begin -->\n", f"\n<!-- {mark}: end -->"
    head, rest = text.split(begin, 1)
    return head + begin + inner + end + rest.split(end, 1)[1]


if __name__ == "__main__":
    main()
