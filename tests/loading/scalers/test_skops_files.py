""".skops files: hostile and broken ones are refused, nothing of them is imported."""

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

from keras_consistency_cli.errors import RefusedError
from keras_consistency_cli.loading.scalers import numpy_parts, skops_files
from keras_consistency_cli.loading.scalers.inert_objects import DamagedError, NotAllowedError
from keras_consistency_cli.loading.scalers.scaler import build_scaler, scan_scaler
from keras_consistency_cli.loading.scalers.skops_files import read_skops

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


HOSTILE: dict[str, tuple[bytes, str]] = {
    "another class": (
        edited(lambda schema: schema.update(__class__="Popen", __module__="subprocess")),
        "subprocess.Popen",
    ),
    "function": (
        edited(lambda schema: state_of(schema).update(copy=node("FunctionNode", "os.system"))),
        "os.system",
    ),
    "type": (
        edited(lambda schema: state_of(schema).update(copy=node("TypeNode", "subprocess.Popen"))),
        "subprocess.Popen",
    ),
    "method": (
        edited(lambda schema: state_of(schema).update(copy=node("MethodNode", "os.system"))),
        "os.system",
    ),
    "reduce": (
        edited(
            lambda schema: state_of(schema).update(copy=node("ConstructorFromReduceNode", "pathlib.Path"))
        ),
        "pathlib.Path",
    ),
    "other loader for an object": (
        edited(lambda schema: state_of(schema).update(copy=node("ListNode", "os.system", []))),
        "os.system",
    ),
    "shadowed method": (
        edited(lambda schema: state_of(schema).update(transform=state_of(schema).pop("copy"))),
        "replaces 'transform'",
    ),
    "own function": (skops.io.dumps(FunctionTransformer(np.float64)), "a function of its own"),
    "keys of another type": (
        edited(
            lambda schema: schema["content"]["key_types"]["content"].__setitem__(
                0, node("TypeNode", "builtins.object")
            )
        ),
        "keys are not plain",
    ),
    "list as top": (skops.io.dumps([1]), "list as its top object"),
}
BROKEN: dict[str, tuple[bytes, str]] = {
    "no schema": (zipped(model_json=b"{}"), "without schema.json"),
    "schema is text": (zipped(schema_json=b"hello"), "JSONDecodeError"),
    "schema is a list": (zipped(schema_json=b"[]"), "protocol"),
    "newer protocol": (edited(lambda schema: schema.update(protocol=99)), "protocol"),
    "nested without end": (
        zipped(schema_json=b'{"protocol": 2, "content": ' + b"[" * 200_000),
        "RecursionError",
    ),
    "missing array": (edited(lambda schema: state_of(schema)["mean_"].update(file="gone.npy")), "KeyError"),
    "array with a short header": (
        edited(lambda schema: state_of(schema)["mean_"].update(file="schema.json")),
        "ValueError",
    ),
    "cut short": (GOOD[: len(GOOD) // 2], "BadZipFile"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_file_is_refused_and_told(tmp_path: Path, case: str) -> None:
    raw, told = HOSTILE[case]
    path = tmp_path / "scaler.skops"
    path.write_bytes(raw)
    for refuse in (scan_scaler, build_scaler):
        with pytest.raises(RefusedError, match="asks for") as refused:
            refuse(path)
        assert told in refused.value.what


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_refused_even_with_trust(tmp_path: Path, case: str) -> None:
    raw, told = BROKEN[case]
    path = tmp_path / "scaler.skops"
    path.write_bytes(raw)
    with pytest.raises(RefusedError, match="cannot be read") as refused:
        build_scaler(path, trust=True)
    assert told in refused.value.what


def test_a_trusted_name_is_described_without_being_imported() -> None:
    found = read_skops(HOSTILE["function"][0], trust=True)
    assert found.foreign == ("os.system",)
    assert "os.system" in found.wants


def test_two_members_of_one_name_are_refused() -> None:
    stream = io.BytesIO(GOOD)
    with zipfile.ZipFile(stream, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("schema.json", b"{}")
    with pytest.raises(NotAllowedError, match="two members of one name"):
        read_skops(stream.getvalue())


def test_a_bomb_is_refused_by_its_declared_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(skops_files, "_MAX_UNPACKED", 10_000)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", b" " * 20_000)
    with pytest.raises(NotAllowedError, match="in its zip"):
        read_skops(stream.getvalue())


def test_arrays_and_objects_are_capped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numpy_parts, "_MAX_ALL_BYTES", 50)
    with pytest.raises(NotAllowedError, match="of arrays"):
        read_skops(GOOD)
    monkeypatch.setattr(skops_files, "_MAX_NODES", 5)
    with pytest.raises(NotAllowedError, match="more than 5 objects"):
        read_skops(GOOD)


@pytest.mark.parametrize("shape", [(0,), (3,), (2, 3)])
def test_an_array_of_words_keeps_its_shape(shape: tuple[int, ...]) -> None:
    words = np.full(shape, "word", dtype=object)
    scaler = StandardScaler().fit(ROWS)
    scaler.extra = words
    found = read_skops(skops.io.dumps(scaler)).top.state["extra"]
    assert (found.dtype, found.shape, found.tolist()) == (words.dtype, words.shape, words.tolist())


def test_every_truncation_is_refused() -> None:
    for end in range(0, len(GOOD), 7):
        with pytest.raises(DamagedError):
            read_skops(GOOD[:end])
