"""What is handed out: the image, the compose file, the package."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

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


def test_the_command_of_the_package_exists():
    """What pip installs starts what scripts/run starts."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert {"hedgelock": "bot.cli:main"} == project["scripts"]
