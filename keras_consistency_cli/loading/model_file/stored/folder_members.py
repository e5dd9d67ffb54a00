"""A saved model that is a folder, as `model.save(path, zipped=False)` writes it.

Keras reads config.json, model.weights.h5 and the files in assets/ of such a folder, and no other file. These
files and metadata.json are the members; others, such as a README, are not looked at.
"""

from __future__ import annotations

import hashlib
import io
import os
import pathlib
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from keras_consistency_cli.errors import RefusedError, UsageError
from keras_consistency_cli.loading.model_file.zip_members import (
    ASSETS,
    CONFIG,
    METADATA,
    WEIGHTS,
    size_limit,
)
from keras_consistency_cli.text import clean

__all__ = ["FolderMembers", "digest_folder", "is_model_folder", "open_folder"]

_MAX_FILES = 2000
_SAVE_AGAIN = "save the model again with model.save('model.keras')"
_SHARDS = "model.weights.json"
_LFS_POINTER = b"version https://git-lfs"
_REBUILD = (
    "build the model from the config, load the weights and save: "
    "m = keras.saving.deserialize_keras_object(json.load(open('config.json'))); "
    f"m.load_weights('{_SHARDS}'); m.save('model.keras')"
)


@dataclass(frozen=True, kw_only=True)
class FolderMembers:
    """The files of a model folder: the name and size of each, sorted by name."""

    path: pathlib.Path
    listing: tuple[tuple[str, int], ...]

    def read(self, name: str) -> bytes:
        """Return the bytes of one file."""
        limit = size_limit(name)
        with self.open(name) as stream:
            content = stream.read(limit + 1)
        if len(content) > limit:
            raise RefusedError(f"{name} is larger than in any real model")
        return content

    def open(self, name: str) -> io.BufferedReader:
        """Open one file."""
        return (self.path / name).open("rb")

    def check_content(self) -> None:
        """Refuse pointers of Git LFS in place of a file; a folder has no checksums to verify."""
        for name, _ in self.listing:
            with self.open(name) as stream:
                if stream.read(len(_LFS_POINTER)) == _LFS_POINTER:
                    raise RefusedError(
                        f"{clean(name)} is a git-lfs pointer, not the file itself",
                        fix="fetch the files with: git lfs pull",
                    )

    def digest(self) -> tuple[str, int]:
        """Return SHA-256 and size of the members.

        The SHA-256 is that of the lines of `sha256sum` for the members, sorted by name.
        """
        lines, size = hashlib.sha256(), 0
        for name, _ in self.listing:
            with self.open(name) as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
                size += stream.tell()
            lines.update(f"{digest}  {name}\n".encode("utf-8", "surrogateescape"))
        return lines.hexdigest(), size


def is_model_folder(path: pathlib.Path) -> bool:
    """Whether a path is a folder that Keras takes for a saved model."""
    try:
        return path.is_dir() and (path / CONFIG).exists()
    except ValueError:  # a zero byte in the path
        return False


def open_folder(path: pathlib.Path) -> FolderMembers:
    """Return the members of a model folder after their names, types and sizes have been checked.

    Raises:
        UsageError: the name ends in .keras, which Keras opens as a file.
        RefusedError: a member is missing, a link or a device, or larger than in any real model.
    """
    if path.name.endswith(".keras"):
        raise UsageError(
            f"{clean(path)}: is a folder with a model; Keras loads no folder whose name ends in .keras",
            expected="a .keras file, or a folder with a different ending",
            fix=f"rename the folder: mv {clean(path)} {clean(path.with_suffix(''))}",
        )
    members = FolderMembers(path=path, listing=tuple(sorted(_list_members(path))))
    names = [name for name, _ in members.listing]
    missing = [name for name in (CONFIG, METADATA, WEIGHTS) if name not in names]
    if WEIGHTS in missing and (path / _SHARDS).exists():
        raise RefusedError(
            f"the weights are in shards ({_SHARDS}), from which Keras loads no model; {WEIGHTS} is missing",
            fix=_REBUILD,
        )
    if missing:
        raise RefusedError(
            f"a folder, but not a complete Keras model: {' and '.join(missing)} missing",
            fix=_SAVE_AGAIN,
        )
    return members


def digest_folder(path: pathlib.Path) -> str:
    """Return the SHA-256 of a model folder as it is now."""
    return open_folder(path).digest()[0]


def _list_members(path: pathlib.Path) -> Iterator[tuple[str, int]]:
    for count, (name, status) in enumerate(_walk_members(path)):
        if count >= _MAX_FILES:
            raise RefusedError(f"the folder has more than the {_MAX_FILES} files allowed")
        shown = f"'{clean(name)}' in the folder"
        if not stat.S_ISREG(status.st_mode):
            raise RefusedError(
                f"{shown} is a link or a device, not a file",
                fix=f"copy the files that the links lead to: cp -rL {clean(path)} model",
            )
        if status.st_size > size_limit(name):
            raise RefusedError(
                f"{shown} is larger than in any real model ({status.st_size:,} bytes)", fix=_SAVE_AGAIN
            )
        yield name, status.st_size


def _walk_members(path: pathlib.Path) -> Iterator[tuple[str, os.stat_result]]:
    """Yield name and status of the members; no link is followed."""
    for name in (CONFIG, METADATA, WEIGHTS):
        try:
            yield name, (path / name).lstat()
        except FileNotFoundError:
            continue
    folders = [path / ASSETS.rstrip("/")]
    if not folders[0].is_symlink() and not folders[0].is_dir():
        return
    while folders:
        folder = folders.pop()
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode):
            yield folder.relative_to(path).as_posix(), status
            continue
        folders += folder.iterdir()
