"""Mistakes in the rows that serving fed to the model, in words, and their causes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from keras_consistency_cli.checks.analysis.output_change import describe_change
from keras_consistency_cli.checks.analysis.served.kinds import (
    BEYOND_HALF,
    KINDS,
    MOVED_AND_SCALED,
    TURNED,
    TURNED_CALENDAR,
)
from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.checks.verdict import Judged, Verdict
from keras_consistency_cli.routes.scaling.unit_variants import FACTORS
from keras_consistency_cli.routes.served.mistakes import MatchDetails, MistakeDetails
from keras_consistency_cli.routes.served.served import ServedDetails
from keras_consistency_cli.text import format_count

__all__ = ["Mistake", "describe_decoding", "fail_served_rows", "find_mistakes"]

_NAMED_COLUMNS = 4
_UNIT_TOLERANCE = 1e-3
_SAME_DAY = 0.01


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """One mistake in the served rows of one input.

    `sentence` describes it, `cause` is a slug or None, `columns` are the positions of the columns that have
    it, of `features`, `rows` is the number of their rows, and `noun` what a column is called. `sources` are
    the columns that they were made from, and `step` is the parameter of the kind. `is_finite` says whether it
    keeps finite values finite.
    """

    input: str
    kind: str
    sentence: str
    cause: str | None
    columns: tuple[int, ...]
    rows: int = 0
    noun: str = "column"
    features: int = 0
    sources: tuple[int, ...] = ()
    step: str = ""
    is_finite: bool = True


def find_mistakes(evidence: Evidence) -> tuple[Mistake, ...] | None:
    """Return the mistakes in the served rows, None if none could be compared."""
    served = evidence.details("served", ServedDetails)
    if "inputs" not in served:
        return None
    names = served.get("names", {})
    return tuple(
        mistake
        for name, match in served["inputs"].items()
        for mistake in _mistakes_of_input(name, match, names.get(name, ()))
    )


def describe_decoding(evidence: Evidence) -> str:
    """Return how served images differ that TensorFlow decoded from JPEG files; "" if none do."""
    served = evidence.details("served", ServedDetails)
    found = [decoded for match in served.get("inputs", {}).values() if (decoded := match.get("decoded"))]
    if not found:
        return ""
    rows = max(each["rows"] for each in found)
    largest, usual = (max(each[name] for each in found) for name in ("largest", "usual"))
    return (
        f", with JPEG decoded by TensorFlow: in {format_count(rows, 'row')}, pixels are {usual:.1f} levels "
        f"of 255 on average, and {largest:.0f} at most, from those of Pillow"
    )


def _mistakes_of_input(name: str, match: MatchDetails, names: Sequence[str]) -> Iterator[Mistake]:
    if match.get("misshapen"):
        sentence = f"not rows of the data: {match['misshapen']}"
        yield Mistake(input=name, kind="misshapen", sentence=sentence, cause=None, columns=())
    for measured in match.get("mistakes", ()):
        kind, _, step = measured["kind"].partition(":")
        words, cause = KINDS[kind]
        step = _name_beyond(step, match, names) if kind in BEYOND_HALF else step
        looks, noun = _who_looks(measured, match, names), _name_feature(match)
        words = words.format(batch=measured["batch"], step=step, column=noun, columns=f"{noun}s")
        remark = _remark(measured, match)
        yield Mistake(
            input=name,
            kind=kind,
            sentence=f"{_rows_hit(measured, match)}{looks} {words}{remark}, {_size(measured)}",
            cause=cause,
            columns=tuple(measured["columns"]),
            rows=measured.get("hit") or match["rows"],
            noun=noun,
            features=match.get("features", 0),
            sources=tuple(measured.get("sources", ())),
            step=step,
            is_finite=math.isfinite(measured["off"]),
        )


def _name_beyond(step: str, match: MatchDetails, names: Sequence[str]) -> str:
    """The columns with values that float16 does not hold; step lists their positions before the scaler."""
    positions = [int(position) for position in step.split(",")]
    shown = [f"'{names[each]}'" if each < len(names) else str(each) for each in positions[:_NAMED_COLUMNS]]
    more = f" and {len(positions) - _NAMED_COLUMNS} more" if len(positions) > _NAMED_COLUMNS else ""
    return f"{_name_feature(match)}{'s' if positions[1:] else ''} {', '.join(shown)}{more}"


def _size(measured: MistakeDetails) -> str:
    if math.isfinite(measured["off"]):
        return f"off by up to {measured['off']:.2g} standard deviations"
    return "with NaN or infinity where numbers should be"


def _rows_hit(measured: MistakeDetails, match: MatchDetails) -> str:
    """The rows that have the mistake, empty if all rows have it."""
    hit, first = measured.get("hit"), measured.get("first", ())
    if not hit or not first:
        return ""
    if hit == 1:
        return f"row {first[0]} alone "
    count, every = f"{hit} of {match['rows']} rows", measured.get("every")
    if every == 1:
        return f"{count} ({first[0]} to {measured['last']}) "
    if every:
        return f"{count} (every {every} rows, from row {first[0]} on) "
    return f"{count} ({', '.join(str(row) for row in first)}{', …' if hit > len(first) else ''}) "


def _name_feature(match: MatchDetails) -> str:
    """What a feature of the input is called: the last axis of images is that of their channels."""
    return "channel" if match.get("channels") else "column"


def _who_looks(measured: MistakeDetails, match: MatchDetails, names: Sequence[str]) -> str:
    """The subject of the sentence and its verb: "they look", "column 'age' looks"."""
    columns, features, hit = measured["columns"], match["features"], measured.get("hit")
    verb = "looks" if hit == 1 else "look"
    if len(columns) == features:
        return verb if hit else "they look"
    shown = [
        f"'{names[column]}'" if len(names) == features else str(column) for column in columns[:_NAMED_COLUMNS]
    ]
    more = f" and {len(columns) - _NAMED_COLUMNS} more" if len(columns) > _NAMED_COLUMNS else ""
    noun = _name_feature(match)
    listed = f"{noun} {shown[0]}" if len(columns) == 1 else f"{noun}s {', '.join(shown)}{more}"
    if hit:
        return f"{verb}, in {listed},"
    return f"{listed} looks" if len(columns) == 1 else f"{listed} look"


def _remark(measured: MistakeDetails, match: MatchDetails) -> str:
    kind, _, degrees = measured["kind"].partition(":")
    factor = measured["factor"]
    if kind == "another-scaler" and factor:
        is_single = len(measured["columns"]) < match["features"] or match["features"] == 1
        unit = ", as in a different unit" if is_single and _is_unit_change(factor) else ""
        return (
            f" (centre shifted by {measured['shift']:+.2g} standard deviations; served values vary "
            f"{1 / factor:.3g} times as much{unit})"
        )
    if kind in ("other-columns", MOVED_AND_SCALED) and measured.get("sources"):
        pairs = list(zip(measured["columns"], measured["sources"], strict=False))
        shown = ", ".join(f"{here} from {there}" for here, there in pairs[:_NAMED_COLUMNS])
        return f" ({_name_feature(match)} {shown}{', …' if len(pairs) > _NAMED_COLUMNS else ''})"
    if kind == TURNED:
        return f" (a shift by {float(degrees) / 15:.3g} of 24 hours)"
    if kind == TURNED_CALENDAR:
        return f" (a shift by {_share_of_circle(float(degrees))})"
    if measured.get("others"):
        rows = [f"row {row} has the values of row {source}" for row, source in measured["others"]]
        return f" ({', '.join(rows[:_NAMED_COLUMNS])}{', …' if len(rows) > _NAMED_COLUMNS else ''})"
    if measured.get("codes"):
        return f" ({', '.join(f'{right:g} became {wrong:g}' for right, wrong in measured['codes'])})"
    if kind == "unknown" and not measured.get("hit"):
        return f" ({match['wrong_rows']} of {match['rows']} rows differ)"
    return ""


def _share_of_circle(degrees: float) -> str:
    """The share of the period by which a turn shifts it, in days of a week if it is so many."""
    days = degrees * 7 / 360
    if abs(days - round(days)) < _SAME_DAY:
        return f"{round(days)} of 7 days"
    return f"{degrees / 360:.3g} of the period"


def _is_unit_change(factor: float) -> bool:
    """Whether two units of one quantity differ by this factor."""
    return any(
        math.isclose(each, unit, rel_tol=_UNIT_TOLERANCE) for each in (factor, 1 / factor) for unit in FACTORS
    )


def fail_served_rows(
    evidence: Evidence, mistakes: Sequence[Mistake], judged: Sequence[Judged], findings: Mapping[str, Any]
) -> Verdict:
    """Return a FAIL for these mistakes, with what they do to the outputs.

    The mistake of most values names the cause; a known one goes before unknown ones.
    """
    inputs = evidence.details("served", ServedDetails)["inputs"]
    sentences = "; ".join(
        f"input '{mistake.input}': {mistake.sentence}" if len(inputs) > 1 else mistake.sentence
        for mistake in mistakes
    )
    served = [one for one in judged if one.comparison.candidate == "served"]
    widest = max(mistakes, key=lambda each: (each.cause is not None, len(each.columns) * max(each.rows, 1)))
    return Verdict.fail(
        f"the served rows differ from the rows that the model should get: {sentences}; "
        f"outputs {describe_change(served, evidence.rows)}",
        cause=widest.cause,
        judged=served,
        findings={**findings, "served": dict(inputs)},
    )
