"""facts: plain data, and what follows from them."""

from __future__ import annotations

import dataclasses
import json
import platform

import pytest
from pydantic import TypeAdapter

from keras_consistency_cli.measurement.data_facts import TargetFact
from keras_consistency_cli.measurement.facts import Facts, InputFact, LayerFact, OutputFact

FACTS = Facts(
    name="m",
    kind="Functional",
    parameters=12,
    layers=(
        LayerFact(path="a", kind="Dense"),
        LayerFact(path="b/lstm", kind="LSTM", stateful=True),
        LayerFact(path="c", kind="GRU", stateful=True),
    ),
    inputs=(InputFact(name="x", shape=(None, 3), dtype="float32"),),
    outputs=(OutputFact(name="y", shape=(None, 1), decision="threshold"), OutputFact(name="z", shape=None)),
)


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        ("float32", True),
        ("float16", True),
        ("bfloat16", True),
        ("", True),
        ("int32", False),
        ("string", False),
    ],
)
def test_float_inputs(dtype: str, expected: bool) -> None:
    assert InputFact(name="x", shape=(None,), dtype=dtype).is_float is expected


def test_stateful_layers() -> None:
    assert [layer.path for layer in FACTS.stateful_layers] == ["b/lstm", "c"]


@pytest.mark.parametrize(
    ("given", "made", "dtype", "decision"),
    [
        ((784,), (784,), "float32", None),
        ((28, 28), (28, 28), "float32", None),
        ((784,), (20,), "float32", "threshold"),
        ((50, 1), (50, 1), "float32", "threshold"),
        ((12,), (12,), "int32", "threshold"),
        ((), (), "float32", "threshold"),
    ],
    ids=["rows", "pictures", "labels", "a label for each step", "ids", "one number"],
)
def test_values_with_the_shape_of_an_input_are_no_decisions(
    given: tuple[int, ...], made: tuple[int, ...], dtype: str, decision: str | None
) -> None:
    facts = dataclasses.replace(
        FACTS,
        inputs=(InputFact(name="x", shape=(None, *given), dtype=dtype),),
        outputs=(OutputFact(name="y", shape=(None, *made), decision="threshold"), FACTS.outputs[1]),
    )
    assert facts.declared_decisions() == {"y": decision, "z": None}


def test_facts_survive_the_transfer_from_the_worker() -> None:
    """A worker sends them as JSON; the parent validates them."""
    assert TypeAdapter(Facts).validate_python(json.loads(json.dumps(dataclasses.asdict(FACTS)))) == FACTS


def test_the_python_version_is_the_running_one() -> None:
    assert FACTS.python == platform.python_version().rstrip("+")


def test_facts_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        FACTS.name = "n"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("units", "index", "unit"),
    [
        ((), (0,), None),
        ((2.0,), (), 2.0),
        ((2.0, 3.0), (1,), 3.0),
        ((2.0, 3.0), (5, 1), 3.0),
        ((2.0, 3.0), (7,), 2.0),
    ],
)
def test_the_unit_of_an_element_is_that_of_its_feature(
    units: tuple[float, ...], index: tuple[int, ...], unit: float | None
) -> None:
    assert TargetFact(kind="StandardScaler", units=units).unit(index) == unit
