"""The user's rows: opened, chosen, and read one chunk at a time.

Both the parent process and the worker use this module. Files are mapped, never loaded whole, and the memory
of a chunk is released after it was copied, so that memory does not grow with the data.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import IO, Any, cast

import numpy.typing as npt

from keras_consistency_cli.errors import DataError, UsageError
from keras_consistency_cli.loading.images import Images, open_images
from keras_consistency_cli.loading.recording.parts import find_whole_requests, is_lone, select_part
from keras_consistency_cli.loading.rows.npy import LONE_ARRAY, map_npy, map_npz
from keras_consistency_cli.loading.rows.reading import Reading, cut_windows
from keras_consistency_cli.loading.rows.refusals import EXPECTED, describe_foreign, describe_unreadable
from keras_consistency_cli.loading.rows.shards import Shard, find_shards, join_shards
from keras_consistency_cli.loading.tables.columns import Words, decode, recode
from keras_consistency_cli.loading.tables.tables import is_table, read_table
from keras_consistency_cli.loading.tables.texts import describe_empty, is_text_file, read_lines, to_texts
from keras_consistency_cli.measurement.distance import is_text
from keras_consistency_cli.measurement.recording_layout import has_parts
from keras_consistency_cli.text import clean

__all__ = [
    "FLAT_TEXTS",
    "LONE_ARRAY",
    "ArrayName",
    "RowSource",
    "check_equal_lengths",
    "open_rows",
]

Array = npt.NDArray[Any]

ArrayName = str | tuple[str, ...]
"""The name of an array or of a column, or the names of columns that are one array together."""
FLAT_TEXTS = "texts"
"""The name of that array without its axis of one feature, if `RowSource.has_single_texts`."""
_MAX_HASHED, _START = 256 * 2**20, 2**16
"""The second are the bytes that identify the kind of a file; the header of a wide table is long."""


@dataclass(frozen=True, kw_only=True)
class RowSource:
    """The arrays of one data file, read-only; all have `length` rows on axis 0.

    `arrays` are mapped from the file if possible; read rows through `take`, which releases memory. `sha256`
    is None for files over 256 MiB. `named` is True for a .npz, whose names come from the user; the array of
    a .npy is called "data".
    """

    path: str
    sha256: str | None
    arrays: Mapping[str, Array]
    length: int
    named: bool
    columns: tuple[str, ...] | None = None
    """Names of the columns of a table (.csv with a header, .parquet), None for NumPy files."""
    words: Words = field(default_factory=dict)
    """The words of the columns that hold codes of texts."""
    whole: frozenset[str] = frozenset()
    """The columns of a table whose numbers are stated as whole ones, although they are read as float64."""
    requests: Array | None = None
    """For a recording, the number of the request of each row; -1 if it was not kept whole."""
    remarks: tuple[str, ...] = ()
    """How the file was read, if that was not stated or not usual."""
    has_single_texts: bool = False
    """Whether each row of a table or of a text file is one text, which says nothing of its shape."""
    images: Images | None = None
    """The folder of images that the rows come from; None for everything else."""

    def array(self, name: ArrayName) -> Array:
        """Return an array by its name, or a column of a table by its own, as rows of one feature.

        Several columns are rows of as many features. Single texts have the shape (rows, 1), and (rows,) by
        the name FLAT_TEXTS.
        """
        if name == FLAT_TEXTS and self.has_single_texts:
            return self.arrays[LONE_ARRAY][:, 0]
        if not isinstance(name, str):
            return self.arrays[LONE_ARRAY][..., self.find_columns(name)]
        if name in self.arrays or self.columns is None:
            return self.arrays[name]
        (place,) = self.find_columns((name,))
        column = self.arrays[LONE_ARRAY][..., place : place + 1]
        if name not in self.words:
            return column
        return to_texts(decode(column, self.words[name]), clean(self.path))

    def find_columns(self, names: Sequence[str]) -> list[int]:
        """Return the positions of these columns of a table."""
        return [(self.columns or ()).index(name) for name in names]

    def holds_words(self, name: ArrayName) -> bool:
        """Whether this array of numbers is a table, or columns of one, that hold codes of texts."""
        if isinstance(name, str):
            return bool(self.words) and name in self.arrays
        return any(each in self.words for each in name)

    def holds_integers(self, name: ArrayName) -> bool:
        """Whether the numbers of these columns of a table, or of all, are stated as whole ones."""
        if isinstance(name, str) and name in self.arrays:
            return bool(self.whole) and len(self.whole) == self.arrays[name].shape[-1]
        return {name} <= self.whole if isinstance(name, str) else self.whole.issuperset(name)

    def in_order(self, names: Sequence[str]) -> RowSource:
        """Return the table with its columns in this order; itself if it does not have just these."""
        if self.columns is None or self.columns == tuple(names) or sorted(self.columns) != sorted(names):
            return self
        in_order = self.arrays[LONE_ARRAY][..., self.find_columns(names)]
        return replace(self, arrays={LONE_ARRAY: in_order}, columns=tuple(names))

    def with_words(self, words: Words) -> RowSource:
        """Return the table with codes of these words, which include its own."""
        if not self.words or self.columns is None or dict(self.words) == dict(words):
            return self
        values = self.arrays[LONE_ARRAY].copy()
        for name, own in self.words.items():
            place = self.columns.index(name)
            values[..., place] = recode(values[..., place], own, words[name])
        return replace(self, arrays={LONE_ARRAY: values}, words={name: words[name] for name in self.words})


def open_rows(path: Path, *, what: str = "data", reading: Reading | None = None) -> RowSource:
    """Open a .npy, .npz, .csv, .parquet or .txt, or a folder of files.

    Of NumPy files only headers are read, and the bytes for a fingerprint.

    Args:
        path: the file.
        what: its name in messages, such as "served rows".
        reading: the columns and windows that the user states; without it, a folder of images is refused.

    Raises:
        UsageError: missing, a directory that is not expected, unreadable.
        DataError: not a NumPy file, damaged, or arrays that no model can take.
    """
    label = f"{what} {clean(path)}"
    try:
        # Checked before the file is opened: to open a pipe would wait for a writer.
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            return _open_folder(path, what, reading)
        if not stat.S_ISREG(mode):
            raise UsageError(f"{label} is not a regular file", expected=EXPECTED)
        with path.open("rb") as handle:
            return _read(handle, os.fstat(handle.fileno()).st_size, path, what, reading or Reading())
    except OSError as error:
        raise describe_unreadable(path, label, error) from error


def _read(
    handle: IO[bytes], size: int, path: Path, what: str, reading: Reading, *, hashed: bool = True
) -> RowSource:
    """Fingerprint and map through one open handle, so that both see the same file."""
    label = f"{what} {clean(path)}"
    start = handle.read(_START)
    columns: tuple[str, ...] | None = None
    words: Words = {}
    integers: frozenset[str] = frozenset()
    requests: Array | None = None
    remarks: tuple[str, ...] = ()
    named, has_table, has_lines = False, is_table(path, start), is_text_file(path, start)
    if has_table:
        table = read_table(handle, size, start, label, reading)
        columns, words, integers, remarks = table.columns, table.words, table.whole, table.remarks
        arrays = {LONE_ARRAY: table.values}
    elif has_lines:
        lines = read_lines(handle, size, label)
        arrays, remarks = {LONE_ARRAY: lines}, describe_empty(lines, label)
    elif start.startswith(b"PK"):
        arrays, named = map_npz(handle, label), True
        check_equal_lengths(arrays, label, "array ")
        if has_parts(arrays):
            whole = arrays
            arrays = select_part(whole, what, label)
            named = not is_lone(arrays)
            requests = find_whole_requests(whole, len(next(iter(arrays.values()))))
    elif start.startswith(b"\x93NUMPY"):
        arrays = {LONE_ARRAY: map_npy(handle, size, label)}
    else:
        raise describe_foreign(start, label)
    arrays = {name: cut_windows(array, reading, label) for name, array in arrays.items()}
    return RowSource(
        path=str(path),
        sha256=_hash(handle, size) if hashed else None,
        arrays=arrays,
        length=len(next(iter(arrays.values()))),
        named=named,
        columns=columns,
        words=words,
        whole=integers,
        requests=requests,
        remarks=remarks,
        has_single_texts=(has_table or has_lines)
        and all(is_text(array.dtype) and array.shape[1:] == (1,) for array in arrays.values()),
    )


def _open_folder(path: Path, what: str, reading: Reading | None) -> RowSource:
    """Open a folder of files of rows, or of images."""
    label, files = f"{what} {clean(path)}", find_shards(path)
    integers: frozenset[str] = frozenset()
    remarks: tuple[str, ...] = ()
    images: Images | None = None
    if files:
        stated = reading or Reading()
        arrays, columns, integers = join_shards(
            files, partial(_open_shard, what=what, reading=stated), stated, label
        )
    elif reading is None:
        raise UsageError(f"{label} is a directory", expected=EXPECTED)
    else:
        # It has what is read of an array here: shape, dtype and rows by slice or numbers.
        images = open_images(path, reading.images, label)
        arrays, columns = {LONE_ARRAY: cut_windows(cast(Array, images), reading, label)}, None
        remarks = (images.remark,) if images.remark else ()
    length, named = len(next(iter(arrays.values()))), LONE_ARRAY not in arrays
    return RowSource(
        path=str(path),
        sha256=None,
        arrays=arrays,
        length=length,
        named=named,
        columns=columns,
        whole=integers,
        remarks=remarks,
        images=images,
    )


def _open_shard(path: Path, what: str, reading: Reading) -> Shard:
    """Open one file of a folder, without its fingerprint."""
    with path.open("rb") as handle:
        source = _read(handle, path.stat().st_size, path, what, reading, hashed=False)
    if not source.words:
        return source.arrays, source.columns
    raise DataError(f"{what} {clean(path)} holds texts", expected="numbers in the files of a folder")


def check_equal_lengths(arrays: Mapping[str, Array], label: str, noun: str = "") -> None:
    """Refuse arrays with different numbers of rows.

    Args:
        arrays: the arrays by name.
        label: their name in messages, already cleaned.
        noun: a word before the name of an array, such as "array ".

    Raises:
        DataError: an array has fewer or more rows than the first one.
    """
    (first, sample), *others = arrays.items()
    for name, array in others:
        if len(array) != len(sample):
            raise DataError(
                f"{label}: {noun}'{clean(first)}' has {len(sample)} rows, "
                f"{noun}'{clean(name)}' has {len(array)}",
                expected="the same number of rows in each",
            )


def _hash(handle: IO[bytes], size: int) -> str | None:
    if size > _MAX_HASHED:
        return None
    handle.seek(0)
    return hashlib.file_digest(handle, "sha256").hexdigest()  # type: ignore[arg-type]
