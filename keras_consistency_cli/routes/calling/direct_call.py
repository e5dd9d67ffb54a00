"""Routes that call the model as a function.

Eagerly, traced, compiled with XLA, with and without the training argument.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from keras_consistency_cli.measurement.distance import is_numeric
from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.routes.base import Route, RouteFunction, needs_tensorflow
from keras_consistency_cli.routes.calling.training.bare_calls import BARE_CALL, call_bare
from keras_consistency_cli.routes.session.layer_hooks import CallStack, intercept_calls
from keras_consistency_cli.routes.trace import Outputs, Result, Rows, WhyNoOutputs

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["CALLING_ROUTES", "TrainingDetails", "TrainingEffect", "max_difference"]

_MAX_KINDS = 12
_RATES = ("rate", "dropout", "recurrent_dropout")


class TrainingEffect(TypedDict):
    """How far the outputs change if the layers of one class alone run in training mode."""

    kind: str
    layers: list[str]
    max_abs: float


class TrainingDetails(TypedDict):
    """Details of the route `training-call`."""

    effects: list[TrainingEffect]


def _call_route(**kwargs: bool) -> RouteFunction:
    """Return the route function that calls the model eagerly with these arguments.

    It runs one batch: eager calls are slow, and one batch shows a fault as well as ten.
    """

    def run(session: Session, rows: Rows) -> Result:
        batch, positions = session.one_batch(rows)
        return Result(outputs=session.call_once(batch, **kwargs), rows=positions)

    return run


def _call_all_rows(session: Session, rows: Rows) -> Result:
    """Call the model eagerly on all rows, batch by batch; on some of a heavy model.

    Rounding can be much larger in some rows than in others, and this route is one of those that show how
    large it is. The first batch is that of the routes that run one batch: some are compared with this one.
    """
    some, positions = session.few_rows(rows)
    # Keras keeps the outputs of all layers until an eager call ends.
    size = session.question_batch if session.is_heavy else session.batch_size
    with session.fast_loops(some):
        return Result(outputs=session.calls(some, size, training=False), rows=positions)


def _call_as_given(session: Session, rows: Rows) -> Result:
    """Call the model with the rows' own dtype, if that is not the dtype that predict feeds."""
    batch, positions = session.one_batch(rows)
    if all(session.cast(values).dtype == values.dtype for values in batch.values()):
        details: WhyNoOutputs = {"reason": "the rows have the dtype that predict feeds"}
        return Result(outputs={}, details=details)
    return Result(outputs=session.call_once(batch, training=False, cast=False), rows=positions)


def _training_call(session: Session, rows: Rows) -> Result:
    """Call `model(x, training=True)` on one batch.

    The effect of each class of layers alone is measured, too. Seeds are fixed, so that it can be repeated.
    """
    batch, positions = session.one_batch(rows)
    session.restore()
    inference = session.call_once(batch, training=False)
    session.restore()
    session.snapshot.fix_seeds()
    outputs = session.call_once(batch, training=True)
    effects: list[TrainingEffect] = []
    for kind, paths in list(_layers_with_flag(session).items())[:_MAX_KINDS]:
        session.restore()
        session.snapshot.fix_seeds()
        with _in_training(session.model, set(paths)):
            changed = session.call_once(batch, training=False)
        effects.append({"kind": kind, "layers": paths, "max_abs": max_difference(changed, inference)})
    details: TrainingDetails = {"effects": effects}
    return Result(outputs=outputs, rows=positions, details=details)


def _layers_with_flag(session: Session) -> dict[str, list[str]]:
    """Return the paths of layers without sublayers whose call takes `training`, by class."""
    from keras_consistency_cli.loading.model.layer_walk import walk_layers

    with_flag = {fact.path for fact in session.facts.layers if fact.takes_training}
    paths: dict[str, list[str]] = {}
    for path, layer in walk_layers(session.model):
        if path in with_flag and not any(True for _ in walk_layers(layer)) and not _ignores_flag(layer):
            paths.setdefault(type(layer).__name__, []).append(path)
    return paths


def _ignores_flag(layer: Any) -> bool:
    """Whether a layer of Keras does the same in training: it drops values only, at a rate of 0."""
    from keras_consistency_cli.loading.model.layer_walk import is_keras_class

    rates = [rate for name in _RATES if (rate := getattr(layer, name, None)) is not None]
    return is_keras_class(type(layer)) and bool(rates) and not any(rates)


@contextmanager
def _in_training(model: Any, paths: set[str]) -> Iterator[None]:
    """Pass training=True to these layers only, whatever the model passes to them."""
    from keras_consistency_cli.loading.model.layer_walk import walk_layers

    chosen = {id(layer) for path, layer in walk_layers(model) if path in paths}

    def around(running: CallStack, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return original(*args, **({**kwargs, "training": True} if id(running[-1]) in chosen else kwargs))

    with intercept_calls(around):
        yield


def max_difference(candidate: Outputs, reference: Outputs) -> float:
    """Return the greatest absolute difference over all numeric outputs."""
    differences = [
        np.abs(values.astype(float) - candidate[name].astype(float)).max(initial=0.0)
        for name, values in reference.items()
        if is_numeric(values.dtype)
    ]
    return float(max(differences, default=0.0))


def _compiled_call_route(jit_compile: bool) -> RouteFunction:
    """Return the route function that calls the model inside a tf.function, on the first batch."""

    def run(session: Session, rows: Rows) -> Result:
        from keras_consistency_cli.routes.session.tensorflow import on_tensorflow

        batch, positions = session.one_batch(rows)
        traced = on_tensorflow(session)
        # The compiled step calls the model with the same arguments, and is traced already.
        if not (session.facts.overridden or session.model.jit_compile):
            with suppress(Exception) if jit_compile else nullcontext():
                run_batch = traced.xla_step if jit_compile else traced.step
                return Result(outputs=run_batch(batch), rows=positions)
            # XLA may refuse a trace with an unknown number of rows and take one with a known number.
            session.restore()
        return Result(outputs=traced.tracing(jit_compile=jit_compile)(batch), rows=positions)

    return run


def _needs_tensorflow(facts: Facts) -> str | None:
    return needs_tensorflow(facts, "tf.function needs TensorFlow")


def _needs_xla(facts: Facts) -> str | None:
    if any(fact.dtype == "string" for fact in facts.inputs):
        return "XLA does not support strings"
    return _needs_tensorflow(facts)


CALLING_ROUTES: tuple[Route, ...] = (
    Route(name="call", summary="model(x, training=False), eager", run=_call_all_rows),
    Route(
        name="call-as-given",
        summary="model(x, training=False) with the rows' own dtype",
        run=_call_as_given,
    ),
    Route(
        name="call-float64",
        summary="model(x, training=False) on the float64 copy",
        run=_call_route(training=False),
        precision="float64",
        placement="float64",
    ),
    Route(name=BARE_CALL, summary="model(x) without the training argument", run=call_bare),
    Route(name="training-call", summary="model(x, training=True)", run=_training_call, moves=True),
    Route(
        name="graph",
        summary="tf.function(model)",
        run=_compiled_call_route(jit_compile=False),
        unavailable=_needs_tensorflow,
    ),
    Route(
        name="xla",
        summary="tf.function(model, jit_compile=True)",
        run=_compiled_call_route(jit_compile=True),
        unavailable=_needs_xla,
    ),
)
