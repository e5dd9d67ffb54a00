"""A FastAPI application with the services of tests/helpers/planted_services.py; tests run it with uvicorn.

Its environment has neither Keras nor kcheck. FastAPI runs the handlers in several threads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

from tests.helpers.planted_services import COLUMNS, SERVICES, predict
from tests.helpers.recurrent import FEATURES, STEPS, make_recurrent
from tests.helpers.sequence_services import SEQUENCE_SERVICES, SequenceAnswers, answer_in_sequence

app = FastAPI()


class Rows(BaseModel):
    """The body of a request."""

    instances: list[Any]


class Steps(Rows):
    """The body of a request that continues a sequence."""

    session: str


@app.get("/ready")
def ready() -> dict[str, bool]:
    """Answer as soon as the server runs."""
    return {"ready": True}


def _add(path: str, answers: Callable[[np.ndarray], Any], shape: tuple[int, ...]) -> None:
    """Add a service that refuses rows of another shape with status 422."""

    @app.post(f"/{path}/predict")
    def respond(request: Rows) -> dict[str, Any]:
        outputs = answers(_read(request, shape))
        return {"predictions": outputs.tolist() if isinstance(outputs, np.ndarray) else outputs}


def _add_sequences(path: str, run: SequenceAnswers) -> None:
    """Add a service that continues sequences of requests."""
    states: dict[str, np.ndarray] = {}
    lock = threading.Lock()

    @app.post(f"/{path}/predict")
    def respond(request: Steps) -> dict[str, Any]:
        rows = _read(request, (STEPS, FEATURES))
        with lock:
            return {"predictions": answer_in_sequence(run, states, request.session, rows).tolist()}


def _read(request: Rows, shape: tuple[int, ...]) -> np.ndarray:
    try:
        rows = np.asarray(request.instances, "float64")
    except (ValueError, TypeError) as error:
        raise HTTPException(422, "no numbers") from error
    if rows.shape[1:] != shape:
        raise HTTPException(422, f"rows of shape {rows.shape}")
    return rows


for name, make in SERVICES.items():
    _add(name.replace(" ", "-"), make(predict), (COLUMNS,))
_add("state-reset", make_recurrent(resets=True), (STEPS, FEATURES))
_add("state-shared", make_recurrent(resets=False), (STEPS, FEATURES))
for name, run in SEQUENCE_SERVICES.items():
    _add_sequences(name.replace(" ", "-"), run)
