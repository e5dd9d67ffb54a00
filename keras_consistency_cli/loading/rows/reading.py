"""What the user states of the rows: the columns of a table, and windows of a series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.errors import DataError
from keras_consistency_cli.loading.images import ImageForm
from keras_consistency_cli.loading.tables.columns import Texts, quote_names
from keras_consistency_cli.text import clean, did_you_mean

__all__ = ["Reading", "cut_windows", "drop_option", "list_columns", "parse_window", "select_columns"]

_SHOWN = 8


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The columns to use or to leave out, and (time steps, stride) of windows; empty for all of it.

    `images` is how the model takes images, None if it takes none; `texts` says what becomes of texts.
    `as_texts` are columns of a CSV file that are texts even if they look like numbers, such as zip codes.
    """

    columns: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    window: tuple[int, int] | None = None
    images: ImageForm | None = None
    texts: Texts = "alone"
    as_texts: tuple[str, ...] = ()


def parse_window(text: str | None) -> tuple[int, int] | None:
    """Return time steps and stride of a validated "24" or "24,6", None if none are stated."""
    if not text:
        return None
    steps, _, stride = text.partition(",")
    return int(steps), int(stride or 1)


def select_columns(names: Sequence[str] | None, reading: Reading, label: str) -> list[str] | None:
    """Return the names of the columns to use, None for all.

    Raises:
        DataError: there are no names, or not these.
    """
    wanted = [*reading.columns, *reading.drop]
    if not wanted:
        return None
    option = "--columns" if reading.columns else "--drop"
    if names is None:
        raise DataError(
            f"{label} has no header, so {option} finds no names", expected="a table with a header"
        )
    missing = next((name for name in wanted if name not in names), None)
    if missing is not None:
        option = "--columns" if missing in reading.columns else "--drop"
        raise DataError(
            f"{label} has no column '{clean(missing, 60)}' ({option}){clean(did_you_mean(missing, names))}",
            expected=list_columns(names),
        )
    chosen = [name for name in reading.columns or names if name not in reading.drop]
    if not chosen:
        raise DataError(f"{label}: --drop leaves no column", expected=list_columns(names))
    return chosen


def list_columns(names: Sequence[str]) -> str:
    """Return the first names of columns in one text."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"columns: {', '.join(clean(name, 40) for name in names[:_SHOWN])}{more}"


def drop_option(names: Sequence[str]) -> str:
    """Return the option that leaves these columns out, quoted for a shell."""
    return f"--drop {quote_names([clean(name, 60) for name in names[:_SHOWN]])}"


def cut_windows(series: npt.NDArray[np.generic], reading: Reading, label: str) -> npt.NDArray[np.generic]:
    """Return the windows of one series, without a copy; the series itself if none are stated.

    Raises:
        DataError: it is not one series of (time steps, features), or shorter than a window.
    """
    if reading.window is None:
        return series
    steps, stride = reading.window
    if series.ndim != 2 or len(series) < steps:
        raise DataError(
            f"{label} has shape {series.shape}, which --window {steps} cannot cut",
            expected=f"one series of shape (time steps, features), with {steps} time steps or more",
        )
    return np.lib.stride_tricks.sliding_window_view(series, steps, axis=0).swapaxes(1, 2)[::stride]
