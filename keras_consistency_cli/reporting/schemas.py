"""JSON schemas (2020-12) of the report and of the settings, derived from their types."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

from keras_consistency_cli.checks.verdict import Judged, Verdict
from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.diagnosis.base import Diagnosis
from keras_consistency_cli.diagnosis.unexplained import Unexplained
from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.reporting.report import SCHEMA, Report, Source

__all__ = ["SCHEMAS"]

Schema = dict[str, Any]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_NUMBER: Schema = {"anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}]}
"""JSON has no numbers for these three."""
_PLAIN: Mapping[Any, Schema] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: _NUMBER,
    type(None): {"type": "null"},
    Any: {},
}
_OTHER_FORM = ("worst", "row_histogram", "row_digests", "candidate", "reference", "output")


def _object(properties: Mapping[str, Schema], optional: Sequence[str] = ()) -> Schema:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": [name for name in properties if name not in optional],
    }


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _of(kind: Any) -> Schema:
    """The schema of the JSON form of a type."""
    if kind in _PLAIN:
        return dict(_PLAIN[kind])
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Literal:
        return {"enum": list(parts)}
    if origin in (Union, types.UnionType):
        return {"anyOf": [_of(part) for part in parts]}
    if origin in (tuple, list, Sequence) or (isinstance(origin, type) and issubclass(origin, Sequence)):
        return _list({} if origin is tuple and parts[-1] is not Ellipsis else _of(parts[0]))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": _of(parts[1])}
    if isinstance(kind, type) and issubclass(kind, Enum):
        return {"enum": [member.value for member in kind]}
    if is_typeddict(kind):
        properties = {name: _of(hint) for name, hint in get_type_hints(kind).items()}
        return _object(properties, tuple(kind.__optional_keys__))
    return _object(_fields(kind)) if is_dataclass(kind) else {}


def _fields(kind: Any, without: Sequence[str] = ()) -> dict[str, Schema]:
    hints = get_type_hints(kind)
    return {field.name: _of(hints[field.name]) for field in fields(kind) if field.name not in without}


def _comparison() -> Schema:
    names = {name: _of(str) for name in ("candidate", "reference", "output")}
    bins = _list(_object({"from": _NUMBER, "below": _NUMBER, "rows": _of(int)}))
    hints = get_type_hints(Comparison)
    return _object(
        {
            **names,
            **_fields(Comparison, _OTHER_FORM),
            "scaled": _NUMBER,
            "distinct_rows": _of(int),
            "worst": _of(hints["worst"]),
            "histogram": bins,
        }
    )


def _result() -> Schema:
    measured = _comparison()
    limits = {
        "within": _of(bool),
        "limit": _NUMBER,
        "reason": _of(str),
        "noise_multiple": {"anyOf": [_NUMBER, {"type": "null"}]},
    }
    limit = get_type_hints(get_type_hints(Judged)["limit"])
    pair = _object(
        {
            **limits,
            "origin": _of(limit["origin"]),
            "measure": _of(limit["measure"]),
            **measured["properties"],
            "lifted": {"anyOf": [measured, {"type": "null"}]},
        }
    )
    return _object({**_fields(Verdict, ("judged", "by_target")), "comparisons": _list(pair)})


def _report() -> Schema:
    hints = get_type_hints(Report)
    derived = {field.name: hints[field.name] for field in fields(Report)}
    for other_form in (
        "version",
        "verdicts",
        "model",
        "data",
        "scaler",
        "settings",
        "exhibits",
        "diagnoses",
        "unexplained",
        "calibration",
        "facts",
    ):
        derived.pop(other_form)
    source = _object(_fields(Source))
    exhibit = _object(
        {"code": _of(str), "candidate": _of(str), "reference": _of(str), "rows": _list(_of(int))}
    )
    properties = {
        "schema": {"const": SCHEMA},
        "kcheck": _of(str),
        "verdict": {"enum": ["consistent", "inconsistent", "no-verdict"]},
        "exit_code": {"enum": [0, 1, 3]},
        **{name: _of(kind) for name, kind in derived.items()},
        "subject": _object(
            {
                "model": source,
                "scaler": {"anyOf": [source, {"type": "null"}]},
                "data": source,
                "settings": {"type": "object"},
            }
        ),
        "facts": {"anyOf": [_of(Facts), {"type": "null"}]},
        "calibration": {"type": "object", "additionalProperties": _list(_comparison())},
        "exhibits": _list(exhibit),
        "results": _list(_result()),
        "diagnoses": _list(_of(Diagnosis)),
        "unexplained": _list(_of(Unexplained)),
    }
    return {"$schema": _DIALECT, "title": f"A report of kcheck, {SCHEMA}", **_object(properties)}


def _config() -> Schema:
    schema = Settings.model_json_schema(by_alias=True)
    schema["properties"]["format"] = {
        "anyOf": [schema["properties"]["format"], {"type": "string"}],
        "default": "terminal",
    }
    for name in ("model", "output", "bundle"):
        schema["properties"][name] = {
            "type": ["string", "null"],
            "description": schema["properties"][name].get("description", ""),
        }
    # The model may be on the command line instead of in the file.
    schema["required"] = [name for name in schema.get("required", ()) if name != "model"]
    return {
        "$schema": _DIALECT,
        **schema,
        "title": "Settings of kcheck: kcheck.yaml, and [tool.kcheck] of a pyproject.toml",
    }


SCHEMAS: Mapping[str, Callable[[], Schema]] = {"report": _report, "config": _config}
"""The schemas by name; each is created on request."""
