"""Every answer of a service must belong to the row that it was asked for, also if many ask at the same time.

Why: servers run requests in threads and put rows of several requests into one batch. A buffer that two
requests share, or a batcher that gives answers back in a different order, mixes customers up. One request at
a time shows nothing.

How: single rows are sent at the same time, eight at once, twice. Each answer is compared with the service's
answer to the same row in an ordinary batch. A wrong answer that is the right one for a different row shows
that answers were exchanged.

To fix: keep nothing of a request in variables that other requests can see; put a lock around a model that is
not safe to call from several threads.

Sources: tensorflow/serving#894, tensorflow#61298, SeldonIO/MLServer#1306.
"""

from __future__ import annotations

from keras_consistency_cli.checks.analysis.endpoints.answers import ENDPOINTS, judge_repeat, problem_of
from keras_consistency_cli.checks.base import Check, Evidence
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.routes.endpoints.table import AGAIN, ANSWERS, CONCURRENT, SINGLE, AnswerDetails
from keras_consistency_cli.routes.targets import route_on

__all__ = ["CHECK"]


def examine(evidence: Evidence) -> Verdict:
    """Compare answers to requests at the same time with those to requests one after another."""
    return ENDPOINTS.examine(evidence, _examine, "services give every row its own answer")


def _examine(evidence: Evidence, label: str) -> Verdict:
    problem = problem_of(evidence, label, ANSWERS, AGAIN, SINGLE, CONCURRENT)
    if problem is not None:
        return problem
    for name in (AGAIN, SINGLE):
        if not all(one.within for one in judge_repeat(evidence, name, label)):
            return Verdict.skip("answers differ without requests at the same time, see KC912 served-batching")
    judged = judge_repeat(evidence, CONCURRENT, label)
    if not judged:
        return Verdict.error("the answers could not be compared", "no answers")
    if all(one.within for one in judged):
        return Verdict.ok("requests at the same time get the same answers", judged=judged)
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


CHECK = Check(
    code="KC913",
    name="served-concurrency",
    title="services give every row its own answer if many ask at the same time",
    explanation=__doc__,
    pairs_for=ENDPOINTS.pairs(*((name, f"{name}-baseline") for name in (CONCURRENT, AGAIN, SINGLE))),
    routes_for=ENDPOINTS.routes(ANSWERS, AGAIN, SINGLE, CONCURRENT),
    examine=examine,
    is_offered=ENDPOINTS.are_given,
)
