"""Eager, traced and XLA-compiled calls must agree.

Why: notebooks run eager, predict runs a traced graph, serving and exports may compile with XLA. Code in `call()` that
asks Python, NumPy or the clock answers differently in each; otherwise only rounding parts them.

How: `model(x, training=False)` eager, under `tf.function`, and under `tf.function(jit_compile=True)`, each against
predict on the same batch.

To fix: keep Python side effects, `if` on tensor values and NumPy out of `call()`; use keras.ops.

Sources: keras#18381, keras#22512.
"""

from __future__ import annotations

from dataclasses import replace

from keras_consistency_cli.checks.agreement import Wording, agreement
from keras_consistency_cli.checks.base import Check, Evidence, Pair, Verdict

__all__ = ["CHECK"]

_PAIRS = tuple(Pair(candidate=name, reference="predict") for name in ("call", "graph", "xla"))
_WORDING = Wording(
    agree="eager, graph and XLA give what predict gives",
    differ="the way of executing changes the answers,",
    advice="look for NumPy, Python state or the clock in call(); if XLA alone differs, serve without jit_compile",
)


def examine(evidence: Evidence) -> Verdict:
    """Judge the three modes; a model that XLA cannot compile is told, not failed."""
    xla = evidence.traces.get("xla")
    pairs = tuple(pair for pair in _PAIRS if not (pair.candidate == "xla" and xla is not None and xla.error))
    verdict = agreement(evidence, pairs, _WORDING)
    if len(pairs) == len(_PAIRS) or xla is None:
        return verdict
    told = f"not under XLA, which cannot compile the model: {xla.error}"
    return replace(verdict, reason=f"{verdict.reason}; {told}" if verdict.reason else told)


CHECK = Check(
    code="KC204",
    name="execution-mode",
    title="eager, graph and XLA agree",
    explanation=__doc__,
    pairs=_PAIRS,
    examine=examine,
)
