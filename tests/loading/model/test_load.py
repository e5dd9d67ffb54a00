"""Loading the live model: as a server would, with remarks, refusals in one line, and the user's own classes."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from keras_consistency_cli.errors import NoVerdictError, RefusedError, UsageError
from keras_consistency_cli.loading.model.load import check_unchanged, import_custom_objects, load_model

TRIPLE = """
import keras
from keras import layers

LIMIT = 3

def squash(x):
    return keras.ops.tanh(x)

@keras.saving.register_keras_serializable(package="mine")
class Triple(layers.Layer):
    def call(self, inputs):
        return inputs * 3.0

class Plain(layers.Layer):
    def call(self, inputs):
        return inputs + 1.0
"""


def save(path: Path, *parts: layers.Layer, compiled: dict[str, object] | None = None) -> Path:
    """Save a Sequential model of these layers."""
    model = keras.Sequential([keras.Input((3,)), *parts])
    if compiled:
        model.compile(**compiled)
    model.save(path)
    return path


def test_a_model_comes_back_with_its_bits(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    model.compile("sgd", "mse")
    model.optimizer.build(model.trainable_variables)
    model.save(tmp_path / "m.keras")
    loaded, notes = load_model(tmp_path / "m.keras", known={})
    rows = np.ones((4, 3), "float32")
    assert notes == ()
    assert loaded.loss == "mse"
    assert np.array_equal(loaded.predict(rows, verbose=0), model.predict(rows, verbose=0))


def test_compile_settings_are_left_out_on_request(tmp_path: Path) -> None:
    loaded, notes = load_model(
        save(tmp_path / "m.keras", layers.Dense(1), compiled={"loss": "mse"}), known={}, compiled=False
    )
    assert (loaded.compiled, notes) == (False, ())


def test_compile_settings_that_cannot_be_restored_cost_a_remark_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(tmp_path / "m.keras", layers.Dense(1))
    real = keras.models.load_model

    def fragile(*args: object, compile: bool, **kwargs: object) -> object:
        if compile:
            raise TypeError("no such\nloss")
        return real(*args, compile=compile, **kwargs)

    monkeypatch.setattr(keras.models, "load_model", fragile)
    loaded, notes = load_model(path, known={})
    assert notes == ("loaded with compile=False: no such\\x0aloss",)
    assert loaded.compiled is False


def test_the_users_classes_and_functions_are_known_by_name(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(TRIPLE)
    known = import_custom_objects([tmp_path / "mine.py"])
    assert set(known) == {"squash", "Triple", "Plain"}
    path = save(tmp_path / "m.keras", known["Triple"](), known["Plain"](), layers.Activation(known["squash"]))
    loaded, _ = load_model(path, known=known)
    np.testing.assert_allclose(
        loaded(np.full((1, 3), 0.1, "float32")), np.tanh(np.full((1, 3), 1.3)), rtol=1e-5
    )


def test_several_files_do_not_shadow_each_other(tmp_path: Path) -> None:
    for name, value in (("a", 1), ("b", 2)):
        (tmp_path / f"{name}.py").write_text(f"def {name}():\n    return {value}\n")
    known = import_custom_objects([tmp_path / "a.py", tmp_path / "b.py"])
    assert (known["a"](), known["b"]()) == (1, 2)


def test_a_file_finds_its_neighbours_and_shadows_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "neighbour_of_mine.py").write_text("FACTOR = 4\n")
    (tmp_path / "colorsys.py").write_text("raise RuntimeError('shadowed')\n")
    (tmp_path / "mine.py").write_text(
        "import colorsys\nfrom neighbour_of_mine import FACTOR\ndef factor():\n    return FACTOR\n"
    )
    assert import_custom_objects([tmp_path / "mine.py"])["factor"]() == 4


def test_what_keras_cannot_rebuild_is_refused_on_one_line(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import keras\nclass Lost(keras.layers.Layer):\n    def call(self, x):\n        return x\n"
    )
    path = save(tmp_path / "m.keras", import_custom_objects([tmp_path / "mine.py"])["Lost"]())
    sys.modules.pop("kcheck_custom_objects_0")
    with pytest.raises(RefusedError) as refusal:
        load_model(path, known={})
    assert "cannot be loaded: TypeError: Could not locate class 'Lost'" in refusal.value.what
    assert len(str(refusal.value).splitlines()) == 2
    assert "--custom-objects" in str(refusal.value.fix)


def test_lambda_is_rebuilt_only_where_it_is_trusted(tmp_path: Path) -> None:
    path = save(tmp_path / "m.keras", layers.Lambda(lambda x: x * 2.0))
    with pytest.raises(RefusedError, match="cannot be loaded"):
        load_model(path, known={})
    loaded, _ = load_model(path, known={}, allow_unsafe=True)
    assert np.array_equal(loaded(np.ones((1, 3), "float32")), [[2.0, 2.0, 2.0]])


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("layers.txt", "", "is not a Python file"),
        ("bad.py", "def (", "cannot be imported: SyntaxError"),
        ("fails.py", "raise RuntimeError('no\\nway')", r"cannot be imported: RuntimeError: no\\x0away"),
        (
            "exits.py",
            "import nothing_of_this_name",
            "cannot be imported: ModuleNotFoundError: No module named 'nothing_of_this_name'",
        ),
    ],
)
def test_files_that_cannot_be_imported_are_told(name: str, content: str, words: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(UsageError, match=words) as told:
        import_custom_objects([tmp_path / name])
    assert name in told.value.what


@pytest.mark.parametrize(
    "problem", [MemoryError(), type("ResourceExhaustedError", (Exception,), {})("OOM when allocating tensor")]
)
def test_a_model_that_asks_for_too_much_memory_gives_no_verdict(
    monkeypatch: pytest.MonkeyPatch, problem: Exception
) -> None:
    tries = []

    def exhausted(*_: object, **__: object) -> None:
        tries.append(1)
        raise problem

    monkeypatch.setattr(keras.models, "load_model", exhausted)
    with pytest.raises(
        NoVerdictError, match=r"m\.keras cannot be loaded: it asks for more memory than there is"
    ):
        load_model(Path("m.keras"), known={})
    assert tries == [1], "a second try would take as long again"


def test_a_file_that_was_swapped_after_it_was_checked_is_not_loaded(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    path.write_bytes(b"harmless")
    checked = hashlib.sha256(b"harmless").hexdigest()
    check_unchanged(path, checked)
    check_unchanged(path, "")
    path.write_bytes(b"something else")
    with pytest.raises(RefusedError, match="was changed between being checked and being loaded"):
        check_unchanged(path, checked)
