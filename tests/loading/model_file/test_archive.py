"""read_archive: the contents of a valid archive, and the flag that each refused one needs."""

from __future__ import annotations

import hashlib
import os
import pathlib
import subprocess
import sys
import zipfile

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.errors import RefusedError, UsageError
from keras_consistency_cli.loading.model_file.archive import Archive, read_archive
from keras_consistency_cli.loading.model_file.weights import WeightFact
from tests.helpers import crafted_archives as crafted


def test_a_valid_archive_is_read_completely(tmp_path: pathlib.Path) -> None:
    path = crafted.write_archive(tmp_path / "m.keras")
    data = path.read_bytes()
    assert read_archive(path) == Archive(
        path=str(path),
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        keras_version="3.15.1",
        saved_on="2025-01-02@03:04:05",
        backend="",
        config=crafted.valid_config(),
        classes=(
            "keras.Sequential",
            "keras.initializers.GlorotUniform",
            "keras.layers.Dense",
            "keras.layers.InputLayer",
        ),
        custom=(),
        unsafe=(),
        custom_compile=(),
        weights=(
            WeightFact(path="layers/dense/vars/0", shape=(4, 3), dtype="float32"),
            WeightFact(path="layers/dense/vars/1", shape=(3,), dtype="float32"),
        ),
        nonfinite=(),
        parameters=15,
        weight_bytes=60,
        optimizer_bytes=20,
        layers=1,
        members=tuple((info.filename, info.file_size) for info in zipfile.ZipFile(path).infolist()),
    )


def test_neither_keras_nor_the_file_system_is_touched(tmp_path: pathlib.Path) -> None:
    path = crafted.write_archive(tmp_path / "m.keras")
    code = (
        "import pathlib, sys; from keras_consistency_cli.loading.model_file.archive import read_archive;"
        "early = {'h5py', 'numpy'} & set(sys.modules); read_archive(pathlib.Path(sys.argv[1]));"
        "late = {'keras', 'tensorflow', 'sklearn'} & set(sys.modules); print(sorted(early), sorted(late))"
    )
    root = pathlib.Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code, path],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(root)},
    )
    assert done.stdout == "[] []\n"
    assert list(tmp_path.iterdir()) == [path]


LAMBDA_FUNCTION = {"class_name": "__lambda__", "config": {"value": "4wEAAA=="}}


def _named_function(name: str, module: str = "builtins", **entries: object) -> dict[str, object]:
    """A function as Keras writes it."""
    return {"class_name": "function", "module": module, "config": name, **entries}


CODE = {
    "lambda": crafted.layer("Lambda", function=LAMBDA_FUNCTION),
    "lambda-around-relu": crafted.layer("Lambda", function=_named_function("relu")),
    "private-lambda": crafted.layer("Lambda", "keras.src.layers.core.lambda_layer"),
    "saved-model": crafted.layer("TFSMLayer", filepath="/elsewhere"),
    "torch": crafted.layer("TorchModuleWrapper", module_="x"),
    "while-loop": crafted.layer("WhileLoop", "keras.src.ops.core"),
    "vocabulary-file": crafted.layer("StringLookup", vocabulary="/etc/passwd"),
    "lambda-activation": crafted.dense(activation=LAMBDA_FUNCTION),
    "get-file": crafted.dense(activation=_named_function("get_file", "keras.utils")),
    "set-epsilon": crafted.dense(activation=_named_function("set_epsilon", "keras.config")),
    "file-editor": crafted.layer("KerasFileEditor", "keras.saving"),
    "typespec": crafted.dense(
        spec={"class_name": "__typespec__", "spec_name": "X", "module": "os", "config": []}
    ),
}


@pytest.mark.parametrize("suspect", CODE.values(), ids=CODE)
def test_code_needs_allow_unsafe(
    tmp_path: pathlib.Path, suspect: dict[str, object], wording: SnapshotAssertion
) -> None:
    path = crafted.write_archive(tmp_path / "m.keras", crafted.config_with(suspect))
    with pytest.raises(RefusedError) as refusal:
        read_archive(path, custom_objects=True)
    assert "config.layers[2]" in refusal.value.what
    assert "--allow-unsafe" in str(refusal.value.fix)
    allowed = read_archive(path, allow_unsafe=True, custom_objects=True)
    assert len(allowed.unsafe) == 1
    assert allowed.unsafe[0] in refusal.value.what
    assert allowed.unsafe[0] == wording


CUSTOM = {
    "mine>Swish": crafted.layer("Swish", "layers", registered="mine>Swish"),
    "Swish": crafted.layer("Swish", None, registered="Swish"),
    "mine>Dense": crafted.layer("Dense", "keras.layers", registered="mine>Dense"),
    "my_package.blocks.Attention": crafted.layer("Attention", "my_package.blocks"),
    "math.sqrt": crafted.layer("sqrt", "math"),
    "keras_hub.layers.Dense": crafted.layer("Dense", "keras_hub.layers"),
    "Dense": {"class_name": "Dense", "config": {"units": 1}},
    "sqrt": crafted.dense(activation=_named_function("sqrt", registered_name="function")),
    "p>swirl": crafted.dense(activation=_named_function("p>swirl", registered_name="p>swirl")),
}


@pytest.mark.parametrize(("name", "suspect"), CUSTOM.items(), ids=CUSTOM)
def test_custom_classes_need_custom_objects(
    tmp_path: pathlib.Path, suspect: dict[str, object], name: str
) -> None:
    path = crafted.write_archive(tmp_path / "m.keras", crafted.config_with(suspect))
    with pytest.raises(RefusedError) as refusal:
        read_archive(path, allow_unsafe=True)
    assert refusal.value.what.endswith(f": {name}")
    assert "--custom-objects" in str(refusal.value.fix)
    assert read_archive(path, custom_objects=True).custom == (name,)


@pytest.mark.parametrize("count", [1, 2, 7])
def test_custom_classes_are_counted_and_each_is_named_once(
    tmp_path: pathlib.Path, count: int, wording: SnapshotAssertion
) -> None:
    layers = [crafted.layer(f"Own{at % count}", "mine") for at in range(14)]
    path = crafted.write_archive(tmp_path / "m.keras", crafted.config_with(*layers))
    with pytest.raises(RefusedError) as refusal:
        read_archive(path)
    assert len(read_archive(path, custom_objects=True).custom) == count
    assert crafted.refusal_text(refusal.value, tmp_path) == wording


def test_classes_that_only_training_needs_are_listed_and_not_refused(tmp_path: pathlib.Path) -> None:
    metrics = [
        crafted.layer("MyMetric", "mine"),
        LAMBDA_FUNCTION,
        crafted.layer("Unheard", "keras.losses"),
    ]
    settings = {"loss": _named_function("my_loss", registered_name="function"), "metrics": metrics}
    path = crafted.write_archive(tmp_path / "m.keras", crafted.config_with(compile_config=settings))
    archive = read_archive(path)
    assert archive.custom_compile == ("my_loss", "mine.MyMetric", "__lambda__", "keras.losses.Unheard")
    assert (archive.custom, archive.unsafe, archive.layers) == ((), (), 1)


def test_a_layer_with_code_in_the_compile_settings_is_refused(tmp_path: pathlib.Path) -> None:
    path = crafted.write_archive(
        tmp_path / "m.keras", crafted.config_with(compile_config={"loss": crafted.layer("TFSMLayer")})
    )
    with pytest.raises(RefusedError) as refusal:
        read_archive(path)
    assert "TFSMLayer 'suspect' at config.json:compile_config.loss" in refusal.value.what


def test_the_compile_settings_of_a_nested_model_are_loaded_and_so_refused(tmp_path: pathlib.Path) -> None:
    inner = crafted.valid_config() | {"compile_config": {"loss": _named_function("my_loss")}}
    with pytest.raises(RefusedError) as refusal:
        read_archive(crafted.write_archive(tmp_path / "m.keras", crafted.config_with(inner)))
    assert refusal.value.what.endswith(": my_loss")


@pytest.mark.parametrize("name", ["\x1b[31mred", "a\n::error::b", "[bold]x[]", "<b>"])
def test_a_hostile_layer_name_changes_no_verdict_and_is_shown_escaped(
    tmp_path: pathlib.Path, name: str
) -> None:
    read_archive(
        crafted.write_archive(tmp_path / "fine.keras", crafted.config_with(crafted.dense(name=name)))
    )
    with pytest.raises(RefusedError) as refusal:
        read_archive(
            crafted.write_archive(
                tmp_path / "bad.keras", crafted.config_with(crafted.layer("Lambda", name=name))
            )
        )
    assert "\x1b" not in str(refusal.value)
    assert "\n" not in refusal.value.what


def test_a_file_without_read_permission_is_a_wrong_call(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, wording: SnapshotAssertion
) -> None:
    path = crafted.write_archive(tmp_path / "m.keras")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(pathlib.Path, "open", refuse)
    with pytest.raises(UsageError) as refusal:
        read_archive(path)
    assert crafted.refusal_text(refusal.value, tmp_path) == wording
