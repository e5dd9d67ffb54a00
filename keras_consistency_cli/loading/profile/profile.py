"""The description of the data: one pass over rows, reference rows and served rows, what the scaler remembers, and how they differ."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.errors import KcheckError
from keras_consistency_cli.loading.profile.drift import drift_facts
from keras_consistency_cli.loading.profile.expected_columns import (
    expected_columns,
    expected_outcome,
    with_shares,
)
from keras_consistency_cli.loading.profile.scaling_layers import Seen, preprocessing_facts
from keras_consistency_cli.loading.profile.statistics import Statistics
from keras_consistency_cli.loading.rows.source import split_into_chunks
from keras_consistency_cli.loading.scalers.fitted_scaler import get_expected_features
from keras_consistency_cli.loading.scalers.scaling import Scaling
from keras_consistency_cli.loading.subject import Subject
from keras_consistency_cli.measurement.facts import (
    DataFacts,
    ExpectedColumn,
    RowsFact,
    ScalingFact,
    ServedFact,
    TargetFact,
)
from keras_consistency_cli.text import clean

__all__ = ["describe_data"]

_BUDGET = 64 * 2**20
"""Bytes of rows that are looked at unless the user asks for all rows: in blocks, spread over the data."""
_CHUNK = 4 * 2**20
_BLOCKS = 32
_FUNCTION_ROWS = 4096
"""Rows that a preprocess function is asked to prepare; it may be slow."""
_SERVED_ROWS = 4096
_SAME = 1e-4
"""Of a column's spread: served values that close to what they are held against are the same."""

Rows = Mapping[str, npt.NDArray[Any]]
Summed = dict[str, Statistics]


def describe_data(subject: Subject, *, every: bool = False) -> DataFacts:
    """Gather everything that is known about the rows and what happens to them before the model.

    Args:
        subject: the loaded subject.
        every: whether to read all rows, however many; else a spread part of large files.

    Raises:
        KcheckError: rows, scaler and model do not fit each other.
    """
    walk = _Walk(subject=subject, every=every)
    raw, fed = walk.both(subject.length, subject.raw)
    reference, reference_fed = walk.reference() if subject.reference_length else ({}, {})
    # In the form that the data have.
    alike = reference_fed if subject.files.data_state == "scaled" else reference
    served = (
        walk.over(subject.length, lambda numbers: subject.served(numbers) or {})
        if subject.files.served
        else {}
    )
    known = DataFacts(
        generated=subject.files.data is None,
        state=subject.files.data_state,
        raw=walk.facts(raw),
        fed=walk.facts(fed),
        reference=walk.facts(alike),
        reference_fed=walk.facts(reference_fed),
        served=walk.facts(served),
        scaling=_scaling(subject, raw, reference, reference_fed),
        served_as=_served_as(subject) if served else None,
        target=_target(subject),
        value_range=_pair(subject.files.value_range),
    )
    names = [_by_input(known.served or known.fed), _by_input(known.raw), _by_input(known.reference_fed)]
    layers = preprocessing_facts(subject.model, Seen(fed=names[0], raw=names[1], reference=names[2]))
    known = replace(known, layers=layers)
    return replace(known, drift=() if known.generated else drift_facts(known, raw, alike))


@dataclass(frozen=True, kw_only=True)
class _Walk:
    """Passes over rows in chunks that are read, measured and forgotten."""

    subject: Subject
    every: bool

    def both(self, length: int, read: Callable[[npt.NDArray[np.int64]], Rows]) -> tuple[Summed, Summed]:
        """Statistics of the rows as read, and as the model gets them; in one pass where nothing slow comes between."""
        scaling = self.subject.scaling
        if (scaling is None and self.subject.joint is None) or self.subject.files.data_state == "scaled":
            plain = self.over(length, read)
            return plain, plain
        if scaling is None or scaling.function is not None:
            few = min(length, _FUNCTION_ROWS)
            return self.over(length, read), self.over(
                length, lambda numbers: self.subject.scaled(read(numbers)), most=few
            )
        raw: Summed = {}
        fed: Summed = {}
        for numbers in self._chunks(length, read, None):
            rows = read(numbers)
            _add(raw, rows, numbers)
            _add(fed, self.subject.scaled(rows), numbers)
        return raw, fed

    def reference(self) -> tuple[Summed, Summed]:
        """The same of the reference rows; of data that are scaled already they may be raw or scaled, and nothing is known of what is not there."""
        scaling, length, read = self.subject.scaling, self.subject.reference_length, self.subject.reference
        if scaling is None or self.subject.files.data_state == "raw":
            return self.both(length, read)
        given = self.over(length, read)
        if (
            scaling.scaler is None
            or scaling.input not in given
            or not _looks_raw(scaling, given[scaling.input])
        ):
            return {}, given
        return given, self.over(length, lambda numbers: _scaled_anyway(scaling, read(numbers)))

    def over(
        self, length: int, read: Callable[[npt.NDArray[np.int64]], Rows], most: int | None = None
    ) -> Summed:
        """Statistics of the rows that `read` gives for row numbers below `length`."""
        summed: Summed = {}
        for numbers in self._chunks(length, read, most):
            _add(summed, read(numbers), numbers)
        return summed

    def _chunks(
        self, length: int, read: Callable[[npt.NDArray[np.int64]], Rows], most: int | None
    ) -> Iterator[npt.NDArray[np.int64]]:
        one = sum(values.nbytes for values in read(np.arange(1)).values()) or 1
        size = max(1, _CHUNK // one)
        wanted = min(length if self.every else max(1, _BUDGET // one), length if most is None else most)
        if wanted >= length:
            starts = range(0, length, size)
            yield from (np.arange(start, min(start + size, length)) for start in starts)
            return
        block = max(1, wanted // _BLOCKS)
        for start in np.linspace(0, length - block, min(_BLOCKS, wanted)).astype(np.int64):
            yield from split_into_chunks(np.arange(start, start + block), size)

    def facts(self, summed: Summed) -> tuple[RowsFact, ...]:
        """Plain data; columns are named where the data name them."""
        scaling = self.subject.scaling
        return tuple(
            statistics.facts(name, _names(scaling, name) or self.subject.columns)
            for name, statistics in summed.items()
        )


def _looks_raw(scaling: Scaling, given: Statistics) -> bool:
    """Whether more values lie where raw ones would than where scaled ones would, by what the scaler remembers."""
    if len(given.count) != get_expected_features(scaling.scaler)[0]:
        return False
    found = _shared(expected_columns(scaling.scaler), given)
    return sum(each.within[0] for each in found) > sum(each.within[1] for each in found)


def _scaled_anyway(scaling: Scaling, rows: Rows) -> Rows:
    return {**rows, scaling.input: scaling.apply(rows[scaling.input])}


def _names(scaling: Scaling | None, name: str) -> tuple[str, ...] | None:
    return (scaling.columns or scaling.names) if scaling is not None and scaling.input == name else None


def _add(summed: Summed, rows: Rows, numbers: npt.NDArray[np.int64]) -> None:
    for name, values in rows.items():
        if values.dtype.kind in "fiub":
            found = Statistics.of(values, numbers)
            summed[name] = summed[name] + found if name in summed else found


def _by_input(facts: tuple[RowsFact, ...]) -> dict[str, RowsFact]:
    return {fact.input: fact for fact in facts}


def _pair(values: Any) -> tuple[float, float] | None:
    return None if values is None else (float(values[0]), float(values[1]))


def _scaling(subject: Subject, raw: Summed, reference: Summed, reference_fed: Summed) -> ScalingFact | None:
    scaling = subject.scaling
    if scaling is None:
        return _joint(subject)
    known = scaling.describe_statistics()
    names = (
        None
        if scaling.columns is None and scaling.names is None
        else tuple(clean(name) for name in scaling.columns or scaling.names or ())
    )
    expected = expected_columns(scaling.scaler, names) if scaling.scaler is not None else ()
    given = raw.get(scaling.input)
    return ScalingFact(
        kind=scaling.kind,
        input=scaling.input,
        function=scaling.function is not None,
        features=known.get("features"),
        names=None if scaling.names is None else tuple(clean(name) for name in scaling.names),
        columns=None if scaling.columns is None else tuple(clean(name) for name in scaling.columns),
        running=known.get("running", ""),
        statistics=known,
        expected=_shared(expected, given),
        outcome=() if expected or scaling.scaler is None else expected_outcome(scaling.scaler),
        shown=_shared(_shown(scaling, names, reference, reference_fed), given),
        mutates=subject.files.data_state == "raw"
        and scaling.mutates(subject.raw(np.arange(min(subject.length, 2)))[scaling.input]),
    )


def _joint(subject: Subject) -> ScalingFact | None:
    """Of a function that prepares several inputs at once: it remembers nothing, and is told of the first of them."""
    joint, raw = subject.joint, subject.files.data_state == "raw"
    if joint is None:
        return None
    mutates = raw and joint.mutates(subject.raw(np.arange(min(subject.length, 2))))
    return ScalingFact(
        kind=joint.kind,
        input=joint.inputs[0],
        function=True,
        statistics={"kind": joint.kind},
        mutates=mutates,
    )


def _shared(expected: tuple[ExpectedColumn, ...], given: Statistics | None) -> tuple[ExpectedColumn, ...]:
    return (
        ()
        if given is None
        else tuple(
            with_shares(each, given.finite(each.column))
            for each in expected
            if each.column < len(given.count)
        )
    )


def _shown(
    scaling: Scaling, names: tuple[str, ...] | None, reference: Summed, reference_fed: Summed
) -> tuple[ExpectedColumn, ...]:
    """What the reference rows look like raw, scaled, and scaled twice."""
    before, after = reference.get(scaling.input), reference_fed.get(scaling.input)
    if before is None or after is None or len(before.count) != len(after.count):
        return ()
    try:
        again = Statistics.of(
            scaling.apply(scaling.apply(_sample_rows(scaling, before))), np.arange(len(before.sample))
        )
    except (KcheckError, ValueError):
        return ()
    raw, once = before.facts(scaling.input, names), after.facts(scaling.input, names)
    columns = zip(raw.columns, once.columns, again.facts(scaling.input, names).columns, strict=True)
    return tuple(
        ExpectedColumn(
            column=at,
            name=a.name,
            kind="reference",
            raw=(a.mean, a.sd),
            scaled=(b.mean, b.sd),
            twice=(c.mean, c.sd),
            low=a.low,
            high=a.high,
        )
        for at, (a, b, c) in enumerate(columns)
    )


def _sample_rows(scaling: Scaling, statistics: Statistics) -> npt.NDArray[Any]:
    """The sampled values in the shape of rows; a scaler takes those of any rank feature by feature, a function must be given whole rows."""
    if scaling.scaler is None and len(statistics.shape) != 1:
        raise ValueError("rows of this rank cannot be put together from their columns")
    return statistics.ordered


def _served_as(subject: Subject) -> ServedFact | None:
    """How many of the served rows are the rows as given, scaled once, and scaled twice."""
    scaling = subject.scaling
    if scaling is None:
        return None
    numbers = np.linspace(0, subject.length - 1, min(subject.length, _SERVED_ROWS)).astype(np.int64)
    served, given = subject.served(numbers), subject.raw(numbers)[scaling.input]
    if served is None:
        return None
    once = given if subject.files.data_state == "scaled" else scaling.apply(given)
    try:
        twice = scaling.apply(once)
    except KcheckError:
        twice = np.zeros(0)
    found = [_share_equal(served[scaling.input], each) for each in (given, once, twice)]
    return ServedFact(rows=len(numbers), raw=found[0], scaled=found[1], twice=found[2])


def _share_equal(served: npt.NDArray[Any], other: npt.NDArray[Any]) -> float:
    if served.shape != other.shape or not len(served):
        return 0.0
    mine, theirs = (values.astype(np.float64).reshape(-1, values.shape[-1]) for values in (served, other))
    spread = (
        np.nanstd(np.where(np.isfinite(theirs), theirs, np.nan), axis=0)
        if len(theirs) > 1
        else np.zeros(theirs.shape[1])
    )
    near = np.isclose(mine, theirs, rtol=1e-5, atol=1e-12, equal_nan=True) | (
        np.abs(mine - theirs) <= _SAME * spread
    )
    return float(near.reshape(len(served), -1).all(axis=1).mean())


def _target(subject: Subject) -> TargetFact | None:
    if subject.files.target_scaler is None:
        return None
    from keras_consistency_cli.loading.scalers.scaler import build_scaler

    scaler = build_scaler(Path(subject.files.target_scaler), trust=subject.files.trust_scaler)
    kind, width = clean(type(scaler).__name__), get_expected_features(scaler)[0]
    if not hasattr(scaler, "inverse_transform"):
        return TargetFact(kind=kind)
    back = np.asarray(
        scaler.inverse_transform(np.array([[0.0], [0.25], [0.5]]) + np.zeros((1, width))), dtype=np.float64
    )
    steps = np.diff(back, axis=0) / 0.25
    even = bool(np.isfinite(steps).all() and np.allclose(steps[0], steps[1]))
    return TargetFact(kind=kind, units=tuple(np.abs(steps[0]).tolist()) if even else ())
