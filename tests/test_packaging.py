"""What is handed out: the image, the compose file, the package."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from scripts import licences, locked, sbom

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

    assert {"hedgelock": "bot.cli:main"} == project["scripts"]


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


def test_the_kubernetes_example_never_runs_two():
    """One replica, replaced by hand only; not root, nothing to write to but its data."""
    spec = yaml.safe_load((ROOT / "config/kubernetes/hedgelock.yaml").read_text(encoding="utf-8"))["spec"]
    pod = spec["template"]["spec"]

    assert (1, "OnDelete") == (spec["replicas"], spec["updateStrategy"]["type"])
    assert pod["securityContext"]["runAsNonRoot"]
    assert all(each["securityContext"]["readOnlyRootFilesystem"] for each in pod["containers"])
