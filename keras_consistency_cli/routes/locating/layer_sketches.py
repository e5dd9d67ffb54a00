"""Sketches of tensors: a digest of every bit and at most 2048 numbers.

Digests show whether two runs differ in a layer, the numbers show how much. Activations themselves exist no
longer than the call that made them, so that memory grows with the number of layers and not with their size.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_consistency_cli.measurement.distance import is_float, is_numeric

__all__ = ["BatchlessTensors", "Sketch", "Step", "find_batchless_tensors", "sketch_tensors"]

_MAX_NUMBERS = 2048


@dataclass(frozen=True, kw_only=True)
class Sketch:
    """A summary of the tensors that go into a layer or come out of it.

    `total` is the sum of all `count` numbers, `size` the greatest absolute value.
    """

    digest: bytes
    finite: bool
    values: np.ndarray
    total: float = 0.0
    count: int = 0
    size: float = 0.0


@dataclass(frozen=True, kw_only=True)
class BatchlessTensors:
    """Digests of tensors without a batch axis: inputs and outputs of one call.

    `reduces_rows` if rows went in and only such tensors came out: an operation over the batch.
    """

    inputs: tuple[bytes, ...]
    outputs: tuple[bytes, ...]
    reduces_rows: bool


@dataclass(frozen=True, kw_only=True)
class Step:
    """One layer or operation that finished.

    `path`, `kind` and `custom` describe the owning layer, which is the layer to name in reports.

    `outermost` if it is the owning layer itself, not a part of it; `model` if the owning layer is a model
    that consists of further layers.
    """

    path: str
    kind: str
    custom: bool
    inputs: Sketch
    outputs: Sketch
    outermost: bool = True
    model: bool = False
    batchless: BatchlessTensors | None = None


def find_batchless_tensors(
    inputs: Sequence[Any], outputs: Sequence[Any], batch_size: int
) -> BatchlessTensors:
    """Return the tensors without a batch axis in one call.

    A leading axis that combines the batch with other axes counts as a batch axis.
    """
    tensors = [leaf for leaf in outputs if hasattr(leaf, "shape")]
    output_digests = _batchless_digests(outputs, batch_size)
    only_batchless = bool(output_digests) and len(output_digests) == len(tensors)
    return BatchlessTensors(
        inputs=_batchless_digests(inputs, batch_size),
        outputs=output_digests,
        reduces_rows=only_batchless and _contains_rows(inputs, batch_size),
    )


def _batchless_digests(leaves: Sequence[Any], batch_size: int) -> tuple[bytes, ...]:
    arrays = (array for leaf in leaves if (array := _as_array(leaf)) is not None)
    return tuple(
        hashlib.blake2b(_content(array), digest_size=16).digest()
        for array in arrays
        if not array.ndim or array.shape[0] % batch_size
    )


def _contains_rows(leaves: Sequence[Any], batch_size: int) -> bool:
    return any(len(leaf.shape) and leaf.shape[0] == batch_size for leaf in leaves if hasattr(leaf, "shape"))


def sketch_tensors(leaves: Sequence[Any], kept: np.ndarray | None, batch_size: int) -> Sketch:
    """Return the sketch of some tensors.

    Args:
        leaves: tensors or arrays; other objects are ignored.
        kept: the rows of a batch that count, as a mask or by number in this order, None for all; if it is
            given, tensors without a batch axis do not count.
        batch_size: rows of the batch.
    """
    digest, numeric, finite = hashlib.blake2b(digest_size=16), list[np.ndarray](), True
    for leaf in leaves:
        array = _as_array(leaf)
        if array is None:
            continue
        finite = finite and (not is_float(array.dtype) or bool(np.isfinite(array).all()))
        counted = np.ascontiguousarray(_counted_rows(array, kept, batch_size))
        digest.update(_content(counted))
        if is_numeric(counted.dtype):
            numeric.append(counted.ravel())
    return _summarize(digest.digest(), finite, numeric)


def _counted_rows(array: np.ndarray, kept: np.ndarray | None, batch_size: int) -> np.ndarray:
    if kept is None:
        return array
    has_rows = array.ndim > 0 and array.shape[0] == batch_size
    return array[kept] if has_rows else array.ravel()[:0]


def _content(array: np.ndarray) -> bytes:
    """Return the bytes of an array.

    Texts are ended one by one: NumPy pads them to the longest of all rows, also of those that do not count.
    """
    if array.dtype.kind in "OSU":
        return b"".join(str(each).encode() + b"\0" for each in array.ravel().tolist())
    return np.ascontiguousarray(array).tobytes()


def _as_array(leaf: Any) -> np.ndarray | None:
    """Return a tensor as an array.

    None if it holds no plain numbers or text, like sparse and ragged tensors.
    """
    import keras

    if leaf is None or not hasattr(leaf, "shape"):
        return None
    try:
        array = np.asarray(keras.ops.convert_to_numpy(leaf))
    except Exception:
        return None
    if array.dtype.kind == "O":
        # The bytes of Python objects are addresses.
        return array.astype("S")
    # NumPy does not know bfloat16.
    return array.astype(np.float32) if array.dtype.kind == "V" else array


@np.errstate(invalid="ignore", over="ignore")
def _summarize(digest: bytes, finite: bool, arrays: Sequence[np.ndarray]) -> Sketch:
    count = sum(array.size for array in arrays)
    stride = max(1, -(-count // _MAX_NUMBERS))
    samples = [array[::stride].astype(np.float64) for array in arrays]
    sizes = (float(np.abs(sample[np.isfinite(sample)]).max(initial=0.0)) for sample in samples)
    return Sketch(
        digest=digest,
        finite=finite,
        values=np.concatenate(samples).astype(np.float32) if samples else np.zeros(0, np.float32),
        total=sum(float(array.sum(dtype=np.float64)) for array in arrays),
        count=count,
        size=max(sizes, default=0.0),
    )
