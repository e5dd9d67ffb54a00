"""Find calls of Python's `hash()` in the code of a preprocess function.

`hash()` of a text starts from a salt that is drawn when an interpreter starts: the same word gives a
different number in each process. The code is read, not run.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from keras_consistency_cli.text import clean

__all__ = ["find_salted_hash"]

_LONGEST = 2**20
"""Bytes of source that are read."""


def find_salted_hash(function: object) -> str:
    """Return the calls of `hash()` in one file as "file.py, line 7" or "file.py, lines 7, 9"; empty if none.

    Searched are the module of the function and the imported modules next to it.
    """
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    file = getattr(module, "__file__", None)
    if not file:
        return ""
    for path in _files_beside(Path(file).resolve()):
        lines = _lines_of_hash(path)
        if lines:
            word = "line" if len(lines) == 1 else "lines"
            return f"{clean(path.name)}, {word} {', '.join(map(str, lines))}"
    return ""


def _files_beside(file: Path) -> Iterator[Path]:
    """Yield the file itself, then the other imported modules of its folder."""
    yield file
    for module in list(sys.modules.values()):
        other = getattr(module, "__file__", None)
        if isinstance(other, str) and other.endswith(".py"):
            path = Path(other).resolve()
            if path != file and path.parent == file.parent:
                yield path


def _lines_of_hash(path: Path) -> list[int]:
    try:
        source = path.read_bytes()
        tree = ast.parse(source) if len(source) <= _LONGEST else None
    except (OSError, SyntaxError, ValueError, RecursionError):
        return []
    if tree is None or _defines_hash(tree):
        return []
    # The name may also be passed on: map(hash, words).
    names = (node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == "hash")
    return sorted({node.lineno for node in names})


def _defines_hash(tree: ast.AST) -> bool:
    """Whether the name is the module's own: an import, a function, an argument or a variable."""
    for node in ast.walk(tree):
        names: list[str | None] = []
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.asname or alias.name for alias in node.names]
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            names = [node.name]
        elif isinstance(node, ast.arg):
            names = [node.arg]
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names = [node.id]
        if "hash" in names:
            return True
    return False
