"""A service must take the rows of the model, refuse others, and write NaN in a way that can be read.

Why: a service that answers rows of the wrong width, or texts, answers something, and it is not noticed that a
column is missing. A server that puts rows of several requests into one batch may fail for all of them if one
row is wrong. NaN is not part of JSON: some services write null, some a bare NaN, some a text.

How: the names that the service declares are compared with those of the model. A row with one column more, one
with one column less, and texts are sent; each must be refused. Then a wrong row is sent at the same time as
right ones, which must be answered. The ways in which NaN is written are counted.

To fix: check the shape and type of the rows in the service before they are put into a batch, and answer with
an error.

Sources: tensorflow.org/tfx/serving/api_rest, kserve.github.io (V2 protocol), SeldonIO/MLServer#1346,
openvinotoolkit/model_server#4337.
"""

from __future__ import annotations

from keras_consistency_cli.checks.analysis.endpoints.answers import ENDPOINTS, problem_of
from keras_consistency_cli.checks.base import Check, Evidence
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.routes.endpoints.table import ANSWERS, DESCRIBED, AnswerDetails, DescribedDetails
from keras_consistency_cli.routes.targets import route_on
from keras_consistency_cli.text import format_count

__all__ = ["CHECK"]

_HARMS = "endpoint-wrong-row-fails-batch"


def examine(evidence: Evidence) -> Verdict:
    """Judge the interface of every service."""
    return ENDPOINTS.examine(evidence, _examine, "services take the rows of the model and refuse others")


def _examine(evidence: Evidence, label: str) -> Verdict:
    problem = problem_of(evidence, label, ANSWERS, DESCRIBED)
    if problem is not None:
        return problem
    details = evidence.details(route_on(DESCRIBED, label), DescribedDetails)
    wire = evidence.details(route_on(ANSWERS, label), AnswerDetails).get("wire", {})
    forms = {form for written in wire.values() for form in written["forms"]}
    findings = {**details, "nan_forms": sorted(forms)}
    silent = details.get("silent", ())
    if silent:
        message = f"answers {', '.join(silent)} as if it were right"
        proof = {"endpoint-accepts-wrong-rows": "the wrong rows were sent, and answered with status 200"}
        return Verdict.warn(
            message, cause="endpoint-accepts-wrong-rows", findings={**findings, "confirmed": proof}
        )
    harmed = details.get("harmed", 0)
    if harmed:
        proof = {_HARMS: "the same right rows are answered if no wrong row is sent at the same time"}
        right_rows = format_count(harmed, "right row")
        return Verdict.warn(
            f"a wrong row makes other requests fail: {right_rows} sent at the same time got no answer",
            cause=_HARMS,
            findings={**findings, "confirmed": proof},
        )
    if "quoted" in forms:
        return Verdict.warn("NaN is written as a text in quotes, which is not a number", findings=findings)
    if not details.get("refused"):
        return Verdict.skip("no wrong rows could be made of these rows", findings=findings)
    named = " ".join(filter(None, (details.get("name", ""), details.get("version", ""))))
    return Verdict.ok(f"wrong rows are refused{f'; it serves {named}' if named else ''}", findings=findings)


CHECK = Check(
    code="KC914",
    name="served-interface",
    title="services take the rows of the model and refuse others",
    explanation=__doc__,
    routes_for=ENDPOINTS.routes(ANSWERS, DESCRIBED),
    examine=examine,
    is_offered=ENDPOINTS.are_given,
)
