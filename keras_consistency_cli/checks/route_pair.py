"""Any two ways of calling a model, held against each other as a check of its own."""

from __future__ import annotations

from collections.abc import Mapping

from keras_consistency_cli.checks.agreement import Wording, agreement, with_others
from keras_consistency_cli.checks.base import Check, Evidence, Pair, Verdict
from keras_consistency_cli.checks.registry import CHECKS
from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.routes.registry import routes
from keras_consistency_cli.routes.trace import ROUNDED, float64_name
from keras_consistency_cli.text import clean, did_you_mean

__all__ = ["CODE", "ROUTES", "comparison_check"]

CODE = "ROUTES"
"""Stands where checks have their code."""
_PAIRED = {name for check in CHECKS for pair in check.pairs for name in (pair.candidate, pair.reference)}
_ANSWERING = _PAIRED | {float64_name(name) for name in _PAIRED} | {ROUNDED, "training-call"}
ROUTES: Mapping[str, str] = {route.name: route.summary for route in routes() if route.name in _ANSWERING}
"""The ways of calling by name, with a line on each; routes that measure something else than answers are left out."""


def _is_batching(route: str) -> bool:
    """Whether a way of calling differs from predict by who shares a batch with whom, and by nothing else."""
    return route in ("one-by-one", "single-predict", "shuffled", "short-tail") or route.startswith("batch-")


def comparison_check(candidate: str, reference: str) -> Check:
    """Return the check that asks whether two routes agree.

    Raises:
        UsageError: there is no such route, or it is the same one twice.
    """
    for name in (candidate, reference):
        if name not in ROUTES:
            raise UsageError(
                f"no route is called '{clean(name, 60)}'{did_you_mean(name, ROUTES)}",
                fix="'kcheck list --routes' shows them",
            )
    if candidate == reference:
        raise UsageError(
            f"{candidate} against itself tells nothing", fix="name two routes; predict-again repeats predict"
        )
    pair = Pair(candidate=candidate, reference=reference)
    advice = "kcheck run tells the cause where it knows one"
    wording = Wording(
        agree=f"{candidate} answers as {reference} does",
        differ=f"{candidate} does not answer as {reference} does, it differs",
        advice=advice,
    )

    def examine(evidence: Evidence) -> Verdict:
        found = agreement(evidence, (pair,), wording)
        return (
            with_others(found, evidence)
            if any(_is_batching(name) for name in (candidate, reference))
            else found
        )

    title = f"{candidate} equals {reference}"
    return Check(
        code=CODE,
        name=f"{candidate}-vs-{reference}",
        title=title,
        explanation=title,
        examine=examine,
        pairs=(pair,),
    )
