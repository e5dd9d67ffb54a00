"""read_archive: what an honest archive yields, and which flag lets what pass. Nothing here imports Keras."""

from __future__ import annotations

import hashlib
import os
import pathlib
import subprocess
import sys
import zipfile

import pytest

from keras_consistency_cli.errors import RefusedError, UsageError
from keras_consistency_cli.loading.model_file.archive import Archive, read_archive
from keras_consistency_cli.loading.model_file.weights import WeightFact
from tests.helpers import crafted_archives as crafted


def test_an_honest_archive_is_read_whole(tmp_path: pathlib.Path) -> None:
    path = crafted.write_archive(tmp_path / "m.keras")
    data = path.read_bytes()
    assert read_archive(path) == Archive(
        path=str(path),
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        keras_version="3.15.1",
        saved_on="2025-01-02@03:04:05",
        backend="",
        config=crafted.honest_config(),
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


CODE = [
    (
        crafted.layer("Lambda", function={"class_name": "__lambda__", "config": {"value": "4wEAAA=="}}),
        "keras.layers.Lambda 'suspect'",
    ),
    (
        crafted.layer("Lambda", function={"class_name": "function", "module": "builtins", "config": "relu"}),
        "holds Python code",
    ),
    (
        crafted.layer("Lambda", "keras.src.layers.core.lambda_layer"),
        "keras.src.layers.core.lambda_layer.Lambda",
    ),
    (crafted.layer("TFSMLayer", filepath="/elsewhere"), "TensorFlow SavedModel"),
    (crafted.layer("TorchModuleWrapper", module_="x"), "PyTorch"),
    (crafted.layer("WhileLoop", "keras.src.ops.core"), "calls a function"),
    (
        crafted.layer("StringLookup", vocabulary="/etc/passwd"),
        "reads its vocabulary from the file '/etc/passwd'",
    ),
    (crafted.dense(activation={"class_name": "__lambda__", "config": {"value": "4wEAAA=="}}), "__lambda__"),
    (
        crafted.dense(activation={"class_name": "function", "module": "keras.utils", "config": "get_file"}),
        "keras.utils.get_file",
    ),
    (
        crafted.dense(
            activation={"class_name": "function", "module": "keras.config", "config": "set_epsilon"}
        ),
        "keras.config.set_epsilon",
    ),
    (
        crafted.layer("KerasFileEditor", "keras.saving"),
        "is not a class or function of Keras that a model may name",
    ),
    (
        crafted.dense(spec={"class_name": "__typespec__", "spec_name": "X", "module": "os", "config": []}),
        "__typespec__",
    ),
]


@pytest.mark.parametrize(
    ("culprit", "words"), CODE, ids=lambda value: value if isinstance(value, str) else ""
)
def test_code_needs_allow_unsafe(tmp_path: pathlib.Path, culprit: dict[str, object], words: str) -> None:
    path = crafted.write_archive(tmp_path / "m.keras", crafted.config_with(culprit))
    with pytest.raises(RefusedError) as refusal:
        read_archive(path, custom_objects=True)
    assert words in refusal.value.what
    assert "config.layers[2]" in refusal.value.what
    assert "--allow-unsafe" in str(refusal.value.fix)
    allowed = read_archive(path, allow_unsafe=True, custom_objects=True)
    assert len(allowed.unsafe) == 1
    assert words in allowed.unsafe[0]


CUSTOM = [
    (crafted.layer("Swish", "layers", registered="mine>Swish"), "mine>Swish"),
    (crafted.layer("Swish", None, registered="Swish"), "Swish"),
    (crafted.layer("Dense", "keras.layers", registered="mine>Dense"), "mine>Dense"),
    (crafted.layer("Attention", "my_package.blocks"), "my_package.blocks.Attention"),
    (crafted.layer("system", "os"), "os.system"),
    (crafted.layer("Dense", "keras_hub.layers"), "keras_hub.layers.Dense"),
    ({"class_name": "Dense", "config": {"units": 1}}, "Dense"),
    (
        crafted.dense(
            activation={
                "class_name": "function",
                "module": "builtins",
                "config": "eval",
                "registered_name": "function",
            }
        ),
        "eval",
    ),
    (
        crafted.dense(
            activation={
                "class_name": "function",
                "module": "builtins",
                "config": "p>swirl",
                "registered_name": "p>swirl",
            }
        ),
        "p>swirl",
    ),
]


@pytest.mark.parametrize(("culprit", "name"), CUSTOM, ids=[name for _, name in CUSTOM])
def test_custom_classes_need_custom_objects(
    tmp_path: pathlib.Path, culprit: dict[str, object], name: str
) -> None:
    path = crafted.write_archive(tmp_path / "m.keras", crafted.config_with(culprit))
    with pytest.raises(RefusedError) as refusal:
        read_archive(path, allow_unsafe=True)
    assert (
        refusal.value.what
        == f"{path}: the model (saved with Keras 3.15.1) needs code that Keras does not have: {name}"
    )
    assert "--custom-objects layers.py" in str(refusal.value.fix)
    assert read_archive(path, custom_objects=True).custom == (name,)


def test_many_custom_classes_are_counted_and_each_named_once(tmp_path: pathlib.Path) -> None:
    layers = [crafted.layer(f"Own{at % 7}", "mine") for at in range(14)]
    with pytest.raises(
        RefusedError, match=r"needs 7 pieces of code .*mine\.Own0, mine\.Own1, .*, and 2 more\n"
    ):
        read_archive(crafted.write_archive(tmp_path / "m.keras", crafted.config_with(*layers)))


def test_what_only_training_needs_is_listed_and_not_refused(tmp_path: pathlib.Path) -> None:
    own_loss = {
        "class_name": "function",
        "module": "builtins",
        "config": "my_loss",
        "registered_name": "function",
    }
    metrics = [
        crafted.layer("MyMetric", "mine"),
        {"class_name": "__lambda__", "config": {"value": "4wEAAA=="}},
        crafted.layer("Unheard", "keras.losses"),
    ]
    path = crafted.write_archive(
        tmp_path / "m.keras", crafted.config_with(compile_config={"loss": own_loss, "metrics": metrics})
    )
    archive = read_archive(path)
    assert archive.custom_compile == ("my_loss", "mine.MyMetric", "__lambda__", "keras.losses.Unheard")
    assert (archive.custom, archive.unsafe, archive.layers) == ((), (), 1)


def test_a_layer_with_code_does_not_hide_in_the_compile_settings(tmp_path: pathlib.Path) -> None:
    path = crafted.write_archive(
        tmp_path / "m.keras", crafted.config_with(compile_config={"loss": crafted.layer("TFSMLayer")})
    )
    with pytest.raises(RefusedError, match=r"TFSMLayer 'suspect' at config\.json:compile_config\.loss"):
        read_archive(path)


def test_the_compile_settings_of_a_model_inside_are_loaded_and_so_refused(tmp_path: pathlib.Path) -> None:
    inner = crafted.honest_config() | {
        "compile_config": {"loss": {"class_name": "function", "module": "builtins", "config": "my_loss"}}
    }
    with pytest.raises(RefusedError, match="does not have: my_loss"):
        read_archive(crafted.write_archive(tmp_path / "m.keras", crafted.config_with(inner)))


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


def test_a_missing_file_names_the_one_that_was_meant(tmp_path: pathlib.Path) -> None:
    crafted.write_archive(tmp_path / "model.keras")
    with pytest.raises(UsageError, match=r"there is no such file \(did you mean 'model\.keras'\?\)"):
        read_archive(tmp_path / "modle.keras")
    with pytest.raises(UsageError) as refusal:
        read_archive(tmp_path / "z")
    assert refusal.value.fix == "there are model.keras"


@pytest.mark.parametrize("path", ["nowhere/m.keras", "file.txt/m.keras", "zero\x00byte.keras"])
def test_a_path_that_cannot_exist_is_missing(tmp_path: pathlib.Path, path: str) -> None:
    (tmp_path / "file.txt").write_text("x")
    with pytest.raises(UsageError, match="there is no such file"):
        read_archive(tmp_path / path)


def test_a_directory_is_a_wrong_call(tmp_path: pathlib.Path) -> None:
    with pytest.raises(UsageError, match=r"x\.keras: is a directory\n"):
        read_archive(_folder(tmp_path / "x.keras"))
    saved = _folder(tmp_path / "saved")
    (saved / "saved_model.pb").touch()
    with pytest.raises(UsageError, match="TensorFlow SavedModel"):
        read_archive(saved)


def _folder(path: pathlib.Path) -> pathlib.Path:
    path.mkdir()
    return path


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_a_pipe_is_not_waited_for(tmp_path: pathlib.Path) -> None:
    os.mkfifo(tmp_path / "m.keras")
    with pytest.raises(UsageError, match="not a regular file"):
        read_archive(tmp_path / "m.keras")


def test_a_file_that_may_not_be_read_is_a_wrong_call(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = crafted.write_archive(tmp_path / "m.keras")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(pathlib.Path, "open", refuse)
    with pytest.raises(UsageError) as refusal:
        read_archive(path)
    assert (
        str(refusal.value)
        == f"{path}: cannot be read (Permission denied)\nexpected: a .keras file that you may read"
    )
