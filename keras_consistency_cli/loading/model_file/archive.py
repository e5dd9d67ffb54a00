"""What can be read from a .keras file without running anything in it: neither Keras nor TensorFlow is imported, nothing is extracted.

Whatever asks for more than kcheck may run is refused here, before a worker loads the model.
"""

from __future__ import annotations

import hashlib
import io
import pathlib
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from keras_consistency_cli.errors import KcheckError, RefusedError, UsageError
from keras_consistency_cli.loading.model_file.classes import Inspection, inspect_config, known_classes
from keras_consistency_cli.loading.model_file.strict_json import parse_object
from keras_consistency_cli.loading.model_file.weights import WeightFact, Weights, read_weights
from keras_consistency_cli.loading.model_file.zip_members import (
    CONFIG,
    METADATA,
    WEIGHTS,
    check_content,
    open_archive,
    open_member,
    read_member,
)
from keras_consistency_cli.text import clean, did_you_mean

__all__ = ["Archive", "WeightFact", "read_archive"]

_SAVE_AGAIN = "load it where it was made and save it again with model.save('model.keras')"
_JUSTIFIED = 10_000_000
"""Sizes up to here need no proof: a layer of that width still loads."""
_PACKING = 4
"""A setting may exceed the count of stored numbers by this much: int4 packs two weights into one."""
_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Archive:
    """A saved model as read without running it.

    `keras_version`, `saved_on` and `backend` are what the file says ("" where it says nothing). `custom` are classes and functions that are not
    Keras's own, `unsafe` those that carry code, each with its place in the config, `custom_compile` those named for training alone: load with
    compile=False and they are not needed. `weights`, `nonfinite` (paths of weights with NaN or infinity) and `parameters` leave the optimizer out;
    `layers` counts nested layers too, inputs not. `members` are the files in the archive with their size in bytes.
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


def read_archive(path: pathlib.Path, *, custom_objects: bool = False, allow_unsafe: bool = False) -> Archive:
    """Inspect a saved model.

    Args:
        path: the .keras file.
        custom_objects: whether the user names files that define custom classes; without them such classes are refused.
        allow_unsafe: whether the user trusts layers that carry code; without it they are refused.

    Raises:
        UsageError: missing, a directory, or not readable.
        RefusedError: damaged, hostile, or in need of a flag that was not given.
    """
    try:
        with _opened(path) as stream:
            return _read(path, stream, custom_objects=custom_objects, allow_unsafe=allow_unsafe)
    except RefusedError as error:
        raise RefusedError(f"{clean(path)}: {error.what}", expected=error.expected, fix=error.fix) from error
    except OSError as error:
        raise UsageError(
            f"{clean(path)}: cannot be read ({clean(error.strerror or error)})",
            expected="a .keras file that you may read",
        ) from error


def _read(
    path: pathlib.Path, stream: io.BufferedReader, *, custom_objects: bool, allow_unsafe: bool
) -> Archive:
    _check_signature(stream, path)
    with open_archive(stream) as archive:
        metadata = parse_object(read_member(archive, METADATA), METADATA)
        config = parse_object(read_member(archive, CONFIG), CONFIG)
        version = clean(metadata.get("keras_version") or "", 40)
        named = _inspected(config, version)
        _check_flags(named, version, custom_objects=custom_objects, allow_unsafe=allow_unsafe)
        check_content(archive)
        with open_member(archive, stream, WEIGHTS) as member:
            weights = read_weights(member)
        members = tuple((info.filename, info.file_size) for info in archive.infolist())
    _check_size(named, weights)
    stream.seek(0)
    return Archive(
        path=str(path),
        sha256=hashlib.file_digest(stream, "sha256").hexdigest(),
        size=stream.tell(),
        keras_version=version,
        saved_on=clean(metadata.get("date_saved") or "", 40),
        backend=clean(metadata.get("backend") or "", 40),
        config=config,
        classes=named.classes,
        custom=named.custom,
        unsafe=named.unsafe,
        custom_compile=named.custom_compile,
        weights=weights.facts,
        nonfinite=weights.nonfinite,
        parameters=weights.parameters,
        layers=named.layers,
        members=members,
    )


def _opened(path: pathlib.Path) -> io.BufferedReader:
    try:
        mode = path.stat().st_mode
    except (
        FileNotFoundError,
        NotADirectoryError,
        ValueError,
    ) as error:  # ValueError: a zero byte in the path
        raise _missing(path) from error
    if stat.S_ISDIR(mode):
        raise _directory(path)
    if not stat.S_ISREG(mode):
        raise UsageError(f"{clean(path)}: is not a regular file", expected="a .keras file")
    return path.open("rb")


def _missing(path: pathlib.Path) -> UsageError:
    siblings = [sibling.name for sibling in path.parent.glob("*.keras")] if path.parent.is_dir() else []
    guess = clean(did_you_mean(path.name, siblings))
    held = (
        f"there are {', '.join(clean(name, 60) for name in sorted(siblings)[:_SHOWN])}"
        if siblings and not guess
        else None
    )
    return UsageError(
        f"{clean(path)}: there is no such file{guess}", expected="the path of a .keras file", fix=held
    )


def _directory(path: pathlib.Path) -> KcheckError:
    if (path / "saved_model.pb").exists():
        return UsageError(
            f"{clean(path)}: is a directory with a TensorFlow SavedModel",
            expected="a .keras file",
            fix=_SAVE_AGAIN,
        )
    inside = sorted(clean(found.name, 60) for found in path.glob("*.keras"))[:_SHOWN]
    return UsageError(
        f"{clean(path)}: is a directory",
        expected="a .keras file",
        fix=f"name one of {', '.join(inside)}" if inside else None,
    )


_SIGNATURES: tuple[tuple[Callable[[bytes], bool], str, str], ...] = (
    (lambda head: not head, "the file is empty (0 bytes)", "copy or download it again"),
    (
        lambda head: head.startswith(b"version https://git-lfs"),
        "a git-lfs pointer, not the model itself",
        "fetch the file with: git lfs pull",
    ),
    (
        lambda head: head.startswith(b"\x89HDF\r\n\x1a\n"),
        "an HDF5 file (the old .h5 format)",
        f"save it again as .keras: {_SAVE_AGAIN}",
    ),
    (lambda head: head.startswith(b"PK\x05\x06"), "an empty zip archive", "copy or download it again"),
    (
        lambda head: head[4:8] == b"TFL3",
        "a TensorFlow Lite model",
        "give the Keras model that it was converted from",
    ),
    (lambda head: head.startswith(b"\x1f\x8b"), "a gzip file", "unpack it first"),
    (
        lambda head: head.startswith(b"\x80") and head[1:2] <= b"\x05",
        "a Python pickle, which is never opened",
        _SAVE_AGAIN,
    ),
    (lambda head: _is_text(head), "a text file", "give the .keras file that model.save() wrote"),
    (
        lambda head: not head.startswith(b"PK\x03\x04"),
        "not a .keras file: it does not begin as a zip archive",
        _SAVE_AGAIN,
    ),
)


def _check_signature(stream: io.BufferedReader, path: pathlib.Path) -> None:
    head = stream.read(512)
    for fits, words, fix in _SIGNATURES:
        if not fits(head):
            continue
        if path.name.endswith(".weights.h5"):
            raise RefusedError(
                "holds weights only, without the model",
                fix="save the whole model with model.save('model.keras')",
            )
        raise RefusedError(words, expected="a .keras file", fix=fix)


def _is_text(head: bytes) -> bool:
    return (
        not head.startswith(b"PK\x03\x04")
        and all(byte >= 32 or byte in b"\t\n\r\f" for byte in head)
        and b"\x7f" not in head
    )


def _inspected(config: dict[str, Any], version: str) -> Inspection:
    if not isinstance(config.get("class_name"), str) or "config" not in config:
        raise RefusedError(
            "config.json does not describe a model", expected="class_name and config, as Keras writes them"
        )
    return inspect_config(config, known_classes(version))


def _check_flags(named: Inspection, version: str, *, custom_objects: bool, allow_unsafe: bool) -> None:
    saved = f" (saved with Keras {version})" if version else ""
    if named.unsafe and not allow_unsafe:
        what = f"the model{saved} has {_listed(named.unsafe, '; ')}"
        raise RefusedError(
            what,
            fix="replace it by a layer of Keras, or, if you trust who made the file, add --allow-unsafe",
        )
    if named.custom and not custom_objects:
        what = f"the model{saved} needs {'code' if len(named.custom) == 1 else f'{len(named.custom)} pieces of code'} that Keras does not have: "
        fix = f"name the Python file that defines {'it' if len(named.custom) == 1 else 'them'}: --custom-objects layers.py"
        raise RefusedError(what + _listed(named.custom, ", "), fix=fix)


def _listed(names: tuple[str, ...], between: str) -> str:
    more = f"{between}and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return between.join(names[:_SHOWN]) + more


def _check_size(named: Inspection, weights: Weights) -> None:
    """A layer of a billion units must have brought its weights along; one that has not is there to exhaust memory."""
    if named.largest.value > max(_JUSTIFIED, _PACKING * weights.stored):
        what = f"{named.largest.where}, but the archive stores only {weights.stored:,} numbers"
        raise RefusedError(what, expected="sizes that fit the stored weights")
