"""The same answers whichever kernels the CPU uses: oneDNN on and off, one thread and many, and which of the two moves them.

Why: TensorFlow picks its kernels by processor, by oneDNN and by threads, when it is imported. Another machine therefore
rounds differently, which is honest; but a kernel may also treat values otherwise: fused with relu, oneDNN answers 0.0
for NaN.

How: a further process imports TensorFlow without oneDNN, beside the others, and another one keeps oneDNN but computes
with a single thread; both predict the same rows. It costs a second import of the backend, and so runs only where it is
asked for: `--select KC605`.

To fix: nothing, where the difference is rounding; else clean NaN from the rows, or set TF_ENABLE_ONEDNN_OPTS=0, or
fix the number of threads where the same bits matter.

Sources: tensorflow#23595, tensorflow#119628.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from keras_consistency_cli.checks.agreement import FRESH, Wording, agreement, differs_anyway
from keras_consistency_cli.checks.base import Check, Evidence, Judged, Pair, Status, Verdict

__all__ = ["CHECK"]

_WAYS = {"without-onednn": "oneDNN", "one-thread": "the number of threads"}
_WITH = {"without-onednn": "without oneDNN", "one-thread": "with one thread"}
_PAIRS = tuple(Pair(candidate=name, reference="predict") for name in _WAYS)
_WORDING = Wording(
    agree="oneDNN and threads make no difference but rounding",
    differ="with other CPU kernels answers differ,",
    advice="look for NaN in the rows; TF_ENABLE_ONEDNN_OPTS=0 gives the same answers on more machines",
)


def examine(evidence: Evidence) -> Verdict:
    """Judge both processes against predict, and name what moves the answers: oneDNN, the number of threads, both or none."""
    verdict = agreement(evidence, _PAIRS, _WORDING)
    if not verdict.judged:
        return verdict
    found = {
        name: _found(verdict.judged, name)
        for name in _WAYS
        if any(each.comparison.candidate == name for each in verdict.judged)
    }
    beyond = [name for name, each in found.items() if not each["within"]]
    findings = {"moved_by": [_WAYS[name] for name, each in found.items() if not each["identical"]], **found}
    if verdict.status is Status.FAIL and (anyway := differs_anyway(evidence)):
        return anyway
    if verdict.status is Status.FAIL and beyond:
        blame = " and ".join(_WAYS[name] for name in beyond)
        message = f"{blame} {'change' if beyond[1:] else 'changes'} the answers: {verdict.message}"
        return replace(
            verdict, message=message, findings={**findings, "cause": "kernel-dependent", "blame": blame}
        )
    told = ", ".join(f"{_WITH[name]} {_words(each)}" for name, each in found.items())
    advice = told if verdict.status is Status.PASS else verdict.advice
    return replace(verdict, message=f"{verdict.message}: {told}", findings=findings, advice=advice)


def _found(judged: tuple[Judged, ...], name: str) -> dict[str, Any]:
    mine = [each for each in judged if each.comparison.candidate == name]
    worst = max(mine, key=lambda each: each.comparison.scaled).comparison
    identical, within = all(each.comparison.identical for each in mine), all(each.within for each in mine)
    return {
        "identical": identical,
        "within": within,
        "max_abs": worst.max_abs,
        "scaled": worst.scaled,
        "flipped": worst.flipped,
    }


def _words(found: Mapping[str, Any]) -> str:
    return "the same bits" if found["identical"] else f"up to {found['max_abs']:.1e}"


CHECK = Check(
    code="KC605",
    name="cpu-kernels",
    title="oneDNN on and off, one thread and many agree (only with --select)",
    explanation=__doc__,
    pairs=(*_PAIRS, FRESH),
    examine=examine,
    on_request=True,
)
