"""worker: it loads, runs every route, and leaves the model unchanged; it is served in this process."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from pydantic import TypeAdapter

from keras_consistency_cli.measurement.data_facts import DataFacts
from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.routes.registry import routes
from keras_consistency_cli.workers import protocol
from keras_consistency_cli.workers.child.executor import NoSession
from keras_consistency_cli.workers.child.main import Worker
from tests.helpers.live_models import NASTY, HardCast, mlp, state_of

FIXED = Facts(
    name="net",
    kind="Sequential",
    parameters=0,
    layers=(),
    inputs=(),
    outputs=(),
    batch_size=4,
    backend="tensorflow",
)
FURTHER = tuple(f"{name}-{number}" for name in ("on-accelerator", "without-tf32") for number in range(1, 8))
"""Routes of accelerators that do not exist here."""
RUNS = [
    pytest.param(name, route.name, id=f"{name}: {route.name}")
    for name in NASTY
    for route in routes((2, 3))
    if (name != "stateful lstm" or route.unavailable(FIXED) is None) and not route.name.endswith(FURTHER)
]
OPTIONS = {"batch_size": 4, "sizes": [2, 3], "seed": 0}
Answer = tuple[dict[str, Any], dict[str, np.ndarray]]


class Served:
    """A worker and the parent's end of its channel; one request is served at a time."""

    def __init__(self) -> None:
        self.near, far = socket.socketpair()
        # A worker takes silence for a closed channel: serve() returns after each answer.
        far.settimeout(0.01)
        self.near.settimeout(5.0)
        self.worker = Worker(far)
        self._far = far

    def ask(self, request: Mapping[str, Any], **arrays: np.ndarray) -> Answer:
        """Send a request, let the worker serve it, return the answer."""
        protocol.send(self.near, request, arrays)
        self.worker.serve()
        return protocol.receive(self.near)

    def load(self, model: Path, **files: Any) -> Answer:
        """Load a model."""
        return self.ask({"op": "load", "files": {"model": str(model), **files}, "options": OPTIONS})

    def run(self, route: str, rows: int = 8) -> Answer:
        """Run a route on the first rows."""
        return self.ask({"op": "run", "route": route}, rows=np.arange(rows))

    def close(self) -> None:
        """Close both ends."""
        self.near.close()
        self._far.close()


def saved(built: tuple[Any, Any], folder: Path) -> tuple[Path, Path]:
    """Write a model and its rows."""
    folder.mkdir(exist_ok=True)
    built[0].save(folder / "m.keras")
    np.save(folder / "x.npy", next(iter(built[1].values())))
    return folder / "m.keras", folder / "x.npy"


@pytest.fixture(scope="module")
def nasty(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A served worker with facts for each nasty model, loaded when first asked for."""
    known: dict[str, tuple[Served, Any]] = {}

    def of(name: str) -> tuple[Served, Any]:
        if name not in known:
            model, data = saved(NASTY[name](), tmp_path_factory.mktemp("nasty"))
            served = Served()
            header, _ = served.load(model, data=str(data))
            assert "error" not in header, header
            known[name] = served, header["facts"]
        return known[name]

    yield of
    for served, _ in known.values():
        served.close()


@pytest.mark.parametrize(("name", "route"), RUNS)
def test_every_route_leaves_the_model_unchanged(name: str, route: str, nasty: Any) -> None:
    served, _ = nasty(name)
    model = served.worker._executor._subject.model
    float64_copy = served.worker._executor._sessions.get("float64")
    has_none = float64_copy is None or isinstance(float64_copy, NoSession)
    states = [model] if has_none else [model, float64_copy.model]
    before = [state_of(one) for one in states]
    header, _ = served.run(route)
    assert "error" not in header, header
    assert [state_of(one) for one in states] == before


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("batch norm in training mode", {"weight"}),
        ("dropout left on", {"seed"}),
        ("stateful lstm", {"state"}),
        ("counter in call", {"weight", "state"}),
    ],
)
def test_the_variables_that_predict_changes_are_in_the_answer(name: str, kinds: set[str], nasty: Any) -> None:
    served, _ = nasty(name)
    header, _ = served.run("predict")
    assert {change["kind"] for change in header["changed"]} == kinds


@pytest.mark.parametrize("name", ["dropout left on", "stateful lstm"])
def test_a_route_gives_the_same_outputs_whatever_ran_before(name: str, nasty: Any) -> None:
    served, _ = nasty(name)
    _, first = served.run("predict")
    served.run("training-call")
    _, again = served.run("predict")
    assert [values.tobytes() for values in first.values()] == [values.tobytes() for values in again.values()]


@pytest.fixture
def served() -> Any:
    worker = Served()
    yield worker
    worker.close()


def test_answers_are_outputs_rows_baseline_and_details(served: Served, tmp_path: Path) -> None:
    built = mlp()
    model, data = saved(built, tmp_path)
    header, _ = served.load(model, data=str(data))
    assert (header["facts"]["kind"], header["rows"]) == ("Sequential", "")
    output = header["facts"]["outputs"][0]["name"]
    header, arrays = served.run("predict", rows=10)
    assert {name: values.tolist() for name, values in arrays.items()} == {
        f"outputs/{output}": built[0].predict(*built[1].values(), batch_size=4, verbose=0).tolist()
    }
    assert (header["details"]["random_operations"], header["changed"]) == ([], [])
    assert header["elapsed_s"] > 0
    header, arrays = served.run("companions")
    assert set(arrays) == {f"outputs/{output}", f"baseline/{output}", "rows"}
    assert header["details"]["deterministic"] is True
    assert set(served.run("predict-float64")[1]) == {f"outputs/{output}"}


def test_generated_rows_are_described(served: Served, tmp_path: Path) -> None:
    model, _ = saved(mlp(), tmp_path)
    header, _ = served.load(model, generated_rows=8)
    assert header["rows"]
    assert next(iter(served.run("predict")[1].values())).shape == (8, 3)


def test_the_reason_for_a_missing_float64_copy_is_an_answer(served: Served, tmp_path: Path) -> None:
    inputs = keras.Input((5,))
    model, data = saved(
        (keras.Model(inputs, HardCast()(layers.Dense(3)(inputs))), {"x": np.ones((8, 5), "float32")}),
        tmp_path,
    )
    served.load(model, data=str(data))
    first, _ = served.run("predict-float64")
    assert first == served.run("one-by-one-float64")[0]
    assert first["unavailable"]


def test_errors_have_their_kind_and_the_worker_goes_on(served: Served, tmp_path: Path) -> None:
    model, data = saved(mlp(), tmp_path)
    np.save(tmp_path / "wide.npy", np.zeros((8, 9), "float32"))
    header, _ = served.load(tmp_path / "none.keras")
    assert header["kind"] == "RefusedError"
    served.load(model, data=str(tmp_path / "wide.npy"))
    header, _ = served.run("predict")
    assert header["kind"] == "DataError"
    header, _ = served.run("no-such-route")
    assert (header["kind"], header["error"].splitlines()) == ("KeyError", ["KeyError: 'no-such-route'"])
    served.load(model, data=str(data))
    assert "error" not in served.run("predict")[0]


def test_a_failing_graph_is_described_by_its_last_lines(served: Served, tmp_path: Path) -> None:
    embedding = keras.Sequential([keras.Input((2,), dtype="int32"), layers.Embedding(9, 3), layers.Flatten()])
    model, data = saved((embedding, {"ids": np.full((8, 2), 99, "int32")}), tmp_path)
    served.load(model, data=str(data))
    header, _ = served.run("predict")
    assert header["kind"] == "InvalidArgumentError"
    assert "= 99 is not in [0, 9)" in header["error"]
    assert len(header["error"].splitlines()) == 1


def test_rows_are_described_as_plain_data(served: Served, tmp_path: Path) -> None:
    built = mlp()
    model, data = saved(built, tmp_path)
    served.load(model, data=str(data))
    header, arrays = served.ask({"op": "describe", "every": False})
    description = TypeAdapter(DataFacts).validate_python(header["description"])
    (values,) = built[1].values()
    assert (arrays, description.generated, description.raw) == ({}, False, description.fed)
    assert description.raw[0].rows == len(values)
    assert [column.mean for column in description.raw[0].columns] == pytest.approx(
        values.mean(axis=0, dtype="float64").tolist()
    )


def test_a_route_finds_the_subject_and_the_numbers_of_its_rows(served: Served, tmp_path: Path) -> None:
    model, data = saved(mlp(), tmp_path)
    served.load(model, data=str(data))
    served.run("predict", rows=3)
    for precision in ("float32", "float64"):
        served.run("predict" if precision == "float32" else "predict-float64", rows=3)
        session = served.worker._executor._sessions[precision]
        assert (session.subject, session.row_numbers.tolist()) == (
            served.worker._executor._subject,
            [0, 1, 2],
        )


def test_a_forked_worker_finds_everything_imported() -> None:
    """What a fork imports itself, every worker of every run imports again."""
    script = (
        "import sys\n"
        "from keras_consistency_cli.workers.child import executor, main\n"
        "main._import_backend()\n"
        "before = set(sys.modules)\n"
        "import keras_consistency_cli.loading.model.load\n"
        "import keras_consistency_cli.loading.profile.profile\n"
        "import keras_consistency_cli.routes.registry\n"
        "print(*sorted(set(sys.modules) - before), 'sklearn' in sys.modules)\n"
        "main._import_scaling()\n"
        "before = set(sys.modules)\n"
        "import sklearn.compose, sklearn.pipeline, sklearn.preprocessing\n"
        "print(*sorted(set(sys.modules) - before))\n"
    )
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False"], "scikit-learn is imported only for scalers"
