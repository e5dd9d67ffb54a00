"""Validation errors of the settings as messages for users: source, option, received value, expected value.

The messages of pydantic name models and types, which a user does not know.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from keras_consistency_cli.config.setting_types import TAG
from keras_consistency_cli.config.strict_yaml import KeyPath
from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.text import clean, did_you_mean

__all__ = ["Locate", "usage_error"]

Locate = Callable[[KeyPath], tuple[KeyPath, str]]
"""Returns the nearest stated path that holds a value, and its source."""

_MOST_LINES = 3


def usage_error(error: ValidationError, model: type[BaseModel], locate: Locate) -> UsageError:
    """Translate a validation error of `model` into one line for each problem, three at most.

    The description of a field is the expected value in its line. Tags of unions must begin with `TAG`.
    """
    problems = error.errors(include_url=False, include_context=False)
    lines = dict.fromkeys(
        _line(
            problem["type"], _without_tags(problem["loc"], problem["type"]), problem["input"], model, locate
        )
        for problem in problems
    )
    return UsageError("\n".join(list(lines)[:_MOST_LINES]))


def _line(kind: str, path: KeyPath, value: object, model: type[BaseModel], locate: Locate) -> str:
    if kind == "missing" and path == ("model",):
        return "no model given; expected a .keras file as MODEL, or 'model:' in the file named by --config"
    place, origin = locate(path)
    if kind == "extra_forbidden":
        hint = did_you_mean(str(path[-1]), _fields_at(model, path[:-1]))
        return f"{origin}: unknown key '{clean(path[-1], 60)}'{hint}"
    if kind == "missing":
        above = path[:-1]
        return f"{origin}: {_dotted(above)} does not state {path[-1]}, expected {_expected(model, above)}"
    return f"{origin}: {_dotted(place)} is {_shown(value)}, expected {_expected(model, path)}"


def _without_tags(path: KeyPath, kind: str) -> KeyPath:
    """Remove the names of union branches, which pydantic mixes with the user's own keys.

    The last part of an unknown key is always the user's.
    """
    above, last = (path[:-1], path[-1:]) if kind == "extra_forbidden" else (path, ())
    return (*(part for part in above if not (isinstance(part, str) and part.startswith(TAG))), *last)


def _dotted(path: KeyPath) -> str:
    return ".".join(clean(part, 60) for part in path)


def _shown(value: object) -> str:
    return clean(repr(str(value) if isinstance(value, Path) else value), 60)


def _expected(model: type[BaseModel], path: KeyPath) -> str:
    """Return the description of the field at `path`, or of the nearest field above it."""
    described = ""
    for at, part in enumerate(path):
        field = _fields_at(model, path[:at]).get(str(part))
        described = (field.description if field else None) or described
    return described


def _fields_at(model: type[BaseModel], path: KeyPath) -> dict[str, FieldInfo]:
    """Return the keys allowed below `path`, and their fields; output names and positions in the path are
    skipped.
    """
    fields = _fields(model)
    for part in path:
        if str(part) in fields:
            inner = _model_in(fields[str(part)].annotation)
            fields = _fields(inner) if inner else {}
    return fields


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    return {info.alias or name: info for name, info in model.model_fields.items()}


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the model inside an annotation, at any depth of unions and mappings."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)
