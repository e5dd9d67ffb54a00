"""What the parent and its workers say to each other: a JSON header and raw arrays. Never pickles, so that a worker cannot run code in the parent."""

from __future__ import annotations

import json
import math
import socket
import struct
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["NO_MESSAGE", "receive", "send"]

NO_MESSAGE = "a worker sent something that is not a message"
"""What is said of anything that does not follow the protocol."""

_MAGIC = b"kchk"
_HEAD = struct.Struct("<4sI")
_HEADER_LIMIT = 64 * 2**20
_KINDS = "fiubUS"
_MOST = 2**40


def send(
    channel: socket.socket,
    header: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray] | None = None,
    *,
    deadline: float | None = None,
) -> None:
    """Send one message; arrays of objects are refused with a ValueError.

    Args:
        channel: where to.
        header: anything that JSON takes.
        arrays: of numbers, truth values or text.
        deadline: the moment of `time.monotonic` after which it is a TimeoutError; None leaves the channel's own timeout.
    """
    solid = {name: np.ascontiguousarray(array).reshape(array.shape) for name, array in (arrays or {}).items()}
    if any(array.dtype.kind not in _KINDS for array in solid.values()):
        raise ValueError(f"arrays of dtype {[str(array.dtype) for array in solid.values()]} cannot be sent")
    described = [
        {"name": name, "dtype": array.dtype.str, "shape": array.shape} for name, array in solid.items()
    ]
    text = json.dumps({**header, "arrays": described}).encode()
    _hurry(channel, deadline)
    channel.sendall(_HEAD.pack(_MAGIC, len(text)) + text)
    for array in solid.values():
        if array.nbytes:
            _hurry(channel, deadline)
            channel.sendall(array.reshape(-1).view(np.uint8).data)


def receive(
    channel: socket.socket, *, deadline: float | None = None, most: int = _MOST
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Wait for one message.

    Args:
        channel: where from.
        deadline: the moment of `time.monotonic` by which all of it must have come; None leaves the channel's own timeout, piece by piece.
        most: bytes that its arrays may hold together; more is refused before anything is set aside for them.

    Raises:
        EOFError: the other side is gone.
        ValueError: what came is not a message.
        TimeoutError: it did not come in time.
    """
    magic, length = _HEAD.unpack(_exactly(channel, _HEAD.size, deadline).data)
    if magic != _MAGIC or length > _HEADER_LIMIT:
        raise ValueError(NO_MESSAGE)
    try:
        header = json.loads(bytes(_exactly(channel, length, deadline)))
        described = [_array(**each) for each in header.pop("arrays")]
        sizes = [math.prod(shape) * kind.itemsize for _, kind, shape in described]
        if sum(sizes) > most:
            raise ValueError(
                f"a worker announced an answer of {sum(sizes) / 2**30:.3g} GiB, more than it may hold"
            )
        arrays = {
            name: _exactly(channel, size, deadline).view(kind).reshape(shape)
            for (name, kind, shape), size in zip(described, sizes, strict=True)
        }
    except (TypeError, KeyError, AttributeError, OverflowError, MemoryError, RecursionError) as problem:
        raise ValueError(NO_MESSAGE) from problem
    return header, arrays


def _array(*, name: str, dtype: str, shape: Sequence[int]) -> tuple[str, np.dtype[Any], tuple[int, ...]]:
    """One array's description, checked: the worker runs the model's own code, so that anything may come."""
    kind = np.dtype(str(dtype))
    if kind.kind not in _KINDS or any(type(size) is not int or size < 0 for size in shape):
        raise ValueError(f"a worker sent an array of dtype {str(kind)[:60]} and shape {str(shape)[:60]}")
    return str(name), kind, tuple(shape)


def _exactly(channel: socket.socket, length: int, deadline: float | None) -> np.ndarray:
    # Unlike a bytearray, fresh memory is not touched, and so not taken, before something has come to fill it.
    content = np.empty(length, np.uint8)
    view = content.data
    while view:
        _hurry(channel, deadline)
        got = channel.recv_into(view)
        if got == 0:
            raise EOFError("the other side closed the channel")
        view = view[got:]
    return content


def _hurry(channel: socket.socket, deadline: float | None) -> None:
    """Give the next step what is left of the time."""
    if deadline is None:
        return
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    channel.settimeout(left)
