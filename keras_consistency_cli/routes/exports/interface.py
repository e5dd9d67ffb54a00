"""The route that describes how an export is called, and tries other types of rows on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypedDict

import numpy as np

from keras_consistency_cli.loading.exports.exported_model import ExportTensor
from keras_consistency_cli.loading.exports.layouts import Layout, fits
from keras_consistency_cli.loading.exports.matching import Match
from keras_consistency_cli.loading.exports.spec import ExportKind
from keras_consistency_cli.measurement.distance import is_numeric
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.exports.access import on_export
from keras_consistency_cli.routes.session.batches import first_batch
from keras_consistency_cli.routes.session.distances import same_outputs
from keras_consistency_cli.routes.trace import Outputs, Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.exports.session import ExportSession
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["INTERFACE", "INTERFACE_ROUTE", "InterfaceDetails", "TensorDetails", "TriedType"]

INTERFACE = "interface"
_TRIED_TYPES = ("float32", "float64", "int64", "int32", "uint8")
_ROWS = 4


class TensorDetails(TypedDict):
    """An input or output of an export, the model's name of the same, and how its layout is different."""

    name: str
    model_name: str
    shape: list[int | None] | None
    dtype: str
    layout: Layout


class TriedType(TypedDict):
    """What an export does with the same rows in a different type."""

    input: str
    dtype: str
    result: Literal["refused", "same", "different"]


class InterfaceDetails(TypedDict):
    """Details of the route `interface`.

    `order` are the positions of the model's outputs in the runtime's own list. `interchangeable` says whether
    outputs in a different order would have the same shapes.
    """

    kind: ExportKind
    is_made: bool
    precision: str
    inputs: list[TensorDetails]
    outputs: list[TensorDetails]
    inputs_by: str
    outputs_by: str
    order: list[int]
    interchangeable: bool
    fixed_batch: int | None
    tried: list[TriedType]


def _describe(session: Session, rows: Rows) -> Result:
    export = on_export(session)
    outputs = {each.name: each for each in export.exported.outputs}
    chosen = [outputs[own] for own in export.outputs.names.values()]
    details: InterfaceDetails = {
        "kind": export.spec.kind,
        "is_made": export.spec.is_made,
        "precision": export.exported.precision,
        "inputs": _tensors(export.exported.inputs, export.inputs),
        "outputs": _tensors(export.exported.outputs, export.outputs),
        "inputs_by": export.inputs.by,
        "outputs_by": export.outputs.by,
        "order": [each.position for each in chosen if each.position is not None],
        "interchangeable": len(chosen) > 1 and any(fits(chosen[0].shape, each.shape) for each in chosen[1:]),
        "fixed_batch": export.frozen_batch,
        "tried": _try_types(export, rows),
    }
    return Result(outputs={}, details=details)


def _tensors(tensors: tuple[ExportTensor, ...], match: Match) -> list[TensorDetails]:
    model_names = {own: name for name, own in match.names.items()}
    return [
        {
            "name": each.name,
            "model_name": model_names.get(each.name, ""),
            "shape": None if each.shape is None else list(each.shape),
            "dtype": each.dtype,
            "layout": match.layouts.get(model_names.get(each.name, ""), ""),
        }
        for each in tensors
    ]


def _try_types(export: ExportSession, rows: Rows) -> list[TriedType]:
    """Feed each input the same numbers in other types, as a caller who forgets to convert them."""
    batch = first_batch(rows, export.frozen_batch or export.facts.batch_size or _ROWS)
    feeds = export.feeds(batch)
    export.restore()
    reference = export.exported.run(feeds)
    return [
        {"input": name, "dtype": dtype, "result": _try(export, {**feeds, name: other}, reference)}
        for name, values in feeds.items()
        for dtype in _TRIED_TYPES
        if (other := _same_numbers(values, dtype)) is not None
    ]


def _same_numbers(values: np.ndarray, dtype: str) -> np.ndarray | None:
    """The values in a different type, None if that is their own type or changes them."""
    if not is_numeric(values.dtype) or values.dtype == dtype:
        return None
    with np.errstate(invalid="ignore"):
        other = values.astype(dtype)
    return other if np.array_equal(other.astype(np.float64), values.astype(np.float64)) else None


def _try(export: ExportSession, feeds: Rows, reference: Outputs) -> Literal["refused", "same", "different"]:
    export.restore()
    try:
        outputs = export.exported.run(feeds)
    except Exception:
        # The runtimes raise classes of their own.
        return "refused"
    return "same" if same_outputs(outputs, reference) else "different"


INTERFACE_ROUTE = Route(
    name=INTERFACE, summary="names, types and shapes of inputs and outputs", run=_describe
)
