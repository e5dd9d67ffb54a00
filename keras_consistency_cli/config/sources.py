"""Where settings come from: the YAML file, the environment and the flags, merged into plain values that remember their sources.

A source is what a message calls it: "--rows", "KCHECK_ROWS" or "kcheck.yaml:7". Nothing is judged here beyond which option is meant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from keras_consistency_cli.config.report_targets import in_folder
from keras_consistency_cli.config.strict_yaml import Document, KeyPath, plain_scalar, read_yaml
from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.text import clean, did_you_mean

__all__ = ["Found", "LayeredSettings", "gather"]


@dataclass(frozen=True, kw_only=True)
class Found:
    """What was found and not named: [tool.kcheck] of the working directory, and beside the model a YAML file and files by option name."""

    project: Document | None = None
    config: Path | None = None
    files: Mapping[str, Path] = field(default_factory=dict)


def gather(
    flags: Mapping[str, Any], environ: Mapping[str, str], found: Found | None = None
) -> LayeredSettings:
    """Read the YAML file named by the flags or the environment, then lay the environment and the flags over it.

    Flags that are None, False or empty lists count as not given. What was found and not named counts least; the YAML file among it only where no
    other is named, and none of it may let code run or choose a file to write.
    """
    found = found or Found()
    given = {
        name: value
        for name, value in flags.items()
        if value is not None and value is not False and value not in ([], ())
    }
    stated = _from_environment(environ)
    origin = "--config" if "config" in given else "KCHECK_CONFIG"
    config = given.pop("config", stated.pop("config", None))
    draft = LayeredSettings()
    if found.project is not None:
        draft.read(_harmless(found.project), Path())
    if config is None and found.config is not None:
        draft.read(_harmless(read_yaml(found.config)), found.config.parent)
    if config is not None:
        if not str(config):
            raise UsageError(f"{origin} is empty", expected="a path to a YAML file")
        draft.read(read_yaml(Path(config)), Path(config).parent)
    draft.state(stated, _variable)
    draft.state(given, _flag)
    draft.fill(found.files)
    return draft


def _harmless(document: Document) -> Document:
    """Refuse what only a file that the user named may say."""
    for key, value in document.data.items():
        if key in _NAMED_ONLY and not _says_nothing(key, value):
            line = document.lines.get((key,))
            what = f"{document.name}{f':{line}' if line else ''}: {key} {_NAMED_ONLY[key]}, and this file was found, not named"
            named = "FILE" if document.name.endswith(".toml") else document.name
            raise UsageError(what, fix=f"kcheck run MODEL --config {named}, or say it with a flag")
    return document


def _says_nothing(key: str, value: object) -> bool:
    """Whether a value leaves things as they are, as in a copy of configs/default.yaml."""
    if key == "trust":
        return isinstance(value, Mapping) and not any(value.values())
    if key == "format":
        return not any("=" in str(form) for form in (_listed(value) if isinstance(value, str | list) else ()))
    return value in (None, [], "auto", False)


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the KCHECK_* variables by option name."""
    known = {
        _variable(name): name
        for name in ("config", *(name for name, option in _OPTIONS.items() if option.scalar))
    }
    found = {name: value for name, value in environ.items() if name.startswith("KCHECK_")}
    for name in sorted(found):
        if name not in known:
            hint = did_you_mean(name, known)
            raise UsageError(f"unknown environment variable {clean(name, 60)}{hint}", fix="unset it")
    return {known[name]: value for name, value in found.items()}


def _variable(name: str) -> str:
    return f"KCHECK_{name.upper()}"


def _flag(name: str) -> str:
    return "MODEL" if name == "model" else f"--{name.replace('_', '-')}"


def _as_given(value: object) -> object:
    return value


def _listed(values: str | Iterable[str]) -> list[str]:
    return [values] if isinstance(values, str) else list(values)


def _plain(value: str) -> object:
    """Read a number or truth value as YAML would; what cannot be read, or is empty, stays text for validation to refuse."""
    try:
        read = plain_scalar(value)
    except ValueError:
        return value
    return value if read is None else read


def _words(values: str | Iterable[str]) -> list[str]:
    """Split comma-separated words, given once or many times."""
    return [
        word.strip()
        for value in ((values,) if isinstance(values, str) else values)
        for word in value.split(",")
    ]


def _limits(values: str | Iterable[str]) -> object:
    """Read one limit for all outputs (1e-5), or limits by output name (out0:1e-4)."""
    words = _words(values)
    named = {name: _plain(limit) for name, colon, limit in (word.rpartition(":") for word in words) if colon}
    if not named:
        return _plain(words[0]) if len(words) == 1 else words
    return named if len(named) == len(words) else words


@dataclass(frozen=True, kw_only=True)
class _Option:
    """Where an option of the command line stands in Settings, and how its text is read; lists have no environment variable."""

    path: KeyPath
    read: Callable[[Any], object] = _as_given
    scalar: bool = True


_PATHS = ("model", "data", "scaler", "reference", "served", "expected", "target_scaler", "output", "bundle")
_OPTIONS: Mapping[str, _Option] = {
    **{
        name: _Option(path=(name,))
        for name in (*_PATHS, "preprocess", "backend", "fail_on", "color", "isolation")
    },
    "format": _Option(path=("format",), read=_listed),
    **{
        name: _Option(path=(name,), read=_plain)
        for name in ("rows", "batch_size", "seed", "timeout", "total_timeout", "memory_limit", "debug")
    },
    **{name: _Option(path=(name,), read=_plain) for name in ("exit_first", "exit_zero", "quiet", "verbose")},
    **{name: _Option(path=(name,), read=_words, scalar=False) for name in ("select", "ignore", "require")},
    "custom_objects": _Option(path=("custom_objects",), read=list, scalar=False),
    "trust_scaler": _Option(path=("trust", "scaler"), read=_plain),
    "allow_unsafe": _Option(path=("trust", "code"), read=_plain),
    **{name: _Option(path=("tolerance", name), read=_limits) for name in ("rtol", "atol")},
    "exact": _Option(path=("tolerance", "exact"), read=_plain),
}
_LIMITS = ("rtol", "atol", "exact")
_NAMED_ONLY: Mapping[str, str] = {
    **dict.fromkeys(("custom_objects", "preprocess", "trust"), "lets code run"),
    **dict.fromkeys(("output", "bundle", "format"), "writes files"),
    "exit_zero": "hides faults from whoever asks for the exit code",
    "isolation": "decides what workers may reach",
}
"""What a file that was found and not named must not say, and why: kcheck may stand in a folder that somebody else has filled."""
_SWITCHES = ("trust", "facts", "checks")
_ROW_FOR_ROW = ("served", "expected")


def _placed(values: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Make the paths among a file's values relative to its folder."""
    for key in _PATHS:
        if values.get(key) and isinstance(values[key], str):
            values[key] = folder / values[key]
    facts = values.get("facts")
    if isinstance(facts, dict) and facts.get("lengths") and isinstance(facts["lengths"], str):
        values["facts"] = {**facts, "lengths": folder / facts["lengths"]}
    function = values.get("preprocess")
    if isinstance(function, str) and function.rpartition(":")[0].endswith(".py"):
        values["preprocess"] = str(folder / function)
    if isinstance(forms := values.get("format"), str | list):
        values["format"] = [
            in_folder(form, folder) if isinstance(form, str) else form for form in _listed(forms)
        ]
    if isinstance(paths := values.get("custom_objects"), list):
        values["custom_objects"] = [
            folder / path if path and isinstance(path, str) else path for path in paths
        ]
    return values


def _by_output(limits: Mapping[str, Any], spell: Callable[[str], str]) -> Mapping[str, Any]:
    """Turn rtol and atol by output name into pairs by output name; one given as a plain number goes for every output that the other names."""
    named = {name: list(value) for name, value in limits.items() if isinstance(value, Mapping)}
    if not named:
        return limits
    outputs = list(dict.fromkeys(output for each in named.values() for output in each))
    for name, each in named.items():
        lacking = next((output for output in outputs if output not in each), None)
        if lacking is not None:
            raise UsageError(
                f"{spell(name)} has no limit for '{clean(lacking, 60)}'",
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
    """Values on their way to Settings, and the source of each; not frozen, because it grows layer by layer."""

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[KeyPath, str] = field(default_factory=dict)

    def read(self, document: Document, folder: Path) -> None:
        """Take a file over what was there before; its paths are relative to its folder, and null where a path may stand means none."""
        nulls = {key for key, value in document.data.items() if key in _PATHS and value is None}
        read = _placed({key: value for key, value in document.data.items() if key not in nulls}, folder)
        before = {key: value for key, value in self.values.items() if key not in nulls}
        for key in _SWITCHES:
            if isinstance(read.get(key), Mapping) and isinstance(before.get(key), Mapping):
                read[key] = {**before[key], **read[key]}
        replaced = {key for key in document.data if key not in _SWITCHES}
        self.values = {**before, **read}
        lines = {path: f"{document.name}:{line}" for path, line in document.lines.items()}
        self.origins = {
            path: origin for path, origin in self.origins.items() if path[0] not in replaced
        } | lines

    def fill(self, files: Mapping[str, Path]) -> None:
        """Take files for options that nothing speaks of; those that are row for row with the rows only together with these."""
        free = {name: path for name, path in files.items() if (name,) not in self.origins}
        if "preprocess" in self.values:
            free.pop("scaler", None)
        for name, path in free.items():
            if name not in _ROW_FOR_ROW or "data" in free:
                self._put((name,), path, "beside the model")

    def state(self, layer: Mapping[str, Any], spell: Callable[[str], str]) -> None:
        """Take flags or environment variables; `spell` gives an option's name as the user wrote it."""
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
        """Limits stated in one layer replace those of an earlier one as a whole: half of one and half of another is nobody's wish."""
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
