"""What changed between two stored reports: verdicts, causes, deviations, inputs, environment and settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.reporting.stored.reader import mapping
from keras_consistency_cli.text import clean

__all__ = ["Change", "changes"]

_FROM_GOOD_TO_BAD = [str(status) for status in Status]
_MOVED = 4.0
"""Times by which a deviation must move to be told: honest runs of one model stay below 3 (benchmarks/calibration.py)."""
_ABSENT = "absent"
_SHOWING = frozenset({"format", "output", "bundle", "color", "quiet", "verbose", "debug"})
"""Settings that change what is shown and nothing that was found."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """One thing that is not what it was; `worse` where a check gives a worse answer."""

    section: str
    name: str
    before: str
    after: str
    worse: bool = False


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    """Return what changed from one JSON report to the other, verdicts first."""
    found = [
        *_verdicts(before, after),
        *_causes(before, after),
        *_deviations(before, after),
        *_inputs(before, after),
    ]
    for section, one, other in (
        ("environment", before.get("environment"), after.get("environment")),
        (
            "settings",
            mapping(before.get("subject")).get("settings"),
            mapping(after.get("subject")).get("settings"),
        ),
    ):
        found += _values(section, mapping(one), mapping(other))
    return tuple(found)


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
                worse=_rank(now) > _rank(was),
            )


def _rank(status: str) -> int:
    """Where a status stands from good to bad; a check that is not there tells as little as one that was skipped."""
    return _FROM_GOOD_TO_BAD.index(str(Status.SKIP) if status == _ABSENT else status)


def _causes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    old, new = (
        {
            (mapping(one).get("cause"), mapping(one).get("layer")): mapping(one)
            for one in document.get("diagnoses") or ()
        }
        for document in (before, after)
    )
    for key in sorted({*old, *new}, key=str):
        name = clean(key[0], 60) + (f" in {clean(key[1], 100)}" if key[1] else "")
        if (key in old) != (key in new):
            yield Change(
                section="causes",
                name=name,
                before="found" if key in old else _ABSENT,
                after="found" if key in new else _ABSENT,
            )


def _deviations(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    old, new = _measured(before), _measured(after)
    for key in (key for key in old if key in new):
        (was, limit_before), (now, limit_after) = old[key], new[key]
        crossed = (was <= limit_before) != (now <= limit_after)
        far = (
            max(was, now) > _MOVED * min(was, now)
            and max(was / limit_before if limit_before else was, now / limit_after if limit_after else now)
            > 1
        )
        if crossed or far:
            name = f"{clean(key[0], 20)} {clean(key[1], 60)} against {clean(key[2], 60)}, {clean(key[3], 60)}"
            told = (
                f"{value:.2g} (limit {limit:.2g})"
                for value, limit in ((was, limit_before), (now, limit_after))
            )
            yield Change(section="deviations", name=name, before=next(told), after=next(told))


def _measured(document: Mapping[str, Any]) -> dict[tuple[str, str, str, str], tuple[float, float]]:
    found = {}
    for result in document["results"]:
        for each in result["comparisons"]:
            distance, limit = each.get("max_abs"), each.get("limit")
            if isinstance(distance, int | float) and isinstance(limit, int | float):
                found[result["code"], each["candidate"], each["reference"], each["output"]] = (
                    float(distance),
                    float(limit),
                )
    return found


def _inputs(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    old, new = mapping(before.get("subject")), mapping(after.get("subject"))
    for name in ("model", "data", "scaler"):
        was, now = (_hash(mapping(each.get(name))) for each in (old, new))
        if was != now:
            yield Change(section="inputs", name=name, before=was, after=now)


def _hash(source: Mapping[str, Any]) -> str:
    """A file by its hash; rows that were made by what they are."""
    return clean(source.get("sha256") or source.get("summary") or "none", 64)[:64]


def _values(section: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for name in dict.fromkeys((*old, *new)):
        if old.get(name) != new.get(name) and name not in _SHOWING:
            yield Change(
                section=section,
                name=clean(name, 60),
                before=clean(old.get(name), 100),
                after=clean(new.get(name), 100),
            )
