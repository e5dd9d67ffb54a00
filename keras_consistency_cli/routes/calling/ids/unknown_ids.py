"""What each backend does with ids that a table does not have.

Measured with Keras 3.15.1 on CPUs: TensorFlow 2.21, JAX 0.12, torch 2.13; a table of 50 reads -1 as its last
row on all three, and on TensorFlow -50 as its first row. The words for GPUs follow the documentation of
tf.gather.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

__all__ = ["Kind", "describe_unknown_ids"]

Kind = Literal["negative", "too low", "too high"]
"""Ids that count from the end of the table, that are beyond its first row, and above its last row."""

_DEFAULT = ""
_FAILS_ON_CPU = "on a CPU predict raises an error, on a GPU it reads zeros without a warning"
_WORDS: Mapping[Kind, Mapping[str, str]] = {
    "negative": {
        "tensorflow": (
            "on a CPU Keras counts them from the end of the table without a warning, on a GPU it reads zeros"
        ),
        _DEFAULT: "Keras counts -1 as the last row of the table without a warning",
    },
    "too low": {
        "tensorflow": _FAILS_ON_CPU,
        _DEFAULT: "they are beyond the first row of the table; what Keras reads depends on the backend",
    },
    "too high": {
        "tensorflow": _FAILS_ON_CPU,
        "jax": "on JAX Keras returns NaN for them without a warning",
        "torch": "on torch predict raises an IndexError",
        _DEFAULT: "what Keras reads depends on the backend: an error, zeros or NaN",
    },
}


def describe_unknown_ids(kind: Kind, backend: str) -> str:
    """Return what the backend does with ids of this kind."""
    words = _WORDS[kind]
    return words.get(backend, words[_DEFAULT])
