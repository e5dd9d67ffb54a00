"""Reports read back from their JSON, for `kcheck recheck` and `kcheck diff`: files of anybody's making, nothing in them taken for granted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.errors import RefusedError, UsageError
from keras_consistency_cli.loading.model_file.strict_json import parse_object
from keras_consistency_cli.measurement.comparison import Comparison, WorstRow
from keras_consistency_cli.reporting.report import SCHEMA
from keras_consistency_cli.text import clean

__all__ = ["comparison_of", "mapping", "read_report"]

_MOST_BYTES = 64 * 2**20
_EXPECTED = f"a report of 'kcheck run --format json' ({SCHEMA})"
_WORDS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
_KEPT = {"worst", "row_histogram"}


def read_report(path: Path) -> dict[str, Any]:
    """Return a JSON report as plain data; its results are complete enough to be told and counted.

    Raises:
        UsageError: there is no such file, or it holds something else.
    """
    shown = clean(path)
    try:
        if path.exists() and not path.is_file():
            raise UsageError(f"{shown}: is not a regular file", expected=_EXPECTED)
        with path.open("rb") as stream:
            content = stream.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{shown}: cannot be read: {clean(getattr(error, 'strerror', None) or error)}", expected=_EXPECTED
        ) from None
    if len(content) > _MOST_BYTES:
        raise UsageError(f"{shown}: larger than {_MOST_BYTES // 2**20} MiB, which no report is")
    try:
        document = parse_object(content, shown)
    except RefusedError as error:
        raise UsageError(error.what, expected=_EXPECTED) from None
    if document.get("schema") != SCHEMA:
        raise UsageError(f"{shown}: schema is {clean(repr(document.get('schema')), 60)}", expected=_EXPECTED)
    if "error" in document:
        raise UsageError(
            f"{shown}: the run it tells of was refused, so that nothing was judged", expected=_EXPECTED
        )
    results = document.get("results")
    if not isinstance(results, list) or not all(map(_is_result, results)):
        raise UsageError(f"{shown}: its results are not those of a report", expected=_EXPECTED)
    return document


def _is_result(result: object) -> bool:
    if not isinstance(result, dict) or not all(
        isinstance(result.get(name), str) for name in ("code", "name", "status", "message")
    ):
        return False
    pairs = result.get("comparisons")
    names = ("candidate", "reference", "output")
    known = isinstance(pairs, list) and all(
        isinstance(each, dict) and all(isinstance(each.get(name), str) for name in names) for each in pairs
    )
    return known and result["status"] in set(Status)


def mapping(value: object) -> Mapping[str, Any]:
    """Return a mapping as it is, and anything else as an empty one."""
    return value if isinstance(value, Mapping) else {}


def comparison_of(stored: Mapping[str, Any]) -> Comparison:
    """Return a comparison as it was measured; only its histogram is left out.

    Raises:
        UsageError: something it needs is missing, or is no number.
    """
    given = {
        field.name: stored[field.name]
        for field in fields(Comparison)
        if field.name in stored and field.name not in _KEPT
    }
    named = f"{clean(stored.get('candidate'), 60)} against {clean(stored.get('reference'), 60)}"
    numbers = {
        name: _WORDS.get(value, value)
        for name, value in given.items()
        if isinstance(value, str) and name not in _TEXTS
    }
    values: dict[str, Any] = given | numbers
    lacking = [
        name
        for name in _NUMBERS
        if isinstance(values.get(name), bool) or not isinstance(values.get(name), int | float)
    ]
    if lacking:
        raise UsageError(
            f"{named}: {lacking[0]} is missing or no number, so that it cannot be judged", expected=_EXPECTED
        )
    return Comparison(
        **{
            **values,
            "flipped_rows": (),
            "worst": tuple(_worst(each) for each in stored.get("worst") or () if isinstance(each, dict)),
        }
    )


_TEXTS = ("candidate", "reference", "output", "dtype", "misshapen", "decision")
_NUMBERS = tuple(
    field.name for field in fields(Comparison) if field.name not in (*_TEXTS, *_KEPT, "flipped_rows")
)


def _worst(stored: Mapping[str, Any]) -> WorstRow:
    candidate, reference, distance = (
        _plain(stored.get(name, 0.0)) for name in ("candidate", "reference", "distance")
    )
    index = tuple(each for each in stored.get("index") or () if isinstance(each, int))
    far = distance if isinstance(distance, float) else float("inf")
    return WorstRow(row=0, index=index, candidate=candidate, reference=reference, distance=far)


def _plain(value: object) -> float | str:
    """A number as a float, its word as the number that JSON has none for, any other text as it is."""
    if isinstance(value, int | float):
        return float(value)
    return _WORDS.get(str(value), str(value))
