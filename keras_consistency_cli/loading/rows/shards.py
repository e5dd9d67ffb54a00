"""Shards: a folder of files as one array of rows; a file is opened when its rows are taken.

Only headers are read at the beginning, so neither memory nor the number of open files grows with the folder.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.errors import DataError
from keras_consistency_cli.loading.rows.npy import LONE_ARRAY, release
from keras_consistency_cli.loading.rows.reading import Reading
from keras_consistency_cli.loading.tables.tables import read_parquet_form
from keras_consistency_cli.text import clean, shape_text

__all__ = ["SHARD_ENDINGS", "Shard", "ShardHeader", "Shards", "find_shards", "join_shards"]

Array = npt.NDArray[Any]
Shard = tuple[Mapping[str, Array], tuple[str, ...] | None]
"""The arrays of a file by name, and the columns of a table."""
OpenShard = Callable[[Path], Shard]

SHARD_ENDINGS = (".npy", ".npz", ".parquet")
"""The endings of files of rows in a folder."""
_MOST_FILES = 1_000_000
_OPEN = 2
"""Shards that stay open: a chunk of rows may end in one and begin in the next."""


@dataclass(frozen=True, kw_only=True)
class ShardHeader:
    """What is known of a file before its rows are read.

    `shapes` and `dtypes` are by the names of its arrays; `columns` are the names of a table's columns, and
    `integers` those of integers.
    """

    shapes: Mapping[str, tuple[int, ...]]
    dtypes: Mapping[str, np.dtype[Any]]
    columns: tuple[str, ...] | None = None
    integers: frozenset[str] = frozenset()

    @property
    def length(self) -> int:
        """The number of rows."""
        return next(iter(self.shapes.values()))[0]

    @property
    def form(self) -> tuple[object, ...]:
        """What all shards must have in common."""
        arrays = sorted((name, shape[1:], self.dtypes[name].str) for name, shape in self.shapes.items())
        return (*arrays, self.columns)

    def describe(self) -> str:
        """Return the form in words."""
        arrays = (
            f"{clean(name)} of shape {shape_text((None, *shape[1:]))}, {self.dtypes[name]}"
            for name, shape in self.shapes.items()
        )
        return "; ".join(arrays)


class Shards:
    """One array of all files; rows are read when they are taken by a slice or by their numbers.

    `shards[..., columns]` has these columns of a table, and reads no rows.
    """

    base = None

    def __init__(
        self,
        name: str,
        header: ShardHeader,
        files: _Files,
        columns: npt.NDArray[np.int64] | None = None,
    ) -> None:
        self._name, self._header, self._files, self._columns = name, header, files, columns
        self.dtype, inner = header.dtypes[name], header.shapes[name][1:]
        if columns is not None:
            inner = (*inner[:-1], len(columns))
        self.shape = (int(files.ends[-1]), *inner)
        self.ndim = len(self.shape)
        self.size = math.prod(self.shape)
        self.nbytes = self.size * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(
        self, rows: slice | npt.NDArray[np.int64] | tuple[Any, slice | list[int]]
    ) -> Array | Shards:
        if isinstance(rows, tuple):
            own = self._columns if self._columns is not None else np.arange(self.shape[-1])
            return Shards(self._name, self._header, self._files, own[rows[1]])
        numbers = np.arange(*rows.indices(len(self))) if isinstance(rows, slice) else rows
        result = np.empty((len(numbers), *self.shape[1:]), self.dtype)
        owners = np.searchsorted(self._files.ends, numbers, side="right")
        for owner in np.unique(owners).tolist():
            mine = owners == owner
            array = self._files.open(owner)[self._name]
            taken = array[numbers[mine] - self._files.start(owner)]
            result[mine] = taken if self._columns is None else taken[..., self._columns]
            release(array)
        return result


class _Files:
    """The files in order, and those that are open."""

    def __init__(
        self,
        paths: Sequence[Path],
        lengths: Sequence[int],
        open_shard: OpenShard,
    ) -> None:
        self.ends = np.cumsum(lengths)
        self.open = lru_cache(maxsize=_OPEN)(lambda place: open_shard(paths[place])[0])

    def start(self, place: int) -> int:
        """Return the number of the first row of a file."""
        return int(self.ends[place - 1]) if place else 0


def find_shards(folder: Path) -> list[Path]:
    """Return the files of rows in a folder, in the order of their names; links are not followed.

    Numbers in names count as numbers: part-2 is before part-10.
    """
    found = (path for path in folder.iterdir() if path.suffix.lower() in SHARD_ENDINGS)
    visible = (path for path in found if not path.name.startswith(".") and not path.is_symlink())
    return sorted(islice((path for path in visible if path.is_file()), _MOST_FILES), key=_natural)


def _natural(path: Path) -> list[tuple[int, str]]:
    parts = re.split(r"(\d+)", path.name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def join_shards(
    paths: Sequence[Path], open_shard: OpenShard, reading: Reading, label: str
) -> tuple[dict[str, Array], tuple[str, ...] | None, frozenset[str]]:
    """Return the arrays of all files by name, the columns of their tables, and those of integers.

    Args:
        paths: the files, from `find_shards`.
        open_shard: opens a file; returns its arrays by name, and the columns of a table.
        reading: the columns to use.
        label: the name of the folder in messages, already cleaned.

    Raises:
        DataError: a file cannot be read, or its rows do not have the form of the first file's.
    """
    if reading.window is not None:
        raise DataError(f"{label} is a folder of files, which --window cannot cut", expected="one file")
    first, *others = (_read_header(path, open_shard, reading, label) for path in paths)
    for path, header in zip(paths[1:], others, strict=True):
        if header.form != first.form:
            raise DataError(
                f"{label}: the rows of {clean(path.name, 60)} do not have the form of those in "
                f"{clean(paths[0].name, 60)}: {header.describe()}",
                expected=f"{first.describe()} in each file, and the same columns in the same order",
            )
    integers = first.integers.intersection(*(header.integers for header in others))
    lengths = [header.length for header in (first, *others)]
    files = _Files(paths, lengths, open_shard)
    arrays = {name: Shards(name, first, files) for name in first.shapes}
    # They have what is read of an array in these modules: shape, dtype and rows by slice or numbers.
    return cast("dict[str, Array]", arrays), first.columns, integers


def _read_header(path: Path, open_shard: OpenShard, reading: Reading, label: str) -> ShardHeader:
    if path.suffix.lower() == ".parquet":
        rows, names, integers = read_parquet_form(path, f"{label}/{clean(path.name)}", reading)
        shape, dtype = (rows, len(names)), np.dtype(np.float64)
        return ShardHeader(
            shapes={LONE_ARRAY: shape}, dtypes={LONE_ARRAY: dtype}, columns=names, integers=integers
        )
    arrays, columns = open_shard(path)
    return ShardHeader(
        shapes={name: array.shape for name, array in arrays.items()},
        dtypes={name: array.dtype for name, array in arrays.items()},
        columns=columns,
    )
