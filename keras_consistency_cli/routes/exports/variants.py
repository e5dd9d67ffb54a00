"""The route that changes one thing in the export's run, or in the model's, and compares again.

It runs only after a failure. If one change makes both agree, the change is the cause.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

import numpy as np

from keras_consistency_cli.loading.exports.layouts import fits
from keras_consistency_cli.measurement.distance import is_float
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.exports.access import on_export
from keras_consistency_cli.routes.exports.comparing import (
    VariantResult,
    closest,
    differences,
    predict_model,
    run_export,
)
from keras_consistency_cli.routes.exports.epsilons import with_other_epsilon
from keras_consistency_cli.routes.exports.row_variants import (
    on_narrowed_rows,
    on_other_rows,
    on_raw_rows,
    on_small_rows,
    with_function_on_outputs,
    without_nan,
)
from keras_consistency_cli.routes.exports.weights.held import StoredWeights
from keras_consistency_cli.routes.exports.weights.stale import count_weights, with_its_weights
from keras_consistency_cli.routes.row_changes import list_other_orders
from keras_consistency_cli.routes.session.batches import first_batch
from keras_consistency_cli.routes.session.layer_hooks import CallStack, intercept_calls, layer_path
from keras_consistency_cli.routes.trace import Outputs, Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.exports.layers import DifferingLayer
    from keras_consistency_cli.routes.exports.session import ExportSession
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["VARIANTS", "VARIANTS_ROUTE", "VariantDetails"]

VARIANTS = "variants"
_MOST_ORDERS, _MOST_LAYERS = 24, 48
_FEWEST_CUT = 3
"""Values that are cut at one end of a range; one is always the smallest, and two may round to it."""
_MASKS = ("mask", "query_mask", "key_mask", "value_mask")
"""Arguments of Keras's layers that Keras fills in itself; an attention_mask is the model's own."""

Found = TypeVar("Found")


class VariantDetails(TypedDict):
    """Details of the route `variants`: the result of each change by the slug of its cause.

    `plain` are the differences of the same batch without any change. `saturated` counts the values that the
    export cuts at its own greatest or smallest output, where those of the model are beyond it. `differing` is
    the layer from which on the values inside the export differ.
    """

    plain: dict[str, float]
    variants: dict[str, VariantResult]
    weights: StoredWeights
    saturated: int
    differing: DifferingLayer


def _try_variants(session: Session, rows: Rows) -> Result:
    from keras_consistency_cli.routes.exports.layers import find_differing_layer

    export = on_export(session)
    batch = first_batch(rows, export.batch_size)
    tried: dict[str, VariantResult] = {}
    for slug, variant in _VARIANTS.items():
        result = _attempt(export, batch, variant)
        if result is not None:
            tried[slug] = result
    outputs, reference = run_export(export, batch), predict_model(export, batch)
    details: VariantDetails = {
        "plain": differences(outputs, reference),
        "variants": tried,
        "weights": _attempt(export, batch, count_weights) or StoredWeights(searched=0, found=0, other=0),
        "differing": _attempt(export, batch, find_differing_layer) or {},
        "saturated": sum(_count_cut(outputs[name], values) for name, values in reference.items()),
    }
    return Result(outputs={}, details=details)


def _attempt(
    export: ExportSession, rows: Rows, try_on: Callable[[ExportSession, Rows], Found | None]
) -> Found | None:
    """Return what a trial gives, None if it does not apply or cannot run."""
    try:
        return try_on(export, rows)
    except Exception:
        # A change that the export or the model does not accept is not the cause, and not every runtime shows
        # the values inside a file.
        return None
    finally:
        export.restore()
        export.original.restore()


def _count_cut(values: np.ndarray, reference: np.ndarray) -> int:
    """Count the values at the end of the export's range where the model's go on, if there are several."""
    if not is_float(values.dtype) or values.shape != reference.shape or not values.size:
        return 0
    ends = ((values.min(), reference < values.min()), (values.max(), reference > values.max()))
    cut = [int(((values == end) & beyond).sum()) for end, beyond in ends]
    return sum(count for count in cut if count >= _FEWEST_CUT)


def _inputs_reordered(export: ExportSession, rows: Rows) -> VariantResult | None:
    """Feed inputs of the same shape in every other order."""
    reference = predict_model(export, rows)

    def results() -> Iterator[VariantResult]:
        for order in _orders({name: values.shape for name, values in rows.items()}):
            moved = {name: rows[other] for name, other in zip(rows, order, strict=True)}
            yield {"differences": differences(run_export(export, moved), reference), "how": ", ".join(order)}

    return closest(results())


def _outputs_reordered(export: ExportSession, rows: Rows) -> VariantResult | None:
    """Take outputs of the same shape in every other order."""
    outputs, reference = run_export(export, rows), predict_model(export, rows)

    def results() -> Iterator[VariantResult]:
        for order in _orders({name: values.shape for name, values in outputs.items()}):
            moved = {name: outputs[other] for name, other in zip(outputs, order, strict=True)}
            yield {"differences": differences(moved, reference), "how": ", ".join(order)}

    return closest(results())


def _orders(shapes: Mapping[str, tuple[int, ...]]) -> Iterator[tuple[str, ...]]:
    """Yield the other orders in which every name has the shape of the one in its place."""
    orders = list_other_orders(list(shapes), lambda name, other: fits(shapes[name], shapes[other]))
    return itertools.islice(orders, _MOST_ORDERS)


def _without_optimizations(export: ExportSession, rows: Rows) -> VariantResult | None:
    exact = export.exact()
    return (
        None
        if exact is None
        else {"differences": differences(exact.predict(rows), predict_model(export, rows))}
    )


def _in_full_precision(export: ExportSession, rows: Rows) -> VariantResult | None:
    return None if export.exported.precision == "float32" else _without_optimizations(export, rows)


def _optimizer_off(export: ExportSession, rows: Rows) -> VariantResult | None:
    return _without_optimizations(export, rows) if export.exported.precision == "float32" else None


def _without_predict_step(export: ExportSession, rows: Rows) -> VariantResult | None:
    """Compare with the model called without its own predict_step."""
    import keras

    if type(export.model).predict_step is keras.Model.predict_step:
        return None
    called = _call(export, rows, training=False)
    return {"differences": differences(run_export(export, rows), called)}


def _in_training(export: ExportSession, rows: Rows) -> VariantResult | None:
    """Compare with the model in training mode, and called without a training argument as exporters do."""
    plain = _call(export, rows, training=False)
    results = (
        _compare_with_changed(export, rows, plain, training=True),
        _compare_with_changed(export, rows, plain),
    )
    return closest(filter(None, results))


def _call(export: ExportSession, rows: Rows, **training: bool) -> Outputs:
    export.original.restore()
    return export.original.call(rows, **training)


def _compare_with_changed(
    export: ExportSession, rows: Rows, plain: Outputs, **training: bool
) -> VariantResult | None:
    """Compare with a changed call; None if the change makes no difference to the outputs of a plain one.

    predict and a plain call can differ in NaN alone. Agreement with the latter then shows nothing.
    """
    called = _call(export, rows, **training)
    if not any(differences(called, plain).values()):
        return None
    return {"differences": differences(run_export(export, rows), called)}


def _without_masks(export: ExportSession, rows: Rows) -> VariantResult | None:
    """Compare with the model without masks: in all layers, then in each layer that gets one."""
    masked = [layer.path for layer in export.facts.layers if layer.masks is not None]
    if not masked:
        return None
    paths = [layer.path for layer in export.facts.layers][:_MOST_LAYERS]

    plain = _call(export, rows, training=False)

    def results() -> Iterator[VariantResult]:
        with intercept_calls(partial(_call_without_masks, "")):
            found = _compare_with_changed(export, rows, plain, training=False)
        if found is not None:
            yield {**found, "how": "in all layers"}
        for path in paths:
            with intercept_calls(partial(_call_without_masks, path)):
                found = _compare_with_changed(export, rows, plain, training=False)
            if found is not None:
                yield {**found, "how": f"in the layer '{path}'", "layer": path}

    return closest(results())


def _call_without_masks(
    path: str, running: CallStack, original: Callable[..., Any], *args: Any, **kwargs: Any
) -> Any:
    """Call a layer without the masks that reach it: as arguments, or attached to its tensors."""
    import keras

    if path and layer_path(running) != path:
        return original(*args, **kwargs)
    masks = [
        (leaf, leaf._keras_mask)
        for leaf in keras.tree.flatten((args, kwargs))
        if getattr(leaf, "_keras_mask", None) is not None
    ]
    try:
        for leaf, _ in masks:
            leaf._keras_mask = None
        return original(*args, **{name: value for name, value in kwargs.items() if name not in _MASKS})
    finally:
        for leaf, mask in masks if path else ():
            leaf._keras_mask = mask


_VARIANTS: Mapping[str, Callable[[ExportSession, Rows], VariantResult | None]] = {
    "export-stale": with_its_weights,
    "export-inputs-reordered": _inputs_reordered,
    "export-outputs-reordered": _outputs_reordered,
    "export-scales-itself": on_raw_rows,
    "export-predict-step-lost": _without_predict_step,
    "export-mask-lost": _without_masks,
    "export-epsilon-differs": with_other_epsilon,
    "export-training-true": _in_training,
    "export-overflows": on_small_rows,
    "export-expects-other-rows": on_other_rows,
    "export-narrows-rows": on_narrowed_rows,
    "export-nan-differs": without_nan,
    "export-transforms-outputs": with_function_on_outputs,
    "export-low-precision": _in_full_precision,
    "runtime-optimiser": _optimizer_off,
}
"""By cause: the change that would make export and model agree."""

VARIANTS_ROUTE = Route(name=VARIANTS, summary="one thing changed at a time", run=_try_variants)
