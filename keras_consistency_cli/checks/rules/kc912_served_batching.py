"""What a service answers for a row must not depend on the other rows of the request, nor on requests before.

Why: a service may put rows together, pad batches, keep a buffer from a larger batch, fit a scaler on each
request, or keep the state of a recurrent layer from one customer to the next.

How: the service's answers in ordinary batches are compared with its answers to the same request again, to one
row a request, to rows in a different order, to each row twice, and to a few rows after many.

To fix: compute each row from that row alone; reset stateful layers before each request, or serve a model
without them.

Sources: triton-inference-server/server#2136, tensorflow/serving#724, SeldonIO/MLServer#1306.
"""

from __future__ import annotations

from collections.abc import Mapping

from keras_consistency_cli.checks.analysis.endpoints.answers import (
    ENDPOINTS,
    are_within,
    judge_answers,
    judge_repeat,
    misplaced_cause,
    problem_of,
)
from keras_consistency_cli.checks.base import Check, Evidence, Pair
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.routes.endpoints.table import (
    AFTER_LARGE,
    AGAIN,
    ANSWERS,
    DUPLICATES,
    SHUFFLED,
    SINGLE,
    RepeatDetails,
)
from keras_consistency_cli.routes.targets import route_on

__all__ = ["CHECK"]

_WAYS: Mapping[str, str] = {
    AGAIN: "the same request after a different one",
    SINGLE: "one row a request",
    SHUFFLED: "rows in a different order",
    DUPLICATES: "each row twice",
    AFTER_LARGE: "a few rows after many",
}


def examine(evidence: Evidence) -> Verdict:
    """Compare the answers of every service with one another."""
    return ENDPOINTS.examine(evidence, _examine, "services answer row by row")


def _examine(evidence: Evidence, label: str) -> Verdict:
    problem = problem_of(evidence, label, ANSWERS, *_WAYS)
    if problem is not None:
        return problem
    judged = {name: judge_repeat(evidence, name, label) for name in _WAYS}
    different = [name for name, each in judged.items() if not are_within(each)]
    everything = tuple(one for each in judged.values() for one in each)
    if not everything:
        return Verdict.error("the answers could not be compared", "no answers")
    if not different:
        return Verdict.ok("the same answers in every batch, and again", judged=everything)
    cause, proof = _cause(evidence, label, different)
    worst = max((one.comparison for name in different for one in judged[name]), key=lambda each: each.max_abs)
    named = ", ".join(_WAYS[name] for name in different)
    return Verdict.fail(
        f"answers depend on the request: they differ by up to {worst.max_abs:.2g} for {named}",
        cause=cause,
        judged=tuple(one for name in different for one in judged[name]),
        findings={"confirmed": {cause: proof} if proof else {}, "different": different},
    )


def _cause(evidence: Evidence, label: str, different: list[str]) -> tuple[str, str]:
    """Return the cause, and what confirms it."""
    if AGAIN in different:
        details = evidence.details(route_on(AGAIN, label), RepeatDetails)
        if details.get("follows_request"):
            proof = "the same request gets the same answers after itself, and others after a different one"
            return "endpoint-keeps-state", proof
        return ("endpoint-keeps-state" if evidence.facts.stateful_layers else "endpoint-unrepeatable"), ""
    if not evidence.details(route_on(SINGLE, label), RepeatDetails).get("repeats", True):
        return "endpoint-unrepeatable", ""
    misplaced = misplaced_cause(evidence, label, (ANSWERS, *different))
    if misplaced is not None:
        return misplaced
    refit = Pair(candidate=route_on(SINGLE, label), reference="refit-single")
    judged = judge_answers(evidence, refit)
    if SINGLE in different and judged and are_within(judged):
        proof = "single rows get the outputs of the model on rows that a scaler was fitted on, one by one"
        return "endpoint-refits-scaler", proof
    if different == [AFTER_LARGE]:
        proof = "a few rows get wrong answers directly after a large batch, and right ones otherwise"
        return "endpoint-stale-rows", proof
    if not {SHUFFLED, DUPLICATES} & set(different):
        proof = "with other neighbours answers stay the same, with fewer rows in a request they do not"
        return "endpoint-depends-on-request-size", proof
    return "endpoint-rows-influence-each-other", "the rows stay the same, only their neighbours change"


def _pairs(settings: Settings) -> tuple[Pair, ...]:
    refit = ((SINGLE, "=refit-single"),) if settings.scaler is not None else ()
    return ENDPOINTS.pairs(*((name, f"{name}-baseline") for name in _WAYS), *refit)(settings)


CHECK = Check(
    code="KC912",
    name="served-batching",
    title="services answer each row by itself",
    explanation=__doc__,
    pairs_for=_pairs,
    routes_for=ENDPOINTS.routes(ANSWERS, *_WAYS),
    examine=examine,
    is_offered=ENDPOINTS.are_given,
)
