"""The route that runs the model on a few rows with their columns in many orders."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.trace import Result, Rows, WhyNoOutputs

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["COLUMN_ORDERS", "ORDERS_ROUTE", "ORDER_ROWS", "OrderDetails"]

COLUMN_ORDERS = "column-orders"
ORDER_ROWS = 32
"""Rows that are tried in each order; their outputs follow one another."""
_MOST_COLUMNS, _ALL_ORDERS = 24, 5


class Order(TypedDict):
    """One order of columns, before or after scaling."""

    order: list[int]
    scaled: bool


class OrderDetails(WhyNoOutputs, total=False):
    """The orders, in the order of the outputs."""

    orders: list[Order]


def _run_orders(session: Session, rows: Rows) -> Result:
    numbers = session.row_numbers[:ORDER_ROWS]
    raw, fed = session.subject.raw(numbers), {name: values[:ORDER_ROWS] for name, values in rows.items()}
    if len(fed) != 1:
        return _nothing("the model has several inputs")
    (name,) = fed
    columns = raw[name].shape[-1] if name in raw and raw[name].ndim > 1 else 0
    if not 2 <= columns <= _MOST_COLUMNS or fed[name].shape != raw[name].shape:
        return _nothing("the rows have no columns to exchange")
    tried: list[np.ndarray] = []
    orders: list[Order] = []
    for order in _orders(columns, session.subject.sources.columns or ()):
        tried.append(fed[name][..., order])
        orders.append({"order": order, "scaled": True})
        if session.subject.files.scales and not session.subject.sources.words:
            tried.append(session.subject.scaled({name: raw[name][..., order]})[name])
            orders.append({"order": order, "scaled": False})
    details: OrderDetails = {"orders": orders}
    outputs = session.steps({name: np.concatenate(tried).astype(fed[name].dtype)}, session.batch_size)
    return Result(
        outputs=outputs, rows=np.zeros(len(next(iter(outputs.values()))), np.int64), details=details
    )


def _nothing(reason: str) -> Result:
    details: OrderDetails = {"reason": reason}
    return Result(outputs={}, details=details)


def _orders(columns: int, names: Sequence[str] = ()) -> Iterator[list[int]]:
    """Every order of few columns; of many that of their names, the reverse, shifts, and exchanged pairs."""
    right = list(range(columns))
    by_name = sorted(right, key=lambda place: names[place]) if len(names) == columns > _ALL_ORDERS else right
    if by_name != right:
        yield by_name
    if columns <= _ALL_ORDERS:
        yield from (list(order) for order in itertools.permutations(right) if list(order) != right)
        return
    yield right[::-1]
    yield from (right[shift:] + right[:shift] for shift in range(1, columns))
    for one, other in itertools.combinations(right, 2):
        order = right.copy()
        order[one], order[other] = other, one
        yield order


ORDERS_ROUTE = Route(
    name=COLUMN_ORDERS, summary="the model on rows with their columns in other orders", run=_run_orders
)
