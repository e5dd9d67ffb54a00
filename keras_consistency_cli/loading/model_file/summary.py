"""The description of a saved model before anything in it is run: `kcheck inspect`."""

from __future__ import annotations

import math
import pathlib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from keras_consistency_cli.loading.model_file.advisories import version_warning
from keras_consistency_cli.loading.model_file.archive import (
    DEFINE,
    NEEDS_PACKAGE,
    Archive,
    find_undefined,
    install_command,
    list_first,
    read_archive,
)
from keras_consistency_cli.loading.model_file.known_classes import installed_keras_version
from keras_consistency_cli.loading.model_file.known_packages import missing_packages
from keras_consistency_cli.loading.model_file.layer_tree import (
    LayerSummary,
    TensorSummary,
    is_parameter,
    read_inputs,
    read_layers,
    read_outputs,
)
from keras_consistency_cli.loading.model_file.stored.old_keras import is_keras_2, keras_2_fix, keras_2_words
from keras_consistency_cli.loading.model_file.zip_members import CONFIG, METADATA, WEIGHTS
from keras_consistency_cli.text import clean, format_bytes

__all__ = ["Hazard", "ModelSummary", "summarise"]

_MIN_OPTIMIZER_SIZE = 1_000_000
"""The state of an optimizer below this size is not worth a note."""
_WITHOUT_OPTIMIZER = (
    "load and save it without the training settings: keras.models.load_model('model.keras', "
    "compile=False).save('small.keras'); include_optimizer=False has no effect on .keras files"
)


@dataclass(frozen=True, kw_only=True)
class Hazard:
    """Something to know before the model is loaded, and what to do about it ("" if nothing).

    `refused` says that `kcheck run` with the same options ends with exit code 1 because of it.
    """

    kind: Literal["code", "custom", "weights", "version", "assets", "training"]
    words: str
    fix: str = ""
    refused: bool = False


@dataclass(frozen=True, kw_only=True)
class ModelSummary:
    """A saved model as its file describes it; nothing in it has been run.

    `backend` is "" if the file does not name one, which is usual. `parameters` are counted as Keras counts
    them. `weight_dtypes` and `policies` are the dtypes of the weights and the dtype policies of the layers,
    with their counts.
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
        """1 if `kcheck run` would refuse the model or fail it because of a hazard, 0 otherwise."""
        return int(any(hazard.refused for hazard in self.hazards))


def summarise(
    path: pathlib.Path,
    *,
    custom_objects: bool = False,
    functions: Collection[str] = (),
    allow_unsafe: bool = False,
) -> ModelSummary:
    """Read a saved model without running anything in it.

    Args:
        path: the .keras file.
        custom_objects: whether the user names files that define custom classes.
        functions: the functions that these files define.
        allow_unsafe: whether the user trusts layers that carry code.

    Raises:
        UsageError: missing, a directory, or not readable.
        RefusedError: damaged, or built to harm whoever reads it. A model that only needs an option is
            described, with a hazard.
    """
    archive = read_archive(path, custom_objects=True, allow_unsafe=True, loads=False)
    layers = read_layers(archive.config, archive.weights)
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
        parameters=sum(math.prod(weight.shape) for weight in archive.weights if is_parameter(weight.path)),
        layer_count=archive.layers,
        inputs=read_inputs(archive.config),
        outputs=read_outputs(archive.config, layers),
        layers=layers,
        weight_dtypes=_count(weight.dtype for weight in archive.weights),
        policies=_count(layer.policy for layer in layers if layer.policy),
        custom=archive.custom,
        members=tuple((clean(name), size) for name, size in archive.members),
        hazards=(
            *_code_hazards(archive, custom_objects=custom_objects, allow_unsafe=allow_unsafe),
            *_lambda_hazards(archive, functions, is_refused=custom_objects and not allow_unsafe),
            *_package_hazards(archive),
            *_weight_hazards(archive),
            *_version_hazards(),
            *_old_keras_hazards(path, archive),
            *_minor_hazards(archive),
        ),
    )


def _count(names: Iterator[str]) -> dict[str, int]:
    return dict(Counter(names).most_common())


def _code_hazards(archive: Archive, *, custom_objects: bool, allow_unsafe: bool) -> Iterator[Hazard]:
    old = archive.old_parts  # classes of Keras 2 are no code of somebody else
    for words in (each for each in archive.unsafe if not each.startswith(old)):
        yield Hazard(
            kind="code",
            words=words,
            fix="add --allow-unsafe if you trust the source of the file",
            refused=not allow_unsafe,
        )
    custom = [name for name in archive.custom if name not in old]
    if custom:
        yield Hazard(
            kind="custom",
            words=f"needs code that Keras does not have: {', '.join(custom)}",
            fix="name the Python file that defines it: --custom-objects layers.py",
            refused=not custom_objects,
        )


def _lambda_hazards(archive: Archive, functions: Collection[str], *, is_refused: bool) -> Iterator[Hazard]:
    """Without a file of the user, the functions are among the code that Keras does not have."""
    undefined = find_undefined(archive.lambda_functions, functions)
    if undefined and is_refused:
        yield Hazard(kind="custom", words=f"a Lambda layer calls {undefined}", fix=DEFINE, refused=True)


def _package_hazards(archive: Archive) -> Iterator[Hazard]:
    missing = missing_packages(archive.packages)
    if missing:
        words = f"{NEEDS_PACKAGE} {', '.join(missing)}"
        yield Hazard(kind="custom", words=words, fix=install_command(missing), refused=True)


def _weight_hazards(archive: Archive) -> Iterator[Hazard]:
    if archive.nonfinite:
        paths = list_first([clean(path, 80) for path in archive.nonfinite])
        yield Hazard(
            kind="weights",
            words=f"weights with NaN or infinity: {paths}",
            fix="train the model again",
            refused=True,
        )


def _version_hazards() -> Iterator[Hazard]:
    """Yield the known faults of the Keras that loads the file; the version that saved it does not matter."""
    warning = version_warning(installed_keras_version(), "this environment has")
    if warning:
        words, _, fix = warning.partition(": update")
        yield Hazard(kind="version", words=words, fix=f"update{fix}")


def _old_keras_hazards(path: pathlib.Path, archive: Archive) -> Iterator[Hazard]:
    """Yield how to get a file of Keras 3, for one of Keras 2."""
    version, old = archive.keras_version, archive.old_parts
    if is_keras_2(version):
        words = keras_2_words(version, old)
        yield Hazard(kind="version", words=words, fix=keras_2_fix(path, archive.classes), refused=bool(old))


def _minor_hazards(archive: Archive) -> Iterator[Hazard]:
    """Yield the notes on files and code that the model may be loaded with."""
    assets = [clean(name, 80) for name, _ in archive.members if name not in (CONFIG, METADATA, WEIGHTS)]
    if assets:
        files = "1 more file" if len(assets) == 1 else f"{len(assets)} more files"
        yield Hazard(
            kind="assets",
            words=f"{files} in the archive, unpacked by Keras when it loads the model: {list_first(assets)}",
        )
    if archive.custom_compile:
        names = ", ".join(archive.custom_compile)
        yield Hazard(
            kind="training",
            words=f"the training settings name code that Keras does not have, which is not loaded: {names}",
        )
    if archive.optimizer_bytes >= max(archive.weight_bytes / 2, _MIN_OPTIMIZER_SIZE):
        yield Hazard(
            kind="training",
            words=f"the file is {format_bytes(archive.size)}, of which the weights are "
            f"{format_bytes(archive.weight_bytes)} and the state of the optimizer "
            f"{format_bytes(archive.optimizer_bytes)}, which prediction does not need",
            fix=_WITHOUT_OPTIMIZER,
        )
