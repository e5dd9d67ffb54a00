"""One row of the safety table: a file or a call that is broken or hostile, and what kcheck must answer."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Row"]


@dataclass(frozen=True, kw_only=True)
class Row:
    """What stands behind `kcheck`, the exit code, and words that must be printed.

    `model` says that the row is decided only once the model has been loaded in a worker; the others are
    decided before a backend is imported.
    """

    name: str
    line: str
    code: int
    words: tuple[str, ...]
    model: bool = False
