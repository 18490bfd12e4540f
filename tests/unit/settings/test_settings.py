"""Settings: what a person may say, and what they are told when it cannot be meant."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from dotenv import dotenv_values

from bot.settings import Endpoints, Loaded, Mode, NotArmed, Settings, SettingsError, load, variables
from bot.settings.keys import describe, effective
from scripts import settings_docs

KEY, SECRET = "AKIDTESTNET000001", "canary-secret-value-000001"


@pytest.fixture(autouse=True)
def _own_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads the .env of whoever runs it."""
    monkeypatch.chdir(tmp_path)


def given(env_file: Path | None = None, overrides: dict[str, str] | None = None, /, **texts: str) -> Loaded:
    """Load with HEDGELOCK__<name> = text in the environment and nothing else."""
    return load(
        environ={"HEDGELOCK__" + name: text for name, text in texts.items()}, env_file=env_file, overrides=overrides
    )


def problems(env_file: Path | None = None, /, **texts: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as refused:
        given(env_file, **texts)
    return refused.value.problems


def a_file(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def test_nothing_said_is_the_paper_mode():
    """A clean machine runs, and trades nothing real."""
    settings, found = given()

    assert settings == Settings()
    assert settings.mode is Mode.PAPER
    assert Path("var/paper/journal.sqlite") == settings.journal_path
    assert {} == found
    settings.require_runnable()


def test_the_command_line_wins_over_the_environment_over_the_file():
    """Three places may speak; the nearest one counts, and each value says where it came from."""
    file = a_file(
        Path("my.env"),
        "HEDGELOCK__WEB__PORT=1001\nHEDGELOCK__PAPER__SPEED=11\nexport HEDGELOCK__PAPER__SEED=21\nOTHER=x\n",
    )

    settings, found = given(file, {"HEDGELOCK__WEB__PORT": "1003"}, WEB__PORT="1002", PAPER__SPEED=" 12 ")

    assert (1003, 12.0, 21) == (settings.web.port, settings.paper.speed, settings.paper.seed)
    assert {
        "HEDGELOCK__WEB__PORT": "command line",
        "HEDGELOCK__PAPER__SPEED": "environment",
        "HEDGELOCK__PAPER__SEED": "my.env",
    } == {name: variable.source for name, variable in found.items()}


def test_a_dotenv_in_the_working_directory_is_read():
    """The file everyone expects needs no option."""
    a_file(Path(".env"), "HEDGELOCK__HEDGE__BAND_BTC=0.02\n", 0o644)

    assert Decimal("0.02") == given().settings.hedge.band_btc


def test_settings_cannot_be_changed_while_running():
    """A daemon never changes its mind: what was checked at the start is what runs."""
    with pytest.raises(ValueError, match="frozen"):
        Settings().limits.max_leg_btc = Decimal(9)  # type: ignore[misc]


REFUSED = [
    # variable, text, what the person is told besides the name
    ("MODE", "papper", "'papper' (environment) is not one of paper, testnet, demo, mainnet; did you mean paper?"),
    ("HEDGE__BAND_BTC", "5", "= '5' (environment) is out of range: allowed 0.001 to 1 BTC (default 0.010)"),
    ("HEDGE__BAND_BTC", "0", "is out of range: allowed 0.001 to 1 BTC"),
    ("HEDGE__H_LOW", "20", "is out of range: allowed 0 to 1 fraction"),
    ("HEDGE__SIGMA_LOW", "2 %", "is not a number"),
    ("BOOK__SYMBOL", "ETHUSDT", "is not one of BTCUSDT"),
    ("LIMITS__MAX_LEG_BTC", "11", "is out of range: allowed 0.001 to 10 BTC"),
    ("LIMITS__MAX_LEG_BTC", "nan", "is not a decimal number"),
    ("LIMITS__MAX_LEG_BTC", "inf", "is not a decimal number"),
    ("LIMITS__MAX_ORDERS_PER_MINUTE", "1e9", "is not a whole number"),
    ("PAPER__SPEED", "nan", "is not a number"),
    ("KAFKA__BOOTSTRAP_SERVERS", "localhost", "localhost is not host:port"),
    ("KAFKA__TOPIC_PREFIX", "a b", "may hold letters, digits, dots"),
    ("KAFKA__TOPIC_PREFIX", "dé.", "may hold letters, digits, dots"),
    ("KAFKA__CONTEXT_TOPIC", "a b", "may hold letters, digits, dots"),
    ("KAFKA__CONTEXT_STALE_S", "30", "is out of range: allowed 60 to 172800 s market"),
    ("PAPER__SEED", "1.5", "is not a whole number"),
    ("PAPER__START", "yesterday", "is not a date like 2025-10-10"),
    ("PAPER__TAPE", "no-such-file.csv", "is neither sample, nor live, nor a file that exists"),
    ("VOLATILITY__BAR_MINUTES", "7", "is not a bar length Bybit has"),
    ("WEB__ENABLED", "perhaps", "is not true or false"),
    ("WEB__PORT", "80x", "is not a whole number"),
    ("JOURNAL__PATH", "var/{host}/j.sqlite", "the only placeholder is {mode}"),
    ("BYBIT__REST_URL", "https://api.bybit.com/v5", "must be scheme://host[:port]"),
]


@pytest.mark.parametrize(("name", "text", "told"), REFUSED, ids=[f"{name}={text}" for name, text, _ in REFUSED])
def test_a_wrong_value_is_told_in_one_sentence(name: str, text: str, told: str):
    """One problem, one sentence: the variable, the value, the range."""
    mode = {} if name == "MODE" else {"MODE": "mainnet"}

    (sentence,) = problems(**{name: text}, **mode)

    assert sentence.startswith("HEDGELOCK__" + name)
    assert told in sentence


def test_every_problem_is_told_at_once():
    """Nobody should have to start five times to find five mistakes."""
    told = problems(HEDGE__BAND_BTC="5", WEB__PORT="x", MODE="reel")

    assert {"HEDGELOCK__HEDGE__BAND_BTC", "HEDGELOCK__WEB__PORT", "HEDGELOCK__MODE"} == {
        sentence.split(" ")[0] for sentence in told
    }


TOGETHER = [
    # variables that make no sense together, and the word that says so
    ({"HEDGE__SIGMA_LOW": "0.05"}, "must be below"),
    ({"HEDGE__MIN_INTERVAL_S": "100", "HEDGE__REHEDGE_EVERY_S": "60"}, "must not be above"),
    ({"LIMITS__MAX_ORDER_BTC": "2"}, "must not be above"),
    ({"BOOK__SPOT_SOURCE": "fixed"}, "FIXED_SPOT_BTC must be above 0"),
    ({"VOLATILITY__WINDOW_BARS": "12"}, "would never be available"),
    ({"STREAMS__TICKER_EVERY_MS": "5000"}, "every price would be stale"),
    ({"BYBIT__TESTNET_API_KEY": KEY}, "HEDGELOCK__BYBIT__TESTNET_API_SECRET is missing"),
    (
        {
            f"BYBIT__{world}_API_{part}": text
            for world in ("DEMO", "MAINNET")
            for part, text in (("KEY", KEY), ("SECRET", SECRET))
        },
        "a Bybit key works in one world only",
    ),
    ({"KAFKA__CONTEXT_TOPIC": "funding_context"}, "names a topic, and HEDGELOCK__KAFKA__BOOTSTRAP_SERVERS no broker"),
]


@pytest.mark.parametrize(("texts", "told"), TOGETHER, ids=[told for _, told in TOGETHER])
def test_values_that_contradict_each_other_are_refused(texts: dict[str, str], told: str):
    """Each value is in its range, and together they would disarm the bot."""
    (sentence,) = problems(**texts)

    assert told in sentence
    assert "HEDGELOCK__" in sentence or "API keys are the same" in sentence


UNKNOWN = [
    # what was written                          # what was meant
    ("HEDGELOCK__LIMIT__MAX_LEG_BTC", "HEDGELOCK__LIMITS__MAX_LEG_BTC"),
    ("HEDGELOCK__HEDGE__BAND", "HEDGELOCK__HEDGE__BAND_BTC"),
    ("hedgelock__mode", "HEDGELOCK__MODE"),
    ("HEDGELOCK_MODE", "HEDGELOCK__MODE"),
    ("HEDGELOCK_LIMITS__MAX_LEG_BTC", "HEDGELOCK__LIMITS__MAX_LEG_BTC"),
    ("HEDGELOCK__BYBIT__TESTNET_API_SECRET_FIL", "HEDGELOCK__BYBIT__TESTNET_API_SECRET_FILE"),
]


@pytest.mark.parametrize(("written", "meant"), UNKNOWN)
@pytest.mark.parametrize("place", ["environment", ".env"])
def test_a_name_nobody_reads_is_an_error_with_the_nearest_one(written: str, meant: str, place: str):
    """A limit that is silently ignored is a limit that is off."""
    if place == ".env":
        a_file(Path(".env"), f"{written}=0.5\n")
    with pytest.raises(SettingsError) as refused:
        load(environ={written: "0.5"} if place == "environment" else {})

    assert (f"{written} ({place}) is not a setting; did you mean {meant}?",) == refused.value.problems


def test_other_peoples_variables_are_left_alone():
    """PATH is not ours, and neither is what Kubernetes announces about a service called hedgelock."""
    settings, found = load(
        environ={"PATH": "/bin", "HEDGELOCK_PORT": "tcp://10.0.0.1:80", "HEDGELOCK_WEB_PORT": "tcp://x"}
    )

    assert (Settings(), {}) == (settings, found)


def test_an_empty_text_is_as_good_as_none():
    """Compose files pass empty variables; they must not become empty keys or zero limits."""
    assert Settings() == given(BYBIT__TESTNET_API_KEY=" ", LIMITS__MAX_LEG_BTC="", MODE="\n").settings


@pytest.mark.parametrize(
    "text", ["changeme", "your-api-key", "<key>", "xxxxxxxxxx", "AKID1", "two words here", '"AKID00000001"']
)
def test_what_cannot_be_a_key_is_refused_without_being_shown(text: str):
    """A placeholder that reaches the exchange is an evening lost; a key in an error message is worse."""
    (sentence,) = problems(BYBIT__TESTNET_API_KEY=text, BYBIT__TESTNET_API_SECRET=SECRET)

    assert sentence.startswith("HEDGELOCK__BYBIT__TESTNET_API_KEY (environment) is")
    assert text not in sentence


def test_a_secret_may_stand_in_a_file_of_its_own():
    """The variable then holds only a path, and the text is stripped of the editor's last newline."""
    a_file(Path("secret"), f"  {SECRET}\n")

    settings, found = given(BYBIT__TESTNET_API_KEY=KEY, BYBIT__TESTNET_API_SECRET_FILE="secret")

    assert (KEY, SECRET) == tuple(text.get_secret_value() for text in settings.bybit.credentials(Mode.TESTNET))
    assert "environment, file secret" == found["HEDGELOCK__BYBIT__TESTNET_API_SECRET"].source


def test_a_private_key_may_span_lines():
    """Bybit accepts self-made RSA keys; a PEM is not a placeholder."""
    pem = "-----BEGIN PRIVATE KEY-----\nMIIB\nAgEA\n-----END PRIVATE KEY-----"
    a_file(Path("pem"), pem + "\n")

    settings, _ = given(BYBIT__DEMO_API_KEY=KEY, BYBIT__DEMO_API_SECRET_FILE="pem")

    assert pem == settings.bybit.demo_api_secret.get_secret_value()


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o606, 0o660])
def test_a_secret_file_that_others_can_read_is_refused_with_its_mend(mode: int):
    """Whoever can read the file can trade the account."""
    a_file(Path("secret"), SECRET, mode)

    (sentence,) = problems(BYBIT__TESTNET_API_KEY=KEY, BYBIT__TESTNET_API_SECRET_FILE="secret")

    assert "mend: chmod 600 secret" in sentence
    assert SECRET not in sentence


BAD_FILES = [
    ("missing", "No such file"),
    ("folder", "Is a directory"),
    ("empty", "is empty"),
    ("binary", "is not text"),
]


@pytest.mark.parametrize(("name", "told"), BAD_FILES)
def test_a_secret_file_that_cannot_be_read_is_told(name: str, told: str):
    """A wrong path must not start a daemon without keys."""
    Path("folder").mkdir()
    a_file(Path("empty"), "\n")
    a_file(Path("binary"), "").write_bytes(b"\xff\xfe\x00\x01")

    (sentence,) = problems(BYBIT__TESTNET_API_KEY=KEY, BYBIT__TESTNET_API_SECRET_FILE=name)

    assert sentence.startswith(f"HEDGELOCK__BYBIT__TESTNET_API_SECRET_FILE = '{name}'")
    assert told in sentence


def test_a_secret_is_said_once():
    """Two sources for one key: nobody knows which one is meant."""
    a_file(Path("secret"), SECRET)

    (sentence,) = problems(BYBIT__TESTNET_API_SECRET=SECRET, BYBIT__TESTNET_API_SECRET_FILE="secret")

    assert "are both set; keep one" in sentence


def test_a_dotenv_with_secrets_is_for_its_owner_alone():
    """The same rule as for a secret's own file; a .env without secrets may be read by anyone."""
    text = f"HEDGELOCK__BYBIT__TESTNET_API_KEY={KEY}\nHEDGELOCK__BYBIT__TESTNET_API_SECRET={SECRET}\n"
    a_file(Path(".env"), text, 0o644)

    (sentence,) = problems()
    assert "others may read it (mode 0644); mend: chmod 600 .env" in sentence

    Path(".env").chmod(0o600)
    assert SECRET == given().settings.bybit.testnet_api_secret.get_secret_value()


BAD_DOTENVS = [
    ("HEDGELOCK__MODE\n", "line 1: not a line of the form NAME=value"),
    ("\nHEDGELOCK__WEB__PORT=1\nHEDGELOCK__WEB__PORT=2\n", "line 3: HEDGELOCK__WEB__PORT is set twice"),
]


@pytest.mark.parametrize(("text", "told"), BAD_DOTENVS)
def test_a_dotenv_that_cannot_be_meant_is_told_with_its_line(text: str, told: str):
    """Half a file read is a file misread."""
    (sentence,) = problems(a_file(Path("my.env"), text))

    assert f"my.env, {told}" == sentence


def test_a_dotenv_expands_nothing_and_forgives_a_windows_editor():
    """A dollar sign in a secret is a dollar sign; a byte-order mark is not part of a name."""
    a_file(
        Path(".env"),
        "\ufeffHEDGELOCK__BYBIT__DEMO_API_KEY=AKID${HOME}0001\r\nHEDGELOCK__BYBIT__DEMO_API_SECRET='pa$$word-000'\r\n",
    )

    bybit = given().settings.bybit

    assert ("AKID${HOME}0001", "pa$$word-000") == tuple(s.get_secret_value() for s in bybit.credentials(Mode.DEMO))


def test_an_env_file_that_is_a_folder_or_a_link_into_nowhere_is_no_absence():
    """A container runtime makes a folder where the file to be mounted is missing: paper mode is not what was meant."""
    Path(".env").mkdir()
    (folder,) = problems()
    Path(".env").rmdir()
    Path(".env").symlink_to("gone.env")
    (link,) = problems()

    assert ".env is there and no file: what was to be set is not read; mend it, or take it away" == folder == link
    assert ("HEDGELOCK__ENV_FILE = '.': that is no file",) == problems(Path())


def test_a_heartbeat_that_could_never_beat_is_refused_and_not_repeated():
    """It is found out at the start, and not in the night in which nobody is called."""
    for text in ("nonsense", "ftp://host/secret", "https://"):
        (told,) = problems(DEADMAN__HEARTBEAT_URL=text)
        assert "HEDGELOCK__DEADMAN__HEARTBEAT_URL (environment) is not of the form https://host/path" == told
    assert given(DEADMAN__HEARTBEAT_URL="http://127.0.0.1:9/ping").settings.deadman.heartbeat_url


def test_a_time_zone_that_is_none_is_refused_without_quiet_hours_too():
    (told,) = problems(ALERTS__TIME_ZONE="Europe/Nowhere")
    assert "HEDGELOCK__ALERTS__TIME_ZONE: Europe/Nowhere is not a time zone like Europe/Zurich" == told


def test_a_page_for_other_machines_needs_a_token():
    """A setting's fault, and told as one: exit code 3 is tried once, 6 again and again."""
    for host in ("0.0.0.0", "::", "192.168.0.7", "myhost"):
        (told,) = problems(WEB__HOST=host)
        assert f"HEDGELOCK__WEB__HOST = {host!r} is seen from beyond this machine" in told
    assert given(WEB__HOST="0.0.0.0", WEB__TOKEN="a-token-of-22-letters-").settings.web.host == "0.0.0.0"
    assert given(WEB__HOST="0.0.0.0", WEB__ENABLED="false").settings.web.host == "0.0.0.0"
    assert given(WEB__HOST="::1").settings.web.host == "::1"


def test_a_named_env_file_must_exist():
    """Someone who names a file means it."""
    assert ("HEDGELOCK__ENV_FILE = 'gone.env': there is no such file",) == problems(Path("gone.env"))
    assert ("HEDGELOCK__ENV_FILE = 'gone.env': there is no such file",) == problems(ENV_FILE="gone.env")


def test_a_secret_shows_nowhere():
    """Not in a repr, not in a dump, not in the table of settings in force."""
    settings, found = given(MODE="testnet", BYBIT__TESTNET_API_KEY=KEY, BYBIT__TESTNET_API_SECRET=SECRET)

    shown = repr(settings) + str(settings) + settings.model_dump_json() + repr(found) + repr(effective(settings, found))

    assert SECRET not in shown
    assert KEY not in shown
    assert [KEY, SECRET] == settings.bybit.secrets()


def test_real_money_needs_a_second_deliberate_word():
    """MODE=mainnet alone is one slip away from anyone."""
    keys = {"BYBIT__MAINNET_API_KEY": KEY, "BYBIT__MAINNET_API_SECRET": SECRET}
    for phrase in ("", "yes", "YES-TRADE-REAL-MONEY"):
        with pytest.raises(NotArmed, match="yes-trade-real-money"):
            given(MODE="mainnet", ARM_MAINNET=phrase, **keys).settings.require_runnable()

    given(MODE="mainnet", ARM_MAINNET="yes-trade-real-money", **keys).settings.require_runnable()


@pytest.mark.parametrize("mode", ["testnet", "demo", "mainnet"])
def test_a_world_needs_its_own_keys(mode: str):
    """Keys of another world do not count."""
    other = "DEMO" if mode == "testnet" else "TESTNET"
    settings, _ = given(
        MODE=mode,
        ARM_MAINNET="yes-trade-real-money",
        **{f"BYBIT__{other}_API_KEY": KEY, f"BYBIT__{other}_API_SECRET": SECRET},
    )

    with pytest.raises(SettingsError, match=f"needs HEDGELOCK__BYBIT__{mode.upper()}_API_KEY"):
        settings.require_runnable()


HOSTS = [
    # mode, key, url, allowed
    ("mainnet", "REST_URL", "https://api.bybit.nl", True),
    ("mainnet", "WS_URL", "wss://stream.bybit.tr", True),
    ("mainnet", "REST_URL", "http://api.bybit.com", False),  # keys in the clear
    ("mainnet", "REST_URL", "https://api.bybit.com.evil.test", False),
    ("mainnet", "REST_URL", "https://stream.bybit.com", False),
    ("testnet", "REST_URL", "https://api.bybit.com", False),  # a play-money run that trades real money
    ("demo", "REST_URL", "https://api-testnet.bybit.com", False),
    ("demo", "REST_URL", "http://127.0.0.1:8100", True),
    ("paper", "WS_URL", "ws://localhost:8100", True),
    ("paper", "REST_URL", "https://api-testnet.bybit.com", False),
    ("testnet", "REST_URL", "https://user:pass@api-testnet.bybit.com", False),
]


@pytest.mark.parametrize(("mode", "name", "url", "allowed"), HOSTS)
def test_a_host_belongs_to_its_world(mode: str, name: str, url: str, *, allowed: bool):
    """Only host names differ between the worlds, so the host is what keeps them apart."""
    if allowed:
        given(MODE=mode, **{f"BYBIT__{name}": url})
    else:
        (sentence,) = problems(MODE=mode, **{f"BYBIT__{name}": url})
        assert f"HEDGELOCK__BYBIT__{name} = {url!r}" in sentence


def test_demo_hears_mainnets_prices():
    """Bybit: demo. It has a private stream of its own and no public one."""
    assert (
        Endpoints("https://api-demo.bybit.com", "wss://stream.bybit.com", "wss://stream-demo.bybit.com")
        == given(MODE="demo").settings.endpoints()
    )


def test_no_limit_can_be_switched_off():
    """Every number of the limits has a floor above zero and a ceiling."""
    for key in describe(Settings):
        if key.path[0] == "limits":
            low, high = key.allowed.split(" to ")
            assert 0 < Decimal(low) < Decimal(high), key.name


def test_every_number_has_a_range():
    """A setting without a ceiling is a typing error waiting."""
    for key in describe(Settings):
        if key.kind in ("integer", "number", "decimal"):
            assert " to " in key.allowed, key.name
        assert key.what, key.name
        assert key.room, key.name


def test_the_documents_are_what_the_model_says(root: Path):
    """One source: after changing a key run `python -m scripts.settings_docs`."""
    readme = (root / "config" / "README.md").read_text()

    assert settings_docs.env_example() == (root / ".env.example").read_text()
    assert settings_docs.readme(readme) == readme


def test_the_example_uncommented_is_the_defaults(root: Path):
    """.env.example shows defaults, so taking every # off changes nothing."""
    lines = (root / ".env.example").read_text().splitlines()
    text = "\n".join(line[1:] for line in lines if line.startswith("#HEDGELOCK__"))

    file = a_file(Path("all.env"), text + "\n")

    assert Settings() == given(file).settings
    assert {key.name for key in describe(Settings)} <= dotenv_values(file).keys()


@pytest.mark.parametrize("mode", ["paper", "seed-parity", "testnet", "demo", "mainnet"])
def test_every_profile_loads(root: Path, mode: str):
    """A profile is taken as it is; mainnet's stays unarmed, and none holds a secret."""
    settings, _ = given(root / "config" / f"{mode}.env")

    assert ("paper" if mode == "seed-parity" else mode) == settings.mode
    assert "" == settings.arm_mainnet
    assert [] == settings.bybit.secrets()


def test_real_money_begins_with_smaller_limits(root: Path):
    """Mainnet's profile allows less than a bare start does, and its payments are only told."""
    small, usual = given(root / "config" / "mainnet.env").settings, Settings()

    for limit in ("max_leg_btc", "max_order_btc", "max_orders_per_minute", "max_orders_per_day"):
        assert getattr(small.limits, limit) < getattr(usual.limits, limit), limit
    assert small.loan.dry_run


@pytest.mark.parametrize(("mode", "refused"), [(0o444, False), (0o400, False), (0o446, True)])
def test_a_container_runtimes_secret_may_be_readable(tmp_path: Path, mode: int, *, refused: bool):
    """The runtime chooses the mode of what it mounts and nobody else looks in; writable by others is still refused."""
    file = a_file(tmp_path / "key", SECRET, mode)
    names = ["HEDGELOCK__KEY"]

    def found() -> str:
        environ = {"HEDGELOCK__KEY_FILE": str(file)}
        return variables.read(names, names, environ=environ, runtime_secrets=tmp_path)["HEDGELOCK__KEY"].text

    if refused:
        with pytest.raises(SettingsError, match="mend: chmod 600"):
            found()
    else:
        assert SECRET == found()
