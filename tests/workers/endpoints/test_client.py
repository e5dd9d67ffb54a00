"""The client of a service: headers, requests and time limits of a whole run, and the order of columns."""

from __future__ import annotations

from typing import Any

import pytest

from keras_consistency_cli.config.endpoints import Endpoint
from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.workers.endpoints.client import EndpointClient
from tests.helpers.asked_services import FakeWorker
from tests.helpers.planted_services import predict


def client(url: str, worker: Any = None, *, requests: int = 200, **given: Any) -> EndpointClient:
    endpoint = Endpoint.model_validate({"url": url, **given})
    return EndpointClient(
        endpoint, worker or FakeWorker(predict), requests=requests, batch_size=32, scales=True
    )


def test_a_header_without_a_value_is_refused_before_a_model_is_loaded() -> None:
    with pytest.raises(UsageError, match="NOT_SET_ANYWHERE"):
        client("http://localhost/x", headers={"Authorization": "NOT_SET_ANYWHERE"})
