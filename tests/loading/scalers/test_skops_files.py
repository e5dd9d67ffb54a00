"""Hostile and broken .skops files are refused, and nothing in them is imported."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.errors import RefusedError
from keras_consistency_cli.loading.scalers import numpy_parts, skops_files
from keras_consistency_cli.loading.scalers.inert_objects import DamagedError, NotAllowedError
from keras_consistency_cli.loading.scalers.scaler import build_scaler, scan_scaler
from keras_consistency_cli.loading.scalers.skops_files import read_skops
from tests.helpers.error_texts import own_text

ROWS = np.random.default_rng(0).normal(size=(20, 3))
GOOD = skops.io.dumps(StandardScaler().fit(ROWS))

Schema = dict[str, Any]


def state_of(schema: Schema) -> Schema:
    state: Schema = schema["content"]["content"]
    return state


def edited(edit: Callable[[Schema], Any]) -> bytes:
    """The good file with its schema.json changed."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(GOOD)) as old, zipfile.ZipFile(stream, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "schema.json":
                schema = json.loads(data)
                edit(schema)
                data = json.dumps(schema).encode()
            new.writestr(name, data)
    return stream.getvalue()


def zipped(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in members.items():
            archive.writestr(name.replace("_", "."), data)
    return stream.getvalue()


def node(loader: str, name: str, content: Any = None) -> Schema:
    module, _, kind = name.rpartition(".")
    return {"__class__": kind, "__module__": module, "__loader__": loader, "content": content}


HOSTILE: dict[str, bytes] = {
    "class off the list": edited(lambda schema: schema.update(__class__="sqrt", __module__="math")),
    "function": edited(lambda schema: state_of(schema).update(copy=node("FunctionNode", "math.sqrt"))),
    "type": edited(lambda schema: state_of(schema).update(copy=node("TypeNode", "math.sqrt"))),
    "method": edited(lambda schema: state_of(schema).update(copy=node("MethodNode", "math.sqrt"))),
    "reduce": edited(
        lambda schema: state_of(schema).update(copy=node("ConstructorFromReduceNode", "pathlib.Path"))
    ),
    "wrong loader for an object": edited(
        lambda schema: state_of(schema).update(copy=node("ListNode", "math.sqrt", []))
    ),
    "replaced method": edited(lambda schema: state_of(schema).update(transform=state_of(schema).pop("copy"))),
    "function as a value": edited(
        lambda schema: state_of(schema).update(copy=node("FunctionNode", "numpy.log1p"))
    ),
    "function that gets an array": skops.io.dumps(FunctionTransformer(np.log, kw_args={"out": np.zeros(3)})),
    "own function": skops.io.dumps(FunctionTransformer(np.float64)),
    "keys of an unknown type": edited(
        lambda schema: schema["content"]["key_types"]["content"].__setitem__(
            0, node("TypeNode", "builtins.object")
        )
    ),
    "list as top": skops.io.dumps([1]),
}
BROKEN: dict[str, bytes] = {
    "no schema": zipped(model_json=b"{}"),
    "schema is text": zipped(schema_json=b"hello"),
    "schema is a list": zipped(schema_json=b"[]"),
    "newer protocol": edited(lambda schema: schema.update(protocol=99)),
    "nested without end": zipped(schema_json=b'{"protocol": 2, "content": ' + b"[" * 200_000),
    "missing array": edited(lambda schema: state_of(schema)["mean_"].update(file="gone.npy")),
    "array with a short header": edited(lambda schema: state_of(schema)["mean_"].update(file="schema.json")),
    "cut short": GOOD[: len(GOOD) // 2],
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_file_is_refused_with_the_reason(
    tmp_path: Path, case: str, wording: SnapshotAssertion
) -> None:
    path = tmp_path / "scaler.skops"
    path.write_bytes(HOSTILE[case])
    for refuse in (scan_scaler, build_scaler):
        with pytest.raises(RefusedError) as refused:
            refuse(path)
        assert isinstance(refused.value.__cause__, NotAllowedError)
    assert str(refused.value.__cause__) == wording


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_refused_even_with_trust(
    tmp_path: Path, case: str, wording: SnapshotAssertion
) -> None:
    path = tmp_path / "scaler.skops"
    path.write_bytes(BROKEN[case])
    with pytest.raises(RefusedError) as refused:
        build_scaler(path, trust=True)
    assert isinstance(refused.value.__cause__, DamagedError)
    assert own_text(refused.value.__cause__) == wording


def test_a_trusted_name_is_described_without_being_imported() -> None:
    contents = read_skops(HOSTILE["function"], trust=True)
    assert contents.foreign == ("math.sqrt",)
    assert "math.sqrt" in contents.wants


def test_two_members_of_one_name_are_refused(wording: SnapshotAssertion) -> None:
    stream = io.BytesIO(GOOD)
    with zipfile.ZipFile(stream, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("schema.json", b"{}")
    with pytest.raises(NotAllowedError) as refused:
        read_skops(stream.getvalue())
    assert str(refused.value) == wording


def test_a_bomb_is_refused_by_its_declared_size(
    monkeypatch: pytest.MonkeyPatch, wording: SnapshotAssertion
) -> None:
    monkeypatch.setattr(skops_files, "_MAX_UNPACKED", 10_000)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", b" " * 20_000)
    with pytest.raises(NotAllowedError) as refused:
        read_skops(stream.getvalue())
    assert str(refused.value) == wording


def test_arrays_and_objects_are_capped(monkeypatch: pytest.MonkeyPatch, wording: SnapshotAssertion) -> None:
    monkeypatch.setattr(numpy_parts, "_MAX_ALL_BYTES", 50)
    with pytest.raises(NotAllowedError) as bytes_refused:
        read_skops(GOOD)
    monkeypatch.setattr(skops_files, "_MAX_NODES", 5)
    with pytest.raises(NotAllowedError) as objects_refused:
        read_skops(GOOD)
    assert [str(bytes_refused.value), str(objects_refused.value)] == wording


@pytest.mark.parametrize("shape", [(0,), (3,), (2, 3)])
def test_an_array_of_words_keeps_its_shape(shape: tuple[int, ...]) -> None:
    words = np.full(shape, "word", dtype=object)
    scaler = StandardScaler().fit(ROWS)
    scaler.extra = words
    array = read_skops(skops.io.dumps(scaler)).top.state["extra"]
    assert (array.dtype, array.shape, array.tolist()) == (words.dtype, words.shape, words.tolist())


def test_every_truncation_is_refused() -> None:
    for end in range(0, len(GOOD), 7):
        with pytest.raises(DamagedError):
            read_skops(GOOD[:end])
