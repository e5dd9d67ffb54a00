"""The models of a fleet: patterns, folders and YAML files become tasks with settings."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from keras_consistency_cli.checks.selection import selected
from keras_consistency_cli.cli.implicit_inputs import find_implicit_inputs
from keras_consistency_cli.cli.invocation import MODEL_ENDING
from keras_consistency_cli.config.fleet_file import FleetEntry, read_fleet_file
from keras_consistency_cli.config.remote.urls import is_url, path_in
from keras_consistency_cli.config.settings import load_settings
from keras_consistency_cli.config.strict_yaml import Document
from keras_consistency_cli.errors import KcheckError, UsageError
from keras_consistency_cli.pipeline.fleet.task import FleetTask
from keras_consistency_cli.text import clean

__all__ = ["find_tasks"]

_YAML = (".yaml", ".yml")
_Named = tuple[tuple[Document, Path], ...]


@dataclass(frozen=True, kw_only=True)
class _Place:
    """A model, its name, the options of its entry, and where it was named."""

    model: Path
    name: str
    named: _Named = ()
    origin: str = ""


def find_tasks(words: Sequence[str], flags: Mapping[str, Any]) -> list[FleetTask]:
    """Return a task for each model, in the order in which they were named.

    Args:
        words: the arguments of the command: models, patterns, folders and YAML files.
        flags: the other flags, by parameter name; they hold for every model.

    Raises:
        UsageError: a word names no model, an entry is not valid, or two entries have the same name.
    """
    places: dict[str, _Place] = {}
    seen: set[str] = set()
    for place in (place for word in words for place in _places(word)):
        real = os.path.realpath(place.model)
        if not place.named and real in seen:
            continue  # two patterns may match the same file
        other = places.get(place.name)
        if other is not None:
            raise _same_name(place, other)
        places[place.name] = place
        seen.add(real)
    return [_task(place, flags) for place in places.values()]


def _same_name(place: _Place, other: _Place) -> UsageError:
    where = " and ".join(origin for origin in (other.origin, place.origin) if origin)
    return UsageError(
        f"two entries are called '{clean(place.name, 100)}'{f' ({where})' if where else ''}",
        fix="give one of them a different name in the YAML file",
    )


def _places(word: str) -> Iterator[_Place]:
    if _is_fleet_file(Path(word)):
        yield from _places_of_file(Path(word))
        return
    for model in _models(word):
        yield _Place(model=model, name=str(model))


def _is_fleet_file(path: Path) -> bool:
    return path.suffix.lower() in _YAML and not path.is_dir()


def _places_of_file(path: Path, named: _Named = (), above: tuple[str, ...] = ()) -> Iterator[_Place]:
    """Yield the models of a YAML file and of those that it names.

    Args:
        path: the YAML file.
        named: options of the files that name it; its own override them.
        above: the real paths of these files.
    """
    file, real = read_fleet_file(path), os.path.realpath(path)
    for entry in file.entries:
        options = (*named, (file.defaults, file.folder), (entry.options, file.folder))
        inner = path_in(file.folder, entry.model)
        if not _is_fleet_file(inner):
            yield from _places_of_entry(inner, entry, options)
            continue
        if os.path.realpath(inner) in (*above, real):
            raise UsageError(f"{entry.place}: {clean(entry.model)} contains this file itself")
        if entry.name is not None:
            raise UsageError(f"{entry.place}: one name for a file of models", fix="leave out name")
        yield from _places_of_file(inner, options, (*above, real))


def _places_of_entry(path: Path, entry: FleetEntry, named: _Named) -> Iterator[_Place]:
    # A model that is missing is an error of that model only; a pattern or folder without models is a mistake.
    models = [path] if _is_one_model(path) else list(_models(str(path), entry.place))
    if entry.name is not None and len(models) > 1:
        raise UsageError(
            f"{entry.place}: one name for {len(models)} models", fix="leave out name, or list the models"
        )
    for model in models:
        yield _Place(model=model, name=entry.name or str(model), named=named, origin=entry.place)


def _is_one_model(path: Path) -> bool:
    return not path.is_dir() and not glob.has_magic(str(path))


def _models(word: str, place: str = "") -> Sequence[Path]:
    """Return the models that a word names: a file, a pattern or a folder.

    Raises:
        UsageError: there is none.
    """
    start = f"{place}: " if place else ""
    try:
        if is_url(word):
            return [path_in(Path(), word)]
        if Path(word).is_dir():
            found: Iterable[Path] = Path(word).rglob(f"*{MODEL_ENDING}")
            what = f"no {MODEL_ENDING} file in {clean(word)}"
        elif os.path.lexists(word):
            return [Path(word)]
        else:
            found = map(Path, glob.glob(word, recursive=True))  # noqa: PTH207 - absolute patterns too
            what = (
                f"no model matches {clean(word)}" if glob.has_magic(word) else f"{clean(word)}: no such file"
            )
        models = sorted(path for path in found if path.is_file())
    except (OSError, ValueError) as error:
        raise UsageError(f"{start}{clean(word)} cannot be read: {clean(error)}") from None
    if not models:
        raise UsageError(
            f"{start}{what}",
            expected=f"{MODEL_ENDING} files, a pattern such as 'models/*.keras', or a folder",
        )
    return models


def _task(place: _Place, flags: Mapping[str, Any]) -> FleetTask:
    """Return the task of a model, with the files next to it.

    Raises:
        UsageError: an option of the call or of the YAML file of the fleet is not valid.
    """
    try:
        implicit = find_implicit_inputs(str(place.model))
        config = implicit.config(flags.get("config"))
        settings = load_settings(
            {**flags, "model": str(place.model)}, os.environ, implicit.discovered, place.named
        )
        selected(settings)  # a check that does not exist is a mistake of the call, not of each model
    except KcheckError as error:
        if _is_own_file(error, place):
            return FleetTask(name=place.name, model=place.model, settings=error)
        raise
    return FleetTask(
        name=place.name,
        model=place.model,
        settings=settings,
        config=config,
        annotate=partial(implicit.with_notes, settings=settings, config=config),
    )


def _is_own_file(error: KcheckError, place: _Place) -> bool:
    """Whether an error is in the YAML file next to one model, which is no mistake of the call."""
    return error.what.startswith(tuple(clean(place.model.parent / f"kcheck{end}") for end in _YAML))
