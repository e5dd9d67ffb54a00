"""Arrays go to the inputs that they fit; a misfit is refused with code that fixes it."""

from __future__ import annotations

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.errors import DataError, ShapeMismatchError
from keras_consistency_cli.loading.rows.input_matching import match_inputs
from keras_consistency_cli.loading.rows.source import RowSource
from keras_consistency_cli.measurement.facts import InputFact


def source(**arrays: np.ndarray) -> RowSource:
    named = list(arrays) != ["data"]
    return RowSource(
        path="x.npz" if named else "x.npy",
        sha256=None,
        arrays=arrays,
        length=len(next(iter(arrays.values()))),
        named=named,
    )


def one(shape: tuple[int | None, ...], dtype: str = "float32", name: str = "features") -> InputFact:
    return InputFact(name=name, shape=shape, dtype=dtype)


def test_one_array_fits_one_input_of_any_name() -> None:
    assert match_inputs(source(data=np.ones((4, 3))), (one((None, 3)),), batch_size=None) == {
        "features": "data"
    }
    assert match_inputs(source(other=np.ones((4, 3))), (one((None, 3)),), batch_size=None) == {
        "features": "other"
    }


def test_several_inputs_are_matched_by_name_in_the_models_order() -> None:
    inputs = (one((None, 2), name="b"), one((None, None, 1), name="a"))
    assert list(
        match_inputs(source(a=np.ones((4, 9, 1)), b=np.ones((4, 2))), inputs, batch_size=4).items()
    ) == [("b", "b"), ("a", "a")]


def test_unknown_inputs_are_not_checked() -> None:
    assert match_inputs(source(data=np.ones((2, 3))), (), batch_size=None) == {"data": "data"}
    assert match_inputs(source(data=np.array(["a"])), (one((None,), dtype=""),), batch_size=None) == {
        "features": "data"
    }


def test_one_array_cannot_feed_several_inputs(wording: SnapshotAssertion) -> None:
    with pytest.raises(DataError) as refused:
        match_inputs(
            source(data=np.ones((4, 3))),
            (one((None, 1), name="age"), one((None, 2), name="place")),
            batch_size=None,
        )
    assert refused.value.fix == "np.savez('x.npz', age=..., place=...)"
    assert str(refused.value) == wording


def test_missing_and_surplus_arrays_are_named(wording: SnapshotAssertion) -> None:
    inputs = (one((None, 1), name="age"), one((None, 1), name="home town"))
    with pytest.raises(DataError) as refused:
        match_inputs(source(aeg=np.ones((4, 1)), extra=np.ones((4, 1))), inputs, batch_size=None)
    assert refused.value.fix == "np.savez('x.npz', **{'age': ..., 'home town': ...})"
    assert str(refused.value) == wording


def test_names_that_keras_has_given_are_said_to_change(wording: SnapshotAssertion) -> None:
    inputs = (one((None, 3), name="input_layer"), one((None, 2), name="input_layer_1"))
    texts = []
    for arrays in (
        {"place": np.ones((4, 2)), "age": np.ones((4, 3))},
        {"keras_tensor": np.ones((4, 3)), "keras_tensor_1": np.ones((4, 2))},
        {"input_layer": np.ones((4, 3)), "age": np.ones((4, 2))},
    ):
        with pytest.raises(DataError) as refused:
            match_inputs(source(**arrays), inputs, batch_size=None)
        assert "name each Input" in str(refused.value.fix)
        texts.append(str(refused.value))
    assert "input_layer=x['age'], input_layer_1=x['place']" in texts[0]
    assert "input_layer=x['keras_tensor'], input_layer_1=x['keras_tensor_1']" in texts[1]
    assert texts == wording


def test_arrays_of_equal_shape_are_not_guessed() -> None:
    inputs = (one((None, 3), name="keras_tensor_7"), one((None, 3), name="keras_tensor_8"))
    with pytest.raises(DataError) as refused:
        match_inputs(source(a=np.ones((4, 3)), b=np.ones((4, 3))), inputs, batch_size=None)
    assert str(refused.value.fix).endswith("np.savez('x.npz', keras_tensor_7=..., keras_tensor_8=...)")


@pytest.mark.parametrize("name", ["input", "my_input_layer", "input_layer_one", "tensor_1"])
def test_names_of_the_user_are_not_said_to_change(name: str) -> None:
    with pytest.raises(DataError) as refused:
        match_inputs(
            source(a=np.ones((4, 3)), b=np.ones((4, 3))),
            (one((None, 3), name=name), one((None, 3), name="b")),
            batch_size=None,
        )
    assert "change" not in str(refused.value)


def test_a_wrong_number_of_features_is_refused_with_both_shapes(wording: SnapshotAssertion) -> None:
    with pytest.raises(ShapeMismatchError) as refused:
        match_inputs(source(data=np.ones((256, 12))), (one((None, 10)),), batch_size=None)
    assert (refused.value.shape, refused.value.wanted) == ((256, 12), (None, 10))
    assert str(refused.value) == wording


FIXED = {
    "one row without its batch axis": ((20, 5), (None, 20, 5), "x[None]"),
    "flat single row": ((10,), (None, 10), "x[None]"),
    "no channel axis": ((256, 20), (None, 20, 1), "x[..., None]"),
    "flat column": ((256,), (None, 1), "x[..., None]"),
    "no time axis": ((256, 5), (None, 1, 5), "x[:, None]"),
    "column for a scalar input": ((256, 1), (None,), "x[..., 0]"),
    "surplus time axis": ((256, 1, 5), (None, 5), "x[:, 0]"),
    "doubled batch axis": ((1, 256, 5), (None, 5), "x[0]"),
    "swapped axes": ((256, 5, 20), (None, 20, 5), "x.transpose(0, 2, 1)"),
    "channels first": ((256, 3, 32, 32), (None, 32, 32, 3), "x.transpose(0, 2, 3, 1)"),
    "time first": ((20, 256, 5), (None, 20, 5), "x.transpose(1, 0, 2)"),
    "features first": ((10, 256), (None, 10), "x.transpose(1, 0)"),
    "flat rows": ((2560,), (None, 10), "x.reshape(-1, 10)"),
    "unflattened images": ((256, 28, 28), (None, 784), "x.reshape(-1, 784)"),
    "flattened images": ((256, 784), (None, 28, 28), "x.reshape(-1, 28, 28)"),
    "fixed batch": ((256, 5, 20), (32, 20, 5), "x.transpose(0, 2, 1)"),
}


@pytest.mark.parametrize(("shape", "wanted", "code"), FIXED.values(), ids=FIXED)
def test_a_wrong_shape_is_refused_with_code_that_works(
    shape: tuple[int, ...], wanted: tuple[int | None, ...], code: str
) -> None:
    with pytest.raises(ShapeMismatchError) as refused:
        match_inputs(source(data=np.ones(shape)), (one(wanted),), batch_size=None)
    assert (refused.value.input, refused.value.shape, refused.value.wanted) == ("features", shape, wanted)
    assert refused.value.fix == code
    fixed = eval(code, {"x": np.ones(shape)})
    assert match_inputs(source(data=fixed), (one(wanted),), batch_size=None)


def test_no_reshape_is_suggested_that_would_split_rows() -> None:
    with pytest.raises(DataError) as refused:
        match_inputs(source(data=np.ones((100, 20))), (one((None, 10)),), batch_size=None)
    assert "reshape" not in str(refused.value.fix)


FEEDABLE = [
    ("float32", np.ones((2, 2), dtype=np.int64)),
    ("float32", np.ones((2, 2), dtype=np.float64)),
    ("float32", np.ones((2, 2), dtype=bool)),
    ("int32", np.ones((2, 2), dtype=np.uint8)),
    ("int32", np.array([[1.0, 2.0], [3.0, 4.0]])),
    ("bool", np.ones((2, 2), dtype=bool)),
    ("string", np.full((2, 2), "a")),
    ("string", np.full((2, 2), b"a")),
]


@pytest.mark.parametrize(("dtype", "array"), FEEDABLE)
def test_dtypes_of_the_same_family_are_fed(dtype: str, array: np.ndarray) -> None:
    assert match_inputs(source(data=array), (one((None, 2), dtype),), batch_size=None) == {"features": "data"}


CLASHING = {
    "floats for strings": ("string", np.ones((2, 2))),
    "integers for strings": ("string", np.ones((2, 2), dtype=int)),
    "strings for floats": ("float32", np.full((2, 2), "1")),
    "strings for integers": ("int32", np.full((2, 2), "1")),
    "fractions for integers": ("int64", np.array([[1.0, 2.5]])),
    "NaN for integers": ("int64", np.array([[1.0, np.nan]])),
}


@pytest.mark.parametrize("case", CLASHING)
def test_dtypes_of_a_different_family_are_refused(case: str, wording: SnapshotAssertion) -> None:
    dtype, array = CLASHING[case]
    with pytest.raises(DataError) as refused:
        match_inputs(source(data=array), (one((None, 2), dtype),), batch_size=None)
    assert refused.value.fix
    assert str(refused.value) == wording


def test_fewer_rows_than_a_fixed_batch_are_refused(wording: SnapshotAssertion) -> None:
    with pytest.raises(DataError) as refused:
        match_inputs(source(data=np.ones((3, 2))), (one((4, 2)),), batch_size=4)
    assert str(refused.value) == wording
