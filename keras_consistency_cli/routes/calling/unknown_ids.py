"""What each backend does with ids that a table does not have.

Measured with Keras 3.15.1 on CPUs: TensorFlow 2.21, JAX 0.12, torch 2.13; a table of 50 reads -1 as its last
row on all three, and on TensorFlow -50 as its first row. The words for GPUs follow the documentation of
tf.gather.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["describe_negative", "describe_too_high", "describe_too_low"]

_NEGATIVE: Mapping[str, str] = {
    "tensorflow": (
        "on a CPU Keras counts them from the end of the table without a warning, on a GPU it reads zeros"
    ),
    "": "Keras counts -1 as the last row of the table without a warning",
}
_TOO_LOW: Mapping[str, str] = {
    "tensorflow": "on a CPU predict raises an error, on a GPU it reads zeros without a warning",
    "": "they are beyond the first row of the table; what Keras reads depends on the backend",
}
_TOO_HIGH: Mapping[str, str] = {
    "tensorflow": "on a CPU predict raises an error, on a GPU it reads zeros without a warning",
    "jax": "on JAX Keras returns NaN for them without a warning",
    "torch": "on torch predict raises an IndexError",
    "": "what Keras reads depends on the backend: an error, zeros or NaN",
}


def describe_negative(backend: str) -> str:
    """Return what the backend does with negative ids that count from the end of the table."""
    return _NEGATIVE.get(backend, _NEGATIVE[""])


def describe_too_low(backend: str) -> str:
    """Return what the backend does with negative ids beyond the first row."""
    return _TOO_LOW.get(backend, _TOO_LOW[""])


def describe_too_high(backend: str) -> str:
    """Return what the backend does with ids above the last row."""
    return _TOO_HIGH.get(backend, _TOO_HIGH[""])
