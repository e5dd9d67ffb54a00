"""KC914: what a service says of itself, and how it takes wrong rows."""

from __future__ import annotations

from keras_consistency_cli.checks.verdict import Status
from tests.helpers.asked_services import ask
from tests.helpers.planted_services import COLUMNS, SERVICES, predict
from tests.helpers.stub_services import Stub, refuse_wrong_rows, running


def test_name_and_version_are_reported() -> None:
    with running(Stub(refuse_wrong_rows(SERVICES["healthy"](predict), COLUMNS), "v2")) as stub:
        verdict = ask(stub.url, predict)["KC914"]
    assert verdict.status is Status.PASS
    assert (verdict.findings["name"], verdict.findings["version"]) == ("m", "3")
    assert len(verdict.findings["refused"]) == 3


def test_an_answer_to_wrong_rows_is_a_warning() -> None:
    with running(Stub(lambda rows: predict(rows[:, :1] @ [[1.0] * COLUMNS]))) as stub:
        verdict = ask(stub.url, predict)["KC914"]
    assert verdict.status is Status.WARN
    assert verdict.findings["silent"]
