"""The content of a .keras file, or of a folder with the same members, read without running it.

Neither Keras nor TensorFlow is imported and nothing is extracted. A model that asks for more than kcheck may
run is refused here, before a worker loads it.
"""

from __future__ import annotations

import pathlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from keras_consistency_cli.errors import RefusedError, UsageError
from keras_consistency_cli.loading.model_file.classes import Inspection, inspect_config
from keras_consistency_cli.loading.model_file.file_type import (
    check_file_ending,
    check_file_type,
    open_model_file,
)
from keras_consistency_cli.loading.model_file.known_classes import read_known_names
from keras_consistency_cli.loading.model_file.known_packages import DISTRIBUTIONS, missing_packages
from keras_consistency_cli.loading.model_file.stored.folder_members import is_model_folder, open_folder
from keras_consistency_cli.loading.model_file.stored.lost_vocabulary import find_lost_vocabularies
from keras_consistency_cli.loading.model_file.stored.members import Members, ZipMembers
from keras_consistency_cli.loading.model_file.stored.old_keras import (
    OLD_KERAS,
    find_old_parts,
    keras_2_fix,
    keras_2_words,
)
from keras_consistency_cli.loading.model_file.strict_json import parse_object
from keras_consistency_cli.loading.model_file.weights import WeightFact, Weights, read_weights
from keras_consistency_cli.loading.model_file.zip_members import (
    CONFIG,
    METADATA,
    WEIGHTS,
    open_archive,
)
from keras_consistency_cli.text import clean

__all__ = [
    "DEFINE",
    "NEEDS_PACKAGE",
    "Archive",
    "find_undefined",
    "install_command",
    "list_first",
    "read_archive",
]

_MAX_UNPROVEN_SIZE = 10_000_000
"""Sizes up to here are accepted without stored weights: a layer of that width still loads."""
_PACKING = 4
"""A setting may exceed the count of stored numbers by this factor: int4 packs two weights into one."""
_SHOWN = 5

NEEDS_PACKAGE = "has classes of a package that is not installed:"
DEFINE = "name the Python file that defines it: --custom-objects layers.py"
"""The fix for a function or class that no file of the user defines."""


@dataclass(frozen=True, kw_only=True)
class Archive:
    """A saved model as read without running it.

    `keras_version`, `saved_on` and `backend` are taken from the file, "" if it does not say. `custom` are
    classes and functions that are not Keras's own; `unsafe` are those that carry code, each with its place in
    the config; `custom_compile` are needed for training only, so not if the model is loaded with
    compile=False. `weights`, `nonfinite` (paths of weights with NaN or infinity) and `parameters` exclude the
    optimizer. `layers` counts nested layers too, but not inputs. `members` are the files in the archive with
    their size in bytes. Of a folder, `size` is the sum of its members, and `sha256` that of their
    `sha256sum` lines. `packages` are the known packages besides Keras that hold classes of the model, and
    `lambda_functions` the functions of the user that its Lambda layers call. `weight_bytes` and
    `optimizer_bytes` are the sizes of the weights and of the variables of the optimizer.
    """

    path: str
    sha256: str
    size: int
    keras_version: str
    saved_on: str
    backend: str
    config: Mapping[str, Any]
    classes: tuple[str, ...]
    custom: tuple[str, ...]
    unsafe: tuple[str, ...]
    custom_compile: tuple[str, ...]
    weights: tuple[WeightFact, ...]
    nonfinite: tuple[str, ...]
    parameters: int
    layers: int
    members: tuple[tuple[str, int], ...]
    packages: tuple[str, ...] = ()
    lambda_functions: tuple[str, ...] = ()
    weight_bytes: int = 0
    optimizer_bytes: int = 0
    old_parts: tuple[str, ...] = ()
    """What Keras 3 does not load in a file of Keras 2."""


@dataclass(frozen=True, kw_only=True)
class _Options:
    """The options of `read_archive`."""

    custom_objects: bool
    functions: Collection[str]
    allow_unsafe: bool
    loads: bool


def read_archive(
    path: pathlib.Path,
    *,
    custom_objects: bool = False,
    functions: Collection[str] = (),
    allow_unsafe: bool = False,
    loads: bool = True,
) -> Archive:
    """Inspect a saved model.

    Args:
        path: the .keras file or the model folder.
        custom_objects: whether the user names files that define custom classes, which are refused without
            them.
        functions: the functions that these files define; a Lambda layer may call them.
        allow_unsafe: whether the user trusts layers that carry code, which are refused without it.
        loads: whether the model will be loaded; it is then refused if a package that it needs is missing.

    Raises:
        UsageError: missing, a directory without a model, or not readable.
        RefusedError: damaged, hostile, or in need of an option that is not set or of a missing package.
    """
    options = _Options(
        custom_objects=custom_objects, functions=functions, allow_unsafe=allow_unsafe, loads=loads
    )
    try:
        if is_model_folder(path):
            return _read_folder(path, options)
        with open_model_file(path) as stream:
            check_file_type(stream, path)
            with open_archive(stream) as archive:
                found = _read(path, ZipMembers(archive=archive, stream=stream), options)
        if loads:
            check_file_ending(path)
        return found
    except RefusedError as error:
        raise RefusedError(
            f"{clean(path)}: {error.what}",
            expected=error.expected,
            fix=error.fix,
            cause=error.cause or "file-damaged",
        ) from error
    except OSError as error:
        raise UsageError(
            f"{clean(path)}: cannot be read ({clean(error.strerror or error)})",
            expected="a .keras file with read permission",
        ) from error


def _read_folder(path: pathlib.Path, options: _Options) -> Archive:
    archive = _read(path, open_folder(path), options)
    lost = find_lost_vocabularies(archive.config, [name for name, _ in archive.members])
    if lost:
        raise RefusedError(
            f"the folder has no vocabulary for {list_first(lost)}: model.save(folder, zipped=False) with a "
            "relative path does not write what adapt() has learnt",
            fix="save the model that was adapted as one file: model.save('model.keras')",
            cause="vocabulary-not-saved",
        )
    return archive


def _read(path: pathlib.Path, members: Members, options: _Options) -> Archive:
    metadata = parse_object(members.read(METADATA), METADATA)
    config = parse_object(members.read(CONFIG), CONFIG)
    version = clean(metadata.get("keras_version") or "", 40)
    inspection = _inspect(config, version)
    old = find_old_parts(version, inspection.classes, config)
    if old and options.loads:
        raise RefusedError(
            keras_2_words(version, old), fix=keras_2_fix(path, inspection.classes), cause=OLD_KERAS
        )
    _check_options(inspection, version, options)
    members.check_content()
    with members.open(WEIGHTS) as member:
        weights = read_weights(member)
    _check_size(inspection, weights)
    sha256, size = members.digest()
    return Archive(
        path=str(path),
        sha256=sha256,
        size=size,
        keras_version=version,
        saved_on=clean(metadata.get("date_saved") or "", 40),
        backend=clean(metadata.get("backend") or "", 40),
        config=config,
        classes=inspection.classes,
        custom=inspection.custom,
        unsafe=inspection.unsafe,
        custom_compile=inspection.custom_compile,
        weights=weights.facts,
        nonfinite=weights.nonfinite,
        parameters=weights.parameters,
        layers=inspection.layers,
        members=members.listing,
        packages=inspection.packages,
        lambda_functions=inspection.lambda_functions,
        weight_bytes=weights.bytes,
        optimizer_bytes=weights.optimizer_bytes,
        old_parts=old,
    )


def _inspect(config: dict[str, Any], version: str) -> Inspection:
    if not isinstance(config.get("class_name"), str) or "config" not in config:
        raise RefusedError(
            "config.json does not describe a model", expected="class_name and config, as Keras writes them"
        )
    return inspect_config(config, read_known_names(version))


def _check_options(inspection: Inspection, version: str, options: _Options) -> None:
    """Refuse a model that needs an option that is not set, or a package that is not installed."""
    model = f"the model (saved with Keras {version})" if version else "the model"
    if inspection.unsafe and not options.allow_unsafe:
        raise RefusedError(
            f"{model} has {list_first(inspection.unsafe, '; ')}",
            fix="replace it with a layer of Keras, or add --allow-unsafe if you trust the source of the file",
            cause="code-in-file",
        )
    if inspection.custom and not options.custom_objects:
        count = len(inspection.custom)
        code, those = ("code", "it") if count == 1 else (f"{count} classes or functions", "them")
        raise RefusedError(
            f"{model} needs {code} that Keras does not have: {list_first(inspection.custom)}",
            fix=f"name the Python file that defines {those}: --custom-objects layers.py",
            cause="custom-code-missing",
        )
    undefined = find_undefined(inspection.lambda_functions, options.functions)
    if undefined and not options.allow_unsafe:
        what = f"{model} has a Lambda layer that calls {undefined}"
        raise RefusedError(what, fix=DEFINE, cause="custom-code-missing")
    missing = missing_packages(inspection.packages) if options.loads else ()
    if missing:
        what = f"{model} {NEEDS_PACKAGE} {', '.join(missing)}"
        raise RefusedError(what, fix=install_command(missing), cause="package-missing")


def install_command(packages: Sequence[str]) -> str:
    """Return the command that installs known packages."""
    return f"pip install {' '.join(DISTRIBUTIONS[name] for name in packages)}"


def find_undefined(called: Sequence[str], defined: Collection[str]) -> str:
    """Return which functions no file of the user defines, as the end of a sentence; "" if there are none."""
    missing = [clean(name, 80) for name in called if name not in defined]
    return f"{list_first(missing)}, which no file given with --custom-objects defines" if missing else ""


def list_first(names: Sequence[str], separator: str = ", ") -> str:
    """Return the first names in one text, with the number of those left out."""
    rest = [f"and {len(names) - _SHOWN} more"] if len(names) > _SHOWN else []
    return separator.join([*names[:_SHOWN], *rest])


def _check_size(inspection: Inspection, weights: Weights) -> None:
    """Refuse a layer whose size does not match the stored weights.

    Building it would exhaust memory.
    """
    largest = inspection.largest
    if largest.value > max(_MAX_UNPROVEN_SIZE, _PACKING * weights.stored):
        raise RefusedError(
            f"{largest.where}, but the archive stores only {weights.stored:,} numbers",
            expected="sizes that match the stored weights",
        )
