"""summarise: crafted archives and models saved by Keras, described without running them."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import keras
import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.errors import RefusedError, UsageError
from keras_consistency_cli.loading.model_file import summary as summary_module
from keras_consistency_cli.loading.model_file.advisories import SAFE_VERSIONS
from keras_consistency_cli.loading.model_file.layer_tree import LayerSummary, TensorSummary
from keras_consistency_cli.loading.model_file.summary import ModelSummary, summarise
from tests.helpers import crafted_archives as crafted
from tests.helpers.ordinary_models import ORDINARY

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def _this_keras_is_safe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summary_module, "installed_keras_version", lambda: "3.15.1")


def test_a_valid_archive_is_described_completely(tmp_path: pathlib.Path) -> None:
    path = crafted.write_archive(tmp_path / "m.keras")
    summary = summarise(path)
    assert summary == ModelSummary(
        path=str(path),
        sha256=summary.sha256,
        size=path.stat().st_size,
        keras_version="3.15.1",
        backend="",
        saved_on="2025-01-02@03:04:05",
        kind="Sequential",
        name="m",
        parameters=15,
        layer_count=1,
        inputs=(TensorSummary(name="input", shape=(None, 4), dtype=""),),
        outputs=(TensorSummary(name="dense", shape=(None, 3), dtype=""),),
        layers=(
            LayerSummary(depth=0, name="dense", kind="Dense", shape=(None, 3), parameters=15, policy=""),
        ),
        weight_dtypes={"float32": 2},
        policies={},
        custom=(),
        members=(
            ("metadata.json", 64),
            ("config.json", len(json.dumps(crafted.valid_config()))),
            ("model.weights.h5", summary.members[2][1]),
        ),
        hazards=(),
    )
    assert summary.exit_code == 0


def _archive(folder: pathlib.Path, **changes: Any) -> pathlib.Path:
    return crafted.write_archive(folder / "m.keras", **changes)


def _shown(summary: ModelSummary) -> list[str]:
    """Return each hazard as `kcheck inspect` shows it, with what to do."""
    return [f"{hazard.words}: {hazard.fix}" if hazard.fix else hazard.words for hazard in summary.hazards]


LAMBDA = crafted.config_with(
    crafted.layer("Lambda", function={"class_name": "__lambda__", "config": {"value": "4wEAAA=="}})
)
CUSTOM = crafted.config_with(crafted.layer("Swish", "layers", registered="mine>Swish"))


def test_code_is_a_hazard_until_it_is_trusted(tmp_path: pathlib.Path, wording: SnapshotAssertion) -> None:
    path = _archive(tmp_path, config=LAMBDA)
    refused, trusted = summarise(path), summarise(path, allow_unsafe=True)
    (hazard,) = refused.hazards
    assert (hazard.kind, hazard.refused, refused.exit_code) == ("code", True, 1)
    assert "--allow-unsafe" in hazard.fix
    assert _shown(refused) == wording
    assert ([hazard.refused for hazard in trusted.hazards], trusted.exit_code) == ([False], 0)


def test_custom_classes_are_named_and_pass_with_their_flag(
    tmp_path: pathlib.Path, wording: SnapshotAssertion
) -> None:
    path = _archive(tmp_path, config=CUSTOM)
    refused = summarise(path)
    (hazard,) = refused.hazards
    assert (hazard.kind, hazard.refused, refused.exit_code) == ("custom", True, 1)
    assert "--custom-objects" in hazard.fix
    assert _shown(refused) == wording
    assert summarise(path, custom_objects=True).exit_code == 0


def test_weights_that_are_not_finite_are_a_fault(tmp_path: pathlib.Path, wording: SnapshotAssertion) -> None:
    weights = crafted.weights_with(
        lambda file: file.create_dataset("layers/x/vars/0", data=np.array([np.inf], "f4"))
    )
    summary = summarise(_archive(tmp_path, weights=weights))
    assert [(hazard.kind, hazard.refused) for hazard in summary.hazards] == [("weights", True)]
    assert summary.exit_code == 1
    assert _shown(summary) == wording


def test_further_files_and_training_code_are_mentioned(
    tmp_path: pathlib.Path, wording: SnapshotAssertion
) -> None:
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
    summary = summarise(path)
    assert [(hazard.kind, hazard.refused) for hazard in summary.hazards] == [
        ("assets", False),
        ("training", False),
    ]
    assert _shown(summary) == wording
    assert (summary.keras_version, summary.saved_on, summary.exit_code) == ("", "", 0)


def test_a_file_of_an_old_version_is_no_hazard(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(summary_module, "installed_keras_version", lambda: "3.15.1")
    saved = json.dumps({"keras_version": "3.8.0"}).encode()
    assert summarise(_archive(tmp_path, metadata_json=saved)).hazards == ()


@pytest.mark.parametrize("saved", ["3.15.1", "3.8.0"], ids=["installed", "both"])
def test_an_installed_version_with_known_faults_is_reported_and_refuses_nothing(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, saved: str, wording: SnapshotAssertion
) -> None:
    monkeypatch.setattr(summary_module, "installed_keras_version", lambda: "3.13.0")
    summary = summarise(_archive(tmp_path, metadata_json=json.dumps({"keras_version": saved}).encode()))
    assert [hazard.kind for hazard in summary.hazards] == ["version"]
    assert "Keras 3.13.0, " in summary.hazards[0].words
    assert summary.hazards[0].fix == f"update to {SAFE_VERSIONS}"
    assert summary.exit_code == 0
    assert _shown(summary) == wording


@pytest.mark.parametrize("units", [-1, 10**9], ids=["negative", "huge"])
def test_a_file_that_cannot_be_read_safely_is_refused(tmp_path: pathlib.Path, units: int) -> None:
    path = _archive(tmp_path, config=crafted.config_with(crafted.dense(units=units)))
    with pytest.raises(RefusedError):
        summarise(path, custom_objects=True, allow_unsafe=True)


def test_a_missing_file_is_a_wrong_call(tmp_path: pathlib.Path) -> None:
    with pytest.raises(UsageError):
        summarise(tmp_path / "none.keras")


def test_layers_inside_a_custom_class_are_listed_by_their_weights(tmp_path: pathlib.Path) -> None:
    config = {
        "module": "mine",
        "class_name": "Net",
        "config": {"name": "net"},
        "registered_name": "mine>Net",
        "build_config": {"input_shape": [8, 4]},
    }
    summary = summarise(_archive(tmp_path, config=config), custom_objects=True)
    assert summary.layers == (
        LayerSummary(depth=0, name="layers/dense", kind="", shape=None, parameters=15, policy=""),
    )
    assert summary.inputs == (TensorSummary(name="", shape=(8, 4), dtype=""),)
    assert summary.outputs == ()


def test_a_config_with_values_of_the_wrong_type_breaks_nothing(tmp_path: pathlib.Path) -> None:
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
def test_the_summary_agrees_with_keras(saved: dict[str, tuple[Any, pathlib.Path]], name: str) -> None:
    model, path = saved[name]
    summary = summarise(path)
    assert summary.parameters == model.count_params()
    assert [(tensor.shape, tensor.dtype) for tensor in summary.inputs] == [
        (tuple(tensor.shape), tensor.dtype) for tensor in model.inputs
    ]
    own = {layer.name: layer for layer in model.layers}
    listed = [row for row in summary.layers if row.depth == 0 and row.name in own]
    assert len(listed) == len([layer for layer in model.layers if type(layer).__name__ != "InputLayer"])
    shared = {"middle"}  # the model that it was built from contains its layers, and they are counted there
    assert [row.parameters for row in listed] == [
        0 if row.name in shared else own[row.name].count_params() for row in listed
    ]
    assert [row.kind for row in listed] == [type(own[row.name]).__name__ for row in listed]
    shaped = [row for row in listed if row.shape is not None]
    assert len(shaped) >= len(listed) - 2
    assert [row.shape for row in shaped] == [tuple(own[row.name].output.shape) for row in shaped]


def test_nested_layers_and_their_policies(saved: dict[str, tuple[Any, pathlib.Path]]) -> None:
    nested = summarise(saved["nested"][1])
    assert [(row.depth, row.kind) for row in nested.layers if row.kind in ("Sequential", "Dense")] == [
        *((0, "Sequential"), (1, "Dense")),
        (1, "Dense"),
    ]
    assert dict(summarise(saved["bfloat16"][1]).policies) == {"bfloat16": 2, "float32": 1}
    assert "DTypePolicyMap" in summarise(saved["policy-map"][1]).policies


def _wide(optimizer: str | None, units: int = 600) -> Any:
    model = keras.Sequential([keras.Input((units,)), keras.layers.Dense(units), keras.layers.Dense(2)])
    if optimizer is not None:
        model.compile(optimizer, "mse")
        model.fit(np.zeros((2, units), "float32"), np.zeros((2, 2), "float32"), verbose=0)
    return model


def test_the_state_of_an_optimizer_is_named_with_its_size_and_a_smaller_file(
    tmp_path: pathlib.Path, wording: SnapshotAssertion
) -> None:
    model, path, small = _wide("adam"), tmp_path / "m.keras", tmp_path / "small.keras"
    model.save(path)
    summary = summarise(path)
    assert [(hazard.kind, hazard.refused) for hazard in summary.hazards] == [("training", False)]
    assert _shown(summary) == wording
    model.save(tmp_path / "same.keras", include_optimizer=False)
    assert (tmp_path / "same.keras").stat().st_size == path.stat().st_size
    keras.models.load_model(path, compile=False).save(small)
    assert small.stat().st_size < path.stat().st_size / 2
    assert summarise(small).hazards == ()


@pytest.mark.parametrize(("optimizer", "units"), [(None, 600), ("sgd", 600), ("adam", 40)])
def test_a_model_without_a_large_optimizer_has_no_note(
    tmp_path: pathlib.Path, optimizer: str | None, units: int
) -> None:
    _wide(optimizer, units).save(tmp_path / "m.keras")
    assert summarise(tmp_path / "m.keras").hazards == ()


def test_the_note_on_the_optimizer_is_there_for_a_folder_too(tmp_path: pathlib.Path) -> None:
    _wide("rmsprop").save(tmp_path / "m", zipped=False)
    assert [hazard.kind for hazard in summarise(tmp_path / "m").hazards] == ["training"]
