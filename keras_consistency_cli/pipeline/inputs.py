"""Inputs: open the user's files in the parent and check that they fit together.

This happens before a worker loads anything; nothing in the files is executed.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.errors import DataError, RefusedError, UsageError
from keras_consistency_cli.loading.code_files import check_code_files
from keras_consistency_cli.loading.exports.content.signatures import check_signature
from keras_consistency_cli.loading.exports.kinds import export_kind
from keras_consistency_cli.loading.exports.spec import ExportSpec
from keras_consistency_cli.loading.model_file.archive import Archive, read_archive
from keras_consistency_cli.loading.model_file.layer_tree import TensorSummary, read_inputs
from keras_consistency_cli.loading.model_file.user_functions import defined_functions
from keras_consistency_cli.loading.rows.input_matching import check_texts
from keras_consistency_cli.loading.rows.lengths import count_time_steps, open_lengths
from keras_consistency_cli.loading.rows.reading import Reading, select_columns
from keras_consistency_cli.loading.rows.source import RowSource, open_rows
from keras_consistency_cli.loading.scalers.preprocess_function import split_function
from keras_consistency_cli.loading.scalers.scaler import ScalerFile, scan_scaler
from keras_consistency_cli.loading.subject_rows import LABELS, RAW
from keras_consistency_cli.measurement.facts import InputFact
from keras_consistency_cli.measurement.installed import has_other_minor_version, installed_version
from keras_consistency_cli.text import clean, format_count
from keras_consistency_cli.workers.load_request import reading

__all__ = [
    "Inputs",
    "check_additional_rows",
    "check_has_columns",
    "check_texts_reach_model",
    "naming_scaler_version",
    "open_exports",
    "open_files",
    "scales_rows",
]

_ADDITIONAL = ("reference", "served", "expected")


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """The files as far as they can be read without running anything.

    `rows` is None if rows are to be generated; `additional` holds "reference", "served" and "expected" rows.
    """

    archive: Archive
    rows: RowSource | None
    scaler: ScalerFile | None
    additional: Mapping[str, RowSource] = field(default_factory=dict)
    exports: tuple[ExportSpec, ...] = ()


def open_files(settings: Settings) -> Inputs:
    """Open the model, the rows and the scaler, and check the other files.

    Raises:
        KcheckError: UsageError, DataError or RefusedError with the file's name.
    """
    _check_installed("backend", settings.backend)
    for name in settings.other_backends():
        _check_installed("backends", name)
    # Errors of rows come before those of the model, except if the size of images follows from it.
    archive = _read_model(settings) if _has_folders(settings) else None
    given = reading(settings, read_inputs(archive.config) if archive is not None else ())
    rows = open_rows(settings.data, reading=given) if settings.data else None
    check_code_files(settings.custom_objects)
    if settings.preprocess:
        split_function(settings.preprocess)
    if settings.target_scaler:
        scan_scaler(settings.target_scaler, trust=settings.trust.scaler)
    additional = {
        name: open_rows(path, what=LABELS[name], reading=given if name in RAW else None)
        for name in _ADDITIONAL
        if (path := getattr(settings, name)) is not None
    }
    check_additional_rows(rows, additional)
    check_has_columns(given, (rows, additional.get("reference")))
    _check_lengths(settings, rows)
    archive = archive or _read_model(settings)
    check_texts_reach_model(settings, rows, read_inputs(archive.config))
    scaler = scan_scaler(settings.scaler, trust=settings.trust.scaler) if settings.scaler else None
    exports = tuple(open_exports(settings))
    return Inputs(archive=archive, rows=rows, scaler=scaler, additional=additional, exports=exports)


def scales_rows(settings: Settings) -> bool:
    """Whether a scaler or preprocess function changes the rows before the model gets them."""
    is_given = settings.scaler is not None or settings.preprocess is not None
    return is_given and settings.facts.data_state != "scaled"


def check_texts_reach_model(
    settings: Settings, rows: RowSource | None, inputs: Sequence[InputFact | TensorSummary]
) -> None:
    """Refuse columns of texts that reach an input of numbers as they are.

    Raises:
        DataError: nothing turns them into numbers.
    """
    if rows is not None and not scales_rows(settings):
        check_texts(rows, [each.name for each in inputs])


def check_has_columns(given: Reading, sources: Iterable[RowSource | None]) -> None:
    """Refuse --columns and --drop if no rows are a table: they would choose nothing.

    Raises:
        DataError: neither data nor reference rows have names of columns.
    """
    opened = [source for source in sources if source is not None]
    if opened and all(source.columns is None for source in opened):
        select_columns(None, given, clean(opened[0].path))


def _has_folders(settings: Settings) -> bool:
    """Whether rows are folders of images, whose size follows from the model."""
    return any(path.is_dir() for name in RAW if (path := getattr(settings, name)) is not None)


def _read_model(settings: Settings) -> Archive:
    return read_archive(
        settings.model,
        custom_objects=bool(settings.custom_objects),
        functions=defined_functions(settings.custom_objects),
        allow_unsafe=settings.trust.code,
    )


def open_exports(settings: Settings) -> Iterator[ExportSpec]:
    """Yield the exports that the user has, their kinds read from their content, and those to be made.

    Raises:
        DataError: a file is missing, of no known kind, or without the signature that is to be called.
    """
    names = iter(settings.export_labels())
    for file in settings.exports:
        kind = export_kind(file.path)
        check_signature(file.path, kind, file.signature)
        yield ExportSpec(
            label=next(names),
            kind=kind,
            path=str(file.path),
            signature=file.signature,
            input_names=file.input_names,
        )
    for made in settings.try_export:
        yield ExportSpec(label=next(names), kind=made)


def _check_installed(option: str, backend: str) -> None:
    if importlib.util.find_spec(backend) is None:
        raise UsageError(f"--{option} {backend}: it is not installed", fix=f"pip install {backend}")


def _check_lengths(settings: Settings, rows: RowSource | None) -> None:
    if settings.facts.lengths and rows is not None:
        # A preprocess function may make longer or shorter series of the rows.
        steps = None if settings.preprocess else count_time_steps(rows, settings.facts.time_axis)
        open_lengths(settings.facts.lengths, rows=rows.length, steps=steps)


def check_additional_rows(rows: RowSource | None, additional: Mapping[str, RowSource]) -> None:
    """Check that additional rows fit the data.

    Args:
        rows: the data, None if rows are to be generated.
        additional: some of "reference", "served" and "expected".

    Raises:
        DataError: different columns, or a different number of rows.
    """
    if "reference" in additional:
        _check_columns(rows, additional["reference"])
    if "served" in additional and rows is not None:
        expected = "the rows that serving fed to the model, one for each row of the data"
        _check_length("--served", rows, additional["served"], expected)
    if "expected" in additional and rows is not None:
        expected = "recorded outputs of the model, one for each row of the data"
        _check_length("--expected", rows, additional["expected"], expected)


def _check_length(option: str, rows: RowSource, additional: RowSource, expected: str) -> None:
    if additional.length != rows.length:
        what = f"{clean(additional.path)} ({option}) has {format_count(additional.length, 'row')}, "
        raise DataError(f"{what}{clean(rows.path)} (--data) has {rows.length:,}", expected=expected)


def _check_columns(rows: RowSource | None, reference: RowSource) -> None:
    if rows is None or not rows.columns or not reference.columns:
        return
    if sorted(rows.columns) == sorted(reference.columns):
        return
    first = next((name for name in reference.columns if name not in rows.columns), reference.columns[0])
    what = f"{clean(reference.path)} (--reference) and {clean(rows.path)} (--data) have different columns"
    raise DataError(f"{what}; first difference: '{clean(first)}'", expected="the same columns, in any order")


@contextmanager
def naming_scaler_version(scaler: ScalerFile | None) -> Iterator[None]:
    """Name both versions of scikit-learn as the cause if the scaler fails and they differ."""
    try:
        yield
    except RefusedError as refusal:
        saved, running = scaler.sklearn_version if scaler else None, installed_version("scikit-learn")
        if refusal.cause != "scaler-unusable" or not has_other_minor_version(saved, running):
            raise
        what = refusal.what.splitlines()[0]
        raise RefusedError(
            f"{what}; scikit-learn {saved} saved it, {running} runs",
            expected=refusal.expected,
            fix=f"pip install scikit-learn=={saved}, or fit and save the scaler again with {running}",
            cause="scaler-version",
        ) from refusal
