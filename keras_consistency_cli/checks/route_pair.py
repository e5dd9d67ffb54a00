"""A check of any two routes, as `kcheck compare` runs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from keras_consistency_cli.checks.agreement import Wording, agreement
from keras_consistency_cli.checks.base import Check, Evidence, Pair
from keras_consistency_cli.checks.preconditions import skip_pass_of_single_row
from keras_consistency_cli.checks.registry import CHECKS
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.routes.exports.exact import EXACT, WIDE_SUMS
from keras_consistency_cli.routes.exports.table import export_routes
from keras_consistency_cli.routes.registry import routes
from keras_consistency_cli.routes.trace import ROUNDED, ROUNDED_TO_POLICIES, float64_name, is_batch_size
from keras_consistency_cli.text import clean, did_you_mean

__all__ = ["CODE", "ROUTES", "check_labels", "comparison_check"]

CODE = "ROUTES"
"""Stands in reports where checks have their code."""
_PAIRED = {name for check in CHECKS for pair in check.pairs for name in (pair.candidate, pair.reference)}
_WITH_OUTPUTS = (
    _PAIRED | {float64_name(name) for name in _PAIRED} | {ROUNDED, ROUNDED_TO_POLICIES, "training-call"}
)
ROUTES: Mapping[str, str] = {route.name: route.summary for route in routes() if route.name in _WITH_OUTPUTS}
"""The routes that give outputs, by name, with a one-line summary of each."""

_ON_EXPORTS: Mapping[str, str] = {
    name: route.summary
    for route in export_routes([""])
    if (name := route.name.partition("@")[0]) in (*ROUTES, EXACT, WIDE_SUMS)
}
"""The routes that give outputs of an export, by the name before the @."""


def _is_batching(route: str) -> bool:
    """Whether a route differs from predict only in which rows share a batch."""
    base = route.partition("@")[0]
    return base in ("one-by-one", "single-predict", "shuffled", "short-tail") or is_batch_size(base)


def comparison_check(candidate: str, reference: str) -> Check:
    """Return the check that compares two routes.

    Raises:
        UsageError: there is no such route, or it is the same route twice.
    """
    _refuse_unknown(candidate, reference)
    pair = Pair(candidate=candidate, reference=reference)
    wording = Wording(
        agree=f"{candidate} gives the same outputs as {reference}",
        differ=f"{candidate} gives different outputs than {reference}",
        advice="kcheck run also looks for the cause",
    )

    def examine(evidence: Evidence) -> Verdict:
        verdict = agreement(evidence, (pair,), wording)
        needs_neighbours = _is_batching(candidate) or _is_batching(reference)
        return skip_pass_of_single_row(verdict, evidence) if needs_neighbours else verdict

    title = f"{candidate} equals {reference}"
    return Check(
        code=CODE,
        name=f"{candidate}-vs-{reference}",
        title=title,
        explanation=title,
        examine=examine,
        pairs=(pair,),
    )


def check_labels(check: Check, labels: Sequence[str]) -> None:
    """Refuse routes of exports that the settings do not name.

    Raises:
        UsageError: with the names of the exports.
    """
    (pair,) = check.pairs
    for name in (pair.candidate, pair.reference):
        label = name.partition("@")[2]
        if label and label not in labels:
            raise UsageError(
                f"no export is called '{clean(label, 60)}'{did_you_mean(label, labels)}",
                expected=", ".join(labels) or "an export, given with --export or --try-export",
            )


def _refuse_unknown(candidate: str, reference: str) -> None:
    for name in (candidate, reference):
        base, at, _ = name.partition("@")
        known = _ON_EXPORTS if at else ROUTES
        if base not in known:
            what = "route of an export" if at else "route"
            raise UsageError(
                f"no {what} is called '{clean(base, 60)}'{did_you_mean(base, known)}",
                fix="'kcheck list --routes' shows all routes",
            )
    if candidate == reference:
        raise UsageError(
            f"{candidate} is compared with itself",
            fix="name two different routes; predict-again repeats predict",
        )
