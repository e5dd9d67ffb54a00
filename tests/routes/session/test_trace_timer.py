"""Seconds that TensorFlow spends on tracing."""

from __future__ import annotations

import time

import tensorflow as tf

from keras_consistency_cli.routes.session.trace_timer import tracing_seconds

PAUSE = 0.05


@tf.autograph.experimental.do_not_convert
def slow(values: tf.Tensor) -> tf.Tensor:
    time.sleep(PAUSE)
    return values + 1.0


def test_only_the_first_call_is_traced() -> None:
    before, function = tracing_seconds(), tf.function(slow)
    function(tf.zeros(3))
    traced = tracing_seconds()
    function(tf.ones(3))
    assert traced - before >= PAUSE
    assert tracing_seconds() == traced


def test_a_function_in_a_function_counts_once() -> None:
    inner = tf.function(slow)
    before, start = tracing_seconds(), time.perf_counter()
    tf.function(lambda values: inner(values) + inner(values))(tf.zeros(5))
    assert PAUSE <= tracing_seconds() - before <= time.perf_counter() - start
