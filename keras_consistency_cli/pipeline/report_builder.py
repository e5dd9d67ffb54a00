"""Composing the report from what was opened, gathered and judged."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_consistency_cli.checks.base import Status, Verdict
from keras_consistency_cli.checks.selection import required
from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.diagnosis.base import Diagnosis
from keras_consistency_cli.loading.model_file.advisories import version_warning
from keras_consistency_cli.loading.rows.source import RowSource
from keras_consistency_cli.loading.scalers.scaler import ScalerFile
from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.measurement.facts import DataFacts, Facts
from keras_consistency_cli.pipeline.collector import EvidenceCollector
from keras_consistency_cli.pipeline.inputs import Opened
from keras_consistency_cli.reporting.report import Report, Source
from keras_consistency_cli.reporting.version import __version__
from keras_consistency_cli.routes.trace import FLOAT64_COPY, REFERENCE, ROUNDED
from keras_consistency_cli.text import shape_text

__all__ = ["RunInfo", "build_report", "environment", "version_notes"]


@dataclass(frozen=True, kw_only=True)
class RunInfo:
    """What was learned beside the routes: how rows were made in words, where they were, the description of the data, and how workers fared.

    `unprotected` is what workers could not be kept from; `lost` tells of those that were gone at the end although nobody had told them to go.
    """

    made: str
    description: DataFacts
    unprotected: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()


def build_report(
    settings: Settings,
    opened: Opened,
    collector: EvidenceCollector,
    verdicts: Sequence[Verdict],
    diagnoses: Sequence[Diagnosis],
    loaded: RunInfo,
) -> Report:
    """Put everything a reader may ask for into one report."""
    facts = collector.facts
    return Report(
        version=__version__,
        verdicts=verdicts,
        diagnoses=diagnoses,
        facts=facts,
        environment={**environment(facts), **_isolation(settings, loaded.unprotected)},
        model=Source(
            path=str(settings.model),
            sha256=opened.archive.sha256 or None,
            summary=f"{facts.kind} '{facts.name}'",
        ),
        data=_rows(opened.rows, loaded.made),
        scaler=_scaler(opened.scaler),
        settings=settings.model_dump(mode="json", by_alias=True),
        rows=collector.rows,
        rows_available=opened.rows.length if opened.rows else collector.rows,
        generated=opened.rows is None,
        noise={output: comparison.max_abs for output, comparison in collector.noise().items()},
        calibration=_calibration(collector),
        notes=(
            *(
                *_notes_on_workers(loaded),
                *_notes_on_required(settings, verdicts),
                *version_notes(facts),
                *_notes(collector),
            ),
            *(*_scaling_notes(loaded.description), *_in_units(loaded.description, verdicts)),
        ),
        fail_on=settings.fail_on,
        exit_zero=settings.exit_zero,
        required=required(settings),
        lost=loaded.lost,
    )


def environment(facts: Facts) -> dict[str, Any]:
    """Return the versions, devices and platform that answers come from."""
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


def _isolation(settings: Settings, unprotected: Sequence[str]) -> dict[str, Any]:
    kind = "off" if settings.isolation == "off" else "partial" if unprotected else "full"
    return {"isolation": kind, "isolation_lacks": list(unprotected)}


def _notes_on_workers(loaded: RunInfo) -> Iterator[str]:
    yield from (f"no verdict, for a worker was gone before the end: {how}" for how in loaded.lost)
    if loaded.unprotected:
        yield f"isolation: partial; workers were not kept from {'; '.join(loaded.unprotected)}"


def _calibration(collector: EvidenceCollector) -> dict[str, tuple[Comparison, ...]]:
    return {
        "noise": tuple(collector.noise().values()),
        "rounded": collector.comparisons.get((ROUNDED, REFERENCE), ()),
    }


def _notes_on_required(settings: Settings, verdicts: Sequence[Verdict]) -> Iterator[str]:
    for verdict in verdicts:
        if verdict.status is Status.SKIP and verdict.code in required(settings):
            yield f"no verdict, for {verdict.code} {verdict.name} is required and was skipped: {verdict.reason}"


def _rows(source: RowSource | None, described: str) -> Source:
    if source is None:
        return Source(path="", summary=described)
    summary = ", ".join(f"{name} {array.shape} {array.dtype}" for name, array in source.arrays.items())
    return Source(path=source.path, sha256=source.sha256, summary=summary)


def _scaler(found: ScalerFile | None) -> Source | None:
    if found is None:
        return None
    if not found.sha256:
        return Source(path=found.path, summary=found.estimator)
    return Source(
        path=found.path,
        sha256=found.sha256,
        summary=f"{found.estimator}, saved with scikit-learn {found.sklearn_version or 'unknown'}",
    )


def version_notes(facts: Facts) -> tuple[str, ...]:
    """Say where the Keras that runs here, or the one that saved the model, is known to load hostile files unsafely."""
    told = {facts.saved_with: "the model was saved with", facts.keras: "the answers come from"}
    return tuple(filter(None, (version_warning(version, whose) for version, whose in told.items())))


def _notes(collector: EvidenceCollector) -> tuple[str, ...]:
    float64_copy = collector.traces.get(FLOAT64_COPY)
    reason = float64_copy.unavailable or float64_copy.error if float64_copy is not None else None
    return (reason,) if reason else ()


def _scaling_notes(known: DataFacts) -> Iterator[str]:
    scaling = known.scaling
    shape = next(
        (rows.shape for rows in known.raw if scaling is not None and rows.input == scaling.input), ()
    )
    if scaling is not None and not scaling.function and known.state == "raw" and len(shape) > 1:
        yield f"rows of shape {shape_text((None, *shape))} are scaled per feature: reshaped to (-1, {shape[-1]}) for the {scaling.kind}, and back"


def _in_units(known: DataFacts, verdicts: Sequence[Verdict]) -> Iterator[str]:
    """Deviations that count, in the units of the targets before they were scaled."""
    if known.target is None:
        return
    if not known.target.units:
        yield f"the {known.target.kind} of the targets has no one unit, so that deviations are told as the model has them"
        return
    for verdict in verdicts:
        judged = [each.comparison for each in verdict.judged if each.comparison.worst]
        if verdict.status in (Status.FAIL, Status.WARN) and judged:
            worst = max(judged, key=lambda each: each.max_abs)
            unit = known.target.unit(worst.worst[0].index)
            if unit is not None:
                yield f"{verdict.code}: {worst.max_abs:.3g} of '{worst.output}' is {worst.max_abs * unit:.4g} in the units of the targets"
