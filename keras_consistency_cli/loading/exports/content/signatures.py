"""Read the names of the signatures that an export has. Files are read as data; no runtime is imported."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from keras_consistency_cli.errors import DataError
from keras_consistency_cli.loading.exports.content.protobuf import fields_inside, read_text
from keras_consistency_cli.loading.exports.spec import KINDS, ExportKind
from keras_consistency_cli.text import clean, did_you_mean

__all__ = ["check_signature"]

_META_GRAPHS, _SIGNATURES, _KEY = 2, 5, 1
"""Fields of TensorFlow's SavedModel, MetaGraphDef, and of an entry of a map (saved_model.proto)."""
_INTERNAL = "__saved_model_"
"""The beginning of names that TensorFlow uses itself."""
_IN_TEXT = re.compile(rb'signature_def\s*\{\s*key:\s*"([^"\\]*)"')
_LITERT_SIGNATURES, _LITERT_KEY = 7, 2
"""Fields of the tables Model and SignatureDef of LiteRT (tflite/schema.fbs)."""
_MOST_SIGNATURES = 1000


def check_signature(path: Path, kind: ExportKind, stated: str) -> None:
    """Refuse a signature that an export does not have; one that cannot be read is left to its runtime.

    Raises:
        DataError: with the signatures that the export has.
    """
    if not stated:
        return
    alone = f"give the file alone: --export {clean(path)}"
    if kind not in _READERS:
        what = (
            f"{clean(path)} (--export) is an {KINDS[kind]} file, which has no signature '{clean(stated, 60)}'"
        )
        raise DataError(what, expected=f"a file without a signature: {KINDS[kind]} has none", fix=alone)
    try:
        names = _READERS[kind](path)
    except (OSError, ValueError, struct.error):
        return
    if stated not in names:
        shown = ", ".join(f"'{clean(name, 60)}'" for name in names)
        what = f"{clean(path)} (--export) has no signature '{clean(stated, 60)}'{did_you_mean(stated, names)}"
        expected = f"one of its signatures: {shown}" if names else "a file without a signature: it has none"
        chosen = f"--export {clean(path)}#{clean(names[0], 60)}" if len(names) == 1 else ""
        raise DataError(what, expected=expected, fix=chosen or alone)


def _saved_model_signatures(path: Path) -> list[str]:
    binary = path / "saved_model.pb"
    if not binary.is_file():
        found = _IN_TEXT.findall((path / "saved_model.pbtxt").read_bytes())
        names = [name.decode("utf-8", "replace") for name in found]
    else:
        with binary.open("rb") as file:
            names = list(_keys_of_signatures(file))
    return [name for name in dict.fromkeys(names) if not name.startswith(_INTERNAL)]


def _keys_of_signatures(file: BinaryIO) -> Iterator[str]:
    for graph in fields_inside(file, None, _META_GRAPHS):
        for entry in fields_inside(file, graph, _SIGNATURES):
            yield from (read_text(file, field) for field in fields_inside(file, entry, _KEY)[:1])


def _litert_signatures(path: Path) -> list[str]:
    content = path.read_bytes()
    signatures = _field(content, _number(content, 0), _LITERT_SIGNATURES)
    if signatures is None:
        return []
    vector = signatures + _number(content, signatures)
    names = []
    for entry in range(min(_number(content, vector), _MOST_SIGNATURES)):
        place = vector + 4 * (entry + 1)
        key = _field(content, place + _number(content, place), _LITERT_KEY)
        if key is not None:
            text = key + _number(content, key)
            names.append(content[text + 4 : text + 4 + _number(content, text)].decode("utf-8", "replace"))
    return names


def _field(content: bytes, table: int, number: int) -> int | None:
    """Return the place of a field of a table of a flatbuffer, None if the table leaves it out."""
    (below,) = struct.unpack_from("<i", content, table)
    layout = table - below
    (size,) = struct.unpack_from("<H", content, layout)
    entry = 4 + 2 * number
    if entry >= size:
        return None
    (offset,) = struct.unpack_from("<H", content, layout + entry)
    return table + int(offset) if offset else None


def _number(content: bytes, place: int) -> int:
    (number,) = struct.unpack_from("<I", content, place)
    return int(number)


_READERS: Mapping[ExportKind, Callable[[Path], list[str]]] = {
    "tf_saved_model": _saved_model_signatures,
    "litert": _litert_signatures,
}
"""The kinds of exports that have signatures."""
