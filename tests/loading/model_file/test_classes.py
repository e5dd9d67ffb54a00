"""inspect_config and the table of Keras's own names."""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.errors import RefusedError
from keras_consistency_cli.loading.model_file import classes
from keras_consistency_cli.loading.model_file.classes import (
    Inspection,
    LargestSize,
    inspect_config,
    known_classes,
)
from tests.helpers import crafted_archives as crafted


@pytest.fixture
def no_keras(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classes, "installed_keras_version", lambda: "")


@pytest.mark.usefixtures("no_keras")
@pytest.mark.parametrize("version", ["", "3.15.1", "3.999.0", "2.12.0", "nonsense"])
def test_an_unknown_version_gets_the_newest_table(version: str) -> None:
    assert known_classes(version).version == "3.15"


@pytest.mark.parametrize(
    "name",
    [
        "Lambda",
        "TFSMLayer",
        "TorchModuleWrapper",
        "JaxLayer",
        "FlaxLayer",
        "WhileLoop",
        "Map",
        "Cond",
        "Switch",
    ],
)
def test_classes_that_carry_code_are_in_no_table(name: str) -> None:
    assert not [full for full in known_classes().classes if full.rpartition(".")[2] == name]


@pytest.mark.parametrize(
    "name",
    [
        "keras.utils.get_file",
        "keras.saving.load_model",
        "keras.config.set_floatx",
        "keras.activations.deserialize",
        "builtins.get",
    ],
)
def test_functions_that_are_not_part_of_a_model_are_in_no_table(name: str) -> None:
    assert name not in known_classes().functions | known_classes().classes


@pytest.mark.parametrize(
    "name",
    [
        "keras.layers.Dense",
        "keras.src.models.functional.Functional",
        "keras.src.ops.numpy.Add",
        "keras.utils.FeatureSpace",
    ],
)
def test_ordinary_classes_are_in_the_table(name: str) -> None:
    assert name in known_classes().classes


def test_a_config_is_sorted_and_counted() -> None:
    wrapped = crafted.layer("TimeDistributed", layer=crafted.dense(units=70))
    config = crafted.config_with(
        wrapped, crafted.layer("Own", "mine"), compile_config={"optimizer": crafted.layer("Own2", "mine")}
    )
    own = (
        "keras.Sequential",
        "keras.initializers.GlorotUniform",
        "keras.layers.Dense",
        "keras.layers.InputLayer",
        "keras.layers.TimeDistributed",
    )
    assert inspect_config(config, known_classes()) == Inspection(
        classes=(*own, "mine.Own", "mine.Own2"),
        custom=("mine.Own",),
        unsafe=(),
        custom_compile=("mine.Own2",),
        layers=4,
        largest=LargestSize(where="keras.layers.Dense 'dense' has units=70", value=70),
    )


def test_a_wide_layer_is_not_refused_by_the_config_alone() -> None:
    assert (
        inspect_config(crafted.config_with(crafted.dense(units=10**9)), known_classes()).largest.value
        == 10**9
    )


def test_values_that_only_look_like_sizes_are_ignored() -> None:
    odd = crafted.layer("Reshape", target_shape=[-1, 3], units=True, filters=None, key_dim="auto")
    assert inspect_config(crafted.config_with(odd), known_classes()).largest.value == 3


@pytest.mark.parametrize(
    "suspect",
    [
        crafted.layer("Lambda", registered="mine>Swish"),
        crafted.layer("Lambda", "keras.src.layers.core.lambda_layer", registered="mine>Swish"),
        crafted.layer("a>Lambda"),
        crafted.layer("layers.Lambda", "keras"),
        crafted.layer("\uff2cambda"),
        crafted.layer("Lambda", None),
        crafted.layer("Lambda", ""),
        crafted.layer("TFSMLayer", None, registered="mine>Swish"),
        crafted.layer("get_file", "keras.utils", registered="mine>get_file"),
        {"class_name": "Lambda", "config": {"name": "suspect"}},
    ],
)
def test_a_registered_name_does_not_hide_the_class_that_keras_falls_back_to(
    suspect: dict[str, object],
) -> None:
    inspection = inspect_config(crafted.config_with(suspect), known_classes())
    assert (len(inspection.unsafe), inspection.custom) == (1, ())


@pytest.mark.parametrize(
    "suspect",
    [
        crafted.layer("Dense", registered="mine>Dense"),
        crafted.layer("Lambda", "mine.layers", registered="mine>Lambda"),
        crafted.layer("Map", "mine"),
    ],
)
def test_custom_classes_may_have_the_names_of_keras_classes(suspect: dict[str, object]) -> None:
    inspection = inspect_config(crafted.config_with(suspect), known_classes())
    assert (inspection.unsafe, len(inspection.custom)) == ((), 1)


@pytest.mark.parametrize(
    "name",
    ["../x", "..\\x", "a/b", "\\", ".."],
    ids=["parent", "parent-backslash", "slash", "backslash", "dots"],
)
def test_a_layer_name_that_is_a_path_is_refused(name: str, wording: SnapshotAssertion) -> None:
    with pytest.raises(RefusedError) as refusal:
        inspect_config(crafted.config_with(crafted.dense(name=name)), known_classes())
    assert str(refusal.value) == wording


@pytest.mark.parametrize("name", ["...", "a.b", "dense_1", "größe", "C:x"])
def test_unusual_names_that_are_not_paths_are_accepted(name: str) -> None:
    assert inspect_config(crafted.config_with(crafted.dense(name=name)), known_classes()).unsafe == ()


def test_a_number_of_4000_digits_is_shortened_in_the_message(wording: SnapshotAssertion) -> None:
    with pytest.raises(RefusedError) as refusal:
        inspect_config(crafted.config_with(crafted.dense(units=-int("9" * 4000))), known_classes())
    assert len(str(refusal.value)) < 200
    assert str(refusal.value) == wording
