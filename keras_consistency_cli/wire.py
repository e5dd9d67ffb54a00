"""What the parent and its workers say to each other: a JSON header and raw arrays. Never pickles, so that a worker cannot run code in the parent."""

from __future__ import annotations

import json
import math
import socket
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["receive", "send"]

_MAGIC = b"kchk"
_HEAD = struct.Struct("<4sI")
_HEADER_LIMIT = 64 * 2**20
_KINDS = "fiubUS"
_NO_MESSAGE = "a worker sent something that is not a message"


def send(channel: socket.socket, header: Mapping[str, Any], arrays: Mapping[str, np.ndarray] | None = None) -> None:
    """Send one message; arrays of objects are refused with a ValueError."""
    solid = {name: np.ascontiguousarray(array).reshape(array.shape) for name, array in (arrays or {}).items()}
    if any(array.dtype.kind not in _KINDS for array in solid.values()):
        raise ValueError(f"arrays of dtype {[str(array.dtype) for array in solid.values()]} cannot be sent")
    described = [{"name": name, "dtype": array.dtype.str, "shape": array.shape} for name, array in solid.items()]
    text = json.dumps({**header, "arrays": described}).encode()
    channel.sendall(_HEAD.pack(_MAGIC, len(text)) + text)
    for array in solid.values():
        if array.nbytes:
            channel.sendall(array.reshape(-1).view(np.uint8).data)


def receive(channel: socket.socket) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Wait for one message.

    Raises:
        EOFError: the other side is gone.
        ValueError: what came is not a message.
        TimeoutError: nothing came within the channel's timeout.
    """
    magic, length = _HEAD.unpack(_exactly(channel, _HEAD.size))
    if magic != _MAGIC or length > _HEADER_LIMIT:
        raise ValueError(_NO_MESSAGE)
    try:
        header = json.loads(bytes(_exactly(channel, length)))
        described = [_array(**each) for each in header.pop("arrays")]
        arrays = {
            name: np.frombuffer(_exactly(channel, math.prod(shape) * kind.itemsize), dtype=kind).reshape(shape) for name, kind, shape in described
        }
    except (TypeError, KeyError, AttributeError, OverflowError, MemoryError, RecursionError) as problem:
        raise ValueError(_NO_MESSAGE) from problem
    return header, arrays


def _array(*, name: str, dtype: str, shape: Sequence[int]) -> tuple[str, np.dtype[Any], tuple[int, ...]]:
    """One array's description, checked: the worker runs the model's own code, so that anything may come."""
    kind = np.dtype(str(dtype))
    if kind.kind not in _KINDS or any(type(size) is not int for size in shape):
        raise ValueError(f"a worker sent an array of dtype {kind} and shape {shape}")
    return str(name), kind, tuple(shape)


def _exactly(channel: socket.socket, length: int) -> bytearray:
    content = bytearray(length)
    view = memoryview(content)
    while view:
        got = channel.recv_into(view)
        if got == 0:
            raise EOFError("the other side closed the channel")
        view = view[got:]
    return content
