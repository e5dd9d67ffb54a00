"""SubjectRows: the rows of the user, taken by number from files or from memory."""

from __future__ import annotations

import io
from pathlib import Path

import joblib
import numpy as np
import pandas
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.errors import ShapeMismatchError
from keras_consistency_cli.loading.rows.in_memory import open_live_rows
from keras_consistency_cli.loading.rows.source import open_rows
from keras_consistency_cli.loading.subject_rows import SubjectRows
from keras_consistency_cli.loading.subject_spec import InMemoryInputs, SubjectFiles
from keras_consistency_cli.measurement.facts import Facts, InputFact

ROWS = np.random.default_rng(0).normal(3.0, 2.0, (9, 4)).astype("float32")
NUMBERS = np.array([7, 0, 3])


def facts(*names: str) -> Facts:
    """The facts of a model whose inputs have four features."""
    inputs = tuple(InputFact(name=name, shape=(None, 4), dtype="float32") for name in names)
    return Facts(name="m", kind="Functional", parameters=0, layers=(), inputs=inputs, outputs=())


def stored(folder: Path, name: str, values: np.ndarray) -> str:
    """Save an array and return its path."""
    np.save(folder / name, values)
    return str(folder / name)


def test_each_kind_of_rows_is_read_from_its_own_file(tmp_path: Path) -> None:
    files = SubjectFiles(
        model="m.keras",
        data=stored(tmp_path, "x.npy", ROWS),
        served=stored(tmp_path, "served.npy", ROWS + 1),
        reference=stored(tmp_path, "reference.npy", ROWS[:5] + 2),
        expected=stored(tmp_path, "y.npy", ROWS[:, :1]),
    )
    rows = SubjectRows(files=files, facts=facts("x"))
    served, expected = rows.served(NUMBERS), rows.expected(NUMBERS)
    assert served is not None
    assert expected is not None
    assert np.array_equal(rows.raw(NUMBERS)["x"], ROWS[NUMBERS])
    assert np.array_equal(served["x"], (ROWS + 1)[NUMBERS])
    assert np.array_equal(rows.reference(np.arange(5))["x"], ROWS[:5] + 2)
    assert rows.reference_length == 5
    assert [values.tolist() for values in expected.values()] == [ROWS[NUMBERS, :1].tolist()]
    assert [len(values) for values in rows.expected_sample().values()] == [9]


def test_nothing_is_opened_if_the_user_gave_no_rows() -> None:
    rows = SubjectRows(files=SubjectFiles(model="m.keras"), facts=facts("x"))
    assert (rows.data, rows.served(NUMBERS), rows.expected(NUMBERS)) == (None, None, None)
    assert (rows.expected_sample(), rows.reference_length, rows.columns) == ({}, 0, None)


def test_rows_in_memory_take_the_place_of_a_file(tmp_path: Path) -> None:
    source = open_rows(Path(stored(tmp_path, "x.npy", ROWS)))
    files = SubjectFiles(model="m.keras", data="none.npy", feature_names=("a", "b", "c", "d"))
    rows = SubjectRows(files=files, facts=facts("x"), in_memory=InMemoryInputs(rows={"data": source}))
    assert np.array_equal(rows.raw(NUMBERS)["x"], ROWS[NUMBERS])
    assert rows.columns == ("a", "b", "c", "d")


def test_rows_of_a_wrong_shape_are_refused(tmp_path: Path, wording: SnapshotAssertion) -> None:
    files = SubjectFiles(model="m.keras", data=stored(tmp_path, "wide.npy", np.zeros((9, 5), "float32")))
    with pytest.raises(ShapeMismatchError) as refusal:
        SubjectRows(files=files, facts=facts("x")).raw(NUMBERS)
    assert (refusal.value.input, refusal.value.shape, refusal.value.wanted) == ("x", (9, 5), (None, 4))
    assert str(refusal.value).replace(f"{tmp_path}/", "") == wording


def table(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text)
    return str(folder / name)


def test_a_table_of_texts_has_the_order_of_its_scaler_and_one_code_for_each_text(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"age": [1.0, 2.0], "town": ["Rome", "Paris"]})
    encode = ColumnTransformer([("n", StandardScaler(), ["age"]), ("t", OneHotEncoder(), ["town"])])
    joblib.dump(encode.fit(frame), tmp_path / "encode.joblib")
    files = SubjectFiles(
        model="m.keras",
        data=table(tmp_path, "x.csv", "town,age\nRome,1\nParis,2\n"),
        reference=table(tmp_path, "train.csv", "age,town\n5,Bonn\n6,Rome\n"),
        scaler=str(tmp_path / "encode.joblib"),
    )
    rows = SubjectRows(files=files, facts=facts("x"))
    assert (rows.columns, rows.words) == (("age", "town"), {"town": ("Bonn", "Paris", "Rome")})
    assert rows.raw(np.arange(2))["x"].tolist() == [[1.0, 2.0], [2.0, 1.0]]
    assert rows.reference(np.arange(2))["x"].tolist() == [[5.0, 0.0], [6.0, 2.0]]
    assert {name: values.tolist() for name, values in rows.table(np.arange(2)).items()} == {
        "age": [1.0, 2.0],
        "town": ["Rome", "Paris"],
    }


def test_numbers_are_texts_if_the_encoder_knows_texts(tmp_path: Path) -> None:
    encoder = OneHotEncoder().fit(np.array([["007", "a"], ["12", "b"]], dtype=object))
    joblib.dump(encoder, tmp_path / "encode.joblib")
    files = SubjectFiles(
        model="m.keras",
        data=table(tmp_path, "x.csv", "zip,kind\n007,a\n12,b\n"),
        scaler=str(tmp_path / "encode.joblib"),
    )
    rows = SubjectRows(files=files, facts=facts("x"))
    assert rows.words == {"zip": ("007", "12"), "kind": ("a", "b")}
    joblib.dump(OneHotEncoder().fit(np.array([[7, "a"]], dtype=object)), tmp_path / "encode.joblib")
    assert SubjectRows(files=files, facts=facts("x")).words == {"kind": ("a", "b")}


GREATEST = [3_000_000_001, 3_000_000_002, 3_000_000_003]
WHOLE = f"user,item,price\n{GREATEST[0]},7,1.5\n{GREATEST[1]},8,2\n{GREATEST[2]},9,2.5\n"


def inputs_of_ids(dtype: str, *shapes: tuple[str, int]) -> Facts:
    """The facts of a model with inputs of this dtype, by name and number of columns; a price is a float."""
    inputs = tuple(
        InputFact(name=name, shape=(None, width), dtype="float32" if name == "price" else dtype)
        for name, width in shapes
    )
    return Facts(name="m", kind="Functional", parameters=0, layers=(), inputs=inputs, outputs=())


def tables_of_ids(folder: Path) -> dict[str, str]:
    """The same table in each form that states its whole numbers."""
    frame = pandas.read_csv(io.StringIO(WHOLE))
    (folder / "x.csv").write_text(WHOLE)
    (folder / "folder").mkdir()
    frame.to_parquet(folder / "x.parquet", index=False)
    for part in (0, 1):
        frame[2 * part : 2 * part + 2].to_parquet(folder / "folder" / f"{part}.parquet", index=False)
    return {"csv": "x.csv", "parquet": "x.parquet", "folder": "folder"}


@pytest.mark.parametrize("form", ["csv", "parquet", "folder"])
def test_whole_numbers_of_a_table_reach_an_input_of_integers_as_they_are(form: str, tmp_path: Path) -> None:
    files = SubjectFiles(model="m.keras", data=str(tmp_path / tables_of_ids(tmp_path)[form]))
    apart = inputs_of_ids("int64", ("user", 1), ("item", 1), ("price", 1))
    rows = SubjectRows(files=files, facts=apart).raw(np.arange(3))
    assert {name: str(values.dtype) for name, values in rows.items()} == {
        "user": "int64",
        "item": "int64",
        "price": "float64",
    }
    assert rows["user"][:, 0].tolist() == GREATEST
    together = inputs_of_ids("int32", ("price", 1), ("rest", 2))
    rest = SubjectRows(files=files, facts=together).raw(np.arange(3))["rest"]
    assert (str(rest.dtype), rest.tolist()[0]) == ("int64", [GREATEST[0], 7])


def test_whole_numbers_of_a_table_stay_floats_for_an_input_of_floats(tmp_path: Path) -> None:
    files = SubjectFiles(model="m.keras", data=str(tmp_path / tables_of_ids(tmp_path)["csv"]))
    floats = inputs_of_ids("float32", ("user", 1), ("item", 1), ("price", 1))
    rows = SubjectRows(files=files, facts=floats).raw(np.arange(3))
    assert {str(values.dtype) for values in rows.values()} == {"float64"}


@pytest.mark.parametrize(
    ("text", "dtype"),
    [
        ("5,6\n7,8\n", "int64"),
        ("a,b\n5,6\n7,-8\n", "int64"),
        ("a,b\n5,6\n7,8.0\n", "float64"),
        ("a,b\n5,6\n7,1e3\n", "float64"),
        ("a,b\n5,True\n7,False\n", "float64"),
        (f"a,b\n5,{2**53 + 2}\n7,8\n", "float64"),
    ],
    ids=["no header", "negative", "a fraction", "a power", "flags", "beyond float64"],
)
def test_a_column_is_whole_if_each_cell_states_a_whole_number(text: str, dtype: str, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(text)
    files = SubjectFiles(model="m.keras", data=str(tmp_path / "x.csv"))
    (rows,) = SubjectRows(files=files, facts=inputs_of_ids("int64", ("x", 2))).raw(np.arange(2)).values()
    assert str(rows.dtype) == dtype


def test_integers_of_a_frame_with_other_columns_stay_whole() -> None:
    frame = pandas.read_csv(io.StringIO(WHOLE))
    source = open_live_rows(frame, what="x")
    memory = InMemoryInputs(rows={"data": source})
    apart = inputs_of_ids("int64", ("user", 1), ("item", 1), ("price", 1))
    rows = SubjectRows(files=SubjectFiles(model="m.keras"), facts=apart, in_memory=memory).raw(np.arange(3))
    assert (str(rows["user"].dtype), rows["user"][:, 0].tolist()) == ("int64", GREATEST)
