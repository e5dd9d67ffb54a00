"""Descriptions of data as a worker would give them, made from real rows and real scalers; no model is needed."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_consistency_cli.checks.base import Check, Evidence, Verdict
from keras_consistency_cli.loading.profile.expected_columns import (
    measure_column_shares,
    read_expected_columns,
)
from keras_consistency_cli.loading.profile.statistics import Statistics
from keras_consistency_cli.measurement.facts import DataFacts, Facts, PreprocessingFact, RowsFact, ScalingFact
from keras_consistency_cli.measurement.tolerance import Policy

__all__ = ["columns_of", "examined", "layer", "rows_fact", "scaling_fact"]


def rows_fact(rows: np.ndarray, name: str = "x") -> RowsFact:
    """Facts of these rows."""
    return Statistics.of(rows, np.arange(len(rows))).describe(name)


def columns_of(rows: np.ndarray) -> Any:
    """Facts of their columns."""
    return rows_fact(rows).columns


def scaling_fact(scaler: Any, raw: np.ndarray, **changed: Any) -> ScalingFact:
    """Facts of a scaler, and of how raw rows look to it."""
    found = Statistics.of(raw, np.arange(len(raw)))
    expected = tuple(measure_column_shares(each, found.finite(each.column)) for each in read_expected_columns(scaler))
    known: dict[str, Any] = {
        "kind": type(scaler).__name__,
        "input": "x",
        "features": raw.shape[-1],
        "running": "1.9.1",
        "expected": expected,
    }
    return ScalingFact(**{**known, **changed})


def layer(kind: Any = "Normalization", path: str = "norm", **fields: Any) -> PreprocessingFact:
    """A layer that input x enters."""
    return PreprocessingFact(path=path, kind=kind, input="x", **fields)


def examined(check: Check, known: DataFacts | None, **data: Any) -> Verdict:
    """What a check says that looks at the description alone."""
    facts = Facts(name="m", kind="Functional", parameters=1, layers=(), inputs=(), outputs=())
    evidence = Evidence(
        facts=facts, policy=Policy(), traces={}, comparisons={}, data={"description": known, **data}
    )
    return check.examine(evidence)
