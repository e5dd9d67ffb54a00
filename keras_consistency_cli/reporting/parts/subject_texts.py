"""Texts on the subject of a run: the model, the rows and the rounding noise."""

from __future__ import annotations

from collections.abc import Mapping

from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.reporting.parts.number_format import format_number
from keras_consistency_cli.reporting.report import Report
from keras_consistency_cli.text import format_count

__all__ = ["model_text", "noise_text", "rows_text"]


def model_text(facts: Facts) -> str:
    """Return the kind of a model and its size."""
    layers = format_count(len(facts.layers), "layer")
    return f"{facts.kind}, {layers}, {format_count(facts.parameters, 'parameter')}"


def rows_text(report: Report) -> str:
    """Say how many rows were checked, and where they come from."""
    if not report.generated:
        return f"{report.rows:,} of {format_count(report.rows_available, 'row')} of {report.data.path}"
    kind = f" ({report.data.summary})" if report.data.summary else ""
    return f"{format_count(report.rows, 'row')} generated from the input spec{kind}"


def noise_text(noise: Mapping[str, float]) -> str:
    """Return the rounding noise, by output if there are several."""
    if len(noise) == 1:
        return format_number(next(iter(noise.values())))
    return ", ".join(f"{name} {format_number(value)}" for name, value in noise.items())
