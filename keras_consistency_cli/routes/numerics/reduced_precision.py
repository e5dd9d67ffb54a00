"""Routes of reduced precision: the same weights in a copy of the model that computes in 16 bits, on one batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.session.batches import count, first
from keras_consistency_cli.routes.trace import Result, Rows
from keras_consistency_cli.text import clean

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["LOWERING_ROUTES", "POLICIES", "lowered_name"]

POLICIES = ("mixed_float16", "mixed_bfloat16")
_MOST_PARAMETERS = 20_000_000
_ROWS = 32


def lowered_name(policy: str) -> str:
    """The name of the route on a copy under this policy."""
    return policy.replace("_", "-")


def _lowered(policy: str) -> Callable[[Session, Rows], Result]:
    def run(session: Session, rows: Rows) -> Result:
        from keras_consistency_cli.loading.model.float64 import Float64CopyRefused
        from keras_consistency_cli.loading.model.mixed_precision import build_lowered

        batch = first(rows, session.facts.batch_size or _ROWS)
        sample = session.pack(first(batch, session.facts.batch_size or 1))
        session.restore()
        try:
            model = build_lowered(session.model, policy, sample=sample, **session.loading)
        except Float64CopyRefused as reason:
            return Result(outputs={}, details={"refused": str(reason)})
        try:
            outputs = session.on_copy(model).call(batch, training=False)
        except Exception as problem:
            # Kernels and tables that know no 16 bits are no fault of the model, which nobody has lowered.
            return Result(
                outputs={},
                details={
                    "refused": f"a copy in {policy} fails: {type(problem).__name__}: {clean(problem, 200)}"
                },
            )
        return Result(outputs=outputs, rows=np.arange(count(batch)))

    return run


def _pointless(facts: Facts) -> str | None:
    if facts.low_precision:
        return f"it computes in {', '.join(facts.low_precision)} already"
    return (
        f"{facts.parameters} parameters are too many for a copy"
        if facts.parameters > _MOST_PARAMETERS
        else None
    )


LOWERING_ROUTES: tuple[Route, ...] = tuple(
    Route(
        name=lowered_name(policy),
        summary=f"a copy under {policy}",
        run=_lowered(policy),
        unavailable=_pointless,
        placement="fresh",
    )
    for policy in POLICIES
)
