"""Pieces of the terminal report as plain text, for formats that quote them: no colour, always the same width."""

from __future__ import annotations

from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.reporting.parts.blocks import diagnosis_block, verdict_block
from keras_consistency_cli.reporting.parts.canvas import Canvas
from keras_consistency_cli.reporting.parts.layout import draw
from keras_consistency_cli.reporting.parts.verdict_summary import causes_of
from keras_consistency_cli.reporting.report import Report

__all__ = ["details", "details_with_causes"]

_CANVAS = Canvas(width=100)


def details(report: Report, verdict: Verdict) -> str:
    """Return what a check found, as the terminal report tells it."""
    return draw(_CANVAS, verdict_block(_CANVAS, report, verdict))


def details_with_causes(report: Report, verdict: Verdict) -> str:
    """Return the causes of a verdict, then what its check found: the whole story for a reader who sees this check alone."""
    causes = [draw(_CANVAS, diagnosis_block(_CANVAS, diagnosis)) for diagnosis in causes_of(report, verdict)]
    return "\n".join((*causes, details(report, verdict)))
