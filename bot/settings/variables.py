"""Reads the world's variables: the environment, one .env file, and the files that hold secrets.

Knows how a variable is found and where it came from, and refuses names nobody reads and secrets others could read.
Does not know what any value means: names come in, texts go out. `settings.load()` gives them their meaning.

Later wins: .env file, environment, command line. An empty text is as good as none.
"""

from __future__ import annotations

import difflib
import os
import stat
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from dotenv.parser import parse_stream

__all__ = ["ENV_FILE_NAME", "PREFIX", "SettingsError", "Variable", "nearest", "read", "read_secret"]

PREFIX = "HEDGELOCK__"
ENV_FILE_NAME = PREFIX + "ENV_FILE"
_DEFAULT_ENV_FILE = Path(".env")
_LARGEST_FILE_BYTES = 64 * 1024
_RUNTIME_SECRETS = Path("/run/secrets")


class SettingsError(Exception):
    """The settings cannot be used. `problems` holds one sentence each, naming the variable, its value and its range."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Variable(NamedTuple):
    """A variable's text, stripped and never empty, and where it was found."""

    text: str
    source: str

    def __repr__(self) -> str:
        """Without the text, which may be a secret."""
        return f"Variable(source={self.source!r})"


def read(
    names: Collection[str],
    secret_names: Collection[str],
    *,
    environ: Mapping[str, str],
    env_file: Path | None = None,
    overrides: Mapping[str, str] | None = None,
    runtime_secrets: Path = _RUNTIME_SECRETS,
) -> dict[str, Variable]:
    """Every known variable that is set, by name; a secret may come from the file its NAME_FILE twin names.

    `env_file` None means the one HEDGELOCK__ENV_FILE names, else `.env` in the working directory if there is one.
    Below `runtime_secrets` a secret may be readable by others: a container runtime chooses the modes of what it mounts there, and nobody
    else can reach into the container. Raises SettingsError with all problems found: unknown names, unreadable or too widely readable files.
    """
    problems: list[str] = []
    known = {*names, *(name + "_FILE" for name in secret_names)}
    found: dict[str, Variable] = {}
    path, source = _which_env_file(environ, env_file)
    layers = [
        (source, _read_env_file(path, secret_names, problems) if path else {}),
        ("environment", {name: text for name, text in environ.items() if name != ENV_FILE_NAME}),
        ("command line", overrides or {}),
    ]
    for source, texts in layers:
        problems += _unknown(texts, known, source)
        found |= {
            name: Variable(text.strip(), source) for name, text in texts.items() if name in known and text.strip()
        }
    for name in secret_names:
        if (twin := found.pop(name + "_FILE", None)) is None:
            continue
        try:
            if name in found:
                raise ValueError(f"and {name} are both set; keep one")
            text = read_secret(Path(twin.text), runtime_secrets)
            found[name] = Variable(text, f"{twin.source}, file {twin.text}")
        except (OSError, ValueError) as error:
            reason = f"cannot be read: {error.strerror}" if isinstance(error, OSError) else error
            problems.append(f"{name}_FILE = {twin.text!r} {reason}")
    if problems:
        raise SettingsError(*problems)
    return found


def nearest(word: str, known: Collection[str]) -> str:
    """ ", did you mean X?" for the known word closest to `word`, or nothing when none is close."""
    close = difflib.get_close_matches(word, sorted(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""


def _unknown(texts: Mapping[str, str], known: Collection[str], source: str) -> Iterator[str]:
    """Names that look like ours and are not: a setting that is silently ignored is a setting that is wrong."""
    without_underscores = {name.replace("_", ""): name for name in known}
    for name, text in texts.items():
        upper = name.upper()
        if name in known or not upper.startswith("HEDGELOCK"):
            continue
        # Kubernetes announces a service called hedgelock as HEDGELOCK_PORT=tcp://...: not meant for us.
        meant = without_underscores.get(upper.replace("_", ""))
        if upper.startswith(PREFIX):
            yield f"{name} ({source}) is not a setting{nearest(upper, known)}"
        elif meant and not text.startswith("tcp://"):
            yield f"{name} ({source}) is not a setting; did you mean {meant}?"


def _which_env_file(environ: Mapping[str, str], chosen: Path | None) -> tuple[Path | None, str]:
    named = environ.get(ENV_FILE_NAME, "").strip()
    path = chosen or (Path(named) if named else None)
    if path is None:
        # A folder (a container runtime makes one where a mounted file is missing) or a link into nowhere is no absence.
        if not os.path.lexists(_DEFAULT_ENV_FILE):
            return None, str(_DEFAULT_ENV_FILE)
        path = _DEFAULT_ENV_FILE
        if not path.is_file():
            raise SettingsError(
                f"{path} is there and no file: what was to be set is not read; mend it, or take it away"
            )
    elif not path.is_file():
        what = "that is no file" if path.exists() else "there is no such file"
        raise SettingsError(f"{ENV_FILE_NAME} = {str(path)!r}: {what}")
    return path, str(path)


def _read_env_file(path: Path, secret_names: Collection[str], problems: list[str]) -> dict[str, str]:
    """The file's variables, verbatim: nothing in it is expanded or executed."""
    texts: dict[str, str] = {}
    try:
        with path.open(encoding="utf-8-sig") as stream:
            mode = stat.S_IMODE(os.fstat(stream.fileno()).st_mode)
            bindings = list(parse_stream(stream))
    except (OSError, UnicodeDecodeError) as error:
        problems.append(f"{path} cannot be read: {error}")
        return texts
    for binding in bindings:
        line = binding.original.line
        if binding.error or (binding.key and binding.value is None):
            problems.append(f"{path}, line {line}: not a line of the form NAME=value")
        elif binding.key and binding.key in texts:
            problems.append(f"{path}, line {line}: {binding.key} is set twice")
        elif binding.key:
            texts[binding.key] = binding.value or ""
    if any(texts.get(name, "").strip() for name in secret_names) and mode & 0o077:
        problems.append(f"{path} holds secrets and others may read it (mode {mode:04o}); mend: chmod 600 {path}")
    return texts


def read_secret(path: Path, runtime_secrets: Path = _RUNTIME_SECRETS) -> str:
    """The stripped text of a secret's file. OSError: it cannot be opened; ValueError: others may read or write it, or it holds nothing."""
    with path.open(encoding="utf-8-sig") as stream:
        facts = os.fstat(stream.fileno())
        mode = stat.S_IMODE(facts.st_mode)
        if not stat.S_ISREG(facts.st_mode) or facts.st_size > _LARGEST_FILE_BYTES:
            raise ValueError("is not a small regular file")
        mounted_by_the_runtime = runtime_secrets.resolve() in path.resolve().parents
        if mode & (0o022 if mounted_by_the_runtime else 0o077):
            raise ValueError(f"may be read or written by others (mode {mode:04o}); mend: chmod 600 {path}")
        try:
            text = stream.read().strip()
        except UnicodeDecodeError:
            raise ValueError("is not text") from None
    if not text:
        raise ValueError("is empty")
    return text
