"""Descriptions of data as a worker returns them, from real rows and real scalers, without a model."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_consistency_cli.checks.base import Check, Evidence
from keras_consistency_cli.checks.context import DataContext
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.loading.profile.expected_columns import (
    measure_column_shares,
    read_expected_columns,
)
from keras_consistency_cli.loading.profile.statistics import Statistics
from keras_consistency_cli.measurement.data_facts import DataFacts, PreprocessingFact, RowsFact, ScalingFact
from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.measurement.policy import Policy

__all__ = ["columns_of", "examined", "layer", "rows_fact", "scaling_fact"]


def rows_fact(rows: np.ndarray, name: str = "x") -> RowsFact:
    """Facts about these rows."""
    return Statistics.of(rows, np.arange(len(rows))).describe(name)


def columns_of(rows: np.ndarray) -> Any:
    """Facts about the columns of these rows."""
    return rows_fact(rows).columns


def scaling_fact(scaler: Any, raw: np.ndarray, **changed: Any) -> ScalingFact:
    """Facts about a scaler and about raw rows as its input."""
    statistics = Statistics.of(raw, np.arange(len(raw)))
    expected = tuple(
        measure_column_shares(columns, statistics.finite(columns.column))
        for columns in read_expected_columns(scaler)
    )
    known: dict[str, Any] = {
        "kind": type(scaler).__name__,
        "input": "x",
        "features": raw.shape[-1],
        "running": "1.9.1",
        "expected": expected,
    }
    return ScalingFact(**{**known, **changed})


def layer(kind: Any = "Normalization", path: str = "norm", **fields: Any) -> PreprocessingFact:
    """A layer that takes input x."""
    return PreprocessingFact(path=path, kind=kind, input="x", **fields)


def examined(check: Check, description: DataFacts, **data: Any) -> Verdict:
    """The verdict of a check that looks only at the description."""
    facts = Facts(name="m", kind="Functional", parameters=1, layers=(), inputs=(), outputs=())
    context = DataContext(description=description, **data)
    evidence = Evidence(facts=facts, policy=Policy(), traces={}, comparisons={}, data=context)
    return check.examine(evidence)
