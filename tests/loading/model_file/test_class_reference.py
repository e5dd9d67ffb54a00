"""classify: whose a named class or function is, whatever name the file registers for it."""

from __future__ import annotations

import pytest

from keras_consistency_cli.loading.model_file.class_reference import (
    ClassReference,
    classify,
    outermost_key,
    show_place,
)
from keras_consistency_cli.loading.model_file.known_classes import read_known_names
from tests.helpers import crafted_archives as crafted


def test_a_class_of_keras_and_a_plain_value_are_recognised() -> None:
    known = read_known_names()
    assert classify(crafted.dense(), (), known) == ClassReference(owner="keras", name="keras.layers.Dense")
    assert classify({"class_name": "__numpy__", "config": {}}, (), known).owner == "value"


def test_a_place_is_shown_as_a_path() -> None:
    place = ((((), "config"), "layers"), 2)
    assert show_place(place) == "config.json:config.layers[2]"
    assert (outermost_key(place), outermost_key(())) == ("config", None)


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
        crafted.layer("Map", None),
        crafted.layer("Scan", "keras.ops", registered="mine>Scan"),
        crafted.layer("get_file", "keras.utils", registered="mine>get_file"),
        {"class_name": "Lambda", "config": {"name": "suspect"}},
    ],
    ids=[
        "registered",
        "private-module",
        "arrow",
        "name-with-module",
        "fullwidth-letter",
        "no-module",
        "empty-module",
        "saved-model",
        "operation",
        "operation-of-keras",
        "function-as-class",
        "nothing-but-a-class",
    ],
)
def test_a_registered_name_does_not_hide_the_class_that_keras_falls_back_to(
    suspect: dict[str, object],
) -> None:
    assert classify(suspect, (), read_known_names()).owner == "unsafe"


@pytest.mark.parametrize(
    "suspect",
    [
        crafted.layer("Dense", registered="mine>Dense"),
        crafted.layer("Lambda", "mine.layers", registered="mine>Lambda"),
        crafted.layer("Map", "mine"),
        crafted.layer("Map", None, registered="mine>Map"),
        crafted.layer("Scan", None, registered="mine>Scan"),
    ],
    ids=["Dense", "Lambda", "Map", "registered-map", "registered-scan"],
)
def test_custom_classes_may_have_the_names_of_keras_classes(suspect: dict[str, object]) -> None:
    assert classify(suspect, (), read_known_names()).owner == "custom"
