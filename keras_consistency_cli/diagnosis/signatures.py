"""Signatures: how a cause shows itself in the evidence. Each function answers whether one fits."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.checks.judgement import layer_rounding
from keras_consistency_cli.checks.verdict import Judged, Verdict
from keras_consistency_cli.measurement.limits import NoiseEvidence, judge

__all__ = [
    "always",
    "baked_layer",
    "batch_statistics",
    "but_for_compilers",
    "by_its_batch",
    "by_lost_numbers",
    "carried_state",
    "changing_layer",
    "found",
    "held_by_rows",
    "hidden_state",
    "located",
    "made_by_process",
    "made_nonfinite",
    "named_by",
    "nan_from_scaling",
    "neighbours",
    "of_scope",
    "randomness",
    "refusing_layer",
    "rounding_alone",
    "rows_lost",
    "says",
    "short_tail_grows",
    "stateful_layer",
]

Failing = Mapping[str, Verdict]


def named_by(slug: str) -> Callable[[Evidence, Verdict], bool]:
    """Return what asks whether a check has this cause among its findings as "cause"."""
    return lambda _evidence, verdict: bool(verdict.findings.get("cause") == slug)


def says(slug: str) -> Callable[[Evidence, Failing], bool]:
    """Return the signature of a cause that checks recognise themselves: one that failed or warned has it among its findings as "cause"."""

    def fits(evidence: Evidence, failing: Failing) -> bool:
        return any(named_by(slug)(evidence, verdict) for verdict in failing.values())

    return fits


def located(evidence: Evidence, route: str, key: str) -> str:
    """What a locating route found under `key`, empty where it did not run or found nothing."""
    return str(evidence.details(route).get(key, ""))


def changed(evidence: Evidence, *kinds: str, route: str = "predict") -> bool:
    """Whether a route changed variables of these kinds."""
    trace = evidence.traces.get(route)
    return trace is not None and any(change.kind in kinds for change in trace.changed)


def differs(evidence: Evidence, candidate: str) -> bool:
    """Whether a repeat of predict differs from predict in a single bit."""
    return any(not each.identical for each in evidence.comparisons.get((candidate, "predict"), ()))


def random_operations(evidence: Evidence) -> list[str] | None:
    """Operations of predict's graph that draw random numbers; None where nobody looked."""
    found: list[str] | None = evidence.details("predict").get("random_operations")
    return found


def batch_statistics(evidence: Evidence, _failing: Failing) -> bool:
    """Moving statistics change, or a BatchNormalization layer is where neighbours come in."""
    trace = evidence.traces.get("predict")
    moved = trace is not None and any("moving_" in change.path for change in trace.changed)
    return moved or "BatchNorm" in located(evidence, "locate-companions", "kind")


def carried_state(evidence: Evidence, _failing: Failing) -> bool:
    """A stateful layer, whose state predict changes."""
    return bool(evidence.facts.stateful_layers) and changed(evidence, "state")


def randomness(evidence: Evidence, failing: Failing) -> bool:
    """Seeds move, random numbers are drawn, or answers move although nothing that is kept did and nobody can tell why."""
    drawn = random_operations(evidence)
    again = differs(evidence, "predict-again")
    unexplained = drawn is None and again and not changed(evidence, "weight", "state")
    # From a fixed seed the same numbers are drawn each time: nothing is random then, but where a row stands decides which it gets.
    moving = again or "KC203" in failing or changed(evidence, "seed")
    return (bool(drawn) and moving) or ("KC203" in failing and (changed(evidence, "seed") or unexplained))


def hidden_state(evidence: Evidence, _failing: Failing) -> bool:
    """Answers change with the trace or the process but not from call to call, or predict changes what is kept."""
    # Answers that move although no seed does and nothing is drawn come from a clock, a counter or a cache.
    ticking = (
        differs(evidence, "predict-again")
        and random_operations(evidence) == []
        and not changed(evidence, "seed")
    )
    frozen = (differs(evidence, "predict-retraced") or differs(evidence, "fresh-process")) and not differs(
        evidence, "predict-again"
    )
    return ticking or frozen or changed(evidence, "weight", "state")


def made_by_process(evidence: Evidence, failing: Failing) -> bool:
    """Answers repeat here however often predict is called or traced, nothing moves, and another process gives others."""
    known = {
        route for route in ("predict-again", "predict-retraced") if (route, "predict") in evidence.comparisons
    }
    still = (
        len(known) == 2
        and not any(differs(evidence, route) for route in known)
        and not changed(evidence, "weight", "state", "seed")
    )
    return "KC203" in failing and still and differs(evidence, "fresh-process")


def neighbours(_evidence: Evidence, failing: Failing) -> bool:
    """Seen by the companion swap, or in rows that grow with their batch."""
    return "KC103" in failing or ("KC102" in failing and bool(failing["KC102"].findings.get("shape_varies")))


def only_rounding(evidence: Evidence, judged: Judged) -> bool:
    """A deviation beyond a stated or exact limit, which is within what this model's own rounding gives."""
    calibrated = replace(evidence.policy, stated=None, per_output=(), exact=False)
    noise = evidence.noise.get(judged.comparison.output)
    rounded = layer_rounding(evidence).get(judged.comparison.output)
    measured = NoiseEvidence(
        pair=judged.comparison, noise=noise, float64_pair=judged.float64_pair, rounded=rounded
    )
    return noise is not None and judge(measured, policy=calibrated).within


def rounding_alone(evidence: Evidence, verdict: Verdict) -> bool:
    """A failure by a limit stricter than rounding, all of whose deviations are within what the model's own rounding gives."""
    beyond = [each for each in verdict.judged if not each.within]
    strict = evidence.policy.exact or evidence.policy.stated is not None or bool(evidence.policy.per_output)
    return strict and bool(beyond) and all(only_rounding(evidence, each) for each in beyond)


def by_its_batch(evidence: Evidence, failing: Failing) -> bool:
    """What is left where an answer depends on its batch, and neither randomness nor state, lost rows, NaN or an overridden predict explain it."""
    if "KC102" in failing and (
        failing["KC102"].findings.get("shape_varies") or failing["KC102"].findings.get("refused")
    ):
        return True
    judged = [
        each for code in ("KC101", "KC102", "KC104") if code in failing for each in failing[code].judged
    ]
    beyond = any(not each.within and not only_rounding(evidence, each) for each in judged)
    otherwise = (
        randomness(evidence, failing) or carried_state(evidence, failing) or hidden_state(evidence, failing)
    )
    otherwise = otherwise or "KC701" in failing or ("KC201" in failing and bool(evidence.facts.overridden))
    return beyond and not otherwise and not ("KC102" in failing and rows_lost(evidence, failing))


def but_for_compilers(evidence: Evidence, verdict: Verdict) -> bool:
    """Another compiler draws other numbers from the same fixed seed; apart from that it is none of the batch's doing."""
    return verdict.code != "KC204" or bool(random_operations(evidence))


def short_tail_grows(evidence: Evidence, failing: Failing) -> bool:
    """A stateful model that answers a short last batch with too many rows."""
    wrong_batch = says("state-batch-mismatch")(evidence, failing)
    return bool(evidence.facts.stateful_layers) and (
        wrong_batch or bool("KC102" in failing and failing["KC102"].findings.get("given"))
    )


def rows_lost(_evidence: Evidence, failing: Failing) -> bool:
    """Output rows are not input rows."""
    return any(failing[code].findings.get("output_rows") for code in ("KC102", "KC501") if code in failing)


def found(*keys: str) -> Callable[[Evidence, Failing], bool]:
    """Return a signature that asks whether KC701 found any of these."""

    def fits(_evidence: Evidence, failing: Failing) -> bool:
        return any(failing["KC701"].findings.get(key) for key in keys)

    return fits


def nan_from_scaling(evidence: Evidence) -> bool:
    """Whether rows without NaN or infinity have some once they have been through the scaler."""
    description = evidence.data.description
    return any(rows.bad_rows for rows in description.fed) and not any(
        rows.bad_rows for rows in description.raw
    )


def held_by_rows(evidence: Evidence, failing: Failing) -> bool:
    """KC701 found NaN in the rows, and it is not the scaler that made it of rows that it should never have been given."""
    twice = any(verdict.findings.get("cause") == "scaler-applied-twice" for verdict in failing.values())
    return found("rows", "served")(evidence, failing) and not (twice and nan_from_scaling(evidence))


def made_nonfinite(evidence: Evidence, failing: Failing) -> bool:
    """A layer was found that makes them of finite rows, or a weight holds them; rows of nothing but padding are a cause of their own."""
    if says("fully-masked-row")(evidence, failing):
        return False
    return bool(located(evidence, "locate-nonfinite", "layer")) or bool(
        failing["KC701"].findings.get("weights")
    )


def by_lost_numbers(_evidence: Evidence, verdict: Verdict) -> bool:
    """Beside KC701, a failure by numbers that are finite on one side only, as where a fused relu hides what a layer made NaN of."""
    beyond = [each for each in verdict.judged if not each.within]
    return verdict.code == "KC701" or (bool(beyond) and all(each.comparison.nonfinite > 0 for each in beyond))


def of_scope(evidence: Evidence, operation: str) -> str | None:
    """The innermost layer in whose scope an operation of a graph stands; scopes are numbered where a name comes twice."""
    scopes = {re.sub(r"_\d+$", "", scope) for scope in operation.split("/")} | set(operation.split("/"))
    return next(
        (layer.path for layer in reversed(evidence.facts.layers) if layer.path.rpartition("/")[2] in scopes),
        None,
    )


def refusing_layer(evidence: Evidence) -> str | None:
    """The layer in whose scope the graph broke off for a batch of some size."""
    tried = (
        trace.error
        for name, trace in evidence.traces.items()
        if name.startswith(("one-by-one", "batch-")) and trace.error
    )
    nodes = (found.group(1) for error in tried if (found := re.search(r"{{node ([^}\s]+)", error)))
    return next((layer for node in nodes if (layer := of_scope(evidence, node))), None)


def always(_evidence: Evidence, _failing: Failing) -> bool:
    """The failing check is signature enough."""
    return True


def stateful_layer(evidence: Evidence) -> str | None:
    """The last stateful layer."""
    layers = evidence.facts.stateful_layers
    return layers[-1].path if layers else None


def changing_layer(evidence: Evidence) -> str | None:
    """The innermost layer that holds the first variable or attribute that predict changes."""
    trace = evidence.traces.get("predict")
    paths = (
        [change.path.replace(".", "/") for change in trace.changed if change.kind != "seed"]
        if trace is not None
        else []
    )
    holders = [
        layer.path
        for layer in evidence.facts.layers
        if paths and f"/{paths[0]}/".find(f"/{layer.path}/") >= 0
    ]
    return max(holders, key=len, default=None)


def baked_layer(evidence: Evidence) -> str | None:
    """The first layer with a training flag of its own."""
    return next(
        (layer.path for layer in evidence.facts.layers if layer.baked_training or layer.default_training),
        None,
    )
