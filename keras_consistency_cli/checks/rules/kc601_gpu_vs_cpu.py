"""Accelerators must answer what the CPU answers, but for rounding; and what TF32 costs is told.

Why: a GPU multiplies matrices in TF32, with three digits, where nobody says otherwise, adds in another order and has
kernels of its own. A model validated on one device and served on another may cross a threshold, or hit a kernel that
treats special values otherwise.

How: where the backend sees an accelerator, predict runs there. The same file is loaded and called on the CPU and on
every further accelerator, and every two devices are held against each other. On each accelerator the model is called
once more with TF32 switched off, against that accelerator and against the CPU. All is told in multiples of the model's
own rounding noise, which is measured on the accelerator and so includes TF32 where the backend uses it unasked; what it
costs where the backend does not is told, and not judged. The layer at which errors grow most is looked for. Without an
accelerator this check is skipped.

To fix: switch TF32 off (tf.config.experimental.enable_tensor_float_32_execution(False),
torch.set_float32_matmul_precision("highest"), jax_default_matmul_precision), or validate on the device that serves.

Sources: tensorflow#63282, https://docs.nvidia.com/cuda/cublas/.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

from keras_consistency_cli.checks.agreement import FRESH, Wording, agreement, differs_anyway
from keras_consistency_cli.checks.base import Check, Evidence, Pair, Status, Verdict
from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.routes.numerics.devices import MAX_ACCELERATORS, find_accelerators, numbered_route

__all__ = ["CHECK"]

_CPU = "on-cpu"
_DEVICES = ("predict", *(numbered_route("on-accelerator", number) for number in range(1, MAX_ACCELERATORS)))
"""Routes by accelerator; predict is on the first."""
_EXACT = tuple(numbered_route("without-tf32", number) for number in range(MAX_ACCELERATORS))
_ASKED_FOR = Pair(candidate="with-tf32", reference="predict")
"""What TF32 costs where the backend does not use it unasked: nobody's fault, so it is told only."""


def _pairs() -> Iterator[Pair]:
    """Every two devices, then every accelerator without TF32 against itself and against the CPU."""
    for reference, candidate in combinations(_DEVICES, 2):
        yield Pair(candidate=candidate, reference=reference)
    for device, exact in zip(_DEVICES, _EXACT, strict=True):
        yield Pair(candidate=_CPU, reference=device)
        yield Pair(candidate=exact, reference=device)
        yield Pair(candidate=exact, reference=_CPU)


_PAIRS = tuple(_pairs())
_WORDING = Wording(
    agree="devices agree",
    differ="devices differ,",
    advice="multiply in full float32 where it matters, or validate on the device that serves",
)


def examine(evidence: Evidence) -> Verdict:
    """Judge every two devices, and every accelerator without TF32; say what TF32 moves and what the device does."""
    found = find_accelerators(evidence.facts)
    if not found:
        nobody = f"no accelerator is visible to {evidence.facts.backend or 'the backend'}"
        return Verdict(status=Status.SKIP, message="nothing to compare", reason=nobody)
    verdict = agreement(evidence, _PAIRS, _WORDING)
    if not verdict.judged:
        return verdict
    pairs = list(_measured(evidence, found))
    findings = {"devices": list(found), "pairs": pairs}
    if verdict.status is Status.FAIL and (anyway := differs_anyway(evidence)):
        return anyway
    if verdict.status is Status.FAIL:
        return replace(verdict, findings={**findings, "cause": "device-precision"})
    reason = verdict.reason if verdict.status is Status.ERROR else None
    told = _told(pairs)
    advice = told if verdict.status is Status.PASS else verdict.advice
    return replace(
        verdict, message=f"{verdict.message}: {told}", findings=findings, reason=reason, advice=advice
    )


def _measured(evidence: Evidence, found: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """By pair of devices: the output that is furthest apart, in multiples of rounding noise, and the decisions that flip."""
    for pair in (*_PAIRS, _ASKED_FOR):
        comparisons = [
            each for each in evidence.comparisons.get((pair.candidate, pair.reference), ()) if each.elements
        ]
        if comparisons:
            worst = max(comparisons, key=lambda each: each.scaled)
            names = {"candidate": _device(pair.candidate, found), "reference": _device(pair.reference, found)}
            yield {
                **names,
                "max_abs": worst.max_abs,
                "scaled": worst.scaled,
                "noise_multiple": _multiple(evidence, worst),
                "flipped": worst.flipped,
            }


def _device(route: str, found: tuple[str, ...]) -> str:
    """A route in words: the device that it runs on, and how it multiplies."""
    if route == _CPU:
        return "the CPU"
    number = next((int(last) for last in [route.rpartition("-")[2]] if last.isdigit()), 0)
    device = found[number] if number < len(found) else route
    return (
        f"{device} {route.removesuffix(f'-{number}').replace('-tf32', ' TF32')}"
        if "tf32" in route
        else device
    )


def _multiple(evidence: Evidence, comparison: Comparison) -> float | None:
    noise = evidence.noise.get(comparison.output)
    return comparison.max_abs / noise.max_abs if noise is not None and noise.max_abs else None


def _told(pairs: Sequence[Mapping[str, Any]]) -> str:
    """The numbers behind an agreement: all devices against the first, and what TF32 moves on it."""
    first = [each for each in pairs if each["reference"] == pairs[0]["reference"]]
    return ", ".join(f"{each['candidate']} {_amount(each)}" for each in first)


def _amount(pair: Mapping[str, Any]) -> str:
    noise = "" if pair["noise_multiple"] is None else f" ({pair['noise_multiple']:.2g} × rounding noise)"
    return f"{pair['scaled']:.1e} of the greatest output{noise}" + (
        f", {pair['flipped']} decisions flip" if pair["flipped"] else ""
    )


CHECK = Check(
    code="KC601",
    name="gpu-vs-cpu",
    title="accelerators answer what the CPU answers, with TF32 and without",
    explanation=__doc__,
    pairs=(*_PAIRS, _ASKED_FOR, FRESH),
    examine=examine,
)
