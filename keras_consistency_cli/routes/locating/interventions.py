"""Routes that switch off a suspect after a check has failed.

If the symptom disappears, the cause is confirmed.

Each makes the two runs that should agree on a few rows, eagerly, as the locating routes do, and then again
with the suspected layers switched off. They measure the remaining difference and return no outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from keras_consistency_cli.measurement.distance import is_float
from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.routes.base import Route, plain_routes
from keras_consistency_cli.routes.locating.activation_patching import (
    Experiment,
    PatchDetails,
    disable_training,
    patch_layers,
)
from keras_consistency_cli.routes.locating.layers import finite_batches
from keras_consistency_cli.routes.locating.neighbour_runs import neighbour_runs
from keras_consistency_cli.routes.locating.step_recorder import record_steps
from keras_consistency_cli.routes.sequences.masks.mask_restoring import restoring_masks
from keras_consistency_cli.routes.sequences.padding import compare_padding
from keras_consistency_cli.routes.session.batches import count_rows, first_batch
from keras_consistency_cli.routes.session.distances import greatest_difference, greatest_value
from keras_consistency_cli.routes.session.layer_hooks import CallStack, intercept_calls, layer_path
from keras_consistency_cli.routes.trace import Outputs, Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["INTERVENTION_ROUTES", "InterventionDetails"]

_ROWS = 8


class InterventionDetails(TypedDict, total=False):
    """Details of `plain-predict` and `hold-masks`; empty if nothing was measured.

    `before` and `left` are the greatest difference without and with the intervention, `scale` is the greatest
    output, `held` the layers whose mask was restored.
    """

    held: list[str]
    before: float
    left: float
    scale: float


def _predict_step(session: Session, rows: Rows, *, restore: bool = True) -> Callable[[], Any]:
    """Return a function that makes one eager predict step.

    By default it starts from the state in which the model was loaded.
    """

    def run() -> Any:
        if restore:
            session.restore()
        return session.model.predict_step((session.pack(rows),))

    return run


def _neighbours(session: Session, rows: Rows) -> Result:
    """Replace neighbours.

    The layers that mix them are given their earlier outputs for the kept rows.
    """
    for run in neighbour_runs(session, rows):
        experiment = Experiment(
            reference=_predict_step(session, run.batch),
            candidate=_predict_step(session, run.replaced),
            kept=run.kept,
            batch=count_rows(run.batch),
        )
        details = patch_layers(experiment)
        if details:
            return Result(outputs={}, details=details)
    return Result(outputs={})


def _repeat(session: Session, rows: Rows) -> Result:
    """Run a second time from the end of the first run.

    Layers that differ are given their first outputs.
    """
    batch = first_batch(rows, session.facts.batch_size or _ROWS)
    experiment = Experiment(
        reference=_predict_step(session, batch),
        candidate=_predict_step(session, batch, restore=False),
        batch=count_rows(batch),
    )
    return Result(outputs={}, details=patch_layers(experiment))


def _training(session: Session, rows: Rows) -> Result:
    """Call the model without the training argument.

    Layers in training mode are called with training=False.
    """
    batch = first_batch(rows, session.facts.batch_size or _ROWS)

    def call(**kwargs: Any) -> Callable[[], Any]:
        def run() -> Any:
            session.restore()
            return session.model(session.pack(batch), **kwargs)

        return run

    experiment = Experiment(reference=call(training=False), candidate=call(), batch=count_rows(batch))
    return Result(outputs={}, details=disable_training(experiment))


def _nonfinite(session: Session, rows: Rows) -> Result:
    """Replace NaN and infinity by 0 in the output of the layer that creates them."""
    for batch in finite_batches(session, rows):
        run = _predict_step(session, batch)
        with record_steps(None, count_rows(batch)) as steps:
            before = _count_nonfinite(run())
        path = next((step.path for step in steps if not step.outputs.finite), None)
        if path is not None:
            with _zeroing_nonfinite(path):
                left = _count_nonfinite(run())
            details: PatchDetails = {"held": [path], "before": before, "left": left}
            return Result(outputs={}, details=details)
    return Result(outputs={})


def _count_nonfinite(outputs: Any) -> int:
    import keras

    arrays = [np.asarray(keras.ops.convert_to_numpy(leaf)) for leaf in keras.tree.flatten(outputs)]
    return sum(int((~np.isfinite(array)).sum()) for array in arrays if is_float(array.dtype))


@contextmanager
def _zeroing_nonfinite(path: str) -> Iterator[None]:
    """Replace NaN and infinity by 0 in the outputs of one layer."""
    import keras

    def zero_nonfinite(leaf: Any) -> Any:
        if not hasattr(leaf, "dtype") or "float" not in keras.backend.standardize_dtype(leaf.dtype):
            return leaf
        return keras.ops.where(keras.ops.isfinite(leaf), leaf, keras.ops.zeros_like(leaf))

    def around(running: CallStack, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        outputs = original(*args, **kwargs)
        # The path of the model itself is its name: its outputs are not changed.
        if len(running) > 1 and layer_path(running) == path:
            return keras.tree.map_structure(zero_nonfinite, outputs)
        return outputs

    with intercept_calls(around):
        yield


def _copies(session: Session, rows: Rows) -> Result:
    """Compare with a copy of the file, or of the model saved again.

    Layers that differ are given the model's outputs.
    """
    from keras_consistency_cli.loading.model.resaving import load_again, save_and_load

    file, loading = session.subject.files.model, session.loading
    batch = first_batch(rows, session.facts.batch_size or _ROWS)
    saved_copies = save_and_load(session.model, **loading, times=1)
    details: PatchDetails = {}
    try:
        # A model that was never a file cannot be loaded from one.
        if file:
            details = _patch_copy(session, load_again(Path(file), compiled=False, **loading), batch)
        details = details or _patch_copy(session, next(saved_copies), batch)
    finally:
        saved_copies.close()
    return Result(outputs={}, details=details)


def _patch_copy(session: Session, model: Any, batch: Rows) -> PatchDetails:
    run_copy = _predict_step(session.on_copy(model), batch)
    # The copy is built by its first call; from then on both call the same layers in the same order.
    run_copy()
    experiment = Experiment(
        reference=_predict_step(session, batch), candidate=run_copy, batch=count_rows(batch)
    )
    return patch_layers(experiment)


def _plain_predict(session: Session, rows: Rows) -> Result:
    """Predict with the overridden methods of the model's class replaced by those of Keras.

    The result is compared with model(x, training=False).
    """
    batch = first_batch(rows, session.facts.batch_size or _ROWS)

    def predict() -> Outputs:
        session.restore()
        return session.predict(batch)

    session.restore()
    called = session.call(batch, training=False)
    before = predict()
    with _without_overrides(session):
        left = predict()
    details: InterventionDetails = {
        "before": greatest_difference(before, called),
        "left": greatest_difference(left, called),
        "scale": greatest_value(called),
    }
    return Result(outputs={}, details=details)


@contextmanager
def _without_overrides(session: Session) -> Iterator[None]:
    """Give the model a class with the overridden methods of Keras."""
    import keras

    own = type(session.model)
    methods = {
        name: getattr(keras.Model, name) for name in session.facts.overridden if hasattr(keras.Model, name)
    }
    session.model.__class__ = type(own.__name__, (own,), methods)
    try:
        session.forget_traces()
        yield
    finally:
        session.model.__class__ = own
        session.forget_traces()


def _masks(session: Session, rows: Rows) -> Result:
    """Compare rows with and without padding, with lost masks restored.

    The masked time steps are set to 0 there.
    """
    before = compare_padding(session, rows)
    with restoring_masks() as restored:
        after = compare_padding(session, rows)
    if not before.outputs or not restored or not after.outputs:
        return Result(outputs={})
    details: InterventionDetails = {
        "held": list(dict.fromkeys(restored)),
        "before": greatest_difference(before.outputs, before.baseline or {}),
        "left": greatest_difference(after.outputs, after.baseline or {}),
        "scale": greatest_value(after.outputs),
    }
    return Result(outputs={}, details=details)


def _not_overridden(facts: Facts) -> str | None:
    return None if facts.overridden else "the model's class overrides no method of Keras"


INTERVENTION_ROUTES: tuple[Route, ...] = (
    *plain_routes(
        {
            "hold-companions": ("neighbours replaced, the layers that mix them patched", _neighbours),
            "hold-repeat": ("a second run, the layers that differ patched", _repeat),
            "hold-training": (
                "a call without the training argument, layers in training mode called with training=False",
                _training,
            ),
            "hold-nonfinite": ("NaN and infinity replaced by 0 in the layer that creates them", _nonfinite),
            "hold-masks": ("rows with and without padding, lost masks restored", _masks),
        }
    ),
    Route(
        name="hold-copies",
        summary="a copy of the model, the layers that differ patched",
        run=_copies,
        placement="fresh",
    ),
    Route(
        name="plain-predict",
        summary="predict with the methods of Keras",
        run=_plain_predict,
        unavailable=_not_overridden,
    ),
)
"""Routes that switch off what a check has found suspicious; they run only then."""
