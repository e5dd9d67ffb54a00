"""Routes that switch a suspect off, once a check has failed: where the symptom goes with it, the cause is confirmed.

Each makes the two runs that should agree on a few rows, eagerly, as the locating routes do, and then again with the suspected layers held. They
measure, and give no answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.routes.base import Route, plain_routes
from keras_consistency_cli.routes.locating.activation_patching import Experiment, held, without_training
from keras_consistency_cli.routes.locating.layers import finite_batches, neighbour_runs, recorded
from keras_consistency_cli.routes.sequences.mask_restoring import restoring_masks
from keras_consistency_cli.routes.sequences.padding import compare_padding
from keras_consistency_cli.routes.session.batches import count, first
from keras_consistency_cli.routes.session.layer_hooks import Running, intercepted, path_of
from keras_consistency_cli.routes.trace import Outputs, Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["TOGGLING_ROUTES"]

_ROWS = 8


def _predicting(session: Session, rows: Rows, *, restored: bool = True) -> Callable[[], Any]:
    """One eager run as predict makes it, from the state in which the model was loaded, or from where it is."""

    def run() -> Any:
        if restored:
            session.restore()
        return session.model.predict_step((session.pack(rows),))

    return run


def _neighbours(session: Session, rows: Rows) -> Result:
    """The companions replaced, and the layers that let them in held to what they gave before for the rows that stay."""
    for batch, swapped, kept in neighbour_runs(session, rows):
        runs = {"reference": _predicting(session, batch), "candidate": _predicting(session, swapped)}
        found = held(Experiment(**runs, kept=kept, batch=count(batch)))
        if found:
            return Result(outputs={}, details=found)
    return Result(outputs={})


def _repeat(session: Session, rows: Rows) -> Result:
    """A second run from where the first one ended, and the layers that answer otherwise held to what they gave the first time."""
    batch = first(rows, session.facts.batch_size or _ROWS)
    second = _predicting(session, batch, restored=False)
    return Result(
        outputs={},
        details=held(Experiment(reference=_predicting(session, batch), candidate=second, batch=count(batch))),
    )


def _training(session: Session, rows: Rows) -> Result:
    """A bare call, and the layers that answer to it as in training called with training=False."""
    batch = first(rows, session.facts.batch_size or _ROWS)

    def calling(**kwargs: Any) -> Callable[[], Any]:
        def run() -> Any:
            session.restore()
            return session.model(session.pack(batch), **kwargs)

        return run

    return Result(
        outputs={},
        details=without_training(
            Experiment(reference=calling(training=False), candidate=calling(), batch=count(batch))
        ),
    )


def _nonfinite(session: Session, rows: Rows) -> Result:
    """NaN and infinity that a layer makes of finite numbers replaced by 0 where they arise."""
    for batch in finite_batches(session, rows):
        run = _predicting(session, batch)
        with recorded(None, count(batch)) as steps:
            before = _bad_values(run())
        at = next((step.path for step in steps if not step.outputs.finite), None)
        if at is not None:
            with _zeroed(at):
                left = _bad_values(run())
            return Result(outputs={}, details={"held": [at], "before": before, "left": left})
    return Result(outputs={})


def _bad_values(outputs: Any) -> int:
    import keras

    arrays = [np.asarray(keras.ops.convert_to_numpy(leaf)) for leaf in keras.tree.flatten(outputs)]
    return sum(int((~np.isfinite(values)).sum()) for values in arrays if values.dtype.kind == "f")


@contextmanager
def _zeroed(path: str) -> Iterator[None]:
    """Put 0 in the place of NaN and infinity in what one layer gives."""
    import keras

    def nonfinite_zeroed(leaf: Any) -> Any:
        floats = hasattr(leaf, "dtype") and "float" in keras.backend.standardize_dtype(leaf.dtype)
        return keras.ops.where(keras.ops.isfinite(leaf), leaf, keras.ops.zeros_like(leaf)) if floats else leaf

    def around(running: Running, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        outputs = original(*args, **kwargs)
        # The model itself has no path but its name: what it answers is not to be mended.
        return (
            keras.tree.map_structure(nonfinite_zeroed, outputs)
            if len(running) > 1 and path_of(running) == path
            else outputs
        )

    with intercepted(around):
        yield


def _loaded_again(session: Session, rows: Rows) -> Result:
    """Two copies of the same file, or of the model saved once more, and the layers that differ held to what they gave in the first one."""
    from keras_consistency_cli.loading.model.resaving import load_again, save_and_load

    file, how = session.subject.files.model, session.loading
    batch = first(rows, session.facts.batch_size or _ROWS)
    copies = save_and_load(session.model, **how, times=1)
    try:
        # A model that was never a file has nothing to be loaded from.
        again = load_again(Path(file), compiled=False, **how) if file else None
        details = _against_copy(session, again, batch) if again is not None else {}
        details = details or _against_copy(session, next(copies), batch)
    finally:
        copies.close()
    return Result(outputs={}, details=details)


def _against_copy(session: Session, model: Any, batch: Rows) -> dict[str, Any]:
    copy = session.on_copy(model)
    # The copy is built by its first call; from then on both call the same layers in the same order.
    _predicting(copy, batch)()
    return held(
        Experiment(
            reference=_predicting(session, batch), candidate=_predicting(copy, batch), batch=count(batch)
        )
    )


def _plain(session: Session, rows: Rows) -> Result:
    """Predict with what the model's class overrides put back to Keras's own, against model(x, training=False)."""
    import keras

    batch = first(rows, session.facts.batch_size or _ROWS)
    called = _fresh(session, lambda: session.call(batch, training=False))
    before = _fresh(session, lambda: session.predict(batch))
    own, session.model.__class__ = (
        session.model.__class__,
        _without_overrides(session.model, session.facts.overridden, keras.Model),
    )
    try:
        session.forget_traces()
        left = _fresh(session, lambda: session.predict(batch))
    finally:
        session.model.__class__ = own
        session.forget_traces()
    return Result(
        outputs={},
        details={"before": _apart(before, called), "left": _apart(left, called), "scale": _scale(called)},
    )


def _fresh(session: Session, run: Callable[[], Any]) -> Outputs:
    session.restore()
    outputs: Outputs = run()
    return outputs


def _without_overrides(model: Any, overridden: tuple[str, ...], base: type) -> type:
    """The model's class with these methods as Keras has them."""
    return type(
        type(model).__name__,
        (type(model),),
        {name: getattr(base, name) for name in overridden if hasattr(base, name)},
    )


def _apart(mine: Outputs, theirs: Outputs) -> float:
    """The greatest distance by output; infinite where names, shapes or NaN differ."""
    if {name: values.shape for name, values in mine.items()} != {
        name: values.shape for name, values in theirs.items()
    }:
        return float("inf")
    distances = [
        np.abs(values.astype(np.float64) - theirs[name].astype(np.float64))
        for name, values in mine.items()
        if values.dtype.kind in "fiub"
    ]
    return max((float(np.nan_to_num(each, nan=np.inf).max(initial=0.0)) for each in distances), default=0.0)


def _scale(answers: Outputs) -> float:
    """The greatest number among the answers."""
    return max(
        (float(np.abs(values).max(initial=0.0)) for values in answers.values() if values.dtype.kind == "f"),
        default=0.0,
    )


def _mask(session: Session, rows: Rows) -> Result:
    """Rows with and without their padding, with the mask restored, and what it hides zeroed, at each layer that loses it."""
    before = compare_padding(session, rows)
    with restoring_masks() as restored:
        after = compare_padding(session, rows)
    if not before.outputs or not restored or not after.outputs:
        return Result(outputs={})
    distances = {
        "before": _apart(before.outputs, before.baseline or {}),
        "left": _apart(after.outputs, after.baseline or {}),
    }
    return Result(
        outputs={},
        details={"held": list(dict.fromkeys(restored)), **distances, "scale": _scale(after.outputs)},
    )


def _not_overridden(facts: Facts) -> str | None:
    return None if facts.overridden else "the model's class overrides nothing"


TOGGLING_ROUTES: tuple[Route, ...] = (
    *plain_routes(
        {
            "hold-companions": ("neighbours replaced, the layers that let them in held", _neighbours),
            "hold-repeat": ("a second run, the layers that answer otherwise held", _repeat),
            "hold-training": ("a bare call, the layers that train called for inference", _training),
            "hold-nonfinite": ("NaN and infinity replaced where they arise", _nonfinite),
            "hold-masks": ("rows with and without padding, masks restored where they end", _mask),
        }
    ),
    Route(
        name="hold-copies",
        summary="another copy of the file, the layers that differ held",
        run=_loaded_again,
        placement="fresh",
    ),
    Route(name="plain-predict", summary="predict as Keras has it", run=_plain, unavailable=_not_overridden),
)
"""Routes that switch off what a check has found suspicious; they run only then."""
