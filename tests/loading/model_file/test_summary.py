"""What a file says of its model, without running it: crafted archives, and models that Keras itself has saved."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import numpy as np
import pytest

from keras_consistency_cli.errors import RefusedError, UsageError
from keras_consistency_cli.loading.model_file import summary as summary_module
from keras_consistency_cli.loading.model_file.layer_tree import LayerRow, TensorRow
from keras_consistency_cli.loading.model_file.summary import Hazard, ModelSummary, summarise
from tests.helpers import crafted_archives as crafted
from tests.helpers.ordinary_models import ORDINARY

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def _this_keras_is_safe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summary_module, "installed_keras", lambda: "3.15.1")


def test_an_honest_archive_is_described_whole(tmp_path: pathlib.Path) -> None:
    path = crafted.write_archive(tmp_path / "m.keras")
    found = summarise(path)
    assert found == ModelSummary(
        path=str(path),
        sha256=found.sha256,
        size=path.stat().st_size,
        keras_version="3.15.1",
        backend="",
        saved_on="2025-01-02@03:04:05",
        kind="Sequential",
        name="m",
        parameters=15,
        layer_count=1,
        inputs=(TensorRow(name="input", shape=(None, 4), dtype=""),),
        outputs=(TensorRow(name="dense", shape=(None, 3), dtype=""),),
        layers=(LayerRow(depth=0, name="dense", kind="Dense", shape=(None, 3), parameters=15, policy=""),),
        weight_dtypes={"float32": 2},
        policies={},
        custom=(),
        members=(
            ("metadata.json", 64),
            ("config.json", len(json.dumps(crafted.honest_config()))),
            ("model.weights.h5", found.members[2][1]),
        ),
        hazards=(),
    )
    assert found.exit_code == 0


def _archive(folder: pathlib.Path, **changes: Any) -> pathlib.Path:
    return crafted.write_archive(folder / "m.keras", **changes)


LAMBDA = crafted.config_with(
    crafted.layer("Lambda", function={"class_name": "__lambda__", "config": {"value": "4wEAAA=="}})
)
CUSTOM = crafted.config_with(crafted.layer("Swish", "layers", registered="mine>Swish"))


def test_code_is_a_hazard_until_it_is_trusted(tmp_path: pathlib.Path) -> None:
    path = _archive(tmp_path, config=LAMBDA)
    refused, trusted = summarise(path), summarise(path, allow_unsafe=True)
    (hazard,) = refused.hazards
    assert (hazard.kind, hazard.refused, refused.exit_code) == ("code", True, 1)
    assert "keras.layers.Lambda 'suspect' at config.json:config.layers[2]" in hazard.words
    assert "--allow-unsafe" in hazard.fix
    assert ([found.refused for found in trusted.hazards], trusted.exit_code) == ([False], 0)


def test_custom_classes_are_named_and_pass_with_their_flag(tmp_path: pathlib.Path) -> None:
    path = _archive(tmp_path, config=CUSTOM)
    words = "needs code that Keras does not have: mine>Swish"
    fix = "name the Python file that defines it: --custom-objects layers.py"
    assert summarise(path).hazards == (Hazard(kind="custom", words=words, fix=fix, refused=True),)
    assert (summarise(path).exit_code, summarise(path, custom_objects=True).exit_code) == (1, 0)


def test_weights_that_are_not_finite_are_a_fault(tmp_path: pathlib.Path) -> None:
    weights = crafted.weights_with(
        lambda file: file.create_dataset("layers/x/vars/0", data=np.array([np.inf], "f4"))
    )
    found = summarise(_archive(tmp_path, weights=weights))
    assert [hazard.words for hazard in found.hazards] == ["weights with NaN or infinity: layers/x/vars/0"]
    assert found.exit_code == 1


def test_further_files_and_training_code_are_mentioned(tmp_path: pathlib.Path) -> None:
    config = crafted.config_with(
        compile_config={"loss": {"class_name": "function", "module": "builtins", "config": "my_loss"}}
    )
    path = _archive(tmp_path, config=config)
    parts = {
        "metadata.json": b"{}",
        "config.json": json.dumps(config).encode(),
        "model.weights.h5": crafted.weights_with(len),
        "assets/v.txt": b"a",
    }
    path.write_bytes(crafted.zipped(parts))
    found = summarise(path)
    assert [(hazard.kind, hazard.refused) for hazard in found.hazards] == [
        ("assets", False),
        ("training", False),
    ]
    assert "assets/v.txt" in found.hazards[0].words
    assert "my_loss" in found.hazards[1].words
    assert (found.keras_version, found.saved_on, found.exit_code) == ("", "", 0)


@pytest.mark.parametrize(
    ("saved", "here", "words"),
    [("3.8.0", "3.15.1", ["was saved with Keras 3.8.0"]), ("3.15.1", "3.13.0", ["environment has"])],
)
def test_versions_with_known_faults_are_told_and_refuse_nothing(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, saved: str, here: str, words: list[str]
) -> None:
    monkeypatch.setattr(summary_module, "installed_keras", lambda: here)
    found = summarise(_archive(tmp_path, metadata_json=json.dumps({"keras_version": saved}).encode()))
    assert [hazard.kind for hazard in found.hazards] == ["version"]
    assert all(word in found.hazards[0].words for word in words)
    assert found.hazards[0].fix.startswith("update to 3.12.4")
    assert found.exit_code == 0


def test_what_cannot_be_read_safely_is_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(RefusedError, match="units=-1"):
        summarise(
            _archive(tmp_path, config=crafted.config_with(crafted.dense(units=-1))),
            custom_objects=True,
            allow_unsafe=True,
        )
    with pytest.raises(UsageError, match="no such file"):
        summarise(tmp_path / "none.keras")


def test_layers_of_a_custom_class_show_by_their_weights(tmp_path: pathlib.Path) -> None:
    config = {
        "module": "mine",
        "class_name": "Net",
        "config": {"name": "net"},
        "registered_name": "mine>Net",
        "build_config": {"input_shape": [8, 4]},
    }
    found = summarise(_archive(tmp_path, config=config), custom_objects=True)
    assert found.layers == (
        LayerRow(depth=0, name="layers/dense", kind="", shape=None, parameters=15, policy=""),
    )
    assert found.inputs == (TensorRow(name="", shape=(8, 4), dtype=""),)
    assert found.outputs == ()


def test_a_config_that_lies_about_its_kinds_breaks_nothing(tmp_path: pathlib.Path) -> None:
    odd: dict[str, Any] = {
        "class_name": "Functional",
        "config": {"layers": 7, "output_layers": [[3, 0, 0], "x"], "name": ["n"]},
        "build_config": 3,
    }
    assert summarise(_archive(tmp_path, config=odd), custom_objects=True).inputs == ()
    deep = crafted.dense(name=5, dtype={"config": []}, batch_shape="x")
    nested = crafted.config_with(
        {**deep, "inbound_nodes": 5, "build_config": {"input_shape": {"a": [1]}}}, 7, None, []
    )  # type: ignore[arg-type]
    assert [row.name for row in summarise(_archive(tmp_path, config=nested)).layers] == ["dense", "Dense"]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Any, pathlib.Path]]:
    keras = pytest.importorskip("keras")
    folder = tmp_path_factory.mktemp("summaries")
    chosen = (
        "functional-operations",
        "nested",
        "recurrent",
        "augmented-image",
        "bfloat16",
        "compiled",
        "policy-map",
    )
    built = {name: (ORDINARY[name](keras), folder / f"{name}.keras") for name in chosen}
    for model, path in built.values():
        model.save(path)
    return built


@pytest.mark.parametrize(
    "name", ["functional-operations", "nested", "recurrent", "augmented-image", "bfloat16", "compiled"]
)
def test_what_is_read_is_what_keras_says(saved: dict[str, tuple[Any, pathlib.Path]], name: str) -> None:
    model, path = saved[name]
    found = summarise(path)
    assert found.parameters == model.count_params()
    assert [(tensor.shape, tensor.dtype) for tensor in found.inputs] == [
        (tuple(each.shape), each.dtype) for each in model.inputs
    ]
    own = {layer.name: layer for layer in model.layers}
    listed = [row for row in found.layers if row.depth == 0 and row.name in own]
    assert len(listed) == len([layer for layer in model.layers if type(layer).__name__ != "InputLayer"])
    shared = {"middle"}  # its layers lie in the one that it was made from, and are counted there
    assert [row.parameters for row in listed] == [
        0 if row.name in shared else own[row.name].count_params() for row in listed
    ]
    assert [row.kind for row in listed] == [type(own[row.name]).__name__ for row in listed]
    told = [row for row in listed if row.shape is not None]
    assert len(told) >= len(listed) - 2
    assert [row.shape for row in told] == [tuple(own[row.name].output.shape) for row in told]


def test_layers_within_layers_and_their_policies(saved: dict[str, tuple[Any, pathlib.Path]]) -> None:
    nested = summarise(saved["nested"][1])
    assert [(row.depth, row.kind) for row in nested.layers if row.kind in ("Sequential", "Dense")] == [
        *((0, "Sequential"), (1, "Dense")),
        (1, "Dense"),
    ]
    assert dict(summarise(saved["bfloat16"][1]).policies) == {"bfloat16": 2, "float32": 1}
    assert "DTypePolicyMap" in summarise(saved["policy-map"][1]).policies
