"""Failures that no cause explains, and the causes that the evidence rules out for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.diagnosis.base import Diagnosis
from keras_consistency_cli.diagnosis.causes.table import CAUSES
from keras_consistency_cli.diagnosis.signatures import has_changed, random_operations, repeat_differs
from keras_consistency_cli.routes.trace import TRACED_AGAIN

__all__ = ["Unexplained", "unexplained_failures"]


@dataclass(frozen=True, kw_only=True)
class Unexplained:
    """A failed check without a known cause; `ruled_out` is the evidence against each cause."""

    code: str
    ruled_out: Mapping[str, str]


def unexplained_failures(
    evidence: Evidence, verdicts: Sequence[Verdict], diagnoses: Sequence[Diagnosis]
) -> tuple[Unexplained, ...]:
    """Return the checks that failed although no diagnosis explains them, in their order."""
    explained = {code for diagnosis in diagnoses for code in diagnosis.explains}
    codes = [
        verdict.code
        for verdict in verdicts
        if verdict.status is Status.FAIL and verdict.code not in explained
    ]
    passed = {verdict.code for verdict in verdicts if verdict.status is Status.PASS}
    against = _counter_evidence(evidence, passed) if codes else {}
    return tuple(Unexplained(code=code, ruled_out=_relevant(code, against)) for code in codes)


def _relevant(code: str, against: Mapping[str, str]) -> dict[str, str]:
    """Keep the causes that could make this check fail."""
    return {slug: reason for slug, reason in against.items() if code in CAUSES[slug].explains}


def _counter_evidence(evidence: Evidence, passed: set[str]) -> dict[str, str]:
    """By cause, the evidence against it. A cause that was not tested is not ruled out."""
    unchanged = not has_changed(evidence, "weight", "state", "seed")
    repeats = (
        ("predict-again", "predict") in evidence.comparisons
        and not repeat_differs(evidence, "predict-again")
        and unchanged
    )
    retraced = [route for route in TRACED_AGAIN if (route, "predict") in evidence.comparisons]
    keeps = repeats and bool(retraced) and not any(repeat_differs(evidence, route) for route in retraced)
    tests = {
        "cross-sample-dependence": ("KC103" in passed, "replacing the neighbours changes no bit"),
        "batch-statistics-in-inference": ("KC103" in passed and unchanged, "no moving statistic changes"),
        "state-carry-over": (not evidence.facts.stateful_layers, "no layer is stateful"),
        "active-randomness": (
            repeats and not random_operations(evidence),
            "the same call twice gives the same bits",
        ),
        "hidden-state": (keeps, "traced or loaded again, the model gives the same bits"),
        "untracked-state": ("KC801" in passed, "a second copy of the file gives the same bits"),
        "config-loses-arguments": ("KC801" in passed, "saved and loaded, the model gives the same bits"),
        "nan-hidden": ("KC701" in passed, "rows, weights and outputs are finite"),
        "predict-overridden": (not evidence.facts.overridden, "predict is the one of Keras"),
    }
    return {slug: reason for slug, (is_ruled_out, reason) in tests.items() if is_ruled_out}
