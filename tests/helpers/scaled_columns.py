"""Raw rows with four columns, scaled with the saved scaler or with a refitted one."""

from __future__ import annotations

import numpy as np

__all__ = ["CENTRES", "ROWS", "SPREADS", "Array", "apply", "raw_rows", "refit", "refit_in"]

Array = np.ndarray

CENTRES, SPREADS = np.array([50.0, 0.5, -3.0, 1000.0]), np.array([10.0, 0.3, 0.1, 800.0])
ROWS = 96


def raw_rows(rows: int = ROWS, *, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(CENTRES, SPREADS, size=(rows, 4))


def apply(rows: Array) -> Array:
    """Scale rows with the saved scaler."""
    return (rows - CENTRES) / SPREADS


def refit(rows: Array) -> Array:
    """Return the result of fit_transform; constant columns become 0, as in scikit-learn."""
    flat = rows.reshape(-1, rows.shape[-1])
    spread = flat.std(axis=0)
    return (rows - flat.mean(axis=0)) / np.where(spread > 0, spread, 1.0)


def refit_in(size: int, rows: Array) -> Array:
    return np.concatenate([refit(rows[start : start + size]) for start in range(0, len(rows), size)])
