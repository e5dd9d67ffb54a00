"""Operations of a graph that draw random numbers or read the clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import tensorflow as tf

from keras_consistency_cli.routes.session.graph_places import clock_places, drawing_places


def graph_of(function: Callable[[Any], Any]) -> Any:
    return tf.function(function, autograph=False).get_concrete_function(tf.TensorSpec((None, 2))).graph


def aged(x: Any) -> Any:
    with tf.name_scope("age"):
        return x + tf.cast(tf.timestamp(), tf.float32)


def printed(x: Any) -> Any:
    tf.print(tf.timestamp())
    return x + 1.0


def ordered(x: Any) -> Any:
    with tf.control_dependencies([tf.timestamp()]):
        return x + 1.0


def drawn(x: Any) -> Any:
    with tf.name_scope("thin"):
        return x + tf.random.stateless_normal(tf.shape(x), seed=(1, 2))


def chosen(x: Any) -> Any:
    return tf.cond(tf.reduce_sum(x) > 0, lambda: aged(x), lambda: x)


@pytest.mark.parametrize(
    ("function", "reads"),
    [
        (aged, True),
        (tf.function(aged, autograph=False), True),
        (chosen, True),
        (printed, False),
        (tf.function(lambda x: x + 1.0, autograph=False), False),
        (ordered, False),
        (drawn, False),
    ],
    ids=["aged", "in a function", "in a branch", "printed", "none", "only run before", "drawn"],
)
def test_a_time_counts_if_an_output_depends_on_it(function: Callable[[Any], Any], reads: bool) -> None:
    places = clock_places(graph_of(function))
    assert bool(places) is reads
    assert all("age" in place.split("/") for place in places)


def test_the_scope_of_a_random_operation_is_in_its_name() -> None:
    assert {place.split("/")[0] for place in drawing_places(graph_of(drawn))} == {"thin"}
    assert drawing_places(graph_of(aged)) == []
