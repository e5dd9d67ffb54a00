"""Reader of an unambiguous subset of YAML that keeps the line of every key.

Anchors, aliases, merge keys, tags, duplicate keys and several documents are refused, and so are plain words
that YAML 1.1 and YAML 1.2 read differently (`yes`, `017`, `1:30`, `1_000`, `2020-01-01`). Size, depth and
number of nodes are limited, so that reading always ends quickly.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NoReturn

import yaml

from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.text import clean

__all__ = ["Document", "KeyPath", "parse_yaml", "plain_scalar", "read_yaml"]

KeyPath = tuple[str | int, ...]
"""The path of a value: keys of mappings and positions in lists, as in ("custom_objects", 0)."""

Scalar = str | int | float | bool | None

_MOST_BYTES = 64 * 1024
_EXPECTED = "a YAML file with options of kcheck"
_WRITE_ONE = "'kcheck init MODEL' writes one"
_MOST_NODES = 5_000
_DEEPEST = 16
_MOST_DIGITS = 18

_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?")
_WORDS: Mapping[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((f"{sign}.{word}" for sign in ("", "+") for word in ("inf", "Inf", "INF")), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
}
_AMBIGUOUS = re.compile(
    r"(?i:yes|no|on|off)"
    r"|[-+]?0[0-9]+|[-+]?0[xX][0-9a-fA-F_]+|[-+]?0[oObB][0-7_]+"
    r"|[-+]?[0-9][0-9_.]*_[0-9_.]*(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9]*)?"
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt \t].*)?"
)


@dataclass(frozen=True, kw_only=True)
class Document:
    """A mapping read from YAML: its data, and the line (from 1) of each key or list item."""

    name: str
    data: Mapping[str, Any]
    lines: Mapping[KeyPath, int] = field(default_factory=dict)

    def place(self, *path: str | int) -> str:
        """Return the file and the line of a key, for messages."""
        line = self.lines.get(path)
        return f"{self.name}:{line}" if line else self.name


def read_yaml(path: Path, *, larger: int = 1) -> Document:
    """Read a YAML file; raises UsageError with the file, the line and a fix.

    Args:
        path: the file.
        larger: how many times larger than a file of options it may be.
    """
    shown = clean(path)
    try:
        if not path.is_file():
            raise UsageError(
                f"{shown}: {'not a regular file' if path.exists() else 'no such file'}",
                expected=_EXPECTED,
                fix=_WRITE_ONE,
            )
        with path.open("rb") as stream:
            content = stream.read(_MOST_BYTES * larger + 1)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{shown}: cannot be read: {clean(getattr(error, 'strerror', None) or error)}"
        ) from None
    return parse_yaml(content, shown, larger=larger)


def parse_yaml(content: bytes, name: str, *, larger: int = 1) -> Document:
    """Parse UTF-8 YAML whose top level is a mapping (or empty); messages call the file `name`."""
    if len(content) > _MOST_BYTES * larger:
        raise UsageError(f"{name}: larger than {_MOST_BYTES * larger // 1024} KiB")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # A zip archive, such as a model, has no lines.
        line = content.count(b"\n", 0, error.start) + 1
        place = name if content.startswith(b"PK") else f"{name}:{line}"
        raise UsageError(f"{place}: not UTF-8 text", expected=_EXPECTED, fix=_WRITE_ONE) from None
    try:
        return _Reader(name, text, _MOST_NODES * larger).document()
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise UsageError(f"{name}:{line}: a control character, which YAML does not allow") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = f"{name}:{mark.line + 1}, column {mark.column + 1}" if mark else name
        raise UsageError(
            f"{at}: not valid YAML: {clean(error.problem or error.context or 'unreadable')}"
        ) from None


def plain_scalar(text: str) -> Scalar:
    """Return the value of an unquoted YAML word: None, a bool, an int, a float or the text itself.

    Raises:
        ValueError: YAML readers disagree about the word, or it is a number out of range.
    """
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        if len(text.lstrip("+-")) > _MOST_DIGITS:
            raise ValueError(f"'{clean(text, 40)}' has too many digits")
        return int(text)
    if _AMBIGUOUS.fullmatch(text):
        raise ValueError(f"'{clean(text, 40)}' is ambiguous")
    if not _FLOAT.fullmatch(text):
        return text
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"'{clean(text, 40)}' is too large for a number")
    return number


class _Reader:
    """Builds plain data from parser events in one pass, so that a refused file is never held as a whole."""

    def __init__(self, name: str, text: str, most_nodes: int) -> None:
        self._name, self._most_nodes = name, most_nodes
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=yaml.SafeLoader)
        self._lines: dict[KeyPath, int] = {}
        self._nodes = 0

    def document(self) -> Document:
        """Read the whole stream, which must contain one mapping or nothing."""
        data: object = None
        documents = 0
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._refuse(event, "a second document starts here", "one document per file")
                first = next(self._events)
                data = self._value(first, ())
                if data is not None and not isinstance(data, dict):
                    self._refuse(first, f"{_form(data)} at the top level", "options as 'name: value' lines")
        return Document(name=self._name, data=data if isinstance(data, dict) else {}, lines=self._lines)

    def _value(self, event: yaml.Event, path: KeyPath) -> Any:
        self._admit(event, path)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        return self._mapping(path) if isinstance(event, yaml.MappingStartEvent) else self._sequence(path)

    def _admit(self, event: yaml.Event, path: KeyPath) -> None:
        """Refuse what makes YAML unsafe or unbounded, before a value is built from it."""
        self._nodes += 1
        if self._nodes > self._most_nodes:
            self._refuse(event, f"more than {self._most_nodes} values")
        if len(path) > _DEEPEST:
            self._refuse(event, f"nested deeper than {_DEEPEST} levels")
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            self._refuse(
                event, "anchors and aliases are not accepted", fix="write the value out where it is needed"
            )
        if tag := getattr(event, "tag", None):
            self._refuse(
                event, f"the tag '{clean(tag, 60)}' is not accepted", fix="write the value without a tag"
            )

    def _scalar(self, event: yaml.ScalarEvent) -> Scalar:
        if not event.implicit[0]:
            return str(event.value)
        try:
            return plain_scalar(event.value)
        except ValueError as error:
            self._refuse(
                event, str(error), fix="write true or false or a plain decimal number, or put text in quotes"
            )

    def _mapping(self, path: KeyPath) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event, path)
            if key in found:
                first = self._lines[*path, key]
                self._refuse(event, f"the key '{clean(key, 60)}' appears twice (first on line {first})")
            self._lines[*path, key] = _line(event)
            found[key] = self._value(next(self._events), (*path, key))
        return found

    def _key(self, event: yaml.Event, path: KeyPath) -> str:
        self._admit(event, path)
        key = self._scalar(event) if isinstance(event, yaml.ScalarEvent) else None
        if not isinstance(key, str):
            self._refuse(event, "a key is not text", fix="put the key in quotes")
        if key == "<<" and isinstance(event, yaml.ScalarEvent) and event.implicit[0]:
            self._refuse(
                event, "merge keys are not accepted", fix="write the values out where they are needed"
            )
        return key

    def _sequence(self, path: KeyPath) -> list[Any]:
        found: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            self._lines[*path, len(found)] = _line(event)
            found.append(self._value(event, (*path, len(found))))
        return found

    def _refuse(
        self, event: yaml.Event, what: str, expected: str | None = None, fix: str | None = None
    ) -> NoReturn:
        raise UsageError(f"{self._name}:{_line(event)}: {what}", expected=expected, fix=fix)


def _form(value: object) -> Literal["a list", "a single value"]:
    return "a list" if isinstance(value, list) else "a single value"


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1
