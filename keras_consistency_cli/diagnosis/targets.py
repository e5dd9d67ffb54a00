"""Causes belong to the model, to one export or to one service: each of them is diagnosed by itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.diagnosis.base import Diagnosis, Failing

__all__ = ["failing_by_target", "merge_targets"]

_FAILING = (Status.FAIL, Status.WARN)


def failing_by_target(verdicts: Iterable[Verdict]) -> Mapping[str, Failing]:
    """Return the verdicts that failed or warned: by label of the export or service, "" for the model."""
    found: dict[str, dict[str, Verdict]] = {"": {}}
    for verdict in verdicts:
        for label, part in _parts(verdict):
            found.setdefault(label, {})[verdict.code] = part
    return found


def _parts(verdict: Verdict) -> Iterator[tuple[str, Verdict]]:
    """Yield what failed or warned of a verdict; the whole of it, if that is not about single targets."""
    parts = [(label, part) for label, part in verdict.by_target.items() if part.status in _FAILING]
    if verdict.status in _FAILING:
        yield from ((label, replace(part, code=verdict.code, name=verdict.name)) for label, part in parts)
        if not parts:
            yield "", verdict


def merge_targets(diagnoses: Iterable[Diagnosis]) -> Iterator[Diagnosis]:
    """Yield one diagnosis for all targets with the same cause, in the order of the first of them."""
    groups: dict[tuple[object, ...], list[Diagnosis]] = {}
    for each in diagnoses:
        key = (each.cause, each.severity, each.confirmation, each.layer, bool(each.targets))
        groups.setdefault(key, []).append(each)
    for group in groups.values():
        first, targets = group[0], tuple(label for each in group for label in each.targets)
        sentence = f"{', '.join(targets)}: {first.sentence}" if targets else first.sentence
        codes = tuple(dict.fromkeys(code for each in group for code in each.explains))
        advice = _join_advice([each.advice for each in group])
        yield replace(first, sentence=sentence, explains=codes, targets=targets, advice=advice)


def _join_advice(texts: Sequence[str]) -> str:
    """Return the advice for several targets: lines that differ, one for each, in the place of the first."""
    lines = [text.split("\n") for text in texts]
    if len({len(each) for each in lines}) > 1:
        return "\n".join(dict.fromkeys(line for each in lines for line in each))
    return "\n".join(line for alike in zip(*lines, strict=True) for line in dict.fromkeys(alike))
