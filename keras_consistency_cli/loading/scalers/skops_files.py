"""A reader for .skops files that runs nothing in them.

It reads the zip and its schema.json, within limits, into the same inert objects as the pickle reader.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from keras_consistency_cli.loading.scalers.allow_list import ESTIMATORS, FUNCTIONS, HELPERS, TYPES
from keras_consistency_cli.loading.scalers.inert_objects import (
    Contents,
    DamagedError,
    Instance,
    Name,
    NotAllowedError,
    require_plain_key,
)
from keras_consistency_cli.loading.scalers.numpy_parts import (
    NDARRAY,
    Budget,
    build_array,
    build_object_array,
    count_array_bytes,
    parse_dtype,
)

__all__ = ["read_skops"]

_MAX_UNPACKED = 256 << 20
_MAX_MEMBERS = 10_000
_MAX_NODES = 200_000
_NEWEST_PROTOCOL = 2

_PLAIN = frozenset(Name(module="builtins", name=name) for name in ("dict", "list", "tuple", "slice", "str"))
_NUMPY = frozenset((NDARRAY, Name(module="numpy", name="dtype")))
_ALLOWED_NAMES = frozenset((*ESTIMATORS, *HELPERS, *TYPES, *FUNCTIONS, *_PLAIN, *_NUMPY))
_KEYS: dict[type, Callable[[str], Any]] = {str: str, int: int, float: float}
"""Conversions of a dictionary key, always text in JSON, to the type that schema.json gives for it."""

Node = dict[str, Any]


def read_skops(raw: bytes, *, trust: bool = False) -> Contents:
    """Return the contents of a .skops file, without an import of anything in it.

    Args:
        raw: the whole file.
        trust: let names off the allow-list pass as inert instances, so that the file can be described.

    Raises:
        NotAllowedError: the file asks for something that no scaler needs.
        DamagedError: it is not a complete .skops file.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            members = _list_members(archive)
            schema = json.loads(archive.read(members["schema.json"]))
            reader = _Reader(archive, members, trust=trust)
            top = reader.read(_check_schema(schema))
    except (NotAllowedError, DamagedError):
        raise
    except Exception as error:  # a hostile file fails in any way; a file of skops never does
        raise DamagedError(f"it is not a complete .skops file ({type(error).__name__}: {error})") from error
    return Contents.of(top, reader.wants, _ALLOWED_NAMES)


def _list_members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    entries = archive.infolist()
    members = {entry.filename: entry for entry in entries}
    if len(entries) > _MAX_MEMBERS or sum(entry.file_size for entry in entries) > _MAX_UNPACKED:
        raise NotAllowedError(f"more than {_MAX_MEMBERS} members or {_MAX_UNPACKED >> 20} MiB in its zip")
    if len(members) != len(entries):
        raise NotAllowedError("two members of one name in its zip")
    if "schema.json" not in members:
        raise DamagedError("it is a zip without schema.json, which skops always writes")
    return members


def _check_schema(schema: Any) -> Node:
    protocol = schema.get("protocol") if isinstance(schema, dict) else None
    if type(protocol) is not int or not 0 <= protocol <= _NEWEST_PROTOCOL:
        raise DamagedError(f"its skops protocol is not one of 0 to {_NEWEST_PROTOCOL}")
    node: Node = schema
    return node


class _Reader:
    """Turns the nodes of schema.json into inert values."""

    def __init__(
        self, archive: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo], *, trust: bool
    ) -> None:
        self._archive, self._members, self._trust = archive, members, trust
        self._node_count, self._budget = 0, Budget()
        self.wants: dict[Name, None] = {}

    def read(self, node: Node) -> Any:
        """Return the value of one node."""
        self._node_count += 1
        if self._node_count > _MAX_NODES:
            raise NotAllowedError(f"more than {_MAX_NODES} objects")
        kind = Name(module=_require_text(node["__module__"]), name=_require_text(node["__class__"]))
        self.wants[kind] = None
        read = _LOADERS.get(_require_text(node["__loader__"]))
        return self.create_foreign(kind) if read is None else read(self, node, kind)

    def create_foreign(self, kind: Name) -> Instance:
        """Return an instance of a class off the allow-list, if the user trusts the file."""
        if not self._trust:
            raise NotAllowedError(str(kind), liftable=True)
        return Instance(kind=kind)

    def read_object(self, node: Node, kind: Name) -> Instance:
        """Return an estimator, or a helper of one."""
        if kind not in ESTIMATORS and kind not in HELPERS:
            return self.create_foreign(kind)
        state = self.read(node["content"])
        if type(state) is not dict:
            raise NotAllowedError(f"a {kind.name} with a state that is not a dictionary")
        return Instance(kind=kind, state=state)

    def read_dict(self, node: Node, kind: Name) -> Any:
        """Return a dictionary with keys of their original types."""
        if kind.name != "dict" or kind not in _PLAIN:
            return self.create_foreign(kind)
        key_types = self.read(node["key_types"])
        pairs = zip(key_types, node["content"].items(), strict=True)
        return {
            require_plain_key(_convert_key(key_type, key)): self.read(value)
            for key_type, (key, value) in pairs
        }

    def read_list(self, node: Node, kind: Name) -> Any:
        """Return a list."""
        if kind not in _PLAIN:
            return self.create_foreign(kind)
        return [self.read(item) for item in node["content"]]

    def read_tuple(self, node: Node, kind: Name) -> Any:
        """Return a tuple."""
        if kind not in _PLAIN:
            return self.create_foreign(kind)
        return tuple(self.read(item) for item in node["content"])

    def read_slice(self, node: Node, _: Name) -> slice:
        """Return a slice of numbers or names."""
        parts = [node["content"][part] for part in ("start", "stop", "step")]
        if not all(type(part) in (int, str, type(None)) for part in parts):
            raise NotAllowedError("a slice of something other than numbers or names")
        return slice(*parts)

    def read_json(self, node: Node, _: Name) -> Any:
        """Return a plain value, written as JSON within the JSON."""
        return json.loads(_require_text(node["content"]))

    def read_type(self, _: Node, kind: Name) -> Name:
        """Return the name of a type."""
        if kind not in TYPES and not self._trust:
            raise NotAllowedError(str(kind), liftable=True)
        return kind

    def read_function(self, _: Node, kind: Name) -> Any:
        """Return the name of a function of NumPy."""
        return kind if kind in FUNCTIONS else self.create_foreign(kind)

    def read_dtype(self, node: Node, _: Name) -> np.dtype[Any]:
        """Return a dtype.

        skops saves it as an empty array of this dtype, and the dtype of objects as a list without items.
        """
        array = self.read(node["content"])
        return parse_dtype(getattr(array, "dtype", None))

    def read_array(self, node: Node, kind: Name) -> Any:
        """Return an array from a .npy member or from a list of items, or a NumPy number."""
        if kind not in TYPES and kind != NDARRAY:
            return self.create_foreign(kind)
        if node["type"] == "json":
            return build_object_array(self._list_items(node["content"], 0), self.read(node["shape"]))
        array = _read_npy(self._archive.read(self._members[_require_text(node["file"])]))
        self._budget.spend(array)
        return array if kind == NDARRAY else array[()]

    def _list_items(self, nodes: list[Node], depth: int) -> list[Any]:
        """The items of an object array: its nodes are nested if it has more than one axis."""
        items: list[Any] = []
        for node in nodes:
            is_nested = node["__loader__"] == "ListNode" and depth < 32
            items.extend(self._list_items(node["content"], depth + 1) if is_nested else [self.read(node)])
        return items


def _require_text(value: Any) -> str:
    if type(value) is not str:
        raise DamagedError("a name in its schema.json is not text")
    return value


def _convert_key(key_type: Any, key: str) -> Any:
    kind = TYPES.get(key_type) if isinstance(key_type, Name) else None
    if kind is not None and kind in _KEYS:
        return _KEYS[kind](key)
    if kind is not None and issubclass(kind, np.integer):
        return int(key)
    raise NotAllowedError("a dictionary with keys other than plain strings or numbers")


def _read_npy(data: bytes) -> np.ndarray:
    """Read a .npy member.

    Its header comes first, so that no array is created before its size is known.
    """
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    is_first = version == (1, 0)
    read_header = np.lib.format.read_array_header_1_0 if is_first else np.lib.format.read_array_header_2_0
    shape, is_fortran, dtype = read_header(stream)
    count_array_bytes(dtype, shape)
    return build_array(stream.read(), dtype, shape, "F" if is_fortran else "C")


_LOADERS: dict[str, Callable[[_Reader, Node, Name], Any]] = {
    "ObjectNode": _Reader.read_object,
    "DictNode": _Reader.read_dict,
    "ListNode": _Reader.read_list,
    "TupleNode": _Reader.read_tuple,
    "SliceNode": _Reader.read_slice,
    "JsonNode": _Reader.read_json,
    "TypeNode": _Reader.read_type,
    "FunctionNode": _Reader.read_function,
    "DTypeNode": _Reader.read_dtype,
    "NdArrayNode": _Reader.read_array,
}
"""The method for each kind of node; every other kind is foreign."""
