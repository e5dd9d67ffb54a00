"""Composing the report from what was opened, gathered and judged."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_consistency_cli import __version__
from keras_consistency_cli.checks.base import Verdict
from keras_consistency_cli.diagnosis import Diagnosis
from keras_consistency_cli.evidence import Gathering
from keras_consistency_cli.facts import Facts
from keras_consistency_cli.loading.data import RowSource
from keras_consistency_cli.loading.scaler import ScalerFile
from keras_consistency_cli.opening import Opened
from keras_consistency_cli.report import Report, Source
from keras_consistency_cli.routes import SHADOW
from keras_consistency_cli.settings import Settings

__all__ = ["compose"]


def compose(
    settings: Settings, opened: Opened, gathering: Gathering, verdicts: Sequence[Verdict], diagnoses: Sequence[Diagnosis], described: str
) -> Report:
    """Put everything a reader may ask for into one report; `described` says how rows were made, where they were."""
    facts = gathering.facts
    return Report(
        version=__version__,
        verdicts=verdicts,
        diagnoses=diagnoses,
        facts=facts,
        environment=_environment(facts),
        model=Source(path=str(settings.model), sha256=opened.archive.sha256, summary=f"{facts.kind} '{facts.name}'"),
        data=_rows(opened.rows, described),
        scaler=_scaler(opened.scaler),
        settings=settings.model_dump(mode="json", by_alias=True),
        rows=gathering.rows,
        rows_available=opened.rows.length if opened.rows else gathering.rows,
        generated=opened.rows is None,
        noise={output: comparison.max_abs for output, comparison in gathering.noise().items()},
        notes=_notes(gathering),
        fail_on=settings.fail_on,
    )


def _environment(facts: Facts) -> dict[str, Any]:
    return {
        "kcheck": __version__,
        "python": platform.python_version(),
        "keras": facts.keras,
        "saved_with_keras": facts.saved_with,
        "backend": facts.backend,
        "backend_version": facts.backend_version,
        "devices": list(facts.devices),
        "numpy": np.__version__,
        "platform": platform.platform(),
    }


def _rows(source: RowSource | None, described: str) -> Source:
    if source is None:
        return Source(path="", summary=described)
    summary = ", ".join(f"{name} {array.shape} {array.dtype}" for name, array in source.arrays.items())
    return Source(path=source.path, sha256=source.sha256, summary=summary)


def _scaler(found: ScalerFile | None) -> Source | None:
    if found is None:
        return None
    return Source(path=found.path, sha256=found.sha256, summary=f"{found.estimator}, saved with scikit-learn {found.sklearn_version or 'unknown'}")


def _notes(gathering: Gathering) -> tuple[str, ...]:
    shadow = gathering.traces.get(SHADOW)
    reason = shadow.unavailable or shadow.error if shadow is not None else None
    return (reason,) if reason else ()
