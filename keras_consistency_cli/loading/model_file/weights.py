"""The weights of a saved model, read without Keras.

The result has their shapes and dtypes, and whether every number is finite.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from keras_consistency_cli.errors import RefusedError
from keras_consistency_cli.text import clean, shape_text

if TYPE_CHECKING:
    import h5py
    import numpy as np

__all__ = ["WeightFact", "Weights", "group_names", "read_weights"]

_MIB = 1 << 20
_MAX_OBJECTS = 50_000
_BOMB_FLOOR = 16 * _MIB
_MAX_EXPANSION = 20
"""Real weights hardly compress; a dataset that declares twenty times its stored size would exhaust memory."""
_MAX_TEXTS = 10_000
_SLAB = 64 * _MIB
_FILTERS = frozenset({1, 2, 3})
"""gzip, shuffle and checksum, which every HDF5 library contains; other filters are loaded from plugins."""
_OPTIMIZER = "optimizer/"
_BFLOAT16_EXPONENT = 0x7F80
"""The exponent bits of bfloat16; all ones mean NaN or infinity."""


@dataclass(frozen=True, kw_only=True)
class WeightFact:
    """One stored weight.

    `path` is its place in the file ("layers/dense/vars/0"), `dtype` the name in Keras.
    """

    path: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True, kw_only=True)
class Weights:
    """The content of the weights file; only `stored` includes the variables of the optimizer.

    `nonfinite` are the paths of weights with NaN or infinity. `parameters` counts the numbers of the model,
    seeds included, and `stored` all numbers in the file. `bytes` and `optimizer_bytes` are the sizes of the
    weights and of the variables of the optimizer.
    """

    facts: tuple[WeightFact, ...]
    nonfinite: tuple[str, ...]
    parameters: int
    stored: int
    bytes: int = 0
    optimizer_bytes: int = 0


def group_names(weights: Iterable[WeightFact]) -> tuple[str, ...]:
    """Return the groups that contain weights of a layer: "layers/dense" for "layers/dense/vars/0"."""
    return tuple(dict.fromkeys(weight.path.rpartition("vars/")[0].removesuffix("/") for weight in weights))


def read_weights(stream: BinaryIO) -> Weights:
    """Read an HDF5 weights file.

    Args:
        stream: the file, seekable.

    Raises:
        RefusedError: damaged, or built to read other files, to run plugins or to exhaust memory.
    """
    # libhdf5 reads this when it starts: no filter is ever loaded from a plugin.
    os.environ.setdefault("HDF5_PLUGIN_PRELOAD", "::")
    import h5py

    try:
        with h5py.File(stream, "r") as file:
            return _summarise(_walk_datasets(file))
    except RefusedError:
        raise
    except MemoryError as error:
        raise RefusedError("model.weights.h5 needs more memory than is available") from error
    except Exception as error:  # libhdf5 reports damage with nearly any exception type
        raise RefusedError(
            f"model.weights.h5 inside the archive is damaged ({type(error).__name__}: {clean(error, 120)})",
            fix="copy the file again, or save the model again",
        ) from error


def _summarise(datasets: Iterator[tuple[str, h5py.Dataset]]) -> Weights:
    facts, nonfinite, stored, sizes = [], [], 0, {False: 0, True: 0}
    for path, dataset in datasets:
        _check_dataset(path, dataset)
        stored += math.prod(dataset.shape)
        sizes[path.startswith(_OPTIMIZER)] += math.prod(dataset.shape) * dataset.dtype.itemsize
        if path.startswith(_OPTIMIZER):
            continue
        facts.append(WeightFact(path=path, shape=tuple(dataset.shape), dtype=_dtype_name(dataset)))
        if not all(_is_finite(slab) for slab in _read_slabs(dataset)):
            nonfinite.append(path)
    return Weights(
        facts=tuple(sorted(facts, key=lambda fact: fact.path)),
        nonfinite=tuple(sorted(nonfinite)),
        parameters=sum(math.prod(fact.shape) for fact in facts),
        stored=stored,
        bytes=sizes[False],
        optimizer_bytes=sizes[True],
    )


def _walk_datasets(file: h5py.File) -> Iterator[tuple[str, h5py.Dataset]]:
    """Yield every dataset with its path.

    Only hard links are followed, and no group is entered twice.
    """
    import h5py

    groups, visited, object_count = [("", file)], set(), 0
    while groups:
        prefix, group = groups.pop()
        address = h5py.h5o.get_info(group.id).addr
        if address in visited:
            raise RefusedError(f"model.weights.h5 has a group that contains itself: '{clean(prefix)}'")
        visited.add(address)
        for name in group:
            object_count += 1
            if object_count > _MAX_OBJECTS:
                raise RefusedError(f"model.weights.h5 holds more than {_MAX_OBJECTS:,} objects")
            path, entry = f"{prefix}{name}", _open_entry(group, name, prefix)
            if isinstance(entry, h5py.Group):
                groups.append((f"{path}/", entry))
            else:
                yield path, entry


def _open_entry(group: h5py.Group, name: str, prefix: str) -> h5py.Group | h5py.Dataset:
    import h5py

    shown = clean(f"{prefix}{name}")
    link = group.id.links.get_info(name.encode("utf-8", "surrogateescape"))
    if link.type != h5py.h5l.TYPE_HARD:
        raise RefusedError(
            f"model.weights.h5 contains a soft or external link: '{shown}'",
            expected="groups and datasets only",
        )
    entry = group[name]
    if not isinstance(entry, h5py.Group | h5py.Dataset):
        raise RefusedError(
            f"model.weights.h5 contains a named data type: '{shown}'", expected="groups and datasets only"
        )
    return entry


def _check_dataset(path: str, dataset: h5py.Dataset) -> None:
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
    properties = dataset.id.get_create_plist()
    filters = {properties.get_filter(index)[0] for index in range(properties.get_nfilters())}
    if filters - _FILTERS:
        raise RefusedError(
            f"{shown} uses HDF5 filter {min(filters - _FILTERS)}", expected="gzip, shuffle or checksum only"
        )
    if dataset.dtype.kind == "O":
        _check_texts(shown, dataset)
    _check_expansion(shown, dataset)


def _check_expansion(shown: str, dataset: h5py.Dataset) -> None:
    stored = dataset.id.get_storage_size()
    declared = max(math.prod(dataset.shape), math.prod(dataset.chunks or ())) * dataset.dtype.itemsize
    if declared > max(_BOMB_FLOOR, _MAX_EXPANSION * stored):
        shape = shape_text(dataset.shape)
        raise RefusedError(
            f"{shown} declares the shape {shape}, {declared:,} bytes, but only {stored:,} are stored",
            fix="save the model again; the file is damaged or built to exhaust memory",
        )


def _check_texts(shown: str, dataset: h5py.Dataset) -> None:
    """Refuse texts of variable length that are too many or too long.

    A file may store one text once and refer to it a thousand times; in memory it is then a thousand texts.
    """
    import numpy as np

    what = f"{shown} holds more text than any weight"
    if dataset.size > _MAX_TEXTS:
        raise RefusedError(what, expected=f"at most {_MAX_TEXTS:,} texts")
    length = 0
    for index in np.ndindex(dataset.shape):
        length += len(dataset[index])
        if length > _BOMB_FLOOR:
            raise RefusedError(what, expected=f"at most {_BOMB_FLOOR >> 20} MiB")


def _is_allowed(dtype: np.dtype[Any]) -> bool:
    """Whether the dtype is of numbers or text.

    NumPy knows bfloat16 and float8 only as items of one or two bytes without a meaning.
    """
    import h5py

    if dtype.kind == "O":
        return h5py.check_string_dtype(dtype) is not None
    return dtype.kind in "fiubS" or (
        dtype.kind == "V" and dtype.names is None and dtype.subdtype is None and dtype.itemsize <= 2
    )


def _dtype_name(dataset: h5py.Dataset) -> str:
    return clean(dataset.attrs["dtype"], 20) if "dtype" in dataset.attrs else str(dataset.dtype)


def _read_slabs(dataset: h5py.Dataset) -> Iterator[np.ndarray[Any, np.dtype[Any]]]:
    """Yield the numbers of a float dataset in parts.

    Memory then does not grow with the largest weight.
    """
    if dataset.dtype.kind not in "fV" or 0 in dataset.shape:
        return
    if not dataset.shape:
        yield dataset[()]
        return
    length = max(1, _SLAB * len(dataset) // max(1, dataset.nbytes))
    for start in range(0, len(dataset), length):
        yield dataset[start : start + length]


def _is_finite(slab: np.ndarray[Any, np.dtype[Any]]) -> bool:
    import numpy as np

    values = np.asarray(slab)
    if values.dtype.kind == "f":
        return bool(np.isfinite(values).all())
    if values.dtype.itemsize != 2:
        return True
    bits = np.ascontiguousarray(values).view(np.uint16)
    return not bool(((bits & _BFLOAT16_EXPONENT) == _BFLOAT16_EXPONENT).any())
