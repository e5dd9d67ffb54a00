"""Settings of `kcheck code`: [tool.kcheck.code] of a pyproject.toml, and the flags, which win."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from keras_consistency_cli.config.pyproject import read_code_table
from keras_consistency_cli.config.strict_yaml import Document
from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.text import clean, did_you_mean, split_words

__all__ = ["CODE_FORMATS", "CodeSettings", "load_code_settings"]

CODE_FORMATS = ("terminal", "concise", "json", "junit", "sarif", "github", "markdown", "html")
"""The formats of `kcheck code`, as in `kcheck run`."""
_KEYS = {
    "select": "a list of rules: codes, beginnings of codes or names",
    "ignore": "a list of rules: codes, beginnings of codes or names",
    "exclude": "a list of patterns of files",
    "model": "a path to a .keras file",
    "scaler": "a path to a saved scaler",
    "fail_on": "fail or warn",
    "format": ", ".join(CODE_FORMATS),
}
_LISTS = ("select", "ignore", "exclude")


@dataclass(frozen=True, kw_only=True)
class CodeSettings:
    """What to read, which rules to use, and when to fail."""

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    model: Path | None = None
    scaler: Path | None = None
    fail_on: Literal["fail", "warn"] = "fail"
    format: tuple[str, ...] = ("terminal",)


def load_code_settings(flags: Mapping[str, object], folder: Path) -> CodeSettings:
    """Return the settings of the pyproject.toml in a folder, replaced by the flags that are given.

    Raises:
        UsageError: names the key, its line and what was expected.
    """
    document = read_code_table(folder)
    stated = _checked(document) if document is not None else {}
    values = {**stated, **{name: value for name, value in flags.items() if value not in (None, [], False)}}
    return CodeSettings(
        select=_words(values.get("select")),
        ignore=_words(values.get("ignore")),
        exclude=_words(values.get("exclude")),
        model=_path(values.get("model")),
        scaler=_path(values.get("scaler")),
        fail_on=_threshold(values.get("fail_on", "fail")),
        format=_words(values.get("format")) or ("terminal",),
    )


def _words(value: object) -> tuple[str, ...]:
    words = value if isinstance(value, list) else [value] if value is not None else []
    return tuple(split_words(map(str, words)))


def _path(value: object) -> Path | None:
    return Path(str(value)) if value is not None else None


def _threshold(value: object) -> Literal["fail", "warn"]:
    if value == "warn":
        return "warn"
    if value == "fail":
        return "fail"
    raise UsageError(f"--fail-on {clean(value, 60)} is unknown", expected="fail or warn")


def _checked(document: Document) -> dict[str, object]:
    """Return the table, if every key is known and has the right type."""
    for key, value in document.data.items():
        place = document.place(str(key))
        if key not in _KEYS:
            raise UsageError(
                f"{place}: unknown key {clean(key, 60)}{did_you_mean(str(key), _KEYS)}",
                expected=", ".join(_KEYS),
            )
        is_list = isinstance(value, list) and all(isinstance(each, str) for each in value)
        is_text = isinstance(value, str) and bool(value)
        if not (is_text or (is_list and key in (*_LISTS, "format"))):
            raise UsageError(f"{place}: {key} is not valid", expected=_KEYS[key])
        if key == "fail_on" and value not in ("fail", "warn"):
            raise UsageError(f"{place}: fail_on is not valid", expected=_KEYS[key])
        if key == "format" and any("=" in word for word in _words(value)):
            raise UsageError(
                f"{place}: format names a file; kcheck found this file by itself, and does not write for it",
                fix="use --format FORMAT=FILE",
            )
    return {str(key): value for key, value in document.data.items()}
