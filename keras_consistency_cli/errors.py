"""Errors that kcheck expects, each carrying its exit code and composing its own message."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["DataError", "KcheckError", "NoVerdictError", "RefusedError", "ShapeMismatchError", "UsageError"]


class KcheckError(Exception):
    """An expected failure, told to the user in one to three lines and without a traceback.

    Args:
        what: what happened, and in which file or option.
        expected: what would have been right.
        mend: the next thing to do, best as a command or a line of code.
    """

    exit_code = 3

    def __init__(self, what: str, *, expected: str | None = None, fix: str | None = None) -> None:
        self.what, self.expected, self.fix = what, expected, fix
        super().__init__(what)

    def __str__(self) -> str:
        lines = [self.what]
        if self.expected:
            lines.append(f"expected: {self.expected}")
        if self.fix:
            lines.append(f"fix: {self.fix}")
        return "\n".join(lines)


class UsageError(KcheckError):
    """The call is at fault: an option, the config, a missing or unreadable file (exit 2)."""

    exit_code = 2


class DataError(UsageError):
    """The rows do not fit: rank, length, dtype, names or number of features (exit 2)."""


class ShapeMismatchError(DataError):
    """The rows have a shape that the model refuses (exit 2, or a failure of the check input-shape where that is selected).

    Args:
        what: as for every error.
        mend: the line of code that brings the rows into shape, or what to look for.
        name: the model's input that they were meant for.
        shape: theirs.
        expected: the input's, with None where any length will do.
    """

    def __init__(
        self, what: str, *, fix: str | None, name: str, shape: Sequence[int], expected: Sequence[int | None]
    ) -> None:
        super().__init__(what, fix=fix)
        self.input, self.shape, self.wanted = name, tuple(shape), tuple(expected)


class RefusedError(KcheckError):
    """The model or scaler is damaged, or asks for more than kcheck may run (exit 1)."""

    exit_code = 1


class NoVerdictError(KcheckError):
    """Nothing could be decided: a worker died, ran out of time or of memory (exit 3)."""
