"""The data types of matching served rows: an input, a variant, a mistake, and a match.

They are separate from the code that fills them, so that generating variants and matching them stay
independent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypedDict

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.loading.scalers.scaling import Scaling
from keras_consistency_cli.routes.scaling.column_distance import TOLERANCE

__all__ = [
    "Array",
    "DecodedDetails",
    "Match",
    "MatchDetails",
    "Mistake",
    "MistakeDetails",
    "MistakeKey",
    "ServedInput",
    "Variant",
]

Array = npt.NDArray[Any]


class MistakeKey(NamedTuple):
    """A kind of mistake and the batch size it was made with, if any."""

    kind: str
    batch: int | None


@dataclass(frozen=True, kw_only=True)
class ServedInput:
    """The rows of one input and what serving may have done with them.

    Args:
        scaling: the scaler or preprocess function of the subject.
        raw: raw rows, the first `consecutive` of which follow one another in the data.
        expected: the same rows as the model should be fed.
        served: the same rows as the model was fed.
        consecutive: number of consecutive rows at the beginning.
        sizes: batch sizes in use.
        requests: for a recording, the request of each row, -1 if it was not kept whole.
        refit_all: returns the rows as fit_transform on all of the data scales them, and the tolerance of
            that.
    """

    scaling: Scaling
    raw: np.ndarray
    expected: np.ndarray
    served: np.ndarray
    consecutive: int
    sizes: tuple[int, ...]
    refit_all: Callable[[], tuple[np.ndarray, float]]
    requests: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True)
class Variant:
    """The rows that one mistake would have served.

    Args:
        kind: the mistake, such as "refit-all"; after a colon its parameter, such as the name of a step.
        rows: the rows it gives, (n, ..., features), for the first n of the served rows.
        batch: number of rows that were scaled together, if that is the mistake.
        sources: for each column the column it was made from, if columns were mixed up.
        tolerance: in spreads of its own columns; more than `TOLERANCE` if the variant is an estimate.
        start: the first of its rows, if it says nothing about rows outside this range.
    """

    kind: str
    rows: Array
    batch: int | None = None
    sources: tuple[int, ...] | None = None
    tolerance: float = TOLERANCE
    start: int | None = None

    @property
    def key(self) -> MistakeKey:
        """The mistake and its batch size."""
        return MistakeKey(self.kind, self.batch)


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """One mistake and the columns that it explains.

    Args:
        kind: the mistake, as in `Variant`, or one that needs no variant, such as "another-scaler".
        columns: the columns that it explains.
        off: the greatest distance from the expected values, in spreads of the column.
        batch: number of rows that were scaled together, if that is the mistake.
        sources: the columns that were served instead.
        shift: for "another-scaler", the distance of its centre in spreads, in the column with the greatest
            one.
        factor: for "another-scaler", how many times as wide it is in that column.
        hit: number of rows with the mistake, if not all rows have it.
        first: positions of the first of these rows.
        last: position of the last of these rows.
        every: distance between these rows, if it is always the same, else 0.
        codes: for "relabelled", some pairs of an expected code and the one that was served instead.
        others: for "rows-of-others", some pairs of a row and the one whose values it has.
    """

    kind: str
    columns: tuple[int, ...]
    off: float
    batch: int | None = None
    sources: tuple[int, ...] = ()
    shift: float | None = None
    factor: float | None = None
    hit: int | None = None
    first: tuple[int, ...] = ()
    last: int | None = None
    every: int = 0
    codes: tuple[tuple[float, float], ...] = ()
    others: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Match:
    """The result of comparing the served rows of one input with the expected rows.

    `channels` says that the features are channels of images or videos.
    """

    rows: int
    features: int
    wrong_rows: int
    mistakes: tuple[Mistake, ...]
    channels: bool = False


class MistakeDetails(TypedDict):
    """A `Mistake` as plain data."""

    kind: str
    columns: Sequence[int]
    off: float
    batch: int | None
    sources: Sequence[int]
    shift: float | None
    factor: float | None
    hit: int | None
    first: Sequence[int]
    last: int | None
    every: int
    codes: Sequence[tuple[float, float]]
    others: Sequence[tuple[int, int]]


class DecodedDetails(TypedDict):
    """How far images that TensorFlow decoded are from those of Pillow, in levels of 255.

    `usual` is the mean, and `rows` is how many rows differ.
    """

    largest: float
    usual: float
    rows: int


class MatchDetails(TypedDict, total=False):
    """A `Match` as plain data.

    If there is none, because the served rows are not rows of the data or not numbers, only `misshapen` is
    there: the reason, None if the rows are equal. `decoded` says that the rows were compared with images as
    TensorFlow decodes their JPEG files, which fits better.
    """

    misshapen: str | None
    rows: int
    features: int
    wrong_rows: int
    mistakes: Sequence[MistakeDetails]
    channels: bool
    decoded: DecodedDetails
