"""Strict reading of JSON: plain UTF-8, each key once, limited nesting.

Two readers can then never see two different models in the same bytes.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from keras_consistency_cli.errors import RefusedError
from keras_consistency_cli.text import clean

__all__ = ["MAX_CONTAINERS", "parse_object"]

MAX_DEPTH = 100
"""Keras nests four levels for each model inside a model; ordinary configs stay below thirty."""

MAX_CONTAINERS = 500_000
"""Counted in the bytes, before anything is built: a model of 2,000 layers has a fifth of it."""

_FORMS: dict[type, str] = {type(None): "null", bool: "true or false", str: "a text", list: "a list"}
_BYTE_ORDER_MARKS = (b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")
_UTF_8 = "plain UTF-8, as Keras writes it"
_KERAS_CONFIG = "a config written by Keras itself"


def parse_object(data: bytes, member: str) -> dict[str, Any]:
    """Return the JSON object in `data`.

    Args:
        data: the bytes of one member of the archive.
        member: its name, for the message.

    Raises:
        RefusedError: not UTF-8, not JSON, not an object, a key twice in one object, nested deeper than
            `MAX_DEPTH`, or more than `MAX_CONTAINERS` lists and objects.
    """
    if data.startswith(_BYTE_ORDER_MARKS):
        raise RefusedError(f"{member} begins with a byte order mark", expected=_UTF_8)
    if data.count(b"[") + data.count(b"{") > MAX_CONTAINERS:
        raise RefusedError(
            f"{member} holds more than {MAX_CONTAINERS:,} lists and objects", expected=_KERAS_CONFIG
        )
    value = _decode(data, member)
    if not isinstance(value, dict):
        raise RefusedError(f"{member} holds {_FORMS.get(type(value), 'a number')} instead of a JSON object")
    if _is_deeper_than(value, MAX_DEPTH):
        raise _too_deep(member)
    return value


def _decode(data: bytes, member: str) -> object:
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=_build_object)
    except UnicodeDecodeError as error:
        raise RefusedError(f"{member} is not UTF-8 (byte {error.start})", expected=_UTF_8) from error
    except RecursionError as error:
        raise _too_deep(member) from error
    except _RepeatedKeyError as error:
        raise RefusedError(
            f"{member} has the key '{clean(error)}' twice in one object", expected="each key once"
        ) from error
    except ValueError as error:
        raise RefusedError(f"{member} is not valid JSON: {clean(error)}") from error


class _RepeatedKeyError(Exception):
    """A key that occurs twice in one object."""


def _build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries = dict(pairs)
    if len(entries) < len(pairs):
        raise _RepeatedKeyError(Counter(name for name, _ in pairs).most_common(1)[0][0])
    return entries


def _is_deeper_than(value: object, limit: int) -> bool:
    """Whether containers nest deeper than `limit`.

    The walk goes level by level, because recursion has a limit too.
    """
    level = [value]
    for _ in range(limit):
        level = [child for node in level for child in _children(node) if isinstance(child, (dict, list))]
        if not level:
            return False
    return True


def _children(node: object) -> list[object]:
    if isinstance(node, dict):
        return list(node.values())
    return node if isinstance(node, list) else []


def _too_deep(member: str) -> RefusedError:
    return RefusedError(f"{member} nests deeper than {MAX_DEPTH} levels", expected=_KERAS_CONFIG)
