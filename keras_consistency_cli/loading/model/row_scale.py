"""The size of generated rows at which the outputs of a model depend on them.

Standard normal rows can saturate a sigmoid or a softmax: every output is then 0 or 1, and a comparison of
such outputs shows nothing. The rows are made smaller, or larger, until a small change of them changes the
outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from keras_consistency_cli.loading.model.graph_walk import functional_graph
from keras_consistency_cli.loading.model.input_structure import pack_inputs
from keras_consistency_cli.measurement.facts import Facts

__all__ = ["PROBED_ROWS", "choose_row_scale"]

Rows = Mapping[str, np.ndarray]

PROBED_ROWS = 16
_SCALES = (1.0, 0.1, 1e-2, 1e-3, 1e-4, 10.0, 100.0)
_SMALL_CHANGE = 1.01
_MOVING_SHARE = 0.25
"""The share of rows whose outputs must change."""


def choose_row_scale(model: Any, facts: Facts, generate: Callable[[float], Rows]) -> float:
    """Return the first scale at which generated rows move the outputs; 1 if none does or none is needed.

    Only outputs that end in a sigmoid or softmax are probed, and only models without custom layers, whose
    Python code might keep what it saw. No variable changes.

    Args:
        model: a built model.
        facts: its facts.
        generate: returns `PROBED_ROWS` rows of this scale.
    """
    is_saturable = any(output.decision for output in facts.outputs)
    is_plain = functional_graph(model) is not None and not any(layer.custom for layer in facts.layers)
    if not (is_saturable and is_plain) or facts.batch_size or facts.stateful_layers:
        return 1.0
    try:
        return next((scale for scale in _SCALES if _moves_outputs(model, generate(scale))), 1.0)
    except Exception:
        return 1.0  # The routes report what the model raises.


def _moves_outputs(model: Any, rows: Rows) -> bool:
    """Whether a small change of the float inputs changes the outputs of enough rows.

    True for a model without such inputs.
    """
    import keras

    is_float = {name: values.dtype.kind == "f" for name, values in rows.items()}
    if not any(is_float.values()):
        return True
    both = {
        name: np.concatenate([values, values * _SMALL_CHANGE if is_float[name] else values]).astype(
            values.dtype
        )
        for name, values in rows.items()
    }
    with keras.StatelessScope():
        outputs = keras.tree.flatten(model(pack_inputs(model, both), training=False))
    return any(_is_moved(keras.ops.convert_to_numpy(output)) for output in outputs)


def _is_moved(output: np.ndarray) -> bool:
    """Whether enough rows of the second half differ from those of the first."""
    first, second = np.split(output.reshape(len(output), -1), 2)
    return float((first != second).any(axis=1).mean()) >= _MOVING_SHARE
