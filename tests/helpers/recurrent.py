"""A stateful SimpleRNN in NumPy, as services run it: its state is reset for each series, or shared."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping

import numpy as np

__all__ = ["FEATURES", "STEPS", "UNITS", "WEIGHTS", "make_recurrent", "run_series"]

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
    state: dict[str, np.ndarray] = {}

    def answer(rows: np.ndarray) -> np.ndarray:
        return np.stack([run_series({} if resets else state, "now", series) for series in rows])

    return answer


def run_series(states: MutableMapping[str, np.ndarray], key: str, series: np.ndarray) -> np.ndarray:
    """Return the outputs for one series, which begins at the state under this key, and keep the new state."""
    kernel, recurrent, bias, last, last_bias = WEIGHTS
    hidden = states.get(key, np.zeros(UNITS, "float32"))
    for step in series.astype("float32"):
        hidden = np.tanh(step @ kernel + hidden @ recurrent + bias)
    states[key] = hidden
    return np.asarray(hidden @ last + last_bias, "float32")
