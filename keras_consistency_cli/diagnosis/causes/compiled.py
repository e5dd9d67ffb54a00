"""Causes of outputs that differ because a graph is optimized, or compiled with XLA."""

from __future__ import annotations

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.diagnosis.base import Cause, Failing
from keras_consistency_cli.diagnosis.signatures import is_random, located, only_xla_differs
from keras_consistency_cli.routes.calling.xla_numbers import XLA_NUMBERS
from keras_consistency_cli.routes.locating.execution import ExecutionDetails

__all__ = ["COMPILED_CAUSES"]


def _draws_from_seed(evidence: Evidence, failing: Failing) -> bool:
    """Whether only XLA differs, and a layer draws numbers that are the same in each call."""
    draws = bool(located(evidence, XLA_NUMBERS, "layer")) and not is_random(evidence, failing)
    return draws and only_xla_differs(failing["KC204"])


def _differs_by_optimizer(evidence: Evidence, _failing: Failing) -> bool:
    return evidence.details("locate-execution", ExecutionDetails).get("by_optimizer", False)


def _comes_from_predict(evidence: Evidence, verdict: Verdict) -> bool:
    """Whether a verdict compares ways to call, or is a consequence of NaN that predict alone makes."""
    pairs = evidence.comparisons.get(("call", "predict"), ())
    is_nonfinite = any(each.nonfinite_reference > each.nonfinite_candidate for each in pairs)
    return verdict.code in ("KC201", "KC204") or is_nonfinite


COMPILED_CAUSES: tuple[Cause, ...] = (
    Cause(
        slug="constants-combined",
        sentence="TensorFlow combines constants of {layer} when it optimizes a graph: outputs change",
        explanation=(
            "The optimizer of graphs reorders arithmetic: x * 30000 * -30 becomes x * (30000 * -30). In "
            "float16 that constant is infinite, and 0 times infinity is NaN, in predict, in an export and "
            "under XLA; model(x) computes from left to right. Constants such as 1e30 do so in float32. "
            "Measured with TensorFlow 2.21."
        ),
        key=("KC701", "KC201", "KC204"),
        explains=("KC701", "KC201", "KC204", "KC205", "KC602", "KC603"),
        fits=_differs_by_optimizer,
        covers=_comes_from_predict,
        advice=(
            "write one constant in '{layer}' in place of several, small enough for the dtype; for a mask:\n"
            "    scores = ops.where(mask, scores, ops.cast(-30000.0, scores.dtype))"
        ),
        locator="locate-execution",
    ),
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
            "keep the numbers in '{layer}' as a weight, which is saved with the model; SEED is the number "
            "that the layer uses now:\n"
            "    self.noise = self.add_weight(shape=shape, trainable=False,\n"
            "        initializer=keras.initializers.RandomNormal(stddev=1.0, seed=SEED))\n"
            "or name the generator; these are the numbers of keras.random.normal(shape, seed=SEED):\n"
            "    tf.random.stateless_normal(shape, seed=(SEED, 0), alg='philox')"
        ),
        locator=XLA_NUMBERS,
    ),
)
