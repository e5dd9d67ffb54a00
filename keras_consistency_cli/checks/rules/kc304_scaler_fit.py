"""The scaler must belong to the model and the rows: features, order, training rows.

Why: a scaler is a separate file. It may come from a different experiment, be fitted before the data were
cleaned, be applied to columns in a different order, or be loaded by a different scikit-learn than the one
that saved it.

How: names and order of the columns are compared with `feature_names_in_`, and the scikit-learn that saved the
file with the one that runs. If they differ, the scaler is tried: what fit() of the running version sets and
the scaler has not is a failure, because transform() then leaves a step out, and StandardScaler, MinMaxScaler,
MaxAbsScaler and RobustScaler are compared with what their statistics give. With reference rows, the
statistics that the scaler stores are compared with theirs: mean and spread (or median and quartiles, or the
range), in standard deviations, beyond the scatter of so many rows. If half of the reference rows, and of the
rows, lie more than 100 spreads from the centre, the scaler cannot have been fitted on any sample of them, and
that is a failure. Without reference rows, it is a warning if the statistics of the scaler are those of rows
that were scaled before, such as the mean 0 and the deviation 1. A feature that was constant when the scaler
was fitted is not divided by anything; if it varies now, that is reported. Categories that an encoder does
not know are compared with those that it knows in different spellings: if one of these makes nearly all of
them known, that is a failure, or a warning if less than a fifth of the values are concerned. It is a failure
too if the encoder knows all of them, but in the place of another column, or if it knows numbers where the
rows hold texts. If it knows hardly any value of a column, and no spelling helps, they may all be new: a
warning.

To fix: fit scaler and model on the same rows, save both together, and pass a DataFrame (or columns in the
fitted order).

Sources: scikit-learn#25297, https://scikit-learn.org/stable/model_persistence.html.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from keras_consistency_cli.checks.analysis.scalers.unfit_scaler import judge_unfit_scaler
from keras_consistency_cli.checks.analysis.scalers.unknown_categories import judge_categories
from keras_consistency_cli.checks.analysis.scaling_state import by_input
from keras_consistency_cli.checks.analysis.staleness import (
    STALE,
    StaleFeature,
    compare_statistics,
    describe_stale_features,
)
from keras_consistency_cli.checks.analysis.swapped_columns import SwappedFeatures, swapped_features
from keras_consistency_cli.checks.base import Check, Evidence
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.measurement.data_facts import ColumnFact, DataFacts, ExpectedColumn, ScalingFact
from keras_consistency_cli.measurement.installed import has_other_minor_version
from keras_consistency_cli.text import clean, format_count

__all__ = ["CHECK"]

_UNUSED = ((1000, 6.5, 0.2), (200, 4.5, 0.1), (1000, 15.0, 0.02))
"""Reference rows, greatest kurtosis, and the share of a stored range that such a feature must fill.

The rows may be a sample of those of training. Of 200 to 300 samples out of 20,000 rows, none filled less, for
normal, exponential and Student's t features among others. With a heavier tail the range is chance: 1000 of
20,000 rows of Student's t with 3 degrees of freedom filled less than 0.2 in 12 % of the samples, of a Pareto
distribution with the exponent 0.7 in 88 %.
"""
_QUARTILES = 1.349
"""Distance of the quartiles of a normal feature, in standard deviations."""


def examine(evidence: Evidence) -> Verdict:
    """FAIL for a different order or impossible statistics; WARN for a different version or statistics."""
    description, scaling = evidence.data.description, evidence.data.description.scaling
    if scaling is None:
        return Verdict.skip("no scaler or preprocess given")
    if scaling.function:
        return Verdict.skip("a preprocess function has no statistics to compare")
    if scaling.names and scaling.columns and scaling.names != scaling.columns:
        return _fail_order(
            scaling.names,
            scaling.columns,
            finding="fitted",
            who="the scaler was fitted with",
            advice="order by name: frame[list(scaler.feature_names_in_)]",
        )
    swapped = next(iter(swapped_features(description)), None)
    if swapped is not None:
        return _fail_places(swapped)
    version = _other_version(evidence.data.scaler_saved_with, scaling.running)
    if scaling.missing and (version or evidence.data.scaler_saved_with is None):
        return _fail_missing(scaling, version)
    stale, varying = list(_stale_features(description, scaling)), list(_newly_varying(description, scaling))
    if stale and _was_fitted_in_order_of_reference(description, scaling):
        return _fail_order(
            scaling.reference_order or (),
            scaling.columns or (),
            finding="reference",
            who="the reference rows have",
            advice="order by name, as in the reference rows: frame[list(reference.columns)]",
        )
    findings = {"stale": {each.name: each.by for each in stale}, "varying": varying, "version": version}
    unfit = judge_unfit_scaler(description, scaling, findings) or judge_categories(scaling, findings)
    if unfit is not None:
        return unfit
    warning = _warn(stale, varying, version, scaling, findings)
    if warning is not None:
        return warning
    order = ["order"] if scaling.names and scaling.columns else []
    compared = " and ".join(["features", *order, *(["statistics"] if description.reference else [])])
    features = format_count(scaling.features or 0, "feature")
    return Verdict.ok(f"{scaling.kind} of {features} fits the rows; compared: {compared}", findings=findings)


def _warn(
    stale: Sequence[StaleFeature],
    varying: Sequence[str],
    version: str | None,
    scaling: ScalingFact,
    findings: Mapping[str, Any],
) -> Verdict | None:
    """The most serious warning: statistics, version, or a feature that varies now."""
    if stale:
        message = f"the scaler was not fitted on the reference rows; {describe_stale_features(stale)}"
        advice = "fit it again on the rows that the model is trained on, and save both together"
        return Verdict.warn(message, cause="scaler-stale", findings=findings, advice=advice)
    if version:
        message = (
            f"scikit-learn {version} saved the scaler, {scaling.running} runs; {_describe_trial(scaling)}"
        )
        advice = "install the version that saved it where the model is served, or fit and save it again"
        return Verdict.warn(message, cause="scaler-version", findings=findings, advice=advice)
    if varying:
        message = (
            f"feature '{varying[0]}' was constant when the scaler was fitted; "
            "it varies now, and reaches the model unscaled"
        )
        advice = "fit scaler and model on rows in which it varies"
        return Verdict.warn(message, cause="scaler-stale", findings=findings, advice=advice)
    return None


def _describe_trial(scaling: ScalingFact) -> str:
    if scaling.as_stored:
        return "tried: the same numbers, as far as its statistics tell"
    if scaling.as_stored is False:
        return "tried: its numbers are not those that follow from its statistics"
    return "it loads, and nothing that fit() sets is missing, but the same results are not guaranteed"


def _fail_missing(scaling: ScalingFact, version: str | None) -> Verdict:
    """A FAIL for a scaler without something that transform() of this version uses."""
    names = ", ".join(scaling.missing)
    return Verdict.fail(
        f"{f'scikit-learn {version}' if version else 'a different scikit-learn'} saved the scaler, "
        f"{scaling.running} runs and does not find {names}: it leaves that step out without an error",
        cause="scaler-version",
        findings={"version": version, "missing": list(scaling.missing), "mend": _give_attributes(scaling)},
        advice="install the version that saved it where the model is served, or fit and save it again",
    )


def _give_attributes(scaling: ScalingFact) -> str:
    """The line that gives a TfidfTransformer its idf again; empty for others."""
    is_idf = any(name.endswith(".idf_") for name in scaling.missing)
    return "load it, and set scaler.idf_ = scaler._idf_diag.diagonal(); then save it again" if is_idf else ""


def _was_fitted_in_order_of_reference(description: DataFacts, scaling: ScalingFact) -> bool:
    """Whether the scaler has the statistics of the reference rows in the order of their own columns."""
    order, columns = scaling.reference_order, scaling.columns
    if not order or not columns or sorted(order) != sorted(columns):
        return False
    places = [columns.index(name) for name in order]
    return not any(_stale_features(description, scaling, places))


def _fail_order(
    names: tuple[str, ...], columns: tuple[str, ...], *, finding: str, who: str, advice: str
) -> Verdict:
    """Return the failure; `who` has the names, which are in the findings under `finding`."""
    wrong = [at for at, (name, column) in enumerate(zip(names, columns, strict=True)) if name != column]
    first = wrong[0]
    return Verdict.fail(
        f"{len(wrong)} of {len(names)} columns are not in the order the scaler was fitted on; "
        f"column {first} is '{columns[first]}', {who} '{names[first]}' there",
        cause="feature-order",
        findings={finding: list(names), "columns": list(columns)},
        advice=advice,
    )


def _fail_places(swapped: SwappedFeatures) -> Verdict:
    """The failure that KC501 finds by statistics too, so that the two checks never disagree."""
    return Verdict.fail(
        f"{len(swapped.places)} of {len(swapped.names)} columns are in each other's place; "
        f"by the statistics of {clean(swapped.against, 60)}, {swapped.describe()[0]}",
        cause="feature-order",
        findings={"places": {str(column): place for column, place in swapped.places.items()}},
        advice=swapped.fix,
    )


def _other_version(saved: str | None, running: str) -> str | None:
    """The version that saved the scaler, if it differs in more than the last number."""
    return clean(saved) if has_other_minor_version(saved, running) else None


def _stale_features(
    description: DataFacts, scaling: ScalingFact, places: Sequence[int] = ()
) -> Iterator[StaleFeature]:
    """Yield the features of the scaler that differ from the reference rows, with their columns moved."""
    reference = by_input(description.reference, scaling.input)
    if reference is None or description.state == "scaled":
        return
    for expected in scaling.expected:
        if expected.column < len(reference.columns) and not expected.constant:
            place = places[expected.column] if places else expected.column
            column = _with_filled_gaps(reference.columns[place], expected.filled)
            stale = _compare(expected, column, reference.rows)
            if stale is not None:
                yield stale


def _with_filled_gaps(column: ColumnFact, value: float | None) -> ColumnFact:
    """The column as a scaler after an imputer saw it; its quantiles are not known then."""
    if value is None or not column.nan or not column.count:
        return column
    share = column.nan / (column.count + column.nan)
    mean = column.mean + share * (value - column.mean)
    squares = (1 - share) * (column.sd**2 + (column.mean - mean) ** 2) + share * (value - mean) ** 2
    return replace(column, mean=mean, sd=math.sqrt(squares), quantiles=())


def _compare(expected: ExpectedColumn, column: ColumnFact, rows: int) -> StaleFeature | None:
    """Compare the statistics that this kind of scaler stores."""
    if expected.kind in ("MinMaxScaler", "MaxAbsScaler"):
        return _compare_range(expected, column)
    if expected.kind in ("RobustScaler", "QuantileTransformer", "PowerTransformer"):
        return _compare_quantiles(expected, column, rows)
    return compare_statistics(
        expected.name, expected.raw, (column.mean, column.sd), rows=rows, kurtosis=column.kurtosis
    )


def _compare_quantiles(expected: ExpectedColumn, column: ColumnFact, rows: int) -> StaleFeature | None:
    if not column.quantiles:
        return None
    quartiles = (column.quantiles[4] - column.quantiles[2]) / _QUARTILES
    # Only a RobustScaler stores the quartiles, except quartiles that are equal: then it divides by 1.
    spread = quartiles if expected.kind == "RobustScaler" and quartiles > 0 else expected.raw[1]
    # The median, and the quartiles even more, scatter more than mean and standard deviation do.
    shown = (column.quantiles[3], spread)
    return compare_statistics(expected.name, expected.raw, shown, rows=rows, scatter=1.6)


def _compare_range(expected: ExpectedColumn, column: ColumnFact) -> StaleFeature | None:
    if expected.low is None or expected.high is None or not column.count:
        return None
    width = expected.high - expected.low
    beyond = max(expected.low - column.low, column.high - expected.high) / width
    if beyond > STALE:
        what = "the reference rows exceed its range by a share of"
        return StaleFeature(name=expected.name, what=what, by=beyond)
    filled = column.span / width
    if expected.kind == "MaxAbsScaler":
        filled = max(abs(column.low), abs(column.high)) / max(abs(expected.low), abs(expected.high))
    if column.sd > 0 and any(
        column.count >= rows and column.kurtosis < kurtosis and filled < share
        for rows, kurtosis, share in _UNUSED
    ):
        what = "the reference rows leave unused a share of"
        return StaleFeature(name=expected.name, what=what, by=1 - filled)
    return None


def _newly_varying(description: DataFacts, scaling: ScalingFact) -> Iterator[str]:
    """Features that were constant in training and vary in the rows."""
    rows = by_input(description.raw, scaling.input)
    if rows is None or description.state != "raw":
        return
    for expected in scaling.expected:
        column = rows.columns[expected.column] if expected.column < len(rows.columns) else None
        if expected.constant and column is not None and _differs(column, expected.raw[0]):
            yield expected.name


def _differs(column: ColumnFact, constant: float) -> bool:
    difference = max(abs(column.high - constant), abs(column.low - constant))
    return column.count > 0 and difference > 1e-6 * max(abs(constant), 1.0)


CHECK = Check(
    code="KC304",
    name="scaler-fit",
    title="the scaler belongs to the model and the rows: features, order, version, statistics",
    explanation=__doc__,
    routes=("rows",),
    examine=examine,
)
