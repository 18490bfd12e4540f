"""What is handed out: the image, the compose file, the package."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from scripts import audit, licences, locked, sbom

ROOT = Path(__file__).resolve().parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_the_image_starts_python_and_no_shell():
    """A stop signal must reach the daemon: entry point, command and health check are lists of words, and no curl is in the image."""
    words = {name: re.search(rf"\b{name} (\[.*\])$", DOCKERFILE, re.MULTILINE) for name in ("ENTRYPOINT", "CMD")}
    told = {name: json.loads(found.group(1)) for name, found in words.items() if found}
    health = re.search(r"^HEALTHCHECK .* CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)

    assert ["python", "-m", "bot"] == told["ENTRYPOINT"]
    assert health is not None
    assert "python" == json.loads(health.group(1))[0]
    assert "curl" not in DOCKERFILE
    assert "STOPSIGNAL SIGTERM" in DOCKERFILE
    assert "USER hedgelock" in DOCKERFILE


PORTS = [
    # name                  settings                                                        asked
    ("as it comes", {}, 9096),
    ("another second port", {"HEDGELOCK__WEB__METRICS_PORT": "9196"}, 9196),
    ("no second port", {"HEDGELOCK__WEB__METRICS_PORT": "0"}, 8009),
    ("no second port, another first", {"HEDGELOCK__WEB__METRICS_PORT": "0", "HEDGELOCK__WEB__PORT": "80"}, 80),
    ("set to nothing", {"HEDGELOCK__WEB__METRICS_PORT": ""}, 9096),
]


@pytest.mark.parametrize(("name", "settings", "asked"), PORTS, ids=[case[0] for case in PORTS])
def test_the_health_check_asks_the_port_that_nobody_crowds(
    monkeypatch: pytest.MonkeyPatch, name: str, settings: dict[str, str], asked: int
):
    """The dashboard's line may be long; the second port has its own."""
    found = re.search(r"^HEALTHCHECK .* CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    assert found is not None
    urls: list[str] = []
    monkeypatch.setattr("urllib.request.urlopen", lambda url, timeout: urls.append(url))
    for key, value in settings.items():
        monkeypatch.setenv(key, value)

    exec(json.loads(found.group(1))[2], {})

    assert [f"http://127.0.0.1:{asked}/health"] == urls


def test_the_image_installs_what_the_tests_ran_with():
    """By hash, only wheels, and nothing that the lock does not name."""
    assert re.search(r"--only-binary :all: --no-deps --require-hashes -r requirements.lock", DOCKERFILE)


def test_the_image_is_given_what_it_copies():
    """.dockerignore lets nothing through but what it names; a COPY of anything else would fail."""
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] == "!"}
    copied = {
        word for line in re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE) for word in line.split()
    }

    assert copied == let_in
    assert all((ROOT / name).exists() for name in copied)


def test_the_command_of_the_package_exists():
    """What pip installs starts what scripts/run starts."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert {"hedgelock": "bot.cli.command:main"} == project["scripts"]


def test_every_licence_is_known_and_permitted():
    """Nothing that binds our own code, and nothing unsaid. Run `python -m scripts.licences` after a lock was changed."""
    unknown = []
    for package in locked.packages(ROOT / "requirements.lock"):
        words = set(re.findall(r"[\w.-]+", locked.licence(package.name) or "")) - {"AND", "OR"}
        if not package.marker and not (words and words <= locked.PERMITTED):
            unknown.append((package.name, words))

    assert [] == unknown
    assert licences.page() == licences.PAGE.read_text(encoding="utf-8")


def test_the_bill_of_materials_names_every_package_with_its_hashes():
    """One component for each line of the lock, and the same bytes each time."""
    lock = ROOT / "requirements.lock"
    bill = sbom.bill(lock)

    pinned = re.findall(r"^([\w.-]+)(?:\[.*\])?==", lock.read_text(encoding="utf-8"), re.MULTILINE)
    assert pinned == [component["name"] for component in bill["components"]]
    assert all(component["properties"] for component in bill["components"])
    assert bill == sbom.bill(lock)


RANGES = [
    # name                         events of one range, oldest first                       applies to 1.4.0
    ("before the fix", [{"introduced": "0"}, {"fixed": "1.4.1"}], True),
    ("the fix itself", [{"introduced": "0"}, {"fixed": "1.4.0"}], False),
    ("before it came in", [{"introduced": "1.5"}], False),
    ("never fixed", [{"introduced": "1.0"}], True),
    ("the last that is affected", [{"introduced": "0"}, {"last_affected": "1.4.0"}], True),
    ("after the last", [{"introduced": "0"}, {"last_affected": "1.3.9"}], False),
    ("came back", [{"introduced": "0"}, {"fixed": "1.2"}, {"introduced": "1.3"}, {"fixed": "1.5"}], True),
    ("fixed in both lines", [{"introduced": "0"}, {"fixed": "1.2"}, {"introduced": "1.5"}, {"fixed": "1.6"}], False),
]


@pytest.mark.parametrize(("name", "events", "applies"), RANGES, ids=[case[0] for case in RANGES])
def test_an_advisory_applies_to_its_versions(name: str, events: list[dict[str, str]], applies: bool):
    """OSV's ranges, and its plain list of versions."""
    entry = {"ranges": [{"type": "ECOSYSTEM", "events": events}], "versions": []}

    assert applies is audit.applies(entry, "1.4.0")
    assert audit.applies({"versions": ["1.4.0"]}, "1.4.0")


def test_the_audit_reads_a_lock_and_a_folder_of_advisories(tmp_path: Path):
    """What is withdrawn does not count."""
    lock, folder = tmp_path / "some.lock", tmp_path / "vulns" / "two-words"
    folder.mkdir(parents=True)
    lock.write_text("Two_Words==1.4.0 \\\n    --hash=sha256:" + "0" * 64 + "\n")
    advisory = "id: {}\naffected:\n- versions: [1.4.0]\n  package: {{ecosystem: PyPI, name: two-words}}\n"
    (folder / "A-1.yaml").write_text(advisory.format("A-1"))
    (folder / "A-2.yaml").write_text(advisory.format("A-2") + "withdrawn: '2024-01-01T00:00:00Z'\n")

    assert [("Two_Words", "1.4.0", "A-1")] == [each[1:] for each in audit.audit(lock, tmp_path / "vulns")]


@pytest.mark.parametrize("file", ["docker-compose.yml", "config/fleet/docker-compose.yml"])
def test_what_a_compose_file_mounts_is_there(file: str):
    """And every daemon in it is as confined as the image means it to be."""
    path = ROOT / file
    compose = yaml.safe_load(path.read_text(encoding="utf-8"))

    for name, service in compose["services"].items():
        assert ["ALL"] == service["cap_drop"], name
        if service["image"] == "hedgelock":
            assert (True, True) == (service["read_only"], service["init"])
        for mount in service["volumes"]:
            source = str(mount).split(":")[0]
            is_there = source in compose["volumes"] or (path.parent / source).exists() or "secrets" in source
            assert is_there, f"{name} mounts {source}"


def test_whoever_runs_it_bounds_its_memory_and_starts_it_again():
    """A leak ends as one sudden death and a restart (which the books survive), not as a machine without memory."""
    units = [(ROOT / f"config/systemd/{name}.service").read_text() for name in ("hedgelock", "hedgelock-watch")]
    files = ("docker-compose.yml", "config/fleet/docker-compose.yml")
    composed = [yaml.safe_load((ROOT / file).read_text())["services"].values() for file in files]
    pod = yaml.safe_load((ROOT / "config/kubernetes/hedgelock.yaml").read_text())["spec"]["template"]["spec"]

    assert all(
        re.search(r"^MemoryMax=\d+", unit, re.M) and re.search(r"^Restart=(on-failure|always)$", unit, re.M)
        for unit in units
    )
    daemons = [service for services in composed for service in services if service["image"] == "hedgelock"]
    assert len(daemons) == 3
    # Not on-failure: a machine that shuts down stops the daemon cleanly, code 0, and would not start it again after the boot.
    assert all(each["mem_limit"] and each["restart"] == "unless-stopped" for each in daemons)
    assert all("memory" in each["resources"]["limits"] for each in pod["containers"])


def test_systemd_leaves_the_dashboards_process_to_the_daemon():
    """A stop is told to the daemon alone, and the end of the process that is to go first where memory runs out does not stop the daemon."""
    unit = (ROOT / "config/systemd/hedgelock.service").read_text().splitlines()

    assert {"KillMode=mixed", "OOMPolicy=continue"} <= set(unit)


def test_the_kubernetes_example_never_runs_two():
    """One replica, replaced by hand only; not root, nothing to write to but its data."""
    spec = yaml.safe_load((ROOT / "config/kubernetes/hedgelock.yaml").read_text(encoding="utf-8"))["spec"]
    pod = spec["template"]["spec"]

    assert (1, "OnDelete") == (spec["replicas"], spec["updateStrategy"]["type"])
    assert pod["securityContext"]["runAsNonRoot"]
    assert all(each["securityContext"]["readOnlyRootFilesystem"] for each in pod["containers"])
    # Readiness waits for Bybit, which no restart brings back.
    assert all("9096/health/live'" in each["livenessProbe"]["exec"]["command"][-1] for each in pod["containers"])


CALLED = ("audit", "licences", "mutants", "openapi", "replay", "sbom", "settings_docs", "simulator_docs")
CALLED += ("strategy_pictures", "stream_schemas", "traceability")


@pytest.mark.parametrize("name", CALLED)
def test_a_script_tells_what_it_does_and_does_nothing_when_asked_how(name: str) -> None:
    """`--help` of one that writes a page wrote the page; a wrong word was not heard."""
    written = [*(ROOT / "docs").rglob("*.*"), ROOT / ".env.example", ROOT / "config" / "README.md"]
    before = [file.stat().st_mtime_ns for file in written]
    call = [sys.executable, "-m", f"scripts.{name}"]
    helped = subprocess.run([*call, "--help"], cwd=ROOT, capture_output=True, text=True, check=False)
    wrong = subprocess.run([*call, "--nosuch"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert (0, 2) == (helped.returncode, wrong.returncode), helped.stderr + wrong.stderr
    assert "usage: " in helped.stdout
    assert before == [file.stat().st_mtime_ns for file in written]
