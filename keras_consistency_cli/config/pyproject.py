"""The table [tool.kcheck] of a pyproject.toml: the same keys as the YAML file, with the line of each."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from keras_consistency_cli.config.strict_yaml import Document, KeyPath
from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.text import clean

__all__ = ["read_project"]

_MOST_BYTES = 2**20
_TABLE = ("tool", "kcheck")
_HEADER = re.compile(r"^\s*\[([^\[\]]+)\]\s*(?:#.*)?$")
_KEY = re.compile(r"""^\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_PART = re.compile(r"""[\w-]+|"[^"]*"|'[^']*'""")


def read_project(folder: Path) -> Document | None:
    """Return what the pyproject.toml of a folder says to kcheck, None where it says nothing.

    Raises:
        UsageError: it speaks of kcheck and is no TOML, or [tool.kcheck] is no table.
    """
    path = folder / "pyproject.toml"
    try:
        with path.open("rb") as stream:
            content = stream.read(_MOST_BYTES)
    except (OSError, ValueError):
        return None
    if b"kcheck" not in content:
        return None
    try:
        text = content.decode("utf-8")
        whole = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        # Other tools' files are none of kcheck's business, broken or not.
        if b"tool.kcheck" not in content:
            return None
        raise UsageError(f"{clean(path)}: not valid TOML: {clean(error)}") from None
    said = _said(whole, clean(path))
    return None if said is None else Document(name=clean(path), data=said, lines=dict(_lines(text)))


def _said(whole: dict[str, Any], shown: str) -> dict[str, Any] | None:
    tools = whole.get("tool", {})
    said = tools.get("kcheck") if isinstance(tools, dict) else None
    if said is not None and not isinstance(said, dict):
        raise UsageError(
            f"{shown}: tool.kcheck is not a table", expected="a table [tool.kcheck] with options of kcheck"
        )
    return said


def _lines(text: str) -> Iterator[tuple[KeyPath, int]]:
    """The line of each key below [tool.kcheck], as far as plain lines show it."""
    table: KeyPath = ()
    for at, line in enumerate(text.splitlines(), 1):
        header, key = _HEADER.match(line), _KEY.match(line)
        if header:
            table = _parts(header[1])
        path = table if header else (*table, *_parts(key[1])) if key else ()
        if path[:2] == _TABLE and path[2:]:
            yield path[2:], at


def _parts(words: str) -> KeyPath:
    return tuple(part.strip("\"'") for part in _PART.findall(words))
