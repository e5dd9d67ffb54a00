"""A preprocess function that prepares all inputs at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.errors import DataError, UsageError
from keras_consistency_cli.loading.model.facts import describe_model
from keras_consistency_cli.loading.profile.profile import describe_data
from keras_consistency_cli.loading.scalers.multi_input import JointPreprocess
from keras_consistency_cli.loading.subject import Subject
from keras_consistency_cli.loading.subject_spec import SubjectFiles

ROWS = {"left": np.arange(12.0).reshape(6, 2), "right": np.arange(18.0).reshape(6, 3)}


def halved(rows: Any) -> Any:
    return {"left": rows["left"] / 2, "right": rows["right"] / 2}


def joint(function: Any) -> JointPreprocess:
    return JointPreprocess(function=function, inputs=("left", "right"))


@pytest.mark.parametrize(
    "function", [halved, lambda rows: list(halved(rows).values()), lambda rows: tuple(halved(rows).values())]
)
def test_a_dict_goes_in_and_results_come_by_name_or_in_order(function: Any) -> None:
    prepared = joint(function).apply(ROWS)
    assert list(prepared) == ["left", "right"]
    assert all(np.array_equal(prepared[name], ROWS[name] / 2) for name in ROWS)


def test_the_rows_stay_unchanged_and_a_change_is_detected() -> None:
    def overwrites(rows: Any) -> Any:
        rows["left"] -= 1
        return rows

    before = ROWS["left"].copy()
    assert joint(overwrites).mutates(ROWS)
    assert joint(lambda rows: {**rows, "more": rows.pop("left"), "left": rows["right"]}).mutates(ROWS)
    assert not joint(halved).mutates(ROWS)
    assert np.array_equal(ROWS["left"], before)


def test_rows_are_prepared_one_by_one() -> None:
    row_counts = []

    def counting(rows: Any) -> Any:
        row_counts.append(len(rows["left"]))
        return {name: values - values.mean(axis=0) for name, values in rows.items()}

    prepared = joint(counting).apply_row_by_row(ROWS)
    assert row_counts == [1] * 6
    assert {name: values.shape for name, values in prepared.items()} == {
        name: values.shape for name, values in ROWS.items()
    }
    assert not prepared["right"].any()


REFUSED: dict[str, Any] = {
    "crash": lambda rows: rows["middle"],
    "one array": lambda rows: rows["left"],
    "one input missing": lambda rows: {"left": rows["left"]},
    "three of two": lambda rows: [rows["left"]] * 3,
    "fewer rows": lambda rows: {**rows, "right": rows["right"][1:]},
    "objects": lambda rows: {**rows, "right": np.array([{}] * 6)},
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_result_without_rows_for_every_input_is_refused(case: str, wording: SnapshotAssertion) -> None:
    with pytest.raises(DataError) as refused:
        joint(REFUSED[case]).apply(ROWS)
    assert str(refused.value) == wording


# --- bound to a model

SERVE = """
def prepare(rows):
    return {"left": rows["left"] / 2, "right": rows["right"] / 2}

def one(rows):
    return rows / 2

def widened(rows):
    return [rows["left"], rows["left"]]
"""


def subject(
    folder: Path, function: str = "prepare", *, model: Any = None, rows: Any = ROWS, **more: Any
) -> Subject:
    (folder / "serve.py").write_text(SERVE)
    np.savez(folder / "data.npz", **rows)
    model = model or two_inputs()
    files = SubjectFiles(
        model="live", data=str(folder / "data.npz"), preprocess=f"{folder / 'serve.py'}:{function}", **more
    )
    return Subject(files=files, model=model, facts=describe_model(model, saved_with="", notes=()))


def two_inputs(kind: str = "float32") -> Any:
    left, right = keras.Input((2,), name="left"), keras.Input((3,), name="right", dtype=kind)
    joined = layers.Concatenate()(
        [left, layers.Lambda(lambda x: keras.ops.cast(x, "float32"))(right) if kind != "float32" else right]
    )
    return keras.Model({"left": left, "right": right}, layers.Dense(1)(joined))


def test_a_function_that_could_belong_to_any_input_prepares_all(tmp_path: Path) -> None:
    loaded = subject(tmp_path)
    assert loaded.scaling is None
    prepared = loaded.rows(np.arange(3))
    assert all(np.array_equal(prepared[name], ROWS[name][:3] / 2) for name in ROWS)
    assert np.array_equal(loaded.raw(np.arange(3))["left"], ROWS["left"][:3])


def test_settings_may_name_one_input_or_all(tmp_path: Path) -> None:
    one = subject(tmp_path, "one", scaler_input="right")
    assert (one.joint, one.scaling is not None) == (None, True)
    assert np.array_equal(one.rows(np.arange(6))["left"], ROWS["left"])
    assert np.array_equal(one.rows(np.arange(6))["right"], ROWS["right"] / 2)
    ids = {**ROWS, "right": ROWS["right"].astype("int32")}
    assert subject(tmp_path, "one", model=two_inputs("int32"), rows=ids).joint is None
    assert subject(tmp_path, model=two_inputs("int32"), rows=ids, scaler_input="*").joint is not None


def test_rows_that_are_already_scaled_stay_unchanged(tmp_path: Path) -> None:
    assert np.array_equal(subject(tmp_path, data_state="scaled").rows(np.arange(6))["left"], ROWS["left"])


def test_rows_that_the_model_does_not_take_are_refused(tmp_path: Path, wording: SnapshotAssertion) -> None:
    with pytest.raises(DataError) as refused:
        subject(tmp_path, "widened").rows(np.arange(6))
    assert str(refused.value) == wording


def test_rows_cannot_be_generated_without_an_inverse(tmp_path: Path, wording: SnapshotAssertion) -> None:
    loaded = subject(tmp_path)
    bare = Subject(
        files=SubjectFiles(model="live", preprocess=loaded.files.preprocess, generated_rows=8),
        model=loaded.model,
        facts=loaded.facts,
    )
    with pytest.raises(UsageError) as refused:
        bare.rows(np.arange(2))
    assert str(refused.value) == wording


def test_the_profile_has_raw_and_prepared_rows(tmp_path: Path) -> None:
    facts = describe_data(subject(tmp_path))
    assert [rows.columns[0].mean for rows in facts.raw] == [5.0, 7.5]
    assert [rows.columns[0].mean for rows in facts.fed] == [2.5, 3.75]
    assert facts.scaling is not None
    assert (facts.scaling.kind, facts.scaling.function, facts.scaling.mutates) == ("prepare", True, False)
