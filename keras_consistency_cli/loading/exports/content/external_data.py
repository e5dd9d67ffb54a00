"""Which files an ONNX file needs besides itself. It is read as data; no runtime is imported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from keras_consistency_cli.loading.exports.content.protobuf import fields_inside, read_fields, read_text

__all__ = ["external_data", "is_outside"]

_GRAPH, _INITIALIZER, _EXTERNAL, _KEY, _VALUE = 7, 5, 13, 1, 2
"""Fields of ModelProto, GraphProto, TensorProto and StringStringEntryProto (onnx/onnx.proto)."""

_LONGEST_NAME = 255
"""No file system has longer ones."""


def external_data(path: Path) -> Mapping[str, int]:
    """Return the names of the files that hold weights, and how many bytes each must have.

    Files outside the folder are left out, and all of them if the file cannot be read: the runtime refuses it.
    """
    needed: dict[str, int] = {}
    try:
        with path.open("rb") as file:
            for entries in _tensors(file):
                name = entries.get("location", "")
                end = int(entries.get("offset", "0")) + int(entries.get("length", "0"))
                if 0 < len(name.encode()) <= _LONGEST_NAME and not is_outside(name):
                    needed[name] = max(needed.get(name, 0), end)
    except (OSError, ValueError):
        return {}
    return needed


def is_outside(name: str) -> bool:
    """Whether a file is outside the folder in which it is looked for."""
    location = PurePosixPath(name)
    return location.is_absolute() or ".." in location.parts


def _tensors(file: BinaryIO) -> Iterator[dict[str, str]]:
    """Yield the entries about external data of each tensor that has some."""
    for graph in fields_inside(file, None, _GRAPH):
        for tensor in fields_inside(file, graph, _INITIALIZER):
            entries = [
                list(read_fields(file, each.begin, each.end))
                for each in fields_inside(file, tensor, _EXTERNAL)
            ]
            texts = [{field.number: read_text(file, field) for field in entry} for entry in entries]
            if texts:
                yield {text.get(_KEY, ""): text.get(_VALUE, "") for text in texts}
