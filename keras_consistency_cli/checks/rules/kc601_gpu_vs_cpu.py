"""Accelerators must give the outputs of the CPU, except for rounding.

Why: a GPU multiplies matrices in TF32, with three digits, unless that is switched off, adds in a different
order and has its own kernels. A model validated on one device and served on another may cross a threshold, or
reach a kernel that treats special values differently.

How: if the backend sees an accelerator, predict runs there. The same file is loaded and called on the CPU and
on every other accelerator, and every two devices are compared. On each accelerator the model is called once
more with TF32 switched off, and compared with that accelerator and with the CPU. All differences are reported
in multiples of the model's rounding noise, which is measured on the accelerator and so includes TF32 if the
backend uses it by default; if it does not, the effect of TF32 is reported and not judged. The layer at which
errors grow most is searched for. Without an accelerator this check is skipped.

To fix: switch TF32 off (tf.config.experimental.enable_tensor_float_32_execution(False),
torch.set_float32_matmul_precision("highest"), jax_default_matmul_precision), or validate on the device that
serves.

Sources: tensorflow#63282, https://docs.nvidia.com/cuda/cublas/.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from typing import TypedDict

from keras_consistency_cli.checks.agreement import Wording, agreement
from keras_consistency_cli.checks.base import Check, Evidence, Pair
from keras_consistency_cli.checks.preconditions import FRESH, skip_if_fresh_process_differs
from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.routes.numerics.devices import MAX_ACCELERATORS, find_accelerators, numbered_route
from keras_consistency_cli.text import describe_changed_decisions

__all__ = ["CHECK"]

_CPU = "on-cpu"
_DEVICES = ("predict", *(numbered_route("on-accelerator", number) for number in range(1, MAX_ACCELERATORS)))
"""Routes by accelerator; predict is on the first."""
_EXACT = tuple(numbered_route("without-tf32", number) for number in range(MAX_ACCELERATORS))
_WITH_TF32 = Pair(candidate="with-tf32", reference="predict")
"""The effect of TF32 if the backend does not use it by default: reported only."""


def _device_pairs() -> Iterator[Pair]:
    """Every two devices, then every accelerator without TF32 with itself and with the CPU."""
    for reference, candidate in combinations(_DEVICES, 2):
        yield Pair(candidate=candidate, reference=reference)
    for device, exact in zip(_DEVICES, _EXACT, strict=True):
        yield Pair(candidate=_CPU, reference=device)
        yield Pair(candidate=exact, reference=device)
        yield Pair(candidate=exact, reference=_CPU)


_PAIRS = tuple(_device_pairs())
_WORDING = Wording(
    agree="devices agree",
    differ="devices differ",
    advice="multiply in full float32 where it matters, or validate on the device that serves",
)


class _DevicePair(TypedDict):
    """The largest difference between two devices, as plain data."""

    candidate: str
    reference: str
    max_abs: float
    scaled: float
    noise_multiple: float | None
    flipped: int


def examine(evidence: Evidence) -> Verdict:
    """Compare every two devices, with and without TF32; report the effect of TF32."""
    devices = find_accelerators(evidence.facts)
    if not devices:
        return Verdict.skip(f"no accelerator is visible to {evidence.facts.backend or 'the backend'}")
    verdict = agreement(evidence, _PAIRS, _WORDING)
    if not verdict.judged:
        return verdict
    pairs = list(_measured_pairs(evidence, devices))
    findings = {"devices": list(devices), "pairs": pairs}
    if verdict.status is Status.FAIL:
        blamed = replace(verdict, findings={**findings, "cause": "device-precision"})
        return skip_if_fresh_process_differs(evidence) or blamed
    numbers = _describe(pairs)
    return replace(
        verdict,
        message=f"{verdict.message}; {numbers}",
        findings=findings,
        reason=verdict.reason if verdict.status is Status.ERROR else None,
        advice=numbers if verdict.status is Status.PASS else verdict.advice,
    )


def _measured_pairs(evidence: Evidence, devices: Sequence[str]) -> Iterator[_DevicePair]:
    """By pair of devices: the output that differs most, and the decisions that change."""
    for pair in (*_PAIRS, _WITH_TF32):
        compared = evidence.comparisons.get((pair.candidate, pair.reference), ())
        comparisons = [comparison for comparison in compared if comparison.elements]
        if comparisons:
            worst = max(comparisons, key=lambda comparison: comparison.scaled)
            yield _DevicePair(
                candidate=_device_of(pair.candidate, devices),
                reference=_device_of(pair.reference, devices),
                max_abs=worst.max_abs,
                scaled=worst.scaled,
                noise_multiple=evidence.noise_multiple(worst),
                flipped=worst.flipped,
            )


def _device_of(route: str, devices: Sequence[str]) -> str:
    """The device of a route in words, with its use of TF32."""
    if route == _CPU:
        return "the CPU"
    last = route.rpartition("-")[2]
    number = int(last) if last.isdigit() else 0
    device = devices[number] if number < len(devices) else route
    if "tf32" not in route:
        return device
    return f"{device} {route.removesuffix(f'-{number}').replace('-tf32', ' TF32')}"


def _describe(pairs: Sequence[_DevicePair]) -> str:
    """The differences of all devices from the first, and the effect of TF32 on it."""
    first = [pair for pair in pairs if pair["reference"] == pairs[0]["reference"]]
    return ", ".join(f"{pair['candidate']} {_amount(pair)}" for pair in first)


def _amount(pair: _DevicePair) -> str:
    multiple = pair["noise_multiple"]
    noise = "" if multiple is None else f" ({multiple:.2g} × rounding noise)"
    flipped = f", {describe_changed_decisions(pair['flipped'])}" if pair["flipped"] else ""
    return f"{pair['scaled']:.1e} of the largest output{noise}{flipped}"


CHECK = Check(
    code="KC601",
    name="gpu-vs-cpu",
    title="accelerators give the outputs of the CPU, with TF32 and without",
    explanation=__doc__,
    pairs=(*_PAIRS, _WITH_TF32, FRESH),
    examine=examine,
)
