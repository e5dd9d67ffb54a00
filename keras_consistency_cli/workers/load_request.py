"""Load request: the message that makes a worker load the subject, as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any, TypedDict

from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.loading.exports.spec import ExportSpec
from keras_consistency_cli.loading.images import ImageForm
from keras_consistency_cli.loading.model_file.archive import Archive
from keras_consistency_cli.loading.model_file.layer_tree import TensorSummary, read_inputs
from keras_consistency_cli.loading.model_file.weights import group_names
from keras_consistency_cli.loading.rows.reading import Reading, parse_window
from keras_consistency_cli.loading.subject_spec import SubjectFiles
from keras_consistency_cli.loading.tables.columns import Texts
from keras_consistency_cli.measurement.facts import InputFact

__all__ = [
    "SAMPLE_ROWS",
    "LoadRequest",
    "build_load_request",
    "image_form",
    "reading",
    "subject_files",
    "with_images",
]

SAMPLE_ROWS = 256
"""Rows on which every route runs, and rows that are generated if the user gives none."""

_WHOLE = ("uint8", "int16", "uint16", "int32", "uint32", "int64")
"""The dtypes of integers that hold pixels."""
_FILES = ("data", "scaler", "reference", "served", "expected", "target_scaler")


class LoadRequest(TypedDict):
    """The fields of `SubjectFiles` and of `RunOptions`, by name, and the backends to compare."""

    files: dict[str, Any]
    options: dict[str, Any]
    backends: list[str]


def reading(settings: Settings, inputs: Sequence[InputFact | TensorSummary] = ()) -> Reading:
    """Return how the data and the reference rows are read.

    Args:
        settings: validated settings.
        inputs: the inputs of the model, if folders of images are among the rows.
    """
    images = image_form(inputs, settings.facts.value_range)
    window = parse_window(settings.window)
    scales = settings.scaler is not None or settings.preprocess is not None
    texts: Texts = "coded" if scales else "mixed"
    return Reading(columns=settings.columns, drop=settings.drop, window=window, images=images, texts=texts)


def image_form(
    inputs: Sequence[InputFact | TensorSummary], value_range: tuple[float, float] | None = None
) -> ImageForm | None:
    """Return how the only input takes images, None if it does not take images of a fixed size."""
    if len(inputs) != 1 or inputs[0].shape is None or len(inputs[0].shape) != 4:
        return None
    height, width, channels = inputs[0].shape[1:]
    if height is None or width is None or channels not in (1, 3, 4):
        return None
    dtype = inputs[0].dtype if inputs[0].dtype in _WHOLE else "float32"
    return ImageForm(shape=(height, width, channels), value_range=value_range, dtype=dtype)


def with_images(files: SubjectFiles, inputs: Sequence[InputFact | TensorSummary]) -> SubjectFiles:
    """Return the files of a subject with the form in which its model takes images."""
    form = image_form(inputs)
    return files if form is None else replace(files, image_shape=list(form.shape), image_dtype=form.dtype)


def subject_files(
    settings: Settings,
    *,
    saved_with: str = "",
    compiled: bool = True,
    model_sha256: str = "",
    packages: Sequence[str] = (),
    stored: Sequence[str] | None = None,
) -> SubjectFiles:
    """Return the files of the subject and how to read them.

    Args:
        settings: validated settings.
        saved_with: the Keras version that saved the model.
        compiled: whether to restore the compile settings.
        model_sha256: hash of the model file as it was read here; a worker loads no other.
        packages: known packages that hold classes of the model.
        stored: the groups of the weights file that contain weights.
    """
    paths = {name: getattr(settings, name) for name in _FILES}
    given: dict[str, Any] = {name: str(path) for name, path in paths.items() if path is not None}
    stated, window = _stated_padding(settings), parse_window(settings.window)
    return SubjectFiles(
        model=str(settings.model),
        model_sha256=model_sha256,
        saved_with=saved_with,
        custom_objects=[str(path) for path in settings.custom_objects],
        packages=list(packages),
        stored=None if stored is None else list(stored),
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
        padding_value=stated.get("padding_value"),
        padding_side=stated.get("padding_side"),
        time_stated=settings.facts.states_time,
        columns=list(settings.columns),
        drop=list(settings.drop),
        window=None if window is None else list(window),
        **given,
    )


def _stated_padding(settings: Settings) -> dict[str, Any]:
    """What the user stated of the padding.

    Defaults are not sent: a side without a value leaves the value to be detected, and the reverse.
    """
    padding = settings.facts.padding
    if padding is None:
        return {}
    return {f"padding_{name}": getattr(padding, name) for name in sorted(padding.model_fields_set)}


def build_load_request(
    settings: Settings, archive: Archive, *, sizes: Sequence[int], exports: Sequence[ExportSpec] = ()
) -> LoadRequest:
    """Return the load request for a worker.

    Args:
        settings: validated settings.
        archive: the model file as it was read here.
        sizes: the batch sizes that routes use.
        exports: the exports to compare with the model.
    """
    files = subject_files(
        settings,
        saved_with=archive.keras_version,
        compiled=not archive.custom_compile,
        model_sha256=archive.sha256,
        packages=archive.packages,
        stored=group_names(archive.weights) if archive.path else None,
    )
    options = {
        "batch_size": settings.batch_size,
        "seed": settings.seed,
        **_stated_padding(settings),
        "sizes": list(sizes),
    }
    files = with_images(files, read_inputs(archive.config))
    described = {**asdict(files), "exports": [asdict(export) for export in exports]}
    return {"files": described, "options": options, "backends": list(settings.other_backends())}
