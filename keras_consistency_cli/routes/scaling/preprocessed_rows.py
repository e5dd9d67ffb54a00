"""What a preprocess function gives for the same rows, in a form that two processes can compare.

A checksum would also differ by rounding: libraries choose kernels by the alignment of memory. Weighted sums
of each row differ by rounding as little as the rows do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

import numpy as np

from keras_consistency_cli.loading.profile.salted_hash import find_salted_hash
from keras_consistency_cli.measurement.distance import is_numeric
from keras_consistency_cli.routes.scaling.column_distance import measure_column_distances
from keras_consistency_cli.routes.trace import Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["PreparedRows", "Unsteadiness", "describe_preprocessed_rows", "measure_unsteadiness"]

_SUMS = 2


class PreparedRows(TypedDict, total=False):
    """The rows that a preprocess function made, in the order of the inputs; empty without such a function.

    `salted` is where its code calls `hash()` of Python, whose results differ in each process.
    """

    prepared: list[list[list[float]]]
    salted: str


class Unsteadiness(TypedDict, total=False):
    """How many spreads the same rows differ between two calls of a function; empty without a function."""

    unsteady: float


def describe_preprocessed_rows(session: Session, rows: Rows) -> PreparedRows:
    """Return weighted sums of the rows that a preprocess function made, each row's size last."""
    names = _numeric_preprocessed(session, rows)
    if not names:
        return {}
    described: PreparedRows = {"prepared": [[_sum_row(row) for row in rows[name]] for name in names]}
    place = find_salted_hash(_find_function(session))
    return {**described, "salted": place} if place else described


def _sum_row(row: np.ndarray) -> list[float]:
    values = np.asarray(row, dtype=np.float64).ravel()
    lost = ~np.isfinite(values)
    values = np.where(lost, 0.0, values)
    weights = np.random.default_rng(0).choice([-1.0, 1.0], (_SUMS, values.size))
    return [*(weights @ values).tolist(), float(lost.sum()), float(np.sqrt(np.square(values).sum()))]


def _find_function(session: Session) -> object:
    subject = session.subject
    if subject.joint is not None:
        return subject.joint.function
    return None if subject.scaling is None else subject.scaling.function


def _numeric_preprocessed(session: Session, rows: Rows) -> list[str]:
    """Return the inputs whose rows are numbers that a preprocess function made."""
    subject = session.subject
    names: tuple[str, ...] = ()
    if subject.files.data_state == "scaled":
        names = ()
    elif subject.joint is not None:
        names = tuple(subject.joint.inputs)
    elif subject.scaling is not None and subject.scaling.function is not None:
        names = (subject.scaling.input,)
    return [name for name in names if is_numeric(rows[name].dtype)]


def measure_unsteadiness(session: Session, rows: Rows) -> Unsteadiness:
    """Return how many spreads the same rows differ between two calls of a function."""
    names = _numeric_preprocessed(session, rows)
    if not names:
        return {}
    first, second = (session.subject.scaled(session.subject.raw(session.row_numbers)) for _ in range(2))
    distances = [
        float(measure_column_distances(second[name], first[name]).max(initial=0.0))
        for name in names
        if first[name].shape == second[name].shape == rows[name].shape
    ]
    return {"unsteady": max(distances)} if distances else {}
