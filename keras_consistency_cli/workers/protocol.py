"""Protocol: messages between the parent and its workers, a JSON header and raw arrays.

They are never pickles, so that a worker cannot run code in the parent.
"""

from __future__ import annotations

import json
import math
import socket
import struct
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_consistency_cli.measurement.distance import is_numeric, is_text

__all__ = ["GIVEN", "NOT_A_MESSAGE", "receive", "send"]

GIVEN = "given/"
"""Beginning of the names of arrays that a route of a different worker returned."""

NOT_A_MESSAGE = "a worker sent something that is not a message"
"""The text for anything that does not follow the protocol."""

_MAGIC = b"kchk"
_HEAD = struct.Struct("<4sI")
_HEADER_LIMIT = 64 * 2**20

_LIMIT = 2**40


def send(
    channel: socket.socket,
    header: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray] | None = None,
    *,
    deadline: float | None = None,
) -> None:
    """Send one message.

    Args:
        channel: the socket to send to.
        header: anything that JSON can hold.
        arrays: arrays of numbers, booleans or text.
        deadline: the time of `time.monotonic` after which it is a TimeoutError; None keeps the channel's own
            timeout.

    Raises:
        ValueError: an array holds anything else.
    """
    solid = {name: np.ascontiguousarray(array).reshape(array.shape) for name, array in (arrays or {}).items()}
    if not all(_is_plain(array.dtype) for array in solid.values()):
        raise ValueError(f"arrays of dtype {[str(array.dtype) for array in solid.values()]} cannot be sent")
    described = [
        {"name": name, "dtype": array.dtype.str, "shape": array.shape} for name, array in solid.items()
    ]
    text = json.dumps({**header, "arrays": described}).encode()
    _set_timeout(channel, deadline)
    channel.sendall(_HEAD.pack(_MAGIC, len(text)) + text)
    for array in solid.values():
        if array.nbytes:
            _set_timeout(channel, deadline)
            channel.sendall(array.reshape(-1).view(np.uint8).data)


def receive(
    channel: socket.socket, *, deadline: float | None = None, limit: int = _LIMIT
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Wait for one message.

    Args:
        channel: the socket to receive from.
        deadline: the time of `time.monotonic` by which all of it must have arrived; None keeps the channel's
            own timeout for each piece.
        limit: bytes that its arrays may hold together; a larger message is refused before memory is reserved.

    Raises:
        EOFError: the other side is gone.
        ValueError: it is not a message.
        TimeoutError: it did not arrive in time.
    """
    magic, length = _HEAD.unpack(_receive_exactly(channel, _HEAD.size, deadline).data)
    if magic != _MAGIC or length > _HEADER_LIMIT:
        raise ValueError(NOT_A_MESSAGE)
    try:
        header = json.loads(bytes(_receive_exactly(channel, length, deadline)))
        described = [_check_array(**each) for each in header.pop("arrays")]
        sizes = [math.prod(shape) * dtype.itemsize for _, dtype, shape in described]
        if sum(sizes) > limit:
            size = f"{sum(sizes) / 2**30:.3g} GiB"
            raise ValueError(f"a worker announced an answer of {size}, more than it may hold")
        arrays = {
            name: _receive_exactly(channel, size, deadline).view(dtype).reshape(shape)
            for (name, dtype, shape), size in zip(described, sizes, strict=True)
        }
    except (TypeError, KeyError, AttributeError, OverflowError, MemoryError, RecursionError) as problem:
        raise ValueError(NOT_A_MESSAGE) from problem
    return header, arrays


def _check_array(
    *, name: str, dtype: str, shape: Sequence[int]
) -> tuple[str, np.dtype[Any], tuple[int, ...]]:
    """Return one array's description, checked: a worker may send anything."""
    checked = np.dtype(str(dtype))
    if not _is_plain(checked) or any(type(size) is not int or size < 0 for size in shape):
        raise ValueError(f"a worker sent an array of dtype {str(checked)[:60]} and shape {str(shape)[:60]}")
    return str(name), checked, tuple(shape)


def _is_plain(dtype: np.dtype[Any]) -> bool:
    return is_numeric(dtype) or is_text(dtype)


def _receive_exactly(channel: socket.socket, length: int, deadline: float | None) -> np.ndarray:
    # Unlike a bytearray, new memory is not touched, and so not used, before data arrive to fill it.
    content = np.empty(length, np.uint8)
    view = content.data
    while view:
        _set_timeout(channel, deadline)
        received = channel.recv_into(view)
        if received == 0:
            raise EOFError("the other side closed the channel")
        view = view[received:]
    return content


def _set_timeout(channel: socket.socket, deadline: float | None) -> None:
    """Give the next step the time that is left."""
    if deadline is None:
        return
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    channel.settimeout(left)
