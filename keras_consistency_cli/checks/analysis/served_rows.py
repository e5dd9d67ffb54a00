"""What the scaling checks share: reading the match of the served rows, naming its mistakes, and telling damage done by another way of scaling."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from keras_consistency_cli.checks.base import Evidence, Judged, Status, Verdict
from keras_consistency_cli.measurement.comparison import Comparison

__all__ = [
    "LOW_PRECISION",
    "Mistake",
    "damage",
    "harmless",
    "impossible",
    "mistakes",
    "nothing_ran",
    "served_verdict",
]

LOW_PRECISION = "scaled-in-low-precision"
_FILLED = "gaps-filled-otherwise"
_HARMLESS = 1e-3
"""Share of the greatest output up to which nobody minds, where no decision flips."""
_NAMED_COLUMNS = 4
_UNITS = (1.8, 10.0, 100.0, 1e3, 1e6, 60.0, 3600.0, 24.0, 2.54, 3.28084, 2.20462, 1.609344)
"""Kelvin and Fahrenheit, powers of ten, minutes, hours and days, inches, feet, pounds and miles."""
_UNIT = 1e-3
"""How near to one of them."""

_KINDS: Mapping[str, tuple[str, str | None]] = {
    "refit-all": ("scaled by a scaler that was refitted on all of them", "scaler-refit"),
    "refit-batches": ("scaled by a scaler that was refitted on every {batch} rows", "scaler-refit"),
    "refit-single": ("scaled by a scaler that was refitted on each row alone", "scaler-refit"),
    "refit-first": ("scaled by a scaler that was refitted on the first {batch} rows", "scaler-refit"),
    "refit-some": ("scaled by a scaler that was refitted on just these rows", "scaler-refit"),
    "unscaled": ("not scaled at all", "scaler-missing"),
    "scaled-twice": ("scaled twice", "scaler-applied-twice"),
    "without-step": ("scaled without the step '{step}' of the pipeline", "scaling-step-skipped"),
    "filled": ("filled with {step} where values are missing, and then scaled", _FILLED),
    "filled-forward": ("filled with the value before where values are missing, and then scaled", _FILLED),
    "filled-after": ("filled with {step} where values are missing, after they were scaled", _FILLED),
    "filled-alike": ("filled with one number of serving's own where values are missing", _FILLED),
    "scaled-too": ("scaled, although the scaler belongs to another input", "scaler-applied-twice"),
    "float32-first": ("cast to float32 before they were scaled", LOW_PRECISION),
    "float16-first": ("cast to float16 before they were scaled", LOW_PRECISION),
    "float32-after": ("cast to float32 after they were scaled", LOW_PRECISION),
    "float16-after": ("cast to float16 after they were scaled", LOW_PRECISION),
    "cut-first": ("cut to whole numbers before they were scaled", LOW_PRECISION),
    "rounded-first": ("rounded to whole numbers before they were scaled", LOW_PRECISION),
    "clipped": ("scaled rightly and then cut off at both ends", None),
    "constant": ("like one and the same number in all rows", None),
    "one-number": ("overwritten with one number", None),
    "scaled-alone": (
        "preprocessed one row at a time, which this function answers differently",
        "preprocess-row-dependence",
    ),
    "scaled-batches": (
        "preprocessed in batches of {batch}, which this function answers differently",
        "preprocess-row-dependence",
    ),
    "other-columns": ("made from other columns", "feature-order"),
    "rows-reordered": ("right, but in another order of rows", None),
    "another-scaler": ("scaled by another scaler", "scaler-foreign"),
    "unknown": ("like no known mistake", None),
}
"""By mistake: how served columns are described, and the cause."""


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """One mistake found in the served rows of one input; `told` is a sentence, `cause` a slug or None, `rows` how many it was made with."""

    input: str
    kind: str
    told: str
    cause: str | None
    columns: int
    rows: int = 0


def mistakes(evidence: Evidence) -> tuple[Mistake, ...] | None:
    """Return what is wrong with the served rows, None where none were given or could be matched."""
    served = evidence.details("served")
    if "inputs" not in served:
        return None
    names: Mapping[str, Sequence[str]] = served.get("names", {})
    return tuple(
        found
        for name, match in served["inputs"].items()
        for found in _of_input(name, match, names.get(name, ()))
    )


def _of_input(name: str, match: Mapping[str, Any], names: Sequence[str]) -> Iterator[Mistake]:
    if match.get("misshapen"):
        yield Mistake(
            input=name,
            kind="misshapen",
            told=f"not those of the data: {match['misshapen']}",
            cause=None,
            columns=0,
        )
    for found in match.get("mistakes", ()):
        kind, _, step = found["kind"].partition(":")
        words, cause = _KINDS[kind]
        which = _which(found["columns"], match["features"], names, hit=found.get("hit"))
        lost = "and missing or infinite where they should not be"
        off = f"off by up to {found['off']:.2g} standard deviations" if math.isfinite(found["off"]) else lost
        told = (
            f"{_rows_hit(found, match)}{which} "
            f"{words.format(batch=found['batch'], step=step)}{_aside(found, match)}, {off}"
        )
        weight = found.get("hit") or match["rows"]
        yield Mistake(
            input=name, kind=kind, told=told, cause=cause, columns=len(found["columns"]), rows=weight
        )


def _rows_hit(found: Mapping[str, Any], match: Mapping[str, Any]) -> str:
    """The rows that a mistake was made with, where it was not made with all."""
    hit, first = found.get("hit"), found.get("first", ())
    if not hit or not first:
        return ""
    told = f"{hit} of {match['rows']} rows"
    if hit == 1:
        return f"row {first[0]} alone "
    every = found.get("every")
    if every == 1:
        return f"{told} ({first[0]} to {found['last']}) "
    if every:
        return f"{told} (every {every} rows, from row {first[0]} on) "
    return f"{told} ({', '.join(str(each) for each in first)}{', …' if hit > len(first) else ''}) "


def _which(columns: Sequence[int], features: int, names: Sequence[str], *, hit: int | None) -> str:
    some_rows, look = bool(hit), "looks" if hit == 1 else "look"
    if len(columns) == features:
        return look if some_rows else "they look"
    shown = [
        f"'{names[column]}'" if len(names) == features else str(column) for column in columns[:_NAMED_COLUMNS]
    ]
    more = f" and {len(columns) - _NAMED_COLUMNS} more" if len(columns) > _NAMED_COLUMNS else ""
    told = f"column {shown[0]}" if len(columns) == 1 else f"columns {', '.join(shown)}{more}"
    if some_rows:
        return f"{look}, in {told},"
    return f"{told} looks" if len(columns) == 1 else f"{told} look"


def _aside(found: Mapping[str, Any], match: Mapping[str, Any]) -> str:
    if found["kind"] == "another-scaler" and found["factor"]:
        unit = ", as numbers in another unit are" if _another_unit(found, match) else ""
        return (
            f" (its centre {found['shift']:+.2g} standard deviations away, {found['factor']:.3g} times as "
            f"wide{unit})"
        )
    if found["kind"] == "unknown" and not found.get("hit"):
        return f" ({match['wrong_rows']} of {match['rows']} rows differ)"
    return ""


def _another_unit(found: Mapping[str, Any], match: Mapping[str, Any]) -> bool:
    """Whether single columns are off by a factor that two units of one quantity have."""
    alone = len(found["columns"]) < match["features"] or match["features"] == 1
    return alone and any(
        math.isclose(factor, unit, rel_tol=_UNIT)
        for factor in (found["factor"], 1 / found["factor"])
        for unit in _UNITS
    )


def served_verdict(
    evidence: Evidence, found: Sequence[Mistake], judged: Sequence[Judged], findings: Mapping[str, Any]
) -> Verdict:
    """FAIL for these mistakes, with what they do to the predictions; the known mistake of most values names the cause."""
    inputs = evidence.details("served")["inputs"]
    several = len(inputs) > 1
    told = "; ".join(f"input '{each.input}': {each.told}" if several else each.told for each in found)
    pair = [each for each in judged if each.comparison.candidate == "served"]
    message = (
        f"the served rows are not what the model should be fed: {told}; predictions "
        f"{damage(pair, evidence.rows)}"
    )
    # Where something stays unknown, what is known of the rest is worth more.
    cause = max(found, key=lambda each: (each.cause is not None, each.columns * max(each.rows, 1))).cause
    seen = {**findings, "served": dict(inputs)}
    return Verdict(
        status=Status.FAIL,
        message=message,
        judged=tuple(pair),
        findings=seen | ({"cause": cause} if cause else {}),
    )


def damage(judged: Sequence[Judged], rows: int) -> str:
    """Return what a way of scaling does to predictions, in words: "move by up to 0.4 (0.2 of the greatest output), 5 of 64 decisions flip"."""
    if not judged:
        return "were not compared"
    worst = max((each.comparison for each in judged), key=_badness)
    if worst.misshapen:
        return f"have another shape ({worst.misshapen})"
    if not worst.max_abs and not worst.nonfinite:
        return "stay the same"
    share = f" ({worst.scaled:.2g} of the greatest output)" if worst.scale else ""
    flips = max((each.comparison for each in judged), key=lambda comparison: comparison.flipped)
    flipped = f", {flips.flipped} of {flips.rows or rows} decisions flip" if flips.flipped else ""
    lost = f", {worst.nonfinite} become NaN or infinite" if worst.nonfinite else ""
    return f"move by up to {worst.max_abs:.2g}{share}{flipped}{lost}"


def _badness(comparison: Comparison) -> tuple[bool, float]:
    return comparison.misshapen is not None or comparison.nonfinite > 0, comparison.scaled


def harmless(judged: Judged) -> bool:
    """Whether a way of scaling changes nothing that anybody would mind: rounding, or a thousandth of the greatest output and no decision."""
    comparison = judged.comparison
    if comparison.misshapen or comparison.nonfinite or comparison.flipped:
        return False
    return judged.within or comparison.scaled <= _HARMLESS


def impossible(evidence: Evidence, route: str) -> str | None:
    """Return why a route gave no answers although it ran: nothing to scale, or nothing that makes sense; None where it gave some."""
    return evidence.details(route).get("reason")


def nothing_ran(evidence: Evidence, routes: Sequence[str]) -> Verdict | None:
    """Return an ERROR where one of these routes crashed, a SKIP with the reason where none gave answers, else None."""
    traces = [trace for trace in (evidence.traces.get(route) for route in routes) if trace is not None]
    errors = [f"{trace.route}: {trace.error}" for trace in traces if trace.error]
    if errors:
        return Verdict(
            status=Status.ERROR, message="a way of scaling the rows crashed", reason="; ".join(errors)
        )
    reasons = [trace.unavailable or impossible(evidence, trace.route) for trace in traces]
    if None not in reasons:
        return Verdict(
            status=Status.SKIP,
            message="nothing to compare",
            reason=next((reason for reason in reasons if reason), "not run"),
        )
    return None
