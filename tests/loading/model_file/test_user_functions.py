"""A Lambda layer is accepted if every function that it calls is in a file of the user."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest

from keras_consistency_cli.errors import RefusedError
from keras_consistency_cli.loading.model_file.archive import read_archive
from keras_consistency_cli.loading.model_file.classes import inspect_config
from keras_consistency_cli.loading.model_file.known_classes import read_known_names
from keras_consistency_cli.loading.model_file.summary import summarise
from keras_consistency_cli.loading.model_file.user_functions import defined_functions
from tests.helpers import crafted_archives as crafted

CODE = {"class_name": "__lambda__", "config": {"code": "", "defaults": None, "closure": None}}


def _function(name: str, module: str = "builtins") -> dict[str, Any]:
    return {"class_name": "function", "module": module, "config": name, "registered_name": "function"}


def _lambda(function: object, module: str = "keras.layers", **more: Any) -> dict[str, Any]:
    return crafted.config_with(crafted.layer("Lambda", module, function=function, **more))


@pytest.mark.parametrize("name", ["halve", "mine>halve"])
def test_a_function_of_the_user_is_custom_and_not_unsafe(name: str) -> None:
    found = inspect_config(_lambda(_function(name, "mine")), read_known_names())
    assert (found.unsafe, found.lambda_functions, len(found.custom)) == ((), ("halve",), 1)


@pytest.mark.parametrize(
    "config",
    [
        _lambda(CODE),
        _lambda(_function("relu")),
        _lambda(_function("keras_hub>upload_preset")),
        _lambda(_function("get_file", "keras.utils")),
        _lambda(_function("halve"), output_shape=CODE),
        _lambda(_function("halve"), mask=_function("relu")),
        _lambda("halve"),
        _lambda(None),
        _lambda(_function("halve"), module="keras.src.layers"),
    ],
    ids=["code", "keras", "package", "get-file", "shape", "mask", "text", "nothing", "module"],
)
def test_everything_else_in_a_lambda_is_unsafe(config: dict[str, Any]) -> None:
    found = inspect_config(config, read_known_names())
    assert (len(found.unsafe), found.lambda_functions) == (1, ())


def test_code_in_the_arguments_of_an_accepted_lambda_is_unsafe() -> None:
    found = inspect_config(_lambda(_function("halve"), arguments={"by": CODE}), read_known_names())
    assert len(found.unsafe) == 1


def test_the_functions_of_a_file_are_read_and_not_run(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "own.py"
    file.write_text(
        "import math\nraise SystemExit\n\ndef halve(x):\n    def inner(): ...\n\n"
        "class Box:\n    def method(self): ...\n\nif True:\n    def twice(x): ...\n"
    )
    broken = tmp_path / "broken.py"
    broken.write_text("def (:")
    assert defined_functions([file, broken, tmp_path / "none.py"]) == {"halve", "twice"}


def test_a_function_must_be_in_one_of_the_files(tmp_path: pathlib.Path) -> None:
    path = crafted.write_archive(tmp_path / "m.keras", _lambda(_function("halve", "mine")))
    with pytest.raises(RefusedError, match="--custom-objects"):
        read_archive(path)
    with pytest.raises(RefusedError, match="halve"):
        read_archive(path, custom_objects=True, functions={"twice"})
    assert read_archive(path, custom_objects=True, functions={"halve"}).lambda_functions == ("halve",)
    codes = [
        summarise(path, custom_objects=given, functions=functions).exit_code
        for given, functions in [(False, ()), (True, ()), (True, {"halve"})]
    ]
    assert codes == [1, 1, 0]
