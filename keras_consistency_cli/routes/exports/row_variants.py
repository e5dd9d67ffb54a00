"""Changes of the rows of an export, and of the outputs of the model, that may make both agree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from keras_consistency_cli.measurement.distance import is_float, is_numeric
from keras_consistency_cli.routes.exports.comparing import (
    VariantResult,
    closest,
    differences,
    predict_model,
    run_export,
)
from keras_consistency_cli.routes.output_functions import find_function
from keras_consistency_cli.routes.row_changes import OTHER_CHANGES, UNSCALED_CHANGES, RowChange
from keras_consistency_cli.routes.trace import Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.exports.session import ExportSession

__all__ = [
    "on_narrowed_rows",
    "on_other_rows",
    "on_raw_rows",
    "on_small_rows",
    "with_function_on_outputs",
    "without_nan",
]


def on_raw_rows(export: ExportSession, rows: Rows) -> VariantResult | None:
    """Give the export the rows before scaling, the model the rows after it."""
    reference = predict_model(export, rows)

    def results() -> Iterator[VariantResult]:
        if export.subject.files.scales:
            numbers = export.row_numbers[: export.batch_size]
            raw = {
                name: values.astype(np.float32) if is_numeric(values.dtype) else values
                for name, values in export.subject.raw(numbers).items()
            }
            scaled = predict_model(export, export.subject.rows(numbers))
            yield {"differences": differences(run_export(export, raw), scaled), "how": "raw rows"}
        yield from _changed(export, rows, reference, UNSCALED_CHANGES)

    return closest(results())


def on_other_rows(export: ExportSession, rows: Rows) -> VariantResult | None:
    """Give the export rows of a different layout, or without a scaling that the model contains."""
    return closest(_changed(export, rows, predict_model(export, rows), OTHER_CHANGES))


def _changed(
    export: ExportSession, rows: Rows, reference: Rows, changes: Mapping[str, RowChange]
) -> Iterator[VariantResult]:
    for how, change in changes.items():
        changed = {name: change(values) for name, values in rows.items()}
        fed = {name: values for name, values in changed.items() if values is not None}
        if fed:
            outputs = run_export(export, {**rows, **fed})
            yield {"differences": differences(outputs, reference), "how": how}


def on_narrowed_rows(export: ExportSession, rows: Rows) -> VariantResult | None:
    """Give the model the rows as the types of the export's inputs hold them."""
    narrowed = {
        name: export.as_fed(name, values).astype(values.dtype)
        for name, values in rows.items()
        if values.dtype.kind in "fiu"
    }
    if all(np.array_equal(values, rows[name], equal_nan=True) for name, values in narrowed.items()):
        return None
    types = ", ".join(dict.fromkeys(export.as_fed(name, rows[name]).dtype.name for name in narrowed))
    model = predict_model(export, {**rows, **narrowed})
    return {"differences": differences(run_export(export, rows), model), "how": types}


def without_nan(export: ExportSession, rows: Rows) -> VariantResult | None:
    """Compare the rows without NaN and infinity only."""
    count = len(next(iter(rows.values())))
    finite = np.ones(count, bool)
    for values in rows.values():
        if is_float(values.dtype):
            finite &= np.isfinite(values.reshape(count, -1)).all(axis=1)
    if finite.all() or not finite.any():
        return None
    outputs, reference = run_export(export, rows), predict_model(export, rows)
    kept = ({name: values[finite] for name, values in each.items()} for each in (outputs, reference))
    return {"differences": differences(*kept), "how": f"{count - int(finite.sum())}"}


def on_small_rows(export: ExportSession, rows: Rows) -> VariantResult | None:
    """Give an export in float16 rows of a thousandth: if only size matters, its outputs become finite."""
    if export.exported.precision != "float16":
        return None
    small = {name: values / 1000 if is_float(values.dtype) else values for name, values in rows.items()}
    before, after = run_export(export, rows), run_export(export, small)
    expected = predict_model(export, rows)
    if _count_nonfinite(before) <= _count_nonfinite(expected):
        return None
    left = float("inf") if _count_nonfinite(after) else 0.0
    return {"differences": dict.fromkeys(expected, left)}


def _count_nonfinite(outputs: Rows) -> int:
    return sum(int((~np.isfinite(each)).sum()) for each in outputs.values() if is_float(each.dtype))


def with_function_on_outputs(export: ExportSession, rows: Rows) -> VariantResult | None:
    """Apply softmax and other functions to the outputs of the model, or to those of the export."""
    outputs, reference = run_export(export, rows), predict_model(export, rows)
    plain = differences(outputs, reference)
    texts = []
    for name, values in reference.items():
        found = find_function(outputs[name], values) if name in plain else None
        if found is not None and found.difference < plain[name]:
            plain[name] = found.difference
            texts.append(found.text)
    return {"differences": plain, "how": "; ".join(dict.fromkeys(texts))} if texts else None
