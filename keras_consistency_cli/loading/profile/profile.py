"""The profile of the data: statistics of rows, scaler and layers, and their drift.

It is gathered once, in a worker; the checks of data and scaling judge it without a look at the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.loading.profile.drift import measure_drift
from keras_consistency_cli.loading.profile.passes import RowPasses
from keras_consistency_cli.loading.profile.row_norms import compare_row_norms
from keras_consistency_cli.loading.profile.scaling_facts import (
    describe_scaling,
    describe_served_rows,
    describe_target,
)
from keras_consistency_cli.loading.profile.scaling_layers import InputStatistics, describe_scaling_layers
from keras_consistency_cli.loading.profile.stored_statistics import measure_mismatch
from keras_consistency_cli.loading.subject import Subject
from keras_consistency_cli.measurement.data_facts import DataFacts, RowNormFact, RowsFact
from keras_consistency_cli.text import clean

__all__ = ["describe_data"]

_NORM_ROWS = 64


def describe_data(subject: Subject, *, every: bool = False) -> DataFacts:
    """Describe the rows and everything that happens to them before the model.

    Args:
        subject: the loaded subject.
        every: whether to read all rows, however many; else a part of large files, spread over the file.

    Raises:
        KcheckError: rows, scaler and model do not fit each other.
    """
    padding = subject.padding if subject.padding.is_possible else None
    without = RowPasses(subject=subject, every=every, padding=padding)
    facts = _describe(without)
    mismatch = measure_mismatch(facts)
    if not without.found or not mismatch:
        return facts
    # Statistics of training may have counted the padding too. Then the rows are compared as they were.
    counted = _describe(RowPasses(subject=subject, every=every))
    return counted if measure_mismatch(counted) < mismatch else facts


def _describe(passes: RowPasses) -> DataFacts:
    subject = passes.subject
    raw, fed = passes.measure_raw_and_fed(subject.length, subject.raw)
    reference, reference_fed = passes.measure_reference() if subject.sources.reference_length else ({}, {})
    # In the form that the data have.
    comparable = reference_fed if subject.files.data_state == "scaled" else reference
    served = passes.measure_served() if subject.files.served else {}
    facts = DataFacts(
        generated=subject.files.data is None,
        state=subject.files.data_state,
        raw=passes.describe(raw),
        fed=passes.describe(fed),
        reference=passes.describe(comparable),
        reference_fed=passes.describe(reference_fed),
        served=passes.describe(served),
        scaling=describe_scaling(subject, raw, reference, reference_fed),
        served_as=describe_served_rows(subject) if served else None,
        target=describe_target(subject),
        norms=_compare_norms(subject),
        other_order=_find_other_order(subject),
        value_range=_to_pair(subject.files.value_range),
    )
    statistics = InputStatistics(
        fed=_index_by_input(facts.served or facts.fed),
        raw=_index_by_input(facts.raw),
        reference=_index_by_input(facts.reference_fed),
        reference_raw=_index_by_input(facts.reference),
    )
    facts = replace(facts, layers=describe_scaling_layers(subject.model, statistics))
    texts = {clean(name) for name in subject.sources.words}
    return replace(facts, drift=() if facts.generated else measure_drift(facts, raw, comparable, texts))


def _find_other_order(subject: Subject) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Return the columns of the rows and of the reference rows if the model gets these in another order.

    A scaler may find columns by name, and several inputs do.
    """
    there, here = subject.sources.reference_order, subject.sources.columns
    if subject.files.scales or not there or not here or len(subject.facts.inputs) > 1:
        return None
    if sorted(there) != sorted(here):
        return None
    return tuple(map(clean, here)), tuple(map(clean, there))


def _compare_norms(subject: Subject) -> tuple[RowNormFact, ...]:
    """Compare the norms of some rows, as the model gets them, with those of reference rows."""
    sources, length = subject.sources, subject.sources.reference_length
    if sources.data is None or not length or (subject.files.data_state == "scaled" and subject.files.scales):
        return ()
    numbers, known = _spread(subject.length), sources.reference(_spread(length))
    rows = (sources.served(numbers) if subject.files.served else None) or subject.scaled(subject.raw(numbers))
    return tuple(compare_row_norms(rows, subject.scaled(known)))


def _spread(length: int) -> npt.NDArray[np.int64]:
    return np.unique(np.linspace(0, length - 1, min(_NORM_ROWS, length)).astype(np.int64))


def _index_by_input(facts: tuple[RowsFact, ...]) -> dict[str, RowsFact]:
    return {fact.input: fact for fact in facts}


def _to_pair(values: Sequence[float] | None) -> tuple[float, float] | None:
    return None if values is None else (float(values[0]), float(values[1]))
