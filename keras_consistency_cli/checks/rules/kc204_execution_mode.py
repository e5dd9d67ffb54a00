"""Eager, traced and XLA-compiled calls must agree.

Why: notebooks run eagerly, predict runs a traced graph, serving and exports may compile with XLA. Code in
`call()` that asks Python, NumPy or the clock gives different results in each; apart from that, only rounding
differs.

How: `model(x, training=False)` runs eagerly, under `tf.function`, and under `tf.function(jit_compile=True)`;
each is compared with predict on the same batch.

A difference that only XLA's rounding makes is not a failure if the model amplifies rounding and predict has
none: constants that cancel, or a LayerNormalization of constant rows. The float64 copy, rounded to float32
after each layer, shows how large such differences can become; up to that size this check warns. It also warns
if predict's own rounding noise is above a thousandth of the output and XLA differs by no more than four times
that.

To fix: keep Python side effects, `if` on tensor values and NumPy out of `call()`; use keras.ops.

Sources: keras#18381, keras#22512.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from keras_consistency_cli.checks.agreement import CANCELS, Wording, agreement
from keras_consistency_cli.checks.base import Check, Evidence, Pair
from keras_consistency_cli.checks.judgement import HIGH_NOISE, layer_rounding
from keras_consistency_cli.checks.near_ties import UNDECIDED
from keras_consistency_cli.checks.verdict import Judged, Status, Verdict
from keras_consistency_cli.measurement.rounding import is_hidden_by_noise, is_within_layer_rounding

__all__ = ["CHECK"]

_PAIRS = tuple(Pair(candidate=name, reference="predict") for name in ("call", "graph", "xla"))
_WORDING = Wording(
    agree="eager, graph and XLA give the same outputs as predict",
    differ="outputs depend on the execution mode",
    advice="look for NumPy, Python state or time in call(); if only XLA differs, serve without jit_compile",
)


def examine(evidence: Evidence) -> Verdict:
    """Compare the modes with predict; a model that XLA cannot compile does not fail."""
    xla = evidence.traces.get("xla")
    if xla is None or not xla.error:
        return _warn_of_rounding(evidence, agreement(evidence, _PAIRS, _WORDING))
    verdict = _warn_of_rounding(evidence, agreement(evidence, _PAIRS[:-1], _WORDING))
    reason = f"XLA was not compared, because it cannot compile the model: {xla.error}"
    return replace(verdict, reason=f"{verdict.reason}; {reason}" if verdict.reason else reason)


def _warn_of_rounding(evidence: Evidence, verdict: Verdict) -> Verdict:
    """Return a WARN if only XLA fails and rounding explains it, else the same verdict.

    XLA does not run on the float64 copy, which would show whether the difference is rounding.
    """
    beyond = [judged for judged in verdict.judged if not judged.within]
    only_xla = all(
        judged.comparison.candidate == "xla" and judged.limit.origin.startswith("calibrated")
        for judged in beyond
    )
    # Without a difference beyond its limit the failure is about changed decisions.
    if verdict.status is not Status.FAIL or not beyond or not only_xla:
        return verdict
    if not all(_is_rounding(judged, evidence) for judged in beyond):
        return verdict
    message = f"{verdict.message}; rounding in this model can reach that{_exact_predict(beyond, evidence)}"
    near_ties = any(judged.comparison.flipped for judged in beyond) and all(
        judged.comparison.scaled <= HIGH_NOISE for judged in beyond
    )
    cause, advice = ("near-ties", UNDECIDED) if near_ties else ("ill-conditioned", CANCELS)
    return replace(verdict, status=Status.WARN, message=message, advice=advice, findings={"cause": cause})


def _exact_predict(beyond: Sequence[Judged], evidence: Evidence) -> str:
    """The remark that predict does not round there; empty if its own noise is as large."""
    return (
        ""
        if all(_is_hidden(judged, evidence) for judged in beyond)
        else ", although predict does not round there"
    )


def _is_rounding(judged: Judged, evidence: Evidence) -> bool:
    rounded = layer_rounding(evidence).get(judged.comparison.output)
    return is_within_layer_rounding(judged.comparison, rounded) or _is_hidden(judged, evidence)


def _is_hidden(judged: Judged, evidence: Evidence) -> bool:
    noise = evidence.noise.get(judged.comparison.output)
    return is_hidden_by_noise(judged.comparison, noise, high=HIGH_NOISE)


CHECK = Check(
    code="KC204",
    name="execution-mode",
    title="eager, graph and XLA agree",
    explanation=__doc__,
    pairs=_PAIRS,
    examine=examine,
    is_slow=True,
)
