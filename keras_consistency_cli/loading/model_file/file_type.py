"""Opening a model file; a path or file of another kind is refused by its name.

The type of a file is recognized from its first bytes, before the archive is read.
"""

from __future__ import annotations

import io
import pathlib
import shlex
import stat
from collections.abc import Callable

from keras_consistency_cli.errors import RefusedError, UsageError
from keras_consistency_cli.loading.model_file.stored.old_keras import hdf5_refusal
from keras_consistency_cli.text import clean, did_you_mean

__all__ = ["check_file_ending", "check_file_type", "open_model_file"]

_MODEL_FILE = "a .keras file"
_SAVE_AGAIN = "load it in the environment that created it and save it again with model.save('model.keras')"
_GIVE_AS_DATA = "give rows with --data: kcheck run model.keras --data FILE"
_COPY_AGAIN = "copy or download it again"
_FETCH = "fetch the file with: git lfs pull"
_DAMAGED = (_COPY_AGAIN, _FETCH, _SAVE_AGAIN)
"""What to do with a file that is no other kind of file, but cut, replaced or changed."""
_SAVE = "save the model as one file: model.save('model.keras')"
_SHOWN = 5
_SIGNATURE_SIZE = 512
_ENDING = ".keras"
_HDF5, _WEIGHTS = b"\x89HDF\r\n\x1a\n", ".weights.h5"
_CANNOT_EXIST = (FileNotFoundError, NotADirectoryError, ValueError)
"""ValueError is raised for a path with a zero byte."""


def open_model_file(path: pathlib.Path) -> io.BufferedReader:
    """Open a regular file.

    Raises:
        UsageError: missing, a directory, or not a regular file.
    """
    try:
        mode = path.stat().st_mode
    except _CANNOT_EXIST as error:
        raise _missing_error(path) from error
    if stat.S_ISDIR(mode):
        raise _directory_error(path)
    if not stat.S_ISREG(mode):
        raise UsageError(f"{clean(path)}: is not a regular file", expected=_MODEL_FILE)
    return path.open("rb")


def _missing_error(path: pathlib.Path) -> UsageError:
    siblings = [sibling.name for sibling in path.parent.glob("*.keras")] if path.parent.is_dir() else []
    guess = clean(did_you_mean(path.name, siblings))
    return UsageError(
        f"{clean(path)}: there is no such file{guess}",
        expected="the path of a .keras file",
        fix=f"use a file in this folder: {_list_names(siblings)}" if siblings and not guess else None,
    )


def _directory_error(path: pathlib.Path) -> UsageError:
    if (path / "saved_model.pb").exists():
        return UsageError(
            f"{clean(path)}: is a directory with a TensorFlow SavedModel, which is an export, not the model",
            expected="the .keras file that it was exported from",
            fix=f"compare the two: kcheck run model.keras --export {shlex.quote(clean(path))}",
        )
    names = [file.name for file in path.glob("*.keras")]
    return UsageError(
        f"{clean(path)}: is a directory",
        expected=_MODEL_FILE,
        fix=f"use a file in this folder: {_list_names(names)}" if names else _SAVE,
    )


def _list_names(names: list[str]) -> str:
    return ", ".join(clean(name, 60) for name in sorted(names)[:_SHOWN])


def check_file_type(stream: io.BufferedReader, path: pathlib.Path) -> None:
    """Refuse a file that does not begin like a zip archive, with the name of its type.

    Raises:
        RefusedError: empty, or a file of another type.
    """
    head = stream.read(_SIGNATURE_SIZE)
    if head.startswith(_HDF5) and not path.name.endswith(_WEIGHTS):
        raise hdf5_refusal(path)
    for matches, file_type, fix in _OTHER_TYPES:
        if not matches(head):
            continue
        if path.name.endswith(_WEIGHTS):
            raise RefusedError(
                "holds only weights, without the model",
                fix="save the whole model with model.save('model.keras')",
            )
        if path.suffix.lower() == ".csv":
            file_type, fix = "a .csv file of rows, not a model", _GIVE_AS_DATA
        cause = "" if fix in _DAMAGED else "not-a-model"
        raise RefusedError(file_type, expected=_MODEL_FILE, fix=fix, cause=cause)


def check_file_ending(path: pathlib.Path) -> None:
    """Refuse a .keras file with another ending, which Keras does not load.

    Raises:
        UsageError: the name does not end with .keras.
    """
    if path.name.endswith(_ENDING):
        return
    before, ending, _ = path.name.partition(_ENDING)
    renamed = path.with_name(before + ending if ending else f"{path.name}{_ENDING}")
    if renamed.exists():
        renamed = path.with_name(f"{path.name}{_ENDING}")
    command = shlex.join(["cp", clean(path), clean(renamed)])
    raise UsageError(
        f"{clean(path)}: Keras loads no file whose name does not end with {_ENDING}", fix=command
    )


def _is_text(head: bytes) -> bool:
    return (
        not head.startswith(b"PK\x03\x04")
        and all(byte >= 32 or byte in b"\t\n\r\f" for byte in head)
        and b"\x7f" not in head
    )


_OTHER_TYPES: tuple[tuple[Callable[[bytes], bool], str, str], ...] = (
    (lambda head: not head, "the file is empty (0 bytes)", _COPY_AGAIN),
    (
        lambda head: head.startswith(b"version https://git-lfs"),
        "a git-lfs pointer, not the model itself",
        _FETCH,
    ),
    (lambda head: head.startswith(b"PK\x05\x06"), "an empty zip archive", _COPY_AGAIN),
    (
        lambda head: head[4:8] == b"TFL3",
        "a TensorFlow Lite model",
        "use the Keras model that it was converted from",
    ),
    (lambda head: head.startswith(b"\x1f\x8b"), "a gzip file", "unpack it first"),
    (
        lambda head: head.startswith(b"\x80") and head[1:2] <= b"\x05",
        "a Python pickle, not a model; it is not opened",
        "give a scaler with --scaler: kcheck run model.keras --scaler FILE; if it is a model, load it where "
        "it was made, and save it with model.save('model.keras')",
    ),
    (lambda head: head.startswith(b"\x93NUMPY"), "a .npy file of rows, not a model", _GIVE_AS_DATA),
    (lambda head: head.startswith(b"PAR1"), "a Parquet file of rows, not a model", _GIVE_AS_DATA),
    (_is_text, "a text file", "use the .keras file that model.save() wrote"),
    (
        lambda head: not head.startswith(b"PK\x03\x04"),
        "not a .keras file: it does not begin like a zip archive",
        _SAVE_AGAIN,
    ),
)
