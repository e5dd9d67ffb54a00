"""What a reader wants to know of a saved model before anything of it is run: `kcheck inspect`."""

from __future__ import annotations

import math
import pathlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from keras_consistency_cli.loading.model_file.advisories import version_warning
from keras_consistency_cli.loading.model_file.archive import Archive, read_archive
from keras_consistency_cli.loading.model_file.classes import installed_keras_version
from keras_consistency_cli.loading.model_file.layer_tree import (
    LayerSummary,
    TensorSummary,
    input_rows,
    layer_rows,
    output_rows,
    weightless,
)
from keras_consistency_cli.loading.model_file.zip_members import CONFIG, METADATA, WEIGHTS
from keras_consistency_cli.text import clean

__all__ = ["Hazard", "ModelSummary", "summarise"]

_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Hazard:
    """Something to know before the model is loaded: what it is, in words, and what to do about it ("" where nothing is to be done).

    `refused` says that `kcheck run`, called with the same flags, ends with exit code 1 because of it.
    """

    kind: Literal["code", "custom", "weights", "version", "assets", "training"]
    words: str
    fix: str = ""
    refused: bool = False


@dataclass(frozen=True, kw_only=True)
class ModelSummary:
    """A saved model as its file describes it; nothing of it has been run.

    `backend` is "" where the file does not name one, as ordinary files do not. `parameters` count what Keras counts; `bytes_of_weights` are those
    of the numbers as they are stored. `policies` are the dtype policies of the layers with how many layers have each.
    """

    path: str
    sha256: str
    size: int
    keras_version: str
    backend: str
    saved_on: str
    kind: str
    name: str
    parameters: int
    layer_count: int
    inputs: tuple[TensorSummary, ...]
    outputs: tuple[TensorSummary, ...]
    layers: tuple[LayerSummary, ...]
    weight_dtypes: Mapping[str, int]
    policies: Mapping[str, int]
    custom: tuple[str, ...]
    members: tuple[tuple[str, int], ...]
    hazards: tuple[Hazard, ...]

    @property
    def exit_code(self) -> int:
        """1 where `kcheck run` would refuse the model or fail it for what is told here, 0 otherwise."""
        return int(any(hazard.refused for hazard in self.hazards))


def summarise(
    path: pathlib.Path, *, custom_objects: bool = False, allow_unsafe: bool = False
) -> ModelSummary:
    """Read a saved model without running anything of it.

    Args:
        path: the .keras file.
        custom_objects: whether the user names files that define custom classes.
        allow_unsafe: whether the user trusts layers that carry code.

    Raises:
        UsageError: missing, a directory, or not readable.
        RefusedError: damaged, or built to do harm to whoever reads it; a model that merely needs a flag is described, with a hazard.
    """
    archive = read_archive(path, custom_objects=True, allow_unsafe=True)
    rows = layer_rows(archive.config, archive.weights)
    settings = archive.config["config"] if isinstance(archive.config.get("config"), dict) else {}
    return ModelSummary(
        path=str(path),
        sha256=archive.sha256,
        size=archive.size,
        keras_version=archive.keras_version,
        backend=archive.backend,
        saved_on=archive.saved_on,
        kind=clean(archive.config["class_name"], 80),
        name=clean(settings.get("name") or "", 80),
        parameters=sum(math.prod(weight.shape) for weight in archive.weights if not weightless(weight.path)),
        layer_count=archive.layers,
        inputs=input_rows(archive.config),
        outputs=output_rows(archive.config, rows),
        layers=rows,
        weight_dtypes=_counted(weight.dtype for weight in archive.weights),
        policies=_counted(row.policy for row in rows if row.policy),
        custom=archive.custom,
        members=tuple((clean(name), size) for name, size in archive.members),
        hazards=tuple(_hazards(archive, custom_objects=custom_objects, allow_unsafe=allow_unsafe)),
    )


def _counted(names: Iterator[str]) -> dict[str, int]:
    return dict(Counter(names).most_common())


def _hazards(archive: Archive, *, custom_objects: bool, allow_unsafe: bool) -> Iterator[Hazard]:
    for words in archive.unsafe:
        yield Hazard(
            kind="code",
            words=words,
            fix="if you trust who made the file: --allow-unsafe",
            refused=not allow_unsafe,
        )
    if archive.custom:
        words = f"needs code that Keras does not have: {', '.join(archive.custom)}"
        yield Hazard(
            kind="custom",
            words=words,
            fix="name the Python file that defines it: --custom-objects layers.py",
            refused=not custom_objects,
        )
    if archive.nonfinite:
        yield Hazard(
            kind="weights",
            words=f"weights with NaN or infinity: {_some(archive.nonfinite)}",
            fix="train it again",
            refused=True,
        )
    yield from _version_hazards(archive.keras_version)
    assets = [name for name, _ in archive.members if name not in (CONFIG, METADATA, WEIGHTS)]
    if assets:
        yield Hazard(
            kind="assets",
            words=f"{len(assets)} further files in the archive, which Keras unpacks to load it: {_some(assets)}",
        )
    if archive.custom_compile:
        yield Hazard(
            kind="training",
            words=f"training settings name code that is not Keras's, left out: {', '.join(archive.custom_compile)}",
        )


def _version_hazards(saved_with: str) -> Iterator[Hazard]:
    here = installed_keras_version()
    told = (
        {saved_with: "the model was saved with", here: "this environment has"}
        if saved_with != here
        else {here: "the model was saved with"}
    )
    for version, whose in told.items():
        warning = version_warning(version, whose)
        if warning:
            what, _, fix = warning.partition(": update")
            yield Hazard(kind="version", words=what, fix=f"update{fix}")


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(clean(name, 80) for name in names[:_SHOWN]) + more
