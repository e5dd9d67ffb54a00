"""The limits by output of one target, by which the search for causes recognizes agreement."""

from __future__ import annotations

from dataclasses import replace

from keras_consistency_cli.checks.analysis.exports.precision import negligible
from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.checks.verdict import Verdict

__all__ = ["with_limits"]


def with_limits(evidence: Evidence, verdict: Verdict) -> Verdict:
    """Add the limit by output to the findings.

    NaN on one side fails whatever the other values are; those then agree within rounding.
    """
    limits = {
        one.comparison.output: negligible(evidence, one.comparison.scale)
        if one.by_nonfinite
        else one.limit.value
        for one in verdict.judged
    }
    return replace(verdict, findings={**verdict.findings, "limits": limits})
