"""Read the fields of a protobuf message without its definition. Contents are skipped, not loaded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

__all__ = ["Field", "fields_inside", "read_fields", "read_text"]

_MOST_FIELDS = 100_000
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_WIDTHS = {_FIXED64: 8, _FIXED32: 4}


class Field(NamedTuple):
    """A field of a message, and where its content begins and ends in the file."""

    number: int
    begin: int
    end: int


def read_fields(file: BinaryIO, begin: int = 0, end: int | None = None) -> Iterator[Field]:
    """Yield the fields of the message in a part of a file.

    Raises:
        ValueError: it is not a protobuf message.
    """
    size = file.seek(0, 2) if end is None else end
    position = begin
    for _ in range(_MOST_FIELDS):
        if position == size:
            return
        file.seek(position)
        tag = _varint(file)
        number, wire = tag >> 3, tag & 7
        if wire not in (_VARINT, _BYTES, *_WIDTHS):
            raise ValueError("a field is of no known kind")
        length = _varint(file) if wire in (_VARINT, _BYTES) else _WIDTHS[wire]
        content = file.tell()
        position = content if wire == _VARINT else content + length
        if position > size:
            raise ValueError("a field ends behind the message")
        yield Field(number=number, begin=content, end=position)
    raise ValueError("too many fields")


def fields_inside(file: BinaryIO, message: Field | None, number: int) -> list[Field]:
    """Return the fields of one number in a message, by default the file as a whole.

    Raises:
        ValueError: it is not a protobuf message.
    """
    begin, end = (0, None) if message is None else (message.begin, message.end)
    return [field for field in read_fields(file, begin, end) if field.number == number]


def read_text(file: BinaryIO, field: Field) -> str:
    """Return the content of a field as text."""
    file.seek(field.begin)
    return file.read(field.end - field.begin).decode("utf-8", "replace")


def _varint(file: BinaryIO) -> int:
    value = 0
    for shift in range(0, 64, 7):
        byte = file.read(1)
        if not byte:
            raise ValueError("the file ends in a number")
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
    raise ValueError("a number is too long")
