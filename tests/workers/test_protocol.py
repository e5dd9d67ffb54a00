"""protocol: messages arrive as they were sent, and anything else is refused."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Iterator
from threading import Thread
from typing import Any

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.workers.protocol import receive, send


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a channel."""
    near, far = socket.socketpair()
    near.settimeout(20)
    far.settimeout(20)
    with near, far:
        yield near, far


Ends = tuple[socket.socket, socket.socket]


def framed(text: bytes, magic: bytes = b"kchk") -> bytes:
    return struct.pack("<4sI", magic, len(text)) + text


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=np.float32).reshape(2, 3),
        np.arange(6, dtype=">f8").reshape(2, 3),
        np.arange(24).reshape(2, 3, 4)[:, ::2].T,
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.array([True, False]),
        np.array(["größe", "x"]),
        np.array([b"abc", b""]),
        np.float16(3.5) * np.ones((), np.float16),
        np.zeros((0, 4), np.float32),
        np.array([np.nan, np.inf, -0.0]),
        np.array([2**64 - 1], np.uint64),
    ],
    ids=lambda array: f"{array.dtype.str}{array.shape}",
)
def test_arrays_arrive_as_they_were_sent(ends: Ends, array: np.ndarray) -> None:
    send(ends[0], {"op": "run"}, {"outputs/a b": array})
    header, arrays = receive(ends[1])
    assert header == {"op": "run"}
    assert list(arrays) == ["outputs/a b"]
    assert (arrays["outputs/a b"].dtype, arrays["outputs/a b"].shape) == (array.dtype, array.shape)
    np.testing.assert_array_equal(arrays["outputs/a b"], array)


def test_messages_follow_one_another(ends: Ends) -> None:
    send(ends[0], {"text": "\U0001f600 größe\n", "none": None, "list": [1, 2.5, True]})
    send(ends[0], {}, {"a": np.ones(3), "b": np.zeros(2)})
    assert receive(ends[1]) == ({"text": "\U0001f600 größe\n", "none": None, "list": [1, 2.5, True]}, {})
    header, arrays = receive(ends[1])
    assert (header, {name: values.tolist() for name, values in arrays.items()}) == (
        {},
        {"a": [1, 1, 1], "b": [0, 0]},
    )


def test_a_message_that_arrives_in_pieces_is_joined(ends: Ends) -> None:
    big = np.arange(500_000)
    sender = Thread(target=send, args=(ends[0], {}, {"big": big}))
    sender.start()
    arrived = receive(ends[1])[1]["big"]
    sender.join(20)
    np.testing.assert_array_equal(arrived, big)


def test_a_received_array_can_be_written_to(ends: Ends) -> None:
    send(ends[0], {}, {"a": np.zeros(3)})
    arrived = receive(ends[1])[1]["a"]
    arrived[0] = 1
    assert arrived.tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    "array",
    [np.array([{}], object), np.array(["2026"], "datetime64[Y]"), np.zeros(2, [("a", "f4")])],
    ids=["object", "date", "record"],
)
def test_arrays_that_are_not_plain_are_not_sent(ends: Ends, array: np.ndarray) -> None:
    with pytest.raises(ValueError) as caught:
        send(ends[0], {}, {"good": np.ones(1), "bad": array})
    assert str(array.dtype) in str(caught.value)
    send(ends[0], {"next": 1})
    assert receive(ends[1]) == ({"next": 1}, {})


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"kch",
        framed(b"{}")[:9],
        framed(b'{"arrays": [{"name": "a", "dtype": "<f8", "shape": [2]}]}') + b"1234",
    ],
)
def test_a_message_that_is_cut_off_is_the_end(ends: Ends, sent: bytes) -> None:
    ends[0].sendall(sent)
    ends[0].close()
    with pytest.raises(EOFError):
        receive(ends[1])


def described(**changed: Any) -> bytes:
    return framed(
        json.dumps({"arrays": [{"name": "a", "dtype": "<f8", "shape": [1], **changed}]}).encode()
    ) + bytes(8)


@pytest.mark.parametrize(
    "sent",
    [
        framed(b"{}", magic=b"HTTP"),
        struct.pack("<4sI", b"kchk", 2**31),
        framed(b"not json"),
        framed(b"\xff\xfe"),
        framed(b"{}"),
        framed(b"[]"),
        framed(b'"arrays"'),
        framed(b'{"arrays": 3}'),
        framed(b'{"arrays": [{}]}'),
        described(dtype="|O"),
        described(dtype="nonsense"),
        described(dtype=None),
        described(shape=[-1]),
        described(shape=["1"]),
        described(shape=1),
        described(shape=[2**60]),
    ],
    ids=lambda sent: repr(sent[8:60]),
)
def test_anything_but_a_message_is_refused(ends: Ends, sent: bytes) -> None:
    """A worker runs the model's own code and may send anything: the result is a ValueError or an EOFError."""
    ends[0].sendall(sent)
    ends[0].close()
    with pytest.raises(ValueError):
        receive(ends[1])


def test_silence_ends_with_the_timeout(ends: Ends) -> None:
    ends[1].settimeout(0.01)
    with pytest.raises(TimeoutError):
        receive(ends[1])


def test_pieces_that_keep_arriving_do_not_extend_the_deadline(ends: Ends) -> None:
    ends[0].sendall(framed(b"{}")[:8] + b" ")
    with pytest.raises(TimeoutError):
        receive(ends[1], deadline=time.monotonic() - 1.0)
    with pytest.raises(TimeoutError):
        receive(ends[1], deadline=time.monotonic() + 0.05)


def test_sending_to_a_full_channel_ends_at_the_deadline(ends: Ends) -> None:
    with pytest.raises(TimeoutError):
        send(ends[0], {}, {"big": np.zeros(2**24)}, deadline=time.monotonic() + 0.05)


def test_a_message_over_the_limit_is_refused_before_it_arrives(
    ends: Ends, wording: SnapshotAssertion
) -> None:
    described = [{"name": "a", "dtype": "<f8", "shape": [64]}, {"name": "b", "dtype": "<f8", "shape": [65]}]
    ends[0].sendall(framed(json.dumps({"arrays": described}).encode()))
    with pytest.raises(ValueError) as caught:
        receive(ends[1], deadline=time.monotonic() + 5.0, limit=128 * 8)
    assert str(caught.value) == wording


def test_a_message_at_the_limit_is_accepted(ends: Ends) -> None:
    send(ends[0], {}, {"a": np.ones(128)})
    assert receive(ends[1], limit=128 * 8)[1]["a"].sum() == 128


def test_memory_is_not_used_for_an_announced_array(ends: Ends) -> None:
    """A terabyte is announced and never sent: it costs nothing, and is over with the channel."""
    ends[0].sendall(
        framed(json.dumps({"arrays": [{"name": "a", "dtype": "<f8", "shape": [2**33]}]}).encode())
    )
    ends[0].close()
    with pytest.raises((EOFError, ValueError)):
        receive(ends[1])
