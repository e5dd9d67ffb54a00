"""A fitted scaler: its features, its statistics, and rows transformed by it.

It is never fitted here, and the rows that it gets are copies.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict, cast

import numpy as np

from keras_consistency_cli.errors import DataError, RefusedError, UsageError
from keras_consistency_cli.loading.scalers.estimators import count_features, walk_parts
from keras_consistency_cli.loading.tables.columns import decode
from keras_consistency_cli.loading.tables.dialects import Dialect
from keras_consistency_cli.loading.tables.encoders import explain_refusal, walk_encoders
from keras_consistency_cli.measurement.distance import is_float_or_integer
from keras_consistency_cli.text import clean, format_count, shape_text

__all__ = [
    "PartStatistics",
    "ScalerStatistics",
    "add_column_names",
    "describe_statistics",
    "get_expected_features",
    "names_to_select",
    "transform_rows",
]

_STATISTICS = {
    "mean": "mean_",
    "scale": "scale_",
    "var": "var_",
    "min": "data_min_",
    "max": "data_max_",
    "max_abs": "max_abs_",
    "center": "center_",
    "lambdas": "lambdas_",
    "statistics": "statistics_",
    "quantiles": "quantiles_",
}


class PartStatistics(TypedDict, total=False):
    """The statistics of one estimator, a number for each feature.

    An estimator has only some of them. `rows` is the number of rows that it was fitted on.
    """

    kind: str
    mean: list[float]
    scale: list[float]
    var: list[float]
    min: list[float]
    max: list[float]
    max_abs: list[float]
    center: list[float]
    lambdas: list[float]
    statistics: list[float]
    quantiles: list[list[float]]
    rows: int


class ScalerStatistics(PartStatistics, total=False):
    """The statistics of a scaler and of the estimators inside it.

    `running` is the version of the installed scikit-learn.
    """

    features: int
    names: list[str] | None
    running: str
    parts: list[PartStatistics]


def get_expected_features(scaler: Any) -> tuple[int, tuple[str, ...] | None]:
    """Return the number of features that the scaler was fitted on, and their names.

    The names are None if it was fitted without names.

    Raises:
        RefusedError: the scaler does not know, because it was never fitted.
    """
    count = count_features(scaler)
    if count is None:
        raise RefusedError(
            f"the scaler {clean(type(scaler).__name__)} does not know how many features it takes",
            fix="fit it and save it again",
            cause="scaler-unusable",
        )
    names = getattr(scaler, "feature_names_in_", None)
    return count, None if names is None else tuple(str(name) for name in names)


def describe_statistics(scaler: Any) -> ScalerStatistics:
    """Return features, names and statistics of a fitted scaler and of its parts."""
    import sklearn

    features, names = get_expected_features(scaler)
    whole, *inner = [_describe_part(part) for part in walk_parts(scaler)]
    return ScalerStatistics(
        **whole,
        features=features,
        names=None if names is None else [clean(name) for name in names],
        running=sklearn.__version__,
        parts=inner,
    )


def _describe_part(part: Any) -> PartStatistics:
    statistics: dict[str, Any] = {"kind": clean(type(part).__name__)}
    for name, attribute in _STATISTICS.items():
        values = vars(part).get(attribute)
        if isinstance(values, np.ndarray) and is_float_or_integer(values.dtype):
            statistics[name] = values.astype(np.float64).tolist()
    rows = vars(part).get("n_samples_seen_")
    # One number, or one for each feature if values were missing; recent scikit-learn keeps it as a float.
    if isinstance(rows, int | np.number | np.ndarray):
        statistics["rows"] = int(np.min(rows))
    return cast(PartStatistics, statistics)


def transform_rows(
    scaler: Any, rows: np.ndarray, texts: Mapping[int, Sequence[str]] | None = None
) -> np.ndarray:
    """Return the rows transformed by the scaler; `rows` stay unchanged.

    Args:
        scaler: a fitted estimator, from `build_scaler`.
        rows: (rows, features) or, with any number of axes between, (rows, ..., features).
        texts: the words of the features that hold codes of texts, by their positions.

    Returns:
        The same leading axes and the features of the scaler's output, in the precision of that output.

    Raises:
        DataError: rank or number of features do not fit, or the scaler refuses the values.
        RefusedError: the scaler crashed, as one saved by a different scikit-learn may.
    """
    expected, names = get_expected_features(scaler)
    if rows.ndim < 2 or rows.shape[-1] != expected:
        raise _report_wrong_features(rows, expected)
    flat = np.array(rows, order="C", copy=True).reshape(-1, expected)
    try:
        scaled = _transform(scaler, add_column_names(scaler, flat, names, texts))
    except DataError as error:
        described = _describe_texts(scaler, flat, names, texts)
        if described is None:
            raise
        raise described from error
    if scaled.ndim != 2 or len(scaled) != len(flat):
        raise RefusedError(
            f"the scaler turned rows of shape {flat.shape} into {scaled.shape}",
            expected="one row for each row",
        )
    return scaled.reshape(*rows.shape[:-1], scaled.shape[1])


def _describe_texts(
    scaler: Any, flat: np.ndarray, names: tuple[str, ...] | None, texts: Mapping[int, Sequence[str]] | None
) -> DataError | None:
    """Describe texts in a column of which no encoder knows any; None if there are none."""
    encoded = {place for place, _ in walk_encoders(scaler)}
    for place, words in (texts or {}).items():
        wrong = [code for code, word in enumerate(words) if not Dialect().is_number(word)]
        rows = np.flatnonzero(np.isin(flat[:, place], wrong))
        if place in encoded or not len(rows):
            continue
        name = f"'{clean(names[place], 40)}'" if names else str(place)
        text = clean(repr(words[int(flat[rows[0], place])]), 60)
        return DataError(
            f"the scaler {clean(type(scaler).__name__)} takes numbers, and column {name} holds texts such as "
            f"{text}, in {len(rows)} of {format_count(len(flat), 'row')}",
            expected="a number in each cell, without signs of currencies, units or percent",
            fix="write the numbers as training read them, and leave out lines of totals",
        )
    return None


def _report_wrong_features(rows: np.ndarray, expected: int) -> DataError:
    if rows.ndim < 2:
        problem = f"{'one axis' if rows.ndim else 'no axis'}, but the scaler takes rows of features"
    else:
        problem = f"{rows.shape[-1]} features, but the scaler was fitted on {expected}"
    return DataError(
        f"the rows have shape {shape_text(rows.shape)}: {problem}",
        expected=f"(rows, {expected}) or (rows, ..., {expected})",
        fix="pass the rows as they were before scaling, "
        "with the columns that the scaler was fitted on, in the same order "
        "(--columns and --drop choose columns of a table)",
    )


def names_to_select(scaler: Any) -> tuple[str, ...]:
    """Return the names by which the scaler finds its columns, in any order; empty if it goes by places.

    A ColumnTransformer that was fitted on a DataFrame has such names, also as the first step of a pipeline.
    """
    if type(scaler).__name__ == "Pipeline" and scaler.steps:
        return names_to_select(scaler.steps[0][1])
    is_selecting = type(scaler).__name__ == "ColumnTransformer"
    return tuple(map(str, getattr(scaler, "feature_names_in_", ()))) if is_selecting else ()


def add_column_names(
    scaler: Any,
    flat: np.ndarray,
    names: tuple[str, ...] | None,
    texts: Mapping[int, Sequence[str]] | None = None,
) -> Any:
    """Return the rows as the scaler takes them: with their texts, and with names if it selects by name."""
    columns = [
        decode(flat[:, place], texts[place]) if texts and place in texts else flat[:, place]
        for place in range(flat.shape[1])
    ]
    if names is None or not any(type(part).__name__ == "ColumnTransformer" for part in walk_parts(scaler)):
        return np.stack(columns, axis=1, dtype=object) if texts else flat
    try:
        pandas = importlib.import_module("pandas")
    except ImportError as error:
        raise UsageError(
            "this scaler selects columns by name, which needs pandas", fix="pip install pandas"
        ) from error
    return pandas.DataFrame(dict(zip(names, columns, strict=True)))


def _transform(scaler: Any, rows: Any) -> np.ndarray:
    kind = clean(type(scaler).__name__)
    try:
        with warnings.catch_warnings():
            # Rows have no names and may hold NaN: checks report both.
            warnings.simplefilter("ignore")
            result = scaler.transform(rows)
    except ValueError as error:
        what, fix = explain_refusal(scaler, rows, error)
        raise DataError(f"the scaler {kind} refuses the rows: {what}", fix=fix) from error
    except Exception as error:  # a scaler from a different scikit-learn lacks attributes and fails in any way
        raise RefusedError(
            f"the scaler {kind} fails to transform: {type(error).__name__}: {clean(error)}",
            fix="a scaler saved by a different scikit-learn causes this: "
            "install that version, or fit and save the scaler again with this one",
            cause="scaler-unusable",
        ) from error
    return np.asarray(result.toarray() if hasattr(result, "toarray") else result)
