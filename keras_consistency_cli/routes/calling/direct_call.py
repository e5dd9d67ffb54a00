"""Routes that call the model as a function: eager, traced, compiled with XLA, and with the training flag in its three positions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.session.batches import batches, count, first, stack
from keras_consistency_cli.routes.session.layer_hooks import Running, intercepted
from keras_consistency_cli.routes.trace import Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["CALLING_ROUTES"]

_MOST_KINDS = 12


def _called(**kwargs: Any) -> Callable[[Session, Rows], Result]:
    def run(session: Session, rows: Rows) -> Result:
        return Result(
            outputs=stack([session.call(batch, **kwargs) for batch in batches(rows, session.batch_size)])
        )

    return run


def _called_once(session: Session, rows: Rows) -> Result:
    """The eager call on the first batch alone: on a float64 copy it is slow, and one batch shows a fault as well as ten."""
    batch = first(rows, session.batch_size)
    return Result(outputs=session.call(batch, training=False), rows=np.arange(count(batch)))


def _training_call(session: Session, rows: Rows) -> Result:
    """`model(x, training=True)` on one batch, and each kind of layer that answers to the flag switched on alone."""
    batch = first(rows, session.batch_size)
    session.restore()
    base = session.call(batch, training=False)
    session.restore()
    outputs = session.call(batch, training=True)
    sensitive = _sensitive(session)
    effects = []
    for kind, paths in list(sensitive.items())[:_MOST_KINDS]:
        session.restore()
        with _switched_on(session.model, set(paths)):
            moved = session.call(batch, training=False)
        effects.append({"kind": kind, "layers": paths, "max_abs": _furthest(base, moved)})
    return Result(outputs=outputs, rows=np.arange(count(batch)), details={"effects": effects})


def _sensitive(session: Session) -> dict[str, list[str]]:
    """Layers without sublayers whose call takes `training`, grouped by class."""
    from keras_consistency_cli.loading.model.facts import walk_layers

    found: dict[str, list[str]] = {}
    for path, layer in walk_layers(session.model):
        takes = any(fact.path == path and fact.takes_training for fact in session.facts.layers)
        if takes and not any(True for _ in walk_layers(layer)):
            found.setdefault(type(layer).__name__, []).append(path)
    return found


@contextmanager
def _switched_on(model: Any, paths: set[str]) -> Iterator[None]:
    """Give training=True to these layers alone, whatever the model passes them."""
    from keras_consistency_cli.loading.model.facts import walk_layers

    chosen = {id(layer) for path, layer in walk_layers(model) if path in paths}

    def around(running: Running, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return original(*args, **({**kwargs, "training": True} if id(running[-1]) in chosen else kwargs))

    with intercepted(around):
        yield


def _furthest(base: dict[str, np.ndarray], moved: dict[str, np.ndarray]) -> float:
    distances = [
        np.abs(base[name].astype(float) - moved[name].astype(float)).max(initial=0.0)
        for name in base
        if base[name].dtype.kind in "fiub"
    ]
    return float(max(distances, default=0.0))


def _graph(jit_compile: bool) -> Callable[[Session, Rows], Result]:
    def run(session: Session, rows: Rows) -> Result:
        from keras_consistency_cli.routes.session.tensorflow import on_tensorflow

        batch = first(rows, session.batch_size)
        outputs = on_tensorflow(session).graph(batch, jit_compile=jit_compile)
        return Result(outputs=outputs, rows=np.arange(count(batch)))

    return run


def _tensorflow_only(facts: Facts) -> str | None:
    return (
        None
        if facts.backend == "tensorflow"
        else f"on {facts.backend} the backend decides how a model is compiled"
    )


def _without_strings(facts: Facts) -> str | None:
    if any(fact.dtype == "string" for fact in facts.inputs):
        return "XLA has no strings"
    return _tensorflow_only(facts)


CALLING_ROUTES: tuple[Route, ...] = (
    Route(name="call", summary="model(x, training=False), eager", run=_called(training=False)),
    Route(
        name="call-as-given",
        summary="model(x, training=False) with the rows' own dtype",
        run=_called(training=False, cast=False),
    ),
    Route(
        name="call-float64",
        summary="model(x, training=False) on the float64 copy",
        run=_called_once,
        precision="float64",
        placement="shadow",
    ),
    Route(name="bare-call", summary="model(x), no flag given", run=_called()),
    Route(name="training-call", summary="model(x, training=True)", run=_training_call),
    Route(
        name="graph",
        summary="tf.function(model)",
        run=_graph(jit_compile=False),
        unavailable=_tensorflow_only,
    ),
    Route(
        name="xla",
        summary="tf.function(model, jit_compile=True)",
        run=_graph(jit_compile=True),
        unavailable=_without_strings,
    ),
)
