"""Variables that Keras does not track are found where a layer holds them."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from keras_consistency_cli.routes.session.held_variables import find_variables, find_variables_of_code
from tests.corpus.reports_held_layers import Calibrated

NUMBER = keras.Variable(1.0)


class Own:
    """An object of the user's."""

    def __init__(self, kept: Any) -> None:
        self.kept = kept

    def read(self) -> Any:
        """Return what it keeps."""
        return self.kept


def closing_over(value: Any) -> Any:
    return lambda: value


@pytest.mark.parametrize(
    "value",
    [
        NUMBER,
        [NUMBER],
        {"a": (1, NUMBER)},
        Own(NUMBER),
        Own({"a": NUMBER}),
        closing_over(NUMBER),
        Own(NUMBER).read,
        Own(closing_over(NUMBER)),
    ],
    ids=["itself", "list", "dict", "object", "object with dict", "closure", "method", "object with closure"],
)
def test_a_variable_is_found_where_it_is_held(value: Any) -> None:
    assert [found is NUMBER for found in find_variables(value)] == [True]


def test_other_kinds_of_variables_count() -> None:
    generator, variable = keras.random.SeedGenerator(3), tf.Variable(2.0)
    assert list(find_variables(generator)) == [generator.state]
    assert [each is variable for each in find_variables(Own([variable]))] == [True]


@pytest.mark.parametrize("value", [1, "text", None, np.ones(3), layers.Dense(2), Own(layers.Dense(2)), keras])
def test_nothing_is_found_in_other_things(value: Any) -> None:
    assert list(find_variables(value)) == []


def test_cycles_and_long_lists_end() -> None:
    first = Own(None)
    first.kept = [first] * 5000
    assert list(find_variables(first)) == []


def test_names_of_the_module_count_for_code_of_the_user() -> None:
    assert [name for name, _ in find_variables_of_code(Calibrated("module"))] == ["SHARED"]
    assert list(find_variables_of_code(layers.Dense(2))) == []
