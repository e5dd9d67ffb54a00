"""Errors that kcheck expects; each has an exit code and composes its own message."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["DataError", "KcheckError", "NoVerdictError", "RefusedError", "ShapeMismatchError", "UsageError"]


class KcheckError(Exception):
    """An expected failure, shown to the user in one to three lines without a traceback.

    Args:
        what: what happened, and in which file or option.
        expected: what would have been right.
        fix: what to do next, best as a command or a line of code.
        cause: the slug of the cause in the report on a refusal, "" if there is none.
    """

    exit_code = 3

    def __init__(
        self, what: str, *, expected: str | None = None, fix: str | None = None, cause: str = ""
    ) -> None:
        self.what, self.expected, self.fix, self.cause = what, expected, fix, cause
        super().__init__(what)

    def __str__(self) -> str:
        lines = [self.what]
        if self.expected:
            lines.append(f"expected: {self.expected}")
        if self.fix:
            lines.append(f"fix: {self.fix}")
        return "\n".join(lines)


class UsageError(KcheckError):
    """The call is wrong: an option, the config, a missing or unreadable file (exit 2)."""

    exit_code = 2


class DataError(UsageError):
    """The rows do not fit: rank, length, dtype, names or number of features (exit 2)."""


class ShapeMismatchError(DataError):
    """The rows have a shape that the model refuses.

    Exit 2, or a failure of the check input-shape if that is selected.

    Args:
        what: what happened, as for every error.
        fix: the line of code that gives the rows the right shape, or what to look for.
        name: the model's input that the rows are for.
        shape: the shape of the rows.
        expected: the shape of the input, with None for any length.
    """

    def __init__(
        self, what: str, *, fix: str | None, name: str, shape: Sequence[int], expected: Sequence[int | None]
    ) -> None:
        super().__init__(what, fix=fix)
        self.input, self.shape, self.wanted = name, tuple(shape), tuple(expected)


class RefusedError(KcheckError):
    """The model or scaler is damaged, or needs more than kcheck is allowed to run (exit 1)."""

    exit_code = 1


class NoVerdictError(KcheckError):
    """Nothing could be decided: a worker died, ran out of time or of memory (exit 3)."""
