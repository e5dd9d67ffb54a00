"""The YAML file of a fleet: a list of models, each with its own options, and defaults that they share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from keras_consistency_cli.config.report_targets import DISPLAY_SETTINGS
from keras_consistency_cli.config.strict_yaml import Document, read_yaml
from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.text import clean, did_you_mean

__all__ = ["FleetEntry", "FleetFile", "read_fleet_file"]

_LARGER = 64
"""How many times larger than a file of options the file may be."""
_KEYS = ("defaults", "models")
_FIXES = {
    "model": "write models as a list of entries",
    "bundle": "kcheck run MODEL --bundle DIR writes the bundle of one model",
}
_EXPECTED = "defaults: a mapping with options, and models: a list of paths, or of mappings with model"


@dataclass(frozen=True, kw_only=True)
class FleetEntry:
    """One item of the list: its model as written, a name if it has one, its other options, and its place."""

    model: str
    name: str | None
    options: Document
    place: str


@dataclass(frozen=True, kw_only=True)
class FleetFile:
    """The entries, the options that they share, and the folder that paths are relative to."""

    folder: Path
    defaults: Document
    entries: tuple[FleetEntry, ...]


def read_fleet_file(path: Path) -> FleetFile:
    """Read the file; the options are validated when they are merged with the other sources.

    Raises:
        UsageError: names the line, and what was expected there.
    """
    document = read_yaml(path, larger=_LARGER)
    for key in document.data:
        if key not in _KEYS:
            where = f"{document.name}:{document.lines[key,]}"
            raise UsageError(
                f"{where}: unknown key {clean(key, 60)}{did_you_mean(str(key), _KEYS)}", expected=_EXPECTED
            )
    defaults = document.data.get("defaults") or {}
    models = document.data.get("models")
    if not isinstance(models, list) or not models:
        raise UsageError(f"{document.name}: no list of models", expected=_EXPECTED)
    if not isinstance(defaults, Mapping):
        raise UsageError(f"{document.place('defaults')}: defaults is not a mapping", expected=_EXPECTED)
    return FleetFile(
        folder=path.parent,
        defaults=_options(document, defaults, "defaults"),
        entries=tuple(_entries(document, models)),
    )


def _entries(document: Document, models: list[object]) -> Iterator[FleetEntry]:
    for number, item in enumerate(models):
        place = document.place("models", number)
        values = {"model": item} if isinstance(item, str) else item
        if not isinstance(values, Mapping):
            raise UsageError(
                f"{place}: an entry is neither a path nor a mapping",
                expected="a path to a .keras file, or a mapping with model",
            )
        model, name = values.get("model"), values.get("name")
        if not isinstance(model, str) or not model:
            raise UsageError(f"{place}: an entry names no model", expected="model: a path to a .keras file")
        if name is not None and (not isinstance(name, str) or not name.strip()):
            raise UsageError(f"{place}: name is not valid", expected="a text, such as churn-2024")
        own = {key: value for key, value in values.items() if key not in ("model", "name")}
        yield FleetEntry(
            model=model, name=name, options=_options(document, own, "models", number), place=place
        )


def _options(document: Document, values: Mapping[str, object], *above: str | int) -> Document:
    """Return the options of a part of the file, with their lines."""
    for key in ("model", *DISPLAY_SETTINGS):
        if key in values:
            place = document.place(*above, key)
            raise UsageError(
                f"{place}: {key} belongs to the whole fleet, not to its models",
                fix=_FIXES.get(key, f"kcheck fleet {document.name} --{key}"),
            )
    lines = {
        path[len(above) :]: line
        for path, line in document.lines.items()
        if path[: len(above)] == above and path[len(above) :]
    }
    return Document(name=document.name, data=dict(values), lines=lines)
