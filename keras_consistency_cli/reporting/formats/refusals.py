"""Refusals for people: the terminal and the concise form of a report on a model that was not checked."""

from __future__ import annotations

from keras_consistency_cli.diagnosis.refusals import diagnose_refusal
from keras_consistency_cli.errors import KcheckError
from keras_consistency_cli.reporting.parts.number_format import one_line

__all__ = ["refuse_concise", "refuse_terminal"]


def refuse_terminal(version: str, model: str, refusal: KcheckError) -> str:
    """Return header, cause and result; "" if there is no cause, because the error itself says all."""
    lines = [f"kcheck {one_line(version)} | {one_line(model)}", ""]
    diagnoses = diagnose_refusal(refusal)
    for diagnosis in diagnoses:
        lines += [f"x CAUSE  {diagnosis.cause}, {diagnosis.confidence}", f"  {one_line(diagnosis.sentence)}"]
        lines += [f"  {one_line(diagnosis.confirmation, 1000)}"]
        lines += [f"  expected  {one_line(refusal.expected, 1000)}"] if refusal.expected else []
        lines += [f"  fix  {one_line(diagnosis.advice, 1000)}"] if diagnosis.advice else []
    return "\n".join([*lines, "", f"inconsistent: {_ending(refusal)}"]) + "\n" if diagnoses else ""


def refuse_concise(version: str, model: str, refusal: KcheckError) -> str:
    """Return one line for the cause, with the fix, and one for the result; "" if there is no cause."""
    lines = [
        f"CAUSE {diagnosis.cause} ({diagnosis.confidence}): {one_line(diagnosis.sentence)}"
        + (f"; fix: {one_line(diagnosis.advice, 1000)}" if diagnosis.advice else "")
        for diagnosis in diagnose_refusal(refusal)
    ]
    result = f"inconsistent: {one_line(model)}: {_ending(refusal)}"
    return "\n".join([*lines, result]) + "\n" if lines else ""


def _ending(refusal: KcheckError) -> str:
    return f"refused, no check was run, exit {refusal.exit_code}"
