"""NaN and infinity in rows, weights, outputs and scalers: where they are, and in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.measurement.data_facts import DataFacts, RowsFact
from keras_consistency_cli.measurement.limits import FALLBACK_RTOL
from keras_consistency_cli.measurement.rounding import MAX_FACTOR
from keras_consistency_cli.routes.trace import REFERENCE

__all__ = ["BadRows", "NonfiniteValues", "describe_reference_or_scaler", "describe_rows", "find_nonfinite"]

_MOST_NAMED = 5
_STATISTICS = ("mean", "scale", "var", "min", "max", "max_abs", "center", "lambdas", "statistics")


class BadRows(TypedDict):
    """Rows of one input with NaN or infinity: their number, the first, the worst features."""

    rows: int
    first: list[int]
    columns: NotRequired[list[str]]


@dataclass(frozen=True, kw_only=True)
class NonfiniteValues:
    """Everything that is not finite; all but `weights` are by input or by output.

    `hidden` counts values that predict turns into numbers, `made` numbers that only predict turns into NaN.
    `served` are bad rows that only serving has, `filled` counts rows whose missing values are filled before
    the model.
    """

    rows: Mapping[str, BadRows]
    weights: Sequence[str]
    hidden: Mapping[str, int]
    made: Mapping[str, int]
    outputs: Mapping[str, int]
    served: Mapping[str, BadRows]
    filled: Mapping[str, int]

    def findings(self) -> dict[str, Any]:
        """Return them as plain data for reports."""
        return {
            "rows": self.rows,
            "weights": list(self.weights),
            "hidden": self.hidden,
            "made": self.made,
            "outputs": self.outputs,
            "served": self.served,
            "filled": self.filled,
        }


def find_nonfinite(evidence: Evidence) -> NonfiniteValues:
    """Look through rows, weights and outputs."""
    description = evidence.data.description
    return NonfiniteValues(
        rows=_bad_rows(evidence),
        weights=evidence.data.nonfinite_weights,
        hidden=_hidden_values(evidence),
        made=_made_values(evidence),
        outputs=_bad_outputs(evidence),
        served=_only_served(description),
        filled=_filled_rows(description),
    )


def _bad_rows(evidence: Evidence) -> dict[str, BadRows]:
    """By input: rows that reach the model with NaN or infinity, of all rows of the data."""
    described = {rows.input: rows for rows in evidence.data.description.fed}
    found = {}
    for name, numbers in evidence.data.nonfinite_rows.items():
        if not numbers:
            continue
        rows = described.get(name)
        if rows is None:
            found[name] = BadRows(rows=len(numbers), first=sorted(set(numbers))[:_MOST_NAMED])
        else:
            first = sorted({*numbers, *rows.first_bad})[:_MOST_NAMED]
            count = max(len(numbers), rows.bad_rows)
            found[name] = BadRows(rows=count, first=first, columns=_bad_columns(rows))
    return found


def _bad_columns(rows: RowsFact) -> list[str]:
    """The features with NaN or infinity, those with most of them first."""
    bad = [column for column in rows.columns if column.nan + column.inf]
    ranked = sorted(bad, key=lambda column: -(column.nan + column.inf))
    return [column.name for column in ranked[:_MOST_NAMED]]


def _clean_inputs(description: DataFacts) -> set[str]:
    return {rows.input for rows in description.fed if not rows.bad_rows}


def _only_served(description: DataFacts) -> dict[str, BadRows]:
    """By input: served rows that are not finite although those of the data are."""
    clean = _clean_inputs(description)
    return {
        rows.input: BadRows(rows=rows.bad_rows, first=list(rows.first_bad))
        for rows in description.served
        if rows.bad_rows and rows.input in clean
    }


def _filled_rows(description: DataFacts) -> dict[str, int]:
    """By input: rows with missing values that no longer have any when they reach the model."""
    clean = _clean_inputs(description)
    return {rows.input: rows.bad_rows for rows in description.raw if rows.bad_rows and rows.input in clean}


def _hidden_values(evidence: Evidence) -> dict[str, int]:
    """By output: values that are NaN only in the eager call, else bad rows that differ."""
    bad = {number for numbers in evidence.data.nonfinite_rows.values() for number in numbers}
    hidden = {}
    for comparison in evidence.comparisons.get(("call", REFERENCE), ()):
        noise = evidence.noise.get(comparison.output)
        limit = MAX_FACTOR * noise.max_abs if noise else FALLBACK_RTOL * comparison.scale
        different = sum(worst.row in bad and worst.distance > limit for worst in comparison.worst)
        lost = comparison.nonfinite_candidate > comparison.nonfinite_reference
        hidden[comparison.output] = (comparison.nonfinite if lost else 0) or different
    return {output: count for output, count in hidden.items() if count}


def _made_values(evidence: Evidence) -> dict[str, int]:
    """By output: values that are NaN or infinite in predict and not in the eager call."""
    pairs = evidence.comparisons.get(("call", REFERENCE), ())
    made = {each.output: each.nonfinite_reference - each.nonfinite_candidate for each in pairs}
    return {output: count for output, count in made.items() if count > 0}


def _bad_outputs(evidence: Evidence) -> dict[str, int]:
    counts: dict[str, int] = {}
    for (_, reference), comparisons in evidence.comparisons.items():
        for comparison in comparisons if reference == REFERENCE else ():
            if comparison.nonfinite_reference:
                count = counts.get(comparison.output, 0)
                counts[comparison.output] = max(count, comparison.nonfinite_reference)
    return counts


def describe_rows(rows: Mapping[str, BadRows]) -> str:
    """Return in words how many rows of each input are not finite; empty if all are."""
    return "; ".join(
        f"{bad['rows']} rows of input '{name}' hold NaN or infinity "
        f"(row {bad['first'][0]} first{_worst_feature(bad)})"
        for name, bad in rows.items()
    )


def _worst_feature(bad: BadRows) -> str:
    columns = bad.get("columns")
    return f", most in feature '{columns[0]}'" if columns else ""


def describe_reference_or_scaler(description: DataFacts) -> str:
    """Return in words what is not finite in the reference rows or the scaler, if anything."""
    for rows in description.reference_fed:
        if rows.bad_rows:
            worst = max(rows.columns, key=lambda column: column.nan + column.inf)
            return (
                f"{rows.bad_rows} reference rows of input '{rows.input}' reach the model with NaN or "
                f"infinity, most in feature '{worst.name}'"
            )
    statistics = description.scaling.statistics if description.scaling is not None else {}
    for part in (statistics, *statistics.get("parts", ())):
        for name in _STATISTICS:
            values = part.get(name, ())
            if any(isinstance(value, float) and not math.isfinite(value) for value in values):
                return f"the scaler's {part['kind']} stores NaN or infinity as {name} of a feature"
    return ""
