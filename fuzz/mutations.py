"""Ways to spoil a file: bits, bytes, numbers, pieces moved, words inserted, two files spliced; JSON is spoilt
as JSON as well.
"""

from __future__ import annotations

import json
import random
from typing import Any

__all__ = ["mutated"]

_ODD_BYTES = (0, 1, 0x7F, 0x80, 0xFF)
_ODD_NUMBERS = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 40, (1 << 63) - 1, (1 << 64) - 1)
_ODD_VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    10**9,
    10**30,
    1.5,
    "",
    "a\n::evil::",
    "\x1b[31m",
    [],
    {},
    [[]],
    {"class_name": "Lambda", "config": {}},
    ["a", 0, 0],
)


def mutated(data: bytes, chance: random.Random, words: tuple[bytes, ...], other: bytes) -> bytes:
    """Return `data` spoilt in one to six places.

    Args:
        data: what is spoilt.
        chance: where chance comes from.
        words: what is worth inserting.
        other: another file of the kind, to take pieces from.
    """
    if data[:1] == b"{" and chance.random() < 0.6:
        data = _as_json(data, chance)
    spoilt = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 3, 6))):
        _spoil(spoilt, chance, words, other)
    return bytes(spoilt)


def _spoil(data: bytearray, chance: random.Random, words: tuple[bytes, ...], other: bytes) -> None:
    at, length = chance.randrange(len(data) + 1), chance.choice((1, 2, 4, 8, 32, 200))
    way = chance.randrange(9)
    if way == 0 and at < len(data):
        data[at] ^= 1 << chance.randrange(8)
    elif way == 1 and at < len(data):
        data[at] = chance.choice(_ODD_BYTES)
    elif way == 2:
        size = chance.choice((2, 4, 8))
        data[at : at + size] = (chance.choice(_ODD_NUMBERS) % (1 << 8 * size)).to_bytes(
            size, chance.choice(("little", "big"))
        )
    elif way == 3:
        del data[at : at + length]
    elif way == 4:
        data[at:at] = data[at : at + length] * chance.choice((1, 2, 50))
    elif way == 5:
        data[at:at] = chance.choice(words)
    elif way == 6:
        data[at : at + length] = chance.choice(words)
    elif way == 7 and other:
        start = chance.randrange(len(other))
        data[at : at + length] = other[start : start + length]
    elif chance.random() < 0.2:
        del data[at:]


def _as_json(data: bytes, chance: random.Random) -> bytes:
    """Change, drop or nest values of a JSON text, so that it stays JSON."""
    try:
        top = json.loads(data)
    except ValueError:
        return data
    places = list(_places(top))
    for _ in range(chance.choice((1, 2, 4))):
        holder, key = chance.choice(places)
        way = chance.randrange(4)
        if way == 0 and isinstance(holder, dict):
            holder.pop(key, None)
        elif way == 1:
            _put(holder, key, chance.choice(_ODD_VALUES))
        elif way == 2:
            source, wanted = chance.choice(places)
            _put(holder, key, json.loads(json.dumps(source[wanted])) if _has(source, wanted) else [])
        elif _has(holder, key):
            _put(holder, key, [holder[key]] * chance.choice((1, 2, 30)))
    return json.dumps(top).encode()


def _places(node: Any) -> list[tuple[Any, Any]]:
    found, stack = [], [node]
    while stack:
        holder = stack.pop()
        items = holder.items() if isinstance(holder, dict) else enumerate(holder)
        for key, value in items:
            found.append((holder, key))
            if isinstance(value, dict | list):
                stack.append(value)
    return found


def _has(holder: Any, key: Any) -> bool:
    return key in holder if isinstance(holder, dict) else key < len(holder)


def _put(holder: Any, key: Any, value: Any) -> None:
    if isinstance(holder, dict) or key < len(holder):
        holder[key] = value
