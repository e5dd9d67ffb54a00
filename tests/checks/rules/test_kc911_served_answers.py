"""KC911: the answers of a service compared with predict."""

from __future__ import annotations

import numpy as np
import pytest

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.checks.rules.kc911_served_answers import CHECK
from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.measurement.policy import Policy
from tests.helpers.asked_services import ask
from tests.helpers.planted_services import COLUMNS, SCALER, predict
from tests.helpers.stub_services import Stub, refuse_wrong_rows, running


def test_without_a_service_it_is_skipped() -> None:
    facts = Facts(name="m", kind="Sequential", parameters=0, layers=(), inputs=(), outputs=())
    assert (
        CHECK.verdict(Evidence(facts=facts, policy=Policy(), traces={}, comparisons={})).status is Status.SKIP
    )


@pytest.mark.parametrize(
    ("error", "status"),
    [(0.0, Status.PASS), (1e-7, Status.PASS), (1e-3, Status.FAIL), (float("nan"), Status.FAIL)],
)
def test_the_limit_is_rounding_noise(error: float, status: Status) -> None:
    def answer(rows: np.ndarray) -> np.ndarray:
        return predict(SCALER.transform(rows)).astype("float64") + error

    with running(Stub(refuse_wrong_rows(answer, COLUMNS))) as stub:
        assert ask(stub.url, predict)["KC911"].status is status


@pytest.mark.parametrize(("factor", "status"), [(1.0, Status.PASS), (1.01, Status.FAIL)])
def test_a_service_that_refuses_scaled_rows_is_judged_by_raw_ones(factor: float, status: Status) -> None:
    def answer(rows: np.ndarray) -> np.ndarray:
        if np.allclose(rows.mean(axis=0), 0.0, atol=2.0):
            raise ValueError("these rows are scaled")
        return factor * predict(SCALER.transform(rows))

    with running(Stub(answer)) as stub:
        assert ask(stub.url, predict)["KC911"].status is status
