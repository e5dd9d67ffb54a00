"""Services with planted faults and their healthy twins: statuses and causes of KC911 to KC914."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.diagnosis.causes.table import CAUSES
from keras_consistency_cli.diagnosis.confirmations.table import CONFIRMATIONS
from keras_consistency_cli.routes.endpoints.orders import _orders
from tests.helpers.asked_services import ask, found
from tests.helpers.planted_services import COLUMNS, EXPECTED, RAW, SCALER, SERVICES, predict
from tests.helpers.stub_services import PATHS, Stub, refuse_wrong_rows, running


@pytest.mark.parametrize("name", SERVICES)
def test_fault_is_found_with_its_cause_and_its_twin_passes(name: str) -> None:
    answers = refuse_wrong_rows(SERVICES[name](predict), COLUMNS)
    with running(Stub(answers)) as stub:
        verdicts = ask(stub.url, predict)
        assert len(stub.requests) <= 145
    assert found(verdicts) == EXPECTED[name]
    failing = {code: verdict for code, verdict in verdicts.items() if verdict.status is not Status.PASS}
    causes = {cause for _, cause in EXPECTED[name].values() if cause}
    for cause in causes:
        result = CONFIRMATIONS[cause].test(None, failing)  # type: ignore[arg-type]
        assert result is not None
        # Only the code of the service can confirm that it is not repeatable.
        assert result.confirmed is (cause != "endpoint-unrepeatable")
        assert set(CAUSES[cause].key) & set(failing)


@pytest.mark.parametrize("protocol", PATHS)
def test_every_protocol_gives_the_same_answers(protocol: str) -> None:
    given = {"protocol": protocol} if protocol == "tfserving-columns" else {}
    answers = refuse_wrong_rows(SERVICES["healthy"](predict), COLUMNS)
    with running(Stub(answers, protocol)) as stub:
        verdicts = ask(stub.url, predict, **given)
    assert found(verdicts) == {}


@pytest.mark.parametrize(
    ("stated", "name", "expected"),
    [
        ("raw", "no scaling", ("fail", "endpoint-does-not-scale")),
        ("scaled", "no scaling", None),
        ("scaled", "healthy", ("fail", "endpoint-scales-twice")),
        ("raw", "healthy", None),
    ],
)
def test_stated_rows_decide(stated: str, name: str, expected: tuple[str, str] | None) -> None:
    with running(Stub(refuse_wrong_rows(SERVICES[name](predict), COLUMNS))) as stub:
        verdicts = ask(stub.url, predict, rows=stated)
    assert found(verdicts) == ({"KC911": expected} if expected else {})


def test_without_a_scaler_rows_are_sent_as_they_are() -> None:
    rows = SCALER.transform(RAW)
    with running(Stub(refuse_wrong_rows(predict, COLUMNS))) as stub:
        assert found(ask(stub.url, predict, scales=False, data=rows)) == {}
    with running(Stub(refuse_wrong_rows(lambda x: predict(x[:, ::-1]), COLUMNS))) as stub:
        verdicts = ask(stub.url, predict, scales=False, data=rows)
    assert found(verdicts) == {"KC911": ("fail", "endpoint-columns-reordered")}


def test_the_order_of_columns_is_found_in_scaled_rows() -> None:
    """The service expects scaled rows; raw rows get the outputs of no order."""
    answers = refuse_wrong_rows(lambda rows: predict(rows[:, [2, 1, 0, 3, 4]]), COLUMNS)
    with running(Stub(answers)) as stub:
        verdicts = ask(stub.url, predict, rows="scaled")
    assert found(verdicts) == {"KC911": ("fail", "endpoint-columns-reordered")}


def test_the_order_of_columns_is_found_if_the_model_gives_nan() -> None:
    def with_nan(rows: np.ndarray) -> np.ndarray:
        return np.where(rows[:, [2]] > 0, np.float32(np.nan), predict(rows))

    answers = refuse_wrong_rows(lambda rows: with_nan(SCALER.transform(rows[:, [4, 1, 2, 3, 0]])), COLUMNS)
    with running(Stub(answers)) as stub:
        verdicts = ask(stub.url, with_nan)
    assert found(verdicts)["KC911"] == ("fail", "endpoint-columns-reordered")


def of_two_columns(rows: np.ndarray) -> np.ndarray:
    """A model to which three of five columns do not matter."""
    return predict(np.where([True, True, False, False, False], rows, 0))


@pytest.mark.parametrize(
    ("model", "order", "is_known"),
    [
        (predict, [4, 1, 2, 3, 0], True),
        (of_two_columns, [1, 0, 2, 3, 4], True),
        # These columns have such different sizes that the model is saturated, in other orders too.
        (predict, [0, 3, 2, 1, 4], False),
    ],
)
def test_an_order_is_known_if_no_other_one_gives_the_answers(
    model: Callable[[np.ndarray], np.ndarray], order: list[int], is_known: bool
) -> None:
    answers = refuse_wrong_rows(lambda rows: model(SCALER.transform(rows[:, order])), COLUMNS)
    with running(Stub(answers)) as stub:
        verdict = ask(stub.url, model)["KC911"]
    assert verdict.findings["cause"] == "endpoint-columns-reordered"
    assert bool(verdict.findings.get("confirmed")) is is_known


def test_of_many_columns_the_order_of_their_names_is_tried_first() -> None:
    names = ["income", "age", "debt", "children", "tenure", "balance"]
    assert next(_orders(6, names)) == [1, 5, 3, 2, 0, 4]
    assert next(_orders(6, sorted(names))) == [5, 4, 3, 2, 1, 0]
    assert next(_orders(6)) == [5, 4, 3, 2, 1, 0]


def test_nan_for_requests_at_the_same_time_is_a_wrong_answer() -> None:
    """Only in the second round, when every row has had a right answer."""
    lock, count = threading.Lock(), {"now": 0, "together": 0}

    def answer(rows: np.ndarray) -> np.ndarray:
        with lock:
            count["now"] += 1
        time.sleep(0.02)
        with lock:
            count["together"] += count["now"] > 1
            count["now"] -= 1
        outputs = predict(SCALER.transform(rows))
        return outputs * np.nan if count["together"] > 45 else outputs

    with running(Stub(refuse_wrong_rows(answer, COLUMNS))) as stub:
        verdicts = ask(stub.url, predict)
    assert found(verdicts)["KC913"] == ("fail", "endpoint-mixes-requests")


def test_state_between_requests_is_found() -> None:
    """The answers of a stateful layer go on from the request before."""
    state = np.zeros(2, "float32")

    def answer(rows: np.ndarray) -> np.ndarray:
        outputs = predict(SCALER.transform(rows))
        for row in outputs:
            row += 0.3 * state
            state[:] = np.tanh(row)
        return outputs

    with running(Stub(refuse_wrong_rows(answer, COLUMNS))) as stub:
        verdicts = ask(stub.url, predict)
    assert found(verdicts)["KC912"] == ("fail", "endpoint-keeps-state")


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"<!DOCTYPE html><p>hello", 200),
        (b'{"predictions": [[1.0, 2.', 200),
        (b'{"predictions": "none"}', 200),
        (b'{"error": "no model"}', 200),
        (b"[" * 100_000, 200),
        (b"oops", 500),
        (b"", 503),
    ],
)
def test_no_answer_is_an_error_and_never_a_pass(raw: bytes, status: int) -> None:
    with running(Stub(SERVICES["healthy"](predict), raw=raw, status=status)) as stub:
        verdicts = ask(stub.url, predict)
    assert {verdict.status for verdict in verdicts.values()} == {Status.ERROR}
    assert all("\n" not in str(verdict.reason) for verdict in verdicts.values())


def test_a_service_that_is_down_or_slow_is_asked_once() -> None:
    stub = Stub(SERVICES["healthy"](predict))
    stub.server_close()
    assert {each.status for each in ask(stub.url, predict).values()} == {Status.ERROR}
    with running(Stub(SERVICES["healthy"](predict))) as slow:
        slow.delay = 1.0
        assert {each.status for each in ask(slow.url, predict, timeout=0.2).values()} == {Status.ERROR}
        assert len(slow.requests) <= 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_to_another_host_is_not_followed(status: int) -> None:
    with running(Stub(SERVICES["healthy"](predict))) as other:
        stub = Stub(SERVICES["healthy"](predict), status=status)
        stub.location = other.url.replace("127.0.0.1", "localhost")
        with running(stub):
            verdicts = ask(stub.url, predict)
        assert not other.requests
    assert {verdict.status for verdict in verdicts.values()} == {Status.ERROR}


@pytest.mark.parametrize("location", ["http://[x", "//[::1", "http://localhost:abc/x"])
def test_a_redirect_to_nowhere_is_an_error(location: str) -> None:
    stub = Stub(SERVICES["healthy"](predict), status=307)
    stub.location = location
    with running(stub):
        verdicts = ask(stub.url, predict)
    assert {verdict.status for verdict in verdicts.values()} == {Status.ERROR}


def test_the_number_of_requests_is_a_limit() -> None:
    with running(Stub(SERVICES["healthy"](predict))) as stub:
        verdicts = ask(stub.url, predict, requests=10)
        assert len(stub.requests) <= 10
    assert verdicts["KC913"].status is Status.ERROR


def test_headers_come_from_the_environment_and_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVICE_KEY", "very-secret-word")
    with running(Stub(SERVICES["no scaling"](predict))) as stub:
        verdicts = ask(stub.url, predict, headers={"Authorization": "SERVICE_KEY"})
        assert stub.headers["Authorization"] == "very-secret-word"
    assert "very-secret-word" not in repr(verdicts)
    assert os.environ["SERVICE_KEY"]


@pytest.mark.parametrize("written", ["null", "NaN", '"NaN"'])
def test_nan_is_read_in_every_form_and_quotes_are_called_out(written: str) -> None:
    """The model gives NaN in one row, as does the service."""

    def with_nan(rows: np.ndarray) -> np.ndarray:
        outputs = predict(rows)
        outputs[rows[:, 0] > 2.0] = np.nan
        return outputs

    def answer(rows: np.ndarray) -> object:
        listed = with_nan(SCALER.transform(rows)).tolist()
        return json.loads(json.dumps(listed).replace("NaN", written))

    with running(Stub(refuse_wrong_rows(answer, COLUMNS))) as stub:
        verdicts = ask(stub.url, with_nan)
    expected = {"KC914": ("warn", None)} if written.startswith('"') else {}
    assert found(verdicts) == expected


def test_missing_elements_are_not_read_as_nan() -> None:
    def answer(rows: np.ndarray) -> object:
        outputs = predict(SCALER.transform(rows)).tolist()
        outputs[0] = outputs[0][:1]
        return outputs

    with running(Stub(answer)) as stub:
        verdicts = ask(stub.url, predict)
    assert found(verdicts)["KC911"] == ("fail", "endpoint-answers-missing")


def test_a_service_that_takes_anything_is_a_warning() -> None:
    def answer(rows: np.ndarray) -> np.ndarray:
        full = np.zeros((len(rows), COLUMNS))
        width = min(COLUMNS, rows.shape[1])
        full[:, :width] = rows[:, :width]
        return predict(SCALER.transform(full))

    with running(Stub(answer)) as stub:
        verdicts = ask(stub.url, predict)
    assert found(verdicts) == {"KC914": ("warn", "endpoint-accepts-wrong-rows")}


def test_a_batcher_that_does_not_check_rows_is_a_warning() -> None:
    """With a check in front of it, the same batcher passes, see the test of all planted faults."""
    with running(Stub(SERVICES["a batcher"](predict))) as stub:
        verdicts = ask(stub.url, predict)
    assert found(verdicts) == {"KC914": ("warn", "endpoint-wrong-row-fails-batch")}
    assert verdicts["KC914"].findings["harmed"] > 0


@pytest.mark.parametrize("protocol", ["json", "tfserving"])
def test_template_and_path_of_a_plain_service(protocol: str) -> None:
    """A template makes it plain JSON, whatever its URL ends with."""
    stub = Stub(refuse_wrong_rows(SERVICES["healthy"](predict), COLUMNS), protocol)
    with running(stub):
        verdicts = ask(
            stub.url, predict, template={"instances": "ROWS", "who": "kcheck"}, answers="predictions"
        )
        assert stub.requests[0]["who"] == "kcheck"
    assert found(verdicts) == {}
