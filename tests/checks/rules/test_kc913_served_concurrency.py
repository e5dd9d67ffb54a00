"""KC913: answers to requests at the same time."""

from __future__ import annotations

import pytest

from keras_consistency_cli.checks.verdict import Status
from tests.helpers.asked_services import ask
from tests.helpers.planted_services import COLUMNS, SERVICES, predict
from tests.helpers.stub_services import Stub, refuse_wrong_rows, running


@pytest.mark.parametrize(("name", "status"), [("healthy with a lock", Status.PASS), ("a race", Status.FAIL)])
def test_status(name: str, status: Status) -> None:
    with running(Stub(refuse_wrong_rows(SERVICES[name](predict), COLUMNS))) as stub:
        assert ask(stub.url, predict)["KC913"].status is status
