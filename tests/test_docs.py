"""What the documents promise exists: every test they name, every file they link to, every command they show."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from bot.cli import command as cli
from bot.settings import Settings
from bot.settings.keys import describe
from scripts import traceability

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("*/README.md")])
COUNT_OF_FAULTS = 216

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^(`{3,})(.*?)^\1", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^(?:\$ )?(?:[A-Z_]+=\S+ )*(?:scripts/run|hedgelock|python -m bot)(?= |$)(.*)")


def test_every_known_fault_has_its_row():
    """None is passed over in silence: a test, a reason, or the word open."""
    rows = traceability.listed()

    assert list(range(1, COUNT_OF_FAULTS + 1)) == [row.number for row in rows]
    silent = [
        row.number for row in rows if not row.named and not row.excuse and row.number not in traceability.marked()
    ]
    assert [] == silent
    assert set() == traceability.marked().keys() - {row.number for row in rows}


def test_the_table_of_faults_is_what_the_marks_say():
    """After a change: .venv/bin/python -m scripts.traceability."""
    text = traceability.PAGE.read_text(encoding="utf-8")

    assert traceability.page(text) == text


def test_every_test_that_is_named_exists():
    """A promise with a name can be looked up."""
    named = re.findall(r"[\w/]+\.py::test_\w+", traceability.PAGE.read_text(encoding="utf-8"))

    assert len(named) > 100
    assert set() == set(named) - set(traceability.stories())


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_links_lead_somewhere(page: Path):
    """To a file that is there, and to a heading that it has. Other hosts are not asked."""
    dead = []
    for link in (first or second for first, second in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8")))):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, heading = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (heading and target.suffix == ".md" and heading not in headings(target)):
            dead.append(link)

    assert [] == dead


def headings(page: Path) -> set[str]:
    """The names under which a page's headings can be reached (Python-Markdown's and GitHub's spelling, where they agree)."""
    titles = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    plain = (re.sub(r"[^\w\s-]", "", re.sub(r"[`*]", "", title)).strip().lower() for title in titles)
    return {re.sub(r"\s", "-", title) for title in plain}


def commands() -> Iterator[tuple[str, list[str]]]:
    """(where, words) of every call of our command in a block or between backticks."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        blocks = [body for _, body in FENCE.findall(text)]
        blocks += re.findall(r"(?:^ {4}\S.*\n)+", text, re.MULTILINE)
        blocks += re.findall(r"`(hedgelock [^`\n]+)`", text)
        for line in "\n".join(blocks).splitlines():
            if found := COMMAND.match(line.strip()):
                words = shlex.split(re.split(r"\s\s#|\s#\s|\s[|>&]", f" {found.group(1)} ")[0])
                yield f"{page.relative_to(ROOT)}: {line.strip()}", words


def test_every_command_of_the_documents_exists():
    """Each verb and each option, as the command itself knows them."""
    wrong = [f"{where}: no {missing}" for where, words in commands() for missing in unknown(words)]

    assert [] == wrong
    assert len(list(commands())) > 30


def test_every_setting_of_the_documents_exists():
    """A name that nobody reads would be refused at the start."""
    known = {key.name for key in describe(Settings)}
    known |= {f"{name}_FILE" for name in known} | {"HEDGELOCK__ENV_FILE", "HEDGELOCK__SECTION__NAME"}
    named = {
        (str(page.relative_to(ROOT)), name)
        for page in PAGES
        for name in re.findall(r"\bHEDGELOCK__[A-Z0-9_]*[A-Z0-9]\b(?!_*\*)", page.read_text(encoding="utf-8"))
    }

    assert [] == sorted(f"{page}: {name}" for page, name in named if name not in known)


def unknown(words: list[str]) -> Iterator[str]:
    """The verbs and options among `words` that do not exist, and the value that its last option lacks."""
    command = typer.main.get_command(cli.app)
    if not words or (words[0].startswith("-") and words[0] not in ("-h", "--help", "--version")):
        words = ["run", *words]
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        if words[0] not in command.commands:
            yield f"verb {words[0]}"
            return
        command, words = command.commands[words[0]], words[1:]
    known = {option for each in command.params for option in (*each.opts, *each.secondary_opts)} | {"-h", "--help"}
    yield from (word for word in words if word.startswith("-") and word.split("=")[0] not in known)
    valued = {option for each in command.params if not getattr(each, "is_flag", True) for option in each.opts}
    yield from (f"value after {word}" for word in words[-1:] if word in valued)


def test_every_command_to_be_typed_is_whole():
    """What stands in a block is copied as it is: an option without which a verb refuses is there."""
    wrong = []
    for where, words in commands():
        command, rest = typer.main.get_command(cli.app), words
        while hasattr(command, "commands") and rest and rest[0] in command.commands:
            command, rest = command.commands[rest[0]], rest[1:]
        needed = [each for each in getattr(command, "params", ()) if each.required and each.param_type_name == "option"]
        if f"$ hedgelock {shlex.join(words)}" in where and "--help" not in words:
            wrong += [f"{where}: lacks {each.opts[0]}" for each in needed if not set(each.opts) & set(rest)]

    assert [] == wrong
