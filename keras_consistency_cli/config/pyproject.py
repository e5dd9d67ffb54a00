"""The table [tool.kcheck] of pyproject.toml: the same keys as the YAML file, with the line of each key."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from keras_consistency_cli.config.strict_yaml import Document, KeyPath
from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.text import clean

__all__ = ["read_code_table", "read_pyproject"]

_MOST_BYTES = 2**20
_TABLE = ("tool", "kcheck")
_CODE = "code"
_HEADER = re.compile(r"^\s*\[([^\[\]]+)\]\s*(?:#.*)?$")
_KEY = re.compile(r"""^\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_PART = re.compile(r"""[\w-]+|"[^"]*"|'[^']*'""")


def read_pyproject(folder: Path) -> Document | None:
    """Return [tool.kcheck] of the pyproject.toml in a folder, without the table of `kcheck code`, or None if
    there is none.

    Raises:
        UsageError: the file mentions tool.kcheck and is not valid TOML, or tool.kcheck is not a table.
    """
    document = _read(folder)
    if document is None or not isinstance(document.data.get(_CODE), dict):
        return document
    data = {key: value for key, value in document.data.items() if key != _CODE}
    lines = {path: line for path, line in document.lines.items() if path[0] != _CODE}
    return Document(name=document.name, data=data, lines=lines) if data else None


def read_code_table(folder: Path) -> Document | None:
    """Return [tool.kcheck.code] of the pyproject.toml in a folder, or None if there is none.

    Raises:
        UsageError: as `read_pyproject`; also if tool.kcheck.code is not a table.
    """
    document = _read(folder)
    if document is None or _CODE not in document.data:
        return None
    table = document.data[_CODE]
    if not isinstance(table, dict):
        raise UsageError(f"{document.name}: tool.kcheck.code is not a table")
    lines = {path[1:]: line for path, line in document.lines.items() if path[0] == _CODE and path[1:]}
    return Document(name=document.name, data=table, lines=lines)


def _read(folder: Path) -> Document | None:
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
        # A broken file that holds no settings of kcheck is for other tools to report.
        if b"tool.kcheck" not in content:
            return None
        raise UsageError(f"{clean(path)}: not valid TOML: {clean(error)}") from None
    table = _kcheck_table(whole, clean(path))
    return None if table is None else Document(name=clean(path), data=table, lines=dict(_lines(text)))


def _kcheck_table(whole: dict[str, Any], shown: str) -> dict[str, Any] | None:
    tools = whole.get("tool", {})
    table = tools.get("kcheck") if isinstance(tools, dict) else None
    if table is not None and not isinstance(table, dict):
        raise UsageError(
            f"{shown}: tool.kcheck is not a table", expected="a table [tool.kcheck] with options of kcheck"
        )
    return table


def _lines(text: str) -> Iterator[tuple[KeyPath, int]]:
    """The line of each key in [tool.kcheck], as far as a line-by-line reading shows it."""
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
