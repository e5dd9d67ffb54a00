"""Mutations of a file: changed bits, bytes and numbers, moved or inserted parts, and splices of two files.

JSON is also mutated as JSON, so that it remains valid.
"""

from __future__ import annotations

import json
import random
from typing import Any

__all__ = ["mutate"]

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


def mutate(data: bytes, rng: random.Random, words: tuple[bytes, ...], other: bytes) -> bytes:
    """Return `data` with one to six mutations.

    Args:
        data: the content of a file.
        rng: the random number generator.
        words: texts that the format gives a meaning, to be inserted.
        other: a second file of the same format, to take parts from.
    """
    if data[:1] == b"{" and rng.random() < 0.6:
        data = _mutate_json(data, rng)
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 3, 6))):
        _change(changed, rng, words, other)
    return bytes(changed)


def _change(data: bytearray, rng: random.Random, words: tuple[bytes, ...], other: bytes) -> None:
    start, length = rng.randrange(len(data) + 1), rng.choice((1, 2, 4, 8, 32, 200))
    kind = rng.randrange(9)
    if kind == 0 and start < len(data):
        data[start] ^= 1 << rng.randrange(8)
    elif kind == 1 and start < len(data):
        data[start] = rng.choice(_ODD_BYTES)
    elif kind == 2:
        size = rng.choice((2, 4, 8))
        data[start : start + size] = (rng.choice(_ODD_NUMBERS) % (1 << 8 * size)).to_bytes(
            size, rng.choice(("little", "big"))
        )
    elif kind == 3:
        del data[start : start + length]
    elif kind == 4:
        data[start:start] = data[start : start + length] * rng.choice((1, 2, 50))
    elif kind == 5:
        data[start:start] = rng.choice(words)
    elif kind == 6:
        data[start : start + length] = rng.choice(words)
    elif kind == 7 and other:
        source = rng.randrange(len(other))
        data[start : start + length] = other[source : source + length]
    elif rng.random() < 0.2:
        del data[start:]


def _mutate_json(data: bytes, rng: random.Random) -> bytes:
    """Change, remove or nest values of a JSON text, so that it remains JSON."""
    try:
        document = json.loads(data)
    except ValueError:
        return data
    places = list(_places(document))
    for _ in range(rng.choice((1, 2, 4))):
        holder, key = rng.choice(places)
        kind = rng.randrange(4)
        if kind == 0 and isinstance(holder, dict):
            holder.pop(key, None)
        elif kind == 1:
            _put(holder, key, rng.choice(_ODD_VALUES))
        elif kind == 2:
            source, wanted = rng.choice(places)
            _put(holder, key, json.loads(json.dumps(source[wanted])) if _has(source, wanted) else [])
        elif _has(holder, key):
            _put(holder, key, [holder[key]] * rng.choice((1, 2, 30)))
    return json.dumps(document).encode()


def _places(node: Any) -> list[tuple[Any, Any]]:
    places, stack = [], [node]
    while stack:
        holder = stack.pop()
        items = holder.items() if isinstance(holder, dict) else enumerate(holder)
        for key, value in items:
            places.append((holder, key))
            if isinstance(value, dict | list):
                stack.append(value)
    return places


def _has(holder: Any, key: Any) -> bool:
    return key in holder if isinstance(holder, dict) else key < len(holder)


def _put(holder: Any, key: Any, value: Any) -> None:
    if isinstance(holder, dict) or key < len(holder):
        holder[key] = value
