"""Reference rows whose vectors all have the norm 1, and rows whose vectors have not.

`keras.utils.normalize` and scikit-learn's Normalizer divide each row, or each vector along one axis, by its
norm.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.measurement.data_facts import RowNormFact

__all__ = ["compare_row_norms"]

Floats = npt.NDArray[np.float64]

_FEWEST = 8
_EXACT, _OFF = 1e-3, 0.1
"""How far norms may be from 1 to be 1, and how far the median must be from it to be something else."""


def compare_row_norms(
    rows: Mapping[str, np.ndarray], reference: Mapping[str, np.ndarray]
) -> Iterator[RowNormFact]:
    """Yield the inputs whose reference rows are normalized and whose rows are not."""
    for name, known in reference.items():
        given = rows.get(name)
        if given is None or given.ndim != known.ndim or not _is_usable(known) or not _is_usable(given):
            continue
        fact = next(_find_norms(name, known, given), None)
        if fact is not None:
            yield fact


def _is_usable(values: np.ndarray) -> bool:
    return values.dtype.kind in "fiu" and values.ndim > 1 and len(values) >= _FEWEST


def _find_norms(name: str, known: np.ndarray, given: np.ndarray) -> Iterator[RowNormFact]:
    axes = [(axis,) for axis in range(1, known.ndim)]
    whole = tuple(range(1, known.ndim))
    for order, axis in itertools.product((2, 1), dict.fromkeys([*axes, whole])):
        if min(known.shape[each] for each in axis) < 2:
            continue
        norms, others = _measure(known, order, axis), _measure(given, order, axis)
        if not len(norms) or not len(others) or np.abs(norms - 1).max() > _EXACT:
            continue
        median = float(np.median(others))
        if abs(median - 1) > _OFF:
            yield RowNormFact(input=name, order=order, axes=axis, found=median)


def _measure(values: np.ndarray, order: int, axis: tuple[int, ...]) -> Floats:
    """Return the norms along these axes, without those of vectors of zeros."""
    exact = values.astype(np.float64)
    sums = (np.abs(exact) if order == 1 else np.square(exact)).sum(axis=axis)
    norms = sums if order == 1 else np.sqrt(sums)
    return np.asarray(norms[norms > 0]).ravel()
