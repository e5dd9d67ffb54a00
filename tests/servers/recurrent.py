"""A stateful SimpleRNN in NumPy, as services run it: its state is reset for each series, or shared."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

__all__ = ["FEATURES", "STEPS", "UNITS", "WEIGHTS", "make_recurrent"]

STEPS, FEATURES, UNITS = 6, 3, 5
_random = np.random.default_rng(7)
WEIGHTS = [
    (0.6 * _random.normal(size=shape)).astype("float32")
    for shape in ((FEATURES, UNITS), (UNITS, UNITS), (UNITS,), (UNITS, 2), (2,))
]
"""Kernel, recurrent kernel and bias of the SimpleRNN; kernel and bias of the Dense layer behind it."""


def make_recurrent(*, resets: bool) -> Callable[[np.ndarray], np.ndarray]:
    """Return a service that answers for one series after the other.

    Args:
        resets: whether each series starts from a state of zeros, not from that in which the one before ended.
    """
    state = {"now": np.zeros(UNITS, "float32")}

    def answer(rows: np.ndarray) -> np.ndarray:
        return np.stack([_run(state, series, resets) for series in rows.astype("float32")])

    return answer


def _run(state: dict[str, np.ndarray], series: np.ndarray, resets: bool) -> np.ndarray:
    kernel, recurrent, bias, last, last_bias = WEIGHTS
    hidden = np.zeros(UNITS, "float32") if resets else state["now"]
    for step in series:
        hidden = np.tanh(step @ kernel + hidden @ recurrent + bias)
    state["now"] = hidden
    return np.asarray(hidden @ last + last_bias, "float32")
