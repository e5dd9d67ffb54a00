"""A hook sees every call of a layer or operation, and is removed afterwards."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from keras_consistency_cli.routes.session.layer_hooks import intercept_calls, is_in_model_graph, layer_path


def graph() -> Any:
    inputs = keras.Input((3,))
    return keras.Model(inputs, keras.layers.Dense(2, name="last")(keras.ops.abs(inputs)))


def test_every_layer_and_operation_is_called_once_through_the_hook() -> None:
    seen: list[tuple[str, bool]] = []

    def around(running: list[Any], original: Any, *args: Any, **kwargs: Any) -> Any:
        seen.append((layer_path(running), is_in_model_graph(running)))
        return original(*args, **kwargs)

    model, rows = graph(), np.ones((2, 3), np.float32)
    before = np.asarray(model(rows))
    with intercept_calls(around):
        during = np.asarray(model(rows))
    np.testing.assert_array_equal(during, before)
    called = [
        operation.name for operation in model.operations if not isinstance(operation, keras.layers.InputLayer)
    ]
    assert len(called) == 2
    assert [(path, inside) for path, inside in seen if path != model.name] == [
        (name, True) for name in called
    ]


def test_the_methods_of_keras_are_restored_after_an_error() -> None:
    calls = keras.layers.Layer.__call__, keras.Operation.__call__

    def around(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), intercept_calls(around):
        graph()(np.ones((2, 3), np.float32))
    assert (keras.layers.Layer.__call__, keras.Operation.__call__) == calls
