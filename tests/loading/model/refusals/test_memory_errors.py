"""memory_error_message: a lack of memory is recognised for every backend."""

from __future__ import annotations

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.loading.model.refusals.memory_errors import memory_error_message
from keras_consistency_cli.workers.child.executor import error_header


class ResourceExhaustedError(Exception):
    """Stands in for TensorFlow's class of this name."""


PROBLEMS = {
    "python": MemoryError(),
    "numpy": MemoryError(
        "Unable to allocate 7.28 TiB for an array with shape (1000000, 1000000) and data type float64"
    ),
    "tensorflow-shape": ResourceExhaustedError(
        "OOM when allocating tensor with shape[8,1000,4] and type float on /job:x"
    ),
    "tensorflow": ResourceExhaustedError("failed to allocate memory"),
    "jax": RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 4000000000 bytes."),
    "torch-gpu": RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has"),
    "torch-cpu": RuntimeError(
        "DefaultCPUAllocator: can't allocate memory: you tried to allocate 4000 bytes."
    ),
    "c++": RuntimeError("std::bad_alloc"),
}


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
def test_the_requested_memory_is_reported_with_what_to_do(
    problem: Exception, wording: SnapshotAssertion
) -> None:
    message = memory_error_message(problem)
    assert message is not None
    assert error_header(problem)["error"] == message
    assert message == wording


def test_the_shape_is_read_from_an_error_of_numpy() -> None:
    with pytest.raises(MemoryError) as caught:
        np.empty((10**8, 10**8))
    assert "shape (100000000, 100000000)" in str(memory_error_message(caught.value))


def test_a_wrapped_memory_error_is_found() -> None:
    def as_keras_does() -> None:
        try:
            np.empty((10**8, 10**8))
        except MemoryError:
            raise RuntimeError("Exception encountered when calling Greedy.call().") from None

    with pytest.raises(RuntimeError) as caught:
        as_keras_does()
    assert "shape (100000000, 100000000)" in str(memory_error_message(caught.value))


@pytest.mark.parametrize(
    "problem",
    [
        ValueError("the memory cell has shape (3, 4)"),
        RuntimeError("cannot allocate a seat"),
        KeyError("memory"),
    ],
    ids=["shape", "allocate", "key"],
)
def test_other_failures_keep_their_own_text(problem: Exception) -> None:
    assert memory_error_message(problem) is None
    assert error_header(problem)["error"].startswith(f"{type(problem).__name__}: ")


def test_a_hostile_message_is_shortened_and_escaped() -> None:
    message = memory_error_message(MemoryError(f"shape[{'9,' * 5000}9] \x1b[31m"))
    assert message is not None
    assert len(message) < 300
    assert "\x1b" not in message
