"""The differences between two stored reports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.config.report_targets import DISPLAY_SETTINGS
from keras_consistency_cli.reporting.stored.reader import as_mapping
from keras_consistency_cli.text import clean

__all__ = ["Change", "find_changes"]

_FROM_GOOD_TO_BAD = [str(status) for status in Status]
_SIGNIFICANT_FACTOR = 4.0
"""The factor from which a deviation counts as changed: repeated runs of a healthy model differ by less than
3.

Measured by benchmarks/calibration.py.
"""
_ABSENT = "absent"


@dataclass(frozen=True, kw_only=True)
class Change:
    """One difference; `worse` if the verdict of a check is worse than before."""

    section: str
    name: str
    before: str
    after: str
    worse: bool = False


def find_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    """Return the changes from one JSON report to another, verdicts first."""
    changes = [
        *_verdicts(before, after),
        *_causes(before, after),
        *_deviations(before, after),
        *_inputs(before, after),
    ]
    old_settings, new_settings = (
        as_mapping(document.get("subject")).get("settings") for document in (before, after)
    )
    for section, old, new in (
        ("environment", before.get("environment"), after.get("environment")),
        ("settings", old_settings, new_settings),
    ):
        changes += _values(section, as_mapping(old), as_mapping(new))
    return tuple(changes)


def _verdicts(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    old, new = ({result["code"]: result for result in document["results"]} for document in (before, after))
    for code in sorted(old | new):
        was, now = (results[code]["status"] if code in results else _ABSENT for results in (old, new))
        name = (new.get(code) or old[code])["name"]
        if was != now:
            yield Change(
                section="verdicts",
                name=f"{clean(code, 20)} {clean(name, 60)}",
                before=was,
                after=now,
                worse=_badness(now) > _badness(was),
            )


def _badness(status: str) -> int:
    """The place of a status from good to bad; an absent check says as little as a skipped one."""
    return _FROM_GOOD_TO_BAD.index(str(Status.SKIP) if status == _ABSENT else status)


def _causes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    old, new = (
        {
            (diagnosis.get("cause"), diagnosis.get("layer"))
            for diagnosis in map(as_mapping, document.get("diagnoses") or ())
        }
        for document in (before, after)
    )
    for cause, layer in sorted(old ^ new, key=str):
        yield Change(
            section="causes",
            name=clean(cause, 60) + (f" in {clean(layer, 100)}" if layer else ""),
            before="found" if (cause, layer) in old else _ABSENT,
            after="found" if (cause, layer) in new else _ABSENT,
        )


@dataclass(frozen=True, kw_only=True)
class _Deviation:
    """The largest difference of a comparison, and its limit."""

    value: float
    limit: float

    @property
    def is_within(self) -> bool:
        """Whether the limit holds."""
        return self.value <= self.limit

    @property
    def share(self) -> float:
        """The value as a multiple of the limit."""
        return self.value / self.limit if self.limit else self.value

    def __str__(self) -> str:
        return f"{self.value:.2g} (limit {self.limit:.2g})"


def _deviations(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    old, new = _measured(before), _measured(after)
    for key in (key for key in old if key in new):
        was, now = old[key], new[key]
        values = was.value, now.value
        is_far = max(values) > _SIGNIFICANT_FACTOR * min(values) and max(was.share, now.share) > 1
        if was.is_within != now.is_within or is_far:
            code, candidate, reference, output = key
            pair = f"{clean(candidate, 60)} vs {clean(reference, 60)}, {clean(output, 60)}"
            yield Change(
                section="deviations", name=f"{clean(code, 20)} {pair}", before=str(was), after=str(now)
            )


def _measured(document: Mapping[str, Any]) -> dict[tuple[str, str, str, str], _Deviation]:
    """Deviations by code, candidate, reference and output."""
    deviations = {}
    for result in document["results"]:
        for pair in result["comparisons"]:
            value, limit = pair.get("max_abs"), pair.get("limit")
            if isinstance(value, int | float) and isinstance(limit, int | float):
                key = result["code"], pair["candidate"], pair["reference"], pair["output"]
                deviations[key] = _Deviation(value=float(value), limit=float(limit))
    return deviations


def _inputs(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    old, new = as_mapping(before.get("subject")), as_mapping(after.get("subject"))
    for name in ("model", "data", "scaler"):
        was, now = (_identity(as_mapping(subject.get(name))) for subject in (old, new))
        if was != now:
            yield Change(section="inputs", name=name, before=was, after=now)


def _identity(source: Mapping[str, Any]) -> str:
    """The hash of a file; the description of generated rows."""
    return clean(source.get("sha256") or source.get("summary") or "none", 64)[:64]


def _values(section: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for name in dict.fromkeys((*old, *new)):
        if old.get(name) != new.get(name) and name not in DISPLAY_SETTINGS:
            yield Change(
                section=section,
                name=clean(name, 60),
                before=clean(old.get(name), 100),
                after=clean(new.get(name), 100),
            )
