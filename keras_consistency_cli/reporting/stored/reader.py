"""Reads stored JSON reports for `kcheck recheck` and `kcheck diff`.

Their content is checked, because anyone may write one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.errors import RefusedError, UsageError
from keras_consistency_cli.loading.model_file.strict_json import parse_object
from keras_consistency_cli.measurement.comparison import MOST_DISTINCT, Comparison, WorstRow
from keras_consistency_cli.reporting.report import SCHEMA
from keras_consistency_cli.text import clean

__all__ = ["as_mapping", "read_comparison", "read_report"]

_MOST_BYTES = 64 * 2**20
_EXPECTED = f"a report of 'kcheck run --format json' ({SCHEMA})"
_NUMBER_WORDS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
_READ_SEPARATELY = {"worst", "row_histogram", "row_digests"}
_TEXT_FIELDS = ("candidate", "reference", "output", "dtype", "misshapen", "decision")
_NUMBER_FIELDS = tuple(
    field.name
    for field in fields(Comparison)
    if field.name not in (*_TEXT_FIELDS, *_READ_SEPARATELY, "flipped_rows")
)


def read_report(path: Path) -> dict[str, Any]:
    """Return a JSON report as plain data, with results that can be counted and shown.

    Raises:
        UsageError: the file does not exist, or it is not a report.
    """
    shown = clean(path)
    document = _parsed(_content(path, shown), shown)
    if document.get("schema") != SCHEMA:
        schema = clean(repr(document.get("schema")), 60)
        raise UsageError(f"{shown}: the schema is {schema}", expected=_EXPECTED)
    if "error" in document:
        raise UsageError(f"{shown}: the run was refused, so no check ran", expected=_EXPECTED)
    results = document.get("results")
    if not isinstance(results, list) or not all(map(_is_result, results)):
        raise UsageError(f"{shown}: its results are not those of a report", expected=_EXPECTED)
    return document


def _content(path: Path, shown: str) -> bytes:
    try:
        if path.exists() and not path.is_file():
            raise UsageError(f"{shown}: is not a regular file", expected=_EXPECTED)
        with path.open("rb") as stream:
            content = stream.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = clean(getattr(error, "strerror", None) or error)
        raise UsageError(f"{shown}: cannot be read: {reason}", expected=_EXPECTED) from None
    if len(content) > _MOST_BYTES:
        raise UsageError(f"{shown}: larger than {_MOST_BYTES // 2**20} MiB, so it is not a report")
    return content


def _parsed(content: bytes, shown: str) -> dict[str, Any]:
    try:
        return parse_object(content, shown)
    except RefusedError as error:
        raise UsageError(error.what, expected=_EXPECTED) from None


def _is_result(result: object) -> bool:
    if not isinstance(result, dict) or not _has_texts(result, "code", "name", "status", "message"):
        return False
    pairs = result.get("comparisons")
    has_pairs = isinstance(pairs, list) and all(
        isinstance(pair, dict) and _has_texts(pair, "candidate", "reference", "output") for pair in pairs
    )
    return has_pairs and result["status"] in set(Status)


def _has_texts(values: Mapping[str, object], *names: str) -> bool:
    return all(isinstance(values.get(name), str) for name in names)


def as_mapping(value: object) -> Mapping[str, Any]:
    """Return a mapping unchanged, and anything else as an empty one."""
    return value if isinstance(value, Mapping) else {}


def read_comparison(stored: Mapping[str, Any]) -> Comparison:
    """Return a stored comparison, without its histogram.

    Raises:
        UsageError: a number is missing or is not a number.
    """
    values = {
        field.name: stored[field.name]
        for field in fields(Comparison)
        if field.name in stored and field.name not in _READ_SEPARATELY
    }
    for name, value in values.items():
        if isinstance(value, str) and name not in _TEXT_FIELDS:
            values[name] = _NUMBER_WORDS.get(value, value)
    missing = next((name for name in _NUMBER_FIELDS if not _is_number(values.get(name))), None)
    if missing is not None:
        pair = f"{clean(stored.get('candidate'), 60)} vs {clean(stored.get('reference'), 60)}"
        raise UsageError(
            f"{pair}: {missing} is missing or is not a number, so it cannot be judged", expected=_EXPECTED
        )
    worst = tuple(_read_worst(row) for row in stored.get("worst") or () if isinstance(row, dict))
    # Older reports do not count different rows.
    distinct = stored.get("distinct_rows", values["rows"])
    digests = tuple(range(min(int(distinct), MOST_DISTINCT))) if _is_number(distinct) else ()
    return Comparison(**{**values, "flipped_rows": (), "worst": worst, "row_digests": digests})


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _read_worst(stored: Mapping[str, Any]) -> WorstRow:
    candidate, reference, distance = (
        _read_value(stored.get(name, 0.0)) for name in ("candidate", "reference", "distance")
    )
    index = tuple(place for place in stored.get("index") or () if isinstance(place, int))
    return WorstRow(
        row=0,
        index=index,
        candidate=candidate,
        reference=reference,
        distance=distance if isinstance(distance, float) else float("inf"),
    )


def _read_value(value: object) -> float | str:
    """A number as a float, the words for NaN and infinity as numbers, any other text as it is."""
    if isinstance(value, int | float):
        return float(value)
    return _NUMBER_WORDS.get(str(value), str(value))
