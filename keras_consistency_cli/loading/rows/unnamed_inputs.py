"""Inputs without a name of their own: Keras names them, and differently after the model is loaded.

An Input without a name is keras_tensor_N in the model as it was built, where N counts what the process built
before, and input_layer_N after loading. Rows that were stored by the earlier name then have no input.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import islice, permutations

import numpy as np

from keras_consistency_cli.loading.rows.shape_fit import fits
from keras_consistency_cli.measurement.facts import InputFact
from keras_consistency_cli.text import clean

__all__ = ["GENERATED_NAMES", "generated_names", "name_each_input", "pair_by_shape"]

_GENERATED = re.compile(r"(keras_tensor|input_layer)(_\d+)?")
_MOST_INPUTS = 6
"""Inputs of which every order is tried."""

GENERATED_NAMES = (
    "these are names of Keras, because an Input has no name of its own; they change when the model is loaded"
)


def generated_names(names: Sequence[str]) -> list[str]:
    """Return the names that Keras has given, for an Input without a name."""
    return [name for name in names if _GENERATED.fullmatch(name)]


def name_each_input(keys: Sequence[str]) -> str:
    """Return the fix: names for the Inputs, with a key of the rows as an example."""
    own = [key for key in keys if key not in generated_names(keys)] or ["rows"]
    return f"name each Input, such as keras.Input(shape, name='{clean(own[0], 40)}')"


def pair_by_shape(arrays: Mapping[str, np.ndarray], inputs: Sequence[InputFact]) -> Mapping[str, str]:
    """Return the array for each input if only one order of the arrays fits the shapes, otherwise nothing."""
    if len(arrays) != len(inputs) or len(inputs) > _MOST_INPUTS:
        return {}
    orders = (
        order
        for order in permutations(arrays)
        if all(fits(arrays[name].shape, fact.shape) for name, fact in zip(order, inputs, strict=True))
    )
    fitting = list(islice(orders, 2))
    return (
        {fact.name: name for fact, name in zip(inputs, fitting[0], strict=True)} if len(fitting) == 1 else {}
    )
