"""read_archive accepts ordinary models saved by Keras itself.

A false refusal would make kcheck useless.
"""

from __future__ import annotations

import pathlib
import zipfile
from typing import Any

import pytest

from keras_consistency_cli.errors import RefusedError
from keras_consistency_cli.loading.model_file.archive import read_archive
from tests.helpers.ordinary_models import CUSTOM, ORDINARY

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def keras() -> Any:
    return pytest.importorskip("keras")


@pytest.fixture(scope="module")
def saved(keras: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Any, pathlib.Path]]:
    folder = tmp_path_factory.mktemp("models")
    built = {name: (build(keras), folder / f"{name}.keras") for name, build in (ORDINARY | CUSTOM).items()}
    for model, path in built.values():
        model.save(path)
    return built


@pytest.mark.parametrize("name", ORDINARY)
def test_an_ordinary_model_passes_without_flags(
    saved: dict[str, tuple[Any, pathlib.Path]], name: str
) -> None:
    model, path = saved[name]
    archive = read_archive(path)
    assert (archive.custom, archive.unsafe, archive.nonfinite) == ((), (), ())
    assert archive.config["class_name"] == type(model).__name__
    assert archive.size == path.stat().st_size
    packed = 2 if name == "int4" else 1
    assert archive.parameters * packed >= model.count_params()


def test_layers_and_weights_are_those_of_the_model(
    keras: Any, saved: dict[str, tuple[Any, pathlib.Path]]
) -> None:
    model, path = saved["mobilenet"]
    archive = read_archive(path)
    assert archive.layers == len(model.layers) - 1
    assert sorted(weight.shape for weight in archive.weights) == sorted(
        tuple(weight.shape) for weight in model.weights
    )
    assert archive.keras_version == keras.__version__


def test_vocabularies_are_stored_as_assets(saved: dict[str, tuple[Any, pathlib.Path]]) -> None:
    with zipfile.ZipFile(saved["adapted-strings"][1]) as archive:
        assert any(name.startswith("assets/") for name in archive.namelist())


def test_functions_that_only_training_needs_are_listed(saved: dict[str, tuple[Any, pathlib.Path]]) -> None:
    assert read_archive(saved["own-training"][1]).custom_compile == ("my_loss", "__lambda__")


def test_registered_classes_are_named_and_pass_with_their_flag(
    saved: dict[str, tuple[Any, pathlib.Path]],
) -> None:
    path = saved["own-layer"][1]
    with pytest.raises(RefusedError) as refusal:
        read_archive(path)
    assert refusal.value.what.endswith(": mine>Scale, mine>swirl")
    assert "--custom-objects" in str(refusal.value.fix)
    assert read_archive(path, custom_objects=True).custom == ("mine>Scale", "mine>swirl")


def test_a_real_lambda_is_refused(keras: Any, tmp_path: pathlib.Path) -> None:
    model = keras.Sequential(
        [keras.Input((2,)), keras.layers.Lambda(lambda values: values * 2, name="double")]
    )
    model.save(tmp_path / "m.keras")
    with pytest.raises(RefusedError) as refusal:
        read_archive(tmp_path / "m.keras")
    assert "keras.layers.Lambda 'double' at config.json:config.layers[1]," in refusal.value.what
    assert "--allow-unsafe" in str(refusal.value.fix)
    assert len(read_archive(tmp_path / "m.keras", allow_unsafe=True).unsafe) == 1


def test_nan_weights_are_listed_not_refused(keras: Any, tmp_path: pathlib.Path) -> None:
    model = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(1, bias_initializer=keras.initializers.Constant(float("nan")))]
    )
    model.save(tmp_path / "m.keras")
    assert read_archive(tmp_path / "m.keras").nonfinite == ("layers/dense/vars/1",)
