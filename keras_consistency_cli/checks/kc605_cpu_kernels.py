"""The same answers whichever kernels the CPU uses: oneDNN on and off, one thread and many.

Why: TensorFlow picks its kernels by processor, by oneDNN and by threads, when it is imported. Another machine therefore
rounds differently, which is honest; but a kernel may also treat values otherwise: fused with relu, oneDNN answers 0.0
for NaN.

How: a further process imports TensorFlow without oneDNN and with one thread, beside the others, and predicts the same
rows. It costs a second import of the backend, and so runs only where it is asked for: `--select KC605`.

To fix: nothing, where the difference is rounding; else clean NaN from the rows, or set TF_ENABLE_ONEDNN_OPTS=0.

Sources: tensorflow#23595, tensorflow#119628.
"""

from __future__ import annotations

from dataclasses import replace

from keras_consistency_cli.checks.agreement import Wording, agreement
from keras_consistency_cli.checks.base import Check, Evidence, Pair, Status, Verdict

__all__ = ["CHECK"]

_PAIRS = (Pair(candidate="other-kernels", reference="predict"),)
_WORDING = Wording(
    agree="oneDNN and threads make no difference but rounding",
    differ="without oneDNN and with one thread answers differ,",
    advice="look for NaN in the rows; TF_ENABLE_ONEDNN_OPTS=0 gives the same answers on more machines",
)


def examine(evidence: Evidence) -> Verdict:
    """Judge the process with other kernels against predict."""
    verdict = agreement(evidence, _PAIRS, _WORDING)
    return replace(verdict, findings={"cause": "kernel-dependent"}) if verdict.status is Status.FAIL else verdict


CHECK = Check(
    code="KC605",
    name="cpu-kernels",
    title="oneDNN on and off, one thread and many agree (only with --select)",
    explanation=__doc__,
    pairs=_PAIRS,
    examine=examine,
    on_request=True,
)
