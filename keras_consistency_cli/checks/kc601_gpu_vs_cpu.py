"""Accelerators must answer what the CPU answers, but for rounding; and what TF32 costs is told.

Why: a GPU multiplies matrices in TF32, with three digits, where nobody says otherwise, adds in another order and has
kernels of its own. A model validated on one device and served on another may cross a threshold, or hit a kernel that
treats special values otherwise.

How: where the backend sees an accelerator, predict runs there. The same file is loaded and called on the CPU, and the
model is called once more with TF32 switched off; both are held against predict, in multiples of the model's own
rounding noise, which is measured on the accelerator and so includes TF32. The layer at which errors grow most is looked
for. Without an accelerator this check is skipped.

To fix: switch TF32 off (tf.config.experimental.enable_tensor_float_32_execution(False),
torch.set_float32_matmul_precision("highest"), jax_default_matmul_precision), or validate on the device that serves.

Sources: tensorflow#63282, https://docs.nvidia.com/cuda/cublas/.
"""

from __future__ import annotations

from dataclasses import replace

from keras_consistency_cli.checks.agreement import Wording, agreement
from keras_consistency_cli.checks.base import Check, Evidence, Pair, Status, Verdict

__all__ = ["CHECK"]

_WAYS = {"on-cpu": "the CPU", "without-tf32": "TF32 switched off"}
_PAIRS = tuple(Pair(candidate=name, reference="predict") for name in _WAYS)
_WORDING = Wording(
    agree="devices agree",
    differ="devices differ,",
    advice="multiply in full float32 where it matters, or validate on the device that serves",
)


def examine(evidence: Evidence) -> Verdict:
    """Judge the CPU, and the accelerator without TF32, against predict."""
    verdict = agreement(evidence, _PAIRS, _WORDING)
    if not verdict.judged:
        return verdict
    worst = {each.comparison.candidate: each.comparison for each in sorted(verdict.judged, key=lambda each: each.comparison.scaled)}
    told = ", ".join(f"{words} {worst[name].scaled:.1e} of the greatest output" for name, words in _WAYS.items() if name in worst)
    findings = {name: {"max_abs": each.max_abs, "scaled": each.scaled, "flipped": each.flipped} for name, each in worst.items()}
    if verdict.status is Status.FAIL:
        return replace(verdict, findings={**findings, "cause": "device-precision"})
    return replace(verdict, message=f"{verdict.message}: {told}", findings=findings)


CHECK = Check(
    code="KC601",
    name="gpu-vs-cpu",
    title="accelerators answer what the CPU answers, with TF32 and without",
    explanation=__doc__,
    pairs=_PAIRS,
    examine=examine,
)
