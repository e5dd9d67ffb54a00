"""Read a notebook: the cells with code, without the magic commands of IPython."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from keras_consistency_cli.checks.code.reading.texts import code_lines, parse_text

__all__ = ["read_notebook"]

_MAGIC = re.compile(r"^\s*(?:[%!]|\?|[\w.]+\?{1,2}\s*$|(?:pip3?|conda|ls|cd|cat|mkdir|wget|git) +[\w./-])")
_ASSIGNED_MAGIC = re.compile(r"^(\s*[\w, ]+=\s*)[%!].*$")
_OTHER_LANGUAGES = (
    "%%bash",
    "%%sh",
    "%%html",
    "%%javascript",
    "%%js",
    "%%writefile",
    "%%sql",
    "%%R",
    "%%latex",
)


def read_notebook(content: bytes) -> tuple[list[str], dict[int, tuple[int, int]]]:
    """Return the lines of all cells with code, and for each line the number of its cell and its line there.

    All cells are counted from 1, those of text too, as Jupyter shows them and other tools count them.

    Raises:
        ValueError: it is not JSON, or not a notebook.
    """
    try:
        document = json.loads(content.decode("utf-8-sig"))
    except RecursionError:
        raise ValueError("nested too deeply") from None
    cells = document.get("cells") if isinstance(document, dict) else None
    if not isinstance(cells, list):
        raise ValueError("it has no cells")
    lines: list[str] = []
    places: dict[int, tuple[int, int]] = {}
    for number, cell in enumerate(cells, 1):
        if not isinstance(cell, dict) or cell.get("cell_type") != "code":
            continue
        for line_number, line in enumerate(_code_lines(cell.get("source")), 1):
            lines.append(line)
            places[len(lines)] = (number, line_number)
    return lines, places


def _code_lines(source: object) -> Iterator[str]:
    """The lines of a cell; a magic command becomes `pass`, so that lines keep their numbers."""
    parts = source if isinstance(source, list) else [source]
    text = "".join(part for part in parts if isinstance(part, str))
    if text.lstrip().startswith(_OTHER_LANGUAGES):
        yield from ("pass" for _ in code_lines(text))
        return
    lines = code_lines(text)
    without_magic = list(map(_without_magic, lines))
    # A line that begins with % can continue an expression: print("%d" <newline> % x).
    yield from lines if without_magic == lines or _is_python(text) else without_magic


def _without_magic(line: str) -> str:
    assigned = _ASSIGNED_MAGIC.match(line)
    if assigned:
        return f"{assigned[1]}None"
    return f"{line[: len(line) - len(line.lstrip())]}pass" if _MAGIC.match(line) else line


def _is_python(text: str) -> bool:
    try:
        parse_text(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
