"""Causes of outputs that differ only where XLA compiles the model."""

from __future__ import annotations

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.diagnosis.base import Cause, Failing
from keras_consistency_cli.diagnosis.signatures import is_random, located, only_xla_differs
from keras_consistency_cli.routes.calling.xla_numbers import XLA_NUMBERS

__all__ = ["COMPILED_CAUSES"]


def _draws_from_seed(evidence: Evidence, failing: Failing) -> bool:
    """Whether only XLA differs, and a layer draws numbers that are the same in each call."""
    draws = bool(located(evidence, XLA_NUMBERS, "layer")) and not is_random(evidence, failing)
    return draws and only_xla_differs(failing["KC204"])


COMPILED_CAUSES: tuple[Cause, ...] = (
    Cause(
        slug="seed-differs-under-xla",
        sentence=("a fixed seed in {layer} gives other random numbers under XLA than eagerly and in a graph"),
        explanation=(
            "keras.random draws the same numbers in each call if its seed is an integer. But TensorFlow "
            "chooses another generator in a function that is compiled with XLA, and the same seed then gives "
            "other numbers: with jit_compile=True, the model gives other outputs than predict."
        ),
        key=("KC204",),
        explains=("KC204",),
        fits=_draws_from_seed,
        advice=(
            "keep the numbers in '{layer}' as a weight, which is saved with the model:\n"
            "    self.noise = self.add_weight(shape=shape, trainable=False,\n"
            "        initializer=keras.initializers.RandomNormal(stddev=1.0, seed=1234))\n"
            "or name the generator; these are the numbers of keras.random.normal(shape, seed=1234):\n"
            "    tf.random.stateless_normal(shape, seed=(1234, 0), alg='philox')"
        ),
        locator=XLA_NUMBERS,
    ),
)
