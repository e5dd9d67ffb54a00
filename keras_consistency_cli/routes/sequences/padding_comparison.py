"""Comparisons of rows with padding and without: it is cut off, moved, or added."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from keras_consistency_cli.measurement.distance import is_float
from keras_consistency_cli.routes.locating.moved_padding import find_moved_padding
from keras_consistency_cli.routes.locating.padding_leak import find_padding_leak
from keras_consistency_cli.routes.locating.padding_runs import PaddingRuns, RecordedRuns
from keras_consistency_cli.routes.sequences.masks.own_masks import find_own_mask
from keras_consistency_cli.routes.sequences.padded_rows import (
    MAX_ROWS,
    PaddedInput,
    PaddedSample,
    PaddingDetails,
    choose_lengths,
)
from keras_consistency_cli.routes.sequences.padding_detection import OTHER_SIDE, Padding, Side
from keras_consistency_cli.routes.sequences.series import TOLERANCE
from keras_consistency_cli.routes.session.batches import count_rows, first_batch, join_outputs, select_rows
from keras_consistency_cli.routes.session.distances import greatest_relative_difference
from keras_consistency_cli.routes.trace import Outputs, Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = [
    "PaddingUnknown",
    "compare_cut_rows",
    "compare_extended_rows",
    "predict_few",
]

_ADDED_STEPS = (1, 3)
"""Time steps of padding that are added to rows without any."""

Predict = Callable[[Rows], dict[str, np.ndarray]]


class PaddingUnknown(Exception):  # noqa: N818 - a reason that is reported, not an error
    """Rows of different lengths cannot be compared; the message says why."""


@dataclass(frozen=True, kw_only=True)
class _OutputPair:
    """The outputs for rows with padding, and those for the same rows without it."""

    padded: Outputs
    plain: Outputs


def compile_predict(session: Session) -> Predict:
    """Return a compiled predict that starts each batch from the state at loading."""
    return _predict_in_batches(session, session.tracing())


def predict_few(session: Session) -> Predict:
    """Return the same for rows that are run once: tracing would take longer than an eager call."""
    return _predict_in_batches(session, lambda rows: session.call_once(rows, training=False))


def _predict_in_batches(session: Session, call: Predict) -> Predict:
    """Return a predict that starts each batch from the state at loading.

    A model with a batch size is called in batches of that size.
    """

    def predict(rows: Rows) -> dict[str, np.ndarray]:
        total = count_rows(rows)
        size = session.facts.batch_size or total
        parts = []
        for start in range(0, total, size):
            session.restore()
            # A short batch is filled with its own rows, and their outputs are dropped.
            positions = np.resize(np.arange(start, min(start + size, total)), size)
            outputs = call(select_rows(rows, positions))
            parts.append({name: values[: total - start] for name, values in outputs.items()})
        return join_outputs(parts)

    return predict


def _predict_lengths(session: Session) -> Predict:
    """Return `compile_predict` for rows of different lengths.

    A model of one length, or with a table of positions, is not at fault if it refuses others.

    Raises:
        PaddingUnknown: the model refuses the length of the rows; other errors of the model are passed on.
    """
    import tensorflow as tf

    refusals = (ValueError, TypeError, IndexError, AssertionError, tf.errors.InvalidArgumentError)
    compiled = compile_predict(session)

    def predict(rows: Rows) -> dict[str, np.ndarray]:
        try:
            return compiled(rows)
        except refusals as problem:
            reason = f"it takes one length only ({type(problem).__name__} at different lengths)"
            raise PaddingUnknown(reason) from problem

    return predict


def _predict_together(predict: Predict, variants: Sequence[Rows]) -> list[Outputs]:
    """Return the outputs for several variants of the same rows, all in one call."""
    rows = count_rows(variants[0])
    together = {name: np.concatenate([variant[name] for variant in variants]) for name in variants[0]}
    outputs = predict(together)
    return [
        {name: values[position * rows : (position + 1) * rows] for name, values in outputs.items()}
        for position in range(len(variants))
    ]


def compare_cut_rows(session: Session, series: PaddedInput, padding: Padding) -> Result:
    """Compare rows of a few true lengths with the same rows as given.

    The other side and hidden true time steps are compared as well.

    Args:
        session: the session of a model that takes series of any length.
        series: the input whose padding is measured.
        padding: how it is padded.
    """
    lengths = choose_lengths(padding)
    if not lengths:
        reason = "every row that is padded is nothing but padding"
        nothing: PaddingDetails = {**series.details, "refused": reason}
        return Result(outputs={}, details=nothing)
    sample = PaddedSample.choose(series, padding, lengths)
    predict = _predict_lengths(session)
    variants = [sample.rows, sample.move_padding()]
    if (
        series.details.get("inner_steps")
        and series.mask is not None
        and is_float(sample.rows[series.name].dtype)
    ):
        variants.append(sample.unmask_true_steps(series.name, series.mask))
    whole, moved, *unmasked = _predict_together(predict, variants)
    pairs, other_side = [], 0.0
    for length in lengths:
        cut, own = predict(sample.cut(length)), sample.positions(length)
        padded = {name: values[own] for name, values in whole.items()}
        turned = {name: values[own] for name, values in moved.items()}
        plain = _align(cut, padded, length, padding.side, padding.steps)
        pairs.append(_OutputPair(padded=padded, plain=plain))
        plain_turned = _align(cut, turned, length, OTHER_SIDE[padding.side], padding.steps)
        other_side = max(other_side, greatest_relative_difference(plain_turned, turned))
    details: PaddingDetails = {**series.details, "lengths": lengths, "other_side": other_side}
    if unmasked:
        details["inner_moves"] = greatest_relative_difference(unmasked[0], whole)
    located = _locate(session, pairs, series, sample.runs(lengths[0]))
    if series.mask is None and _padding_matters(pairs):
        own_mask = find_own_mask(session, sample, series.name, located.get("leak"))
        located |= {"own_mask": own_mask} if own_mask is not None else {}
    return _join(pairs, {**details, **located})


def _padding_matters(pairs: Sequence[_OutputPair]) -> bool:
    return max(greatest_relative_difference(pair.plain, pair.padded) for pair in pairs) > TOLERANCE


def _locate(
    session: Session, pairs: Sequence[_OutputPair], series: PaddedInput, runs: PaddingRuns
) -> PaddingDetails:
    """Locate the layer that lets padding in, if it changes the outputs."""
    has_other_value = series.mask is not None and series.details.get("other_value")
    if has_other_value or not _padding_matters(pairs):
        return {}
    whole = RecordedRuns(session=session, runs=runs.in_batches_of(session.facts.batch_size))
    moved = find_moved_padding(whole, series.name)
    if moved is not None:
        return {"moved": moved}
    leak = find_padding_leak(whole)
    return {"leak": leak} if leak else {}


def compare_extended_rows(session: Session, series: PaddedInput, filling: np.ndarray) -> Result:
    """Compare rows without padding with the same rows with some added, on either side.

    Args:
        session: the session of a model that takes series of any length.
        series: the input whose padding is measured.
        filling: one time step of padding.
    """
    side: Side = "left" if session.options.padding_side == "left" else "right"
    rows = first_batch(series.rows, min(MAX_ROWS, count_rows(series.rows)))
    steps = rows[series.name].shape[1]
    fillings = {series.name: filling, **_find_fillings(series)}
    predict = _predict_lengths(session)
    plain = predict(rows)
    pairs, other_side = [], 0.0
    for added in _ADDED_STEPS:
        longer = [_add_padding(rows, fillings, added, on) for on in (side, OTHER_SIDE[side])]
        padded, turned = _predict_together(predict, longer)
        total = steps + added
        pairs.append(_OutputPair(padded=padded, plain=_align(plain, padded, steps, side, total)))
        plain_turned = _align(plain, turned, steps, OTHER_SIDE[side], total)
        other_side = max(other_side, greatest_relative_difference(plain_turned, turned))
    details: PaddingDetails = {
        **series.details,
        "side": side,
        "added": list(_ADDED_STEPS),
        "lengths": [steps],
        "other_side": other_side,
        "value": [float(value) for value in filling.ravel()[:4]],
        "other_value": series.mask is not None and bool((filling != series.mask).any()),
    }
    padded_rows = _add_padding(rows, fillings, _ADDED_STEPS[-1], side)
    elsewhere = _add_padding(rows, fillings, _ADDED_STEPS[-1], OTHER_SIDE[side])
    refilled = _repeat_steps(rows, fillings, _ADDED_STEPS[-1], side)
    runs = PaddingRuns(padded=padded_rows, cut=rows, moved=elsewhere, refilled=refilled, side=side)
    located = _locate(session, pairs, replace(series, details=details), runs)
    return _join(_keep_one_shape(pairs), {**details, **located})


def _find_fillings(series: PaddedInput) -> Rows:
    """Return one time step of padding for each input of the same time axis.

    Raises:
        PaddingUnknown: an input masks nothing, so that its padding is not known.
    """
    fillings = {}
    for name in sorted(series.together):
        mask = series.masks.get(name)
        if mask is None:
            raise PaddingUnknown(f"input '{name}' has the same time axis, and how it is padded is not known")
        fillings[name] = np.full_like(series.rows[name][:1, :1], mask)
    return fillings


def _add_padding(rows: Rows, fillings: Rows, added: int, side: Side) -> Rows:
    longer = dict(rows)
    for name, filling in fillings.items():
        padding = np.broadcast_to(filling, (count_rows(rows), added, *filling.shape[2:]))
        parts = [rows[name], padding] if side == "right" else [padding, rows[name]]
        longer[name] = np.concatenate(parts, axis=1)
    return longer


def _repeat_steps(rows: Rows, names: Iterable[str], added: int, side: Side) -> Rows:
    """Return the rows with true time steps of their own in place of added padding."""
    longer = dict(rows)
    for name in names:
        values = rows[name]
        more = values[:, :added] if side == "right" else values[:, -added:]
        longer[name] = np.concatenate([values, more] if side == "right" else [more, values], axis=1)
    return longer


def _keep_one_shape(pairs: list[_OutputPair]) -> list[_OutputPair]:
    """Return the last pair if the pairs have outputs of different lengths, else all."""
    shapes = {values.shape[1:] for pair in pairs for values in pair.padded.values()}
    return pairs if len(shapes) <= len(pairs[0].padded) else pairs[-1:]


def _align(cut: Outputs, padded: Outputs, length: int, side: Side, steps: int) -> dict[str, np.ndarray]:
    """Return the outputs for cut rows in the shape of those for padded rows.

    Outputs per time step keep the values of the padded rows in the padding.

    Raises:
        PaddingUnknown: the shape of an output depends on the length in a different way.
    """
    aligned = {}
    for name, values in cut.items():
        target = padded[name]
        if values.shape == target.shape:
            aligned[name] = values
            continue
        per_step = (len(target), length, *target.shape[2:])
        if values.shape != per_step or target.shape[1:2] != (steps,):
            raise PaddingUnknown(f"the shape of output '{name}' depends on the number of time steps")
        aligned[name] = target.copy()
        true_steps = slice(0, length) if side == "right" else slice(steps - length, None)
        aligned[name][:, true_steps] = values
    return aligned


def _join(pairs: Sequence[_OutputPair], details: PaddingDetails) -> Result:
    padded = {name: np.concatenate([pair.padded[name] for pair in pairs]) for name in pairs[0].padded}
    plain = {name: np.concatenate([pair.plain[name] for pair in pairs]) for name in pairs[0].plain}
    total = len(next(iter(padded.values())))
    return Result(outputs=plain, baseline=padded, rows=np.arange(total), details=details)
