"""find_entered_layers: inputs are followed to layers and into nested models."""

from __future__ import annotations

import keras
import pytest
from keras import layers

from keras_consistency_cli.loading.model.graph_walk import find_entered_layers, functional_graph, keeps_values

NORMALIZATION = frozenset({"Normalization"})


def test_features_are_found_at_their_place_after_a_concatenation() -> None:
    first, second = keras.Input((2,), name="first"), keras.Input((3,), name="second")
    joined = layers.Concatenate()([layers.Dropout(0.1)(first), second])
    model = keras.Model([first, second], layers.Normalization(name="norm")(joined))
    entered = {entry.input: entry for entry in find_entered_layers(model, NORMALIZATION)}
    assert {name: (entry.layer.name, entry.offset) for name, entry in entered.items()} == {
        "first": ("norm", 0),
        "second": ("norm", 2),
    }


def test_the_place_is_unknown_after_a_layer_that_moves_features() -> None:
    series = keras.Input((2, 3), name="x")
    model = keras.Model(series, layers.Normalization()(layers.Flatten()(series)))
    (entry,) = find_entered_layers(model, NORMALIZATION)
    assert entry.offset is None


@pytest.mark.filterwarnings("ignore:When providing `inputs` as a dict")
def test_layers_of_these_kinds_are_passed_and_nested_models_entered() -> None:
    inner = keras.Sequential([keras.Input((2,)), layers.Normalization(name="inner")])
    rows = keras.Input((2,), name="x")
    outer = layers.Normalization(name="outer")
    model = keras.Model({"key": rows}, layers.Dense(1)(inner(outer(rows))))
    entered = list(find_entered_layers(model, NORMALIZATION))
    assert [(entry.input, entry.layer.name) for entry in entered] == [("key", "outer"), ("key", "inner")]
    assert [[layer.name for layer in entry.passed] for entry in entered] == [[], ["outer"]]


def test_a_dense_layer_uses_the_values() -> None:
    rows = keras.Input((2,))
    model = keras.Model(rows, layers.Normalization()(layers.Dense(2)(rows)))
    assert list(find_entered_layers(model, NORMALIZATION)) == []
    assert keeps_values(layers.Dropout(0.1))
    assert not keeps_values(layers.Dense(2))


def test_a_subclassed_model_has_no_graph() -> None:
    class Own(keras.Model):
        def call(self, inputs: object) -> object:
            return inputs

    assert functional_graph(Own()) is None
    assert list(find_entered_layers(Own(), NORMALIZATION)) == []
