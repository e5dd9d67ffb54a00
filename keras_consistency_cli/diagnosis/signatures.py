"""Signatures: whether the evidence fits a cause.

Each function reads the evidence and the failed checks only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.checks.judgement import layer_rounding
from keras_consistency_cli.checks.verdict import Judged, Status, Verdict
from keras_consistency_cli.diagnosis.base import Failing, is_reported
from keras_consistency_cli.measurement.limits import NoiseEvidence, judge
from keras_consistency_cli.routes.calling.prediction import PredictDetails
from keras_consistency_cli.routes.calling.training.bare_calls import (
    BARE_CALL,
    BareCallDetails,
    moves_later_outputs,
)
from keras_consistency_cli.routes.locating.layers import LocatedLayer
from keras_consistency_cli.routes.trace import TRACED_AGAIN

__all__ = [
    "any_evidence",
    "carries_state",
    "depends_on_batch",
    "differs_by_process",
    "fails_by_rounding_only",
    "finds_nonfinite",
    "has_changed",
    "has_hidden_state",
    "is_caused_by_batch",
    "is_nonfinite_on_one_side",
    "is_nonfinite_or_information",
    "is_random",
    "last_stateful_layer",
    "layer_in_training_mode",
    "layer_with_changed_state",
    "located",
    "loses_rows",
    "makes_nonfinite",
    "names_cause",
    "only_xla_differs",
    "overflows_in_float16",
    "overwrites_for_later_calls",
    "random_operations",
    "repeat_differs",
    "rows_are_nonfinite",
    "scaling_makes_nonfinite",
    "short_batch_grows",
    "uses_batch_statistics",
]

Signature = Callable[[Evidence, Failing], bool]


def names_cause(slug: str) -> Callable[[Evidence, Verdict], bool]:
    """Return a test of whether one verdict names this cause in `findings["cause"]`."""
    return lambda _evidence, verdict: bool(verdict.findings.get("cause") == slug)


def any_evidence(_evidence: Evidence, _failing: Failing) -> bool:
    """Accept any evidence: the failed check alone is the signature."""
    return True


# Facts that several signatures and confirmations use.


def located(evidence: Evidence, route: str, key: Literal["layer", "kind"]) -> str:
    """Return what a locating route found under `key`, empty if it found nothing."""
    return evidence.details(route, LocatedLayer).get(key, "")


def has_changed(evidence: Evidence, *kinds: str, route: str = "predict") -> bool:
    """Whether a route changed variables of these kinds."""
    trace = evidence.traces.get(route)
    return trace is not None and any(change.kind in kinds for change in trace.changed)


def repeat_differs(evidence: Evidence, candidate: str) -> bool:
    """Whether a repeat of predict differs from predict in a single bit."""
    return any(not each.identical for each in evidence.comparisons.get((candidate, "predict"), ()))


def random_operations(evidence: Evidence) -> list[str] | None:
    """Return the random operations of predict's graph; None if the graph was not read."""
    return evidence.details("predict", PredictDetails).get("random_operations")


# Neighbours, state and randomness.


def uses_batch_statistics(evidence: Evidence, _failing: Failing) -> bool:
    """Whether moving statistics change, or neighbours affect a BatchNormalization layer."""
    trace = evidence.traces.get("predict")
    moves = trace is not None and any("moving_" in change.path for change in trace.changed)
    return moves or "BatchNorm" in located(evidence, "locate-companions", "kind")


def carries_state(evidence: Evidence, _failing: Failing) -> bool:
    """Whether predict changes the state of a stateful layer."""
    return bool(evidence.facts.stateful_layers) and has_changed(evidence, "state")


def is_random(evidence: Evidence, failing: Failing) -> bool:
    """Whether seeds change, random numbers are drawn, or outputs change without a reason."""
    drawn = random_operations(evidence)
    varies = repeat_differs(evidence, "predict-again")
    unexplained = drawn is None and varies and not has_changed(evidence, "weight", "state")
    # A fixed seed draws the same numbers each time. Then nothing is random, but the position of a row decides
    # which number it gets.
    draws_differently = varies or "KC203" in failing or has_changed(evidence, "seed")
    return (bool(drawn) and draws_differently) or (
        "KC203" in failing and (has_changed(evidence, "seed") or unexplained)
    )


def has_hidden_state(evidence: Evidence, _failing: Failing) -> bool:
    """Whether outputs change with trace or process only, or predict changes variables."""
    varies = repeat_differs(evidence, "predict-again")
    # Without a changed seed and without random numbers, a difference comes from a clock, a counter or a
    # cache.
    ticks = varies and random_operations(evidence) == [] and not has_changed(evidence, "seed")
    retraced = any(repeat_differs(evidence, route) for route in TRACED_AGAIN)
    return ticks or (retraced and not varies) or has_changed(evidence, "weight", "state")


def differs_by_process(evidence: Evidence, failing: Failing) -> bool:
    """Whether outputs repeat within this process and differ in a different process."""
    repeats = [
        route for route in ("predict-again", "predict-retraced") if (route, "predict") in evidence.comparisons
    ]
    is_stable = (
        len(repeats) == 2
        and not any(repeat_differs(evidence, route) for route in repeats)
        and not has_changed(evidence, "weight", "state", "seed")
    )
    return "KC203" in failing and is_stable and repeat_differs(evidence, "fresh-process")


# Batches and rounding.


def _is_rounding_only(evidence: Evidence, judged: Judged) -> bool:
    """Whether a deviation beyond a stated or exact limit is within the rounding of this model."""
    calibrated = replace(evidence.policy, stated=None, per_output=(), exact=False)
    noise = evidence.noise.get(judged.comparison.output)
    if noise is None:
        return False
    measured = NoiseEvidence(
        pair=judged.comparison,
        noise=noise,
        float64_pair=judged.float64_pair,
        rounded=layer_rounding(evidence).get(judged.comparison.output),
    )
    return judge(measured, policy=calibrated).within


def fails_by_rounding_only(evidence: Evidence, verdict: Verdict) -> bool:
    """Whether a limit stricter than rounding failed, and every deviation is rounding."""
    beyond = [each for each in verdict.judged if not each.within]
    policy = evidence.policy
    is_strict = policy.exact or policy.stated is not None or bool(policy.per_output)
    return is_strict and bool(beyond) and all(_is_rounding_only(evidence, each) for each in beyond)


def depends_on_batch(evidence: Evidence, failing: Failing) -> bool:
    """Whether an output depends on its batch, and no other signature explains that.

    Other explanations are randomness, state, lost rows, NaN and an overridden predict.
    """
    sizes = failing["KC102"].findings if "KC102" in failing else {}
    if sizes.get("shape_varies") or (sizes.get("refused") and not loses_rows(evidence, failing)):
        return True
    judged = [
        each for code in ("KC101", "KC102", "KC104") if code in failing for each in failing[code].judged
    ]
    is_beyond_rounding = any(not each.within and not _is_rounding_only(evidence, each) for each in judged)
    return is_beyond_rounding and not (
        is_random(evidence, failing)
        or carries_state(evidence, failing)
        or has_hidden_state(evidence, failing)
        or "KC701" in failing
        or ("KC201" in failing and bool(evidence.facts.overridden))
        or ("KC102" in failing and loses_rows(evidence, failing))
    )


def is_caused_by_batch(evidence: Evidence, verdict: Verdict) -> bool:
    """Whether the batch can explain a verdict: KC204 only if numbers are drawn, and not under XLA alone."""
    return verdict.code != "KC204" or (bool(random_operations(evidence)) and not only_xla_differs(verdict))


def only_xla_differs(*verdicts: Verdict) -> bool:
    """Whether of all differences beyond their limits, those of XLA are the only ones."""
    beyond = [judged for verdict in verdicts for judged in verdict.judged if not judged.within]
    return bool(beyond) and all(judged.comparison.candidate == "xla" for judged in beyond)


def short_batch_grows(evidence: Evidence, failing: Failing) -> bool:
    """Whether a stateful model gives too many output rows for a short last batch."""
    wrong_batch = is_reported("state-batch-mismatch", failing)
    grows = bool("KC102" in failing and failing["KC102"].findings.get("given"))
    return bool(evidence.facts.stateful_layers) and (wrong_batch or grows)


def loses_rows(_evidence: Evidence, failing: Failing) -> bool:
    """Whether the number of output rows differs from the number of input rows."""
    return any(failing[code].findings.get("output_rows") for code in ("KC102", "KC501") if code in failing)


# NaN and infinity.


def finds_nonfinite(*keys: str) -> Signature:
    """Return a signature: KC701 found NaN or infinity in one of these places."""

    def fits(_evidence: Evidence, failing: Failing) -> bool:
        return any(failing["KC701"].findings.get(key) for key in keys)

    return fits


def scaling_makes_nonfinite(evidence: Evidence) -> bool:
    """Whether finite rows contain NaN or infinity after the scaler."""
    description = evidence.data.description
    has_bad_raw_rows = any(rows.bad_rows for rows in description.raw)
    return any(rows.bad_rows for rows in description.fed) and not has_bad_raw_rows


def rows_are_nonfinite(evidence: Evidence, failing: Failing) -> bool:
    """Whether KC701 found NaN in the rows, and scaling them twice is not the reason."""
    twice = any(verdict.findings.get("cause") == "scaler-applied-twice" for verdict in failing.values())
    return finds_nonfinite("rows", "served")(evidence, failing) and not (
        twice and scaling_makes_nonfinite(evidence)
    )


def makes_nonfinite(evidence: Evidence, failing: Failing) -> bool:
    """Whether a layer makes NaN of finite rows, or a weight contains it.

    Rows that consist of padding only are a cause of their own.
    """
    if is_reported("fully-masked-row", failing):
        return False
    return bool(located(evidence, "locate-nonfinite", "layer")) or bool(
        failing["KC701"].findings.get("weights")
    )


def overflows_in_float16(evidence: Evidence, failing: Failing) -> bool:
    """Whether a layer with a policy of float16 makes NaN of finite rows, and the float64 copy makes none."""
    layer = located(evidence, "locate-nonfinite", "layer")
    policies = {fact.path: fact.dtype_policy for fact in evidence.facts.layers}
    pairs = evidence.comparisons.get(("predict", "predict-float64"), ())
    is_finite_in_float64 = bool(pairs) and not any(each.nonfinite_reference for each in pairs)
    is_float16 = policies.get(layer, "") in ("float16", "mixed_float16")
    return is_float16 and is_finite_in_float64 and makes_nonfinite(evidence, failing)


def is_nonfinite_or_information(evidence: Evidence, verdict: Verdict) -> bool:
    """Whether a verdict failed by NaN, or only warns: of gradients, noise or precision."""
    return verdict.status is Status.WARN or is_nonfinite_on_one_side(evidence, verdict)


def is_nonfinite_on_one_side(_evidence: Evidence, verdict: Verdict) -> bool:
    """Whether a verdict is KC701, or failed by values that are finite on one side only."""
    beyond = [each for each in verdict.judged if not each.within]
    return verdict.code == "KC701" or (bool(beyond) and all(each.comparison.nonfinite > 0 for each in beyond))


# Layers that facts alone point to.


def last_stateful_layer(evidence: Evidence) -> str | None:
    """Return the last stateful layer."""
    layers = evidence.facts.stateful_layers
    return layers[-1].path if layers else None


def layer_with_changed_state(evidence: Evidence, route: str = "predict") -> str | None:
    """Return the innermost layer that owns the first variable that a route changes."""
    trace = evidence.traces.get(route)
    changes = trace.changed if trace is not None else ()
    path = next((change.path.replace(".", "/") for change in changes if change.kind != "seed"), None)
    if path is None:
        return None
    owners = [layer.path for layer in evidence.facts.layers if f"/{layer.path}/" in f"/{path}/"]
    return max(owners, key=len, default=None)


def overwrites_for_later_calls(evidence: Evidence) -> bool:
    """Whether a bare call changes variables by which later outputs change, and not its own outputs."""
    details = evidence.details(BARE_CALL, BareCallDetails)
    is_affected = moves_later_outputs(details) or details.get("depends", False)
    return is_affected and all(each.identical for each in evidence.comparisons.get((BARE_CALL, "call"), ()))


def layer_in_training_mode(evidence: Evidence) -> str | None:
    """Return the layer whose variable a bare call overwrites, else the first with a flag of its own."""
    if overwrites_for_later_calls(evidence):
        owner = evidence.details(BARE_CALL, BareCallDetails).get("layer")
        return owner or layer_with_changed_state(evidence, BARE_CALL)
    return next((layer.path for layer in evidence.facts.layers if layer.forces_training), None)
