"""inspect_config: whose the named classes are, the number of layers, and the largest size."""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.errors import RefusedError
from keras_consistency_cli.loading.model_file.classes import Inspection, LargestSize, inspect_config
from keras_consistency_cli.loading.model_file.known_classes import read_known_names
from tests.helpers import crafted_archives as crafted


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
    assert inspect_config(config, read_known_names()) == Inspection(
        classes=(*own, "mine.Own", "mine.Own2"),
        custom=("mine.Own",),
        unsafe=(),
        custom_compile=("mine.Own2",),
        layers=4,
        largest=LargestSize(where="keras.layers.Dense 'dense' has units=70", value=70),
    )


def test_a_wide_layer_is_not_refused_by_the_config_alone() -> None:
    assert (
        inspect_config(crafted.config_with(crafted.dense(units=10**9)), read_known_names()).largest.value
        == 10**9
    )


def test_values_that_only_look_like_sizes_are_ignored() -> None:
    odd = crafted.layer("Reshape", target_shape=[-1, 3], units=True, filters=None, key_dim="auto")
    assert inspect_config(crafted.config_with(odd), read_known_names()).largest.value == 3


@pytest.mark.parametrize(
    "name",
    ["../x", "..\\x", "a/b", "\\", ".."],
    ids=["parent", "parent-backslash", "slash", "backslash", "dots"],
)
def test_a_layer_name_that_is_a_path_is_refused(name: str, wording: SnapshotAssertion) -> None:
    with pytest.raises(RefusedError) as refusal:
        inspect_config(crafted.config_with(crafted.dense(name=name)), read_known_names())
    assert str(refusal.value) == wording


@pytest.mark.parametrize("name", ["...", "a.b", "dense_1", "größe", "C:x"])
def test_unusual_names_that_are_not_paths_are_accepted(name: str) -> None:
    assert inspect_config(crafted.config_with(crafted.dense(name=name)), read_known_names()).unsafe == ()


def test_a_number_of_4000_digits_is_shortened_in_the_message(wording: SnapshotAssertion) -> None:
    with pytest.raises(RefusedError) as refusal:
        inspect_config(crafted.config_with(crafted.dense(units=-int("9" * 4000))), read_known_names())
    assert len(str(refusal.value)) < 200
    assert str(refusal.value) == wording
