"""The user's rows: opened, held against the model's inputs, chosen, and read one chunk at a time. Pure NumPy.

Both the parent and the worker use it. Files are mapped, never loaded whole, and the pages of a chunk are given back once it was copied, so
memory does not grow with the data.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.errors import DataError, ShapeMismatchError, UsageError
from keras_consistency_cli.loading.rows.npy import map_npy, map_npz, release
from keras_consistency_cli.loading.rows.shape_fit import dtype_clash, fits, mending, taken_silently
from keras_consistency_cli.loading.rows.tables import is_table, read_table
from keras_consistency_cli.measurement.facts import InputFact
from keras_consistency_cli.text import clean, did_you_mean, shape_text

__all__ = [
    "LONE_ARRAY",
    "RowSource",
    "choose_rows",
    "chunks",
    "match_inputs",
    "nonfinite",
    "open_rows",
    "take",
]

Array = npt.NDArray[Any]

LONE_ARRAY = "data"
"""The name of the one array of a .npy."""
_MAX_HASHED = 256 * 2**20
_START = 2**16
"""Bytes that tell what a file is; the header of a table of many columns is long."""
_EXPECTED = "a .npy, a .npz with one array per input, a .csv or a .parquet"

_FOREIGN = (
    (b"version https://git-lfs", "is a git-lfs pointer, not the data", "git lfs pull"),
    (b"\x89HDF\r\n\x1a\n", "is an HDF5 file", "np.save('x.npy', h5py.File(path)['x'][:])"),
    (b"\x80", "is a pickle", "np.save('x.npy', np.asarray(x))"),
    (b"\x1f\x8b", "is compressed with gzip", "gunzip it"),
)


@dataclass(frozen=True, kw_only=True)
class RowSource:
    """The arrays of one data file, read-only; all have `length` rows on axis 0.

    `arrays` are mapped from the file where it allows that; read rows through `take`, which gives memory back. `sha256` is None for files over
    256 MiB. `named` is True for a .npz, whose names are the user's; the array of a .npy is called "data".
    """

    path: str
    sha256: str | None
    arrays: Mapping[str, Array]
    length: int
    named: bool
    columns: tuple[str, ...] | None = None
    """Names of the columns of a table (.csv with a header, .parquet), None for NumPy files."""


def open_rows(path: Path, *, what: str = "data") -> RowSource:
    """Open a .npy, .npz, .csv or .parquet; of NumPy files only headers are read, and the bytes that a fingerprint needs.

    Args:
        path: the file.
        what: how messages call it, such as "served rows".

    Raises:
        UsageError: missing, a directory, unreadable.
        DataError: not a NumPy file, damaged, or arrays that no model can take.
    """
    label = f"{what} {clean(path)}"
    try:
        # Before it is opened: a pipe would keep whoever opens it waiting for a writer.
        if not stat.S_ISREG(mode := path.stat().st_mode) and not stat.S_ISDIR(mode):
            raise UsageError(f"{label} is not a regular file", expected=_EXPECTED)
        with path.open("rb") as handle:
            found = os.fstat(handle.fileno())
            return _read(handle, found.st_size, path, label)
    except OSError as error:
        raise _unreadable(path, label, error) from error


def _read(handle: IO[bytes], size: int, path: Path, label: str) -> RowSource:
    """Fingerprint and map through one open handle, so that both see the same file."""
    start = handle.read(_START)
    if is_table(path, start):
        table, columns = read_table(handle, size, start, label)
        digest = _fingerprint(handle, size)
        return RowSource(
            path=str(path),
            sha256=digest,
            arrays={LONE_ARRAY: table},
            length=len(table),
            named=False,
            columns=columns,
        )
    named = start.startswith(b"PK")
    if not named and not start.startswith(b"\x93NUMPY"):
        raise _foreign(start, label)
    arrays = map_npz(handle, label) if named else {LONE_ARRAY: map_npy(handle, size, label)}
    (first, sample), *others = arrays.items()
    for name, array in others:
        if len(array) != len(sample):
            what = f"{label}: array '{clean(first)}' has {len(sample)} rows, array '{clean(name)}' has {len(array)}"
            raise DataError(what, expected="the same number of rows in each")
    return RowSource(
        path=str(path), sha256=_fingerprint(handle, size), arrays=arrays, length=len(sample), named=named
    )


def _fingerprint(handle: IO[bytes], size: int) -> str | None:
    if size > _MAX_HASHED:
        return None
    handle.seek(0)
    return hashlib.file_digest(handle, "sha256").hexdigest()  # type: ignore[arg-type]


def _unreadable(path: Path, label: str, error: OSError) -> UsageError:
    if error.errno == errno.ENAMETOOLONG:
        return UsageError(f"{label} cannot be read: {clean(error.strerror)}")
    if isinstance(error, FileNotFoundError):
        siblings = [found.name for found in path.parent.glob("*.np[yz]")] if path.parent.is_dir() else []
        return UsageError(
            f"{label} does not exist{clean(did_you_mean(path.name, siblings))}", expected=_EXPECTED
        )
    if isinstance(error, IsADirectoryError) or path.is_dir():
        return UsageError(f"{label} is a directory", expected=_EXPECTED)
    return UsageError(f"{label} cannot be read: {clean(error.strerror or error)}")


def _foreign(start: bytes, label: str) -> DataError:
    """Say what a file is that is not NumPy's."""
    if not start:
        return DataError(f"{label} is empty", expected=_EXPECTED)
    for magic, is_a, fix in _FOREIGN:
        if start.startswith(magic):
            return DataError(f"{label} {is_a}", expected=_EXPECTED, fix=fix)
    if all(byte >= 32 or byte in b"\t\r\n\f" for byte in start):
        return DataError(
            f"{label} is a text file",
            expected=_EXPECTED,
            fix="np.save('x.npy', np.loadtxt(path, delimiter=','))",
        )
    return DataError(f"{label} is not a NumPy file: it begins with {start[:6]!r}", expected=_EXPECTED)


def match_inputs(
    source: RowSource, inputs: tuple[InputFact, ...], *, batch_size: int | None
) -> Mapping[str, str]:
    """Return which array goes to which input, by name, once everything fits.

    Args:
        source: the opened data.
        inputs: the model's inputs; where they are unknown (none) nothing is checked and each array goes to the input of its own name.
        batch_size: the batch size the model was built for, None where any is accepted.

    Raises:
        DataError: names, rank, shape or dtype do not fit, or there are fewer rows than the batch; says what would fit.
    """
    if not inputs:
        return {name: name for name in source.arrays}
    names = _pair(source, [each.name for each in inputs])
    for each in inputs:
        _check_shape(source, names[each.name], each)
        _check_dtype(source, names[each.name], each)
    if batch_size is not None:
        _check_batch(source.length, batch_size, f"data {clean(source.path)}")
    return names


def _pair(source: RowSource, wanted: list[str]) -> Mapping[str, str]:
    label, found = f"data {clean(source.path)}", list(source.arrays)
    if len(wanted) == len(found) == 1:
        return {wanted[0]: found[0]}
    if set(wanted) == set(found):
        return {name: name for name in wanted}
    fix = _savez(wanted)
    if not source.named:
        raise DataError(
            f"{label} holds one array, the model takes {len(wanted)} inputs: {_listed(wanted)}", fix=fix
        )
    missing = [name for name in wanted if name not in found]
    surplus = [f"'{clean(name)}'{clean(did_you_mean(name, missing))}" for name in found if name not in wanted]
    parts = [f"has no array for {_listed(missing)}"] if missing else []
    parts += [f"has {', '.join(surplus)}, which the model does not take"] if surplus else []
    raise DataError(
        f"{label} {' and '.join(parts)}", expected=f"an array for each input: {_listed(wanted)}", fix=fix
    )


def _listed(names: list[str]) -> str:
    return ", ".join(f"'{clean(name)}'" for name in names)


def _savez(names: list[str]) -> str:
    """The call that saves one array per input, for names that are not identifiers too."""
    if all(name.isidentifier() for name in names):
        return f"np.savez('x.npz', {', '.join(f'{clean(name)}=...' for name in names)})"
    return f"np.savez('x.npz', **{{{', '.join(f'{clean(name)!r}: ...' for name in names)}}})"


def _label(source: RowSource, name: str) -> str:
    return (
        f"array '{clean(name)}' of data {clean(source.path)}"
        if source.named
        else f"data {clean(source.path)}"
    )


def _check_shape(source: RowSource, name: str, wanted: InputFact) -> None:
    shape = source.arrays[name].shape
    if fits(shape, wanted.shape) or taken_silently(shape, wanted.shape, wanted.lenient):
        return
    what = f"{_label(source, name)} has shape {shape}, the model's input '{clean(wanted.name)}' takes {shape_text((None, *wanted.shape[1:]))}"
    fix = mending(shape, wanted.shape)
    if fix is None and len(shape) == len(wanted.shape) and fits(shape[:-1], wanted.shape[:-1]):
        fix = f"give the {wanted.shape[-1]} features of the last axis that the model was trained on, in the same order"
    raise ShapeMismatchError(what, fix=fix, name=wanted.name, shape=shape, expected=wanted.shape)


def _check_dtype(source: RowSource, name: str, wanted: InputFact) -> None:
    array = source.arrays[name]
    clash = dtype_clash(array, wanted.dtype)
    if clash is not None:
        reason, fix = clash
        raise DataError(
            f"{_label(source, name)} has dtype {array.dtype}, fed to the model's input '{clean(wanted.name)}', {reason}",
            fix=fix,
        )


def _check_batch(length: int, batch: int, label: str) -> None:
    if length < batch:
        what = f"{label} has {length} rows, fewer than the batch of {batch} that the model was built for"
        raise DataError(
            what, expected=f"at least {batch} rows", fix="more rows, or a model built without batch_size"
        )


def choose_rows(
    length: int, wanted: int | Literal["all"], *, seed: int, multiple_of: int = 1
) -> npt.NDArray[np.int64]:
    """Return sorted, unique row numbers spread evenly over the data: one random row out of each of `wanted` equal stretches.

    Args:
        length: rows there are.
        wanted: rows to choose, or "all".
        seed: the same seed chooses the same rows.
        multiple_of: a fixed batch size; the number of rows is trimmed to a multiple of it, but to one whole batch at least.

    Raises:
        UsageError: `wanted` is below 1.
        DataError: there are fewer rows than one batch.
    """
    if wanted != "all" and wanted < 1:
        raise UsageError(f"rows is {wanted}", expected="1 or more, or all")
    _check_batch(length, multiple_of, "data")
    count = length if wanted == "all" else min(wanted, length)
    count = max(count - count % multiple_of, multiple_of)
    if wanted == "all":
        return np.arange(count, dtype=np.int64)
    edges = np.arange(count + 1, dtype=np.int64) * length // count
    return np.random.default_rng(seed).integers(edges[:-1], edges[1:], dtype=np.int64)


def chunks(rows: npt.NDArray[np.int64], size: int) -> Iterator[npt.NDArray[np.int64]]:
    """Cut row numbers into pieces of `size`, the last one as long as what is left."""
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def take(source: RowSource, names: Mapping[str, str], rows: npt.NDArray[np.int64]) -> dict[str, Array]:
    """Copy the numbered rows into memory, by input name: C order, native byte order, writable.

    Args:
        source: the opened data.
        names: which array goes to which input, from `match_inputs`.
        rows: row numbers, in the order wanted.
    """
    run = len(rows) > 0 and bool(np.all(np.diff(rows) == 1))
    where: Any = (
        slice(int(rows[0]), int(rows[-1]) + 1) if run else rows
    )  # a slice reads the file in one sweep
    taken = {}
    for name, array_name in names.items():
        array = source.arrays[array_name]
        taken[name] = np.array(array[where], dtype=array.dtype.newbyteorder("="), order="C")
        release(array)
    return taken


def nonfinite(rows: Mapping[str, Array]) -> dict[str, npt.NDArray[np.bool_]]:
    """Return, for each input, which rows hold a NaN or an infinity; never any in integers, booleans and strings."""
    found: dict[str, npt.NDArray[np.bool_]] = {}
    for name, values in rows.items():
        finite = np.isfinite(values) if values.dtype.kind == "f" else np.ones(values.shape, dtype=bool)
        found[name] = np.logical_not(finite.reshape(len(values), -1).all(axis=1))
    return found
