"""NaN and infinity must be nowhere, or at least not hidden.

Why: one bad row poisons states and statistics, and some fused kernels turn NaN into an ordinary number: with oneDNN,
Dense or Conv2D followed by relu answers 0.0 in predict where `model(x)` answers NaN (tensorflow#119628). A bad row
must be seen, and must not hide what is wrong with the others.

How: the rows, the weights and the outputs of predict are scanned, and so are reference rows, served rows and what the
scaler remembers. Bad rows are always among those that are predicted: where the eager call says NaN and predict says a
number, NaN is being hidden. Missing values that the scaler's pipeline fills never reach the model, and are only told.

To fix: clean or impute the rows before the model; retrain a model whose weights hold NaN; guard divisions and
logarithms.

Sources: keras#15139, tensorflow#119628.
"""

from __future__ import annotations

import math
from typing import Any

from keras_consistency_cli.checks.base import Check, Evidence, Pair, Status, Verdict
from keras_consistency_cli.measurement.facts import DataFacts, RowsFact
from keras_consistency_cli.measurement.rounding import MAX_FACTOR
from keras_consistency_cli.routes.trace import REFERENCE

__all__ = ["CHECK"]

_MOST_NAMED = 5
_REMEMBERED = ("mean", "scale", "var", "min", "max", "max_abs", "center", "lambdas", "statistics")
_PAIRS = (Pair(candidate="call", reference="predict"),)


def examine(evidence: Evidence) -> Verdict:
    """FAIL for bad weights, hidden NaN and non-finite outputs; WARN for bad rows that are answered with finite numbers everywhere."""
    weights = evidence.data.get("nonfinite_weights", ())
    bad: dict[str, Any] = _bad_rows(evidence)
    hidden, wrong = _hidden(evidence), _wrong_outputs(evidence)
    known: DataFacts | None = evidence.data.get("description")
    served = _only_served(known)
    findings = {
        "rows": bad,
        "weights": list(weights),
        "hidden": hidden,
        "outputs": wrong,
        "served": served,
        "filled": _filled(known),
    }
    told = "; ".join(_told(name, found) for name, found in bad.items())
    if weights:
        holding = "a weight holds" if len(weights) == 1 else f"{len(weights)} weights hold"
        message = f"{holding} NaN or infinity: '{weights[0]}'"
        return _verdict(
            Status.FAIL, message, findings, "train again from a checkpoint before the loss became NaN"
        )
    if hidden:
        message = (
            "NaN is hidden: predict answers with numbers where model(x) does not, or answers "
            f"otherwise{'; ' + told if told else ''}"
        )
        advice = "clean the rows before the model; TF_ENABLE_ONEDNN_OPTS=0 shows the NaN in predict too"
        return _verdict(Status.FAIL, message, findings, advice)
    if wrong:
        cause = f", from {told}" if told else " although all inputs are finite"
        message = (
            f"predict answers NaN or infinity, {sum(wrong.values())} values of output "
            f"'{next(iter(wrong))}'{cause}"
        )
        return _verdict(
            Status.FAIL,
            message,
            findings,
            "clean or impute the rows before the model; guard divisions, logarithms and overflow in it",
        )
    if served:
        name, found = next(iter(served.items()))
        message = (
            f"{found['rows']} served rows of input '{name}' hold NaN or infinity (row {found['first'][0]} "
            "first), the data do not"
        )
        return _verdict(
            Status.FAIL,
            message,
            findings,
            "find the step of serving that loses them, between the raw rows and the model",
        )
    if told:
        advice = "make sure that the model is meant to take such rows"
        return _verdict(Status.WARN, f"{told}; the model answers them with finite numbers", findings, advice)
    if unseen := _unseen(evidence):
        return unseen
    beside = _beside(known)
    if beside:
        return _verdict(
            Status.WARN,
            beside,
            findings,
            "train and fit on rows that are finite, or impute them as serving does",
        )
    filled = sum(_filled(known).values())
    message = "rows, weights and outputs are finite" + (
        f"; missing values in {filled} rows are filled before the model" if filled else ""
    )
    return _verdict(Status.PASS, message, findings, None)


def _unseen(evidence: Evidence) -> Verdict | None:
    """What could not be scanned: a crash is an ERROR, a predict that cannot run here a SKIP."""
    crashed = [
        f"{name}: {trace.error}"
        for name in ("rows", "call", REFERENCE)
        if (trace := evidence.traces.get(name)) is not None and trace.error
    ]
    if crashed:
        return Verdict(
            status=Status.ERROR, message="not everything could be scanned", reason="; ".join(crashed)
        )
    predict = evidence.traces.get(REFERENCE)
    if predict is None or not predict.ran:
        reason = predict.unavailable if predict is not None else "predict did not run"
        return Verdict(status=Status.SKIP, message="no outputs to scan", reason=reason)
    return None


def _verdict(status: Status, message: str, findings: dict[str, Any], advice: str | None) -> Verdict:
    return Verdict(status=status, message=message, findings=findings, advice=advice)


def _bad_rows(evidence: Evidence) -> dict[str, Any]:
    """By input: how many rows hold NaN or infinity where they reach the model, of all that were looked at, and the first of them."""
    found: dict[str, list[int]] = evidence.data.get("nonfinite_rows", {})
    known: DataFacts | None = evidence.data.get("description")
    counted = {} if known is None else {rows.input: rows for rows in known.fed}
    told = {}
    for name, numbers in found.items():
        if numbers:
            every = counted.get(name)
            many = max(len(numbers), every.bad_rows if every is not None else 0)
            told[name] = {
                "rows": many,
                "first": sorted({*numbers, *(every.first_bad if every is not None else ())})[:5],
            }
            told[name] |= {"columns": _bad_columns(every)} if every is not None else {}
    return told


def _told(name: str, found: dict[str, Any]) -> str:
    worst = f", feature '{found['columns'][0]}' most" if found.get("columns") else ""
    return (
        f"{found['rows']} rows of input '{name}' hold NaN or infinity (row {found['first'][0]} first{worst})"
    )


def _bad_columns(rows: RowsFact) -> list[str]:
    """The features with NaN or infinity, those with most of them first."""
    bad = sorted(
        (column for column in rows.columns if column.nan + column.inf),
        key=lambda column: -(column.nan + column.inf),
    )
    return [column.name for column in bad[:_MOST_NAMED]]


def _only_served(known: DataFacts | None) -> dict[str, Any]:
    """By input: served rows that are not finite although those of the data are."""
    if known is None:
        return {}
    sound = {rows.input for rows in known.fed if not rows.bad_rows}
    return {
        rows.input: {"rows": rows.bad_rows, "first": list(rows.first_bad)}
        for rows in known.served
        if rows.bad_rows and rows.input in sound
    }


def _filled(known: DataFacts | None) -> dict[str, int]:
    """By input: rows with missing values that are gone where the rows reach the model."""
    if known is None:
        return {}
    sound = {rows.input for rows in known.fed if not rows.bad_rows}
    return {rows.input: rows.bad_rows for rows in known.raw if rows.bad_rows and rows.input in sound}


def _beside(known: DataFacts | None) -> str:
    """What is wrong with reference rows or scaler, in words; empty where nothing is."""
    for rows in known.reference_fed if known is not None else ():
        if rows.bad_rows:
            worst = max(rows.columns, key=lambda column: column.nan + column.inf)
            return (
                f"{rows.bad_rows} reference rows of input '{rows.input}' reach the model with NaN or "
                f"infinity, feature '{worst.name}' most"
            )
    statistics = known.scaling.statistics if known is not None and known.scaling is not None else {}
    for part in (statistics, *statistics.get("parts", ())):
        for name in _REMEMBERED:
            values = part.get(name, ())
            if any(isinstance(value, float) and not math.isfinite(value) for value in values):
                return f"the scaler's {part['kind']} remembers NaN or infinity as {name} of a feature"
    return ""


def _hidden(evidence: Evidence) -> dict[str, int]:
    """By output: values that are NaN in the eager call alone, and bad rows that the two ways answer with different numbers."""
    bad = {number for numbers in evidence.data.get("nonfinite_rows", {}).values() for number in numbers}
    found = {}
    for each in evidence.comparisons.get(("call", "predict"), ()):
        noise = evidence.noise.get(each.output)
        apart = sum(
            worst.row in bad and worst.distance > (MAX_FACTOR * noise.max_abs if noise else 0.0)
            for worst in each.worst
        )
        swallowed = each.nonfinite if each.nonfinite_candidate > each.nonfinite_reference else 0
        found[each.output] = swallowed or apart
    return {output: count for output, count in found.items() if count}


def _wrong_outputs(evidence: Evidence) -> dict[str, int]:
    counts: dict[str, int] = {}
    for (_, reference), found in evidence.comparisons.items():
        for each in found if reference == "predict" else ():
            if each.nonfinite_reference:
                counts[each.output] = max(counts.get(each.output, 0), each.nonfinite_reference)
    return counts


CHECK = Check(
    code="KC701",
    name="finite",
    title="no NaN or infinity in rows, weights and outputs, and none hidden",
    explanation=__doc__,
    pairs=_PAIRS,
    routes=("rows", REFERENCE),
    examine=examine,
)
