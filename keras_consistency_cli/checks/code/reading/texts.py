"""Lines and trees of text that may be Python, counted as Python counts lines."""

from __future__ import annotations

import ast
import io
import warnings

__all__ = ["code_lines", "parse_text"]


def code_lines(text: str) -> list[str]:
    """Return the lines of a text.

    str.splitlines() also divides at form feeds and line separators, which Python allows inside of a line.
    """
    return [line.rstrip("\n") for line in io.StringIO(text, newline=None)]


def parse_text(text: str) -> ast.Module:
    """Parse a text without the warnings of its author's code.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: it is not Python, or nested too deeply.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)
