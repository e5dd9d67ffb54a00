"""KC912: answers to the same rows in other requests."""

from __future__ import annotations

import pytest

from keras_consistency_cli.checks.verdict import Status
from tests.helpers.asked_services import ask
from tests.helpers.planted_services import COLUMNS, SERVICES, predict
from tests.helpers.stub_services import Stub, refuse_wrong_rows, running


@pytest.mark.parametrize(
    ("name", "status"), [("healthy", Status.PASS), ("stale rows after a large batch", Status.FAIL)]
)
def test_status(name: str, status: Status) -> None:
    with running(Stub(refuse_wrong_rows(SERVICES[name](predict), COLUMNS))) as stub:
        assert ask(stub.url, predict)["KC912"].status is status
