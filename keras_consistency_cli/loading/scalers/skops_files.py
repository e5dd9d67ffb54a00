"""A .skops reader that runs nothing: the zip and its schema.json, read with caps into the same inert data as a pickle."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from keras_consistency_cli.loading.scalers.inert_objects import (
    ESTIMATORS,
    HELPERS,
    TYPES,
    Contents,
    DamagedError,
    Instance,
    Name,
    NotAllowedError,
    flat_key,
)
from keras_consistency_cli.loading.scalers.numpy_parts import (
    NDARRAY,
    Budget,
    array_bytes,
    array_from,
    dtype_of,
    object_array,
)

__all__ = ["read_skops"]

_MAX_UNPACKED = 256 << 20
_MAX_MEMBERS = 10_000
_MAX_NODES = 200_000
_NEWEST_PROTOCOL = 2

_PLAIN = frozenset(Name(module="builtins", name=name) for name in ("dict", "list", "tuple", "slice", "str"))
_NUMPY = frozenset((NDARRAY, Name(module="numpy", name="dtype")))
_KEYS: dict[type, Callable[[str], Any]] = {str: str, int: int, float: float}
"""How a dictionary key, always text in JSON, turns into the type that schema.json notes for it."""


def read_skops(raw: bytes, *, trust: bool = False) -> Contents:
    """Return what a .skops file holds, without skops and without importing anything it names.

    Args:
        raw: the whole file.
        trust: let names off the allow-list pass as inert instances, so that the file can be described.

    Raises:
        NotAllowedError: the file wants something that no scaler needs.
        DamagedError: it is no whole .skops file.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            members = _members(archive)
            schema = json.loads(archive.read(members["schema.json"]))
            reader = _Reader(archive, members, trust=trust)
            top = reader.value(_checked_schema(schema))
    except (NotAllowedError, DamagedError):
        raise
    except Exception as error:  # whatever a hostile file trips over here, it is no file that skops wrote
        raise DamagedError(f"it is no whole .skops file ({type(error).__name__}: {error})") from error
    known = frozenset((*ESTIMATORS, *HELPERS, *TYPES, *_PLAIN, *_NUMPY))
    foreign = tuple(str(name) for name in reader.wants if name not in known)
    return Contents(top=top, wants=tuple(str(name) for name in reader.wants), foreign=foreign)


def _members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    found = archive.infolist()
    members = {member.filename: member for member in found}
    if len(found) > _MAX_MEMBERS or sum(member.file_size for member in found) > _MAX_UNPACKED:
        raise NotAllowedError(f"more than {_MAX_MEMBERS} members or {_MAX_UNPACKED >> 20} MiB in its zip")
    if len(members) != len(found):
        raise NotAllowedError("two members of one name in its zip")
    if "schema.json" not in members:
        raise DamagedError("it is a zip without schema.json, which skops always writes")
    return members


def _checked_schema(schema: Any) -> dict[str, Any]:
    protocol = schema.get("protocol") if isinstance(schema, dict) else None
    if type(protocol) is not int or not 0 <= protocol <= _NEWEST_PROTOCOL:
        raise DamagedError(f"its skops protocol is not one of 0 to {_NEWEST_PROTOCOL}")
    checked: dict[str, Any] = schema
    return checked


class _Reader:
    """Turns the nodes of schema.json into inert values."""

    def __init__(
        self, archive: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo], *, trust: bool
    ) -> None:
        self._archive, self._members, self._trust = archive, members, trust
        self._nodes, self._budget = 0, Budget()
        self.wants: dict[Name, None] = {}

    def value(self, node: Any) -> Any:
        """Return what one node stands for."""
        self._nodes += 1
        if self._nodes > _MAX_NODES:
            raise NotAllowedError(f"more than {_MAX_NODES} objects")
        kind = Name(module=_text(node["__module__"]), name=_text(node["__class__"]))
        self.wants[kind] = None
        read = _LOADERS.get(_text(node["__loader__"]))
        if read is not None:
            return read(self, node, kind)
        return self._foreign(kind)

    def _foreign(self, kind: Name) -> Instance:
        if not self._trust:
            raise NotAllowedError(str(kind), liftable=True)
        return Instance(kind=kind)

    def _object(self, node: dict[str, Any], kind: Name) -> Instance:
        if kind not in ESTIMATORS and kind not in HELPERS:
            return self._foreign(kind)
        state = self.value(node["content"])
        if type(state) is not dict:
            raise NotAllowedError(f"a {kind.name} whose state is no dictionary")
        return Instance(kind=kind, state=state)

    def _dict(self, node: dict[str, Any], kind: Name) -> Any:
        if kind.name != "dict" or kind not in _PLAIN:
            return self._foreign(kind)
        types = self.value(node["key_types"])
        pairs = zip(types, node["content"].items(), strict=True)
        return {flat_key(_key(wanted, key)): self.value(value) for wanted, (key, value) in pairs}

    def _list(self, node: dict[str, Any], kind: Name) -> Any:
        return [self.value(item) for item in node["content"]] if kind in _PLAIN else self._foreign(kind)

    def _tuple(self, node: dict[str, Any], kind: Name) -> Any:
        return tuple(self.value(item) for item in node["content"]) if kind in _PLAIN else self._foreign(kind)

    def _slice(self, node: dict[str, Any], _: Name) -> slice:
        parts = [node["content"][part] for part in ("start", "stop", "step")]
        if not all(type(part) in (int, str, type(None)) for part in parts):
            raise NotAllowedError("a slice of something else than numbers or names")
        return slice(*parts)

    def _json(self, node: dict[str, Any], _: Name) -> Any:
        return json.loads(_text(node["content"]))

    def _type(self, _: dict[str, Any], kind: Name) -> Name:
        if kind not in TYPES and not self._trust:
            raise NotAllowedError(str(kind), liftable=True)
        return kind

    def _dtype(self, node: dict[str, Any], _: Name) -> np.dtype[Any]:
        # skops saves a dtype as an empty array of it, and that of object as a list without items
        array = self.value(node["content"])
        return dtype_of(getattr(array, "dtype", None))

    def _array(self, node: dict[str, Any], kind: Name) -> Any:
        if kind not in TYPES and kind != NDARRAY:
            return self._foreign(kind)
        if node["type"] == "json":
            return object_array(list(self._items(node["content"], 0)), self.value(node["shape"]))
        array = _npy(self._archive.read(self._members[_text(node["file"])]))
        self._budget.spend(array)
        return array if kind == NDARRAY else array[()]

    def _items(self, nodes: list[Any], depth: int) -> list[Any]:
        """The items of an object array: a list of nodes, nested where it has more than one axis."""
        found: list[Any] = []
        for node in nodes:
            nested = node["__loader__"] == "ListNode" and depth < 32
            found.extend(self._items(node["content"], depth + 1) if nested else [self.value(node)])
        return found


def _text(value: Any) -> str:
    if type(value) is not str:
        raise DamagedError("a name in its schema.json is no text")
    return value


def _key(wanted: Any, key: str) -> Any:
    kind = TYPES.get(wanted) if isinstance(wanted, Name) else None
    if kind is not None and kind in _KEYS:
        return _KEYS[kind](key)
    if kind is not None and issubclass(kind, np.integer):
        return int(key)
    raise NotAllowedError("a dictionary whose keys are not plain strings or numbers")


def _npy(data: bytes) -> np.ndarray:
    """Read a .npy member, its header first, so that no array is made before its size is known."""
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = header(stream)
    array_bytes(dtype, shape)
    return array_from(stream.read(), dtype, shape, "F" if fortran else "C")


_LOADERS: dict[str, Callable[[_Reader, dict[str, Any], Name], Any]] = {
    "ObjectNode": _Reader._object, "DictNode": _Reader._dict, "ListNode": _Reader._list, "TupleNode": _Reader._tuple, "SliceNode": _Reader._slice,
    "JsonNode": _Reader._json, "TypeNode": _Reader._type, "DTypeNode": _Reader._dtype, "NdArrayNode": _Reader._array,
}  # fmt: skip
