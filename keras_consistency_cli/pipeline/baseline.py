"""Baseline: record a model's outputs in one file, and report what has changed since.

Hashes bind the file to the model, the rows and the scaler. The recorded outputs are read like every
`--expected` file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.errors import NoVerdictError, UsageError
from keras_consistency_cli.loading.row_chunks import split_into_chunks
from keras_consistency_cli.loading.rows.source import RowSource
from keras_consistency_cli.pipeline.baseline_file import SCHEMA, Baseline, pack_baseline
from keras_consistency_cli.pipeline.collector import EvidenceCollector
from keras_consistency_cli.pipeline.environment import describe_environment
from keras_consistency_cli.pipeline.inputs import Inputs
from keras_consistency_cli.pipeline.observer import NULL_OBSERVER, Observer
from keras_consistency_cli.pipeline.plan import Plan
from keras_consistency_cli.pipeline.sampling import chunk_rows, rows_to_check
from keras_consistency_cli.pipeline.worker_setup import LoadedSubject, start_up
from keras_consistency_cli.reporting.report import Report
from keras_consistency_cli.reporting.version import __version__
from keras_consistency_cli.routes.registry import routes
from keras_consistency_cli.routes.trace import REFERENCE
from keras_consistency_cli.text import clean, format_count

__all__ = ["differences", "record"]

_FILES = ("model", "data", "scaler")
_NO_PLAN = Plan(routes=(), pairs=())


def record(settings: Settings, observe: Observer = NULL_OBSERVER) -> tuple[bytes, int]:
    """Run predict on all rows; return the bytes of the baseline file and the number of rows.

    Args:
        settings: validated settings.
        observe: receives what happens next.

    Raises:
        KcheckError: nothing could be recorded.
    """
    if settings.data is None:
        raise UsageError("a baseline needs rows", fix="give them with --data")
    with start_up(settings, _NO_PLAN, main_only=True, observe=observe) as subject:
        source = subject.inputs.rows
        assert source is not None
        numbers = _all_rows(settings, subject, source)

        def report_progress(done: int) -> None:
            observe(f"predict: {done:,} of {format_count(len(numbers), 'row')} finished")

        pieces = split_into_chunks(numbers, chunk_rows(source, settings.batch_size))
        outputs = _predict(settings, subject, pieces, report_progress)
    header = {
        "schema": SCHEMA,
        "kcheck": __version__,
        "files": _file_hashes(subject.inputs),
        "environment": describe_environment(subject.facts),
        "rows": len(numbers),
    }
    return pack_baseline(header, outputs), len(numbers)


def _all_rows(settings: Settings, subject: LoadedSubject, source: RowSource) -> np.ndarray | range:
    """Return the numbers of all rows; refuse rows that do not fill the model's batches."""
    numbers = rows_to_check(settings, source, subject.facts)
    if len(numbers) != source.length:
        what = f"the number of rows, {source.length:,}, is not a multiple of {subject.facts.batch_size}"
        raise UsageError(f"{what}, the model's fixed batch size", fix="record a multiple of it")
    return numbers


def _predict(
    settings: Settings,
    subject: LoadedSubject,
    pieces: Iterable[np.ndarray],
    report_progress: Callable[[int], None],
) -> dict[str, np.ndarray]:
    """Return predict's outputs for all rows."""
    collector = EvidenceCollector(
        plan=_NO_PLAN, facts=subject.facts, policy=settings.policy(), clients=subject.clients
    )
    predict = next(route for route in routes() if route.name == REFERENCE)
    parts: list[Mapping[str, np.ndarray]] = []
    done = 0
    for numbers in pieces:
        report_progress(done)
        done += len(numbers)
        trace = collector.run_again([predict], numbers)[REFERENCE]
        if not trace.ran or not trace.outputs:
            reason = clean(trace.error or trace.unavailable)
            raise NoVerdictError(f"nothing is recorded: predict gave no outputs: {reason}")
        parts.append(trace.outputs)
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _file_hashes(inputs: Inputs) -> dict[str, str | None]:
    """Return the hash of each file that outputs depend on, None for a file that is not used."""
    return {
        "model": inputs.archive.sha256,
        "data": inputs.rows.sha256 if inputs.rows else None,
        "scaler": inputs.scaler.sha256 if inputs.scaler else None,
    }


def differences(baseline: Baseline, report: Report) -> tuple[str, ...]:
    """Return notes on what has changed since the recording."""
    now = {
        "model": report.model.sha256,
        "data": report.data.sha256,
        "scaler": report.scaler.sha256 if report.scaler else None,
    }
    files = [name for name in _FILES if baseline.files.get(name) != now[name]]
    versions = [
        name
        for name, value in baseline.environment.items()
        if name != "kcheck" and report.environment.get(name, value) != value
    ]
    notes = [_change(name, baseline.files.get(name), now[name]) for name in files]
    notes += [
        _change(clean(name, 60), baseline.environment[name], report.environment[name]) for name in versions
    ]
    if report.outcome == "inconsistent":
        notes.append(_possible_reason(files, versions))
    return tuple(notes or ("the model, rows, scaler and environment are the same as in the recording",))


def _change(name: str, recorded: object, now: object) -> str:
    return f"changed since the recording: {name} {_short(recorded)} -> {_short(now)}"


def _possible_reason(files: Sequence[str], versions: Sequence[str]) -> str:
    """Return what the outputs may have changed with; nothing here shows that it is the cause."""
    environment = f"Environment differences: {', '.join(map(clean, versions))}." if versions else ""
    if "model" in files:
        return f"Outputs changed, and the model file is different. {environment}".rstrip()
    if files:
        changed = f"Different files: {', '.join(files)}."
        return f"Outputs changed although the model file is identical. {changed} {environment}".rstrip()
    if versions:
        return f"Outputs changed although the model, rows and scaler files are identical. {environment}"
    return (
        "Outputs changed although nothing that was recorded has changed: the model does not repeat its"
        " outputs, or they depend on something that was not recorded."
    )


def _short(value: object) -> str:
    if value is None:
        return "none"
    is_hash = isinstance(value, str) and len(value) == 64
    return clean(value[:12] if is_hash and isinstance(value, str) else value, 80)
