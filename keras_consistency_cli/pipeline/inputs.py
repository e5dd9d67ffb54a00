"""Opening the user's files in the parent: everything is looked at before a worker loads anything."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.errors import DataError, UsageError
from keras_consistency_cli.loading.model_file.archive import Archive, read_archive
from keras_consistency_cli.loading.rows.lengths import count_time_steps, open_lengths
from keras_consistency_cli.loading.rows.source import RowSource, open_rows
from keras_consistency_cli.loading.scalers.preprocess_function import split_function
from keras_consistency_cli.loading.scalers.scaler import ScalerFile, scan_scaler
from keras_consistency_cli.loading.subject_spec import SubjectFiles
from keras_consistency_cli.text import clean

__all__ = ["SAMPLE_ROWS", "Opened", "check_beside", "load_request", "open_files", "subject_files"]

SAMPLE_ROWS = 256
"""Rows on which every route runs, and rows that are made where the user gives none."""


_BESIDE = {"reference": "reference rows", "served": "served rows", "expected": "expected answers"}


@dataclass(frozen=True, kw_only=True)
class Opened:
    """What could be read without running anything. `rows` is None where they are to be made; `beside` holds "reference" and "served" rows, if any."""

    archive: Archive
    rows: RowSource | None
    scaler: ScalerFile | None
    beside: Mapping[str, RowSource] = field(default_factory=dict)


def open_files(settings: Settings) -> Opened:
    """Open the model, the rows and the scaler, and look at the other files; nothing of them is run.

    Raises:
        KcheckError: UsageError, DataError or RefusedError with the file's name.
    """
    if importlib.util.find_spec(settings.backend) is None:
        raise UsageError(
            f"--backend {settings.backend}: it is not installed here", fix=f"pip install {settings.backend}"
        )
    rows = open_rows(settings.data) if settings.data else None
    for file in settings.custom_objects:
        if not file.is_file():
            raise UsageError(
                f"--custom-objects {clean(file)}: there is no such file",
                expected="a Python file with the model's own classes",
            )
    if settings.preprocess:
        split_function(settings.preprocess)
    for file in settings.custom_objects:
        _check_code(file)
    if settings.target_scaler:
        scan_scaler(settings.target_scaler, trust=settings.trust.scaler)
    beside = {
        name: open_rows(path, what=what)
        for name, what in _BESIDE.items()
        if (path := getattr(settings, name)) is not None
    }
    check_beside(rows, beside)
    if settings.facts.lengths and rows is not None:
        # A preprocess function may make longer series of them, or shorter ones.
        steps = None if settings.preprocess else count_time_steps(rows, settings.facts.time_axis)
        open_lengths(settings.facts.lengths, rows=rows.length, steps=steps)
    return Opened(
        archive=read_archive(
            settings.model, custom_objects=bool(settings.custom_objects), allow_unsafe=settings.trust.code
        ),
        rows=rows,
        scaler=scan_scaler(settings.scaler, trust=settings.trust.scaler) if settings.scaler else None,
        beside=beside,
    )


def _check_code(file: Path) -> None:
    """Refuse what is no file; what is in it is run by a worker only."""
    try:
        found = file.is_file()
    except OSError:
        found = False
    if not found:
        raise UsageError(
            f"--custom-objects {clean(file)}: there is no such file",
            expected="a .py file that defines the model's own layers",
        )


def check_beside(rows: RowSource | None, beside: Mapping[str, RowSource]) -> None:
    """Hold what is given beside the rows against them.

    Args:
        rows: the data, None where they are to be made.
        beside: some of "reference", "served" and "expected".

    Raises:
        DataError: other columns, or another number of rows.
    """
    if "reference" in beside:
        _same_columns(rows, beside["reference"])
    if "served" in beside and rows is not None:
        _same_length(rows, beside["served"])
    if "expected" in beside and rows is not None:
        _answered(rows, beside["expected"])


def _same_length(rows: RowSource, served: RowSource) -> None:
    if served.length != rows.length:
        what = (
            f"served rows {clean(served.path)}: {served.length} rows, data {clean(rows.path)}: {rows.length}"
        )
        raise DataError(what, expected="what serving fed to the model, row for row of the data")


def _answered(rows: RowSource, expected: RowSource) -> None:
    if expected.length != rows.length:
        what = f"expected answers {clean(expected.path)}: {expected.length} rows, data {clean(rows.path)}: {rows.length}"
        raise DataError(what, expected="what the model answered, row for row of the data")


def _same_columns(rows: RowSource | None, reference: RowSource) -> None:
    if rows is not None and rows.columns and reference.columns and rows.columns != reference.columns:
        wrong = next((name for name in reference.columns if name not in rows.columns), reference.columns[0])
        what = f"reference rows {clean(reference.path)} and data {clean(rows.path)} have other columns, '{clean(wrong)}' first"
        raise DataError(what, expected="the same columns in the same order")


def subject_files(
    settings: Settings, *, saved_with: str = "", compiled: bool = True, model_sha256: str = ""
) -> SubjectFiles:
    """Return where the subject comes from, as a worker is told.

    Args:
        settings: validated settings.
        saved_with: the Keras version that saved the model.
        compiled: whether to restore the compile settings.
        model_sha256: of the model as it was read here; a worker loads no other.
    """
    paths = {
        name: getattr(settings, name)
        for name in ("data", "scaler", "reference", "served", "expected", "target_scaler")
    }
    return SubjectFiles(
        model=str(settings.model),
        model_sha256=model_sha256,
        saved_with=saved_with,
        custom_objects=[str(path) for path in settings.custom_objects],
        trust_scaler=settings.trust.scaler,
        allow_unsafe=settings.trust.code,
        compiled=compiled,
        generated_rows=SAMPLE_ROWS if settings.rows == "all" else settings.rows,
        seed=settings.seed,
        preprocess=settings.preprocess,
        data_state=settings.facts.data_state,
        scaler_input=settings.facts.scaler_input,
        feature_names=settings.facts.feature_names,
        value_range=settings.facts.value_range,
        lengths=str(settings.facts.lengths) if settings.facts.lengths else None,
        **{name: str(path) for name, path in paths.items() if path is not None},
    )


def load_request(settings: Settings, opened: Opened, *, sizes: Sequence[int]) -> dict[str, Any]:
    """What a worker is told, as plain data: where the subject comes from, and which batch sizes and seeds to use."""
    read = opened.archive
    files = subject_files(
        settings, saved_with=read.keras_version, compiled=not read.custom_compile, model_sha256=read.sha256
    )
    padding = settings.facts.padding
    # What is a default was not said: a side without a value leaves the value to be found, and the other way round.
    stated = (
        {}
        if padding is None
        else {f"padding_{name}": getattr(padding, name) for name in sorted(padding.model_fields_set)}
    )
    probe = {"batch_size": settings.batch_size, "seed": settings.seed, **stated}
    return {"files": asdict(files), "probe": {**probe, "sizes": list(sizes)}}
