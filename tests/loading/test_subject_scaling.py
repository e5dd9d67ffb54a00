"""SubjectScaling: the input of a scaler or function, and scaling in both directions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.errors import DataError, UsageError
from keras_consistency_cli.loading.subject_rows import SubjectRows
from keras_consistency_cli.loading.subject_scaling import SubjectScaling
from keras_consistency_cli.loading.subject_spec import InMemoryInputs, SubjectFiles
from keras_consistency_cli.measurement.facts import Facts, InputFact
from tests.helpers.error_texts import own_text

ROWS = np.random.default_rng(0).normal(3.0, 2.0, (9, 4)).astype("float32")


def facts(*names: str) -> Facts:
    """The facts of a model whose inputs have four features."""
    inputs = tuple(InputFact(name=name, shape=(None, 4), dtype="float32") for name in names)
    return Facts(name="m", kind="Functional", parameters=0, layers=(), inputs=inputs, outputs=())


def scaling(
    *inputs: str, scaler: Any = None, preprocess: Callable[[Any], Any] | None = None, **settings: Any
) -> SubjectScaling:
    """The scaling of a model with these inputs, with its scaler or function in memory."""
    files = SubjectFiles(
        model="m.keras",
        scaler=None if scaler is None else "s.pkl",
        preprocess=None if preprocess is None else "serve.py:prepare",
        **settings,
    )
    in_memory = InMemoryInputs(scaler=scaler, preprocess=preprocess)
    return SubjectScaling(sources=SubjectRows(files=files, facts=facts(*inputs), in_memory=in_memory))


def test_rows_are_scaled_and_scaled_back() -> None:
    standard = scaling("x", scaler=StandardScaler().fit(ROWS))
    scaled = standard.apply({"x": ROWS})
    np.testing.assert_allclose(scaled["x"].mean(axis=0), np.zeros(4), atol=1e-5)
    np.testing.assert_allclose(standard.invert(scaled)["x"], ROWS, atol=1e-5)


def test_rows_outside_the_range_of_the_scaler_are_limited_before_they_are_scaled_back() -> None:
    limited = scaling("x", scaler=MinMaxScaler().fit(ROWS)).invert({"x": np.full((1, 4), 7.0)})
    np.testing.assert_allclose(limited["x"], ROWS.max(axis=0, keepdims=True), rtol=1e-6)


def test_scaled_rows_stay_as_they_are() -> None:
    scaled = scaling("x", scaler=StandardScaler().fit(ROWS), data_state="scaled")
    assert np.array_equal(scaled.apply({"x": ROWS})["x"], ROWS)
    assert np.array_equal(scaled.invert({"x": ROWS})["x"], ROWS)


def test_a_function_for_several_inputs_prepares_all_of_them_unless_one_is_named() -> None:
    def halve(rows: Any) -> Any:
        return {name: values / 2 for name, values in rows.items()} if isinstance(rows, dict) else rows / 2

    rows = {"a": ROWS, "b": ROWS}
    joint = scaling("a", "b", preprocess=halve)
    assert joint.joint is not None
    assert joint.single is None
    assert [np.array_equal(values, ROWS / 2) for values in joint.apply(rows).values()] == [True, True]
    single = scaling("a", "b", preprocess=halve, scaler_input="b")
    assert single.joint is None
    assert np.array_equal(single.apply(rows)["a"], ROWS)
    assert np.array_equal(single.apply(rows)["b"], ROWS / 2)


def test_a_wrong_number_of_features_is_refused(wording: SnapshotAssertion) -> None:
    with pytest.raises(DataError) as refusal:
        scaling("x", scaler=StandardScaler().fit(ROWS)).apply({"x": np.zeros((3, 5), "float32")})
    assert str(refusal.value) == wording


@pytest.mark.parametrize("inputs", [("x",), ("a", "b")], ids=["one-input", "two-inputs"])
def test_rows_that_the_model_does_not_take_after_preprocessing_are_refused(
    inputs: tuple[str, ...], wording: SnapshotAssertion
) -> None:
    def narrow(rows: Any) -> Any:
        if isinstance(rows, dict):
            return {name: values[:, :2] for name, values in rows.items()}
        return rows[:, :2]

    with pytest.raises(DataError) as refusal:
        scaling(*inputs, preprocess=narrow).apply(dict.fromkeys(inputs, ROWS))
    assert str(refusal.value) == wording


@pytest.mark.parametrize("scaler_input", ["z", None], ids=["unknown", "ambiguous"])
def test_a_scaler_that_fits_no_single_input_is_refused(
    scaler_input: str | None, wording: SnapshotAssertion
) -> None:
    scaler = StandardScaler().fit(ROWS)
    with pytest.raises(DataError) as refusal:
        scaling("b", "a", scaler=scaler, scaler_input=scaler_input).apply({"a": ROWS, "b": ROWS})
    assert str(refusal.value) == wording


def test_an_input_that_keras_has_named_gets_a_name(wording: SnapshotAssertion) -> None:
    names, rows = ("input_layer", "input_layer_1"), {"input_layer": ROWS, "input_layer_1": ROWS}
    with pytest.raises(DataError) as refusal:
        scaling(*names, scaler=StandardScaler().fit(ROWS), scaler_input="age").apply(rows)
    assert refusal.value.fix == "name each Input, such as keras.Input(shape, name='age')"
    assert str(refusal.value) == wording


@pytest.mark.parametrize("inputs", [("x",), ("a", "b")], ids=["one-input", "two-inputs"])
def test_a_preprocess_function_has_no_inverse(inputs: tuple[str, ...], wording: SnapshotAssertion) -> None:
    with pytest.raises(UsageError) as refusal:
        scaling(*inputs, preprocess=lambda rows: rows).invert(dict.fromkeys(inputs, ROWS))
    assert "--data" in str(refusal.value.fix)
    assert str(refusal.value) == wording


@pytest.mark.parametrize("names", [("a", "b", "c"), ("a", "b", "c", "e")], ids=["fewer", "different"])
def test_columns_that_are_not_those_of_the_scaler_are_refused(
    names: tuple[str, ...], wording: SnapshotAssertion
) -> None:
    scaler = StandardScaler().fit(pandas.DataFrame(ROWS, columns=list("abcd")))
    with pytest.raises(DataError) as refusal:
        scaling("x", scaler=scaler, feature_names=names).apply({"x": ROWS})
    assert refusal.value.expected == "a, b, c, d"
    assert str(refusal.value) == wording


def test_a_surplus_column_is_named_if_the_scaler_has_no_names(
    tmp_path: Path, wording: SnapshotAssertion
) -> None:
    numbers = np.random.default_rng(3).normal(size=(50, 3)) * [1, 10, 100] + [5, 90, 4000]
    np.savetxt(tmp_path / "x.csv", numbers, delimiter=",", header="age,price,income", comments="")
    files = SubjectFiles(model="m.keras", data=str(tmp_path / "x.csv"), scaler="s.pkl")
    in_memory = InMemoryInputs(scaler=StandardScaler().fit(numbers[:, [0, 2]]))
    sources = SubjectRows(files=files, facts=facts("x"), in_memory=in_memory)
    with pytest.raises(DataError) as refusal:
        SubjectScaling(sources=sources).apply({"x": numbers})
    assert own_text(refusal.value, tmp_path) == wording


def test_numbers_for_an_encoder_of_texts_are_refused_with_the_cast(wording: SnapshotAssertion) -> None:
    frame = pandas.DataFrame({"zip": ["10115", "20095"]})
    encode = ColumnTransformer([("zip", OneHotEncoder(), ["zip"])]).fit(frame)
    with pytest.raises(DataError) as refusal:
        scaling("x", scaler=encode, feature_names=("zip",)).apply({"x": np.array([[10115.0]])})
    assert str(refusal.value) == wording
