"""Reports and the shipped settings are valid by the schemas, and broken ones are not."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from keras_consistency_cli.checks.verdict import Judged, Status, Verdict
from keras_consistency_cli.cli.main import main
from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.config.strict_yaml import read_yaml
from keras_consistency_cli.diagnosis.base import Diagnosis
from keras_consistency_cli.measurement.facts import Facts, InputFact
from keras_consistency_cli.measurement.measure import RowOutputs, compare
from keras_consistency_cli.measurement.policy import Limit
from keras_consistency_cli.reporting.formats.json_report import as_document
from keras_consistency_cli.reporting.report import Report, Source
from keras_consistency_cli.reporting.schemas import SCHEMAS

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


def is_a(value: object, kind: str) -> bool:
    if kind in ("integer", "number"):
        return not isinstance(value, bool) and isinstance(value, int if kind == "integer" else int | float)
    return isinstance(value, TYPES[kind])


def faults(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any], at: str = "$") -> Iterator[str]:
    """Yield the faults of a value, by the keywords that the schemas use.

    An unknown keyword is an error, so that none is left unchecked.
    """
    ignored = {"title", "description", "default", "$schema", "$defs", "format", "discriminator"}
    checked = {
        "$ref",
        "anyOf",
        "oneOf",
        "enum",
        "const",
        "type",
        "properties",
        "required",
        "items",
        "additionalProperties",
        "propertyNames",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "minLength",
        "pattern",
        "minItems",
        "maxItems",
        "minProperties",
        "prefixItems",
    }
    assert set(schema) <= ignored | checked, set(schema) - ignored - checked
    if "$ref" in schema:
        yield from faults(value, root["$defs"][schema["$ref"].rpartition("/")[2]], root, at)
    for branches in (schema[name] for name in ("anyOf", "oneOf") if name in schema):
        if all(any(True for _ in faults(value, branch, root, at)) for branch in branches):
            yield f"{at}: no branch takes {value!r}"
    if ("enum" in schema and value not in schema["enum"]) or ("const" in schema and value != schema["const"]):
        yield f"{at}: {value!r}"
    kinds = [schema["type"]] if isinstance(schema.get("type"), str) else schema.get("type", ())
    if kinds and not any(is_a(value, kind) for kind in kinds):
        yield f"{at}: {value!r} is not {kinds}"
    if "pattern" in schema and isinstance(value, str) and not re.search(schema["pattern"], value):
        yield f"{at}: {value!r} does not match {schema['pattern']}"
    if "minimum" in schema and is_a(value, "number") and value < schema["minimum"]:
        yield f"{at}: {value} is too small"
    yield from _faults_inside(value, schema, root, at)


def _faults_inside(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any], at: str) -> Iterator[str]:
    """Yield the faults of the members of an object or an array."""
    if isinstance(value, dict):
        properties, more = schema.get("properties", {}), schema.get("additionalProperties", True)
        yield from (f"{at}: lacks {name}" for name in schema.get("required", ()) if name not in value)
        for name, inner in value.items():
            if name in properties or isinstance(more, dict):
                yield from faults(inner, properties.get(name, more), root, f"{at}.{name}")
            elif more is False:
                yield f"{at}: {name} is unknown"
    if isinstance(value, list) and "items" in schema:
        for place, inner in enumerate(value):
            yield from faults(inner, schema["items"], root, f"{at}[{place}]")


@pytest.fixture
def document() -> dict[str, Any]:
    """A report with all kinds of content."""
    answers = [RowOutputs(outputs={"y": np.array([[0.5], [value]], np.float32)}) for value in (0.25, np.nan)]
    pair = compare(
        ("one-by-one", "predict"), *answers, float64_copy=answers[0], decisions={"y": "threshold"}
    )[0]
    judged = Judged(
        comparison=pair, limit=Limit(value=float("inf"), origin="calibrated"), within=False, float64_pair=pair
    )
    verdict = Verdict(
        code="KC101",
        name="batch-vs-single",
        status=Status.FAIL,
        message="m",
        judged=(judged,),
        findings={"a": [1]},
    )
    facts = Facts(
        name="m",
        kind="Sequential",
        parameters=1,
        layers=(),
        inputs=(InputFact(name="x", shape=(None, 2), dtype="float32"),),
        outputs=(),
    )
    report = Report(
        version="1",
        verdicts=(verdict,),
        diagnoses=(Diagnosis(cause="hidden-state", severity="fail", sentence="s"),),
        facts=facts,
        model=Source(path="m"),
        data=Source(path="x"),
        scaler=Source(path="s"),
        noise={"y": 1e-8},
        calibration={"noise": (pair,)},
    )
    return as_document(report)


def test_a_report_is_valid_and_the_schema_has_every_key(document: dict[str, Any]) -> None:
    schema = SCHEMAS["report"]()
    assert list(faults(document, schema, schema)) == []
    assert set(schema["properties"]) == set(document) == set(schema["required"])
    result = schema["properties"]["results"]["items"]["properties"]
    assert set(result) == set(document["results"][0])
    assert set(result["comparisons"]["items"]["properties"]) == set(document["results"][0]["comparisons"][0])


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("verdict",), "fine"),
        (("schema",), "kcheck.report/2"),
        (("results", 0, "status"), "failed"),
        (("rows",), "2"),
        (("facts", "inputs"), None),
        (("results", 0, "comparisons", 0, "max_abs"), "much"),
        (("results", 0, "comparisons", 0, "within"), 1),
        (("subject", "data"), None),
    ],
)
def test_a_broken_report_is_invalid(
    path: tuple[str | int, ...], value: object, document: dict[str, Any]
) -> None:
    broken = copy.deepcopy(document)
    place: Any = broken
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    schema = SCHEMAS["report"]()
    assert list(faults(broken, schema, schema))
    del place[path[-1]]
    assert list(faults(broken, schema, schema))


def test_the_shipped_settings_are_valid(capsys: pytest.CaptureFixture[str]) -> None:
    schema = SCHEMAS["config"]()
    for path in sorted((Path(__file__).parents[2] / "configs").glob("*.yaml")):
        assert list(faults(dict(read_yaml(path).data), schema, schema)) == [], path.name
    assert set(schema["properties"]) == {field.alias or name for name, field in Settings.model_fields.items()}
    assert list(faults({"row": 1}, schema, schema)) == ["$: row is unknown"]
    assert list(faults({"rows": 0}, schema, schema))
    assert list(faults({"format": ["json=a", "terminal"]}, schema, schema)) == []


@pytest.mark.parametrize("name", list(SCHEMAS))
def test_the_command_prints_them(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", name]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(SCHEMAS[name]()))


@pytest.mark.parametrize(
    ("line", "named"), [(["reprot"], "(did you mean 'report'?)"), ([], "kcheck: ")], ids=["typo", "missing"]
)
def test_mistakes(line: list[str], named: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", *line]) == 2
    shown = capsys.readouterr()
    assert (shown.out, named in shown.err) == ("", True)
