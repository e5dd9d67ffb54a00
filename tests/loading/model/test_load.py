"""load_model: notes for the report, refusals on one line, and custom classes."""

from __future__ import annotations

import hashlib
import sys
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.errors import NoVerdictError, RefusedError, UsageError
from keras_consistency_cli.loading.model.load import (
    check_unchanged,
    collect_mask_warnings,
    import_custom_objects,
    load_model,
)

TRIPLE = """
import keras
from keras import layers
from syrupy.assertion import SnapshotAssertion

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


def test_a_loaded_model_has_identical_outputs(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    model.compile("sgd", "mse")
    model.optimizer.build(model.trainable_variables)
    model.save(tmp_path / "m.keras")
    loaded, failure = load_model(tmp_path / "m.keras", custom_objects={})
    rows = np.ones((4, 3), "float32")
    assert failure == ""
    assert loaded.loss == "mse"
    assert np.array_equal(loaded.predict(rows, verbose=0), model.predict(rows, verbose=0))


def test_compile_settings_are_left_out_on_request(tmp_path: Path) -> None:
    loaded, failure = load_model(
        save(tmp_path / "m.keras", layers.Dense(1), compiled={"loss": "mse"}),
        custom_objects={},
        compiled=False,
    )
    assert (loaded.compiled, failure) == (False, "")


def test_compile_settings_that_cannot_be_restored_give_a_note_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wording: SnapshotAssertion
) -> None:
    path = save(tmp_path / "m.keras", layers.Dense(1))
    real = keras.models.load_model

    def fragile(*args: object, compile: bool, **kwargs: object) -> object:
        if compile:
            raise TypeError("no such\nloss")
        return real(*args, compile=compile, **kwargs)

    monkeypatch.setattr(keras.models, "load_model", fragile)
    loaded, failure = load_model(path, custom_objects={})
    assert failure == wording
    assert loaded.compiled is False


def test_a_state_of_the_optimizer_that_does_not_fit_is_named(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    model.compile("adam", "mse")
    model.optimizer.build(list(reversed(model.trainable_variables)))
    model.save(tmp_path / "m.keras")
    loaded, failure = load_model(tmp_path / "m.keras", custom_objects={})
    assert loaded.compiled is False
    assert failure.startswith("the state of the optimizer cannot be restored: The shape of the target")


def test_classes_and_functions_of_the_user_are_found_by_name(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(TRIPLE)
    custom_objects = import_custom_objects([tmp_path / "mine.py"])
    assert set(custom_objects) == {"squash", "Triple", "Plain"}
    path = save(
        tmp_path / "m.keras",
        custom_objects["Triple"](),
        custom_objects["Plain"](),
        layers.Activation(custom_objects["squash"]),
    )
    loaded, _ = load_model(path, custom_objects=custom_objects)
    np.testing.assert_allclose(
        loaded(np.full((1, 3), 0.1, "float32")), np.tanh(np.full((1, 3), 1.3)), rtol=1e-5
    )


NARROW = """
import keras, tensorflow as tf

class Narrow(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inner = keras.layers.Dense(3)
    def build(self, shape):
        self.inner.build(shape)
    def call(self, inputs):
        return tf.add(inputs, self.inner(inputs))
"""


def test_the_advice_for_given_code_is_not_to_give_it(tmp_path: Path, wording: SnapshotAssertion) -> None:
    (tmp_path / "mine.py").write_text(NARROW)
    custom_objects = import_custom_objects([tmp_path / "mine.py"])
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        path = save(tmp_path / "m.keras", custom_objects["Narrow"]())
    finally:
        keras.config.set_dtype_policy("float32")
    with pytest.raises(RefusedError) as refusal:
        load_model(path, custom_objects=custom_objects)
    assert "bfloat16" in refusal.value.what
    assert refusal.value.fix == wording
    (tmp_path / "mine.py").write_text(NARROW.replace("Dense(3)", "Dense(3, dtype=self.dtype_policy)"))
    load_model(path, custom_objects=import_custom_objects([tmp_path / "mine.py"]))


def test_several_files_do_not_shadow_each_other(tmp_path: Path) -> None:
    for name, value in (("a", 1), ("b", 2)):
        (tmp_path / f"{name}.py").write_text(f"def {name}():\n    return {value}\n")
    custom_objects = import_custom_objects([tmp_path / "a.py", tmp_path / "b.py"])
    assert (custom_objects["a"](), custom_objects["b"]()) == (1, 2)


def test_a_file_imports_from_its_folder_and_shadows_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "neighbour_of_mine.py").write_text("FACTOR = 4\n")
    (tmp_path / "colorsys.py").write_text("raise RuntimeError('shadowed')\n")
    (tmp_path / "mine.py").write_text(
        "import colorsys\nfrom neighbour_of_mine import FACTOR\ndef factor():\n    return FACTOR\n"
    )
    assert import_custom_objects([tmp_path / "mine.py"])["factor"]() == 4


def test_a_model_that_keras_cannot_rebuild_is_refused_on_one_line(
    tmp_path: Path, wording: SnapshotAssertion
) -> None:
    (tmp_path / "mine.py").write_text(
        "import keras\nclass Lost(keras.layers.Layer):\n    def call(self, x):\n        return x\n"
    )
    path = save(tmp_path / "m.keras", import_custom_objects([tmp_path / "mine.py"])["Lost"]())
    sys.modules.pop("kcheck_custom_objects_0")
    with pytest.raises(RefusedError) as refusal:
        load_model(path, custom_objects={})
    assert "Could not locate class 'Lost'" in refusal.value.what
    assert len(str(refusal.value).splitlines()) == 2
    assert "--custom-objects" in str(refusal.value.fix)
    # Keras's own text differs by version.
    assert [
        refusal.value.what.partition("Could")[0].replace(f"{tmp_path}/", ""),
        refusal.value.fix,
    ] == wording


def test_a_lambda_is_rebuilt_only_if_it_is_trusted(tmp_path: Path) -> None:
    path = save(tmp_path / "m.keras", layers.Lambda(lambda x: x * 2.0))
    with pytest.raises(RefusedError) as refusal:
        load_model(path, custom_objects={})
    assert "--custom-objects" in str(refusal.value.fix)
    loaded, _ = load_model(path, custom_objects={}, allow_unsafe=True)
    assert np.array_equal(loaded(np.ones((1, 3), "float32")), [[2.0, 2.0, 2.0]])


FILES_THAT_FAIL = {
    "not-python": ("layers.txt", ""),
    "syntax": ("bad.py", "def ("),
    "raises": ("fails.py", "raise RuntimeError('no\\nway')"),
    "missing-module": ("exits.py", "import nothing_of_this_name"),
}


@pytest.mark.parametrize(("name", "content"), FILES_THAT_FAIL.values(), ids=FILES_THAT_FAIL)
def test_a_file_that_cannot_be_imported_is_named(
    name: str, content: str, tmp_path: Path, wording: SnapshotAssertion
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(UsageError) as refusal:
        import_custom_objects([tmp_path / name])
    assert name in refusal.value.what
    text = str(refusal.value).replace(f"{tmp_path}/", "")
    # Python's text on the syntax differs by version.
    assert text.partition("SyntaxError: ")[0] == wording


@pytest.mark.parametrize(
    "problem",
    [MemoryError(), type("ResourceExhaustedError", (Exception,), {})("OOM when allocating tensor")],
    ids=["python", "tensorflow"],
)
def test_a_model_that_needs_too_much_memory_gives_no_verdict(
    monkeypatch: pytest.MonkeyPatch, problem: Exception, wording: SnapshotAssertion
) -> None:
    tries = []

    def exhausted(*_: object, **__: object) -> None:
        tries.append(1)
        raise problem

    monkeypatch.setattr(keras.models, "load_model", exhausted)
    with pytest.raises(NoVerdictError) as refusal:
        load_model(Path("m.keras"), custom_objects={})
    assert str(refusal.value) == wording
    assert tries == [1], "a second try would take as long again"


def test_a_file_that_was_replaced_after_the_check_is_not_loaded(
    tmp_path: Path, wording: SnapshotAssertion
) -> None:
    path = tmp_path / "m.keras"
    path.write_bytes(b"harmless")
    checked = hashlib.sha256(b"harmless").hexdigest()
    check_unchanged(path, checked)
    check_unchanged(path, "")
    path.write_bytes(b"something else")
    with pytest.raises(RefusedError) as refusal:
        check_unchanged(path, checked)
    assert str(refusal.value).replace(f"{tmp_path}/", "") == wording


def test_layers_are_collected_of_which_keras_warns_that_they_destroy_the_mask(tmp_path: Path) -> None:
    pool = keras.layers.GlobalMaxPooling1D(name="peak")
    with pytest.warns(UserWarning, match="destroy the mask"):
        keras.Sequential([keras.Input((4, 2)), keras.layers.Masking(), pool]).save(tmp_path / "m.keras")
    with collect_mask_warnings() as destroyed:
        load_model(tmp_path / "m.keras", custom_objects={})
    assert destroyed == ["peak"]


def test_other_warnings_pass_while_mask_warnings_are_collected() -> None:
    with pytest.warns(UserWarning, match="something else"), collect_mask_warnings() as destroyed:
        warnings.warn("something else", UserWarning, stacklevel=1)
    assert destroyed == []
