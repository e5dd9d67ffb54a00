"""Routes of reduced precision: one batch through a copy that computes in 16 bits.

The copy has the weights of the model.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypedDict

from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.session.batches import first_batch
from keras_consistency_cli.routes.trace import Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["LOWERING_ROUTES", "POLICIES", "LoweringDetails", "lowered_name"]

POLICIES = ("mixed_float16", "mixed_bfloat16")
_MAX_PARAMETERS = 20_000_000


class LoweringDetails(TypedDict, total=False):
    """Details of the routes of reduced precision: why there are no outputs, if there are none."""

    refused: str


def lowered_name(policy: str) -> str:
    """Return the name of the route on a copy with this policy."""
    return policy.replace("_", "-")


def _run_with_policy(policy: str) -> Callable[[Session, Rows], Result]:
    def run(session: Session, rows: Rows) -> Result:
        from keras_consistency_cli.loading.model.copies.float64 import PrecisionCopyRefused
        from keras_consistency_cli.loading.model.copies.mixed_precision import build_mixed_precision_copy
        from keras_consistency_cli.loading.model.keras_errors import describe_innermost

        batch, positions = session.one_batch(rows)
        if session.loops_until_numbers_agree(batch):
            return _refuse(
                "a loop of the model ends when its numbers agree, which they may never do in 16 bits"
            )
        sample = session.pack(first_batch(batch, session.facts.batch_size or 1))
        session.restore()
        try:
            model = build_mixed_precision_copy(session.model, policy, sample=sample, **session.loading)
        except PrecisionCopyRefused as reason:
            return _refuse(str(reason))
        try:
            outputs = session.on_copy(model).call_once(batch, training=False)
        except Exception as problem:
            # A kernel or table without 16 bits is not a fault of the model, which has no such policy.
            return _refuse(f"a copy in {policy} fails: {describe_innermost(problem)}")
        return Result(outputs=outputs, rows=positions)

    return run


def _refuse(reason: str) -> Result:
    details: LoweringDetails = {"refused": reason}
    return Result(outputs={}, details=details)


def _explain_no_copy(facts: Facts) -> str | None:
    if facts.low_precision:
        return f"the model already computes in {', '.join(facts.low_precision)}"
    if facts.parameters > _MAX_PARAMETERS:
        return f"{facts.parameters} parameters are too many for a copy"
    return None


LOWERING_ROUTES: tuple[Route, ...] = tuple(
    Route(
        name=lowered_name(policy),
        summary=f"a copy with the policy {policy}",
        run=_run_with_policy(policy),
        unavailable=_explain_no_copy,
        placement="fresh",
    )
    for policy in POLICIES
)
