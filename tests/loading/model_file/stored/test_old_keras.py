"""Files of Keras 2: what Keras 3 does not load in them, and the line that converts them."""

from __future__ import annotations

import json
import os
import pathlib
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from keras import layers

from keras_consistency_cli.errors import RefusedError
from keras_consistency_cli.loading.model_file.archive import read_archive
from keras_consistency_cli.loading.model_file.stored.old_keras import hdf5_refusal
from keras_consistency_cli.loading.model_file.summary import summarise
from tests.helpers import crafted_archives as crafted

FUNCTIONAL = {"module": "keras.src.engine.functional", "registered_name": "Functional"}


def old_archive(path: pathlib.Path, config: dict[str, Any], version: str = "2.15.0") -> pathlib.Path:
    metadata = json.dumps({"keras_version": version, "date_saved": ""}).encode()
    return crafted.write_archive(path, config, metadata_json=metadata)


def lstm(**settings: Any) -> dict[str, Any]:
    return crafted.config_with(crafted.layer("LSTM", units=2, **settings))


@pytest.mark.parametrize(
    ("config", "is_refused"),
    [
        ({**crafted.config_with(crafted.dense()), **FUNCTIONAL}, True),
        (
            {
                **crafted.config_with(crafted.dense()),
                **FUNCTIONAL,
                "module": "tf_keras.src.engine.functional",
            },
            True,
        ),
        (lstm(time_major=False), True),
        (lstm(), False),
    ],
    ids=["functional", "functional of tf_keras", "an argument", "nothing"],
)
def test_run_and_inspect_say_the_same(
    config: dict[str, Any], is_refused: bool, tmp_path: pathlib.Path
) -> None:
    path = old_archive(tmp_path / "old.keras", config)
    summary = summarise(path)
    (hazard,) = [each for each in summary.hazards if each.kind == "version" and "Keras 2" in each.words]
    assert (hazard.refused, summary.exit_code) == (is_refused, int(is_refused))
    assert not [each for each in summary.hazards if each.kind in ("code", "custom")]
    if not is_refused:
        read_archive(path)
        return
    with pytest.raises(RefusedError) as refusal:
        read_archive(path)
    assert refusal.value.cause == "made-by-keras-2"
    assert (hazard.fix, hazard.words) == (refusal.value.fix, refusal.value.what.removeprefix(f"{path}: "))


def test_keras_3_may_have_what_keras_2_had(tmp_path: pathlib.Path) -> None:
    """The same names in a file of Keras 3 are an unknown class, not an old one."""
    path = old_archive(
        tmp_path / "new.keras", {**crafted.config_with(crafted.dense()), **FUNCTIONAL}, "3.9.0"
    )
    with pytest.raises(RefusedError) as refusal:
        read_archive(path)
    assert refusal.value.cause == "code-in-file"


def saved_as_keras_2(path: pathlib.Path, model: Any, *arguments: str) -> None:
    """Save in the old format, with arguments behind the name of each layer as Keras 2 wrote them."""
    model.save(path)
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        for each in config["config"]["layers"][1:]:
            each["config"] |= dict.fromkeys(arguments, 1 if "groups" in arguments else False)
        file.attrs["model_config"] = json.dumps(config)


@pytest.mark.parametrize(
    ("layer", "rows", "argument"),
    [
        (layers.LSTM(2), (3, 5, 4), "time_major"),
        (layers.DepthwiseConv2D(2), (3, 5, 4, 2), "groups"),
        (layers.Dense(2), (3, 4), ""),
    ],
    ids=["recurrent", "depthwise", "dense"],
)
def test_the_line_converts_the_file(
    layer: Any, rows: tuple[int, ...], argument: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model = keras.Sequential([keras.Input(rows[1:]), layer])
    saved_as_keras_2(tmp_path / "old.h5", model, *filter(None, [argument]))
    if argument:
        with pytest.raises((TypeError, ValueError), match=argument):
            keras.models.load_model("old.h5", compile=False)
    line = (hdf5_refusal(pathlib.Path("old.h5")).fix or "").partition("trust the file: ")[2]
    exec(line, {"keras": keras})
    x = np.ones(rows, np.float32)
    assert np.array_equal(keras.models.load_model(os.path.abspath("old.keras")).predict(x), model.predict(x))


def test_layers_that_cannot_be_converted_are_built_again(tmp_path: pathlib.Path) -> None:
    inputs = keras.Input((5, 4))
    model = keras.Model(inputs, layers.MultiHeadAttention(1, 2)(inputs, inputs))
    model.save(tmp_path / "old.h5")
    fix = hdf5_refusal(tmp_path / "old.h5").fix or ""
    assert "model.load_weights('old.h5')" in fix
    model.load_weights(tmp_path / "old.h5")
