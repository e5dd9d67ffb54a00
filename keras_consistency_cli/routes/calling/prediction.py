"""Routes that predict: the whole chunk, one row at a time, other batch sizes, other orders, again, and in a fresh process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.routes.base import Placement, Precision, Route
from keras_consistency_cli.routes.scaling.scaling import checksum_preprocessed_rows
from keras_consistency_cli.routes.session.batches import count, first, some, stack
from keras_consistency_cli.routes.session.distances import same_answers
from keras_consistency_cli.routes.trace import Outputs, Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["prediction_routes"]

_LITERAL_SINGLES = 3


def _predict(session: Session, rows: Rows) -> Result:
    """Literally `model.predict`; on later chunks of a stream the compiled step, if it gave the same bits for a batch of the first."""
    if session.anchored:
        return _predict_compiled(session, rows)
    session.forget_traces()
    outputs = session.predict(rows)
    session.anchored = _same_bits(session, rows, outputs)
    return Result(
        outputs=outputs,
        details={"random_operations": session.random_operations(first(rows, session.batch_size))},
    )


def _same_bits(session: Session, rows: Rows, outputs: Outputs) -> bool:
    if session.facts.stateful_layers or session.snapshot.changes():
        return False
    batch = {
        name: values for name, values in session.step(first(rows, session.batch_size)).items() if values.ndim
    }
    return same_answers(batch, {name: outputs[name][: len(values)] for name, values in batch.items()})


def _predict_compiled(session: Session, rows: Rows) -> Result:
    return Result(outputs=session.steps(rows, session.batch_size))


def _predict_again(session: Session, rows: Rows) -> Result:
    """The second of two predicts: nothing is put back in between, as in a server's life."""
    session.predict(rows)
    return Result(outputs=session.predict(rows))


def _predict_retraced(session: Session, rows: Rows) -> Result:
    """Predict after Keras has traced it anew: values frozen into the first trace come out different."""
    session.forget_traces()
    return Result(outputs=session.predict(rows))


def _fresh(session: Session, rows: Rows) -> Result:
    """Predict where nothing has run before, with a mark of the rows that preprocessing made there."""
    return replace(_predict_retraced(session, rows), details=checksum_preprocessed_rows(session, rows))


def _one_by_one(session: Session, rows: Rows) -> Result:
    return Result(outputs=session.one_by_one(rows))


def _single_predict(session: Session, rows: Rows) -> Result:
    """Literally `model.predict(x[None])` on the first, the middle and the last row."""
    positions = np.unique(np.linspace(0, count(rows) - 1, _LITERAL_SINGLES).astype(int))
    session.forget_traces()
    outputs = []
    for position in positions:
        session.restore()
        outputs.append(session.predict(some(rows, np.array([position])), batch_size=1))
    return Result(outputs=stack(outputs), rows=positions)


def _in_batches_of(size: int | None) -> Callable[[Session, Rows], Result]:
    def run(session: Session, rows: Rows) -> Result:
        return Result(
            outputs=session.steps(rows, size or count(rows)), details={"batch_size": size or count(rows)}
        )

    return run


def _short_tail(session: Session, rows: Rows) -> Result:
    """One full batch and a last one of a single row; the literal predict, which Keras may answer with too many rows."""
    wanted = min(session.batch_size + 1, count(rows))
    session.forget_traces()
    positions = np.arange(wanted)
    return Result(outputs=session.predict(some(rows, positions)), rows=positions, details={"given": wanted})


def _shuffled(session: Session, rows: Rows) -> Result:
    order = np.random.default_rng(session.options.seed).permutation(count(rows))
    outputs = session.steps(some(rows, order), session.batch_size)
    back = np.argsort(order)
    return Result(
        outputs={
            name: values[back] if values.ndim and len(values) == len(back) else values
            for name, values in outputs.items()
        }
    )


def _fixed_batch(facts: Facts) -> str | None:
    return (
        f"the model is built for batches of {facts.batch_size}" if facts.batch_size not in (None, 1) else None
    )


def _other_size(size: int | None) -> Callable[[Facts], str | None]:
    def reason(facts: Facts) -> str | None:
        return (
            None
            if facts.batch_size in (None, size)
            else f"the model is built for batches of {facts.batch_size}"
        )

    return reason


def _batch_route(size: int | None, precision: Precision = "float32") -> Route:
    """Return the route that predicts in batches of `size` rows; None means all rows at once."""
    name = f"batch-{size or 'all'}"
    words = f"predict in batches of {size}" if size else "predict with all rows in one batch"
    return Route(
        name=_name_for(name, precision),
        summary=words,
        run=_in_batches_of(size),
        unavailable=_other_size(size),
        precision=precision,
        placement=_placement(precision),
    )


def _name_for(name: str, precision: Precision) -> str:
    return name if precision == "float32" else f"{name}-float64"


def _placement(precision: Precision) -> Placement:
    return "main" if precision == "float32" else "shadow"


def _with_float64_copy(precision: Precision, sizes: Sequence[int]) -> tuple[Route, ...]:
    """The routes that exist for the model and for its float64 copy."""
    predict = _predict if precision == "float32" else _predict_compiled
    placement = _placement(precision)
    return (
        Route(
            name=_name_for("predict", precision),
            summary="predict over the rows",
            run=predict,
            precision=precision,
            placement=placement,
            streams=True,
        ),
        Route(
            name=_name_for("one-by-one", precision),
            summary="every row as a request of its own",
            run=_one_by_one,
            unavailable=_fixed_batch,
            precision=precision,
            placement=placement,
            streams=True,
        ),
        *(_batch_route(size, precision) for size in (*sizes, None)),
        Route(
            name=_name_for("shuffled", precision),
            summary="predict with the rows in another order",
            run=_shuffled,
            precision=precision,
            placement=placement,
        ),
    )


def prediction_routes(sizes: Sequence[int]) -> tuple[Route, ...]:
    """Return the routes that predict, those in batches of the given sizes included."""
    return (
        Route(
            name="fresh-process",
            summary="predict in a process that has run nothing before",
            run=_fresh,
            placement="fresh",
        ),
        *_with_float64_copy("float32", sizes),
        Route(
            name="single-predict",
            summary="model.predict(x[None]), literally, on three rows",
            run=_single_predict,
            unavailable=_fixed_batch,
        ),
        Route(name="short-tail", summary="predict with a last batch of one row", run=_short_tail),
        Route(
            name="predict-again",
            summary="the second of two predicts, nothing reset in between",
            run=_predict_again,
        ),
        Route(name="predict-retraced", summary="predict after tracing anew", run=_predict_retraced),
        *(
            replace(route, summary=f"{route.summary}, on the float64 copy")
            for route in _with_float64_copy("float64", sizes)
        ),
    )
