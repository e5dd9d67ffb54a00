"""Eager, traced and XLA-compiled calls must agree.

Why: notebooks run eager, predict runs a traced graph, serving and exports may compile with XLA. Code in `call()` that
asks Python, NumPy or the clock answers differently in each; otherwise only rounding parts them.

How: `model(x, training=False)` eager, under `tf.function`, and under `tf.function(jit_compile=True)`, each against
predict on the same batch.

What XLA rounds otherwise is no failure where the model amplifies rounding and predict has none: constants that cancel, a
LayerNormalization of constant rows. Rounding put back layer by layer shows how far that goes; within it, this check warns,
and so it does where predict's own rounding is above a thousandth of the output and XLA's is no more than four times that.

To fix: keep Python side effects, `if` on tensor values and NumPy out of `call()`; use keras.ops.

Sources: keras#18381, keras#22512.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from keras_consistency_cli.checks.agreement import CANCELS, HIGH_NOISE, Wording, agreement, rounding_put_back
from keras_consistency_cli.checks.base import UNDECIDED, Check, Evidence, Judged, Pair, Status, Verdict
from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.measurement.rounding import is_hidden_by_noise, is_within_layer_rounding

__all__ = ["CHECK"]

_PAIRS = tuple(Pair(candidate=name, reference="predict") for name in ("call", "graph", "xla"))
_WORDING = Wording(
    agree="eager, graph and XLA give what predict gives",
    differ="the way of executing changes the answers,",
    advice=(
        "look for NumPy, Python state or the clock in call(); if XLA alone differs, serve without "
        "jit_compile"
    ),
)


def examine(evidence: Evidence) -> Verdict:
    """Judge the three modes; a model that XLA cannot compile is told, not failed."""
    xla = evidence.traces.get("xla")
    pairs = tuple(pair for pair in _PAIRS if not (pair.candidate == "xla" and xla is not None and xla.error))
    verdict = _if_rounding(evidence, agreement(evidence, pairs, _WORDING))
    if len(pairs) == len(_PAIRS) or xla is None:
        return verdict
    told = f"not under XLA, which cannot compile the model: {xla.error}"
    return replace(verdict, reason=f"{verdict.reason}; {told}" if verdict.reason else told)


def _if_rounding(evidence: Evidence, verdict: Verdict) -> Verdict:
    """A warning where XLA alone differs, no further than rounding put back layer by layer does; there is no float64 twin of XLA that would tell."""
    beyond = [each for each in verdict.judged if not each.within]
    rounded = rounding_put_back(evidence)
    alone = all(
        each.comparison.candidate == "xla" and each.limit.origin.startswith("calibrated") for each in beyond
    )
    within = alone and all(_excused(each.comparison, evidence, rounded) for each in beyond)
    # Where nothing is beyond its limit, decisions alone failed: near ties, and nothing to be spared.
    if verdict.status is not Status.FAIL or not beyond or not within:
        return verdict
    message = f"{verdict.message}: no further than rounding takes this model{_spared(beyond, evidence)}"
    tied = any(each.comparison.flipped for each in beyond) and all(
        each.comparison.scaled <= HIGH_NOISE for each in beyond
    )
    cause, advice = ("near-ties", UNDECIDED) if tied else ("ill-conditioned", CANCELS)
    return replace(verdict, status=Status.WARN, message=message, advice=advice, findings={"cause": cause})


def _spared(beyond: Sequence[Judged], evidence: Evidence) -> str:
    loud = all(
        is_hidden_by_noise(each.comparison, evidence.noise.get(each.comparison.output), high=HIGH_NOISE)
        for each in beyond
    )
    return "" if loud else ", from which predict is spared"


def _excused(comparison: Comparison, evidence: Evidence, rounded: Mapping[str, Comparison]) -> bool:
    return is_within_layer_rounding(comparison, rounded.get(comparison.output)) or is_hidden_by_noise(
        comparison, evidence.noise.get(comparison.output), high=HIGH_NOISE
    )


CHECK = Check(
    code="KC204",
    name="execution-mode",
    title="eager, graph and XLA agree",
    explanation=__doc__,
    pairs=_PAIRS,
    examine=examine,
)
