"""Every answer of a service must belong to the row that it was asked for, also if many ask at the same time.

Why: servers run requests in threads and put rows of several requests into one batch. A buffer that two
requests share, or a batcher that gives answers back in a different order, mixes customers up. One request at
a time shows nothing.

How: single rows are sent at the same time, eight at once, twice. Each answer is compared with the service's
answer to the same row in an ordinary batch. A wrong answer that is the right one for a different row shows
that answers were exchanged. Of a stateful model, two sequences of requests are sent one after the other and
then in turns, if requests say which sequence they belong to: by SEQUENCE in the template, or by the sequence
extension of V2. One after the other, they must get the outputs of the model that carries its state; in turns,
the same answers.

To fix: keep nothing of a request in variables that other requests can see; put a lock around a model that is
not safe to call from several threads; keep the states of each sequence under its number.

Sources: tensorflow/serving#894, tensorflow#61298, SeldonIO/MLServer#1306, and the sequence extension
of Triton (docs/protocol/extension_sequence.md).
"""

from __future__ import annotations

from keras_consistency_cli.checks.analysis.endpoints.answers import (
    ENDPOINTS,
    are_within,
    judge_answers,
    judge_repeat,
    problem_of,
)
from keras_consistency_cli.checks.base import Check, Evidence, Pair
from keras_consistency_cli.checks.verdict import Judged, Verdict
from keras_consistency_cli.routes.endpoints.table import (
    AGAIN,
    ANSWERS,
    CONCURRENT,
    IN_SEQUENCE,
    INTERLEAVED,
    SINGLE,
    AnswerDetails,
)
from keras_consistency_cli.routes.targets import route_on

__all__ = ["CHECK"]


def examine(evidence: Evidence) -> Verdict:
    """Compare answers to requests at the same time with those to requests one after another."""
    return ENDPOINTS.examine(evidence, _examine, "services give every row its own answer")


def _examine(evidence: Evidence, label: str) -> Verdict:
    problem = problem_of(evidence, label, ANSWERS, AGAIN, SINGLE, CONCURRENT, IN_SEQUENCE, INTERLEAVED)
    if problem is not None:
        return problem
    for name in (AGAIN, SINGLE):
        if not are_within(judge_repeat(evidence, name, label)):
            return Verdict.skip("answers differ without requests at the same time, see KC912 served-batching")
    judged = judge_repeat(evidence, CONCURRENT, label)
    if not judged:
        return Verdict.error("the answers could not be compared", "no answers")
    if are_within(judged):
        return _judge_sequences(evidence, label) or _pass(evidence, label, judged)
    return _mixed_requests(evidence, label, judged)


def _mixed_requests(evidence: Evidence, label: str, judged: tuple[Judged, ...]) -> Verdict:
    details = evidence.details(route_on(CONCURRENT, label), AnswerDetails)
    wrong, others = details.get("wrong_rows", 0), details.get("of_others", 0)
    proof = "the same rows, sent one after another, get the right answers"
    return Verdict.fail(
        f"requests at the same time get wrong answers: {wrong} rows, {others} of them with the answer of a "
        "different row",
        cause="endpoint-mixes-requests",
        judged=judged,
        findings={"confirmed": {"endpoint-mixes-requests": proof}, "wrong_rows": wrong, "of_others": others},
    )


def _pass(evidence: Evidence, label: str, judged: tuple[Judged, ...]) -> Verdict:
    sequences = judge_repeat(evidence, INTERLEAVED, label)
    message = "requests at the same time get the same answers"
    return Verdict.ok(
        f"{message}, and interleaved sequences those of the model" if sequences else message,
        judged=judged + sequences,
    )


def _judge_sequences(evidence: Evidence, label: str) -> Verdict | None:
    """Return a failure if a sequence of requests does not go on as the model does, or others disturb it."""
    alone = judge_repeat(evidence, IN_SEQUENCE, label)
    if alone and not are_within(alone):
        return _lost_state(evidence, label, alone)
    interleaved = judge_repeat(evidence, INTERLEAVED, label)
    if not interleaved or are_within(interleaved):
        return None
    cause = "endpoint-mixes-sequences"
    proof = "one sequence after the other gets the outputs of the model, in turns they do not"
    return Verdict.fail(
        f"interleaved sequences of requests get wrong answers: up to {_largest(interleaved):.2g} off",
        cause=cause,
        judged=interleaved,
        findings={"confirmed": {cause: proof}},
    )


def _lost_state(evidence: Evidence, label: str, alone: tuple[Judged, ...]) -> Verdict:
    """A failure; confirmed if every request of a sequence gets the answer of a first one."""
    cause = "endpoint-loses-state"
    first = Pair(candidate=route_on(IN_SEQUENCE, label), reference=route_on(ANSWERS, label))
    proof = "each request of a sequence gets the answer that it gets as the first one"
    is_reset = are_within(judge_answers(evidence, first, both_written=True))
    return Verdict.fail(
        f"a sequence of requests does not get the outputs of the model: up to {_largest(alone):.2g} off",
        cause=cause,
        judged=alone,
        findings={"confirmed": {cause: proof} if is_reset else {}},
    )


def _largest(judged: tuple[Judged, ...]) -> float:
    return max(one.comparison.max_abs for one in judged)


CHECK = Check(
    code="KC913",
    name="served-concurrency",
    title="services give every row its own answer if many ask at the same time",
    explanation=__doc__,
    pairs_for=ENDPOINTS.pairs(
        *((name, f"{name}-baseline") for name in (CONCURRENT, AGAIN, SINGLE, IN_SEQUENCE, INTERLEAVED)),
        (IN_SEQUENCE, ANSWERS),
    ),
    routes_for=ENDPOINTS.routes(ANSWERS, AGAIN, SINGLE, CONCURRENT, IN_SEQUENCE, INTERLEAVED),
    examine=examine,
    is_offered=ENDPOINTS.are_given,
)
