"""Read and parse Python files and notebooks; what cannot be read is reported, never an error."""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from keras_consistency_cli.checks.code.reading.notebooks import read_notebook
from keras_consistency_cli.checks.code.reading.texts import code_lines, parse_text
from keras_consistency_cli.text import clean

__all__ = ["Source", "UnreadableError", "import_names", "parse", "read_source"]

_MOST_BYTES = 2_000_000
_MOST_NOTEBOOK_BYTES = 20_000_000
"""A notebook holds its pictures, too."""
_MENTIONS = re.compile(
    rb"predict|load_model|saved_model|TFSMLayer|GradientTape|keras|\.fit\b|fit_transform|training=|model\("
)
_FROM = re.compile(rb"^[ \t]*from[ \t]+([\w.]+)[ \t]+import[ \t]+(?:\(([^)]*)\)|([^\n#(]*))", re.MULTILINE)
_IMPORT = re.compile(rb"^[ \t]*import[ \t]+([\w., \t]+)", re.MULTILINE)
_NAME = re.compile(rb"(?:^|,)\s*([\w.]+)")
_IGNORED = re.compile(r"#\s*kcheck:\s*ignore(?:\[([^\]]*)\])?", re.IGNORECASE)
_PYTHON_2 = re.compile(
    r"^\s*(?:print\s+[^\s(=]|exec\s+['\"]|raise\s+\w+\s*,|except\s+\w+\s*,\s*\w+\s*:)", re.MULTILINE
)


class UnreadableError(Exception):
    """A file that cannot be read as Python 3, with the reason on one line."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """The text of a file.

    Args:
        path: the file.
        text: its text; the cells of a notebook one after another.
        cells: for a notebook, the number of the cell and of the line in it, by line of the text.
        ignored: the codes that a comment in a line switches off, by line; an empty set means all of them.
    """

    path: Path
    text: str
    cells: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    ignored: Mapping[int, frozenset[str]] = field(default_factory=dict)

    def line(self, number: int) -> str:
        """Return one line of the text."""
        lines = code_lines(self.text)
        return lines[number - 1] if 0 < number <= len(lines) else ""


def read_source(path: Path, *, is_imported: bool = False) -> Source | None:
    """Return the text of a file, or None if it has nothing to do with models.

    Args:
        path: the file.
        is_imported: whether a file that has to do with models imports it: then it may prepare their rows.

    Raises:
        UnreadableError: it is too large, not text, or not a notebook.
    """
    content = _read_bytes(path)
    if not is_imported and not _MENTIONS.search(content):
        return None
    if path.suffix == ".ipynb":
        try:
            lines, cells = read_notebook(content)
        except ValueError as error:
            raise UnreadableError(f"not a notebook: {clean(error, 120)}") from None
        return _source(path, "\n".join(lines) + "\n", cells)
    return _source(path, _decode(content), {})


def import_names(path: Path) -> set[str]:
    """Return the dotted names of modules that a file may import, by its text: ".routes" for both
    `from .routes import x` and `from . import routes`.
    """
    try:
        content = _read_bytes(path)
    except UnreadableError:
        return set()
    found = {name for names in _IMPORT.findall(content) for name in _NAME.findall(names)}
    for module, inside, rest in _FROM.findall(content):
        dot = b"" if module.endswith(b".") else b"."
        found |= {module, *(module + dot + name for name in _NAME.findall(inside or rest))}
    return {name.decode() for name in found}


def _source(path: Path, text: str, cells: Mapping[int, tuple[int, int]]) -> Source:
    return Source(path=path, text=text, cells=cells, ignored=_find_ignored(text))


def _read_bytes(path: Path) -> bytes:
    most = _MOST_NOTEBOOK_BYTES if path.suffix == ".ipynb" else _MOST_BYTES
    try:
        if not path.is_file():
            raise UnreadableError("not a file")
        with path.open("rb") as stream:
            content = stream.read(most + 1)
    except OSError as error:
        raise UnreadableError(f"cannot be read: {clean(error.strerror)}") from None
    if len(content) > most:
        raise UnreadableError(f"larger than {most // 1_000_000} MB")
    if b"\0" in content:
        raise UnreadableError("not a text file")
    return content


def _decode(content: bytes) -> str:
    """Decode a file as Python does: by its byte order mark, its coding line, or as UTF-8."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        return io.TextIOWrapper(io.BytesIO(content), encoding=encoding).read()
    except (SyntaxError, UnicodeDecodeError, LookupError) as error:
        raise UnreadableError(f"not in its encoding: {clean(error, 120)}") from None


def _find_ignored(text: str) -> dict[int, frozenset[str]]:
    if "kcheck:" not in text:
        return {}
    found: dict[int, frozenset[str]] = {}
    for number, line in enumerate(code_lines(text), 1):
        match = _IGNORED.search(line)
        if match:
            codes = (match[1] or "").replace(",", " ").upper().split()
            found[number] = frozenset(codes)
    return found


def parse(source: Source) -> tuple[ast.Module, tuple[int, ...]]:
    """Return the tree of a file, and the numbers of the cells of a notebook that are left out.

    Raises:
        UnreadableError: it is not Python 3, or nested too deeply.
    """
    try:
        return parse_text(source.text), ()
    except (RecursionError, MemoryError):
        raise UnreadableError("nested too deeply") from None
    except (SyntaxError, ValueError) as error:
        if source.cells:
            return _readable_cells(source)
        raise UnreadableError(_describe(error, source)) from None


def _readable_cells(source: Source) -> tuple[ast.Module, tuple[int, ...]]:
    """Parse a notebook without the cells that are not Python; lines keep their numbers."""
    lines = code_lines(source.text)
    by_cell: dict[int, list[int]] = {}
    for line, (cell, _) in source.cells.items():
        by_cell.setdefault(cell, []).append(line)
    left_out = []
    for cell, numbers in by_cell.items():
        try:
            parse_text("\n".join(lines[number - 1] for number in numbers))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            left_out.append(cell)
            for number in numbers:
                lines[number - 1] = "pass"
    if len(left_out) == len(by_cell):
        raise UnreadableError("none of its cells is Python")
    try:
        return parse_text("\n".join(lines)), tuple(left_out)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise UnreadableError("not valid as a whole") from None


def _describe(error: Exception, source: Source) -> str:
    if not isinstance(error, SyntaxError):
        return f"not Python: {clean(error, 100)}"
    if _PYTHON_2.search(source.text):
        return f"Python 2, line {error.lineno}"
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    return f"not valid in Python {version}, line {error.lineno}: {clean(error.msg, 100)}"
