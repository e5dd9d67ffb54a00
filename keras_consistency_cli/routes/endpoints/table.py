"""Routes of endpoints: what a service is asked. The parent process asks it; workers have no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypedDict

from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.trace import Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = [
    "AFTER_LARGE",
    "AGAIN",
    "ANSWERS",
    "CONCURRENT",
    "DESCRIBED",
    "DUPLICATES",
    "INTERLEAVED",
    "IN_SEQUENCE",
    "REORDERED",
    "SCALED",
    "SHUFFLED",
    "SINGLE",
    "AnswerDetails",
    "DescribedDetails",
    "FunctionDetails",
    "RepeatDetails",
    "WireDetails",
    "endpoint_routes",
]

ANSWERS, SCALED, AGAIN = "answers", "answers-to-scaled", "answers-again"
SINGLE, SHUFFLED, DUPLICATES, AFTER_LARGE = (
    "answers-one-by-one",
    "answers-shuffled",
    "answers-to-duplicates",
    "answers-after-large",
)
IN_SEQUENCE, INTERLEAVED = "answers-in-sequence", "answers-interleaved"
CONCURRENT, DESCRIBED, REORDERED = "answers-concurrent", "described", "nearest-order"

_SUMMARIES: Mapping[str, str] = {
    DESCRIBED: "what the service says of itself, and how it takes wrong rows",
    ANSWERS: "its answers to the rows as they were given",
    SCALED: "its answers to scaled rows",
    REORDERED: "the model on rows with the order of columns that is nearest to its answers",
    AGAIN: "its answers to the same request again",
    SINGLE: "its answers to one row a request",
    SHUFFLED: "its answers to the rows in a different order",
    DUPLICATES: "its answers to a row that is there twice",
    AFTER_LARGE: "its answers to a few rows after many",
    CONCURRENT: "its answers to single rows at the same time",
    IN_SEQUENCE: "its answers to two sequences of requests, one after the other",
    INTERLEAVED: "its answers to two sequences of requests in turns",
}


class WireDetails(TypedDict):
    """How the numbers of one output were written.

    `half_unit` is half a unit of the last digit, `forms` counts NaN by the way it is written.
    """

    half_unit: float
    digits: int
    decimals: int
    forms: Mapping[str, int]


class FunctionDetails(TypedDict):
    """The function of an output of the model that is nearest to the answers; whether it only rounds."""

    text: str
    difference: float
    is_rounding: bool


class AnswerDetails(TypedDict, total=False):
    """Details of the routes that give answers.

    `wire` and `functions` are by output. `wrong` says how the service answered wrongly, `missing` whether
    rows and answers are not as many. `wrong_rows` counts
    answers that are not the outputs of the model, `of_request` those of them that are the outputs for a
    different row of the same request, `of_others` those that are the outputs for any different row.
    `reason` says why a route gives no answers, `of_own_sequence` whether each request was a new sequence.
    """

    wire: Mapping[str, WireDetails]
    functions: dict[str, FunctionDetails]
    wrong: str
    missing: bool
    reason: str
    of_own_sequence: bool
    wrong_rows: int
    of_request: int
    of_others: int


class RepeatDetails(AnswerDetails, total=False):
    """Whether answers repeat.

    `follows_request`: the answers depend on the request before, and on little else. `repeats`: the same rows
    get the same answers if they are sent again one by one.
    """

    follows_request: bool
    repeats: bool


class DescribedDetails(TypedDict, total=False):
    """What the service says of itself, and the status of its answers to wrong rows.

    `harmed` counts right rows that get no answer if a wrong row is sent at the same time.
    """

    protocol: str
    name: str
    version: str
    inputs: Sequence[str]
    outputs: Sequence[str]
    silent: Sequence[str]
    refused: Sequence[str]
    harmed: int
    requests: int


def _not_here(_session: Session, _rows: Rows) -> Result:
    raise RuntimeError("services are asked by the parent process")


def endpoint_routes(labels: Sequence[str]) -> tuple[Route, ...]:
    """Return the routes of all endpoints."""
    return tuple(
        Route(name=name, summary=summary, run=_not_here).on_target("endpoint", label, f", on {label}")
        for label in labels
        for name, summary in _SUMMARIES.items()
    )
