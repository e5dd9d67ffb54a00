"""The route about padding: rows with padding and without, and rows of padding only.

One input after the other is examined; the first one that is padded or masked is measured.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from keras_consistency_cli.measurement.distance import is_float
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.locating.moved_padding import MovedPadding, find_moved_padding
from keras_consistency_cli.routes.locating.padding_runs import RecordedRuns
from keras_consistency_cli.routes.sequences.masks.mask_restoring import LostMaskEffect, measure_lost_mask
from keras_consistency_cli.routes.sequences.padded_rows import (
    MAX_ROWS,
    PaddedInput,
    PaddedSample,
    PaddingDetails,
    choose_lengths,
)
from keras_consistency_cli.routes.sequences.padding_comparison import (
    PaddingUnknown,
    compare_cut_rows,
    compare_extended_rows,
    predict_few,
)
from keras_consistency_cli.routes.sequences.padding_detection import (
    Padding,
    Side,
    detect_padding,
    padding_from_lengths,
)
from keras_consistency_cli.routes.sequences.series import (
    explain_no_padding,
    find_series_inputs,
    session_for_any_length,
)
from keras_consistency_cli.routes.session.batches import first_batch, select_rows
from keras_consistency_cli.routes.trace import Outputs, Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["PADDING_ROUTES", "compare_padding"]


def compare_padding(session: Session, rows: Rows) -> Result:
    """Compare rows without their padding with the same rows as given.

    Rows without any padding are compared with the same rows with some added. The details describe the
    padding, and say why nothing was compared.
    """
    masks = find_series_inputs(session, rows)
    for name, mask in sorted(masks.items(), key=lambda item: item[1] is None):
        padding = _find_padding(session, rows[name], mask)
        if padding is not None or mask is not None:
            details: PaddingDetails = {
                **_describe_padding(rows[name], padding, mask),
                "input": name,
                **_measure_rows_of_padding(session, rows, name, padding, mask),
            }
            series = PaddedInput(rows=rows, name=name, masks=masks, padding=padding, details=details)
            return _compare_input(session, series)
    nothing: PaddingDetails = {"declared": False}
    return Result(outputs={}, details=nothing)


def _compare_input(session: Session, series: PaddedInput) -> Result:
    from keras_consistency_cli.loading.model.copies.variable_length import CopyRefused

    try:
        copy = session_for_any_length(session, series.rows, series.masks)
    except CopyRefused as reason:
        return _measure_at_one_length(session, series, str(reason))
    refused, joined = "", series.with_all_of_its_length
    for inputs in (series, joined) if joined.together else (series,):
        try:
            if inputs.padding is not None and inputs.padding.has_padded_rows:
                return compare_cut_rows(copy, inputs, inputs.padding)
            return compare_extended_rows(copy, inputs, _create_filling(session, inputs))
        except PaddingUnknown as reason:
            refused = str(reason)
    return _measure_at_one_length(session, series, refused)


def _measure_at_one_length(session: Session, series: PaddedInput, refused: str) -> Result:
    """Measure the effect of a lost mask instead of rows of different lengths."""
    effect: LostMaskEffect = {}
    is_masked = series.details["declared"] and not series.details.get("other_value")
    moved = _find_moved_padding(session, series)
    if moved is not None:
        return Result(outputs={}, details={**series.details, "refused": refused, "moved": moved})
    if is_masked and series.padding is not None and series.padding.has_padded_rows:
        effect = _measure_lost_mask(session, series.rows, series.padding)
    details: PaddingDetails = {**series.details, "refused": refused, **effect}
    return Result(outputs={}, details=details)


def _find_moved_padding(session: Session, series: PaddedInput) -> MovedPadding | None:
    """Return the layer that moves the padding off the masked value, for a model of one length."""
    lengths = [] if series.padding is None else choose_lengths(series.padding)
    if series.padding is None or not lengths:
        return None
    runs = PaddedSample.choose(series, series.padding, lengths).runs(lengths[0])
    whole = RecordedRuns(session=session, runs=runs.in_batches_of(session.facts.batch_size))
    return find_moved_padding(whole, series.name, one_length=True)


def _measure_lost_mask(session: Session, rows: Rows, padding: Padding) -> LostMaskEffect:
    size = session.facts.batch_size
    positions = np.flatnonzero(padding.partly_padded)[: size or MAX_ROWS]
    if not len(positions):
        return {}

    def call(batch: Rows) -> Outputs:
        session.restore()
        return session.call(batch, training=False)

    return measure_lost_mask(call, select_rows(rows, np.resize(positions, size or len(positions))))


def _find_padding(session: Session, values: np.ndarray, mask: float | None) -> Padding | None:
    """Return the padding by known lengths, by the masked value, or by how rows end.

    Padding that the model does not mask is found by the last way only.
    """
    side = _stated_side(session)
    lengths = session.subject.lengths(session.row_numbers)
    if lengths is not None and len(lengths) == len(values) and lengths.max() <= values.shape[1]:
        return padding_from_lengths(values, lengths, side=side, mask=mask)
    masked = detect_padding(values, mask, side) if mask is not None else None
    if masked is not None and masked.has_padded_rows:
        return masked
    # A scaler changes the stated value, so the padding is then found by how rows end.
    stated = None if session.subject.files.scales else session.options.padding_value
    detected = detect_padding(values, stated, side)
    return detected if detected is not None and detected.has_padded_rows else masked


def _stated_side(session: Session) -> Side | None:
    """Return the side that the user states."""
    sides: dict[str | None, Side] = {"left": "left", "right": "right"}
    return sides.get(session.options.padding_side)


def _describe_padding(values: np.ndarray, padding: Padding | None, mask: float | None) -> PaddingDetails:
    details: PaddingDetails = {"declared": mask is not None, "mask": mask}
    if padding is None or not padding.has_padded_rows:
        return details
    is_other_value = mask is None or padding.foreign > 0 or bool((padding.value != mask).any())
    return {
        **details,
        "side": padding.side,
        "padded_rows": int((padding.lengths < padding.steps).sum()),
        "other_value": is_other_value,
        "value": [float(value) for value in padding.value[:4]],
        "empty_rows": int((padding.lengths == 0).sum()),
        "rows": len(values),
        "foreign_steps": padding.foreign,
        "inner_steps": 0 if is_other_value else padding.inner,
    }


def _measure_rows_of_padding(
    session: Session, rows: Rows, name: str, padding: Padding | None, mask: float | None
) -> PaddingDetails:
    """Report whether rows of padding only give NaN.

    If there is no such row and the model masks a value, one is generated. A model may refuse it: one that
    cuts the padding off has no time step left.
    """
    empty = np.flatnonzero(padding.lengths == 0)[:MAX_ROWS] if padding is not None else np.zeros(0, np.int64)
    if len(empty):
        return {"empty_answers_nan": _has_nan(predict_few(session)(select_rows(rows, empty)))}
    if mask is None:
        return {}
    generated = {**first_batch(rows, 1), name: np.full_like(rows[name][:1], mask)}
    with suppress(Exception):
        return {"empty_would_be_nan": _has_nan(predict_few(session)(generated))}
    return {}


def _has_nan(outputs: Outputs) -> bool:
    return any(bool(np.isnan(values).any()) for values in outputs.values() if is_float(values.dtype))


def _create_filling(session: Session, series: PaddedInput) -> np.ndarray:
    """Return one time step of padding as the model would be fed it.

    It is the value that the user states, scaled if there is a scaler, else the masked value.
    """
    stated = session.options.padding_value
    step = series.rows[series.name][:1, :1]
    if stated is None:
        return np.full_like(step, 0.0 if series.mask is None else series.mask)
    subject, scaling = session.subject, session.subject.scaling
    if not subject.files.scales or (scaling is not None and scaling.input != series.name):
        return np.full_like(step, stated)
    raw = subject.raw(session.row_numbers[:1])
    scaled = subject.scaled({**raw, series.name: np.full_like(raw[series.name], stated)})
    return np.asarray(scaled[series.name][:, :1], step.dtype)


PADDING_ROUTES: tuple[Route, ...] = (
    Route(
        name="unpadded",
        summary="rows without their padding, or with some added",
        run=compare_padding,
        unavailable=explain_no_padding,
        placement="fresh",
    ),
)
