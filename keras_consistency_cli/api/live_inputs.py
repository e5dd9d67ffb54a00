"""The inputs of a check in this process: objects and paths, in the form of opened files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.loading.model_file.archive import Archive, read_archive
from keras_consistency_cli.loading.model_file.layer_tree import read_inputs
from keras_consistency_cli.loading.model_file.user_functions import defined_functions
from keras_consistency_cli.loading.rows.datasets import MOST_ROWS, collect_rows
from keras_consistency_cli.loading.rows.reading import Reading
from keras_consistency_cli.loading.rows.source import RowSource, open_rows
from keras_consistency_cli.loading.scalers.scaler import ScalerFile, scan_scaler
from keras_consistency_cli.loading.subject_rows import LABELS, RAW
from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.pipeline.inputs import (
    Inputs,
    check_additional_rows,
    check_has_columns,
    check_texts_reach_model,
    open_exports,
)
from keras_consistency_cli.text import clean
from keras_consistency_cli.workers.load_request import reading

__all__ = ["LiveInputs", "open_inputs"]

_ROWS = {"data": "x", "reference": "reference", "served": "served", "expected": "expected"}
_NAMES = {**_ROWS, "model": "live model", "scaler": "scaler"}


@dataclass(frozen=True, kw_only=True)
class LiveInputs:
    """Live objects and paths, each by the name of its setting.

    `custom_objects` are the model's own classes by name, `code` the files that hold them.
    """

    objects: Mapping[str, Any]
    files: Mapping[str, str]
    custom_objects: Mapping[str, Any] = field(default_factory=dict)
    code: Sequence[str] = ()

    @classmethod
    def of(
        cls, subject: Mapping[str, Any], custom_objects: Mapping[str, Any] | Sequence[Any] | None
    ) -> LiveInputs:
        """Separate objects from paths."""
        files = {
            name: os.fspath(value) for name, value in subject.items() if isinstance(value, str | os.PathLike)
        }
        objects = {name: value for name, value in subject.items() if name not in files}
        if isinstance(custom_objects, Mapping):
            return cls(objects=objects, files=files, custom_objects=dict(custom_objects))
        return cls(objects=objects, files=files, code=[os.fspath(path) for path in custom_objects or ()])

    @property
    def model(self) -> Any:
        """The live model, None if it is in a file."""
        return self.objects.get("model")

    def to_settings(self) -> dict[str, Any]:
        """Return the settings for these inputs: paths of files, and names for live objects."""
        import keras

        function = self.objects.get("preprocess")
        names = {
            name: _NAMES.get(name) or str(getattr(function, "__name__", "preprocess"))
            for name in self.objects
        }
        return {
            **names,
            **self.files,
            "backend": keras.backend.backend(),
            "isolation": "off",
            "custom_objects": list(self.code),
        }


def open_inputs(live_inputs: LiveInputs, settings: Settings) -> Inputs:
    """Return live objects and files in the form of opened files."""
    archive = (
        _describe_archive(live_inputs.model)
        if live_inputs.model is not None
        else _read_archive(live_inputs, settings)
    )
    facts = _describe_model(live_inputs.model)
    inputs = facts.inputs if facts is not None else read_inputs(archive.config)
    given = reading(settings, inputs)
    sources = dict(_row_sources(live_inputs, settings, facts, given))
    rows = sources.get("data")
    check_additional_rows(rows, sources)
    check_has_columns(given, map(sources.get, RAW))
    check_texts_reach_model(settings, rows, inputs)
    scaler = _scaler_file(live_inputs, settings)
    exports = tuple(open_exports(settings))
    return Inputs(archive=archive, rows=rows, scaler=scaler, additional=sources, exports=exports)


def _describe_model(model: Any) -> Facts | None:
    from keras_consistency_cli.loading.model.facts import describe_model

    return None if model is None else describe_model(model)


def _row_sources(
    live_inputs: LiveInputs, settings: Settings, facts: Facts | None, given: Reading
) -> Iterator[tuple[str, RowSource]]:
    from keras_consistency_cli.loading.rows.in_memory import open_live_rows

    inputs = facts.inputs if facts is not None else ()
    names = [fact.name for fact in inputs]
    outputs = [fact.name for fact in facts.outputs] if facts is not None else []
    for name, what in _ROWS.items():
        if name in live_inputs.files:
            path: Path = getattr(settings, name)
            yield name, open_rows(path, what=LABELS[name], reading=given if name in RAW else None)
        elif name in live_inputs.objects:
            values = live_inputs.objects[name]
            if name == "expected":
                yield name, open_live_rows(values, what=what, inputs=outputs)
                continue
            collected = collect_rows(values, what=what, inputs=inputs, most=_most_rows(settings))
            texts = given.texts if name in RAW else "alone"
            rows = collected.values if collected else values
            source = open_live_rows(rows, what=what, inputs=names, texts=texts)
            yield name, replace(source, remarks=(collected.remark,)) if collected else source


def _most_rows(settings: Settings) -> int:
    """How many rows of a data set are taken, whose length may not be known."""
    return MOST_ROWS if settings.rows == "all" else settings.rows


def _read_archive(live_inputs: LiveInputs, settings: Settings) -> Archive:
    custom = bool(live_inputs.custom_objects or live_inputs.code)
    functions = defined_functions([Path(file) for file in live_inputs.code])
    return read_archive(
        settings.model,
        custom_objects=custom,
        functions={*functions, *live_inputs.custom_objects},
        allow_unsafe=settings.trust.code,
    )


def _describe_archive(model: Any) -> Archive:
    """Return what a file of the live model would contain, as far as it is used."""
    import keras

    return Archive(
        path="",
        sha256="",
        size=0,
        keras_version=keras.__version__,
        saved_on="",
        backend=keras.backend.backend(),
        config={},
        parameters=0,
        layers=0,
        classes=(),
        custom=(),
        unsafe=(),
        custom_compile=(),
        weights=(),
        members=(),
        nonfinite=_nonfinite_weights(model),
    )


def _nonfinite_weights(model: Any) -> tuple[str, ...]:
    import keras

    to_numpy: Callable[[Any], Any] = keras.ops.convert_to_numpy
    return tuple(
        clean(weight.path)
        for weight in model.weights
        if "float" in str(weight.dtype)
        and not np.isfinite(np.asarray(to_numpy(weight), dtype=np.float32)).all()
    )


def _scaler_file(live_inputs: LiveInputs, settings: Settings) -> ScalerFile | None:
    if settings.scaler is None:
        return None
    if "scaler" not in live_inputs.objects:
        return scan_scaler(settings.scaler, trust=settings.trust.scaler)
    import sklearn

    return ScalerFile(
        path="scaler",
        sha256="",
        kind="pickle",
        estimator=clean(type(live_inputs.objects["scaler"]).__name__),
        sklearn_version=sklearn.__version__,
        wants=(),
    )
