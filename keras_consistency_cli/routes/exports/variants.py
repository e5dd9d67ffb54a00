"""The route that changes one thing in the export's run, or in the model's, and compares again.

It runs only after a failure. If one change makes both agree, the change is the cause.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

import numpy as np

from keras_consistency_cli.loading.exports.matching import fits
from keras_consistency_cli.measurement.distance import is_float, is_numeric, max_abs_difference
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.exports.access import on_export
from keras_consistency_cli.routes.session.batches import first_batch
from keras_consistency_cli.routes.session.layer_hooks import CallStack, intercept_calls
from keras_consistency_cli.routes.trace import Outputs, Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.exports.layers import DifferingLayer
    from keras_consistency_cli.routes.exports.session import ExportSession
    from keras_consistency_cli.routes.exports.stored_weights import StoredWeights
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["VARIANTS", "VARIANTS_ROUTE", "VariantDetails", "VariantResult"]

VARIANTS = "variants"
_MOST_ORDERS = 24
_FEWEST_CUT = 3
"""Values that are cut at one end of a range; one is always the smallest, and two may round to it."""
_MASKS = ("mask", "query_mask", "key_mask", "value_mask")
"""Arguments of Keras's layers that Keras fills in itself; an attention_mask is the model's own."""

Found = TypeVar("Found")


class VariantResult(TypedDict, total=False):
    """The greatest difference by output after one change; `order` says how inputs or outputs were moved."""

    differences: dict[str, float]
    order: list[str]


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
    outputs, reference = _run(export, batch), _predict(export, batch)
    details: VariantDetails = {
        "plain": _differences(outputs, reference),
        "variants": tried,
        "weights": export.stored_weights,
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


def _run(export: ExportSession, rows: Rows) -> Outputs:
    export.restore()
    return export.predict(rows)


def _predict(export: ExportSession, rows: Rows) -> Outputs:
    export.original.restore()
    return export.original.step(rows)


def _differences(candidate: Outputs, reference: Outputs) -> dict[str, float]:
    """The greatest difference by output; infinite where shapes differ."""
    return {
        name: max_abs_difference(candidate[name], values, nan="infinite")
        if candidate[name].shape == values.shape
        else float("inf")
        for name, values in reference.items()
        if is_numeric(values.dtype)
    }


def _count_cut(values: np.ndarray, reference: np.ndarray) -> int:
    """Count the values at the end of the export's range where the model's go on, if there are several."""
    if not is_float(values.dtype) or values.shape != reference.shape or not values.size:
        return 0
    ends = ((values.min(), reference < values.min()), (values.max(), reference > values.max()))
    cut = [int(((values == end) & beyond).sum()) for end, beyond in ends]
    return sum(count for count in cut if count >= _FEWEST_CUT)


def _closest(results: Iterator[VariantResult]) -> VariantResult | None:
    return min(results, key=lambda result: max(result["differences"].values(), default=0.0), default=None)


def _inputs_reordered(export: ExportSession, rows: Rows) -> VariantResult | None:
    """Feed inputs of the same shape in every other order."""
    reference = _predict(export, rows)

    def results() -> Iterator[VariantResult]:
        for order in _orders({name: values.shape for name, values in rows.items()}):
            moved = {name: rows[other] for name, other in zip(rows, order, strict=True)}
            yield {"differences": _differences(_run(export, moved), reference), "order": list(order)}

    return _closest(results())


def _outputs_reordered(export: ExportSession, rows: Rows) -> VariantResult | None:
    """Take outputs of the same shape in every other order."""
    outputs, reference = _run(export, rows), _predict(export, rows)

    def results() -> Iterator[VariantResult]:
        for order in _orders({name: values.shape for name, values in outputs.items()}):
            moved = {name: outputs[other] for name, other in zip(outputs, order, strict=True)}
            yield {"differences": _differences(moved, reference), "order": list(order)}

    return _closest(results())


def _orders(shapes: Mapping[str, tuple[int, ...]]) -> Iterator[tuple[str, ...]]:
    """Yield the other orders in which every name has the shape of the one in its place."""
    names = tuple(shapes)
    possible = (
        order
        for order in itertools.permutations(names)
        if order != names and all(fits(shapes[a], shapes[b]) for a, b in zip(names, order, strict=True))
    )
    return itertools.islice(possible, _MOST_ORDERS)


def _without_optimizations(export: ExportSession, rows: Rows) -> VariantResult | None:
    exact = export.exact()
    return (
        None if exact is None else {"differences": _differences(exact.predict(rows), _predict(export, rows))}
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
    return _compare_with_call(export, rows, training=False)


def _in_training(export: ExportSession, rows: Rows) -> VariantResult | None:
    """Compare with the model in training mode, and called without a training argument as exporters do."""
    return _closest(iter((_compare_with_call(export, rows, training=True), _compare_with_call(export, rows))))


def _compare_with_call(export: ExportSession, rows: Rows, **training: bool) -> VariantResult:
    export.original.restore()
    called = export.original.call(rows, **training)
    return {"differences": _differences(_run(export, rows), called)}


def _without_masks(export: ExportSession, rows: Rows) -> VariantResult | None:
    if not any(layer.masks is not None for layer in export.facts.layers):
        return None
    with intercept_calls(_call_without_masks):
        return _compare_with_call(export, rows, training=False)


def _call_without_masks(_running: CallStack, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a layer without the masks that reach it: as arguments, or attached to its tensors."""
    import keras

    for leaf in keras.tree.flatten((args, kwargs)):
        if getattr(leaf, "_keras_mask", None) is not None:
            leaf._keras_mask = None
    return original(*args, **{name: value for name, value in kwargs.items() if name not in _MASKS})


def _on_raw_rows(export: ExportSession, _rows: Rows) -> VariantResult | None:
    """Give the export the rows before scaling, the model the rows after it."""
    if not export.subject.files.scales:
        return None
    numbers = export.row_numbers[: export.batch_size]
    raw = {name: values.astype(np.float32) for name, values in export.subject.raw(numbers).items()}
    return {"differences": _differences(_run(export, raw), _predict(export, export.subject.rows(numbers)))}


def _with_its_weights(export: ExportSession, rows: Rows) -> VariantResult | None:
    """Give the model the weights of the export, if those are not its own."""
    from keras_consistency_cli.routes.exports.stored_weights import substituted_weights

    if not export.stored_weights["other"]:
        return None
    outputs = _run(export, rows)

    def results() -> Iterator[VariantResult]:
        for substituted in substituted_weights(export.exported, export.model):
            export.original.restore()
            for variable, value in substituted:
                variable.assign(value)
            yield {"differences": _differences(outputs, export.original.step(rows))}

    return _closest(results())


_VARIANTS: Mapping[str, Callable[[ExportSession, Rows], VariantResult | None]] = {
    "export-stale": _with_its_weights,
    "export-inputs-reordered": _inputs_reordered,
    "export-outputs-reordered": _outputs_reordered,
    "export-scales-itself": _on_raw_rows,
    "export-predict-step-lost": _without_predict_step,
    "export-mask-lost": _without_masks,
    "export-training-true": _in_training,
    "export-low-precision": _in_full_precision,
    "runtime-optimiser": _optimizer_off,
}
"""By cause: the change that would make export and model agree."""

VARIANTS_ROUTE = Route(name=VARIANTS, summary="one thing changed at a time", run=_try_variants)
