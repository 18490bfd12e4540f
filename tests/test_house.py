"""The rules of the house, held by reading the source: who may know whom, who may touch the world, and how big a thing may grow.

Each failure names the place and says what to do instead. To change a rule, change its table here and say why in the commit.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from bot.settings import Settings
from bot.settings.keys import describe

ROOT = Path(__file__).resolve().parent.parent
BOT = ROOT / "bot"

# Which rooms a room may import. What is not listed is forbidden; a room always knows itself.
FLOORS = {
    "domain": set[str](),
    "strategy": set[str](),
    "engine": {"domain", "strategy"},
    "exchange": {"domain"},
    "journal": {"domain"},
    "monitoring": {"domain"},
    "simulator": {"domain"},
    "stream": {"domain"},
    "backtest": {"domain", "engine", "strategy", "simulator"},
    "review": {"domain", "engine", "strategy", "journal"},
    "settings": {"domain", "engine", "modes", "monitoring"},
    "window": {"domain", "engine", "strategy", "monitoring", "review", "logs", "processes"},
    "preflight": {
        "domain",
        "exchange",
        "journal",
        "monitoring",
        "settings",
        "exit_codes",
        "modes",
        "premises",
        "wiring",
        "world",
    },
    "cli": {path.stem for path in BOT.iterdir()},  # the front door knows everyone, and nobody knows it
}

# The dry rooms think: they take `now` as an argument and return commands.
DRY = ("domain", "strategy", "engine")
WET_MODULES = {
    *("asyncio", "concurrent", "multiprocessing", "queue", "selectors", "signal", "subprocess", "threading"),
    *("http", "socket", "ssl", "urllib", "aiohttp", "ccxt", "httpx", "pybit", "websockets"),
    *("io", "os", "pathlib", "shutil", "sqlite3", "sys", "tempfile"),
    *("logging", "rich", "structlog", "typer"),
    *("random", "secrets", "time", "uuid"),
}

# One outside library lives in one place, so that it can be replaced there. Paths are below bot/.
DOORS = {
    "ccxt": ("exchange/rest.py", "exchange/retry.py", "backtest/fetch.py"),
    "websockets": ("exchange/socket.py", "simulator/live.py"),
    "tenacity": ("exchange/retry.py", "monitoring/alerts/post.py"),
    "httpx": ("monitoring/",),
    "sqlite3": ("journal/",),
    "pybit": (),  # scripts/kill_switch.py and the tests: the second opinion must not share our road
    "prometheus_client": ("monitoring/", "stream/lag.py"),
    "confluent_kafka": ("stream/kafka.py",),
    "typer": ("cli/", "preflight/doctor.py"),
    "rich": ("cli/terminal.py", "cli/top.py"),
    "requests": (),
    "time": ("domain/clock.py",),
    "numba": ("backtest/",),
    "numpy": ("backtest/",),
    "polars": ("backtest/", "journal/export.py"),
}

CLOCK = "domain/clock.py"
CLOCK_READS = {"now", "utcnow", "today"}  # of datetime and date
GATE = "engine/gate.py"
ROOT_OF_ALL = "app.py"
OUTLIVES_A_STOP = (
    "exchange/executor.py"  # an order that left is listened for although its sender was cancelled; never past its call
)
ROOMS_OF_THE_LOOP = ("", "exchange", "monitoring", "preflight", "stream", "window")
OF_A_DISK = re.compile(
    r"open|os\.(open|stat|replace|rename|access|listdir|scandir|makedirs|path\.\w+)|shutil\.\w+"
    r"|.*\.(read_text|read_bytes|write_text|write_bytes|stat|exists|is_file|is_dir|mkdir|touch|unlink|rename|glob|rglob|iterdir|fsync)"
)
LONGEST_FILE = 400
LONGEST_FUNCTION = 60


class Source(NamedTuple):
    """A source file of ours, read once."""

    path: Path
    tree: ast.Module
    lines: int

    @property
    def name(self) -> str:
        return self.path.relative_to(BOT).as_posix() if self.path.is_relative_to(BOT) else self.path.name

    @property
    def room(self) -> str:
        """The room it belongs to, or "" for the front hall (the modules directly in bot/)."""
        return self.name.split("/")[0] if "/" in self.name else ""

    @property
    def module(self) -> str:
        return "bot." + self.name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    def at(self, node: ast.AST) -> str:
        return f"{self.path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}"


@cache
def sources(*folders: Path) -> tuple[Source, ...]:
    paths = sorted(path for folder in folders or (BOT,) for path in folder.rglob("*.py"))
    texts = [path.read_text(encoding="utf-8") for path in paths]
    return tuple(Source(path, ast.parse(text), text.count("\n")) for path, text in zip(paths, texts, strict=True))


def imports(source: Source) -> Iterator[tuple[ast.AST, str]]:
    """(where, dotted module) of every import, also inside functions and under TYPE_CHECKING: knowing is knowing."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                here = ["bot", *source.name.removesuffix(".py").split("/")]
                yield node, ".".join([*here[: len(here) - node.level], *filter(None, [node.module])])
            elif node.module == "bot":
                yield from ((node, f"bot.{alias.name}") for alias in node.names)
            else:
                yield node, node.module or ""


def at_import(source: Source) -> Iterator[str]:
    """Modules of ours that are loaded when this one is: not inside functions, not under TYPE_CHECKING."""
    waiting: list[ast.AST] = list(source.tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" not in ast.unparse(node.test):
            waiting += [*node.body, *node.orelse]
        elif isinstance(node, ast.Try):
            waiting += [*node.body, *node.orelse, *node.finalbody]
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
            yield node.module


def calls(source: Source) -> Iterator[tuple[ast.Call, str]]:
    """(where, dotted name as written) of every call: PlaceOrder(...), asyncio.create_task(...)."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call):
            yield node, ast.unparse(node.func)


def no(findings: Iterator[str] | list[str], instead: str) -> None:
    found = list(findings)
    assert not found, "\n".join(["", *found, f"-> {instead}"])


def test_floors():
    """A room knows the rooms below it, and shore rooms never know each other."""

    def findings() -> Iterator[str]:
        for source in sources():
            for node, module in imports(source):
                parts = module.split(".")
                if not source.room or parts[0] != "bot" or len(parts) == 1 or module == "bot.__version__":
                    continue
                if parts[1] != source.room and parts[1] not in FLOORS[source.room]:
                    yield f"{source.at(node)} imports {module}; {source.room} may know {FLOORS[source.room] or 'nothing of ours'}"

    no(
        findings(),
        "take what you need as an argument or a domain value; only bot/app.py introduces rooms to each other",
    )


def test_no_import_goes_in_a_circle():
    """A module can be read, tested and moved with what is below it, and nothing above. Imports inside functions do not count."""
    below = {source.module: set(at_import(source)) for source in sources()}
    known: set[str] = set()

    def circle(module: str, above: tuple[str, ...]) -> list[str]:
        if module in above:
            return [*above[above.index(module) :], module]
        if module not in known:
            known.add(module)
            for each in sorted(below[module] & below.keys()):
                if found := circle(each, (*above, module)):
                    return found
        return []

    no(
        (" -> ".join(found) for module in sorted(below) if (found := circle(module, ()))),
        "move what both need into a module below both",
    )


def test_the_kill_switch_loads_nothing_of_the_daemon():
    """The last resort works when the engine, the journal or the settings do not, and what it does not load it need not wait for."""
    rooms = "kill_switch", "kill.desk", "kill.line", "kill.look", "kill.work", "kill.world"
    asked = f"import sys, {', '.join(f'scripts.{room}' for room in rooms)}; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    may = {"bot", "bot.domain", "bot.domain.clock", "bot.modes"}

    no(
        sorted({name for name in loaded if name.startswith("bot.")} - may) + sorted({"pydantic", "ccxt"} & set(loaded)),
        "say it again in scripts/kill, or move it into a module of bot/ that imports nothing",
    )


def test_every_room_has_a_floor():
    """A new room is put on a floor before anybody moves in."""
    rooms = {path.parent.name for path in BOT.glob("*/__init__.py")}

    no(sorted(rooms - FLOORS.keys()), "add the room to FLOORS in tests/test_house.py with the rooms it may know")


def test_rooms_of_the_thinkers_are_dry():
    """domain, strategy and engine touch no socket, disk, clock, log or event loop: the same turn must run anywhere."""
    findings = (
        f"{source.at(node)} imports {module}"
        for source in sources()
        if source.room in DRY and source.name != CLOCK
        for node, module in imports(source)
        if module.split(".")[0] in WET_MODULES
    )
    no(findings, "return a command or a record, and let a shore room do it")


def test_dry_rooms_do_not_wait():
    """async means that the world may have changed here; in a dry room it has not."""
    findings = (
        f"{source.at(node)} is async"
        for source in sources()
        if source.room in ("strategy", "engine")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.AsyncFunctionDef | ast.Await)
    )
    no(findings, "return a command; its answer comes back as an event")


def test_doors():
    """One outside library, one place."""
    findings = (
        f"{source.at(node)} imports {module}; only {', '.join(DOORS[library]) or 'nobody'} in bot/ may"
        for source in sources()
        for node, module in imports(source)
        if (library := module.split(".")[0]) in DOORS
        and not any(
            source.name == door or (door.endswith("/") and source.name.startswith(door)) for door in DOORS[library]
        )
    )
    no(findings, "use the room that owns it; for time, take now_ms as an argument or use bot.domain.clock")


def test_only_the_clock_reads_a_watch():
    """Time comes from domain/clock.py, so that paper, replay and the seeded worlds can own it."""

    def findings() -> Iterator[str]:
        for source in sources():
            for node, name in calls(source):
                owner, _, method = name.rpartition(".")
                of_a_date = method in CLOCK_READS and owner.split(".")[-1] in ("datetime", "date")
                of_a_loop = method == "time" and "loop" in owner
                if (of_a_date or of_a_loop) and source.name != CLOCK:
                    yield f"{source.at(node)} reads a watch: {name}()"

    no(findings(), "take now_ms as an argument, or use wall_ms, elapsed_s or a Clock of bot.domain.clock")


def test_chance_has_a_seed():
    """A draw nobody can repeat is a failure nobody can replay."""
    findings = (
        f"{source.at(node)} draws from the module's own generator: {name}()"
        for source in sources()
        for node, name in calls(source)
        if re.fullmatch(r"random\.[a-z]\w*", name)
    )
    no(findings, "take a random.Random(seed) as an argument")
    unseeded = (
        f"{source.at(node)} makes a generator without a seed"
        for source in sources()
        for node, name in calls(source)
        if name in ("random.Random", "Random") and not node.args and not node.keywords and source.name != ROOT_OF_ALL
    )
    no(
        unseeded,
        "take the generator as an argument; only the composition root may let reconnection jitter differ per daemon",
    )


def test_only_the_cashier_moves_money():
    """A wrong payment is impossible to write by accident: money deeds are built in one file, behind every limit."""
    findings = (
        f"{source.at(node)} constructs a {name}"
        for source in sources()
        for node, name in calls(source)
        if name.split(".")[-1] in ("TransferCoin", "RepayDebt") and source.name != "engine/cashier.py"
    )
    no(findings, "ask engine/cashier.py to admit the wish")


def test_the_daemon_has_no_words_for_selling_the_coin():
    """Bybit's ways of repaying that sell a coin are not among the deeds: what has no name cannot be called."""
    forbidden = (
        "account_repay",
        "quick_repayment",
        "repay_collateral",
        "fully_repay",
        'account/repay"',
        "withdraw_create",
    )
    findings = (
        f"{source.name} says {word}"
        for source in sources()
        if source.room == "exchange"
        for word in forbidden
        if word in source.path.read_text(encoding="utf-8")
    )
    no(findings, "repay by no-convert-repay or from Funding; nothing else")


def test_only_the_gate_makes_an_order():
    """A wrong order is impossible to write by accident: PlaceOrder is built in one file, behind every limit."""
    findings = (
        f"{source.at(node)} constructs a PlaceOrder"
        for source in sources()
        for node, name in calls(source)
        if name.split(".")[-1] == "PlaceOrder" and source.name != GATE
    )
    no(findings, "ask engine/gate.py to admit the wish")


def disk_waits(source: Source) -> Iterator[str]:
    """Every file that a coroutine looks at, reads or writes by itself. What a function that it calls does is not seen."""
    for coroutine in ast.walk(source.tree):
        if isinstance(coroutine, ast.AsyncFunctionDef):
            for node in ast.walk(coroutine):
                if isinstance(node, ast.Call) and OF_A_DISK.fullmatch(name := ast.unparse(node.func)):
                    yield f"{source.at(node)} waits for a disk in a coroutine: {name}()"


def test_no_coroutine_waits_for_a_disk():
    """A disk that hangs would hold up every stream and every order with it."""
    findings = (words for source in sources() if source.room in ROOMS_OF_THE_LOOP for words in disk_waits(source))
    no(findings, "let a Hand of bot/journal/hand.py do it, and say what becomes of it where the disk does not answer")


@pytest.mark.parametrize("text", ["open(name)", "os.stat(name)", "path.read_text()", "Path(name).exists()"])
def test_a_wait_for_a_disk_is_seen(text: str):
    source = Source(BOT / "window" / "made_up.py", ast.parse(f"async def f():\n    return {text}"), 1)

    assert 1 == len(list(disk_waits(source)))


def test_tasks_are_born_in_a_group():
    """A task that nobody waits for dies silently while the daemon seems to run."""
    findings = (
        f"{source.at(node)} starts an orphan: {name}()"
        for source in sources()
        for node, name in calls(source)
        if (name in ("asyncio.create_task", "asyncio.ensure_future") or name.endswith("loop.create_task"))
        and source.name != OUTLIVES_A_STOP
    )
    no(findings, "create it in an asyncio.TaskGroup, which waits for it and hears when it fails")


def test_queues_have_a_bound():
    """An unbounded queue is a memory leak with a delay."""
    findings = (
        f"{source.at(node)} makes an unbounded queue"
        for source in sources()
        for node, name in calls(source)
        if name.split(".")[-1] in ("Queue", "LifoQueue", "PriorityQueue", "SimpleQueue")
        and not node.args
        and not node.keywords
    )
    no(findings, "give it a maxsize, and say what happens when it is full")


def test_no_money_is_a_float():
    """Prices, cash and quantities of the words and the books are Decimal or integer steps; floats belong to strategy."""
    money = re.compile(r"(^|_)(price|qty|quantity|cash|fee|balance|amount|pnl|usdt|btc)$")
    findings = (
        f"{source.at(node)} declares {node.target.id}: float"
        for source in sources()
        if source.room in ("domain", "journal")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and money.search(node.target.id)
        and "float" in ast.unparse(node.annotation)
    )
    no(findings, "use Decimal, or integer steps of the instrument")


def test_every_room_has_its_card():
    """Three lines at the door: what the room knows, what it does not, where to begin."""

    def findings() -> Iterator[str]:
        for path in sorted(BOT.rglob("*.py")):
            if path.name != "__init__.py":
                continue
            card = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
            if len(card.splitlines()) < 3 or "begin at" not in card.lower():
                yield f"{path.relative_to(ROOT)} has no card"

    no(
        findings(),
        "write a docstring of three lines: what it knows; what it does not; 'Begin at' and the first file to open",
    )


def test_every_file_says_what_it_is():
    """A file opens with what it knows and what it refuses to know."""
    findings = (str(s.path.relative_to(ROOT)) for s in sources(BOT, ROOT / "scripts") if not ast.get_docstring(s.tree))

    no(findings, "begin the file with a docstring")


def test_files_stay_small():
    """A file that cannot be read in one sitting hides things."""
    findings = (
        f"{source.path.relative_to(ROOT)} has {source.lines} lines"
        for source in sources(BOT, ROOT / "scripts")
        if source.lines > LONGEST_FILE
    )
    no(findings, f"over {LONGEST_FILE}: find the second subject in it and give that its own file and name")


def test_functions_stay_small():
    """A function that decides reads as a table of contents; the leaves only compute."""
    findings = (
        f"{source.at(node)} {node.name} has {node.end_lineno - node.lineno} lines"
        for source in sources(BOT, ROOT / "scripts")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno
        and node.end_lineno - node.lineno > LONGEST_FUNCTION
    )
    no(findings, f"over {LONGEST_FUNCTION}: name its steps and let it call them")


def test_every_setting_has_a_reader():
    """A key that nobody reads is a promise that nobody keeps. The hall reads settings and hands values to the rooms."""
    read = {
        node.attr
        for source in sources()
        if source.room in ("", "cli", "preflight") or source.name == "settings/settings.py"
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Attribute)
    }
    behind = {  # keys read through a method or property of the settings
        "arm_mainnet": "require_runnable",
        "rest_url": "endpoints",
        "ws_url": "endpoints",
        "start": "start_ms",
        "halt_on": "halts",
        "path": "journal_path",
        **{
            f"{world}_api_{part}": "credentials"
            for world in ("testnet", "demo", "mainnet")
            for part in ("key", "secret")
        },
    }
    findings = (key.name for key in describe(Settings) if behind.get(key.path[-1], key.path[-1]) not in read)

    no(findings, "hand it to its room (bot/wiring.py), or delete the key from bot/settings/sections.py")


def tracked() -> list[Path]:
    """Files under version control; without a repository (an unpacked release) every file that is not a by-product."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]
    return [path for path in ROOT.rglob("*") if path.is_file() and not {".venv", "var"} & set(path.parts)]


# Built from halves, so that this file does not find itself.
FOREIGN = re.compile(
    "|".join(
        [
            *("/" + folder + "/" for folder in ("work", "farm", "home", "root", "Users", "tmp")),
            "pypi" + r"\." + "org",
            "python" + "hosted",
            "registry" + r"\." + "npmjs",
            "deb" + r"\." + "debian",
        ]
    )
)


def test_the_project_speaks_of_itself_alone():
    """No path of somebody's machine and no index host: a clone must mean the same everywhere."""

    def findings() -> Iterator[str]:
        for path in tracked():
            if path.stat().st_size > 1_000_000:
                continue
            try:
                text = path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue
            for number, line in enumerate(text.splitlines(), 1):
                if word := FOREIGN.search(line):
                    yield f"{path.relative_to(ROOT)}:{number} says {word.group()}"

    no(findings(), "use a path relative to the project, tmp_path in tests, and no host of an index")


def test_a_larger_lock_serves_for_a_smaller_one():
    """scripts/run trusts an environment that scripts/test made: the test lock holds the backtest's whole lock, and that the daemon's."""
    pins = [
        set(re.findall(r"^\S+==\S+", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE))
        for name in ("requirements.lock", "requirements-backtest.lock", "requirements-dev.lock")
    ]
    no(sorted((pins[0] - pins[1]) | (pins[1] - pins[2])), "write the three lock files in one go")


BROKEN = [
    # what somebody might write, and the rule that must notice
    ("import asyncio", WET_MODULES),
    ("from time import monotonic", DOORS),
    ("def f():\n    from ccxt import async_support", DOORS),
]


@pytest.mark.parametrize(("text", "rule"), BROKEN, ids=[text for text, _ in BROKEN])
def test_the_rules_see_what_they_should(text: str, rule: object):
    """A rule that cannot see a breach holds nothing: imports are found wherever they hide."""
    source = Source(BOT / "engine" / "made_up.py", ast.parse(text), 1)

    assert any(module.split(".")[0] in rule for _, module in imports(source))  # type: ignore[operator]


def test_relative_imports_are_seen_too():
    """`from ..exchange import rest` is the same knowledge spelled with dots."""
    source = Source(BOT / "engine" / "made_up.py", ast.parse("from ..exchange import rest\nfrom . import gate"), 1)

    assert ["bot.exchange", "bot.engine"] == [module for _, module in imports(source)]
