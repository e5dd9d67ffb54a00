"""Arrays from parts equal NumPy's own, and unusable parts are refused before NumPy sees them."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.loading.scalers.inert_objects import DamagedError, NotAllowedError, Pending
from keras_consistency_cli.loading.scalers.numpy_parts import (
    build_array,
    build_object_array,
    count_array_bytes,
    fill_array,
    fill_dtype,
    parse_dtype,
)
from keras_consistency_cli.loading.scalers.pickles import read_pickle

ARRAYS = [
    np.arange(6.0).reshape(2, 3),
    np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    np.arange(24.0).reshape(2, 3, 4).transpose(1, 2, 0),
    np.arange(4, dtype=">i4"),
    np.zeros((0, 3), dtype=np.float32),
    np.array(2.5),
    np.array([True, False]),
    np.array(["a", "longer"]),
    np.array([b"ab", b"c"]),
    np.array(["a", None, 1.5, 2], dtype=object),
    np.float32(1.25),
    np.int64(-3),
    np.bool_(True),
    np.str_("word"),
]


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype.str}-{array.shape}")
def test_arrays_come_back_in_value_layout_and_native_order(array: Any, protocol: int) -> None:
    top = read_pickle(pickle.dumps(array, protocol)).top
    result: Any = top.value if isinstance(top, Pending) else top
    expected = pickle.loads(pickle.dumps(array, protocol))
    assert type(result) is type(expected)
    assert (result.shape, result.dtype) == (expected.shape, expected.dtype.newbyteorder("="))
    np.testing.assert_array_equal(result, expected)
    if array.ndim > 1 and array.size:
        assert result.strides == expected.strides
        assert result.flags.writeable


@pytest.mark.parametrize(
    "dtype",
    ["f8", "<i4", "|b1", "?", "U7", "S3", "O", np.dtype("u2"), Pending(what="dtype", value=np.dtype("f4"))],
)
def test_plain_dtypes_pass(dtype: Any) -> None:
    expected = dtype.value if isinstance(dtype, Pending) else np.dtype(dtype)
    assert parse_dtype(dtype) == expected


@pytest.mark.parametrize(
    "dtype",
    ["V8", "c16", "M8[ns]", "f8,f8", "(2,)f8", "S9999999", np.dtype([("a", "f8")])],
    ids=["void", "complex", "date", "two fields", "pair", "long string", "record"],
)
def test_other_dtypes_are_refused(dtype: Any, wording: SnapshotAssertion) -> None:
    with pytest.raises(NotAllowedError) as refused:
        parse_dtype(dtype)
    assert not refused.value.liftable
    assert str(refused.value) == wording


@pytest.mark.parametrize(
    ("data", "dtype", "shape"),
    [
        (b"12345678", "f8", (2,)),
        (b"", "S0", (10**12,)),
        (b"12345678", "f8", [1]),
        (b"", "f8", (-1,)),
        (b"12345678", "f8", (1,) * 40),
        (b"", None, (0,)),
    ],
    ids=["too few bytes", "strings of no length", "list as shape", "negative", "forty axes", "no dtype"],
)
def test_bytes_and_shape_must_agree(data: bytes, dtype: Any, shape: Any, wording: SnapshotAssertion) -> None:
    with pytest.raises(DamagedError) as refused:
        build_array(data, dtype, shape, "C")
    assert str(refused.value) == wording


@pytest.mark.parametrize(
    ("data", "dtype", "order"),
    [(b"12345678", "O", "C"), ([1.0], "f8", "C"), (b"12345678", "f8", "A")],
    ids=["objects", "a list", "unknown order"],
)
def test_an_array_of_anything_but_plain_data_is_refused(
    data: Any, dtype: str, order: str, wording: SnapshotAssertion
) -> None:
    with pytest.raises(NotAllowedError) as refused:
        build_array(data, dtype, (1,), order)
    assert str(refused.value) == wording


def test_the_size_is_known_before_anything_is_read(wording: SnapshotAssertion) -> None:
    assert count_array_bytes("f4", (3, 5)) == 60
    with pytest.raises(NotAllowedError) as refused:
        count_array_bytes("f8", (1 << 30, 1 << 9))
    assert str(refused.value) == wording


def test_object_arrays_hold_plain_values_only(wording: SnapshotAssertion) -> None:
    assert build_object_array(["a", None, 2, 0.5], (2, 2)).tolist() == [["a", None], [2, 0.5]]
    with pytest.raises(NotAllowedError) as refused:
        build_object_array(["a", ["b"]], (2,))
    with pytest.raises(DamagedError) as damaged:
        build_object_array(["a"], (2,))
    assert [str(refused.value), str(damaged.value)] == wording


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        (None, NotAllowedError),
        ((3, "<"), NotAllowedError),
        ((3, "x", None, None, None, -1, -1, 0), DamagedError),
    ],
    ids=["none", "short", "unknown byte order"],
)
def test_a_dtype_state_that_makes_no_sense_is_refused(
    state: Any, kind: type[Exception], wording: SnapshotAssertion
) -> None:
    with pytest.raises(kind) as refused:
        fill_dtype(Pending(what="dtype", value=np.dtype("f8")), state)
    assert str(refused.value) == wording


def test_an_array_is_filled_once(wording: SnapshotAssertion) -> None:
    pending = Pending(what="array")
    state = (1, (1,), np.dtype("f8"), False, np.float64(2.5).tobytes())
    fill_array(pending, state)
    np.testing.assert_array_equal(pending.value, [2.5])
    with pytest.raises(DamagedError) as refused:
        fill_array(pending, state)
    assert str(refused.value) == wording
