"""Layers that Keras saves, and those whose trained weights a file does not hold."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from keras import layers

from keras_consistency_cli.loading.model.copies.variables import copy_variables
from keras_consistency_cli.loading.model.saved_layers import LoadedState, find_saved_layers
from keras_consistency_cli.loading.model.unsaved_weights import find_unsaved_layers
from keras_consistency_cli.loading.model_file.archive import read_archive
from keras_consistency_cli.loading.model_file.weights import group_names
from tests.corpus.reports_loading_layers import Adapted, Dilations, Frozen, Gates, Tower, UntrackedTower


def _around(shape: tuple[int, ...], layer: Any) -> Any:
    model = keras.Sequential([keras.Input(shape), layer])
    model(np.ones((2, *shape), "float32"))
    return model


@pytest.mark.parametrize(
    ("shape", "layer", "reason", "attribute", "holder"),
    [
        ((4,), lambda: Tower("_layers", [3, 2]), "name", "_layers", ""),
        ((4,), lambda: Tower("_metrics", [3, 2]), "name", "_metrics", ""),
        ((8, 3), lambda: Dilations("set"), "holder", "branches", "set"),
        ((5, 3), lambda: Gates(True), "holder", "parts", "Holder"),
    ],
    ids=["layers", "metrics", "set", "object"],
)
def test_layers_that_keras_does_not_save_are_found_with_the_reason(
    shape: tuple[int, ...], layer: Any, reason: str, attribute: str, holder: str
) -> None:
    found = [entry for entry, _ in find_unsaved_layers(_around(shape, layer()), None)]
    assert len(found) == 2
    assert {(each["reason"], each["attribute"], each["holder"]) for each in found} == {
        (reason, attribute, holder)
    }


@pytest.mark.parametrize(
    ("shape", "layer"),
    [
        ((4,), lambda: Tower("steps", [3, 2])),
        ((4,), lambda: UntrackedTower("steps", [3, 2])),
        ((8, 3), lambda: Dilations("dict")),
        ((5, 3), lambda: Gates(False)),
        ((4,), lambda: Frozen(5)),
        ((5, 3), lambda: layers.Bidirectional(layers.LSTM(2))),
        ((5, 3), lambda: layers.RNN([layers.LSTMCell(2), layers.GRUCell(2)])),
        ((5, 3), lambda: layers.SpectralNormalization(layers.Dense(2))),
    ],
    ids=["list", "untracked", "dict", "recurrent", "frozen", "bidirectional", "cells", "spectral"],
)
def test_healthy_models_have_none(shape: tuple[int, ...], layer: Any, tmp_path: Path) -> None:
    model = _around(shape, layer())
    model.save(tmp_path / "m.keras")
    archive = read_archive(tmp_path / "m.keras", custom_objects=True)
    loaded = keras.models.load_model(tmp_path / "m.keras")
    state = LoadedState.of(loaded, group_names(archive.weights))
    loaded(np.ones((2, *shape), "float32"))
    assert list(find_unsaved_layers(loaded, state)) == []


@pytest.mark.parametrize("kind", ["list", "nested"])
def test_groups_are_those_that_keras_writes(kind: str, tmp_path: Path) -> None:
    inner = Dilations("dict") if kind == "nested" else layers.Bidirectional(layers.LSTM(2))
    model = _around((8, 3), inner)
    model.save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        archive.extract("model.weights.h5", tmp_path)
    written: set[str] = set()
    with h5py.File(tmp_path / "model.weights.h5") as file:
        file.visititems(
            lambda name, entry: (
                written.add(name.rpartition("/vars/")[0]) if isinstance(entry, h5py.Dataset) else None
            )
        )
    expected = {
        group
        for layer, group in find_saved_layers(model).values()
        if layer._trainable_variables or layer._non_trainable_variables
    }
    assert expected == {group for group in written if "seed_generator" not in group}


def test_a_model_that_was_built_after_loading_has_nothing_from_the_file() -> None:
    model = keras.Sequential([layers.Dense(3), layers.Dense(1)])
    state = LoadedState.of(model, ())
    model(np.ones((2, 4), "float32"))
    assert [entry["reason"] for entry, _ in find_unsaved_layers(model, state)] == ["absent", "absent"]


def test_a_layer_whose_group_is_not_in_the_file_is_absent() -> None:
    model = _around((4,), Tower("steps", [3, 2], name="tower"))
    state = LoadedState.of(model, ["layers/tower/steps/dense"])
    assert [entry["layer"] for entry, _ in find_unsaved_layers(model, state)] == ["tower/step1"]


def test_a_layer_that_appears_after_loading_is_unread_if_the_file_has_its_weights(tmp_path: Path) -> None:
    saved = Adapted(late=True)
    saved(np.ones((1, 5), "float32"))
    saved.save(tmp_path / "m.keras")
    stored = group_names(read_archive(tmp_path / "m.keras", custom_objects=True).weights)
    loaded = keras.models.load_model(tmp_path / "m.keras")
    state = LoadedState.of(loaded, stored)
    loaded(np.ones((1, 5), "float32"))
    found = [(entry["layer"], entry["reason"]) for entry, _ in find_unsaved_layers(loaded, state)]
    assert found == [("adapter/inner", "unread")]


def test_a_model_that_is_frozen_as_a_whole_still_lacks_its_weights() -> None:
    model = _around((4,), Tower("_layers", [3, 2]))
    model.trainable = False
    assert len(list(find_unsaved_layers(model, None))) == 2


def test_copies_get_the_weights_that_keras_does_not_track() -> None:
    model, copy = (_around((5, 3), Gates(True)) for _ in range(2))
    model.layers[0].parts.kept[1].kernel.assign_add(np.ones((8, 8), "float32"))
    copy_variables(model, copy)
    rows = np.ones((2, 5, 3), "float32")
    assert np.array_equal(model(rows), copy(rows))


@pytest.mark.parametrize("mode", ["int", "multi_hot", "tf_idf"])
def test_copies_get_an_adapted_vocabulary(mode: str) -> None:
    texts = np.array([["red green"], ["blue red"], ["green green"]])

    def build() -> Any:
        return keras.Sequential(
            [
                keras.Input((1,), dtype="string"),
                layers.TextVectorization(
                    max_tokens=8, output_mode=mode, pad_to_max_tokens=mode == "multi_hot"
                ),
            ]
        )

    model, copy = build(), build()
    model.layers[0].adapt(texts)
    copy_variables(model, copy)
    rows = keras.ops.convert_to_tensor(texts)
    assert np.array_equal(model(rows), copy(rows))
