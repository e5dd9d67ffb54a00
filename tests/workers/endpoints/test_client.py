"""The client of a service: headers, requests and time limits of a whole run, and the order of columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from keras_consistency_cli.config.endpoints import Endpoint
from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.routes.endpoints.table import AGAIN, ANSWERS, CONCURRENT, SINGLE
from keras_consistency_cli.workers.deadline import Deadline
from keras_consistency_cli.workers.endpoints.client import EndpointClient
from tests.helpers.asked_services import FakeWorker
from tests.helpers.planted_services import RAW, SCALER, SERVICES, predict
from tests.helpers.stub_services import Stub, running

ROUTE = "answers@service"


def client(
    url: str, worker: Any = None, *, requests: int = 200, deadline: Deadline | None = None, **given: Any
) -> EndpointClient:
    endpoint = Endpoint.model_validate({"url": url, **given})
    asked = worker or FakeWorker(predict)
    return EndpointClient(endpoint, asked, requests=requests, batch_size=32, scales=True, deadline=deadline)


def test_a_header_without_a_value_is_refused_before_a_model_is_loaded() -> None:
    with pytest.raises(UsageError, match="NOT_SET_ANYWHERE"):
        client("http://localhost/x", headers={"Authorization": "NOT_SET_ANYWHERE"})


def test_the_requests_of_a_run_are_counted_over_all_sets_of_rows() -> None:
    """The rows of a failure are sent once more, and they may not be those of the sample."""
    worker = FakeWorker(predict, RAW[:40])
    with running(Stub(SERVICES["healthy"](predict))) as stub:
        asking = client(stub.url, worker, requests=4)
        first, _ = asking.run(ROUTE, np.arange(40))
        worker.rows = RAW[40:80]
        second, _ = asking.run(ROUTE, np.arange(40, 80))
    assert first.ran
    assert "4 requests are spent" in str(second.error)


def test_the_time_limit_of_the_run_holds_for_a_slow_service() -> None:
    with running(Stub(SERVICES["healthy"](predict))) as stub:
        stub.delay = 1.0
        asking = client(stub.url, deadline=Deadline(answer=600.0, total=0.3))
        first, _ = asking.run(ROUTE, np.arange(96))
        second, _ = asking.run(ROUTE, np.arange(96))
    assert len(stub.requests) <= 1
    assert "not answer in time" in str(first.error)
    assert second.error

    over = client("http://127.0.0.1:1/x", deadline=Deadline(answer=600.0, total=0.0))
    assert "--total-timeout" in str(over.run(ROUTE, np.arange(96))[0].error)


def test_a_service_with_any_name_is_not_asked_again_if_it_is_down() -> None:
    """The name of a service is part of the message."""
    asking = client("http://127.0.0.1:1/spent", requests=1)
    errors = [asking.run(ROUTE, np.arange(96))[0].error for _ in range(2)]
    assert errors[0] == errors[1]


def _one_row(rows: np.ndarray) -> Any:
    """A service that takes one row, and answers with a list of numbers and no axis of rows."""
    if rows.shape != (RAW.shape[1],):
        raise ValueError(f"rows of shape {rows.shape}")
    return predict(SCALER.transform(rows[None]))[0]


@pytest.mark.parametrize("question", [ANSWERS, AGAIN, SINGLE, CONCURRENT])
def test_a_service_of_single_rows_is_asked_row_by_row(question: str) -> None:
    worker = FakeWorker(predict, RAW[:16])
    with running(Stub(_one_row, "json")) as stub:
        asking = client(stub.url, worker, template={"instances": "ROW"}, answers="predictions")
        trace, _ = asking.run(f"{question}@service", np.arange(96))
    assert trace.ran, trace.error
    assert len(stub.requests) <= 64
    # A product of one row and a matrix may round differently than that of many rows.
    np.testing.assert_allclose(trace.outputs["y"], predict(worker.fed())[trace.rows], atol=1e-5)


def test_records_have_the_names_of_columns() -> None:
    worker = FakeWorker(predict, RAW[:16], columns=["a", "b", "c", "d", "e"])
    with running(Stub(lambda rows: rows, "json")) as stub:
        client(stub.url, worker, template={"row": "RECORD"}).run(ROUTE, np.arange(96))
        client(stub.url, worker, template=["RECORDS"]).run(ROUTE, np.arange(96))
    single, many = stub.requests[:2]
    assert single == {"row": dict(zip("abcde", RAW[0].tolist(), strict=True))}
    assert len(many[0]) == 16
    assert many[0][3] == dict(zip("abcde", RAW[3].tolist(), strict=True))


def test_a_record_of_one_column_has_its_name() -> None:
    worker = FakeWorker(lambda rows: rows, np.array([[31.0], [52.0]]), scales=False, columns=["age"])
    with running(Stub(lambda rows: rows, "json")) as stub:
        client(stub.url, worker, template=["RECORDS"]).run(ROUTE, np.arange(2))
    assert stub.requests[0] == [[{"age": 31.0}, {"age": 52.0}]]


@pytest.mark.parametrize("template", ["RECORD", {"rows": "RECORDS"}])
def test_records_without_names_of_columns_are_not_sent(template: object) -> None:
    with running(Stub(lambda rows: rows, "json")) as stub:
        trace, _ = client(stub.url, FakeWorker(predict, RAW[:16]), template=template).run(
            ROUTE, np.arange(96)
        )
    assert "names of columns" in (trace.error or "")
    assert stub.requests == []


@pytest.mark.parametrize(("given", "has_hint"), [({}, True), ({"protocol": "mlflow"}, False)])
def test_a_service_that_refuses_many_rows_may_take_single_ones(given: dict[str, str], has_hint: bool) -> None:
    with running(Stub(_one_row, "json")) as stub:
        trace, _ = client(stub.url, **given).run(ROUTE, np.arange(96))
    assert ("ROW" in (trace.error or "")) is has_hint
