"""Output shapes of layers: recorded, of a build, and determined by the class."""

from __future__ import annotations

from typing import Any

import pytest

from keras_consistency_cli.loading.model_file.layer_shapes import (
    Shape,
    as_shape,
    read_build_shape,
    read_output_shapes,
    shape_by_rule,
)
from tests.helpers import crafted_archives as crafted

BY_RULE: dict[str, tuple[dict[str, Any], Shape | None, Shape | None]] = {
    "input": (crafted.layer("InputLayer", batch_shape=[None, 4]), None, (None, 4)),
    "dense": (crafted.dense(units=3), (None, 6, 4), (None, 6, 3)),
    "same": (crafted.layer("Dropout"), (None, 4), (None, 4)),
    "last-step": (crafted.layer("LSTM", units=5), (None, 6, 4), (None, 5)),
    "all-steps": (crafted.layer("GRU", units=5, return_sequences=True), (None, 6, 4), (None, 6, 5)),
    "unknown-class": (crafted.layer("Flatten"), (None, 6, 4), None),
    "unknown-input": (crafted.dense(units=3), None, None),
}


@pytest.mark.parametrize(("node", "previous", "shape"), BY_RULE.values(), ids=BY_RULE)
def test_the_class_of_a_layer_determines_its_shape(
    node: dict[str, Any], previous: Shape | None, shape: Shape | None
) -> None:
    assert shape_by_rule(node, previous) == shape


def test_the_shape_of_a_build_takes_precedence_over_the_previous_layer() -> None:
    node = crafted.dense(units=3) | {"build_config": {"input_shape": [8, 2]}}
    assert read_build_shape(node) == (8, 2)
    assert shape_by_rule(node, (None, 4)) == (8, 3)


@pytest.mark.parametrize(
    "value",
    [None, [], {"a": [1]}, [[None, 4], [None, 2]], [True], ["4"], [None] * 33],
    ids=["none", "empty", "dict", "several", "boolean", "text", "long"],
)
def test_values_that_are_not_one_shape_are_ignored(value: object) -> None:
    assert as_shape(value) is None


def test_consumers_record_the_shapes_of_the_layers_before_them() -> None:
    tensor = {
        "class_name": "__keras_tensor__",
        "config": {"shape": [None, 7], "keras_history": ["first", 0, 0]},
    }
    settings = {"layers": [{"inbound_nodes": []}, {"inbound_nodes": [{"args": [tensor], "kwargs": {}}]}]}
    assert read_output_shapes(settings) == {"first": (None, 7)}
    assert read_output_shapes({"layers": 7}) == {}
