"""Layers of settings: values merged one layer after another, each with its source."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from keras_consistency_cli.config.remote.urls import path_in
from keras_consistency_cli.config.report_targets import relative_to_folder
from keras_consistency_cli.config.strict_yaml import Document, KeyPath, plain_scalar
from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.text import clean, did_you_mean, split_names, split_words

__all__ = ["PATHS", "SCALAR_OPTIONS", "LayeredSettings", "as_list"]


def _as_given(value: object) -> object:
    return value


def as_list(values: str | Iterable[str]) -> list[str]:
    """Return the values as a list; a single text is a list of one."""
    return [values] if isinstance(values, str) else list(values)


def _plain(value: str) -> object:
    """Read a number or truth value as YAML does; unreadable or empty text is left for validation to
    refuse.
    """
    try:
        read = plain_scalar(value)
    except ValueError:
        return value
    return value if read is None else read


def _pair(values: str) -> object:
    """Read two numbers separated by a comma; others are left for validation to refuse."""
    words = split_words(values)
    return [float(word) if isinstance(word, int) else word for word in map(_plain, words)]


def _limits(values: str | Iterable[str]) -> object:
    """Read one limit for all outputs (1e-5), or limits by output name (out0:1e-4)."""
    words = split_words(values)
    named = {name: _plain(limit) for name, colon, limit in (word.rpartition(":") for word in words) if colon}
    if not named:
        return _plain(words[0]) if len(words) == 1 else words
    return named if len(named) == len(words) else words


@dataclass(frozen=True, kw_only=True)
class _Option:
    """The place of a command-line option in Settings, and the reader of its text; lists have no environment
    variable.
    """

    path: KeyPath
    read: Callable[[Any], object] = _as_given
    is_scalar: bool = True


PATHS = ("model", "data", "scaler", "reference", "served", "expected", "target_scaler", "output", "bundle")
"""Options with one path."""
_OPTIONS: Mapping[str, _Option] = {
    **{
        name: _Option(path=(name,))
        for name in (*PATHS, "preprocess", "window", "backend", "fail_on", "color", "isolation")
    },
    "format": _Option(path=("format",), read=as_list),
    **{
        name: _Option(path=(name,), read=_plain)
        for name in (
            "rows",
            "batch_size",
            "seed",
            "timeout",
            "total_timeout",
            "memory_limit",
            "debug",
            "endpoint_requests",
        )
    },
    **{
        name: _Option(path=(name,), read=_plain)
        for name in ("exit_first", "quick", "exit_zero", "quiet", "verbose")
    },
    **{
        name: _Option(path=(name,), read=split_words, is_scalar=False)
        for name in ("select", "ignore", "require", "backends")
    },
    **{name: _Option(path=(name,), read=split_names, is_scalar=False) for name in ("columns", "drop")},
    "custom_objects": _Option(path=("custom_objects",), read=list, is_scalar=False),
    "export": _Option(path=("exports",), read=list, is_scalar=False),
    "endpoint": _Option(path=("endpoints",), read=list, is_scalar=False),
    "try_export": _Option(path=("try_export",), read=split_words, is_scalar=False),
    "value_range": _Option(path=("facts", "value_range"), read=_pair),
    "trust_scaler": _Option(path=("trust", "scaler"), read=_plain),
    "allow_unsafe": _Option(path=("trust", "code"), read=_plain),
    **{name: _Option(path=("tolerance", name), read=_limits) for name in ("rtol", "atol")},
    "exact": _Option(path=("tolerance", "exact"), read=_plain),
}
_LIMITS = ("rtol", "atol", "exact")
SCALAR_OPTIONS = tuple(name for name, option in _OPTIONS.items() if option.is_scalar)
"""Options with one value; each has an environment variable."""
_MERGED_KEYS = ("trust", "facts", "checks")
"""Mappings whose keys are merged; other values are replaced as a whole."""
_ROW_FOR_ROW = ("served", "expected")


def _resolve_paths(values: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Take the paths among the values of a file relative to its folder."""
    for key in PATHS:
        if values.get(key) and isinstance(values[key], str):
            values[key] = path_in(folder, values[key])
    facts = values.get("facts")
    if isinstance(facts, dict) and facts.get("lengths") and isinstance(facts["lengths"], str):
        values["facts"] = {**facts, "lengths": folder / facts["lengths"]}
    function = values.get("preprocess")
    if isinstance(function, str) and function.rpartition(":")[0].endswith(".py"):
        values["preprocess"] = str(folder / function)
    if isinstance(forms := values.get("format"), str | list):
        values["format"] = [
            relative_to_folder(form, folder) if isinstance(form, str) else form for form in as_list(forms)
        ]
    if isinstance(exports := values.get("exports"), list | str):
        values["exports"] = [_export_in(folder, export) for export in as_list(exports)]
    if isinstance(paths := values.get("custom_objects"), list):
        values["custom_objects"] = [
            folder / path if path and isinstance(path, str) else path for path in paths
        ]
    return values


def _export_in(folder: Path, export: object) -> object:
    """Take the path of an export, written alone or with options, relative to a folder."""
    if isinstance(export, Mapping) and isinstance(path := export.get("path"), str) and path:
        return {**export, "path": folder / path}
    return str(folder / export) if isinstance(export, str) and export else export


def _by_output(limits: Mapping[str, Any], spell: Callable[[str], str]) -> Mapping[str, Any]:
    """Turn rtol and atol by output name into pairs by output name.

    If one of them is a plain number, it holds for every output that the other names.
    """
    named = {name: list(value) for name, value in limits.items() if isinstance(value, Mapping)}
    if not named:
        return limits
    outputs = list(dict.fromkeys(output for by_output in named.values() for output in by_output))
    for name, by_output in named.items():
        missing = next((output for output in outputs if output not in by_output), None)
        if missing is not None:
            raise UsageError(
                f"{spell(name)} has no limit for '{clean(missing, 60)}'",
                fix=f"state both for each output; {spell(name)} may be 0",
            )
    return {
        output: {
            name: value[output] if isinstance(value, Mapping) else value for name, value in limits.items()
        }
        for output in outputs
    }


@dataclass(kw_only=True)
class LayeredSettings:
    """Values for Settings, and the source of each. Not frozen, because it grows layer by layer."""

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[KeyPath, str] = field(default_factory=dict)

    def read(self, document: Document, folder: Path) -> None:
        """Apply a file over the previous layers. Its paths are relative to its folder; null for a path means
        none.
        """
        nulls = {key for key, value in document.data.items() if key in PATHS and value is None}
        read = _resolve_paths(
            {key: value for key, value in document.data.items() if key not in nulls}, folder
        )
        before = {key: value for key, value in self.values.items() if key not in nulls}
        for key in _MERGED_KEYS:
            if isinstance(read.get(key), Mapping) and isinstance(before.get(key), Mapping):
                read[key] = {**before[key], **read[key]}
        replaced = {key for key in document.data if key not in _MERGED_KEYS}
        self.values = {**before, **read}
        lines = {path: f"{document.name}:{line}" for path, line in document.lines.items()}
        self.origins = {
            path: origin for path, origin in self.origins.items() if path[0] not in replaced
        } | lines

    def fill(self, files: Mapping[str, Path]) -> None:
        """Use files for options that no layer states; served and expected rows only together with the
        data.
        """
        free = {name: path for name, path in files.items() if (name,) not in self.origins}
        if "preprocess" in self.values:
            free.pop("scaler", None)
        for name, path in free.items():
            if name not in _ROW_FOR_ROW or "data" in free:
                self._put((name,), path, "next to the model")

    def state(self, layer: Mapping[str, Any], spell: Callable[[str], str]) -> None:
        """Apply flags or environment variables; `spell` returns the name of an option as the user wrote
        it.
        """
        for name in layer:
            if name not in _OPTIONS:
                raise UsageError(f"unknown option {clean(spell(name), 60)}{did_you_mean(name, _OPTIONS)}")
        read = {
            name: _OPTIONS[name].read(value) if isinstance(value, str | list | tuple) else value
            for name, value in layer.items()
        }
        self._state_limits({name: read.pop(name) for name in _LIMITS if name in read}, spell)
        for name, value in read.items():
            self._put(_OPTIONS[name].path, value, spell(name))

    def _state_limits(self, limits: dict[str, object], spell: Callable[[str], str]) -> None:
        """Apply limits. They replace those of earlier layers as a whole: a mixture of two layers is never
        intended.
        """
        exact = limits.pop("exact", False)
        if not isinstance(exact, bool):
            raise UsageError(f"{spell('exact')}: exact is {clean(repr(exact), 60)}, expected true or false")
        if exact and limits:
            raise UsageError(
                f"{spell('exact')} and {spell(next(iter(limits)))} exclude each other",
                fix="give one of them",
            )
        if len(limits) == 1:
            (given,) = limits
            missing = "atol" if given == "rtol" else "rtol"
            raise UsageError(
                f"{spell(given)} is given without {spell(missing)}",
                fix=f"state both; {spell(missing)} may be 0",
            )
        if exact or limits:
            stated = _by_output(limits, spell)
            self._put(("tolerance",), "exact" if exact else stated, spell("exact" if exact else "rtol"))
            places = (
                [(name,) for name in limits]
                if stated is limits
                else [(output, name) for output in stated for name in limits]
            )
            self.origins.update({("tolerance", *place): spell(place[-1]) for place in places})

    def _put(self, path: KeyPath, value: object, origin: str) -> None:
        self.origins = {old: source for old, source in self.origins.items() if old[: len(path)] != path} | {
            path: origin
        }
        *parents, last = map(str, path)
        into = self.values
        for parent in parents:
            into[parent] = into = (
                dict(into.get(parent) or {}) if isinstance(into.get(parent) or {}, Mapping) else {}
            )
        into[last] = value

    def stated_at(self, path: KeyPath) -> str | None:
        """Return the source of a value, or of the first part of it that has one; None for a default."""
        if path in self.origins and not any(
            len(place) > len(path) and place[: len(path)] == path for place in self.origins
        ):
            return self.origins[path]
        inside = next(
            (
                origin
                for place, origin in self.origins.items()
                if len(place) > len(path) and place[: len(path)] == path
            ),
            None,
        )
        return inside or self.origins.get(path)

    def origin(self, path: KeyPath) -> tuple[KeyPath, str]:
        """Return the nearest stated place that holds `path`, and its source."""
        places = (path[:length] for length in range(len(path), 0, -1))
        return next(
            ((place, self.origins[place]) for place in places if place in self.origins), (path, "settings")
        )
