"""Sources of settings: the YAML file, the environment and the flags, merged into plain values with their
sources.

A source is named as in messages: "--rows", "KCHECK_ROWS" or "kcheck.yaml:7". Values are validated in
settings.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from keras_consistency_cli.config.layers import PATHS, SCALAR_OPTIONS, LayeredSettings, as_list
from keras_consistency_cli.config.remote.urls import is_url
from keras_consistency_cli.config.strict_yaml import Document, read_yaml
from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.text import clean, did_you_mean

__all__ = ["DiscoveredConfig", "read_layers"]


_NAMED_ONLY: Mapping[str, str] = {
    **dict.fromkeys(("custom_objects", "preprocess", "trust"), "can run code"),
    **dict.fromkeys(("output", "bundle", "format"), "can write files"),
    "exit_zero": "hides faults from callers that read the exit code",
    "isolation": "decides what workers can access",
}
"""Keys that a discovered file must not set, and why: the folder may have been filled by another person."""

_CONTACT = "is a URL, which can contact other machines with your credentials"


@dataclass(frozen=True, kw_only=True)
class DiscoveredConfig:
    """Settings that the call does not name.

    These are [tool.kcheck] of the working directory and, next to the model, a YAML file and files by option
    name.
    """

    project: Document | None = None
    config: Path | None = None
    files: Mapping[str, Path] = field(default_factory=dict)


def read_layers(
    flags: Mapping[str, Any],
    environ: Mapping[str, str],
    discovered: DiscoveredConfig | None = None,
    named: Sequence[tuple[Document, Path]] = (),
) -> LayeredSettings:
    """Read the YAML file named by the flags or the environment, then apply the environment and the flags.

    Flags that are None, False or empty lists mean not given. Discovered settings come first, so all others
    win; a discovered YAML file is read only if no other is named. Discovered files must not run code or
    choose output files. `named` are parts of a file that the user named, with its folder.
    """
    discovered = discovered or DiscoveredConfig()
    given = {
        name: value
        for name, value in flags.items()
        if value is not None and value is not False and value not in ([], ())
    }
    variables = _from_environment(environ)
    origin = "--config" if "config" in given else "KCHECK_CONFIG"
    config = given.pop("config", variables.pop("config", None))
    layers = LayeredSettings()
    if discovered.project is not None:
        layers.read(_check_discovered(discovered.project), Path())
    if config is None and discovered.config is not None:
        layers.read(_check_discovered(read_yaml(discovered.config)), discovered.config.parent)
    if config is not None:
        if not str(config):
            raise UsageError(f"{origin} is empty", expected="a path to a YAML file")
        layers.read(read_yaml(Path(config)), Path(config).parent)
    for document, folder in named:
        layers.read(document, folder)
    layers.state(variables, _variable)
    layers.state(given, _flag)
    layers.fill(discovered.files)
    return layers


def _check_discovered(document: Document) -> Document:
    """Refuse keys that only a file named by the user may set."""
    for key, value in document.data.items():
        reason = _CONTACT if key in PATHS and is_url(value) else _NAMED_ONLY.get(key)
        if reason is not None and not _is_default(key, value):
            place = document.place(key)
            named = "FILE" if document.name.endswith(".toml") else document.name
            raise UsageError(
                f"{place}: {key} {reason}; kcheck found this file by itself, "
                "and only a file that you name may set it",
                fix=f"kcheck run MODEL --config {named}, or use a flag",
            )
    return document


def _is_default(key: str, value: object) -> bool:
    """Whether a value changes nothing, as in a copy of configs/default.yaml."""
    if key == "trust":
        return isinstance(value, Mapping) and not any(value.values())
    if key == "format":
        return not any("=" in str(form) for form in (as_list(value) if isinstance(value, str | list) else ()))
    return value in (None, [], "auto", False)


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the KCHECK_* variables by option name."""
    known = {_variable(name): name for name in ("config", *SCALAR_OPTIONS)}
    variables = {name: value for name, value in environ.items() if name.startswith("KCHECK_")}
    for name in sorted(variables):
        if name not in known:
            hint = did_you_mean(name, known)
            raise UsageError(f"unknown environment variable {clean(name, 60)}{hint}", fix="unset it")
    return {known[name]: value for name, value in variables.items()}


def _variable(name: str) -> str:
    return f"KCHECK_{name.upper()}"


def _flag(name: str) -> str:
    return "MODEL" if name == "model" else f"--{name.replace('_', '-')}"
