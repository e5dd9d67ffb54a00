"""A service must answer with the outputs of the model.

Why: most of what goes wrong goes wrong at the service. It scales rows twice or not at all, fits the scaler
again for each request, reorders columns, rounds its JSON to six digits, or runs a different model.

How: the rows of the run are sent to the service, raw and, if a scaler is given, also scaled; its answers are
compared with predict. Which of the two gives the outputs of predict tells whether the service scales. If
neither does, the model runs on rows with known mistakes: scaled twice, refitted on each request or each row,
other orders of columns; the mistake that gives the answers is the cause. The limit is the model's own
rounding noise, plus half a unit of the last digit that the service writes. Of a stateful model, predict runs
again with its states reset before each batch, as a service should. What callers send can be stated:
endpoints: [{url: …, rows: raw}], or scaled.

To fix: see the cause. The service must use the scaler of training as it was saved, once, and write all digits
of its numbers.

Sources: tensorflow/serving#1332, rh-aiservices-bu/fraud-detection#35, tensorflow.org/tfx/serving/api_rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from keras_consistency_cli.checks.analysis.endpoints.answers import (
    ENDPOINTS,
    are_within,
    judge_answers,
    judge_repeat,
    misplaced_cause,
    problem_of,
)
from keras_consistency_cli.checks.base import Check, Evidence, Pair
from keras_consistency_cli.checks.verdict import Judged, Verdict
from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.routes.endpoints.table import (
    ANSWERS,
    REORDERED,
    SCALED,
    SINGLE,
    AnswerDetails,
    FunctionDetails,
    WireDetails,
)
from keras_consistency_cli.routes.sequences.states import FROM_RESET
from keras_consistency_cli.routes.targets import route_on
from keras_consistency_cli.routes.trace import REFERENCE

__all__ = ["CHECK"]

_MISTAKES: Mapping[str, tuple[str, str]] = {
    "scaled-twice": ("endpoint-scales-twice", "raw rows that are scaled twice"),
    "refit-batches": ("endpoint-refits-scaler", "rows scaled by a scaler that is fitted on each request"),
    "refit-single": ("endpoint-refits-scaler", "rows scaled by a scaler that is fitted on each row"),
}
"""By route of the model: the cause if the answers are its outputs, and what it runs on."""
_SCALED_AGAIN = "scaled rows are scaled again"
_REFUSED = "with status"
_FEWEST_NUMBERS = 20
"""Fewer numbers may have few digits by chance."""
_FLOAT32_UNIT = 2.0**-24
_ROUNDED = 4.0
"""Units of float32 up to which missing digits lose nothing."""


def examine(evidence: Evidence) -> Verdict:
    """Compare the answers of every service with predict."""
    return ENDPOINTS.examine(evidence, _examine, "every service answers with the outputs of the model")


def _examine(evidence: Evidence, label: str) -> Verdict:
    problem = problem_of(evidence, label, ANSWERS)
    if problem is not None:
        return problem
    as_given = _judge_by_model(evidence, ANSWERS, label)
    problem = problem_of(evidence, label, SCALED)
    if problem is not None and not _refuses_scaled(evidence, label):
        return problem
    scaled = _judge_by_model(evidence, SCALED, label)
    if not as_given:
        return Verdict.error("the answers could not be compared", "no outputs of predict")
    if not scaled:
        return _pass(evidence, label, as_given) if _agree(as_given) else _blame(evidence, label, as_given)
    return _judge_scaling(evidence, label, as_given, scaled)


def _refuses_scaled(evidence: Evidence, label: str) -> bool:
    """Whether the service takes raw rows and refuses scaled ones, as one that encodes texts does."""
    error = evidence.traces[route_on(SCALED, label)].error or ""
    return _REFUSED in error and evidence.data.endpoint_rows.get(label, "auto") != "scaled"


def _judge_scaling(
    evidence: Evidence, label: str, raw: tuple[Judged, ...], scaled: tuple[Judged, ...]
) -> Verdict:
    """Judge a service that may scale: by the kind of rows for which it gives the outputs of predict."""
    stated = evidence.data.endpoint_rows.get(label, "auto")
    if _agree(raw) and _agree(scaled):
        return _pass(evidence, label, raw)
    if _agree(raw) and stated != "scaled":
        return _pass(evidence, label, raw, "it scales raw rows itself")
    if _agree(scaled) and stated == "scaled":
        return _pass(evidence, label, scaled, "it takes scaled rows")
    if _agree(raw):
        text = "raw rows give the outputs of predict, scaled rows do not"
        return _fail(scaled, "endpoint-scales-twice", text, f"{_SCALED_AGAIN}: {text}")
    if _agree(scaled):
        text = "scaled rows give the outputs of predict, raw rows do not"
        verdict = _fail(raw, "endpoint-does-not-scale", text, f"the service does not scale: {text}")
        return verdict if stated == "raw" else _as_warning(verdict)
    return _blame(evidence, label, scaled if stated == "scaled" else raw, stated)


def _blame(evidence: Evidence, label: str, judged: tuple[Judged, ...], stated: str = "auto") -> Verdict:
    """Find the mistake whose rows give the answers."""
    for route, (cause, rows) in _MISTAKES.items():
        found = _judge(evidence, ANSWERS, label, route)
        if _agree(found):
            return _fail(judged, cause, f"the answers are the outputs of the model on {rows}")
    for name in (ANSWERS, SCALED):
        if _agree(_judge(evidence, name, label, route_on(REORDERED, label))):
            return _reordered(judged, evidence.traces[route_on(REORDERED, label)].details)
    misplaced = misplaced_cause(evidence, label, (SCALED if stated == "scaled" else ANSWERS,))
    if misplaced is not None:
        return _fail(judged, *misplaced)
    # Before functions: a range, for example, is near enough to any answers of few digits.
    coarse = _coarse(evidence, label, judged)
    if coarse:
        return _fail(judged, "endpoint-rounds-answers", coarse)
    for name in (ANSWERS, SCALED):
        functions = _functions(evidence, name, label)
        is_rounding = all(each["is_rounding"] for each in functions)
        # If only requests of many rows are rounded, the size of the request is the cause: see KC912.
        if functions and (not is_rounding or are_within(judge_repeat(evidence, SINGLE, label))):
            cause = "endpoint-rounds-answers" if is_rounding else "endpoint-transforms-outputs"
            texts = dict.fromkeys(each["text"] for each in functions)
            return _fail(judged, cause, f"in the service {'; '.join(texts)}")
    return Verdict.fail(f"answers differ from predict: {_size(judged)}", judged=judged)


def _reordered(judged: tuple[Judged, ...], details: Mapping[str, Any]) -> Verdict:
    """Return the failure: the order is known only if no other one gives the answers."""
    cause = "endpoint-columns-reordered"
    if details.get("is_only"):
        order = ", ".join(map(str, details["order"]))
        rows = f"rows with their columns in the order {order}"
        return _fail(judged, cause, f"the answers are the outputs of the model on {rows}")
    text = "the model gives such answers for several other orders of the columns"
    return Verdict.fail(f"answers differ from predict: {_size(judged)}; {text}", cause=cause, judged=judged)


def _functions(evidence: Evidence, name: str, label: str) -> list[FunctionDetails]:
    """Return the function of each wrong output of predict that gives the answers, empty if one has none."""
    details = evidence.details(route_on(name, label), AnswerDetails)
    functions, wire = details.get("functions", {}), details.get("wire", {})
    chosen: list[FunctionDetails] = []
    for one in _judge(evidence, name, label, REFERENCE):
        output = one.comparison.output
        found = functions.get(output)
        if one.within:
            continue
        if found is None or found["difference"] > one.limit.value + wire[output]["half_unit"]:
            return []
        chosen.append(found)
    return chosen


def _coarse(evidence: Evidence, label: str, judged: tuple[Judged, ...]) -> str:
    """Describe digits so few that the service's rounding is the difference; "" if it is not."""
    wire = evidence.details(route_on(ANSWERS, label), AnswerDetails).get("wire", {})
    for one in judged:
        half = wire[one.comparison.output]["half_unit"] if one.comparison.output in wire else 0.0
        if (
            one.comparison.misshapen
            or one.comparison.nonfinite
            or one.comparison.max_abs > half + one.limit.value
        ):
            return ""
    return "rounded to the digits of the answers, the outputs of predict are the answers"


def _pass(evidence: Evidence, label: str, judged: tuple[Judged, ...], remark: str = "") -> Verdict:
    """A pass, or a warning if the service rounds."""
    name = route_on(SCALED if remark == "it takes scaled rows" else ANSWERS, label)
    wire = evidence.details(name, AnswerDetails).get("wire", {})
    rounding = _rounding(judged, wire)
    if rounding:
        text = "rounded to the digits of the answers, the outputs of predict are the answers"
        return Verdict.warn(
            f"answers are rounded: {rounding}",
            cause="endpoint-rounds-answers",
            judged=judged,
            findings={"confirmed": {"endpoint-rounds-answers": text}, "wire": dict(wire)},
        )
    message = "answers are the outputs of the model" + (f"; {remark}" if remark else "")
    return Verdict.ok(message, judged=judged, findings={"wire": dict(wire)})


def _rounding(judged: tuple[Judged, ...], wire: Mapping[str, WireDetails]) -> str:
    """Say how many digits there are, if they are too few for float32; "" if they are not."""
    for one in judged:
        written = wire.get(one.comparison.output)
        enough = one.comparison.elements >= _FEWEST_NUMBERS and one.comparison.scale > 0
        if written is None or not enough or not one.comparison.mismatched:
            continue
        if written["half_unit"] > _ROUNDED * _FLOAT32_UNIT * one.comparison.scale:
            return f"output '{one.comparison.output}' has at most {written['digits']} digits"
    return ""


def _fail(judged: tuple[Judged, ...], cause: str, proof: str, message: str = "") -> Verdict:
    return Verdict.fail(
        message or f"answers differ from predict: {_size(judged)}; {proof}",
        cause=cause,
        judged=judged,
        findings={"confirmed": {cause: proof}},
    )


def _as_warning(failure: Verdict) -> Verdict:
    verdict = Verdict.warn(failure.message, judged=failure.judged, findings=failure.findings)
    return replace(verdict, advice="state what callers send: endpoints: [{url: …, rows: scaled}]")


def _size(judged: tuple[Judged, ...]) -> str:
    largest = max((one.comparison for one in judged), key=lambda comparison: comparison.scaled)
    if largest.misshapen:
        return str(largest.misshapen)
    if largest.nonfinite:
        return f"{largest.nonfinite} numbers are NaN or infinite on one side only"
    return f"up to {largest.max_abs:.2g} ({largest.scaled:.2g} of the largest output)"


def _judge(evidence: Evidence, name: str, label: str, reference: str) -> tuple[Judged, ...]:
    return judge_answers(evidence, Pair(candidate=route_on(name, label), reference=reference))


def _judge_by_model(evidence: Evidence, name: str, label: str) -> tuple[Judged, ...]:
    """Compare with predict, which carries the state of stateful layers from batch to batch.

    A service that resets it before each request is right, unless rows are declared to continue each other
    and requests do not say which sequence they belong to.
    """
    judged = _judge(evidence, name, label, REFERENCE)
    is_own = evidence.details(route_on(name, label), AnswerDetails).get("of_own_sequence", False)
    if _agree(judged) or (evidence.data.owner.stateful_rows != "independent" and not is_own):
        return judged
    from_reset = _judge(evidence, name, label, FROM_RESET)
    return from_reset if _agree(from_reset) else judged


def _agree(judged: tuple[Judged, ...]) -> bool:
    return bool(judged) and are_within(judged)


def _pairs(settings: Settings) -> tuple[Pair, ...]:
    scales = settings.scaler is not None
    mistakes = tuple((ANSWERS, f"={route}") for route in _MISTAKES) if scales else ()
    orders = ((ANSWERS, REORDERED), (SCALED, REORDERED))
    usual = tuple((name, f"={own}") for own in (REFERENCE, FROM_RESET) for name in (ANSWERS, SCALED))
    return ENDPOINTS.pairs(*usual, *mistakes, *orders)(settings)


CHECK = Check(
    code="KC911",
    name="served-answers",
    title="services answer with the outputs of the model",
    explanation=__doc__,
    pairs_for=_pairs,
    routes_for=ENDPOINTS.routes(ANSWERS, SCALED, REORDERED),
    examine=examine,
    is_offered=ENDPOINTS.are_given,
)
