"""Ask a stub service as a run does, with a model in NumPy in the place of the worker: fast, without Keras."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from unittest import mock

import numpy as np
from sklearn.preprocessing import StandardScaler

from keras_consistency_cli.checks.base import Check, Evidence
from keras_consistency_cli.checks.context import DataContext
from keras_consistency_cli.checks.registry import CHECKS
from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.measurement.facts import Facts, LayerFact
from keras_consistency_cli.measurement.measure import RowOutputs, compare
from keras_consistency_cli.routes.endpoints.orders import COLUMN_ORDERS, ORDER_ROWS, _orders
from keras_consistency_cli.routes.endpoints.table import endpoint_routes
from keras_consistency_cli.routes.sequences.states import FROM_RESET
from keras_consistency_cli.routes.trace import GIVEN_ROWS, REFERENCE, Trace
from keras_consistency_cli.workers.endpoints import budget
from keras_consistency_cli.workers.endpoints.client import EndpointClient
from tests.helpers.planted_services import CODES, RAW, SCALER, Predict

__all__ = ["FakeWorker", "ask", "found"]

NOISE = 2e-7


class FakeWorker:
    """Runs the routes that a client asks its worker for."""

    def __init__(
        self,
        predict: Predict,
        rows: np.ndarray = RAW,
        *,
        scales: bool = True,
        columns: Sequence[str] = (),
        from_reset: Predict | None = None,
    ) -> None:
        self.predict, self.rows, self.scales, self.columns = predict, rows, scales, list(columns)
        self.from_reset = from_reset

    def fed(self) -> np.ndarray:
        return SCALER.transform(self.rows).astype("float32") if self.scales else self.rows.astype("float32")

    def run(self, route: str, numbers: np.ndarray) -> tuple[Trace, Trace | None]:
        fed = self.fed()
        if route == GIVEN_ROWS:
            rows = self.rows if self.scales else fed
            details = {"columns": self.columns, "step_size": int(self.from_reset is not None)}
            given = Trace(route=route, outputs={"x": rows}, details=details)
            return given, Trace(route=f"{route}-baseline", outputs={"x": fed})
        if route == REFERENCE:
            return Trace(
                route=route, outputs={"y": self.predict(fed if self.from_reset is None else fed[numbers])}
            ), None
        assert route == COLUMN_ORDERS
        orders, tried = [], []
        for order in _orders(self.rows.shape[1]):
            tried.append(fed[:ORDER_ROWS, order])
            orders.append({"order": order, "scaled": True})
            if self.scales:
                tried.append(SCALER.transform(self.rows[:ORDER_ROWS, order]))
                orders.append({"order": order, "scaled": False})
        outputs = {"y": self.predict(np.concatenate(tried))}
        return Trace(route=route, outputs=outputs, details={"orders": orders}), None

    def mistakes(self) -> Mapping[str, np.ndarray]:
        """The outputs of the model for rows with known mistakes."""
        fed = self.fed()
        batches = [self.rows[start : start + 32] for start in range(0, len(self.rows), 32)]
        refitted = np.concatenate([StandardScaler().fit_transform(batch) for batch in batches])
        return {
            REFERENCE: self.predict(fed),
            "scaled-twice": self.predict(SCALER.transform(fed)),
            "refit-batches": self.predict(refitted),
            "refit-single": self.predict(np.zeros_like(fed)),
        }


def ask(
    url: str,
    predict: Predict,
    *,
    scales: bool = True,
    stateful: bool = False,
    data: np.ndarray = RAW,
    requests: int = 200,
    from_reset: Predict | None = None,
    **given: Any,
) -> dict[str, Verdict]:
    """Ask a service everything and return the verdicts by code.

    A model that carries state has `from_reset`: its outputs if the state is reset before each row.
    """
    endpoint = {"url": url, **given}
    scaler = {"scaler": "s.joblib"} if scales else {}
    settings = Settings.model_validate({"model": "m.keras", "endpoints": [endpoint], **scaler})
    checks = [check.configured(settings) for check in CHECKS if check.code in CODES]
    worker = FakeWorker(predict, data, scales=scales, from_reset=from_reset)
    client = EndpointClient(
        settings.endpoints[0],
        worker,
        requests=requests,
        batch_size=32,
        scales=scales,  # type: ignore[arg-type]
    )
    numbers = np.arange(len(data))
    known = (
        worker.mistakes() if from_reset is None else {REFERENCE: predict(data), FROM_RESET: from_reset(data)}
    )
    traces = {name: Trace(route=name, outputs={"y": values}) for name, values in known.items()}
    with mock.patch.object(budget, "PER_SECOND", 10_000):  # no waiting between requests
        for route in endpoint_routes(settings.endpoint_labels()):
            traces |= {trace.route: trace for trace in client.run(route.name, numbers) if trace is not None}
    evidence = Evidence(
        facts=_facts(stateful),
        policy=settings.policy(),
        traces=traces,
        comparisons=dict(_compared(checks, traces, numbers)),
        noise={"y": _noise(known[REFERENCE])},
        rows=len(data),
        data=DataContext(endpoint_rows={each.label: each.rows for each in settings.endpoints}),
    )
    return {check.code: check.verdict(evidence) for check in checks}


def found(verdicts: Mapping[str, Verdict]) -> dict[str, tuple[str, str | None]]:
    """What is not a pass, by code, with its cause."""
    return {
        code: (verdict.status.value, verdict.findings.get("cause"))
        for code, verdict in verdicts.items()
        if verdict.status is not Status.PASS
    }


def _compared(checks: list[Check], traces: Mapping[str, Trace], numbers: np.ndarray) -> Any:
    for check in checks:
        for pair in check.pairs:
            sides = [traces.get(pair.candidate), traces.get(pair.reference)]
            if all(side is not None and side.ran and side.outputs for side in sides):
                one, other = (RowOutputs(outputs=side.outputs, rows=side.rows) for side in sides if side)
                yield (
                    (pair.candidate, pair.reference),
                    compare(
                        (pair.candidate, pair.reference),
                        one,
                        other,
                        row_numbers=numbers,
                    ),
                )


def _noise(outputs: np.ndarray) -> Comparison:
    return Comparison(
        candidate=REFERENCE,
        reference="predict-float64",
        output="y",
        rows=len(outputs),
        elements=outputs.size,
        noise_elements=outputs.size,
        max_abs=NOISE,
        noise_max=NOISE,
        scale=float(np.abs(outputs).max()),
    )


def _facts(stateful: bool) -> Facts:
    layers = (LayerFact(path="rnn", kind="LSTM", stateful=stateful),)
    return Facts(name="m", kind="Sequential", parameters=1, layers=layers, inputs=(), outputs=())
