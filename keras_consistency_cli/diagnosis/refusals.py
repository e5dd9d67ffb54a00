"""Diagnosis of a refusal: why a model or scaler was not checked. Nothing of it has run."""

from __future__ import annotations

from collections.abc import Mapping

from keras_consistency_cli.diagnosis.base import Diagnosis
from keras_consistency_cli.diagnosis.causes.table import CAUSES
from keras_consistency_cli.errors import KcheckError

__all__ = ["REFUSAL_SENTENCES", "diagnose_refusal", "refusal_text"]

REFUSAL_SENTENCES: Mapping[str, str] = {
    "code-in-file": "the model file holds code that would run when it is loaded",
    "code-in-scaler": "the scaler file asks for code that would run when it is loaded",
    "custom-code-missing": "the model has classes or functions of its own that were not given",
    "file-damaged": "the model file is damaged, or is not what Keras writes",
    "model-not-loadable": "Keras cannot build a model from the file",
    "package-missing": "the model has classes of a package that is not installed",
    "scaler-unusable": "the scaler file is damaged, or its scaler was not fitted or cannot transform",
    "scaler-version": CAUSES["scaler-version"].sentence,
}
"""What is wrong, by cause."""


def diagnose_refusal(refusal: KcheckError) -> tuple[Diagnosis, ...]:
    """Return the cause of a refusal, none for errors that are no fault of model or scaler."""
    sentence = REFUSAL_SENTENCES.get(refusal.cause)
    if sentence is None:
        return ()
    return (
        Diagnosis(
            cause=refusal.cause,
            severity="fail",
            sentence=sentence,
            confidence="confirmed",
            confirmation=f"read from the file: {refusal.what.splitlines()[0]}",
            advice=refusal.fix or _fix_in(refusal.what),
        ),
    )


def refusal_text(refusal: KcheckError) -> str:
    """Return the error, and before it the line that names its cause, if it has one."""
    causes = [
        f"cause: {each.cause}, {each.confidence}: {each.sentence}" for each in diagnose_refusal(refusal)
    ]
    return "\n".join([*causes, str(refusal)])


def _fix_in(text: str) -> str:
    """The fix in the text of an error that a worker sent."""
    return next((line.removeprefix("fix: ") for line in text.splitlines() if line.startswith("fix: ")), "")
