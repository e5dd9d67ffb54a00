"""Failures that no cause explains, and what was ruled out for them: a short list for whoever goes on looking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.diagnosis.base import Diagnosis
from keras_consistency_cli.diagnosis.causes.table import CAUSES
from keras_consistency_cli.diagnosis.signatures import changed, differs, random_operations

__all__ = ["Unexplained", "unexplained"]


@dataclass(frozen=True, kw_only=True)
class Unexplained:
    """A failing check without a known cause; `ruled_out` says by cause why it is not that one, where the evidence does."""

    code: str
    ruled_out: Mapping[str, str]


def unexplained(
    evidence: Evidence, verdicts: Sequence[Verdict], diagnoses: Sequence[Diagnosis]
) -> tuple[Unexplained, ...]:
    """Return the checks that failed although no diagnosis explains them, in their order."""
    explained = {code for diagnosis in diagnoses for code in diagnosis.explains}
    left = [
        verdict.code
        for verdict in verdicts
        if verdict.status is Status.FAIL and verdict.code not in explained
    ]
    passed = {verdict.code for verdict in verdicts if verdict.status is Status.PASS}
    against = _against(evidence, passed) if left else {}
    return tuple(Unexplained(code=code, ruled_out=_for(code, against)) for code in left)


def _for(code: str, against: Mapping[str, str]) -> dict[str, str]:
    """What was ruled out among the causes that make this check fail."""
    return {slug: why for slug, why in against.items() if code in CAUSES[slug].explains}


def _against(evidence: Evidence, passed: set[str]) -> dict[str, str]:
    """By cause: the evidence against it. What was not looked at is not ruled out."""
    repeats = [
        route for route in ("predict-retraced", "fresh-process") if (route, "predict") in evidence.comparisons
    ]
    quiet = not changed(evidence, "weight", "state", "seed")
    still = (
        ("predict-again", "predict") in evidence.comparisons
        and not differs(evidence, "predict-again")
        and quiet
    )
    kept = still and bool(repeats) and not any(differs(evidence, each) for each in repeats)
    held = {
        "cross-sample-dependence": ("KC103" in passed, "neighbours can be replaced, and no bit moves"),
        "batch-statistics-in-inference": ("KC103" in passed and quiet, "no moving statistic moves"),
        "state-carry-over": (not evidence.facts.stateful_layers, "no layer is stateful"),
        "active-randomness": (
            still and not random_operations(evidence),
            "the same call twice gives the same bits",
        ),
        "hidden-state": (kept, "traced or loaded anew, it gives the same bits"),
        "untracked-state": ("KC801" in passed, "a second copy of the file gives the same bits"),
        "config-loses-arguments": ("KC801" in passed, "saved and loaded, it gives the same bits"),
        "nan-hidden": ("KC701" in passed, "rows, weights and outputs are finite"),
        "predict-overridden": (not evidence.facts.overridden, "predict is Keras's own"),
    }
    return {slug: why for slug, (true, why) in held.items() if true}
