"""Report builder: put the inputs, the evidence and the verdicts of a run into one report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from keras_consistency_cli.checks.judgement import choose_rounded
from keras_consistency_cli.checks.selection import required
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.diagnosis.base import Diagnosis
from keras_consistency_cli.loading.rows.source import RowSource
from keras_consistency_cli.loading.scalers.scaler import ScalerFile
from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.measurement.data_facts import DataFacts
from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.pipeline import notes
from keras_consistency_cli.pipeline.collector import EvidenceCollector
from keras_consistency_cli.pipeline.environment import describe_environment
from keras_consistency_cli.pipeline.inputs import Inputs
from keras_consistency_cli.pipeline.plan import route_table
from keras_consistency_cli.reporting.report import Report, RouteTime, Source
from keras_consistency_cli.reporting.version import __version__
from keras_consistency_cli.routes.base import Route

__all__ = ["RunInfo", "build_report"]


@dataclass(frozen=True, kw_only=True)
class RunInfo:
    """What a run knows in addition to its evidence.

    `rows_description` says how rows were generated, `description` describes the data. `unprotected` is what
    workers could not be prevented from; `lost` says how processes ended unexpectedly.
    """

    rows_description: str
    description: DataFacts
    unprotected: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()


def build_report(
    settings: Settings,
    inputs: Inputs,
    collector: EvidenceCollector,
    verdicts: Sequence[Verdict],
    diagnoses: Sequence[Diagnosis],
    run: RunInfo,
) -> Report:
    """Return the report of a run."""
    facts, noise = collector.facts, collector.noise()
    return Report(
        version=__version__,
        verdicts=verdicts,
        diagnoses=diagnoses,
        facts=facts,
        environment={**describe_environment(facts), **_isolation(settings, run.unprotected)},
        model=_model_source(settings, inputs, collector),
        data=_rows_source(inputs.rows, run.rows_description),
        scaler=_scaler_source(inputs.scaler),
        settings=settings.model_dump(mode="json", by_alias=True),
        rows=collector.rows,
        rows_available=inputs.rows.length if inputs.rows else collector.rows,
        generated=inputs.rows is None,
        routes=_route_times(collector, route_table(settings)),
        noise={output: comparison.max_abs for output, comparison in noise.items()},
        calibration=_calibration(collector, noise),
        notes=(
            *_reading_notes(inputs, settings, collector.facts),
            *_notes(settings, collector, verdicts, run),
        ),
        fail_on=settings.fail_on,
        exit_zero=settings.exit_zero,
        required=required(settings),
        lost=run.lost,
    )


def _route_times(collector: EvidenceCollector, table: Sequence[Route]) -> tuple[RouteTime, ...]:
    """Return the times of the routes that ran, diagnosis included; a baseline is part of its route."""
    # Placements may share a worker, which then has the name of the first one.
    workers = {client: place for place, client in reversed(list(collector.clients.items()))}
    return tuple(
        RouteTime(
            name=route.name,
            worker=workers[collector.clients[route.worker]],
            elapsed_s=collector.traces[route.name].elapsed_s,
            tracing_s=collector.traces[route.name].tracing_s,
        )
        for route in table
        if route.name in collector.traces and collector.traces[route.name].ran
    )


def _isolation(settings: Settings, unprotected: Sequence[str]) -> dict[str, Any]:
    kind = "off" if settings.isolation == "off" else "partial" if unprotected else "full"
    return {"isolation": kind, "isolation_lacks": list(unprotected)}


def _calibration(
    collector: EvidenceCollector, noise: Mapping[str, Comparison]
) -> dict[str, tuple[Comparison, ...]]:
    return {
        "noise": tuple(noise.values()),
        "rounded": tuple(choose_rounded(collector.comparisons)),
    }


def _notes(
    settings: Settings, collector: EvidenceCollector, verdicts: Sequence[Verdict], run: RunInfo
) -> tuple[str, ...]:
    return (
        *notes.note_workers(run.lost, run.unprotected),
        *notes.note_required(required(settings), verdicts),
        *notes.note_versions(collector.facts),
        *notes.note_float64_copy(collector),
        *notes.note_scaling(run.description),
        *notes.note_target_units(run.description, verdicts),
    )


def _reading_notes(inputs: Inputs, settings: Settings, facts: Facts) -> tuple[str, ...]:
    """How files of rows were read, where the files alone decided that."""
    sources = [inputs.rows, *inputs.additional.values()]
    remarks = dict.fromkeys(remark for source in sources if source for remark in source.remarks)
    images = notes.note_images(inputs.rows, inputs.archive.classes, settings.facts.value_range)
    order = notes.note_order(inputs.rows, inputs.additional.get("reference"))
    columns = notes.note_columns(inputs.rows, settings, facts)
    return (*images, *(f"read {remark}" for remark in remarks), *order, *columns)


def _model_source(settings: Settings, inputs: Inputs, collector: EvidenceCollector) -> Source:
    summary = f"{collector.facts.kind} '{collector.facts.name}'"
    return Source(path=str(settings.model), sha256=inputs.archive.sha256 or None, summary=summary)


def _rows_source(rows: RowSource | None, rows_description: str) -> Source:
    if rows is None:
        return Source(path="", summary=rows_description)
    summary = ", ".join(f"{name} {array.shape} {array.dtype}" for name, array in rows.arrays.items())
    return Source(path=rows.path, sha256=rows.sha256, summary=summary)


def _scaler_source(scaler: ScalerFile | None) -> Source | None:
    if scaler is None:
        return None
    if not scaler.sha256:
        return Source(path=scaler.path, summary=scaler.estimator)
    version = scaler.sklearn_version or "unknown"
    summary = f"{scaler.estimator}, saved with scikit-learn {version}"
    return Source(path=scaler.path, sha256=scaler.sha256, summary=summary)
