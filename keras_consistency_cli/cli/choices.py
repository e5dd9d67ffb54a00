"""Options that take one of a few words."""

from __future__ import annotations

from collections.abc import Sequence

from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.text import clean, did_you_mean

__all__ = ["check_choice"]


def check_choice(option: str, value: str, known: Sequence[str]) -> None:
    """Raise UsageError, with the nearest word, where a value is none of those known."""
    if value not in known:
        raise UsageError(
            f"{option} {clean(value, 60)} is unknown{did_you_mean(value, known)}", expected=", ".join(known)
        )
