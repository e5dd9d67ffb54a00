"""Routes that predict.

All rows, one at a time, in batches of several sizes and orders, twice, and in a fresh process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.routes.base import (
    Placement,
    Precision,
    Route,
    RouteFunction,
    unless_fresh_process_suffices,
)
from keras_consistency_cli.routes.calling.clock import find_clock_reads
from keras_consistency_cli.routes.calling.output_variation import OutputVariation, describe_variation
from keras_consistency_cli.routes.scaling.preprocessed_rows import describe_preprocessed_rows
from keras_consistency_cli.routes.session.batches import count_rows, first_batch, join_outputs, select_rows
from keras_consistency_cli.routes.session.distances import same_outputs
from keras_consistency_cli.routes.trace import REFERENCE, REPEATED, Outputs, Result, Rows, float64_name

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["BatchSizeDetails", "PredictDetails", "ShortTailDetails", "predict_compiled", "prediction_routes"]

_LITERAL_SINGLES = 3
_MOST_BATCHES, _FEWEST_BATCHES = 32, 1
"""Batches of a small size that show whether it matters: of any model, and of a heavy one."""


class PredictDetails(TypedDict, total=False):
    """Details of the route `predict`: operations that draw random numbers.

    None if they cannot be listed. `variation` says which outputs do not vary with the rows. `drawing` are the
    names of these operations in the graph, `clock` those of operations, or of functions of Python in a layer,
    that read the time for an output.
    """

    random_operations: list[str] | None
    drawing: list[str]
    clock: list[str]
    variation: OutputVariation


class BatchSizeDetails(TypedDict):
    """Details of the routes `batch-…`."""

    batch_size: int


class ShortTailDetails(TypedDict):
    """Details of the route `short-tail`: the number of rows given to predict."""

    given: int


def _predict(session: Session, rows: Rows) -> Result:
    """Call `model.predict`.

    Later chunks of a stream run the compiled step, if it gave the same bits for a batch of the first chunk.
    """
    if session.step_equals_predict:
        return predict_compiled(session, rows)
    clock = find_clock_reads(session, rows)
    session.forget_traces()
    outputs = session.predict(rows)
    session.step_equals_predict = _step_gives_same_bits(session, rows, outputs)
    batch = first_batch(rows, session.batch_size)
    details: PredictDetails = {
        "random_operations": session.random_operations(batch),
        "drawing": session.drawing_places(batch),
        "clock": session.clock_places(batch) or clock,
        "variation": describe_variation(rows, outputs),
    }
    return Result(outputs=outputs, details=details)


def _step_gives_same_bits(session: Session, rows: Rows, predicted: Outputs) -> bool:
    if session.facts.stateful_layers or session.snapshot.changes():
        return False
    stepped = session.steps(first_batch(rows, session.batch_size), session.batch_size)
    return same_outputs(stepped, {name: predicted[name][: len(values)] for name, values in stepped.items()})


def predict_compiled(session: Session, rows: Rows) -> Result:
    """Predict by compiled steps over batches."""
    return Result(outputs=session.steps(rows, session.batch_size))


def _predict_again(session: Session, rows: Rows) -> Result:
    """Return the second of two predicts, with nothing restored in between, as in a server."""
    session.predict(rows)
    return Result(outputs=session.predict(rows))


def _predict_retraced(session: Session, rows: Rows) -> Result:
    """Predict after Keras has traced it again: values frozen into the first trace change."""
    session.forget_traces()
    return Result(outputs=session.predict(rows))


def _predict_in_fresh_process(session: Session, rows: Rows) -> Result:
    """Predict in a process that has run nothing before.

    The details describe the preprocessed rows.
    """
    return replace(_predict_retraced(session, rows), details=describe_preprocessed_rows(session, rows))


def _one_by_one(session: Session, rows: Rows) -> Result:
    some, positions = session.repeated_rows(rows)
    return Result(outputs=session.one_by_one(some), rows=positions)


def _single_predict(session: Session, rows: Rows) -> Result:
    """Call `model.predict(x[None])` on the first, the middle and the last row.

    It is traced for one row, except for a heavy model without own code that is traced already: Keras's layers
    do not ask how many rows there are.
    """
    positions = np.unique(np.linspace(0, count_rows(rows) - 1, _LITERAL_SINGLES).astype(int))
    if not session.is_heavy or session.has_own_code:
        session.forget_traces()
    outputs = []
    for position in positions:
        session.restore()
        outputs.append(session.predict(select_rows(rows, np.array([position])), batch_size=1))
    return Result(outputs=join_outputs(outputs), rows=positions)


def _short_tail(session: Session, rows: Rows) -> Result:
    """Call `model.predict` on one full batch and a last one of a single row.

    The batch is smaller than the one in use if there are not more rows, or if the model is heavy. Keras may
    return too many rows.
    """
    most = session.question_batch if session.is_heavy else session.batch_size
    size = session.facts.batch_size or min(most, max(1, count_rows(rows) - 1))
    positions = np.arange(min(size + 1, count_rows(rows)))
    details: ShortTailDetails = {"given": len(positions)}
    outputs = session.predict(select_rows(rows, positions), batch_size=size)
    return Result(outputs=outputs, rows=positions, details=details)


def _shuffled(session: Session, rows: Rows) -> Result:
    some, positions = session.repeated_rows(rows)
    order = np.random.default_rng(session.options.seed).permutation(count_rows(some))
    outputs = session.steps(select_rows(some, order), session.batch_size)
    original_order = np.argsort(order)
    return Result(
        outputs={
            name: values[original_order] if values.ndim and len(values) == len(order) else values
            for name, values in outputs.items()
        },
        rows=positions,
    )


def _batch_function(size: int | None) -> RouteFunction:
    def run(session: Session, rows: Rows) -> Result:
        details: BatchSizeDetails = {"batch_size": size or count_rows(rows)}
        most = _FEWEST_BATCHES if session.is_heavy else _MOST_BATCHES
        some, positions = session.some_rows(rows, details["batch_size"] * most)
        return Result(outputs=session.steps(some, details["batch_size"]), rows=positions, details=details)

    return run


def _fixed_batch_reason(facts: Facts) -> str:
    return f"the model is built for batches of {facts.batch_size}"


def _needs_free_batch_size(facts: Facts) -> str | None:
    return None if facts.batch_size in (None, 1) else _fixed_batch_reason(facts)


def _needs_batch_size(size: int | None) -> Callable[[Facts], str | None]:
    def unavailable(facts: Facts) -> str | None:
        return None if facts.batch_size in (None, size) else _fixed_batch_reason(facts)

    return unavailable


def _batch_route(size: int | None, precision: Precision) -> Route:
    """Return the route that predicts in batches of `size` rows; None means all rows at once."""
    summary = f"predict in batches of {size}" if size else "predict with all rows in one batch"
    return Route(
        name=_name_for(f"batch-{size or 'all'}", precision),
        summary=summary,
        run=_batch_function(size),
        unavailable=_needs_batch_size(size),
        precision=precision,
        placement=_placement_for(precision),
    )


def _name_for(name: str, precision: Precision) -> str:
    return name if precision == "float32" else float64_name(name)


def _placement_for(precision: Precision) -> Placement:
    return "main" if precision == "float32" else "float64"


def _routes_for(precision: Precision, sizes: Sequence[int]) -> tuple[Route, ...]:
    """Return the routes that exist for the model and for its float64 copy."""
    placement = _placement_for(precision)
    return (
        Route(
            name=_name_for(REFERENCE, precision),
            summary="predict over the rows",
            run=_predict if precision == "float32" else predict_compiled,
            precision=precision,
            placement=placement,
            streams=True,
        ),
        Route(
            name=_name_for("one-by-one", precision),
            summary="every row as a separate request",
            run=_one_by_one,
            unavailable=_needs_free_batch_size,
            precision=precision,
            placement=placement,
            streams=True,
        ),
        *(_batch_route(size, precision) for size in (*sizes, None)),
        Route(
            name=_name_for("shuffled", precision),
            summary="predict with the rows in a different order",
            run=_shuffled,
            precision=precision,
            placement=placement,
        ),
    )


_FRESH_PROCESS = Route(
    name="fresh-process",
    summary="predict in a process that has run nothing before",
    run=_predict_in_fresh_process,
    placement="fresh",
    interprets_again=True,
)
_FLOAT32_ONLY: tuple[Route, ...] = (
    # Two of these trace predict again; the route after each runs what it leaves.
    Route(
        name="predict-retraced",
        summary="predict after it is traced again",
        run=_predict_retraced,
        unavailable=unless_fresh_process_suffices,
    ),
    Route(
        name=REPEATED,
        summary="the second of two predicts, nothing reset in between",
        run=_predict_again,
    ),
    Route(
        name="single-predict",
        summary="model.predict(x[None]) on three rows",
        run=_single_predict,
        unavailable=_needs_free_batch_size,
    ),
    Route(name="short-tail", summary="predict with a last batch of one row", run=_short_tail),
)


def prediction_routes(sizes: Sequence[int]) -> tuple[Route, ...]:
    """Return the routes that predict, including those in batches of the given sizes."""
    on_float64_copy = (
        replace(route, summary=f"{route.summary}, on the float64 copy")
        for route in _routes_for("float64", sizes)
    )
    return (_FRESH_PROCESS, *_routes_for("float32", sizes), *_FLOAT32_ONLY, *on_float64_copy)
