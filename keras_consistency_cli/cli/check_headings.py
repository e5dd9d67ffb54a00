"""The codes, names and questions of the checks, read from the sources of their rules.

To import the rules takes the time of NumPy and of all routes, which a list and a shell that completes a word
do not need.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import NamedTuple

from keras_consistency_cli.checks import rules

__all__ = ["CheckHeading", "read_headings"]

_FIELDS = ("code", "name", "title")


class CheckHeading(NamedTuple):
    """What `kcheck list` shows of a check: its title is a question."""

    code: str
    name: str
    title: str


def read_headings() -> tuple[CheckHeading, ...]:
    """Return the headings of all checks, in order of codes."""
    sources = sorted(path for folder in rules.__path__ for path in Path(folder).glob("kc*.py"))
    if not sources:  # installed without sources
        return _import_headings()
    return tuple(_read_heading(ast.parse(path.read_bytes())) for path in sources)


def _import_headings() -> tuple[CheckHeading, ...]:
    from keras_consistency_cli.checks.registry import CHECKS

    return tuple(CheckHeading(check.code, check.name, check.title) for check in CHECKS)


def _read_heading(source: ast.Module) -> CheckHeading:
    """Return the heading from `CHECK = Check(code=..., name=..., title=...)`."""
    (call,) = (
        node.value
        for node in source.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "CHECK"
    )
    assert isinstance(call, ast.Call)
    texts = {word.arg: ast.literal_eval(word.value) for word in call.keywords if word.arg in _FIELDS}
    return CheckHeading(*(str(texts[field]) for field in _FIELDS))
