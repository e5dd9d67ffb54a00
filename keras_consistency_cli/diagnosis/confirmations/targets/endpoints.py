"""How causes in services are confirmed: a mistake gives the answers, or a second request takes it away."""

from __future__ import annotations

from collections.abc import Mapping

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.diagnosis.base import Failing
from keras_consistency_cli.diagnosis.confirmations.base import (
    Confirmation,
    ConfirmationResult,
    ConfirmationTest,
    cannot_test,
)

__all__ = ["ENDPOINT_CONFIRMATIONS"]


def _shown_by_answers(slug: str) -> ConfirmationTest:
    """Return a test: a check has confirmed the cause by answers to a second kind of request."""

    def test(_evidence: Evidence, failing: Failing) -> ConfirmationResult | None:
        for verdict in failing.values():
            shown = verdict.findings.get("confirmed", {})
            if slug in shown:
                return ConfirmationResult(confirmed=True, explanation=str(shown[slug]))
        return None

    return test


_HOW: Mapping[str, str] = {
    "endpoint-refits-scaler": (
        "the model runs on rows scaled by a scaler that was fitted on each request, and gives the answers"
    ),
    "endpoint-scales-twice": (
        "the model runs on rows scaled twice, and gives the answers; or only raw rows get right ones"
    ),
    "endpoint-does-not-scale": "scaled rows are sent, and get the outputs of predict; raw rows do not",
    "endpoint-columns-reordered": "the model runs on rows in many orders of columns; one gives the answers",
    "endpoint-rounds-answers": "rounded to the digits of the answers, the outputs of predict are the answers",
    "endpoint-keeps-state": (
        "the same request gets the same answers after itself, and others after a different one"
    ),
    "endpoint-answers-reordered": "each wrong answer is the output for a different row of the same request",
    "endpoint-stale-rows": (
        "the same few rows are sent before and after a large request; or each wrong answer is the output for "
        "a row of an earlier request"
    ),
    "endpoint-depends-on-request-size": "neighbours are changed, and their number; only the number matters",
    "endpoint-transforms-outputs": "a function is applied to the outputs of predict, and gives the answers",
    "endpoint-rows-influence-each-other": "the rows stay the same, and only their neighbours are changed",
    "endpoint-mixes-requests": "the same rows are sent one after another, and get the right answers",
    "endpoint-mixes-sequences": (
        "two sequences of requests are sent one after the other, and get right answers; in turns they do not"
    ),
    "endpoint-loses-state": "a request of a sequence is sent as a first one, and gets the same answer",
    "endpoint-accepts-wrong-rows": "wrong rows are sent, and answered",
    "endpoint-wrong-row-fails-batch": (
        "right rows are sent at the same time as a wrong one, and without it; only then are they answered"
    ),
}

ENDPOINT_CONFIRMATIONS: Mapping[str, Confirmation] = {
    **{slug: Confirmation(how=how, test=_shown_by_answers(slug)) for slug, how in _HOW.items()},
    "endpoint-answers-missing": Confirmation(
        how="answers are counted",
        test=lambda _evidence, failing: (
            ConfirmationResult(confirmed=True, explanation="rows and answers were counted")
            if any(each.findings.get("cause") == "endpoint-answers-missing" for each in failing.values())
            else None
        ),
    ),
    "endpoint-unrepeatable": cannot_test("what happens inside the service is not visible from outside"),
}
