"""inputs: the files that are checked in the parent before a worker loads anything."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import joblib
import keras
import numpy as np
import pytest
import sklearn
from keras import layers
from sklearn.preprocessing import StandardScaler
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.config.settings import Settings, load_settings
from keras_consistency_cli.errors import DataError, RefusedError, UsageError
from keras_consistency_cli.loading.scalers.scaler import ScalerFile
from keras_consistency_cli.pipeline.inputs import naming_scaler_version, open_files


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model and files for each option."""
    into = tmp_path_factory.mktemp("opening")
    keras.Sequential([keras.Input((2,)), layers.Dense(1)]).save(into / "m.keras")
    np.save(into / "x.npy", np.ones((9, 2)))
    np.save(into / "short.npy", np.ones((8, 2)))
    np.save(into / "narrow.npy", np.ones((8, 1)))
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


@pytest.mark.parametrize(
    ("flags", "kind"),
    [
        ({"data": "x.npy", "served": "short.npy"}, DataError),
        ({"data": "x.npy", "expected": "short.npy"}, DataError),
        ({"data": "x.npy", "served": "none.npy"}, UsageError),
        ({"reference": "none.npy"}, UsageError),
        ({"data": "x.csv", "reference": "train.csv"}, DataError),
        ({"preprocess": "none.py:prepare"}, UsageError),
        ({"target_scaler": "evil.pkl"}, RefusedError),
        ({"scaler": "evil.pkl"}, RefusedError),
    ],
    ids=[
        "served rows of another length",
        "expected outputs of another length",
        "served rows are missing",
        "reference rows are missing",
        "reference rows with other columns",
        "preprocess file is missing",
        "hostile target scaler",
        "hostile scaler",
    ],
)
def test_bad_input_is_reported_before_anything_runs(
    folder: Path, flags: dict[str, str], kind: Any, wording: SnapshotAssertion
) -> None:
    with pytest.raises(kind) as caught:
        open_files(settings(folder, **flags))
    assert type(caught.value) is kind
    assert len(str(caught.value).splitlines()) <= 3
    assert any(name in str(caught.value) for name in flags.values()) or "none.py" in str(caught.value)
    assert str(caught.value).replace(str(folder), "FOLDER") == wording


def test_a_missing_file_of_classes_is_reported_before_anything_runs(
    folder: Path, wording: SnapshotAssertion
) -> None:
    flags = {"model": str(folder / "m.keras"), "custom_objects": [str(folder / "none.py")]}
    with pytest.raises(UsageError) as caught:
        open_files(load_settings(flags, {}))
    assert "--custom-objects" in caught.value.what
    assert str(caught.value).replace(str(folder), "FOLDER") == wording


def test_files_that_fit_are_opened(folder: Path) -> None:
    inputs = open_files(settings(folder, data="x.npy", scaler="s.joblib", reference="x.npy"))
    assert inputs.rows is not None
    assert inputs.scaler is not None
    assert (inputs.rows.length, inputs.scaler.estimator) == (9, "StandardScaler")
    assert set(inputs.additional) == {"reference"}
    assert len(inputs.archive.sha256) == 64


def with_facts(folder: Path, facts: str, **flags: str) -> Settings:
    """Settings of a YAML file with facts that the owner states."""
    (folder / "k.yaml").write_text(f"facts: {{{facts}}}\n", encoding="utf-8")
    paths = {name: str(folder / value) for name, value in flags.items()}
    config = {"model": str(folder / "m.keras"), "config": str(folder / "k.yaml")}
    return load_settings({**config, **paths}, {})


def test_lengths_that_do_not_fit_are_refused_before_anything_runs(
    folder: Path, wording: SnapshotAssertion
) -> None:
    messages = []
    for data in ("x.npy", "short.npy"):
        with pytest.raises(DataError) as caught:
            open_files(with_facts(folder, "lengths: long.npy", data=data))
        messages.append(str(caught.value).replace(str(folder), "FOLDER"))
    with pytest.raises(UsageError) as refused:
        with_facts(folder, "lengths: long.npy")
    messages.append(str(refused.value).replace(str(folder), "FOLDER"))
    assert all("long.npy" in message or "lengths" in message for message in messages)
    assert messages == wording


@pytest.mark.parametrize("option", ["columns", "drop"])
def test_columns_of_rows_without_names_are_refused(folder: Path, option: str) -> None:
    stated = {"model": str(folder / "m.keras"), "data": str(folder / "x.npy"), option: ["a"]}
    with pytest.raises(DataError, match=f"--{option}"):
        open_files(load_settings(stated, {}))
    table = {**stated, "data": str(folder / "x.csv"), option: ["a"]}
    assert open_files(load_settings({**table, "reference": str(folder / "narrow.npy")}, {})).rows is not None


@pytest.mark.parametrize(
    ("saved", "cause", "expected"),
    [
        ("1.2.2", "scaler-unusable", "scaler-version"),
        (sklearn.__version__, "scaler-unusable", "scaler-unusable"),
        (None, "scaler-unusable", "scaler-unusable"),
        ("1.2.2", "code-in-scaler", "code-in-scaler"),
    ],
    ids=["different", "same", "unknown", "another cause"],
)
def test_the_version_is_the_cause_if_it_differs(saved: str | None, cause: str, expected: str) -> None:
    scaler = cast(ScalerFile, SimpleNamespace(sklearn_version=saved))
    with pytest.raises(RefusedError) as refusal, naming_scaler_version(scaler):
        raise RefusedError("the scaler fails to transform", fix="x", cause=cause)
    assert refusal.value.cause == expected
    assert ("scikit-learn==1.2.2" in str(refusal.value)) is (expected == "scaler-version")


def test_without_a_scaler_nothing_changes() -> None:
    with pytest.raises(RefusedError) as refusal, naming_scaler_version(None):
        raise RefusedError("no", cause="scaler-unusable")
    assert refusal.value.what == "no"


@pytest.mark.parametrize("stated", ["--export", "exports"])
def test_a_signature_that_an_export_does_not_have_is_a_mistake_of_the_call(
    stated: str, folder: Path, tmp_path: Path
) -> None:
    # ir_version, a graph of no bytes, an operator set: ONNX has no signatures.
    path = tmp_path / "m.onnx"
    path.write_bytes(bytes([0x08, 10, 0x3A, 0, 0x42, 2, 0x10, 17]))
    export = f"{path}#serve" if stated == "--export" else {"path": path, "signature": "serve"}
    given = {"model": folder / "m.keras", "data": folder / "x.npy"}
    with pytest.raises(DataError) as refused:
        open_files(Settings.model_validate({**given, "exports": [export]}))
    assert "'serve'" in refused.value.what
    assert refused.value.exit_code == 2
    alone = Settings.model_validate({**given, "exports": [path]})
    assert [each.kind for each in open_files(alone).exports] == ["onnx"]
