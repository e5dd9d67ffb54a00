"""in process: this client answers like that of a worker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.errors import NoVerdictError, RefusedError
from keras_consistency_cli.loading.model.facts import describe_model
from keras_consistency_cli.loading.rows.in_memory import open_live_rows
from keras_consistency_cli.loading.subject import Subject
from keras_consistency_cli.loading.subject_spec import InMemoryInputs, SubjectFiles
from keras_consistency_cli.workers import deadline as deadlines
from keras_consistency_cli.workers.child.executor import Executor
from keras_consistency_cli.workers.deadline import Deadline
from keras_consistency_cli.workers.in_process import InProcessClient
from keras_consistency_cli.workers.pool import map_concurrently
from tests.helpers.live_models import NASTY

X = np.random.default_rng(0).normal(size=(6, 3)).astype("float32")
LOAD = {"files": {"model": "", "data": "x"}, "options": {"batch_size": 4, "sizes": [2], "seed": 0}}


class Broken(layers.Layer):
    """Cannot be called without the flag."""

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        if training is None:
            raise ValueError("no flag")
        return inputs

    def compute_output_spec(self, inputs: Any, training: bool | None = None) -> Any:
        return keras.KerasTensor(inputs.shape, inputs.dtype)


def client(
    *stack: Any, deadline: Deadline | None = None, unavailable: Mapping[str, str] | None = None
) -> InProcessClient:
    model = keras.Sequential([keras.Input((3,), name="x"), *stack, layers.Dense(1, name="out")])
    in_memory = InMemoryInputs(rows={"data": open_live_rows(X, what="x")})
    executor = Executor(
        lambda files: Subject(
            files=SubjectFiles(**files), model=model, facts=describe_model(model), in_memory=in_memory
        )
    )
    deadline = deadline or Deadline(answer=60.0)
    return InProcessClient(executor, LOAD, deadline=deadline, unavailable=unavailable or {})


def test_it_loads_describes_and_runs() -> None:
    live = client()
    facts, rows_description = live.load()
    assert ([fact.name for fact in facts.inputs], rows_description) == (["x"], "")
    description = live.describe(every=True)
    assert [(rows.input, rows.columns[0].count) for rows in description.fed] == [("x", 6)]
    trace, baseline = live.run("predict", np.array([1, 4]))
    assert (trace.route, trace.ran, baseline) == ("predict", True, None)
    assert trace.outputs["out"].shape == (2, 1)
    assert (live.lost(), live.unprotected) == (None, ())


def test_a_baseline_is_returned_and_the_model_is_not_changed() -> None:
    live = client(layers.BatchNormalization())
    trace, baseline = live.run("reloaded", np.arange(6))
    assert baseline is not None
    assert np.array_equal(trace.outputs["out"], baseline.outputs["out"])
    before = live.run("predict", np.arange(6))[0].outputs["out"]
    assert not np.array_equal(live.run("training-call", np.arange(6))[0].outputs["out"], before)
    assert np.array_equal(live.run("predict", np.arange(6))[0].outputs["out"], before)


class FailingOnce(layers.Layer):
    """Adds 1 to a weight, and then fails if it is called without the flag."""

    def build(self, _shape: Any) -> None:
        self.count = self.add_weight(shape=(), initializer="zeros", trainable=False, name="count")

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        self.count.assign_add(1.0)
        if training is None:
            raise ValueError("no flag")
        return inputs + self.count

    def compute_output_spec(self, inputs: Any, training: bool | None = None) -> Any:
        return keras.KerasTensor(inputs.shape, inputs.dtype)


def test_each_route_starts_from_the_loaded_model() -> None:
    live, rows = client(FailingOnce()), np.arange(6)
    first = live.run("call", rows)[0]
    assert [change.path for change in first.changed] != []
    for other in ("bare-call", "call-float64", "predict", "adapt-all"):
        live.run(other, rows)
        again = live.run("call", rows)[0]
        assert np.array_equal(again.outputs["out"], first.outputs["out"])
        assert again.changed == first.changed


def test_a_route_that_needs_a_worker_is_unavailable() -> None:
    trace, baseline = client(unavailable={"fresh-process": "no such process"}).run(
        "fresh-process", np.arange(6)
    )
    assert (trace.route, trace.unavailable, trace.error, baseline) == (
        "fresh-process",
        "no such process",
        None,
        None,
    )


def test_an_exception_becomes_an_error_and_the_next_route_runs() -> None:
    live = client(Broken())
    trace, _ = live.run("bare-call", np.arange(6))
    assert trace.error is not None
    assert "no flag" in trace.error
    assert live.run("call", np.arange(6))[0].ran


def test_when_the_time_is_over_no_route_runs(
    monkeypatch: pytest.MonkeyPatch, wording: SnapshotAssertion
) -> None:
    monkeypatch.setattr(deadlines.time, "monotonic", lambda: 100.0)
    late = Deadline(answer=60.0, total=5.0, began=0.0)
    assert client(deadline=late).run("predict", np.arange(6))[0].error == wording
    with pytest.raises(NoVerdictError):
        client(deadline=late).load()


def test_a_refusal_while_loading_keeps_its_class() -> None:
    def refuse(_files: Mapping[str, Any]) -> Subject:
        raise RefusedError("not this one", fix="another one")

    with pytest.raises(RefusedError) as caught:
        InProcessClient(Executor(refuse), LOAD, deadline=Deadline(answer=60.0), unavailable={}).load()
    assert str(caught.value) == "not this one\nfix: another one"


def test_details_that_json_cannot_hold_are_an_error_as_in_a_worker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    live = client()
    live.load()
    monkeypatch.setattr(Executor, "answer", lambda *_: ({"details": {"x": np.zeros(2)}}, {}))
    with pytest.raises(TypeError):
        live.run("predict", np.arange(6))


def test_a_single_client_runs_in_this_thread() -> None:
    import threading

    assert map_concurrently([client()], lambda _: threading.current_thread()) == [threading.current_thread()]


def test_a_closed_client_lets_go_of_the_model() -> None:
    import gc
    import weakref

    model, _ = NASTY["counter in call"]() if callable(NASTY["counter in call"]) else NASTY["counter in call"]
    kept = weakref.ref(model)
    live = InProcessClient(
        Executor(
            lambda files: Subject(files=SubjectFiles(**files), model=kept(), facts=describe_model(kept()))
        ),
        {**LOAD, "files": {"model": ""}},
        deadline=Deadline(answer=60.0),
        unavailable={},
    )
    live.load()
    live.close()
    live.close()
    del model
    gc.collect()
    assert kept() is None
