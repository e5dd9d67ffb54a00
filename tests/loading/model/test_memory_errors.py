"""Every backend's words for a lack of memory become kcheck's, and nothing else does."""

from __future__ import annotations

import numpy as np
import pytest

from keras_consistency_cli.loading.model.memory_errors import exhaustion
from keras_consistency_cli.workers.child.executor import error_header

FIX = "give fewer rows at once (--rows, --batch-size) or use a machine with more memory"


class ResourceExhaustedError(Exception):
    """Stands in for TensorFlow's class of this name."""


@pytest.mark.parametrize(
    ("problem", "asked"),
    [
        (MemoryError(), ""),
        (
            MemoryError(
                "Unable to allocate 7.28 TiB for an array with shape (1000000, 1000000) and data type float64"
            ),
            "shape (1000000, 1000000)",
        ),
        (
            ResourceExhaustedError(
                "OOM when allocating tensor with shape[8,1000,4] and type float on /job:x"
            ),
            "shape (8, 1000, 4)",
        ),
        (ResourceExhaustedError("failed to allocate memory"), ""),
        (
            RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 4000000000 bytes."),
            "4000000000 bytes at once",
        ),
        (RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has"), "20.00 GiB at once"),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4000 bytes."),
            "4000 bytes at once",
        ),
        (RuntimeError("std::bad_alloc"), ""),
    ],
)
def test_what_there_was_no_memory_for_is_said_with_what_to_do(problem: Exception, asked: str) -> None:
    told = exhaustion(problem)
    assert told is not None
    assert told.startswith("ran out of memory")
    assert asked in told
    assert told.endswith(f": {FIX}")
    assert error_header(problem)["error"] == told


def test_numpy_itself_is_understood() -> None:
    with pytest.raises(MemoryError) as caught:
        np.empty((10**8, 10**8))
    assert "an array of shape (100000000, 100000000)" in str(exhaustion(caught.value))


def test_what_is_wrapped_is_found() -> None:
    def as_keras_does() -> None:
        try:
            np.empty((10**8, 10**8))
        except MemoryError:
            raise RuntimeError("Exception encountered when calling Greedy.call().") from None

    with pytest.raises(RuntimeError) as caught:
        as_keras_does()
    assert "an array of shape (100000000, 100000000)" in str(exhaustion(caught.value))


@pytest.mark.parametrize(
    "problem",
    [
        ValueError("the memory cell has shape (3, 4)"),
        RuntimeError("cannot allocate a seat"),
        KeyError("memory"),
    ],
)
def test_other_failures_keep_their_own_words(problem: Exception) -> None:
    assert exhaustion(problem) is None
    assert error_header(problem)["error"].startswith(f"{type(problem).__name__}: ")


def test_a_hostile_message_stays_short_and_plain() -> None:
    told = exhaustion(MemoryError(f"shape[{'9,' * 5000}9] \x1b[31m"))
    assert told is not None
    assert len(told) < 300
    assert "\x1b" not in told
