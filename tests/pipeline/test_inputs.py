"""opening: what is looked at in the parent before a worker loads anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import joblib
import keras
import numpy as np
import pytest
from keras import layers
from sklearn.preprocessing import StandardScaler

from keras_consistency_cli.config.settings import Settings, load_settings
from keras_consistency_cli.errors import DataError, RefusedError, UsageError
from keras_consistency_cli.measurement.facts import DataFacts, RowsFact
from keras_consistency_cli.pipeline.inputs import load_request, open_files, subject_files
from keras_consistency_cli.pipeline.sampling import with_bad_rows


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model and what may lie beside it."""
    into = tmp_path_factory.mktemp("opening")
    keras.Sequential([keras.Input((2,)), layers.Dense(1)]).save(into / "m.keras")
    np.save(into / "x.npy", np.ones((9, 2)))
    np.save(into / "short.npy", np.ones((8, 2)))
    joblib.dump(StandardScaler().fit(np.eye(2)), into / "s.joblib")
    joblib.dump(StandardScaler(), into / "unfitted.joblib")
    (into / "evil.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    (into / "serve.py").write_text("raise SystemExit('imported in the parent')\n")
    np.save(into / "long.npy", np.arange(9) + 1)
    (into / "x.csv").write_text("a,b\n1,2\n")
    (into / "train.csv").write_text("a,c\n1,2\n")
    return into


def settings(folder: Path, **flags: str) -> Settings:
    return load_settings(
        {"model": str(folder / "m.keras"), **{name: str(folder / value) for name, value in flags.items()}}, {}
    )


def test_everything_is_told_to_the_worker_as_plain_data(folder: Path) -> None:
    chosen = settings(
        folder,
        data="x.npy",
        preprocess="serve.py:prepare",
        reference="x.npy",
        served="x.npy",
        target_scaler="s.joblib",
    )
    request = load_request(chosen, open_files(chosen), sizes=(2,))
    files = request["files"]
    told = {
        name: files[name]
        for name in ("data", "scaler", "preprocess", "reference", "served", "target_scaler", "data_state")
    }
    beside = {name: str(folder / "x.npy") for name in ("data", "reference", "served")}
    assert told == {
        **beside,
        "scaler": None,
        "preprocess": str(folder / "serve.py:prepare"),
        "target_scaler": str(folder / "s.joblib"),
        "data_state": "raw",
    }
    assert request["probe"] == {"batch_size": 32, "sizes": [2], "seed": 0}
    assert subject_files(settings(folder)).scales is False


@pytest.mark.parametrize(
    ("flags", "kind", "words"),
    [
        ({"data": "x.npy", "served": "short.npy"}, DataError, "short.npy: 8 rows, data "),
        ({"data": "x.npy", "served": "none.npy"}, UsageError, "served rows .*none.npy does not exist"),
        ({"reference": "none.npy"}, UsageError, "reference rows .*none.npy does not exist"),
        ({"data": "x.csv", "reference": "train.csv"}, DataError, "have other columns, 'c' first"),
        ({"preprocess": "none.py:prepare"}, UsageError, "none.py does not exist"),
        ({"target_scaler": "evil.pkl"}, RefusedError, "asks for os.system"),
        ({"scaler": "evil.pkl"}, RefusedError, "asks for os.system"),
    ],
)
def test_bad_input_is_told_before_anything_runs(
    folder: Path, flags: dict[str, str], kind: Any, words: str
) -> None:
    with pytest.raises(kind, match=words) as caught:
        open_files(settings(folder, **flags))
    assert len(str(caught.value).splitlines()) <= 3


def test_classes_in_a_file_that_is_not_there_are_told_before_anything_runs(folder: Path) -> None:
    with pytest.raises(
        UsageError, match=r"--custom-objects .*none\.py: there is no such file\nexpected: a Python file"
    ):
        open_files(
            load_settings({"model": str(folder / "m.keras"), "custom_objects": [str(folder / "none.py")]}, {})
        )


def with_facts(folder: Path, facts: str, **flags: str) -> Settings:
    """Settings of a YAML file beside the model that says what the owner knows."""
    (folder / "k.yaml").write_text(f"facts: {{{facts}}}\n", encoding="utf-8")
    given = {name: str(folder / value) for name, value in flags.items()}
    return load_settings({"model": str(folder / "m.keras"), "config": str(folder / "k.yaml"), **given}, {})


def test_lengths_lie_beside_the_yaml_and_reach_the_worker(folder: Path) -> None:
    np.save(folder / "ones.npy", np.ones(9, int))
    chosen = with_facts(folder, "lengths: ones.npy", data="x.npy")
    assert load_request(chosen, open_files(chosen), sizes=(2,))["files"]["lengths"] == str(
        folder / "ones.npy"
    )


def test_lengths_that_do_not_fit_are_refused_before_anything_runs(folder: Path) -> None:
    with pytest.raises(
        DataError,
        match=r"long.npy: row 2 has length 3 \(and 6 others\)\nexpected: 1 to 2, the time steps of the data",
    ):
        open_files(with_facts(folder, "lengths: long.npy", data="x.npy"))
    with pytest.raises(DataError, match=r"long.npy has 9 lengths, the data have 8 rows"):
        open_files(with_facts(folder, "lengths: long.npy", data="short.npy"))
    with pytest.raises(UsageError, match=r"facts.lengths is given without data"):
        with_facts(folder, "lengths: long.npy")


@pytest.mark.parametrize(
    ("padding", "told"),
    [
        ("{side: left}", {"padding_side": "left"}),
        ("{value: -1.0}", {"padding_value": -1.0}),
        ("{value: 0.0, side: right}", {"padding_side": "right", "padding_value": 0.0}),
    ],
)
def test_only_what_was_said_of_padding_is_told(folder: Path, padding: str, told: dict[str, Any]) -> None:
    chosen = with_facts(folder, f"padding: {padding}", data="x.npy")
    probe = load_request(chosen, open_files(chosen), sizes=(2,))["probe"]
    assert {name: value for name, value in probe.items() if name.startswith("padding")} == told


def rows(bad: int, *first: int) -> RowsFact:
    return RowsFact(input="x", rows=100, shape=(2,), columns=(), bad_rows=bad, first_bad=first)


@pytest.mark.parametrize(
    ("first", "chosen"),
    [
        ((), [10, 20, 30]),
        ((20,), [10, 20, 30]),
        ((22,), [10, 22, 30]),
        ((98, 99, 100), [10, 98, 99]),
        ((1, 10), [1, 10, 30]),
    ],
)
def test_bad_rows_are_among_those_that_are_checked(first: tuple[int, ...], chosen: list[int]) -> None:
    numbers = np.array([10, 20, 30])
    assert with_bad_rows(numbers, DataFacts(fed=(rows(len(first), *first),))).tolist() == chosen
    assert with_bad_rows(numbers, DataFacts(fed=(rows(len(first), *first),), generated=True)).tolist() == [
        10,
        20,
        30,
    ]
