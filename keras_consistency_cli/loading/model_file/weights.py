"""The weights of a saved model, walked without Keras: shapes, dtypes, and whether every number is finite."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from keras_consistency_cli.errors import RefusedError
from keras_consistency_cli.text import clean, shape_text

if TYPE_CHECKING:
    import h5py

__all__ = ["WeightFact", "Weights", "read_weights"]

_MIB = 1 << 20
_MAX_OBJECTS = 50_000
_BOMB_FLOOR = 16 * _MIB
_MAX_EXPANSION = 20
"""Real weights hardly compress; a dataset that declares twenty times what it stores is there to exhaust memory."""
_MOST_TEXTS = 10_000
_SLAB = 64 * _MIB
_FILTERS = frozenset({1, 2, 3})
"""gzip, shuffle and checksum: what every HDF5 library has built in; others are loaded from plugins."""
_NOT_OF_THE_MODEL = ("optimizer/",)


@dataclass(frozen=True, kw_only=True)
class WeightFact:
    """One stored weight: its path in the file ("layers/dense/vars/0"), its shape, and its dtype as Keras names it."""

    path: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True, kw_only=True)
class Weights:
    """What the weights file holds, the optimizer's own variables left out of all but `stored`.

    `nonfinite` are the paths of weights with NaN or infinity, `parameters` counts numbers (seeds included), `stored` all numbers in the file.
    """

    facts: tuple[WeightFact, ...]
    nonfinite: tuple[str, ...]
    parameters: int
    stored: int


def read_weights(stream: BinaryIO) -> Weights:
    """Walk an HDF5 weights file.

    Args:
        stream: the file, seekable.

    Raises:
        RefusedError: damaged, or built to read other files, to run plugins or to exhaust memory.
    """
    os.environ.setdefault(
        "HDF5_PLUGIN_PRELOAD", "::"
    )  # read by libhdf5 when it starts: no filter is ever loaded from a plugin
    import h5py

    try:
        with h5py.File(stream, "r") as file:
            return _summary(_datasets(file))
    except RefusedError:
        raise
    except MemoryError as error:
        raise RefusedError("model.weights.h5 asks for more memory than there is") from error
    except Exception as error:  # libhdf5 answers damage with nearly any type
        what = f"model.weights.h5 inside the archive is damaged ({type(error).__name__}: {clean(error, 120)})"
        raise RefusedError(what, fix="copy the file again, or save the model again") from error


def _summary(datasets: Iterator[tuple[str, h5py.Dataset]]) -> Weights:
    facts, nonfinite, stored = [], [], 0
    for path, dataset in datasets:
        _check(path, dataset)
        size = math.prod(dataset.shape)
        stored += size
        if path.startswith(_NOT_OF_THE_MODEL):
            continue
        facts.append(WeightFact(path=path, shape=tuple(dataset.shape), dtype=_dtype(dataset)))
        if not all(_finite(slab) for slab in _slabs(dataset)):
            nonfinite.append(path)
    parameters = sum(math.prod(fact.shape) for fact in facts)
    facts.sort(key=lambda fact: fact.path)
    return Weights(
        facts=tuple(facts), nonfinite=tuple(sorted(nonfinite)), parameters=parameters, stored=stored
    )


def _datasets(file: h5py.File) -> Iterator[tuple[str, h5py.Dataset]]:
    """Every dataset by its path; nothing but hard links is followed, and no group is entered twice."""
    import h5py

    groups, seen, objects = [("", file)], set(), 0
    while groups:
        prefix, group = groups.pop()
        address = h5py.h5o.get_info(group.id).addr
        if address in seen:
            raise RefusedError(f"model.weights.h5 has a group that contains itself: '{clean(prefix)}'")
        seen.add(address)
        for name in group:
            objects += 1
            if objects > _MAX_OBJECTS:
                raise RefusedError(f"model.weights.h5 holds more than {_MAX_OBJECTS:,} objects")
            path = f"{prefix}{name}"
            if group.id.links.get_info(name.encode("utf-8", "surrogateescape")).type != h5py.h5l.TYPE_HARD:
                raise RefusedError(
                    f"model.weights.h5 holds a link to elsewhere: '{clean(path)}'",
                    expected="groups and datasets only",
                )
            found = group[name]
            if isinstance(found, h5py.Group):
                groups.append((f"{path}/", found))
            elif isinstance(found, h5py.Dataset):
                yield path, found
            else:
                raise RefusedError(
                    f"model.weights.h5 holds a named type: '{clean(path)}'",
                    expected="groups and datasets only",
                )


def _check(path: str, dataset: h5py.Dataset) -> None:
    shown = f"weight '{clean(path)}' in model.weights.h5"
    if dataset.external or dataset.is_virtual:
        raise RefusedError(
            f"{shown} reads its numbers from another file", expected="numbers stored in the archive"
        )
    if dataset.shape is None:
        raise RefusedError(f"{shown} has no shape", expected="an array of numbers")
    if not _is_allowed(dataset.dtype):
        raise RefusedError(
            f"{shown} has the dtype {dataset.dtype}", expected="floats, integers, booleans or strings"
        )
    plist = dataset.id.get_create_plist()
    filters = {plist.get_filter(at)[0] for at in range(plist.get_nfilters())}
    if filters - _FILTERS:
        raise RefusedError(
            f"{shown} uses HDF5 filter {min(filters - _FILTERS)}", expected="gzip, shuffle or checksum only"
        )
    stored = dataset.id.get_storage_size()
    declared = max(math.prod(dataset.shape), math.prod(dataset.chunks or ())) * dataset.dtype.itemsize
    if dataset.dtype.kind == "O":
        _check_texts(shown, dataset)
    if declared > max(_BOMB_FLOOR, _MAX_EXPANSION * stored):
        what = f"{shown} declares the shape {shape_text(dataset.shape)}, {declared:,} bytes, but only {stored:,} are stored"
        raise RefusedError(what, fix="save the model again; the file is damaged or built to exhaust memory")


def _check_texts(shown: str, dataset: h5py.Dataset) -> None:
    """Refuse texts of any length that are many or long: a thousand of them may lie at one place of the file and are a thousand once they are read."""
    import numpy as np

    what = f"{shown} holds more text than any weight"
    if dataset.size > _MOST_TEXTS:
        raise RefusedError(what, expected=f"at most {_MOST_TEXTS:,} texts")
    length = 0
    for at in np.ndindex(dataset.shape):
        length += len(dataset[at])
        if length > _BOMB_FLOOR:
            raise RefusedError(what, expected=f"at most {_BOMB_FLOOR >> 20} MiB")


def _is_allowed(dtype: Any) -> bool:
    """Numbers and text; NumPy knows bfloat16 and float8 only as opaque items of one or two bytes."""
    import h5py

    if dtype.kind == "O":
        return h5py.check_string_dtype(dtype) is not None
    return dtype.kind in "fiubS" or (
        dtype.kind == "V" and dtype.names is None and dtype.subdtype is None and dtype.itemsize <= 2
    )


def _dtype(dataset: h5py.Dataset) -> str:
    return clean(dataset.attrs["dtype"], 20) if "dtype" in dataset.attrs else str(dataset.dtype)


def _slabs(dataset: h5py.Dataset) -> Iterator[Any]:
    """The numbers of a float dataset, some rows at a time, so that memory does not grow with the largest weight."""
    if dataset.dtype.kind not in "fV" or 0 in dataset.shape:
        return
    if not dataset.shape:
        yield dataset[()]
        return
    rows = max(1, _SLAB * len(dataset) // max(1, dataset.nbytes))
    for start in range(0, len(dataset), rows):
        yield dataset[start : start + rows]


def _finite(slab: Any) -> bool:
    import numpy as np

    values = np.asarray(slab)
    if values.dtype.kind == "f":
        return bool(np.isfinite(values).all())
    if values.dtype.itemsize != 2:
        return True
    exponent = 0x7F80  # of bfloat16; all ones are NaN or infinity
    return not bool(((np.ascontiguousarray(values).view(np.uint16) & exponent) == exponent).any())
